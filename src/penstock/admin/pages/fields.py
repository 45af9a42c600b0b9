"""The settings of a destination as a form shows them: grouped, each with one sentence, its default by name, and a link. Pure.

What a setting may be stands in settings/table.py; here is only how people are asked for it.
"""

import dataclasses
from collections.abc import Mapping, Sequence

from penstock.destinations.kinds import settings_of_kind
from penstock.errors import SettingsError
from penstock.ledger.rules import rules_of
from penstock.settings import Destination, Source, forms


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Shown:
    """One setting in a form."""

    name: str
    label: str
    #: "choice", "flag", "amount", "list" or "lines".
    kind: str
    #: One sentence: what it does.
    does: str
    value: str = ""
    #: What may be chosen, and how each is called.
    choices: Sequence[tuple[str, str]] = ()
    #: What it is when nobody says anything, with the reason where there is one.
    default: str = ""
    #: Whether it is otherwise than by default.
    is_changed: bool = False
    #: What is wrong with what was typed.
    wrong: str = ""
    min: str = ""
    max: str = ""


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Group:
    """Settings that belong together."""

    title: str
    fields: Sequence[Shown]

    @property
    def changed(self) -> int:
        """Return how many are otherwise than by default."""
        return sum(field.is_changed for field in self.fields)

    @property
    def is_wrong(self) -> bool:
        """Return whether something typed here cannot be used."""
        return any(field.wrong for field in self.fields)


def _choice(name: str, label: str, does: str) -> Shown:
    return Shown(name=name, label=label, kind="choice", does=does)


def _flag(name: str, label: str, does: str) -> Shown:
    return Shown(name=name, label=label, kind="flag", does=does)


def _amount(name: str, label: str, does: str, at_least: str = "0", at_most: str = "") -> Shown:
    return Shown(name=name, label=label, kind="amount", does=does, min=at_least, max=at_most)


def _list(name: str, label: str, does: str) -> Shown:
    return Shown(name=name, label=label, kind="list", does=does)


WHAT = (
    _choice("mapping", "Mapping", "rudderstack sends byte for byte what RudderStack would send, for those who come from there."),
    _choice("nested", "Arrays and objects", "Left out, flattened to a.b, or sent as JSON text."),
    _flag("page_views", "Send page and screen views as events", "Otherwise they are filtered."),
    _list("date_attributes", "Attributes that are dates", "With commas, such as renewal, or company.renewal for companies alone."),
    _flag("null_clears", "A trait of null takes the field back", "Otherwise a null says nothing: SDKs send many."),
)  # fmt: skip
TRYING = (
    _choice("mode", "Mode", "shadow writes nothing and keeps what it would send; canary writes for some."),
    _list("canary_companies", "Canary: companies", "Ids with commas; whatever concerns them is sent."),
    _amount("canary_percent", "Canary: share of people, in percent", "Always the same people.", "0", "100"),
)
PACE = (_amount("calls_per_s_max", "Calls a second at most", "0 is as many as are taken."),)
SAVED = (
    _choice("skip_unchanged", "Upserts that change nothing", "They end as already up to date instead of being sent."),
    _choice("coalesce", "Upserts that wait together", "They become one call, with the last value of each field."),
    _flag("changes_only", "Send only the fields that changed", "Otherwise each call has all its fields."),
    _amount("reassert_days", "Send everything again in full after, in days", "So that what was changed by hand is mended.", "0.01"),
    Shown(
        name="policies", label="Who may overwrite a field", kind="lines",
        does="One a line, such as people.phone = latest: always, set_once, never_null, max, min, latest or owner.",
    ),
)  # fmt: skip
WHO = (
    _choice("unknown_people", "Events of people who are not known there", "park: they wait for an identify; create: the person is made first; send: they vanish."),
    _amount("park_hours", "They wait for their person at most, in hours", "Then they are given up, and can be sent again.", "0.01"),
    _amount("anonymous_hours", "Visitors' events wait for a sign-in at most, in hours", "Then they are sent as that user's; 0 rejects them at once."),
    _choice("infer_company", "Company of an event that names none", "That of its person, where they belong to one alone."),
    _choice("attribute_guard", "New attributes that look like mistakes", "warn lists them; hold makes their person wait for approval."),
)  # fmt: skip
CONSENT = (
    _choice("consent_provider", "Consent management provider", "Events of people who refused are filtered."),
    _choice(
        "consent_resolution", "With several categories", "and: one refused filters an event; or: only all of them."
    ),
    _list("consent_categories", "Consent category ids", "With commas: those that this destination needs."),
)
SENDERS = (
    _list("allowed_origins", "Pages that may send", "Origins with commas, such as https://app.example.com or https://*.example.com; * for all."),
    _choice("trust", "Trust", "With the key any person may be named; trusted: all of it is written; traits: those below, and events; events: these alone."),
    _list("trusted_traits", "Trusted traits", "With trust traits: these attributes, and of the fields the name, the phone and the count of sessions."),
    _choice("quota", "Quota", "Whether the limits below hold."),
    _amount("events_per_s_max", "Events a second", "More, beyond what may come at once, is answered with 429.", "1"),
    _amount("bytes_per_s_max", "Bytes a second", "The same for bytes, as they are after inflating.", "1"),
    _amount("burst_s", "Seconds' worth that may come at once", "60 at least: some SDKs give up after seconds of 429.", "1"),
    _amount("store_share_max", "Share of the store", "Of what may be stored, so much may be its own; 0 is half for web and mobile, all for server.", "0", "1"),
)  # fmt: skip
STORED = (
    _list("never_store", "Never stored", "Traits and properties with commas, such as traits.phone, properties.card_* or **.password; removed before the disk."),
    _list("store_hashed", "Stored as a keyed hash", "The same places: equal values stay equal, and nobody can read them. It is what destinations get."),
    _list("store_only", "Only these are stored", "If any are named, all other traits and properties are removed."),
    _choice("ip_addresses", "IP addresses", "truncate keeps the network, drop nothing."),
)  # fmt: skip
#: What stands under Advanced, of those settings that a kind of destination has.
GROUPS: Sequence[tuple[str, Sequence[Shown]]] = (
    ("What is sent", WHAT), ("Trying it out", TRYING), ("Pace", PACE), ("What need not be sent", SAVED),
    ("People and companies", WHO), ("Consent", CONSENT),
)  # fmt: skip


