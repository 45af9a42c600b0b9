"""`penstock tail`: watch events and how they end."""

from pathlib import Path

import click
import msgspec

from penstock.buffer.port.selection import companies_of
from penstock.buffer.port.shelf import Story
from penstock.cli import config_option, settings_to_look_with
from penstock.event import Event, enriched
from penstock.timestamps import from_ms, to_text

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
    from penstock.run.opening import open_shelf

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
    """Return when, what, who, of which company, and how it stands."""
    event = story.event
    name, company = named(event)
    time = f"{to_text(from_ms(event.received_at_ms))[:19]}Z"
    what = f"{event.type} {name}".rstrip()
    reason = f"  {story.reason}" if story.reason else ""
    who = f"{event.user_id or event.anonymous_id:<20.20} {company:<16.16}"
    text = f"{story.seq:>8}  {time}  {what:<28.28} {who} {story.state:<10}{reason}".rstrip()
    # Ids and names come from strangers: a terminal must not obey them.
    return "".join(c if c.isprintable() else "\N{REPLACEMENT CHARACTER}" for c in text)


def named(event: Event) -> tuple[str, str]:
    """Return what an event is called beside its type, and the company it names; empty for neither."""
    body = enriched(event)
    name = body.get("event" if event.type == "track" else "name")
    companies = filter(None, (event.company_id, *companies_of(body)))
    return name if isinstance(name, str) else "", next(companies, "")


def _json(story: Story) -> bytes:
    name, company = named(story.event)
    facts = {
        "seq": story.seq,
        "received_at": to_text(from_ms(story.event.received_at_ms)),
        "message_id": story.event.message_id,
        "type": story.event.type,
        "event": name,
        "company_id": company,
        "source": story.event.source,
        "user_id": story.event.user_id,
        "anonymous_id": story.event.anonymous_id,
        "state": story.state,
        "reason": story.reason,
        "attempts": [attempt.status for attempt in story.attempts],
    }
    return msgspec.json.encode(facts)
