"""Custify, as people choose it and set it up."""

from collections.abc import Iterator

from penstock.destinations.custify.causes import CAUSES
from penstock.destinations.kind import DestinationKind
from penstock.errors import SettingsError

#: Of the mapping, what the page of the mapping can show the effect of.
PREVIEWED = ("mapping", "nested", "anonymous_fallback", "page_views")
MAPPING = (*PREVIEWED, "date_attributes", "null_clears")
LEDGER = (
    "skip_unchanged", "coalesce", "changes_only", "reassert_days", "policies", "unknown_people", "park_hours",
    "anonymous_hours", "infer_company", "attribute_guard",
)  # fmt: skip
WHERE_THE_KEY_IS = "Settings, Developer, API Key"


def mistakes(name: str, base_url: str, api_key: str) -> Iterator[SettingsError]:  # noqa: ARG001 - any origin may be one
    """Return that a key is missing."""
    if not api_key:
        yield SettingsError(f"{name}api_key", expected="Custify's API key", got="", hint=WHERE_THE_KEY_IS)


KIND = DestinationKind(
    type="custify",
    title="Custify",
    who="Custify",
    purpose="Customer success: people, companies and events.",
    asks="the key, and what feeds it",
    credential="API key",
    found=WHERE_THE_KEY_IS,
    address="Base URL",
    base_url="https://api.custify.com",
    settings=(*MAPPING, *LEDGER),
    causes=CAUSES,
    mistakes=mistakes,
    origin=str,
)
