"""The command line: ``pinn-sweep``. Everything heavy is imported by the verb that needs it."""

from __future__ import annotations

import json
import logging
import os
import shlex
import sys
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any

import typer
from typer.core import TyperGroup

from sweeps.errors import StudyError
from sweeps.store.writing import CannotWrite


class Verbs(TyperGroup):
    """Reports why a request cannot be met, without a traceback; exit code 2, or 1.

    It is 1 where the system does not let us write: then the same command again may do.
    """

    def invoke(self, ctx: Any) -> Any:  # noqa: ANN401
        """Run the verb."""
        try:
            return super().invoke(ctx)
        except StudyError as error:
            typer.echo(f"pinn-sweep: {error}", err=True)
            raise typer.Exit(2) from None
        except CannotWrite as error:
            typer.echo(f"pinn-sweep: {error}", err=True)
            raise typer.Exit(1) from None


app = typer.Typer(
    cls=Verbs,
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    help="Hyperparameter studies of physics-informed neural networks: many small trainings, "
    "every trajectory kept, plateaus compared over seeds.",
)

StudyName = Annotated[
    str, typer.Argument(metavar="STUDY", help="A study file, a shipped study, or one that has run.")
]
Overrides = Annotated[
    list[str] | None,
    typer.Argument(metavar="[KEY=VALUE]...", help="Changes, such as search.runs=200."),
]
RunsDir = Annotated[
    Path,
    typer.Option(envvar="PINN_SWEEP_RUNS", help="The folder with a folder for each study."),
]
StoreAt = Annotated[
    str | None,
    typer.Option(
        "--store",
        envvar="PINN_SWEEP_STORE",
        metavar="FOLDER|s3://BUCKET/PREFIX",
        help="What cannot be rebuilt lies there, where all machines reach it. [default: RUNS]",
    ),
]
TrackingUri = Annotated[
    str | None,
    typer.Option(envvar="MLFLOW_TRACKING_URI", help="MLflow's address. [default: RUNS/mlflow.db]"),
]
Address = Annotated[
    str | None,
    typer.Option(envvar="RAY_ADDRESS", help="A Ray cluster. [default: this machine]"),
]
AsJson = Annotated[bool, typer.Option("--json", help="Answer in JSON.")]
Port = Annotated[int, typer.Option(min=1, max=65535, help="On this machine only.")]
Family = Annotated[
    str,
    typer.Argument(
        metavar="FAMILY",
        help="problems, networks, optimizers, ... or studies; an unknown name lists them all.",
    ),
]
Plugins = Annotated[
    list[str] | None,
    typer.Option(
        "--plugin",
        metavar="FILE.py|MODULE",
        help="Parts of one's own, as the study file names them; may be given several times.",
    ),
]
RUNS = Path("runs")


@app.command()
def demo(
    overrides: Overrides = None,
    runs_dir: RunsDir = RUNS,
    tracking_uri: TrackingUri = None,
    address: Address = None,
    store: StoreAt = None,
) -> None:
    """A whole study in a few minutes: search, rerun over seeds, plateaus, report."""
    run("demo", overrides, runs_dir, tracking_uri, address, store)


@app.command()
def run(
    study: StudyName,
    overrides: Overrides = None,
    runs_dir: RunsDir = RUNS,
    tracking_uri: TrackingUri = None,
    address: Address = None,
    store: StoreAt = None,
    plugins: Plugins = None,
) -> None:
    """Carry out a study; the same command again does what is missing."""
    from sweeps.process.interrupts import INTERRUPTED, Interrupts
    from sweeps.tracking.tracking_address import masked

    again = shlex.join(["pinn-sweep", *map(masked, sys.argv[1:])])
    how_to_go_on = f"interrupted; what is committed is kept. To go on: {again}"
    try:
        with Interrupts(how_to_go_on) as interrupts:
            from sweeps.store.locate import study_to_run

            _load(plugins)
            found = study_to_run(study, overrides or [], runs_dir, store)
            from rich.console import Console

            from sweeps.display.reporting import show_outcome
            from sweeps.execution.launch import DONE, run_study

            console = Console(highlight=False)
            code = run_study(
                found,
                runs_dir=runs_dir,
                tracking_uri=tracking_uri,
                address=address,
                console=console,
                store=store,
                interrupts=interrupts,
            )
            if code != INTERRUPTED:
                show_outcome(found, runs_dir, console, "" if code == DONE else again)
    except KeyboardInterrupt:
        code = INTERRUPTED
    if code == INTERRUPTED:
        typer.echo(how_to_go_on)
    raise typer.Exit(code)


