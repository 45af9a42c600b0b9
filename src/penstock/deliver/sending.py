"""The calls of a dispatch are made, or noted where nothing is written; and with them, what they said."""

from collections.abc import Sequence
from typing import Protocol

from penstock.buffer.port.outcomes import Attempt
from penstock.deliver.attempts import tell, unsent
from penstock.deliver.dispatch import Dispatch
from penstock.deliver.policy import DeliveryPolicy
from penstock.destinations.answer import Accepted, Answer
from penstock.destinations.plan import Call


class Send(Protocol):
    """Makes calls in order, up to the first that is not accepted."""

    async def __call__(self, calls: Sequence[Call], attempts: list[Attempt], *, until: float) -> Answer:
        """Make the calls while the lease lasts `until` a time; the attempts are added to the list."""


async def sent(
    dispatch: Dispatch, attempts: list[Attempt], policy: DeliveryPolicy, send: Send, *, now: float
) -> Answer:
    """Make the calls of a dispatch; in shadow mode, note what would be sent, at `now`, in seconds since 1970."""
    made = len(attempts)
    answer: Answer = Accepted(200, "")
    if dispatch.is_shadow:
        attempts += [unsent(call, at=now) for call in dispatch.calls]
    else:
        answer = await send(dispatch.calls, attempts, until=dispatch.leases[0].expires_at)
    tell(attempts[made:], dispatch, policy)
    return answer
