"""The command line: ``pinn-sweep``. Everything heavy is imported by the verb that needs it."""

from sweeps.cli import running, results, checking, choosing  # isort: skip  # as --help lists them
from sweeps.cli.command import app, main

__all__ = ["app", "checking", "choosing", "main", "results", "running"]
