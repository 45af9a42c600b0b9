"""A webhook as a destination."""

from collections.abc import Collection, Mapping
from typing import ClassVar

from penstock.clock import Clock
from penstock.destinations.erasure import Erased
from penstock.destinations.plan import About, Meaning
from penstock.destinations.port import Api
from penstock.destinations.webhook.api import WebhookApi
from penstock.destinations.webhook.convert import Whole, convert
from penstock.settings import Destination, Policy, Settings


class Webhook:
    """See port.Package."""

    reading = Whole
    records: ClassVar[Mapping[str, About]] = {}
    ledger: ClassVar[Mapping[str, Mapping[str, Policy]]] = {}

    def options(self, destination: Destination, settings: Settings) -> Whole:  # noqa: ARG002 - there is nothing to choose
        """Return that events are passed on as they came."""
        return Whole(
            names_max=settings.event_names_max,
            name_chars_max=settings.event_name_chars_max,
            placeholder_ids=settings.placeholder_ids,
            clock_ahead_s_max=settings.clock_ahead_s_max,
        )

    def convert(self, call: object, options: Whole) -> Meaning:
        """Return the one call of an event."""
        return convert(call, options)

    def naming(self, options: Whole) -> None:  # noqa: ARG002 - nothing is read otherwise than by accept
        """Return that events are about the person accept read in them."""
        return

    async def erase(self, api: Api, names: Collection[str], options: Whole) -> Erased:  # noqa: ARG002 - nobody is asked
        """Return that a webhook has nothing that could be deleted by a call."""
        return Erased(0, "a webhook cannot be asked to delete: the people who run its receiver have to be told")

    def connect(self, destination: Destination, settings: Settings, clock: Clock) -> WebhookApi:
        """Return the way to an address."""
        return WebhookApi(destination, settings, clock)


PACKAGE = Webhook()
