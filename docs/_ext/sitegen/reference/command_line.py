"""The command line: every verb with its arguments and options."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any, get_args

import typer.main

from sitegen.reference.markdown import code, escaped, fence, page, paragraphs, table
from sweeps.cli import app

COMMAND = "pinn-sweep"

WORDS = {int: "NUMBER", float: "NUMBER", str: "TEXT", Path: "PATH", list[str]: "TEXT"}


def pages() -> dict[str, str]:
    """The page of the command line."""
    return {"command-line.md": page(*_blocks())}


def verbs() -> dict[str, Any]:
    """The verbs by name, in the order in which ``--help`` lists them."""
    group: Any = typer.main.get_command(app)
    return dict(group.commands)


def _blocks() -> Iterator[str]:
    yield "# Command line"
    yield escaped(app.info.help or "")
    yield (
        "Exit codes: 0 done; 1 some runs failed, or a file could not be written; 2 the study or "
        "the command is wrong, and nothing was created; 130 interrupted."
    )
    rows = [
        [f"[`{COMMAND} {name}`](#{name})", escaped(_first(verb.help))]
        for name, verb in verbs().items()
    ]
    yield table(["verb", "what it does"], rows)
    for name, verb in verbs().items():
        yield from _verb(name, verb)


def _verb(name: str, verb: Any) -> Iterator[str]:  # noqa: ANN401
    arguments = [each for each in verb.params if each.param_type_name == "argument"]
    options = [each for each in verb.params if each.param_type_name == "option"]
    yield f"(verb-{name})=\n## {name}"
    usage = [COMMAND, name, *(["[OPTIONS]"] if options else [])]
    yield fence(" ".join([*usage, *(_metavar(each) for each in arguments)]), "console")
    yield from paragraphs((verb.help or "").replace("\b\n", ""))
    rows = [[code(_metavar(each)), *_meaning(each)] for each in arguments] + [
        [_names(each), *_meaning(each)] for each in options
    ]
    yield table(["argument or option", "meaning", "default"], rows)


def _first(text: str | None) -> str:
    return " ".join((text or "").strip().partition("\n\n")[0].split())


def _metavar(argument: Any) -> str:  # noqa: ANN401
    name: str = argument.metavar or argument.name.upper()
    return name if argument.required or name.startswith("[") else f"[{name}]"


def _names(option: Any) -> str:  # noqa: ANN401
    kind = option.type_descriptor.annotation
    takes = "" if option.is_flag else f" {option.metavar or WORDS.get(kind) or _choices(kind)}"
    return ", ".join(code(f"{name}{takes}") for name in (*option.opts, *option.secondary_opts))


def _choices(kind: Any) -> str:  # noqa: ANN401
    return "|".join(map(str, get_args(kind))) or "TEXT"


def _meaning(parameter: Any) -> list[str]:  # noqa: ANN401
    """What it means, and its default, which is in words where it depends on other things."""
    variable = f" Environment variable `{parameter.envvar}`." if parameter.envvar else ""
    words = parameter.show_default if isinstance(parameter.show_default, str) else ""
    return [escaped(parameter.help or "") + variable, escaped(words) or _default(parameter)]


def _default(parameter: Any) -> str:  # noqa: ANN401
    value = parameter.default
    if parameter.required or value is None or value is False or value == [] or callable(value):
        return ""
    return code(value)
