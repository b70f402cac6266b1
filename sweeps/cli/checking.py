"""Verbs that check: a study's store, a run, the machines."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from sweeps.cli.command import app, load, print_json
from sweeps.cli.options import (
    RUNS,
    Address,
    AsJson,
    Overrides,
    Plugins,
    RunsDir,
    StoreAt,
    StudyName,
    TrackingUri,
)


@app.command()
def verify(
    study: StudyName,
    runs_dir: RunsDir = RUNS,
    store: StoreAt = None,
    tracking_uri: TrackingUri = None,
    as_json: AsJson = False,
    plugins: Plugins = None,
) -> None:
    """Prove that no run is lost, duplicated, swapped or altered; exit code 1 otherwise."""
    load(plugins)
    from rich.console import Console

    from analysis.wording import count
    from sweeps.checking.verify import verify as find_problems
    from sweeps.search.planned import planned_ids
    from sweeps.store.locate import study_that_ran
    from sweeps.store.results import Results
    from sweeps.store.store import Store
    from sweeps.tracking.read_only import check_reading
    from sweeps.tracking.tracking import default_tracking_uri

    found, folder = study_that_ran(study, runs_dir, store)
    uri = tracking_uri or default_tracking_uri(runs_dir)
    check_reading(uri, named=tracking_uri is not None)
    trajectories = Store(folder.store)
    results = Results.sound(trajectories, found.metric, folder.passed_over)
    planned = planned_ids(found, trajectories, results)
    with Console(stderr=True).status("reading the runs") as shown:
        verification = find_problems(
            found,
            trajectories,
            planned,
            uri,
            lambda done, runs: shown.update(f"first steps of {done} of {runs} runs made again"),
        )
    findings = verification.findings
    if as_json:
        print_json(asdict(verification))
    else:
        for finding in findings:
            typer.echo(f"{finding.name}: {finding.run_id or 'study'}: {finding.message}")
        for manner, runs in verification.replayed.items():
            typer.echo(f"{runs} runs {manner}")
        if verification.mlflow_left_out:
            typer.echo(f"MLflow was left out: {verification.mlflow_left_out}")
        verdict = count(len(findings), "problem") if findings else "all is well"
        typer.echo(f"{len(trajectories.committed())} committed runs: {verdict}")
    raise typer.Exit(1 if findings else 0)


@app.command()
def replay(
    study: StudyName,
    run_id: Annotated[str, typer.Argument(metavar="RUN", help="A run's id, or its beginning.")],
    step: Annotated[int, typer.Option(help="The number of updates.")],
    output: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE", help="Where to put the parameters.", show_default="in the study"
        ),
    ] = None,
    runs_dir: RunsDir = RUNS,
    store: StoreAt = None,
    plugins: Plugins = None,
) -> None:
    """Retrain a run up to a step, for its parameters there; exit code 1 if it differs."""
    load(plugins)
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
def doctor(
    study: Annotated[str | None, typer.Argument(help="Also check that it fits.")] = None,
    overrides: Overrides = None,
    runs_dir: RunsDir = RUNS,
    tracking_uri: TrackingUri = None,
    address: Address = None,
    store: StoreAt = None,
    as_json: AsJson = False,
    plugins: Plugins = None,
) -> None:
    """Check this machine and, with an address, every node of a cluster; exit code 2 if any fails.

    Versions, cores, GPUs, memory, disk, write access, clocks, the store, the tracking address, and
    what makes the training steps on the CPU: backend, compiler, cache.
    """
    from itertools import chain

    from sweeps.checking.doctor import duration, examine, room, size
    from sweeps.checking.doctor_backend import examine_backend
    from sweeps.checking.doctor_cluster import examine_cluster
    from sweeps.execution.machines import this_machine
    from sweeps.store.address import below
    from sweeps.store.locate import study_to_run
    from sweeps.tracking.tracking import default_tracking_uri

    load(plugins)
    found = study_to_run(study, overrides or [], runs_dir, store) if study else None
    here = examine(runs_dir.absolute(), tracking_uri or default_tracking_uri(runs_dir), store)
    root = store or str(runs_dir.absolute())
    machines = [this_machine(with_gpus=True)]
    if address:
        further = examine_cluster(address, root, found)
    elif found:
        sized = size(found, machines, below(root, found.name))
        further = chain([room(found, machines), sized], duration(found, machines))
    else:
        further = iter(())
    checks = []
    for check in chain(here, examine_backend(), further):
        checks.append(check)
        if not as_json:
            advice = f" ({check.advice})" if check.advice and not check.ok else ""
            typer.echo(f"{'ok ' if check.ok else 'BAD'}  {check.name}: {check.found}{advice}")
    if as_json:
        print_json([asdict(check) for check in checks])
    raise typer.Exit(0 if all(check.ok for check in checks) else 2)
