"""`penstock dead`: what ended badly, by cause, and what to do about it."""

from pathlib import Path
from typing import Any

import click
import msgspec

from penstock.buffer.port.dead_letters import DeadLetters
from penstock.buffer.port.shelf import Story
from penstock.cli import config_option, settings_to_look_with
from penstock.cli.destination import destination_of, destination_option
from penstock.cli.selection import filter_options, printable, selection_of
from penstock.inspect.stored_event import stored_event


@click.command("dead")
@config_option
@destination_option
@filter_options
@click.option("--events", is_flag=True, help="List the events instead of their causes.")
@click.option("-n", "count", default=20, show_default=True, help="List so many events at most.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object a line, for programs.")
def dead_command(
    config: Path | None, destination: str | None, count: int, *, events: bool, as_json: bool, **filters: Any
) -> None:
    """Show dead and rejected events by cause with advice; with a filter, or --events, the events themselves."""
    from penstock.run.opening import open_dead_letters

    settings = settings_to_look_with(config)
    name = destination_of(settings, destination)
    dead = open_dead_letters(settings)
    if events or any(filters.values()):
        for story in dead.select(name, selection_of(filters), limit=count).stories:
            click.echo(msgspec.json.encode(_facts(story)) if as_json else "\n".join(_lines(story)))
    else:
        _show_causes(dead, name, as_json=as_json)


def _show_causes(dead: DeadLetters, name: str, *, as_json: bool) -> None:
    from penstock.inspect.replays import problems_as_json

    problems = problems_as_json(dead, name)
    if as_json:
        for problem in problems:
            click.echo(msgspec.json.encode(problem))
        return
    if not problems:
        click.echo(f"{name}: no event is dead or rejected")
    for problem in problems:
        click.echo(f"{problem['count']:>7}  {problem['outcome']:<8}  {problem['cause']}")
        click.echo(f"         {problem['meaning']}\n         {problem['advice']}")
    if problems:
        click.echo("\nEvents: penstock dead --cause CAUSE. Send them again: penstock replay --cause CAUSE.", err=True)


def _lines(story: Story) -> list[str]:
    person = story.event.user_id or story.event.anonymous_id
    lines = [f"{story.event.message_id}  {story.event.type}  {person}  {story.state}  {story.cause}"]
    lines += [f"    {story.reason}"]
    lines += [f"    {a.method} {a.path} {a.status or 'no answer'} {a.answer[:200]}" for a in story.attempts[-2:]]
    return [printable(line) for line in lines]


def _facts(story: Story) -> dict[str, object]:
    event = story.event
    return {
        **msgspec.structs.asdict(stored_event(story)),
        "body": msgspec.Raw(event.body) if _is_json(event.body) else None,
        "beside": msgspec.Raw(event.envelope) if event.envelope else None,
    }


def _is_json(body: bytes) -> bool:
    try:
        msgspec.json.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return False
    return True
