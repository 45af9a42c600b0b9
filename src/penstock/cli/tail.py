"""`penstock tail`: watch events and how they end."""

from pathlib import Path

import click
import msgspec

from penstock.buffer.port import Story
from penstock.cli import config_option, settings_to_look_with

# How often --follow looks for news.
FOLLOW_S = 0.5
PAGE = 1000


@click.command("tail")
@config_option
@click.option("-n", "count", default=20, show_default=True, help="Begin with the newest N events.")
@click.option("-f", "--follow", is_flag=True, help="Go on with new events until Ctrl-C.")
@click.option("--destination", help="Which destination; default: the first in the settings.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object a line, for programs.")
def tail_command(config: Path | None, count: int, destination: str | None, *, follow: bool, as_json: bool) -> None:
    """Show the newest events and how they stand."""
    from penstock.clock import sleep
    from penstock.wiring import open_shelf

    settings = settings_to_look_with(config)
    if not settings.destinations:
        raise click.UsageError("there is no destination in the settings")
    name = destination or next(iter(settings.destinations))
    if name not in settings.destinations:
        raise click.BadParameter(f"unknown destination; known: {', '.join(settings.destinations)}")
    shelf = open_shelf(settings)
    stories = shelf.stories(name, limit=count, newest=True)
    last_seq = 0
    while True:
        for story in stories:
            click.echo(_json(story) if as_json else _line(story))
            last_seq = story.seq
        if not follow:
            return
        sleep(FOLLOW_S)
        stories = shelf.stories(name, after_seq=last_seq, limit=PAGE)


def _line(story: Story) -> str:
    person = story.event.user_id or story.event.anonymous_id
    reason = f"  {story.reason}" if story.reason else ""
    text = f"{story.seq:>8}  {story.event.type:<9} {person:<24.24} {story.state:<10}{reason}"
    # Ids come from strangers: a terminal must not obey them.
    return "".join(c if c.isprintable() else "\N{REPLACEMENT CHARACTER}" for c in text)


def _json(story: Story) -> bytes:
    facts = {
        "seq": story.seq,
        "message_id": story.event.message_id,
        "type": story.event.type,
        "source": story.event.source,
        "user_id": story.event.user_id,
        "anonymous_id": story.event.anonymous_id,
        "state": story.state,
        "reason": story.reason,
        "attempts": [attempt.status for attempt in story.attempts],
    }
    return msgspec.json.encode(facts)
