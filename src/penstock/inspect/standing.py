"""In what state a destination is, why, and what people can do about it. Pure."""

import dataclasses
import datetime as dt
from collections.abc import Mapping
from typing import cast

from penstock import causes
from penstock.buffer.port.shelf import Counts, ParkedLongest
from penstock.machine.pulse import RoleStatus
from penstock.settings import Destination

# Longer than a call may take, and shorter than people wait before they look.
STALLED_S = 60.0


#: "stalled": something waits and nothing moves. "stopped": deliver does not run. "down": a file of the store is damaged.
#: "throttled": the destination asked for a long wait. "down" also: no call gets through to it.
STATES = ("delivering", "throttled", "stalled", "held", "paused", "disabled", "stopped", "down")


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class DestinationState:
    """How a destination stands."""

    #: One of STATES.
    state: str
    #: One of causes.py; empty while delivering.
    cause: str = ""
    reason: str = ""
    #: Until when the destination asked for quiet, in seconds since 1970; None while it does not.
    wait_until: float | None = None
    #: Seconds since an event ended, or could begin to; None when that is unknown.
    still_s: float | None = None


def standing_of(
    live: Mapping[str, object], counts: Counts, deliver: RoleStatus | None, *, enabled: bool, steady: float
) -> DestinationState:
    """Return how a destination stands, by deliver's last words, what is stored, and whether deliver lives."""
    moved_at = cast("float | None", live.get("moved_at"))
    still_s = None if moved_at is None else max(0.0, steady - moved_at)
    state, cause, reason = _told(live, enabled=enabled, has_work=counts.waiting > counts.parked)
    if state in {"delivering", "throttled"} and (deliver is None or deliver.state != "running"):
        state, cause = "stopped", causes.DELIVER_STOPPED
        reason = f"deliver {deliver.in_words()}" if deliver else "deliver has not started"
    elif state == "delivering" and is_stalled(counts, still_s):
        state, cause, reason = "stalled", causes.STALLED, _why(live, counts, still_s or 0.0)
    wait_until = cast("float | None", live.get("wait_until"))
    return DestinationState(state=state, cause=cause, reason=reason, still_s=still_s, wait_until=wait_until)


def given_up_in_s(
    longest: ParkedLongest | None, destination: Destination, live: Mapping[str, object], *, steady: float
) -> float | None:
    """Return in how many seconds the event that is parked for longest is given up.

    None when none is parked, while the retry clock stands still, and before deliver has said how that clock goes.
    """
    behind_s = live.get("retry_behind_s")
    if longest is None or not isinstance(behind_s, float | int):
        return None
    hours = destination.anonymous_hours if longest.is_visitors else destination.park_hours
    return max(0.0, longest.parked_at + hours * 3600 - (steady - behind_s))


def is_stalled(counts: Counts, still_s: float | None) -> bool:
    """Return whether something waits, not only for its person to become known, and nothing moved for long."""
    return still_s is not None and still_s >= STALLED_S and counts.waiting > counts.parked


def _told(live: Mapping[str, object], *, enabled: bool, has_work: bool) -> tuple[str, str, str]:
    """Return state, cause and reason as people and deliver want them."""
    if not enabled:
        return "disabled", "", "disabled in the settings; its backlog is kept"
    if paused_by := live.get("paused_by"):
        return "paused", causes.PAUSED, f"paused by {paused_by}"
    # On trial a read has passed: with nothing to write, that is all there is to know.
    if (reason := live.get("hold_reason")) and (has_work or not live.get("is_on_trial")):
        cause = str(live.get("hold_cause", ""))
        return "down" if causes.is_unavailable(cause) else "held", cause, str(reason)
    if until := live.get("wait_until"):
        cause = causes.said_by(str(live.get("causes", "custify")), causes.THROTTLED)
        return "throttled", cause, _asked_to_wait(live, cast("float", until))
    return "delivering", "", ""


def _asked_to_wait(live: Mapping[str, object], until: float) -> str:
    at, who = f"{dt.datetime.fromtimestamp(until, dt.UTC):%Y-%m-%d %H:%M:%S} UTC", live.get("who", "The destination")
    if live.get("wait_is_cut"):
        return f"{who} asked us to wait for longer than retry_after_s_max; it is asked again at {at}"
    return f"{who} asked us to wait until {at}"


def _why(live: Mapping[str, object], counts: Counts, still_s: float) -> str:
    found = [f"nothing ended for {still_s:.0f} s, and {counts.waiting - counts.parked} events wait"]
    if counts.retrying:
        found.append(f"{counts.retrying} failed before and are tried again")
    if in_flight := live.get("in_flight"):
        found.append(f"{in_flight} calls are under way")
    if trouble := live.get("trouble"):
        found.append(f"the last call got: {trouble}")
    return "; ".join(found)
