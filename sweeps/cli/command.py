"""The command itself: how its verbs are run, how a refusal is said, how the process ends."""

from __future__ import annotations

import json
import logging
import os
import sys
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
            said = (f"pinn-sweep: {error}", *getattr(error, "__notes__", ()))
            typer.echo("\n".join(said), err=True)
            raise typer.Exit(2) from None
        except CannotWrite as error:
            typer.echo(f"pinn-sweep: {error}", err=True)
            raise typer.Exit(1) from None


app = typer.Typer(
    cls=Verbs,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    help="Hyperparameter studies of physics-informed neural networks: train many "
    "small networks, keep every trajectory, compare plateaus over seeds.",
)


def _say_version(asked: bool) -> None:
    if asked:
        from importlib.metadata import version

        typer.echo(f"pinn-sweep {version('pinn-sweeps')}")
        raise typer.Exit


@app.callback()
def options(
    version: Annotated[
        bool,
        typer.Option("--version", callback=_say_version, is_eager=True, help="Show the version."),
    ] = False,
) -> None:
    """What the command takes before a verb."""


def print_json(value: object) -> None:
    """Answer in JSON."""
    typer.echo(json.dumps(value, indent=1))


def load(plugins: list[str] | None) -> None:
    """Import the plugins that the command line names."""
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
