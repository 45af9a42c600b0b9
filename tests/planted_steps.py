"""Steps of delivery that go wrong for some events, as told by the message id; for the engine, and for its children."""

import os
import signal

from penstock.deliver import attributes, reads, weighing

#: Set by a test to its own pid: what goes wrong in the loop alone.
PARENT = "PLANTED_PARENT"


def _go_wrong(names: str) -> None:
    if "never ends" in names:
        while _never():
            pass
    if "slow in the loop" in names and _is_parent():
        while _never():
            pass
    if "killed" in names:
        while _is_parent():
            pass
        os.kill(os.getpid(), signal.SIGKILL)


def _never() -> bool:
    return True


def _is_parent() -> bool:
    return os.environ[PARENT] == str(os.getpid())


def meaning_of(event, policy):
    """Read an event."""
    if event.message_id.startswith("read"):
        _go_wrong(event.message_id)
    return REAL_MEANING(event, policy)


def weighed_at(known, rules, now):
    """Weigh a run."""
    for part in known.parts:
        if part.message_id.startswith("weigh"):
            _go_wrong(part.message_id)
    return REAL_WEIGHED(known, rules, now)


def looked_at(new, known, message_id):
    """Look at new attributes."""
    if message_id.startswith("guard"):
        _go_wrong(message_id)
    return REAL_LOOKED(new, known, message_id)


REAL_MEANING, REAL_WEIGHED, REAL_LOOKED = reads.meaning_of, weighing.weighed_at, attributes.looked_at
