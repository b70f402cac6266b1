"""Verbs that carry out a study and say where it stands."""

from __future__ import annotations

import shlex
import sys
from dataclasses import asdict
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
def demo(
    overrides: Overrides = None,
    runs_dir: RunsDir = RUNS,
    tracking_uri: TrackingUri = None,
    address: Address = None,
    store: StoreAt = None,
) -> None:
    """Run a whole study in a few minutes: search, rerun over seeds, plateaus, report."""
    run("demo", overrides, runs_dir, tracking_uri, address, store)


@app.command()
def plan(
    study: StudyName,
    overrides: Overrides = None,
    slots: Annotated[
        int | None,
        typer.Option(min=1, help="Packs trained at a time.", show_default="as many as fit here"),
    ] = None,
    runs_dir: RunsDir = RUNS,
    store: StoreAt = None,
    as_json: AsJson = False,
    plugins: Plugins = None,
) -> None:
    """Estimate a study's time, memory, disk space and cost, by training some packs briefly."""
    load(plugins)
    from rich.console import Console

    from sweeps.execution.crowded import crowded_in_words
    from sweeps.execution.estimate import plan_study
    from sweeps.execution.machines import pack_slots, this_machine
    from sweeps.execution.sizing import refuse_too_large
    from sweeps.store.address import below
    from sweeps.store.locate import study_to_run

    found = study_to_run(study, overrides or [], runs_dir, store)
    machines = [this_machine(with_gpus=found.resources.gpus > 0)]
    room = pack_slots(found.resources, machines)
    models = refuse_too_large(found, machines, below(store or str(runs_dir.absolute()), found.name))
    if crowded := crowded_in_words():
        typer.echo(f"{crowded}: packs take longer now, so that the estimate is too long", err=True)
    with Console(stderr=True).status("looking ahead") as shown:
        estimate = plan_study(found, models, slots or sum(room), shown.update)
    if as_json:
        print_json(asdict(estimate))
        return
    typer.echo(f"{found.name}: {estimate.size_in_words}")
    typer.echo(estimate.time_in_words)


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
    """Run a study; the same command again does what is missing."""
    from sweeps.process.interrupts import INTERRUPTED, Interrupts
    from sweeps.tracking.tracking_address import masked

    again = shlex.join(["pinn-sweep", *map(masked, sys.argv[1:])])
    how_to_go_on = f"interrupted; committed runs are kept. To continue: {again}"
    try:
        with Interrupts(how_to_go_on) as interrupts:
            from sweeps.store.locate import study_to_run

            load(plugins)
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
    """Show where a study stands: what is done, and the best run so far."""
    load(plugins)
    from rich.console import Console

    from sweeps.display.status import status_table, study_status
    from sweeps.store.locate import study_that_ran

    found, folder = study_that_ran(study, runs_dir, store)
    state = study_status(found, folder)
    if as_json:
        print_json(asdict(state))
        return
    Console(highlight=False).print(status_table(state, found.search.metric))
    typer.echo(f"running: {state.running}" if state.running else "no command is working on it now")
    if not state.complete and not state.running:
        typer.echo(f"to continue: {folder.command('run')}")
