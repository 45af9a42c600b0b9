"""`penstock send`: send an event to a running Penstock, as an SDK would."""

import base64
import sys
import urllib.error
import urllib.request
from collections.abc import Sequence
from pathlib import Path
from typing import IO

import click
import msgspec

from penstock.accept.lenient import without_mark
from penstock.cli import EXIT_FAILED, EXIT_PARTIAL, EXIT_UNREACHABLE, config_option, config_path
from penstock.cli.convert import decoded
from penstock.cli.pieces import pieces_of
from penstock.clock import sleep
from penstock.settings import Settings

TYPES = ("identify", "track", "group", "page", "screen", "alias")
ANSWER_S_MAX = 30
# "Come again later" is obeyed so often for one request, and never for longer than this at once.
TRIES_MAX, WAIT_S_MAX = 5, 30
LATER = {429, 503}


@click.command("send")
@config_option
@click.argument("type_", metavar="[TYPE]", type=click.Choice(TYPES), required=False)
@click.option("--source", help="Whose write key to use; default: the first source in the settings.")
@click.option("--user-id", help="userId")
@click.option("--anonymous-id", help="anonymousId")
@click.option("--event", help="Name of a track event.")
@click.option("--group-id", help="groupId of a group call.")
@click.option("--traits", help="JSON object.")
@click.option("--properties", help="JSON object.")
def send_command(config: Path | None, type_: str | None, source: str | None, **fields: str | None) -> None:
    """Send one event from the options, or, without TYPE, JSON lines from standard input, in requests that fit.

    Exit 5 when some were accepted and some were not.
    """
    from penstock.run.in_force import settings_in_force

    settings = settings_in_force(config_path(config))
    key = _write_key(settings, source)
    events = [_event(type_, fields)] if type_ else _lines(sys.stdin.buffer)
    if not events:
        raise click.UsageError("nothing to send: give a TYPE, or JSON lines on standard input")
    sys.exit(_send(events, settings, key))


def _send(events: Sequence[bytes], settings: Settings, key: str) -> int:
    """Send all in pieces that fit into a request, say what became of them, and return the exit code."""
    url, accepted, trouble = f"http://{settings.listen}/v1/batch", 0, 0
    for piece in pieces_of(events, bytes_max=settings.body_bytes_max, events_max=settings.request_events_max):
        try:
            refusal = _post(url, key=key, body=piece.body)
        except OSError as error:
            click.echo(f"penstock: nothing answers at {url}: {error}. Hint: is `penstock serve` running?", err=True)
            trouble = EXIT_UNREACHABLE
            break
        if refusal:
            which = f"events {piece.first} to {piece.first + piece.count - 1}: " if piece.count < len(events) else ""
            click.echo(f"penstock: {which}{refusal}", err=True)
            trouble = EXIT_FAILED
        else:
            accepted += piece.count
    if accepted or not trouble:
        rest = f" of {len(events)}" if accepted < len(events) else ""
        click.echo(f"accepted {accepted}{rest}", err=True)
    return EXIT_PARTIAL if trouble and accepted else trouble


def _write_key(settings: Settings, source: str | None) -> str:
    if not settings.sources:
        raise click.UsageError("there is no source in the settings")
    name = source or next(iter(settings.sources))
    if name not in settings.sources:
        raise click.BadParameter(f"unknown source; known: {', '.join(settings.sources)}")
    return settings.sources[name].write_key


def _event(type_: str, fields: dict[str, str | None]) -> bytes:
    names = {"user_id": "userId", "anonymous_id": "anonymousId", "event": "event", "group_id": "groupId"}
    event: dict[str, object] = {"type": type_}
    event |= {names[key]: value for key, value in fields.items() if key in names and value is not None}
    event |= {key: _parsed(fields[key] or "", key) for key in ("traits", "properties") if fields[key] is not None}
    return msgspec.json.encode(event)


def _lines(file: IO[bytes]) -> list[bytes]:
    """Return each line as it is; nothing is sent while one of them is no JSON, as far as accept mends it.

    Windows begins files with a byte order mark, and writes UTF-16 where a shell makes them.
    """
    lines = []
    for number, line in enumerate(without_mark(file.read()).split(b"\n"), 1):
        if text := line.strip():
            _parsed(text, f"line {number}")
            lines.append(text)
    return lines


def _parsed(text: str | bytes, where: str) -> object:
    try:
        return decoded(text.encode() if isinstance(text, str) else text)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise click.BadParameter(f"{where}: expected JSON, got {text[:60]!r}: {error}") from error


def _post(url: str, *, key: str, body: bytes) -> str:
    """Send one request; return why it was refused, or nothing. Raises OSError when there is no answer."""
    headers = {"Authorization": "Basic " + base64.b64encode(f"{key}:".encode()).decode(), "User-Agent": "penstock-send"}
    request = urllib.request.Request(url, body, headers)  # noqa: S310 - the address is ours, from the settings
    refusal = ""
    for tries_left in reversed(range(TRIES_MAX)):
        try:
            with urllib.request.urlopen(request, timeout=ANSWER_S_MAX):  # noqa: S310
                return ""
        except urllib.error.HTTPError as error:
            refusal = f"{error.code} {error.read(500).decode(errors='replace').strip()}"
            wait_s = error.headers.get("Retry-After", "")
            if error.code not in LATER or not wait_s.isdigit() or not tries_left:
                break
            # Nothing of the request was kept: an SDK sends it again.
            sleep(min(int(wait_s), WAIT_S_MAX))
    return refusal
