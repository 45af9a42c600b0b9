"""What an event means for a destination: a Plan of Calls, Unmappable, or Filtered."""

import dataclasses
from collections.abc import Iterator, Mapping, Sequence
from typing import ClassVar, Literal

from penstock import causes

#: What a call is about: the record of a person or of a company, or something that happened.
About = Literal["person", "company", "event"]
Value = str | int | float | bool
#: In front of the number of the replay, behind the id of an event that counts once more.
AGAIN = ".again-"
#: The type of an attribute, as far as destinations tell types apart.
AttributeType = Literal["date", "number", "boolean", "string"]


@dataclasses.dataclass(frozen=True, slots=True)
class Call:
    """One HTTP request to a destination. Sending it twice does no harm.

    What it says, and of which person, is asked of the call: each destination has words of its own for it. A call as it is here
    tells that something happened, and nothing of it is kept on record.
    """

    path: str
    body: dict[str, object]
    method: Literal["POST"] = "POST"
    #: Fields whose value was not stated but derived: it gives way to whatever is ever stated.
    guessed: tuple[str, ...] = dataclasses.field(default=(), compare=False)

    #: The field in which an event names its company; and that in which attributes stand that people made up.
    company_field: ClassVar[str] = ""
    attribute_group: ClassVar[str] = ""

    @property
    def about(self) -> About:
        """Return what the call is about."""
        return "event"

    @property
    def kind(self) -> str:
        """Return how settings name the records that the call writes, in front of their fields."""
        return ""

    @property
    def subject(self) -> str:
        """Return whose record it is: `user:…`, `email:…` or `company:…`; empty when the call names no record."""
        return ""

    @property
    def person(self) -> str:
        """Return the person it names, by user id, else by e-mail, as a subject; empty when it names none."""
        return ""

    @property
    def company(self) -> str:
        """Return the id of the company it names; empty when it names none."""
        return ""

    @property
    def email(self) -> object:
        """Return the e-mail address it names; falsy when it names none."""
        return None

    def fields(self) -> Mapping[str, Value | None]:
        """Return the fields it sets, without ids and links; attributes as `GROUP.NAME`, None for what is taken back."""
        return {}

    def links(self) -> Mapping[str, bool]:
        """Return the companies that it links its person to (true), or takes the person out of (false)."""
        return {}

    def attributes(self) -> Iterator[tuple[str, object]]:
        """Yield the attributes it sets that people made up, as `KIND.NAME`."""
        return iter(())

    def rewritten(
        self,
        said: Sequence["Call"],  # noqa: ARG002 - nothing of it is on record
        fields: Mapping[str, Value | None],  # noqa: ARG002 - nothing of it is on record
        links: Mapping[str, bool],  # noqa: ARG002 - nothing of it is on record
    ) -> "Call":
        """Return one call that says this of the subject of all those that were `said`."""
        return self

    def introductions(self) -> Sequence["Call"]:
        """Return the calls that make the person of an event known, and say nothing else."""
        return ()

    def of_company(self, company_id: str) -> "Call":  # noqa: ARG002 - nothing of it is on record
        """Return the same event, of a company."""
        return self

    @property
    def repeat_id(self) -> str:
        """Return the id by which the destination tells that it has this already; empty: it would count it once more."""
        return ""

    def anew(self, mark: str) -> "Call":  # noqa: ARG002 - there is nothing to tell it by
        """Return the same, with another `repeat_id` where it has one: the old one with a mark behind it."""
        return self

    def look_ups(self) -> Sequence[str]:
        """Return the reads that tell whether its person is known, in this order."""
        return ()

    def found(self, text: str) -> Mapping[str, object] | None:  # noqa: ARG002 - nothing of it is on record
        """Return what is held of the person in the answer to a look-up, as `fields` names it; None when there is none."""
        return None

    @property
    def attribute_list(self) -> str:
        """Return the read that lists all attributes of such records."""
        return ""

    def listed(self, text: str) -> dict[str, AttributeType | None] | None:  # noqa: ARG002 - nothing of it is on record
        """Return the attributes in the answer to that read; None when it cannot be read, which is not to have none."""
        return None


@dataclasses.dataclass(frozen=True, slots=True)
class Plan:
    """The calls of one event, to be made in this order."""

    calls: tuple[Call, ...]


@dataclasses.dataclass(frozen=True, slots=True)
class Unmappable:
    """The event cannot become a call; it ends as rejected, and `reason` is a sentence for the operator."""

    reason: str
    #: One of causes.py.
    cause: str
    #: The anonymous id of an event that names no person: it could be sent if it were known who that is.
    visitor: str = ""


@dataclasses.dataclass(frozen=True, slots=True)
class Filtered:
    """The event could be read but is not wanted at this destination; it ends as filtered."""

    reason: str
    cause: str = causes.TYPE_UNWANTED


Meaning = Plan | Unmappable | Filtered
