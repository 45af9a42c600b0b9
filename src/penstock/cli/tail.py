"""`penstock tail`: watch events and how they end."""

from pathlib import Path

import click
import msgspec

from penstock.buffer.port.notes import company_given
from penstock.buffer.port.query import Query
from penstock.buffer.port.search import Search
from penstock.buffer.port.shelf import Story
from penstock.cli import config_option, settings_to_look_with
from penstock.cli.destination import destination_of, destination_option
from penstock.inspect.stored_event import named, stored_event
from penstock.timestamps import from_ms, to_text

# How often --follow looks for news.
FOLLOW_S = 0.5
PAGE = 1000


@click.command("tail")
@config_option
@click.option("-n", "count", default=20, show_default=True, help="Begin with the newest N events.")
@click.option("-f", "--follow", is_flag=True, help="Go on with new events until Ctrl-C.")
@click.option("--person", default="", help="Only of this person: a user id, an e-mail address or an anonymous id.")
@click.option("--company", default="", help="Only of this account, by its id.")
@destination_option
@click.option("--json", "as_json", is_flag=True, help="One JSON object a line, for programs.")
def tail_command(
    config: Path | None,
    count: int,
    destination: str | None,
    *,
    follow: bool,
    person: str,
    company: str,
    as_json: bool,
) -> None:
    """Show the newest events and how they stand."""
    from penstock.clock import sleep
    from penstock.run.opening import open_search, open_shelf

    settings = settings_to_look_with(config)
    name = destination_of(settings, destination)
    shelf, search, query = open_shelf(settings), open_search(settings), Query(person=person, company=company)
    is_of_some = query != Query()
    stories = _newest(search, name, query, count) if is_of_some else shelf.stories(name, limit=count, newest=True)
    last_seq = 0
    while True:
        for story in stories:
            click.echo(msgspec.json.encode(stored_event(story)) if as_json else _line(story))
            last_seq = story.seq
        if not follow:
            return
        sleep(FOLLOW_S)
        if is_of_some:
            stories = [s for s in search.find(name, query, limit=PAGE).stories[::-1] if s.seq > last_seq]
        else:
            stories = shelf.stories(name, after_seq=last_seq, limit=PAGE)


def _newest(search: Search, destination: str, query: Query, count: int) -> list[Story]:
    """Return the newest events that fit, the oldest of them first."""
    stories, before = list[Story](), None
    while len(stories) < count:
        found = search.find(destination, query, before_seq=before, limit=count - len(stories))
        stories += found.stories
        if (before := found.next_seq) is None:
            break
    return stories[::-1]


def _line(story: Story) -> str:
    """Return when, what, who, of which company, and how it stands."""
    event = story.event
    name, company = named(event)
    company = company or company_given(story.notes)
    time = f"{to_text(from_ms(event.received_at_ms))[:19]}Z"
    what = f"{event.type} {name}".rstrip()
    reason = f"  {story.reason}" if story.reason else ""
    who = f"{event.user_id or event.anonymous_id:<20.20} {company:<16.16}"
    text = f"{story.seq:>8}  {time}  {what:<28.28} {who} {story.state:<10}{reason}".rstrip()
    # Ids and names come from strangers: a terminal must not obey them.
    return "".join(c if c.isprintable() else "\N{REPLACEMENT CHARACTER}" for c in text)