@app.command()
def status(
    study: StudyName,
    runs_dir: RunsDir = RUNS,
    store: StoreAt = None,
    as_json: AsJson = False,
    plugins: Plugins = None,
) -> None:
    """Where a study stands: what is done, and the best so far."""
    _load(plugins)
    from rich.console import Console

    from sweeps.display.status import status_table, study_status
    from sweeps.store.locate import study_that_ran

    found, folder = study_that_ran(study, runs_dir, store)
    state = study_status(found, folder)
    if as_json:
        _print_json(asdict(state))
        return
    Console(highlight=False).print(status_table(state, found.search.metric))
    typer.echo(f"running: {state.running}" if state.running else "no command works on it now")
    if not state.complete and not state.running:
        typer.echo(f"to go on: pinn-sweep run {found.name}")


@app.command()
def verify(
    study: StudyName,
    runs_dir: RunsDir = RUNS,
    store: StoreAt = None,
    tracking_uri: TrackingUri = None,
    as_json: AsJson = False,
    plugins: Plugins = None,
) -> None:
    """Prove that nothing is lost, twice, swapped or altered; exit code 1 if anything is."""
    _load(plugins)
    from sweeps.checking.verify import verify as find_problems
    from sweeps.search.planned import planned_ids
    from sweeps.store.locate import study_that_ran
    from sweeps.store.results import Results
    from sweeps.store.store import Store
    from sweeps.tracking.tracking import check_tracking, default_tracking_uri

    found, folder = study_that_ran(study, runs_dir, store)
    uri = tracking_uri or default_tracking_uri(runs_dir)
    check_tracking(uri, thoroughly=True)
    trajectories = Store(folder.store)
    results = Results.sound(trajectories, found.metric, folder.passed_over)
    planned = planned_ids(found, trajectories, results)
    verification = find_problems(found, trajectories, planned, uri)
    findings = verification.findings
    if as_json:
        _print_json(asdict(verification))
    else:
        for finding in findings:
            typer.echo(f"{finding.name}: {finding.run_id or 'study'}: {finding.message}")
        for manner, runs in verification.replayed.items():
            typer.echo(f"{runs} runs {manner}")
        verdict = f"{len(findings)} problems" if findings else "all is well"
        typer.echo(f"{len(trajectories.committed())} committed runs: {verdict}")
    raise typer.Exit(1 if findings else 0)


@app.command()
def replay(
    study: StudyName,
    run_id: Annotated[str, typer.Argument(metavar="RUN", help="A run's id, or its beginning.")],
    step: Annotated[int, typer.Option(help="After how many updates.")],
    output: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Where to put the parameters. [default: in the study]"),
    ] = None,
    runs_dir: RunsDir = RUNS,
    store: StoreAt = None,
    plugins: Plugins = None,
) -> None:
    """Train a run again up to a step, for its parameters there; exit code 1 if it differs."""
    _load(plugins)
    from rich.console import Console

    from pinn_core.records.parameters import encoded
    from sweeps.checking.replay_run import replay_run, run_named
    from sweeps.store.folder import write_whole
    from sweeps.store.locate import study_that_ran
    from sweeps.store.store import Store

    _, folder = study_that_ran(study, runs_dir, store)
    trajectories = Store(folder.store)
    manifest = run_named(trajectories, run_id)
    name = manifest.run_id
    with Console(stderr=True).status(f"run {name}") as shown:
        replayed = replay_run(
            trajectories,
            manifest,
            step,
            folder.replays / name,
            lambda made, last: shown.update(f"run {name}: step {made} of {last}"),
        )
    typer.echo(replayed.in_words)
    if replayed.difference:
        raise typer.Exit(1)
    file = output or folder.replays / f"{name}-{step}.safetensors"
    write_whole(file, encoded({step: replayed.parameters}, name))
    typer.echo(f"parameters: {file}")


@app.command()
def sync(
    study: StudyName,
    runs_dir: RunsDir = RUNS,
    store: StoreAt = None,
    tracking_uri: TrackingUri = None,
    plugins: Plugins = None,
) -> None:
    """Write every run of the store that MLflow lacks; a second time changes nothing."""
    _load(plugins)
    from sweeps.store.locate import study_that_ran
    from sweeps.store.store import Store
    from sweeps.tracking.tracking import default_tracking_uri, masked
    from sweeps.tracking.tracking import sync as bring_up_to_date

    found, folder = study_that_ran(study, runs_dir, store)
    uri = tracking_uri or default_tracking_uri(runs_dir)
    figures = folder.report / "figures"
    synced = bring_up_to_date(found, Store(folder.store), uri, figures)
    typer.echo(f"{masked(uri)}: {synced.published} runs written, {synced.present} were there")
    if synced.moved_from:
        typer.echo(f"artifacts: their addresses led to {synced.moved_from}, and lead here now")
    for run_id, reason in synced.failed.items():
        typer.echo(f"not written: {run_id}: {reason}")
    raise typer.Exit(1 if synced.failed else 0)


