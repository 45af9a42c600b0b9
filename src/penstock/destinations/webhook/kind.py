"""A webhook, as people choose it and set it up."""

from collections.abc import Iterator

from penstock.destinations.kind import DestinationKind
from penstock.destinations.webhook.causes import CAUSES
from penstock.errors import SettingsError
from penstock.origin import address_of, without_user
from penstock.signing_secret import fresh_secret, secret_of

HINT = "see docs/webhook.md"


def mistakes(name: str, base_url: str, api_key: str) -> Iterator[SettingsError]:
    """Return what is wrong with an address, or with a secret, which is never repeated."""
    try:
        secret_of(api_key)
    except ValueError as error:
        yield SettingsError(f"{name}api_key", expected=str(error), got="(hidden)", hint=HINT)
    try:
        address_of(base_url)
    except ValueError as error:
        yield SettingsError(f"{name}base_url", expected=str(error), got=without_user(base_url), hint=HINT)


def origin(base_url: str) -> str:
    """Return where requests go to."""
    return str(address_of(base_url).origin)


KIND = DestinationKind(
    type="webhook",
    title="Webhook",
    who="The webhook",
    purpose="Any https address: each event as JSON, signed.",
    asks="where events are sent",
    credential="secret",
    found="`whsec_…`, see docs/webhook.md",
    address="Address",
    settings=(),
    causes=CAUSES,
    unmapped="A webhook has no mapping: each event is passed on whole, as the application sent it.",
    mistakes=mistakes,
    origin=origin,
    fresh_credential=fresh_secret,
)
