"""The command line, called as a test calls it."""

from __future__ import annotations

from pathlib import Path

from typer.testing import CliRunner

from sweeps.cli import app


def pinn_sweep(*words: str | Path, **environment: str) -> tuple[int, str, str]:
    """Exit code, what was said, and what was said on the error stream."""
    result = CliRunner().invoke(app, [str(word) for word in words], env=environment)
    if result.exception and not isinstance(result.exception, SystemExit):
        raise result.exception
    return result.exit_code, result.stdout, result.stderr
