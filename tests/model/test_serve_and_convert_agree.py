"""What `penstock serve` makes of an event, and what `penstock convert` prints for it, is the same, byte for byte."""

import msgspec
import pytest
from click.testing import CliRunner
from hypothesis import given, settings
from hypothesis import strategies as st

from model.test_convert_properties import events, ids
from penstock.accept.one_by_one import read_batch
from penstock.accept.sdk_request import Arrival
from penstock.cli import penstock
from penstock.cli.convert import as_json
from penstock.clock import SeededDice
from penstock.destinations.custify.convert import convert
from penstock.destinations.custify.options import Mapping
from penstock.errors import SdkError
from penstock.event import enriched
from penstock.timestamps import from_ms, to_text
from through_the_door import delivered

# Some day in 2024; the times of the events are around it, before it and far beyond.
ARRIVED_AT_MS = 1_714_979_300_123
ORIGIN = Arrival(source="web", received_at_ms=ARRIVED_AT_MS, ip="10.0.0.7")
people = st.builds(
    lambda event, user_id, number: event | {"userId": user_id, "messageId": f"m{number}"},
    events,
    ids.filter(lambda id_: id_ is not None and str(id_).strip()),
    st.integers(0, 9),
)


@pytest.mark.parametrize("mapping", ["custify/1", "rudderstack"])
@given(said=st.lists(people, min_size=1, max_size=4))
def test_serve_and_convert_make_the_same_calls_of_any_event(mapping, said):
    # accept trims the type; RudderStack's gateway does not, and then fails on it.
    said = [event | {"type": event["type"].strip() if isinstance(event["type"], str) else "track"} for event in said]
    try:
        stored = read_batch(msgspec.json.encode({"batch": said}), origin=ORIGIN, dice=SeededDice(1)).events()
    except SdkError:
        return  # nothing was stored, so there is nothing to compare
    served = [convert(enriched(event), Mapping(name=mapping)) for event in stored]

    arrived = [event | {"receivedAt": to_text(from_ms(ARRIVED_AT_MS))} for event in said]
    lines = b"\n".join(map(msgspec.json.encode, arrived))
    printed = CliRunner().invoke(penstock, ["convert", "--mapping", mapping], input=lines)

    assert printed.stdout_bytes.splitlines() == [msgspec.json.encode(as_json(meaning)) for meaning in served]


@pytest.mark.parametrize("mapping", ["custify/1", "rudderstack"])
@given(said=people)
@settings(max_examples=max(10, settings.default.max_examples // 5))
def test_what_comes_through_the_http_door_is_sent_as_convert_prints_it(mapping, said):
    said = said | {"type": said["type"].strip() if isinstance(said["type"], str) else "track"}
    request = ("/v1/batch", msgspec.json.encode({"batch": [said]}), {})

    came_out = delivered([request], Mapping(name=mapping))
    sent = [msgspec.json.encode(_as_printed(call)) for call in came_out.calls]

    # An event that could not be used is answered 400, and nothing is stored.
    line = msgspec.json.encode(said | {"receivedAt": to_text(from_ms(1_700_000_000_000))})
    printed = CliRunner().invoke(penstock, ["convert", "--mapping", mapping], input=line)
    expected = msgspec.json.decode(printed.stdout_bytes.splitlines()[0]).get("calls", [])
    made = [*map(msgspec.json.encode, expected)]
    # Behind a call that is refused the others are not made.
    assert sent == made or (came_out.has_refused and sent == made[: len(sent)])


def _as_printed(call):
    return {"method": call.method, "path": call.path, "body": call.body}
