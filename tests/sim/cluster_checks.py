"""What must hold over a story of a cluster: over what Custify applied, and what every node's files say."""

import dataclasses
from collections.abc import Sequence

from sim.hostile_custify import Applied

NAMES = ("a", "b", "c")


@dataclasses.dataclass
class ClusterHistory:
    """What Custify and the nodes' files say in the end."""

    sent: int
    applied: Sequence[Applied]
    #: Who called when, and in which epoch; and who had stepped down already.
    calls: Sequence[tuple[float, str, int]]
    called_after_refusal: Sequence[str]
    #: Why a view stopped, by node.
    refused: dict[str, str]
    waiting: int
    outcomes: dict[str, int]
    dead: set[int]
    #: By node: what its delivery.db comes to, and which number each event has in its log.
    sums: dict[str, dict[str, str]]
    numbers: dict[str, dict[str, int]]
    #: What happened, for those who look whether enough did.
    takeovers: int = 0
    handed_over: int = 0
    ended: bool = True


def wrong_with_cluster(history: ClusterHistory) -> list[str]:
    """Return a sentence for everything that is wrong."""
    found = [f"{name} stopped: {why}" for name, why in history.refused.items()]
    found += [f"{each} was called after a refusal" for each in history.called_after_refusal]
    if not history.ended:
        found.append(f"not everything has ended: {history.outcomes} of {history.sent}")
    if history.waiting or sum(history.outcomes.values()) != history.sent:
        found.append(f"the sums differ: {history.sent} sent, {history.waiting} waiting, {history.outcomes}")
    for name in NAMES[1:]:
        if not history.refused and history.sums[name] != history.sums["a"]:
            tables = [table for table, value in history.sums["a"].items() if history.sums[name].get(table) != value]
            found.append(f"{name} has other rows than a: {tables}")
        if not history.refused and history.numbers[name] != history.numbers["a"]:
            found.append(f"{name} gave other numbers than a")
    return [*found, *_wrong_at_custify(history), *_two_owners(history)]


def _wrong_at_custify(history: ClusterHistory) -> list[str]:
    applied = {call.mark for call in history.applied}
    found = [f"m{mark} is lost" for mark in range(1, history.sent + 1) if mark not in applied | history.dead]
    furthest: dict[str, int] = {}
    for call in history.applied:
        if call.mark < furthest.get(call.subject, 0):
            found.append(f"m{call.mark} took effect after m{furthest[call.subject]}, which was sent later")
        furthest[call.subject] = max(call.mark, furthest.get(call.subject, 0))
        if call.deduplication_id != f"m{call.mark}":
            found.append(f"m{call.mark} was sent with the deduplication id {call.deduplication_id!r}")
    return found


def _two_owners(history: ClusterHistory) -> list[str]:
    """Once the owner of an epoch has called, none of an earlier one does."""
    found, newest = [], 0
    for at, name, epoch in history.calls:
        if epoch < newest:
            found.append(f"{name} called at {at:.1f} in epoch {epoch}, after another in epoch {newest}")
        newest = max(newest, epoch)
    return found
