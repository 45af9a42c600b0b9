"""`penstock replay`: send events again, dead and rejected ones or any, with the mapping in force now."""

import dataclasses
import getpass
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
import msgspec

from penstock.buffer.port.dead_letters import DeadLetters
from penstock.buffer.port.orders import Orders
from penstock.buffer.port.selection import Selection
from penstock.cli import EXIT_PARTIAL, config_option, config_path
from penstock.cli.destination import destination_of, destination_option
from penstock.cli.selection import filter_options, printable, selection_of
from penstock.errors import SettingsError
from penstock.inspect.replays import Replay, count_by_cause, refuse_without_bodies, replay_of
from penstock.settings import Settings

if TYPE_CHECKING:
    from penstock.explain.preview import ReplayPreview

# How often a running replay is looked at.
LOOK_S = 0.5


@click.command("replay")
@config_option
@destination_option
@filter_options
@click.option("--fresh-ids", is_flag=True, help="Tracks get a new id: what was taken before counts twice.")
@click.option("--dry-run", is_flag=True, help="Show the counts and what it would do, and do nothing.")
@click.option("--yes", is_flag=True, help="Do not ask.")
@click.option("--no-wait", is_flag=True, help="Give the order and end; see it with --list.")
@click.option("--list", "listed", is_flag=True, help="Show all replays.")
@click.option("--stop", "stopped", type=int, metavar="NUMBER", help="Stop a replay; what it put back is still sent.")
@click.option("--resume", "resumed", type=int, metavar="NUMBER", help="Let a stopped replay go on.")
@click.option("--json", "as_json", is_flag=True, help="JSON, for programs.")
def replay_command(config: Path | None, *, listed: bool, stopped: int | None, resumed: int | None, **rest: Any) -> None:
    """Show how many events a filter takes and what sending them again would do, ask, and send them behind live traffic.

    Dead and rejected events, unless --outcome says more. Values that came with newer events are never overwritten.
    Ends with 0 when all of them arrived, and with 5 when something is left.
    """
    from penstock.run.in_force import settings_in_force
    from penstock.run.opening import open_dead_letters, open_orders

    settings = settings_in_force(config_path(config))
    orders, dead = open_orders(settings), open_dead_letters(settings)
    as_json = rest.pop("as_json")
    if listed:
        for order in orders.replays():
            _show(replay_of(order, dead.progress(order.id)), as_json=as_json)
    elif stopped is not None or resumed is not None:
        job = stopped if stopped is not None else resumed
        if not orders.stop_replay(job or 0, stopped=stopped is not None):
            raise click.UsageError(f"there is no replay {job}; see penstock replay --list")
    else:
        _replay(settings, orders, dead, as_json=as_json, **rest)


def _replay(
    settings: Settings,
    orders: Orders,
    dead: DeadLetters,
    *,
    destination: str | None,
    as_json: bool,
    dry_run: bool,
    yes: bool,
    no_wait: bool,
    fresh_ids: bool,
    **filters: Any,
) -> None:
    name, selection = destination_of(settings, destination), selection_of(filters)
    counts = count_by_cause(dead, name, selection)
    total = sum(counts.values())
    for cause, count in counts.items():
        click.echo(f"{count:>7}  {cause}", err=True)
    click.echo(f"{total:>7}  in all", err=True)
    try:
        refuse_without_bodies(dead, name, selection, count=total)
    except SettingsError as error:
        raise click.ClickException(str(error)) from error
    _preview(settings, dead, name, selection, fresh_ids=fresh_ids, as_json=as_json and dry_run)
    if dry_run or not total:
        return
    if not yes:
        click.confirm(f"Send {total} events to {name} again?", abort=True, err=True)
    job = orders.ask_replay(name, selection, by=getpass.getuser(), fresh_ids=fresh_ids)
    click.echo(f"replay {job}", err=True)
    if not no_wait:
        _wait(settings, orders, dead, job, as_json=as_json)


def _preview(
    settings: Settings, dead: DeadLetters, name: str, selection: Selection, *, fresh_ids: bool, as_json: bool
) -> None:
    from penstock.clock import SystemClock
    from penstock.explain.preview import would_do
    from penstock.run.opening import open_store

    shelf, now = open_store(settings).ledger, SystemClock().now()
    would, unread = would_do(dead, shelf, name, selection, settings, now=now, fresh_ids=fresh_ids)
    if would and as_json:
        click.echo(msgspec.json.encode(_facts(would)))
    for line in _in_words(would, name) if would else [unread] if unread else []:
        click.echo(printable(line), err=True)


def _in_words(would: "ReplayPreview", name: str) -> list[str]:
    """Return what a replay would do, a line for each way in which events would end."""
    told = {
        f"would be sent, {dict(would.calls)}": would.sent,
        f"of these were taken before, and count twice at {name}": would.counted_again,
        f"were taken before and keep their id: {name} will ignore them": would.repeats,
        "are already up to date: nothing would be sent": would.up_to_date,
        "hold values that newer events have said since: those are not sent": would.overtaken,
        f"are about people that {name} is asked for first; if it has none, they wait": would.unknown_people,
        **{f"would be rejected: {reason}": count for reason, count in would.rejected.items()},
        **{f"would be filtered: {reason}": count for reason, count in would.filtered.items()},
    }
    first = "It would do this" if would.is_all else f"Of the first {would.looked_at}, it would do this"
    return [f"{first}; nothing was sent:", *(f"{count:>7}  {what}" for what, count in told.items() if count)]


def _facts(would: "ReplayPreview") -> dict[str, Any]:
    facts = {field.name: getattr(would, field.name) for field in dataclasses.fields(would)}
    sample = [(each.story.event.message_id, each.call) for each in would.sample]
    return facts | {"sample": [{"message_id": id_, "path": call.path, "body": call.body} for id_, call in sample]}


def _wait(settings: Settings, orders: Orders, dead: DeadLetters, job: int, *, as_json: bool) -> None:
    from penstock.clock import sleep
    from penstock.run.process import is_running

    while True:
        order = next(order for order in orders.replays() if order.id == job)
        replay = replay_of(order, dead.progress(job))
        if replay.state in {"done", "stopped"}:
            break
        if not is_running(settings, "deliver"):
            click.echo("no server delivers now; the replay goes on when one does", err=True)
            break
        sleep(LOOK_S)
    _show(replay, as_json=as_json)
    if replay.state != "done" or replay.left:
        sys.exit(EXIT_PARTIAL)


def _show(replay: Replay, *, as_json: bool) -> None:
    if as_json:
        click.echo(msgspec.json.encode(replay))
        return
    ended = "  ".join(f"{outcome} {count}" for outcome, count in replay.outcomes.items())
    chosen = msgspec.json.encode(msgspec.structs.replace(replay.selection, ended_before=None)).decode()
    click.echo(
        printable(
            f"replay {replay.id}  {replay.destination}  {replay.state}  sent again {replay.replayed}"
            f"  waiting {replay.waiting}  {ended}  left {replay.left}  {chosen}"
        )
    )
