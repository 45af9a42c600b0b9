"""`penstock send`: send an event to a running Penstock, as an SDK would."""

import base64
import sys
import urllib.error
import urllib.request
from pathlib import Path

import click
import msgspec

from penstock.cli import EXIT_FAILED, EXIT_UNREACHABLE, config_option, config_path
from penstock.settings import Settings

TYPES = ("identify", "track", "group", "page", "screen", "alias")
ANSWER_S_MAX = 10


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
    """Send one event from the options, or, without TYPE, JSON lines from standard input."""
    from penstock.wiring import settings_in_force

    settings = settings_in_force(config_path(config))
    key = _write_key(settings, source)
    events = [_event(type_, fields)] if type_ else [_parsed(line) for line in sys.stdin if line.strip()]
    if not events:
        raise click.UsageError("nothing to send: give a TYPE, or JSON lines on standard input")
    _post(f"http://{settings.listen}/v1/batch", key=key, body=msgspec.json.encode({"batch": events}))
    click.echo(f"accepted {len(events)}", err=True)


def _write_key(settings: Settings, source: str | None) -> str:
    if not settings.sources:
        raise click.UsageError("there is no source in the settings")
    name = source or next(iter(settings.sources))
    if name not in settings.sources:
        raise click.BadParameter(f"unknown source; known: {', '.join(settings.sources)}")
    return settings.sources[name].write_key


def _event(type_: str, fields: dict[str, str | None]) -> dict[str, object]:
    names = {"user_id": "userId", "anonymous_id": "anonymousId", "event": "event", "group_id": "groupId"}
    event: dict[str, object] = {"type": type_}
    event |= {names[key]: value for key, value in fields.items() if key in names and value is not None}
    event |= {key: _parsed(fields[key] or "") for key in ("traits", "properties") if fields[key] is not None}
    return event


def _parsed(text: str) -> object:
    try:
        return msgspec.json.decode(text)
    except msgspec.DecodeError as error:
        raise click.BadParameter(f"expected JSON, got {text[:60]!r}: {error}") from error


def _post(url: str, *, key: str, body: bytes) -> None:
    headers = {"Authorization": "Basic " + base64.b64encode(f"{key}:".encode()).decode(), "User-Agent": "penstock-send"}
    request = urllib.request.Request(url, body, headers)  # noqa: S310 - the address is ours, from the settings
    try:
        with urllib.request.urlopen(request, timeout=ANSWER_S_MAX):  # noqa: S310
            return
    except urllib.error.HTTPError as error:
        click.echo(f"penstock: {error.code} {error.read(500).decode(errors='replace').strip()}", err=True)
        sys.exit(EXIT_FAILED)
    except OSError as error:
        click.echo(f"penstock: nobody answers at {url}: {error}. Hint: is `penstock serve` running?", err=True)
        sys.exit(EXIT_UNREACHABLE)
