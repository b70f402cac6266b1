"""The arguments and options that several verbs have."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

RUNS = Path("runs")


def complete_study(ctx: typer.Context, incomplete: str) -> list[str]:
    """What a shell may complete a study's name to."""
    from sweeps.store.locate import studies_in
    from sweeps.study.study_file import shipped_studies

    files = [str(file) for file in Path().glob("*.yaml")]
    names = [
        *shipped_studies(),
        *studies_in(Path(ctx.params.get("runs_dir") or RUNS)),
        *files,
    ]
    return sorted({name for name in names if name.startswith(incomplete)})


StudyName = Annotated[
    str,
    typer.Argument(
        metavar="STUDY",
        help="A study file, a shipped study, or one that has run.",
        autocompletion=complete_study,
    ),
]
Overrides = Annotated[
    list[str] | None,
    typer.Argument(metavar="[KEY=VALUE]...", help="Keys to change, such as search.runs=200."),
]
RunsDir = Annotated[
    Path,
    typer.Option(envvar="PINN_SWEEP_RUNS", help="The folder that holds a folder for each study."),
]
StoreAt = Annotated[
    str | None,
    typer.Option(
        "--store",
        envvar="PINN_SWEEP_STORE",
        metavar="FOLDER|s3://BUCKET/PREFIX",
        help="Where trajectories and manifests go; all machines must reach it.",
        show_default="RUNS",
    ),
]
TrackingUri = Annotated[
    str | None,
    typer.Option(
        envvar="MLFLOW_TRACKING_URI", help="MLflow's address.", show_default="RUNS/mlflow.db"
    ),
]
Address = Annotated[
    str | None,
    typer.Option(envvar="RAY_ADDRESS", help="A Ray cluster.", show_default="this machine"),
]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON.")]
Port = Annotated[int, typer.Option(min=1, max=65535, help="The port, on this machine only.")]
Family = Annotated[
    str | None,
    typer.Argument(
        metavar="FAMILY",
        help="problems, networks, optimizers, ... or studies; left out: all of these.",
    ),
]
Plugins = Annotated[
    list[str] | None,
    typer.Option(
        "--plugin",
        metavar="FILE.py|MODULE",
        help="A file or module with parts of your own; repeat the option for several.",
    ),
]
