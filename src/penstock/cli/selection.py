"""The filters that `penstock dead` and `penstock replay` share."""

from typing import Any, get_args

import click

from penstock.buffer.port.outcomes import WantedOutcome
from penstock.buffer.port.selection import Selection
from penstock.clock import SystemClock
from penstock.errors import SettingsError
from penstock.inspect.moments import moment_of


def filter_options(command: click.decorators.FC) -> click.decorators.FC:
    """Add --cause, --outcome, --source, --type, --person, --company, --event, --message-id, --since and --until."""
    for option in reversed(
        (
            click.option(
                "--cause", default="", help="A cause that `penstock dead` shows, such as custify.refused.422."
            ),
            click.option(
                "--outcome",
                default="",
                type=click.Choice(get_args(WantedOutcome)),
                help="Events that ended so: any, or delivered; without it dead and rejected ones.",
            ),
            click.option("--source", default="", help="Name of a source."),
            click.option("--type", default="", help="Type of SDK call, such as identify."),
            click.option("--person", default="", help="A user id, an e-mail address or an anonymous id."),
            click.option("--company", default="", help="A company id."),
            click.option("--event", "event_name", default="", help="Name of a track event."),
            click.option("--message-id", default="", help="One event alone."),
            click.option("--since", default="", help="Received at this time or later: a date, or an age such as 24h."),
            click.option("--until", default="", help="Received before this time: a date, or an age such as 1h."),
        )
    ):
        command = option(command)
    return command


def selection_of(filters: dict[str, Any]) -> Selection:
    """Return the selection of the options above. Raises click.BadParameter."""
    since, until = (_time(name, filters.pop(name)) for name in ("since", "until"))
    return Selection(since=since, until=until, **filters)


def printable(text: str) -> str:
    """Return a text a terminal can be trusted with: ids and answers come from strangers."""
    return "".join(c if c.isprintable() else "\N{REPLACEMENT CHARACTER}" for c in text)


def _time(name: str, text: str) -> float | None:
    try:
        return moment_of(name, text, now=SystemClock().now())
    except SettingsError as error:
        raise click.BadParameter(f"expected {error.expected}, got {text}", param_hint=f"--{name}") from error
