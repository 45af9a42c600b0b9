"""`penstock convert`: events in, Custify's calls out. No network, no state."""

import sys
from typing import Literal

import click
import msgspec

from penstock.convert import convert
from penstock.convert.plan import Mapping, Meaning, Plan
from penstock.event import mended


@click.command("convert")
@click.option("--mapping", type=click.Choice(["custify/1", "rudderstack"]), default="custify/1", show_default=True)
@click.option("--anonymous-fallback", is_flag=True, help="Fall back to anonymousId if userId is not present.")
def convert_command(mapping: Literal["custify/1", "rudderstack"], *, anonymous_fallback: bool) -> None:
    """Read events as JSON lines from standard input; print what each becomes, one line per event, in order.

    A line is {"calls": [...]} or {"unmappable": "reason"}. Empty lines are no events.
    """
    options = Mapping(name=mapping, anonymous_fallback=anonymous_fallback)
    out = sys.stdout.buffer
    try:
        for line in sys.stdin.buffer:
            if line.strip():
                out.write(_answer(line, options) + b"\n")
                out.flush()
    except (BrokenPipeError, KeyboardInterrupt):
        # Whoever read us has seen enough; closing quietly is what a filter does.
        sys.stderr.close()
        sys.exit(0)


def _answer(line: bytes, options: Mapping) -> bytes:
    try:
        event = _decoded(line)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        return msgspec.json.encode({"unmappable": f"not JSON: {error}"})
    return msgspec.json.encode(as_json(convert(event, options)))


def _decoded(line: bytes) -> object:
    try:
        return msgspec.json.decode(line)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return msgspec.json.decode(mended(line))


def as_json(meaning: Meaning) -> dict[str, object]:
    """Return a meaning as the command prints it."""
    if isinstance(meaning, Plan):
        return {"calls": [{"method": c.method, "path": c.path, "body": c.body} for c in meaning.calls]}
    return {"unmappable": meaning.reason}
