"""What no public page says of Custify, and what is assumed here until `penstock probe` asks it.

One row a question: its answers, the one that the sandbox gives (rules.py says how sure that is), and what of Penstock
would have to change if Custify gives another. A test asks the sandbox every one of them.
"""

import dataclasses
from collections.abc import Mapping


@dataclasses.dataclass(frozen=True, slots=True)
class Assumption:
    """One question."""

    asked: str
    #: Code of an answer -> a sentence.
    answers: Mapping[str, str]
    #: The code that holds here.
    assumed: str
    #: What our mapping, ledger or delivery builds on it.
    relies: str


_REFUSED = {"refused": "the call is refused"}
_EVENT = {"dropped": "it is taken and never seen", "kept": "it is seen"} | _REFUSED
_ID = {
    "text": "it is kept as text",
    "number": "it is kept as a number",
    "changed": "it becomes something else",
} | _REFUSED
_NULL = {"clears": "null clears it", "ignored": "null changes nothing"} | _REFUSED
_CASE = {"exact": "capitals count", "ignored": "capitals do not count"}
_DATE = {
    "as_sent": "it comes back as it was sent",
    "instant": "it is read as the instant it is",
    "no_offset": "the offset is lost",
    "ignored": "it is left out",
} | _REFUSED

ASSUMPTIONS: Mapping[str, Assumption] = {
    "numeric_user_id": Assumption(
        "A user_id that is a number", _ID, "text", "`custify/1` sends texts; `rudderstack` sends the number it got."
    ),
    "numeric_company_id": Assumption(
        "A company_id that is a number", _ID, "text", "`custify/1` sends texts; `rudderstack` sends the number it got."
    ),
    "null_field": Assumption(
        "null for a field of a person", _NULL, "clears", "Both mappings leave nulls out, so no value is lost by one."
    ),
    "null_attribute": Assumption(
        "null for a custom attribute", _NULL, "clears", "Both mappings leave nulls out, so no value is lost by one."
    ),
    "null_of_company": Assumption(
        "null for a field of a company", _NULL, "clears", "Both mappings leave nulls out, so no value is lost by one."
    ),
    "null_email": Assumption(
        "null for the e-mail of a person with a user_id",
        {"kept": "the e-mail stays", "clears": "null clears it"} | _REFUSED,
        "kept",
        "Both mappings leave nulls out.",
    ),
    "empty_text": Assumption(
        "An empty text for a field",
        {"kept": "the field becomes an empty text", "clears": "the field is cleared", "ignored": "nothing changes"}
        | _REFUSED,
        "kept",
        "`custify/1` sends an empty text as the value it is, except for ids and e-mails.",
    ),
    "user_id_case": Assumption(
        "Capitals in a user_id", _CASE, "exact", "Lanes and ledger tell user ids apart by their capitals."
    ),
    "email_case": Assumption(
        "Capitals in an e-mail", _CASE, "exact", "`custify/1` sends e-mails in small letters; `rudderstack` as they came."
    ),
    "nobody": Assumption(
        "A read of an unknown person",
        {"empty": "an empty list", "not_found": "404"},
        "empty",
        "The ledger takes an empty list for 'not known', and parks the person's events.",
    ),
    "email_then_user_id": Assumption(
        "A person known by e-mail, written again with a user_id",
        {"one": "they become one person", "two": "they are two people"},
        "one",
        "Their events share a lane, so that the e-mail's come first.",
    ),
    "one_email_two_user_ids": Assumption(
        "Two user_ids with one e-mail",
        {"two": "they are two people", "one": "they are one person"} | _REFUSED,
        "two",
        "Each user_id has a lane and a record of its own.",
    ),
    "conflict": Assumption(
        "The user_id of one person with the e-mail of another",
        {"user_id": "the user_id decides", "email": "the e-mail decides", "another": "another person is written"} | _REFUSED,
        "user_id",
        "An upsert is taken for the user_id's; the ledger writes it down there.",
    ),
    "unknown_company": Assumption(
        "A link to an unknown company_id",
        {"ignored": "the link is ignored", "creates": "the company is created"} | _REFUSED,
        "ignored",
        "The company is written before the person, in this order.",
    ),
    "other_type": Assumption(
        "A text for an attribute that is a number",
        {"kept": "the text is kept", "ignored": "the number stays", "changed": "it becomes something else"} | _REFUSED,
        "kept",
        "The guard warns of attributes that change their type; they are sent.",
    ),
    "number_as_text": Assumption(
        'The text "3" for a documented number',
        {"number": "it becomes the number", "text": "it stays a text", "ignored": "it is left out"} | _REFUSED,
        "refused",
        "`custify/1` turns such texts into numbers; `rudderstack` sends them as they came.",
    ),
    "date_with_offset": Assumption(
        "A date with an offset in a date field", _DATE, "as_sent", "`custify/1` brings dates to UTC; `rudderstack` does not."
    ),
    "date_as_number": Assumption(
        "Seconds since 1970 in a date field",
        {"instant": "it is read as the instant it is", "ignored": "it is left out", "other": "it becomes another date"}
        | _REFUSED,
        "refused",
        "`custify/1` writes dates as texts; `rudderstack` sends what it got.",
    ),
    "offset_attribute": Assumption(
        "The type of an attribute that came as a date with an offset",
        {"date": "a date", "text": "a text"},
        "text",
        "`custify/1` brings such attributes to UTC, so that they are dates.",
    ),
    "nested_attribute": Assumption(
        "An object among the custom attributes",
        {"kept": "it is kept", "ignored": "it is left out"} | _REFUSED,
        "refused",
        "Objects and arrays are left out, flattened or sent as JSON text (`nested`).",
    ),
    "unknown_field": Assumption(
        "A field that is not documented",
        {"ignored": "it is ignored", "kept": "it is kept"} | _REFUSED,
        "ignored",
        "Both mappings send documented fields alone; the rest becomes custom attributes.",
    ),
    "large_body": Assumption(
        "An attribute of 32 kB",
        {"kept": "it is kept whole", "cut": "it is cut"} | _REFUSED,
        "kept",
        "What an SDK may send in one event is sent whole.",
    ),
    "deletion": Assumption(
        "DELETE /people?user_id=",
        {"gone": "the person is gone", "remains": "the person stays"} | _REFUSED,
        "gone",
        "Nothing: Penstock deletes no person at Custify.",
    ),
    "written_again": Assumption(
        "A deleted person, written again",
        {"new": "they begin anew", "restored": "what they had comes back"} | _REFUSED,
        "new",
        "After a deletion the ledger must forget the person: `penstock ledger forget`.",
    ),
    "deletion_of_nobody": Assumption(
        "DELETE of an unknown person",
        {"not_found": "404", "taken": "it is taken"},
        "not_found",
        "Nothing: Penstock deletes no person at Custify.",
    ),
    "event_of_unknown_person": Assumption(
        "An event of a person who is written afterwards",
        _EVENT,
        "dropped",
        "Events wait until their person is known (`ledger`); without that they would be lost.",
    ),
    "event_of_unknown_company": Assumption(
        "An event of a company that is written afterwards", _EVENT, "dropped", "Companies are written first."
    ),
    "event_without_company": Assumption(
        "An event that names no company, of a person in two",
        {"all": "it counts for both", "one": "it counts for one", "none": "it counts for none"} | _REFUSED,
        "all",
        "`custify/1` names the company where it is known.",
    ),
    "deduplication": Assumption(
        "The same deduplication_id twice",
        {"ignored": "the second is ignored", "counted": "both count"},
        "ignored",
        "Repeats after an unanswered call, a restore or a replay count once.",
    ),
    "deduplication_scope": Assumption(
        "The same deduplication_id on another event of another person",
        {"workspace": "the second is ignored", "narrower": "both count"} | _REFUSED,
        "workspace",
        "A messageId that two people's events share loses the second one.",
    ),
    "deduplication_later": Assumption(
        "The same deduplication_id again, some time later",
        {"ignored": "it is still ignored", "counted": "it counts"},
        "ignored",
        "Repeats count once however late they come: after an outage, a restore or a replay.",
    ),
    "event_nested_metadata": Assumption(
        "An object among the metadata of an event",
        {"kept": "the event is kept", "dropped": "the event is taken and never seen"} | _REFUSED,
        "refused",
        "Objects and arrays are left out, flattened or sent as JSON text (`nested`).",
    ),
    "event_date_with_offset": Assumption(
        "A created_at with an offset", _DATE, "as_sent", "`custify/1` brings it to UTC; `rudderstack` does not."
    ),
    "event_email_case": Assumption(
        "An event whose e-mail has other capitals than the person's",
        _CASE,
        "exact",
        "`custify/1` sends e-mails in small letters; `rudderstack` as they came.",
    ),
    "event_unknown_id_known_email": Assumption(
        "An event with an unknown user_id and a known e-mail",
        _EVENT,
        "dropped",
        "Such an event waits until its user_id is known (`ledger`).",
    ),
}  # fmt: skip