def advanced(destination: Destination, typed: Mapping[str, str], wrong: Mapping[str, str]) -> list[Group]:
    """Return what stands under Advanced: values as they are or, of a form that was refused, as they were typed."""
    choices = forms.choices(Destination)
    defaults = Destination(name=destination.name, type=destination.type, api_key="", mapping=destination.mapping)

    def shown(field: Shown) -> Shown:
        name, by_default = field.name, text_of(getattr(defaults, field.name))
        value = typed.get(name, text_of(getattr(destination, name)))
        return dataclasses.replace(
            field,
            value=value,
            choices=[(each, _called(each, name, destination)) for each in choices.get(name, ())],
            default=_default(by_default, name, destination),
            is_changed=value != ("custify/1" if name == "mapping" else by_default),
            wrong=wrong.get(name, ""),
        )

    own = settings_of_kind(destination.type)
    groups = [(title, [shown(each) for each in fields if each.name in own]) for title, fields in GROUPS]
    return [Group(title=title, fields=fields) for title, fields in groups if fields]


def of_source(source: Source, typed: Mapping[str, str], wrong: Mapping[str, str]) -> list[Group]:
    """Return what may be set of a source, as it is or, of a form that was refused, as it was typed."""
    choices = forms.choices(Source)
    defaults = Source(name=source.name, type=source.type, write_key="")
    autos = {"quota": forms.ON if defaults.has_quota else forms.OFF, "ip_addresses": defaults.ip_kept}

    def shown(field: Shown) -> Shown:
        name, by_default = field.name, text_of(getattr(defaults, field.name))
        value, auto = typed.get(name, text_of(getattr(source, name))), f"{autos.get(name)}, because {source.type}"
        return dataclasses.replace(
            field,
            value=value,
            choices=[(each, f"auto: {auto}" if each == "auto" else each) for each in choices.get(name, ())],
            default=auto if by_default == "auto" else by_default or _no_value(name, defaults),
            is_changed=value != by_default,
            wrong=wrong.get(name, ""),
        )

    groups = (("Who may send, and how much", SENDERS), ("What is never stored", STORED))
    return [Group(title=title, fields=[shown(each) for each in fields]) for title, fields in groups]


def _no_value(name: str, source: Source) -> str:
    return ("all" if source.origins else "no browser") if name == "allowed_origins" else "none"


def text_of(value: object) -> str:
    """Return a setting's value as a form has it."""
    if isinstance(value, bool):
        return forms.ON if value else forms.OFF
    if isinstance(value, tuple):
        return ", ".join(value)
    if isinstance(value, Mapping):
        return "\n".join(f"{key} = {each}" for key, each in value.items())
    return str(value).removesuffix(".0") if isinstance(value, float) else str(value)


def wrong_fields(error: SettingsError, before: str) -> dict[str, str]:
    """Return, by field of the form, what is wrong with it: of all mistakes that were found.

    `before` is what their names begin with, such as `sources.web.`.
    """
    found: dict[str, str] = {}
    for each in (error, *error.others):
        name = each.name.removeprefix(before).partition(".")[0]
        found.setdefault(name, f"This cannot be used: expected {each.expected}{'; ' if each.hint else ''}{each.hint}.")
    return found


def _called(choice: str, name: str, destination: Destination) -> str:
    return f"auto: {_auto(name, destination)}" if choice == "auto" else choice


def _default(by_default: str, name: str, destination: Destination) -> str:
    """Return a default in words: `auto` by what it comes to, and why."""
    if name == "mapping":
        return "custify/1"
    return _auto(name, destination) if by_default == "auto" else by_default or "none"


def _auto(name: str, destination: Destination) -> str:
    rules = rules_of(Destination(name="", type=destination.type, api_key="", mapping=destination.mapping))
    meant = {"skip_unchanged": rules.skip_unchanged, "coalesce": rules.coalesce, "infer_company": rules.infer_company}
    words = {"unknown_people": rules.unknown, "attribute_guard": rules.guard}
    said = words[name] if name in words else forms.ON if meant[name] else forms.OFF
    return f"{said}, because {destination.mapping}"
