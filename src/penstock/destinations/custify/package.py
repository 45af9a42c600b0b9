"""Custify as a destination."""

from collections.abc import Collection
from collections.abc import Mapping as Table
from typing import ClassVar

from penstock.clock import Clock
from penstock.destinations.custify.api import CustifyApi
from penstock.destinations.custify.calls import RECORDS
from penstock.destinations.custify.convert import convert
from penstock.destinations.custify.erasing import erase
from penstock.destinations.custify.naming import NamedBy
from penstock.destinations.custify.options import Mapping
from penstock.destinations.erasure import Erased, NotErased
from penstock.destinations.plan import About, Meaning
from penstock.destinations.port import Api
from penstock.event import Naming
from penstock.settings import Destination, Policy, Settings


class Custify:
    """See port.Package."""

    reading = Mapping
    records: ClassVar[Table[str, About]] = RECORDS
    ledger: ClassVar[Table[str, Table[str, Policy]]] = {"custify/1": {"people.signed_up_at": "set_once"}}

    def options(self, destination: Destination, settings: Settings) -> Mapping:
        """Return which mapping reads events, with its choices."""
        return Mapping(
            name=destination.mapping,
            anonymous_fallback=destination.anonymous_fallback,
            nested=destination.nested,
            page_views=destination.page_views,
            names_max=settings.event_names_max,
            name_chars_max=settings.event_name_chars_max,
            placeholder_ids=settings.placeholder_ids,
            date_attributes=destination.date_attributes,
            clock_ahead_s_max=settings.clock_ahead_s_max,
            null_clears=destination.null_clears,
        )

    def convert(self, call: object, options: Mapping) -> Meaning:
        """Return the calls for a person, a company or an event."""
        return convert(call, options)

    def naming(self, options: Mapping) -> Naming:
        """Return who an event is about, as the mapping reads it."""
        return NamedBy(options)

    async def erase(self, api: Api, names: Collection[str], options: Mapping) -> Erased | NotErased:
        """Delete people and companies, and read back."""
        assert isinstance(api, CustifyApi)
        return await erase(api, names, anonymous_fallback=options.anonymous_fallback)

    def connect(self, destination: Destination, settings: Settings, clock: Clock) -> CustifyApi:
        """Return the way to a workspace."""
        return CustifyApi(
            base_url=destination.base_url,
            api_key=destination.api_key,
            call_s_max=settings.call_timeout_s,
            retry_after_s_max=settings.retry_after_s_max,
            in_flight_max=destination.calls_in_flight_max,
            clock=clock,
            allowed_private_hosts=settings.allowed_private_hosts,
        )


PACKAGE = Custify()
