"""Writes the pages that are made from the code: docs/settings.md, docs/commands.md; from its cases, docs/mapping.md; from a run, docs/performance.md."""

import dataclasses
import functools
import typing
from collections.abc import Callable, Mapping
from pathlib import Path

import click

from cases.render import render
from penstock.cli import penstock
from penstock.destinations.kinds import CAUSES, KINDS
from penstock.settings import SCALARS, AlertChannel, Connection, Destination, Settings, Source
from tidy import performance_page

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"


def settings_page() -> str:
    """Return the reference of all settings."""
    lines = [
        "# Settings",
        "",
        "Generated from `src/penstock/settings/table.py` by `make docs`.",
        "",
        "`penstock.toml` is read from `--config`, `PENSTOCK_CONFIG`, or the current folder. `${VAR}` and `${file:path}` are",
        "resolved in every text; a relative path starts at the file's folder. Unknown keys, and unknown variables that begin",
        "with `PENSTOCK_`, are errors. While a server runs, a changed file is followed within two seconds; one that cannot be",
        "used, or that lost every source, leaves the old settings in force (operating.md, *Changing the settings*).",
        "Addresses, `data_dir` and limits of accept are read at start only.",
        "",
        "## General",
        "",
        "| setting | environment | default | meaning |",
        "|---|---|---|---|",
    ]
    lines += [
        f"| `{f.name}` | `PENSTOCK_{f.name.upper()}` | {_default(f)} | {f.metadata['meaning']} |" for f in SCALARS
    ]
    for title, kind in (
        ("[sources.NAME]", Source),
        ("[destinations.NAME]", Destination),
        ("[[connections]]", Connection),
        ("[alerts.NAME]", AlertChannel),
    ):
        lines += ["", f"## {title}", "", "| setting | type | default | meaning |", "|---|---|---|---|"]
        hints = typing.get_type_hints(kind)
        for field in dataclasses.fields(kind):
            if field.name != "name":
                name = field.name.rstrip("_")
                lines.append(
                    f"| `{name}` | {_type(hints[field.name])} | {_default(field)} | {field.metadata['meaning']} |"
                )
    return "\n".join(lines) + "\n"


def commands_page() -> str:
    """Return every command's help."""
    lines = ["# Commands", "", "Generated from the command line's own help by `make docs`.", ""]
    lines += ["Exit codes: 0 ok, 1 check failed, 2 usage, 4 unreachable, 5 partial, 78 invalid settings.", ""]
    context = click.Context(penstock, info_name="penstock", **penstock.context_settings)
    for name in penstock.list_commands(context):
        command = penstock.get_command(context, name)
        assert command is not None
        lines += _help(command, name, context)
    return "\n".join(lines).rstrip() + "\n"


def _help(command: click.Command, name: str, parent: click.Context) -> list[str]:
    inner = click.Context(command, parent=parent, info_name=name, max_content_width=100)
    inner.terminal_width = 100
    lines = [f"## {inner.command_path}", "", "```", command.get_help(inner), "```", ""]
    if isinstance(command, click.Group):
        for own in command.list_commands(inner):
            lines += _help(command.commands[own], own, inner)
    return lines


def mapping_page() -> str:
    """Return the golden cases as a page."""
    return render()


def _file_of(code: str) -> str:
    kind = code.partition(".")[0]
    return f"src/penstock/destinations/{kind}/causes.py" if kind in KINDS else "src/penstock/causes.py"


def cause_page(code: str) -> str:
    """Return what one cause means and what to do about it."""
    cause = CAUSES[code]
    lines = [f"# {code}", "", f"Generated from `{_file_of(code)}` by `make docs`.", "", cause.meaning, ""]
    lines += ["## What to do", "", cause.advice, "", "## Which events", "", "```"]
    lines += [f"penstock dead --cause {code}", f"penstock replay --cause {code}", "```"]
    return "\n".join(lines) + "\n"


def causes_page() -> str:
    """Return the list of causes."""
    lines = [
        "# Causes",
        "",
        "Generated from the table of causes, and those of each kind of destination, by `make docs`. Codes never change.",
        "",
    ]
    lines += ["| cause | meaning |", "|---|---|"]
    lines += [f"| [`{code}`]({code}.md) | {cause.meaning} |" for code, cause in CAUSES.items()]
    return "\n".join(lines) + "\n"


PAGES: dict[str, Callable[[], str]] = {
    "settings.md": settings_page,
    "commands.md": commands_page,
    "mapping.md": mapping_page,
    "performance.md": performance_page.page,
    "causes/README.md": causes_page,
    **{f"causes/{code}.md": functools.partial(cause_page, code) for code in CAUSES},
}


def _default(field: "dataclasses.Field[typing.Any]") -> str:
    if field.default_factory is dict:
        return "none"
    if field.default is dataclasses.MISSING:
        return "required"
    if field.default in {"", ()}:
        return "none"
    if isinstance(field.default, tuple):
        return ", ".join(f"`{each}`" for each in field.default)
    return f"`{field.default}`".lower() if isinstance(field.default, bool) else f"`{field.default}`"


def _type(hint: typing.Any) -> str:
    if typing.get_origin(hint) is Mapping:
        return f"table: {_type(typing.get_args(hint)[1])}"
    if typing.get_origin(hint) is typing.Literal:
        return ", ".join(f"`{value}`" for value in typing.get_args(hint))
    return {tuple[str, ...]: "list of texts", str: "text", bool: "true or false", int: "whole number", float: "number"}[
        hint
    ]


if __name__ == "__main__":
    assert dataclasses.is_dataclass(Settings)
    for name, page in PAGES.items():
        (DOCS / name).write_text(page(), encoding="utf-8")
        click.echo(f"docs/{name}")
