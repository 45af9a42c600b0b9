"""The form of a destination: where it is, its key, and all that stands under Advanced. Pure.

What was typed stays when something of it cannot be used, with what is wrong beside it; but for a key, which is never
sent back.
"""

import dataclasses
from collections.abc import Collection, Mapping, Sequence
from typing import Any

from penstock.admin.pages.fields import Group, advanced, text_of, wrong_fields
from penstock.destinations.kinds import KINDS, settings_of_kind
from penstock.errors import SettingsError, SettingsOutdated
from penstock.settings import Destination, Settings, forms

#: What is chosen for an address that the list does not have.
OTHER = "other"
#: What the first screen of a destination asks for; the rest is Advanced.
FIRST = ("api_key", "region", "base_url", "anonymous_fallback")


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class DestinationForm:
    """A destination's form as a page shows it."""

    type: str
    #: What the key is called, and is not shown again.
    base_url: str
    region: str
    regions: Sequence[tuple[str, str]]
    anonymous_fallback: bool
    groups: Sequence[Group]
    #: By field: what is wrong with what was typed.
    wrong: Mapping[str, str]

    @property
    def is_open(self) -> bool:
        """Return whether something under Advanced has to be looked at."""
        return any(group.is_wrong for group in self.groups)

    @property
    def changed(self) -> int:
        """Return how many settings under Advanced are otherwise than by default."""
        return sum(group.changed for group in self.groups)


def form_shown(
    destination: Destination,
    settings: Settings,
    *,
    typed: Mapping[str, str] = {},
    error: SettingsError | None = None,
) -> DestinationForm:
    """Return the form of a destination, or what was typed into it, with what is wrong with it."""
    wrong = wrong_fields(error, f"destinations.{destination.name}.") if error else {}
    regions = regions_of(destination, settings)
    base_url = typed.get("base_url", destination.base_url)
    region = typed.get("region", base_url if base_url in dict(regions) else OTHER)
    return DestinationForm(
        type=destination.type,
        base_url=base_url if region == OTHER else "",
        region=region,
        regions=regions,
        anonymous_fallback=typed.get("anonymous_fallback", text_of(destination.anonymous_fallback)) == forms.ON,
        groups=advanced(destination, typed, wrong),
        wrong=wrong,
    )


def regions_of(destination: Destination, settings: Settings) -> list[tuple[str, str]]:
    """Return where the far side may be: addresses by what they are called, those of others of its kind among them.

    Of a kind whose address only people can know there is nothing to choose.
    """
    if not (usual := KINDS[destination.type].base_url):
        return [(OTHER, "another address")]
    sandbox = f"http://{settings.sandbox_listen}"
    known = {usual: _host(usual), sandbox: f"the sandbox of this machine, {settings.sandbox_listen}"}
    for other in settings.destinations.values():
        if other.type == destination.type and other.name != destination.name:
            known.setdefault(other.base_url, f"{_host(other.base_url)}, as {other.name}")
    return [*known.items(), (OTHER, "another address")]


def read_fields(
    form: Mapping[str, str], type_: str, *, beside: Sequence[str] = (), is_new: bool = False
) -> dict[str, Any]:
    """Return a destination's settings of a form. Raises SettingsError."""
    names = [*settings_of_kind(type_), "enabled"]
    region = ["region"] if KINDS[type_].base_url else []
    needed, optional = (("name", "api_key"), [*names, *region]) if is_new else ([*names, *region], ["api_key"])
    forms.check(form, forms.FormFields(needed=needed, optional=[*optional, *beside]))
    fields = forms.read(Destination, form, names, is_whole=not is_new)
    if form.get("region", OTHER) != OTHER:
        fields["base_url"] = form["region"]
    if "base_url" in fields:
        fields["base_url"] = fields["base_url"].rstrip("/")
    return fields


def is_about_a_field(error: SettingsError, destination: str, known: Collection[str]) -> bool:
    """Return whether a mistake is one of the form, and can be said beside its field."""
    if isinstance(error, SettingsOutdated):
        return False
    return not wrong_fields(error, f"destinations.{destination}.").keys().isdisjoint(known)


def fields_shown(type_: str) -> frozenset[str]:
    """Return the fields that a form of a destination shows."""
    return frozenset({*FIRST, *settings_of_kind(type_)})


def _host(url: str) -> str:
    return url.removeprefix("https://")
