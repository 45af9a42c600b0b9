"""Which stored events cannot be used at all: the bad ones of a batch whose others were good. Pure.

accept refuses a request without one usable event; of any other it stores what came, and here it is said why not. Nothing
else is asked of such an event: whose it is, is unknown.
"""

from penstock import causes
from penstock.destinations.plan import Filtered, Unmappable
from penstock.event import Event
from penstock.identity import ERASED, SUPPRESSED
from penstock.minimise.notes import is_body_gone

#: By what stands in the place of its type: why nothing is left of an event.
LEFT = {
    SUPPRESSED: Filtered("its person or company is suppressed: nothing of it was stored", causes.SUPPRESSED),
    ERASED: Filtered("its person or company was erased: nothing of it is left", causes.ERASED),
}


def unusable(event: Event) -> Unmappable | Filtered | None:
    """Return why an event cannot be used at any destination, or that nothing is left of it; None for every other."""
    if event.minimised and is_body_gone(event.minimised):
        return Unmappable("its body is no longer kept", causes.BODY_GONE)
    if event.user_id or event.anonymous_id:
        return None
    if event.type in LEFT:
        return LEFT[event.type]
    if not event.body.lstrip().startswith(b"{"):
        return Unmappable("what stands in the batch is not a JSON object", causes.NOT_AN_OBJECT)
    return Unmappable("the call has neither anonymousId nor userId, nor has its batch", causes.NO_IDENTITY)
