"""`penstock export`, `plan` and `apply`: what was set up in the dashboard, as a file."""

import itertools
import sys
from pathlib import Path

import click

from penstock.buffer.port import Shelf
from penstock.cli import EXIT_FAILED, config_option, config_path
from penstock.cli.selection import printable
from penstock.operate.budget import within_budget
from penstock.operate.compare import changed
from penstock.operate.desk import Desk, differences, document_in_force, document_of, opened, toml_of
from penstock.reading import by_source, mapping_of
from penstock.settings import Settings

# Events read by a plan unless it is told otherwise, and changed ones shown.
LOOKED_AT, SHOWN = 1_000, 3


@click.command("export")
@config_option
@click.option("--all", "everything", is_flag=True, help="Also what the settings file defines.")
def export_command(config: Path | None, *, everything: bool) -> None:
    """Print what was set up in the dashboard as TOML; API keys become references to the environment."""
    desk = _desk(config)
    click.echo(toml_of(document_in_force(desk.settings()) if everything else desk.document()), nl=False)


@click.command("plan")
@config_option
@click.option("--last", default=LOOKED_AT, show_default=True, type=click.IntRange(0, 100_000), help="Events to read.")
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
def plan_command(config: Path | None, file: Path, last: int) -> None:
    """Show what `apply FILE` would change: the settings, and the calls of the newest events. Exit 1 if it would."""
    from penstock.wiring import open_shelf

    desk = _desk(config)
    before, document = desk.settings(), document_of(file)
    after = desk.preview(document)
    lines = differences(opened(desk.document(), desk.vault), document)
    if not lines:
        click.echo("nothing would change")
        return
    for line in [*lines, *_differing_calls(open_shelf(before), before, after, last=last)]:
        click.echo(printable(line))
    sys.exit(EXIT_FAILED)


@click.command("apply")
@config_option
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
def apply_command(config: Path | None, file: Path) -> None:
    """Put the sources, destinations and connections of FILE in force, as a new revision of the dashboard's settings."""
    import getpass

    desk, document = _desk(config), document_of(file)
    lines = differences(opened(desk.document(), desk.vault), document)
    if lines:
        desk.put(document, by=getpass.getuser(), note=f"applied {file.name}")
    click.echo(f"{len(lines)} changes in force" if lines else "nothing to change")


def _desk(config: Path | None) -> Desk:
    from penstock.settings import load
    from penstock.wiring import open_desk

    path = config_path(config)
    return open_desk(path, load(path))


def _differing_calls(shelf: Shelf, before: Settings, after: Settings, *, last: int) -> list[str]:
    """Return how many of the newest events would become other calls, with examples."""
    lines = []
    for name in sorted(before.destinations.keys() & after.destinations.keys()):
        sources = set(after.sources_of(name))
        newest = shelf.stories(name, limit=last, newest=True)
        stories = [story for story in newest if story.event.source in sources]
        old, new = (by_source(mapping_of(each.destinations[name], each), each) for each in (before, after))
        differing = within_budget(changed, stories, old, new)
        lines.append(f"{name}: {len(differing)} of the newest {len(stories)} events would become other calls")
        for change in itertools.islice(differing, SHOWN):
            text = f"now\n{change.before}\nthen\n{change.after}"
            lines += [f"  {change.story.event.message_id}", *(f"    {line}" for line in text.splitlines())]
    return lines
