"""`penstock status`: how many events, how old, in what state. Works with and without a running server."""

import dataclasses
import sys
from collections.abc import Mapping
from pathlib import Path

import click
import msgspec

from penstock.buffer.port.ledger import CallFigures
from penstock.cli import EXIT_FAILED, config_option, settings_to_look_with
from penstock.cli.selection import printable
from penstock.inspect.status import DestinationStatus, Status
from penstock.settings import Settings
from penstock.settings.write_keys import NAMES
from penstock.timestamps import from_ms, to_text


@click.command("status")
@config_option
@click.option("--json", "as_json", is_flag=True, help="One JSON object, for programs.")
@click.option("--check", "is_check", is_flag=True, help="Only what is wrong now; exit 1 if anything is.")
def status_command(config: Path | None, *, as_json: bool, is_check: bool) -> None:
    """Show how many events were accepted, delivered and are waiting."""
    from penstock.run.wiring import status_reader

    settings = settings_to_look_with(config)
    if is_check:
        sys.exit(_checked(settings, as_json=as_json))
    status = status_reader(settings).read()
    if as_json:
        click.echo(msgspec.json.encode(dataclasses.asdict(status)))
        return
    for line in _lines(status):
        click.echo(line)


def _checked(settings: Settings, *, as_json: bool) -> int:
    """Say what is wrong, as it would be told; return the exit code."""
    from penstock.run.alarming import open_alarm
    from penstock.run.wiring import status_reader

    found = open_alarm(settings, status_reader(settings)).wrong_now()
    if as_json:
        click.echo(msgspec.json.encode([dataclasses.asdict(trouble) for trouble in found]))
    for trouble in found if not as_json else ():
        click.echo(printable(f"{trouble.rule}, {trouble.subject}: {trouble.sentence} {trouble.advice}"))
    if not as_json and not found:
        click.echo("nothing is wrong")
    return EXIT_FAILED if found else 0


def _lines(status: Status) -> list[str]:
    accepted = ", ".join(f"{name} {count}" for name, count in status.accepted.items()) or "none"
    lines = [f"accepted: {accepted}", *(f"notice: {notice}" for notice in status.notices)]
    if status.node is not None:
        lines.insert(0, f"node: {status.node.in_words()}")
    if any(found.state != "running" for found in status.roles.values()):
        lines += [f"{role} {found.in_words()}" for role, found in status.roles.items()]
    restarts = {role: found.restarts for role, found in status.roles.items() if found.restarts}
    if restarts:
        lines.append(f"restarts: {', '.join(f'{role} {count}' for role, count in restarts.items())}")
    if status.settings_problem:
        lines.append(f"settings: the file is not followed, what was in force before is: {status.settings_problem}")
    for name, source in status.sources.items():
        if source.lost:
            lines.append(f"{name}: possibly lost: {', '.join(f'{why} {count}' for why, count in source.lost.items())}")
        lines += [f"{name}: {warning}" for warning in source.warnings]
        if len(source.keys) > 1:
            used = [f"the {NAMES[key]} was last used {_at(at)}" for key, at in source.keys.items()]
            lines.append(f"{name}: two keys are taken: {', '.join(used)}")
    for name, destination in status.destinations.items():
        lines += _destination_lines(name, destination)
    return lines


def _at(seconds: float | None) -> str:
    return "never, as far as is written down" if seconds is None else to_text(from_ms(round(seconds * 1000)))


def _destination_lines(name: str, destination: DestinationStatus) -> list[str]:
    ended = "   ".join(f"{outcome} {count}" for outcome, count in destination.outcomes.items() if count)
    oldest = "-" if destination.oldest_waiting_s is None else f"{destination.oldest_waiting_s:.0f} s"
    waiting = f"{destination.waiting} (retrying {destination.retrying}, parked {destination.parked})"
    return [
        f"{name}: {destination.state}{': ' if destination.reason else ''}{destination.reason}",
        *([f"  {destination.doubt}"] if destination.doubt else []),
        f"  received {destination.received}   waiting {waiting}   {ended}",
        f"  oldest waiting {oldest}",
        *_parked_lines(destination),
        *_call_lines("calls", destination.calls),
        *_call_lines("in shadow", destination.shadow_calls),
    ]


def _parked_lines(destination: DestinationStatus) -> list[str]:
    """Return how long the longest parked event is there, and when it is given up."""
    if destination.parked_oldest_s is None:
        return []
    left_s = destination.parked_given_up_in_s
    end = "not given up while nothing is sent" if left_s is None else f"given up in {left_s:.0f} s"
    return [f"  parked for longest {destination.parked_oldest_s:.0f} s, {end}"]


def _call_lines(title: str, calls: Mapping[str, CallFigures]) -> list[str]:
    """Return how many calls were planned, sent and saved."""
    figures = [f"{path} {each.sent} of {each.planned} sent, {each.saved} saved" for path, each in calls.items()]
    return [f"  {title}: {'   '.join(figures)}"] if figures else []