@app.command()
def report(
    study: StudyName,
    runs_dir: RunsDir = RUNS,
    store: StoreAt = None,
    plugins: Plugins = None,
    animate: Annotated[
        bool, typer.Option("--animate", help="Animate the solutions, too: figures/*.gif.")
    ] = False,
) -> None:
    """Write the report anew from the runs there are."""
    _load(plugins)
    from sweeps.display.reporting import write_report_of
    from sweeps.store.locate import study_that_ran

    found, folder = study_that_ran(study, runs_dir, store)
    page = write_report_of(found, folder, missing={}, animated=animate)
    typer.echo(f"report: {page}")


@app.command()
def ui(
    study: StudyName,
    runs_dir: RunsDir = RUNS,
    store: StoreAt = None,
    tracking_uri: TrackingUri = None,
    port: Port = 5000,
    plugins: Plugins = None,
) -> None:
    """Serve MLflow's pages on a study, on this machine, until Ctrl-C."""
    _load(plugins)
    from sweeps.store.locate import study_that_ran
    from sweeps.tracking.tracking import check_tracking, default_tracking_uri, masked
    from sweeps.tracking.tracking_ui import serve

    found, _ = study_that_ran(study, runs_dir, store)
    uri = tracking_uri or default_tracking_uri(runs_dir)
    check_tracking(uri)
    if uri.startswith("http"):
        typer.echo(f"experiment {found.name} is on the MLflow server {masked(uri)}")
        return
    raise typer.Exit(serve(uri, found.name, port, typer.echo))


@app.command(name="list")
def list_(family: Family, as_json: AsJson = False, plugins: Plugins = None) -> None:
    """What a study file can name."""
    _load(plugins)
    from sweeps.display.catalogue import known

    parts = known(family)
    if as_json:
        _print_json([{"name": name, "summary": words} for name, words in parts.items()])
        return
    for name, words in parts.items():
        typer.echo(f"{name:{max(map(len, parts))}}  {words}")


@app.command()
def doctor(
    study: Annotated[str | None, typer.Argument(help="See that there is room for it.")] = None,
    overrides: Overrides = None,
    runs_dir: RunsDir = RUNS,
    tracking_uri: TrackingUri = None,
    address: Address = None,
    store: StoreAt = None,
    as_json: AsJson = False,
    plugins: Plugins = None,
) -> None:
    """Check this machine and, with an address, every node of a cluster; exit code 2 if one fails.

    Versions, cores, GPUs, memory, disk, write access, clocks, the store, the tracking address.
    """
    from itertools import chain

    from sweeps.checking.doctor import examine, room, size
    from sweeps.checking.doctor_cluster import examine_cluster
    from sweeps.execution.machines import this_machine
    from sweeps.store.address import below
    from sweeps.store.locate import study_to_run
    from sweeps.tracking.tracking import default_tracking_uri

    _load(plugins)
    found = study_to_run(study, overrides or [], runs_dir, store) if study else None
    here = examine(runs_dir.absolute(), tracking_uri or default_tracking_uri(runs_dir), store)
    root = store or str(runs_dir.absolute())
    machines = [this_machine(with_gpus=True)]
    if address:
        further = examine_cluster(address, root, found)
    elif found:
        further = iter([room(found, machines), size(found, machines, below(root, found.name))])
    else:
        further = iter(())
    checks = []
    for check in chain(here, further):
        checks.append(check)
        if not as_json:
            advice = f" ({check.advice})" if check.advice and not check.ok else ""
            typer.echo(f"{'ok ' if check.ok else 'BAD'}  {check.name}: {check.found}{advice}")
    if as_json:
        _print_json([asdict(check) for check in checks])
    raise typer.Exit(0 if all(check.ok for check in checks) else 2)


def _print_json(value: object) -> None:
    typer.echo(json.dumps(value, indent=1))


def _load(plugins: list[str] | None) -> None:
    from sweeps.study.plugins import load_plugins

    load_plugins(plugins or [], Path())


def main() -> None:
    """Run the command, and end the process as soon as it is over.

    Libraries would take two more seconds to free what the operating system frees anyway.
    """
    try:
        app()
    except SystemExit as over:
        logging.shutdown()
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(over.code if isinstance(over.code, int) else over.code is not None)
