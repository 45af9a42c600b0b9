"""Whether a destination is written to: live, shadow (nothing is written), or canary (for some). Pure."""

import dataclasses
import hashlib
from typing import Literal

from penstock.destinations.plan import Call, Plan
from penstock.settings import Destination

ModeName = Literal["live", "shadow", "canary"]


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Mode:
    """Who is written to."""

    name: ModeName = "live"
    #: With `canary`: whatever concerns one of these companies is sent.
    companies: frozenset[str] = frozenset()
    #: With `canary`: this share of people too, in percent; who is among them never changes while it grows.
    percent: float = 0.0

    def is_live_for(self, plan: Plan) -> bool:
        """Return whether the calls of a plan are really made."""
        if self.name != "canary":
            return self.name == "live"
        return any(self._is_chosen(call) for call in plan.calls)

    def _is_chosen(self, call: Call) -> bool:
        named = {call.company, *call.links()}
        person = call.person if call.about != "company" else ""
        return bool(named & self.companies) or (bool(person) and _percentile(person) < self.percent)


def mode_of(destination: Destination) -> Mode:
    """Return who is written to."""
    return Mode(
        name=destination.mode,
        companies=frozenset(destination.canary_companies),
        percent=destination.canary_percent,
    )


def _percentile(person: str) -> float:
    """Return a number in [0, 100) that is always the same for one person."""
    digest = hashlib.blake2b(person.encode(errors="surrogatepass"), digest_size=8).digest()
    return int.from_bytes(digest, "big") / 2**64 * 100
