"""What is logged of events: which, by its number, and why; nothing that its sender wrote, at any level."""

from pathlib import Path

import structlog

from privacy_world import PrivacyWorld
from unit.test_eraser_waits import told

WORDS = ("ann-1f9c", "ann@example.com", "secret-note")


def test_no_log_line_about_an_event_has_anything_that_its_sender_wrote(tmp_path: Path) -> None:
    known = {"userId": "ann-1f9c", "traits": {"email": "ann@example.com", "note": "secret-note"}}
    bad = {"event": "Bad", "properties": {"note": "secret-note"}}

    async def story(world: PrivacyWorld) -> None:
        with structlog.testing.capture_logs() as lines:
            await world.take("web", {"type": "identify", "messageId": "ann-1f9c-1", **known})
            await world.take("web", {"type": "track", "messageId": "ann-1f9c-2", "userId": "ann-1f9c", **bad})
            await world.take("web", {"type": "track", "messageId": "ann-1f9c-3", "userId": "ann-1f9c"})
            await world.settle(seconds=3)

        assert {"buried", "rejected", "attempted"} <= {line["event"] for line in lines}
        assert [line for line in lines if any(word in str(line) for word in WORDS)] == []
        assert [line["seq"] for line in lines if line["event"] == "buried"] == [2]

    told(tmp_path, story)
