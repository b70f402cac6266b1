"""Verbs for what there is to choose from and to read."""

from __future__ import annotations

import sys
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, TypeVar

import typer

from sweeps.cli.command import app, load, print_json
from sweeps.cli.options import RUNS, AsJson, Family, Plugins, RunsDir, StoreAt
from sweeps.errors import StudyError

T = TypeVar("T", bool, int, str)


@app.command()
def init(
    name: Annotated[str, typer.Argument(metavar="NAME", help="Name of the study and of its file.")],
    about: Annotated[
        str | None,
        typer.Option("--about", metavar="PROBLEM", help="A shipped problem.", show_default="heat"),
    ] = None,
    problem: Annotated[
        bool | None,
        typer.Option(
            "--problem/--no-problem", help="Also write a Python file for your own problem."
        ),
    ] = None,
    steps: Annotated[
        int | None, typer.Option(min=1, help="Steps of a run.", show_default="1000")
    ] = None,
    runs: Annotated[
        int | None, typer.Option(min=1, help="Runs of each search.", show_default="16")
    ] = None,
    seeds: Annotated[
        int | None, typer.Option(min=1, help="Seeds of each rerun.", show_default="5")
    ] = None,
    folder: Annotated[Path, typer.Option(help="Where the files go.")] = Path(),
) -> None:
    """Write a commented study file to start from; on a terminal it asks for what you omit."""
    from sweeps.display.starting import Beginning, begin_study

    own = _answer(problem, "A Python file for a problem of your own?", default=False)
    asked = Beginning(
        name=name,
        own=own,
        problem="heat" if own else _answer(about, "Which problem?", default="heat"),
        steps=_answer(steps, "Steps of every run?", default=1000),
        runs=_answer(runs, "Runs of each search?", default=16),
        seeds=_answer(seeds, "Seeds of the reruns?", default=5),
    )
    files = begin_study(asked, folder)
    for file in files:
        typer.echo(f"written: {file}")
    typer.echo(f"next:    pinn-sweep plan {files[0]}")


def _answer(given: T | None, question: str, default: T) -> T:
    """What was given, else the answer to the question on a terminal, else the default."""
    if given is not None:
        return given
    if not (sys.stdin.isatty() and sys.stdout.isatty()):
        return default
    if isinstance(default, bool):
        return typer.confirm(question, default=default)
    answer: T = typer.prompt(question, default=default)
    return answer


@app.command(name="list")
def list_(
    family: Family = None,
    name: Annotated[
        str | None,
        typer.Argument(
            metavar="NAME|STUDY",
            help="One of the family, in detail; for metrics a study.",
        ),
    ] = None,
    runs_dir: RunsDir = RUNS,
    store: StoreAt = None,
    as_json: AsJson = False,
    plugins: Plugins = None,
) -> None:
    """List what a study file can name, describe one of these, or say what a study records."""
    load(plugins)
    from sweeps.display.catalogue import METRICS, STUDIES

    if family == METRICS:
        _list_metrics(name, runs_dir, store, as_json=as_json)
    elif family == STUDIES and name:
        from sweeps.study.study_file import text_of

        typer.echo(text_of(name), nl=False)
    elif family and name:
        _list_one(family, name, as_json=as_json)
    else:
        _list_all(family, as_json=as_json)


@app.command()
def explain(
    topic: Annotated[
        str | None,
        typer.Argument(
            metavar="TOPIC", help="As a message names it.", show_default="list them all"
        ),
    ] = None,
) -> None:
    """What a message means and what to do: a section of docs/faq.md."""
    from sweeps.display.explaining import explained, topics

    typer.echo(explained(topic) if topic else "\n".join(topics()))


def _list_all(family: str | None, *, as_json: bool) -> None:
    from sweeps.display.catalogue import known, to_choose

    parts = known(family) if family else to_choose()
    if as_json:
        print_json([{"name": name, "summary": words} for name, words in parts.items()])
        return
    for name, words in parts.items():
        typer.echo(f"{name:{max(map(len, parts))}}  {words}")


def _list_one(family: str, name: str, *, as_json: bool) -> None:
    from sweeps.display.part import in_lines, part_named

    part = part_named(family, name)
    if as_json:
        print_json(asdict(part))
        return
    for line in in_lines(part):
        typer.echo(line)


def _list_metrics(study: str | None, runs_dir: Path, store: str | None, *, as_json: bool) -> None:
    from sweeps.display.metrics import in_lines, metrics_of
    from sweeps.store.locate import study_to_run

    if study is None:
        raise StudyError("list metrics: of which study? pinn-sweep list metrics STUDY")
    found = study_to_run(study, [], runs_dir, store)
    metrics = metrics_of(found)
    if as_json:
        print_json([asdict(metric) for metric in metrics])
        return
    for line in in_lines(metrics, len(found.models)):
        typer.echo(line)
