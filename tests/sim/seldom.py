"""States that a story seldom comes to, as sentences; how often many stories came to each, and which was the first.

A simulation says something only about what it comes to. Seen by tests/sim/onlooker.py, outside of the product's code.
"""

import collections
import enum
from collections.abc import Iterable, Iterator

#: So many stories come to each state, the rarest ones several times: with fewer, one that is missing says nothing.
SEEDS_MIN = 20_000
#: The same of stories in which people are erased.
ERASED_SEEDS_MIN = 500


class Seldom(enum.StrEnum):
    """The states, in the order of an event's way."""

    SENT_TWICE_WAITING = "a request came again while its first was waiting"
    SENT_TWICE_UNDER_WAY = "a request came again while a call of its first was under way"
    SENT_TWICE_ENDED = "a request came again after all of its first had ended"
    MERGE_WHILE_BOTH_WAIT = "two people became one while events waited in the lanes of both"
    MERGE_WHILE_PARKED = "two people became one while an event was parked for one of them"
    COMPANY_OF_TWO = "an event waited for a company that somebody else was writing"
    CROWD_BEHIND = "ten events waited behind one that failed"
    OTHERS_PASS = "five events ended while another waited out its backoff"

    LEASE_RAN_OUT_UNDER_WAY = "a lease ran out while its call was under way"
    LEASE_LOST_ACCEPTED = "a call was accepted after its lease ran out"
    LEASE_LOST_FAILED = "a call failed after its lease ran out"
    LEASE_LOST_PARK = "an event was to be parked after its lease ran out"
    LEASE_LOST_FOLLOWERS = "a lease ran out with followers"

    SLOW_BUT_IN_TIME = "an answer came in the last third of the time it may take"
    UNANSWERED_AGAIN = "a call was made again that had been applied without an answer"
    REFUSED_AFTER_FAILING = "a call was refused for good after it had failed"
    GAVE_UP = "an event was given up"
    GAVE_UP_OVER_A_HOLD = "an event was given up whose failing was interrupted by a rest"
    GAVE_UP_OVER_A_CRASH = "an event was given up whose failing was interrupted by a crash"
    FAILED_FIVE_TIMES = "an event failed five times"

    CRASH_UNDER_WAY = "a crash while calls were under way"
    CRASH_APPLIED = "a crash after a call was applied, and before that was written down"
    CRASH_WRITING = "a crash while a verdict was being written"
    CRASH_BETWEEN_CALLS = "a crash between the two calls of a group"
    CRASH_IN_REST = "a crash while the start after a crash waited"
    CRASH_BACKOFF = "a crash while nothing but backoffs was waited for"
    CRASH_QUIET = "a crash while Custify had asked for quiet"
    CRASH_HELD = "a crash while held"
    CRASH_PAUSED = "a crash while paused"
    CRASH_PARKED = "a crash with parked events"
    CRASH_REPLAY = "a crash with replayed events waiting"
    CRASH_PACE = "a pace that was learned before a crash"

    STOP_UNDER_WAY = "a clean stop while calls were under way"
    STOP_GIVES_UP = "a clean stop that gave up calls which did not end"
    STOP_BACKLOG = "a removal with a backlog, and back again"
    STOP_HELD = "a clean stop while held"
    STOP_PARKED = "a clean stop with parked events"

    THROTTLED_AGAIN = "a 429 while the quiet of another ran"
    THROTTLED_NO_TIME = "a 429 that names no time"
    THROTTLED_COALESCED = "a 429 for a call that carried several events"
    THROTTLED_IN_TURN = "a call gave up its turn, for another was throttled meanwhile"
    THROTTLED_SECOND_CALL = "a 429 for the second of two calls"
    SLOWEST = "the slowest pace there is"
    NARROWEST = "one call at once, after failures"

    HELD_TWICE = "a destination was held, went on, and was held again"
    HELD_ACCEPTED = "a call was accepted while held"
    HELD_PROBED = "a probe of a held destination failed three times"
    HELD_PAUSED = "paused while held"
    PAUSED_UNDER_WAY = "paused while calls were under way"
    SET_HELD = "the wall's clock was set while held"
    SET_PAUSED = "the wall's clock was set while paused"
    SET_PARKED = "the wall's clock was set while events were parked"
    SET_UNDER_WAY = "the wall's clock was set while calls were under way"
    SET_QUIET = "the wall's clock was set while Custify had asked for quiet"
    SET_BACKOFF = "the wall's clock was set back while backoffs ran"
    SLEPT_HELD = "the machine slept while held"
    SLEPT_PARKED = "the machine slept while events were parked"
    SLEPT_UNDER_WAY = "the machine slept while calls were under way"
    SLEPT_QUIET = "the machine slept while Custify had asked for quiet"
    STOOD_UNDER_WAY = "the process stood still while calls were under way"
    STOOD_HELD = "the process stood still while held"

    PARKED_AGAIN = "an event was parked a second time"
    PARK_WOKEN = "a park was woken by what was learned from another event"
    PARK_WOKEN_LOOK_UP = "a park was woken by a look-up"
    PARK_RAN_OUT = "a park ran out, and the person was still unknown"
    PARK_FOR_TWO = "two events were parked for one person"
    LOOK_UP_FAILED = "a look-up failed"
    COALESCED_MANY = "one call carried five events"
    COALESCED_REFUSED = "a call that carried several events was refused, and the first went alone"
    COALESCED_IN_DOUBT = "a call that carried several events had no answer"
    NO_OP_RUN = "five events ended in one transaction without a call"
    DOUBT = "what was known of somebody was struck, for a call had no usable answer"
    FOLLOWERS_BACK = "followers went back, for the first of them did not end"

    REPLAY_LIVE = "a replay met a live event in its lane"
    REPLAY_OVERTAKEN = "a live event passed a replayed one in its lane"
    REPLAY_APPLIED = "an event was replayed that had been applied without an answer"
    REPLAY_NO_OP = "a replayed event came to nothing, for Custify held all of it"
    REPLAY_DIED = "a replayed event died again"
    REPLAY_PARKED = "a replayed event was parked"


