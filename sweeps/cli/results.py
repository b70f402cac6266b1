"""Verbs for what a study has left."""

from __future__ import annotations

from typing import Annotated

import typer

from sweeps.cli.command import app, load
from sweeps.cli.options import RUNS, Plugins, Port, RunsDir, StoreAt, StudyName, TrackingUri


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
    load(plugins)
    from sweeps.display.reporting import write_report_of
    from sweeps.store.locate import study_that_ran

    found, folder = study_that_ran(study, runs_dir, store)
    page = write_report_of(found, folder, missing={}, animated=animate)
    typer.echo(f"report: {page}")


@app.command()
def sync(
    study: StudyName,
    runs_dir: RunsDir = RUNS,
    store: StoreAt = None,
    tracking_uri: TrackingUri = None,
    plugins: Plugins = None,
) -> None:
    """Write every run of the store that MLflow lacks; a second time changes nothing."""
    load(plugins)
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
def ui(
    study: StudyName,
    runs_dir: RunsDir = RUNS,
    store: StoreAt = None,
    tracking_uri: TrackingUri = None,
    port: Port = 5000,
    plugins: Plugins = None,
) -> None:
    """Serve MLflow's pages on a study, on this machine, until Ctrl-C."""
    load(plugins)
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
