"""`penstock export`, `plan` and `apply`: what was set up in the dashboard, as a file."""

import itertools
import sys
from pathlib import Path

import click

from penstock.buffer.port.shelf import Shelf
from penstock.cli import EXIT_FAILED, config_option, config_path
from penstock.cli.selection import printable
from penstock.destinations.reading import by_source, options_of
from penstock.explain.budget import within_budget
from penstock.explain.compare import changed
from penstock.settings import Settings
from penstock.settings.revisions import Desk, differences, document_in_force, document_of, opened, toml_of

# Events read by a plan unless it is told otherwise, and changed ones shown.
LOOKED_AT, SHOWN = 1_000, 3


@click.command("export")
@config_option
@click.option("--all", "everything", is_flag=True, help="Also what the settings file defines.")
def export_command(config: Path | None, *, everything: bool) -> None:
    """Print what was set up in the dashboard as TOML; keys and secrets become references to the environment."""
    desk = _desk(config)
    click.echo(toml_of(document_in_force(desk.settings()) if everything else desk.document()), nl=False)


@click.command("plan")
@config_option
@click.option("--last", default=LOOKED_AT, show_default=True, type=click.IntRange(0, 100_000), help="Events to read.")
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
def plan_command(config: Path | None, file: Path, last: int) -> None:
    """Show what `apply FILE` would change: the settings, how many stored events new connections would send, and the
    calls of the newest events. Exit 1 if it would.
    """
    from penstock.clock import SystemClock
    from penstock.inspect.beginnings import to_send
    from penstock.run.opening import open_begun, open_shelf

    desk = _desk(config)
    before, document = desk.settings(), desk.completed(document_of(file))
    after = desk.preview(document)
    lines = differences(opened(desk.document(), desk.vault), document)
    if not lines:
        click.echo("nothing would change")
        return
    shelf = open_shelf(before)
    stored = to_send(before, after, shelf, open_begun(before), now=SystemClock().now())
    lines += [f"{which}: {count} stored events would be sent" for which, count in stored.items()]
    for line in [*lines, *_differing_calls(shelf, before, after, last=last)]:
        click.echo(printable(line))
    sys.exit(EXIT_FAILED)


@click.command("apply")
@config_option
@click.argument("file", required=False, type=click.Path(exists=True, dir_okay=False, path_type=Path))
def apply_command(config: Path | None, file: Path | None) -> None:
    """Put the sources, destinations and connections of FILE in force, as a new revision of the dashboard's settings.

    Also says that penstock.toml is meant as it is now; a running server follows it then even if it lost its sources.
    Without FILE it does that alone.
    """
    import getpass

    from penstock.clock import SystemDice
    from penstock.settings.consent import give_consent

    desk = _desk(config)
    document = desk.completed(document_of(file)) if file is not None else opened(desk.document(), desk.vault)
    lines = differences(opened(desk.document(), desk.vault), document)
    if lines and file is not None:
        desk.put(document, by=getpass.getuser(), note=f"applied {file.name}")
    give_consent(desk.settings().data_dir, config_path(config), dice=SystemDice())
    click.echo(
        f"{len(lines)} changes in force" if lines else "nothing to change" if file else "the file is meant as it is"
    )


def _desk(config: Path | None) -> Desk:
    from penstock.run.wiring import open_desk
    from penstock.settings import load

    path = config_path(config)
    return open_desk(path, load(path))


def _differing_calls(shelf: Shelf, before: Settings, after: Settings, *, last: int) -> list[str]:
    """Return how many of the newest events would become other calls, with examples."""
    lines = []
    for name in sorted(before.destinations.keys() & after.destinations.keys()):
        sources = set(after.sources_of(name))
        newest = shelf.stories(name, limit=last, newest=True)
        stories = [story for story in newest if story.event.source in sources]
        old, new = (by_source(options_of(each.destinations[name], each), each) for each in (before, after))
        differing = within_budget(changed, stories, old, new)
        lines.append(f"{name}: {len(differing)} of the newest {len(stories)} events would become other calls")
        for change in itertools.islice(differing, SHOWN):
            text = f"now\n{change.before}\nthen\n{change.after}"
            lines += [f"  {change.story.event.message_id}", *(f"    {line}" for line in text.splitlines())]
    return lines
