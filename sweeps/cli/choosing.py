"""Verbs for what is there to choose from."""

from __future__ import annotations

import typer

from sweeps.cli.command import app, load, print_json
from sweeps.cli.options import AsJson, Family, Plugins


@app.command(name="list")
def list_(family: Family, as_json: AsJson = False, plugins: Plugins = None) -> None:
    """What a study file can name."""
    load(plugins)
    from sweeps.display.catalogue import known

    parts = known(family)
    if as_json:
        print_json([{"name": name, "summary": words} for name, words in parts.items()])
        return
    for name, words in parts.items():
        typer.echo(f"{name:{max(map(len, parts))}}  {words}")
