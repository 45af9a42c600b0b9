"""`penstock convert`: events in, Custify's calls out. No network, no state."""

import sys
from typing import Literal

import click
import msgspec

from penstock.accept.lenient import readable, without_mark
from penstock.destinations.custify.options import Mapping
from penstock.destinations.every import convert
from penstock.destinations.plan import Meaning, Plan
from penstock.event import in_one_go, mended, value_of


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
        # The reader has seen enough; closing quietly is what a filter does.
        sys.stderr.close()
        sys.exit(0)


def _answer(line: bytes, options: Mapping) -> bytes:
    try:
        event = decoded(line)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        return msgspec.json.encode({"unmappable": f"not JSON: {error}"})
    return msgspec.json.encode(as_json(convert(event, options)))


def decoded(line: bytes) -> object:
    """Read a line as accept reads a body: as it is, else mended where its meaning is certain."""
    for read in (bytes, mended):
        try:
            return value_of(read(line))
        except (msgspec.DecodeError, UnicodeDecodeError):
            continue
    return value_of(in_one_go(readable(mended(without_mark(line)))))


def as_json(meaning: Meaning) -> dict[str, object]:
    """Return a meaning as the command prints it."""
    if isinstance(meaning, Plan):
        return {"calls": [{"method": c.method, "path": c.path, "body": c.body} for c in meaning.calls]}
    return {"unmappable": meaning.reason}
