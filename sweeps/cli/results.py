"""Verbs for what a study has left."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import typer

from sweeps.cli.command import app, load, print_json
from sweeps.cli.options import (
    RUNS,
    AsJson,
    Plugins,
    Port,
    RunsDir,
    StoreAt,
    StudyName,
    TrackingUri,
    complete_study,
)


@app.command()
def report(
    study: StudyName,
    overrides: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="[KEY=VALUE]...",
            help="Another question, analysis or expected numbers: analysis.plateau.drop=0.3.",
        ),
    ] = None,
    runs_dir: RunsDir = RUNS,
    store: StoreAt = None,
    plugins: Plugins = None,
    animate: Annotated[
        bool, typer.Option("--animate", help="Also animate the solutions: figures/*.gif.")
    ] = False,
    watched: Annotated[
        bool, typer.Option("--watch", help="Rewrite it while runs arrive, until Ctrl-C.")
    ] = False,
) -> None:
    """Write the report again from the runs that are there; of a file, as the file reads them."""
    load(plugins)
    from sweeps.display.reporting import write_report_of
    from sweeps.search.reread import study_to_report

    found, folder = study_to_report(study, overrides or [], runs_dir, store)
    if watched:
        from sweeps.display.watching import watch

        watch(found, folder, typer.echo)
        return
    page = write_report_of(found, folder, missing={}, animated=animate)
    typer.echo(f"report: {page}")


@app.command()
def compare(
    studies: Annotated[
        list[str],
        typer.Argument(
            metavar="STUDY...",
            help="Two studies or more that ran: names, files, or folders RUNS/STUDY elsewhere.",
            autocompletion=complete_study,
        ),
    ],
    output: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE.html", help="The page.", show_default="RUNS/comparisons/A+B.html"
        ),
    ] = None,
    runs_dir: RunsDir = RUNS,
    store: StoreAt = None,
    as_json: AsJson = False,
    plugins: Plugins = None,
) -> None:
    """Compare studies: plateaus and final values of the models that they have in common."""
    load(plugins)
    from sweeps.display.comparing import comparison_of_studies, page_of, show_comparison

    comparison = comparison_of_studies(studies, runs_dir, store)
    page = comparison.write(page_of(comparison, runs_dir, output))
    if as_json:
        print_json({**comparison.found.to_json(), "page": str(page)})
        return
    from rich.console import Console

    show_comparison(comparison, Console(highlight=False))
    typer.echo(f"page: {page}")


@app.command()
def export(
    study: StudyName,
    to: Annotated[
        Literal["csv", "parquet", "json"], typer.Option(help="The format of both files.")
    ],
    curves: Annotated[
        Literal["thinned", "whole"],
        typer.Option(help="About 200 steps of each run, or every step."),
    ] = "thinned",
    output: Annotated[
        Path | None,
        typer.Option(
            metavar="FOLDER", help="Where to put them.", show_default="export in the study"
        ),
    ] = None,
    runs_dir: RunsDir = RUNS,
    store: StoreAt = None,
    plugins: Plugins = None,
) -> None:
    """Write a table of the runs and a table of their curves, for other programs."""
    load(plugins)
    from sweeps.display.exporting import export_study
    from sweeps.store.locate import study_that_ran

    found, folder = study_that_ran(study, runs_dir, store)
    for file in export_study(found, folder, output, to, curves):
        typer.echo(f"{file.stem}: {file}")


@app.command()
def sync(
    study: StudyName,
    runs_dir: RunsDir = RUNS,
    store: StoreAt = None,
    tracking_uri: TrackingUri = None,
    plugins: Plugins = None,
) -> None:
    """Copy every run that MLflow lacks from the store; repeating it changes nothing."""
    load(plugins)
    from sweeps.store.locate import study_that_ran
    from sweeps.store.store import Store
    from sweeps.tracking.tracking import default_tracking_uri, masked
    from sweeps.tracking.tracking import sync as bring_up_to_date

    found, folder = study_that_ran(study, runs_dir, store)
    uri = tracking_uri or default_tracking_uri(runs_dir)
    synced = bring_up_to_date(found, Store(folder.store), uri, folder.report)
    typer.echo(f"{masked(uri)}: {synced.published} runs written, {synced.present} already there")
    if synced.moved_from:
        typer.echo(f"artifacts: their paths pointed to {synced.moved_from} and point here now")
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
    """Serve MLflow's pages for a study, on this machine, until Ctrl-C."""
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