class SeldomErased(enum.StrEnum):
    """The states of stories in which people are erased, which are told over real files alone."""

    LINKED = "an erasure took ids that nobody had named"
    WAITING = "a person was erased while events of theirs waited"
    UNDER_WAY = "a person was erased while a call about them was under way"
    PARKED = "a person was erased while an event of theirs was parked"
    DEAD = "a person was erased of whom an event was dead"
    REPLAY = "a person was erased while a replay was under way"
    LATE_EVENT = "events came of a person who had been erased"
    CRASH = "a crash while an erasure was under way"
    KILLED = "the process ended between two steps of an erasure"
    DELETED = "Custify had somebody, and deleted them"
    REFUSED = "Custify did not delete when it was asked to"


class Tally:
    """How many stories came to each state, and the first seed that did."""

    def __init__(self) -> None:
        self.counts, self.first = collections.Counter[str](), dict[str, int]()

    @classmethod
    def of(cls, seed: int, seen: Iterable[str]) -> "Tally":
        """Return the tally of one story."""
        one = cls()
        one.counts.update(set(seen))
        one.first = dict.fromkeys(one.counts, seed)
        return one

    def add(self, other: "Tally") -> None:
        """Add other stories."""
        self.counts.update(other.counts)
        for state, seed in other.first.items():
            self.first[state] = min(seed, self.first.get(state, seed))

    def missing(self, states: Iterable[str] = Seldom) -> list[str]:
        """Return the states that no story came to."""
        return [state for state in states if not self.counts[state]]

    def table(self, states: Iterable[str] = Seldom) -> Iterator[str]:
        """Yield the lines of the table."""
        for state in states:
            first = f"seed {self.first[state]}" if state in self.first else ""
            yield f"{self.counts[state]:>7}  {first:<12} {state}"
