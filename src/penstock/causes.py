"""Why an event did not arrive, as stable codes: what programs match, and people look up in docs/causes.

A code is never renamed and never changes its meaning. docs/causes/*.md is generated from this table.
"""

import dataclasses


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Cause:
    """One reason, for a person who has to do something about it."""

    code: str
    #: What happened, in one sentence.
    meaning: str
    #: What to do, in plain words.
    advice: str


KEY_REJECTED = "custify.key_rejected"
REDIRECTED = "custify.redirected"
CERTIFICATE = "custify.certificate"
ADDRESS = "custify.address"
ACCOUNT = "custify.account"
ROUTE = "custify.route"
NOT_THE_API = "custify.not_the_api"
ERROR_ANSWER = "custify.error_in_answer"
REFUSED = "custify.refused"
UNAVAILABLE = "custify.unavailable"
PERSON_UNKNOWN = "custify.person_unknown"
THROTTLED = "custify.throttled"
STUCK = "delivery.stuck"
SHADOW = "mode.shadow"
NO_IDENTITY = "map.no_identity"
ANONYMOUS = "map.anonymous"
NO_COMPANY = "map.no_company"
NO_SUBJECT = "map.no_subject"
NO_NAME = "map.no_event_name"
PLACEHOLDER = "map.placeholder_id"
NO_TYPE = "map.no_type"
NOT_AN_OBJECT = "map.not_an_object"
BODY_GONE = "map.body_gone"
TOO_MANY_NAMES = "event.too_many_names"
NAME_TOO_LONG = "event.name_too_long"
RUDDERSTACK = "map.rudderstack"
TYPE_UNWANTED = "filter.type"
INTEGRATIONS = "filter.integrations"
CONSENT = "filter.consent"
SOURCE_TRUST = "filter.source_trust"
EVENT_NAME = "filter.event"
SUPPRESSED = "privacy.suppressed"
ERASED = "privacy.erased"
PAUSED = "destination.paused"
STALLED = "destination.stalled"
RENAMED = "destination.renamed"
DELIVER_STOPPED = "deliver.stopped"
DISCARDED = "destination.discarded"
STORE_DAMAGED = "store.damaged"
STORE_MISSING = "store.missing"
UNKNOWN = "unknown"

_MEND = "Mend what sends it, or wait for a mapping that reads it, then replay the cause."

#: Causes of our own; those of a kind of destination stand in its folder, and destinations/kinds.py has them all.
OWN = {
    cause.code: cause
    for cause in (
        Cause(
            code=STUCK,
            meaning="To read the event, or to weigh it against what the destination holds, took more steps than any event may"
            " need: alone, and again in a process of its own. It was given up so that the events behind it go on.",
            advice="Look at the event: it is far larger or stranger than what an SDK sends. Mend what sends it. If it looks"
            " harmless, please report it; a later version may read it, then replay the cause.",
        ),
        Cause(
            code=SHADOW,
            meaning="The destination is in shadow mode, or in canary mode and this event is not of the chosen few: what"
            " would have been sent is kept, and nothing was written.",
            advice="Nothing to do. Going live says how many events wait here, and sends them.",
        ),
        Cause(
            code=NO_IDENTITY,
            meaning="The event names no person: it has neither a userId nor an e-mail among its traits.",
            advice="Call identify with a user id before anything else, or switch the fallback to anonymousId on; then"
            " replay the cause.",
        ),
        Cause(
            code=ANONYMOUS,
            meaning="A visitor's event, and no person signed in with the anonymousId it came with; or several people did, and it is"
            " not certain whose it is; or as many such events were waiting as may.",
            advice="Nothing, where visitors just look around. Where people sign in, identify must carry the anonymousId that"
            " they had before, as the SDKs do. Once they have, a replay of the cause sends what they did before.",
        ),
        Cause(
            code=NO_COMPANY,
            meaning="A group call names no company.",
            advice="Send groupId with each group call, or the company's id among its traits; then replay the cause.",
        ),
        Cause(
            code=NO_SUBJECT,
            meaning="A track call names neither a person nor a company.",
            advice="Identify the person first, or send company_id among the properties; then replay the cause.",
        ),
        Cause(
            code=PLACEHOLDER,
            meaning="The only ids that the event has are placeholders, such as `undefined`, `null` or `0`: programs write"
            " them where they know no id, and the data of all of them would meet in one person.",
            advice="Look in the application for a call before the person is known, or for an id that is put into a text."
            " Is it an id after all? Take it out of placeholder_ids, then replay the cause.",
        ),
        Cause(code=NO_NAME, meaning="A track call has no event name.", advice=_MEND),
        Cause(code=NO_TYPE, meaning="The event has no type, so it cannot be known which call it was.", advice=_MEND),
        Cause(
            code=BODY_GONE,
            meaning="The event was to be sent again, and its body is no longer kept: payload_days is over.",
            advice="Nothing can be sent of it. What has to be replayed after a long time needs a larger payload_days.",
        ),
        Cause(code=NOT_AN_OBJECT, meaning="The event is not a JSON object.", advice=_MEND),
        Cause(
            code=TOO_MANY_NAMES,
            meaning="The event has more names among its traits and properties than event_names_max allows.",
            advice="No product sends so many: look at the source's key, and at the code that sends it. If they are meant,"
            " raise event_names_max, then replay the cause; the payload is kept.",
        ),
        Cause(
            code=NAME_TOO_LONG,
            meaning="A trait or property of the event has a name that is longer than event_name_chars_max allows.",
            advice="Names become columns at the destination: look whether a value is sent in a name's place. If it is meant, raise"
            " event_name_chars_max, then replay the cause; the payload is kept.",
        ),
        Cause(
            code=RUDDERSTACK,
            meaning="The mapping `rudderstack` was chosen, and RudderStack would not send this event.",
            advice="Read the reason; the mapping custify/1 may send the event. Choose it, then replay the cause.",
        ),
        Cause(
            code=TYPE_UNWANTED,
            meaning="Events of this type are not sent to the destination.",
            advice="Nothing to do. Page and screen views are sent as events with page_views = true.",
        ),
        Cause(
            code=INTEGRATIONS,
            meaning="The application switched the destination off for this event, with the `integrations` object.",
            advice="Nothing to do if that was meant. Otherwise send `true` for its kind (`Custify: true`) or its name, or leave `integrations` out.",
        ),
        Cause(
            code=CONSENT,
            meaning="The person did not consent to the categories that the destination's settings name.",
            advice="Nothing to do: this is what the consent settings of the destination are for.",
        ),
        Cause(
            code=SOURCE_TRUST,
            meaning="The source's key is public, and it may not write what the event says.",
            advice="Send who people are, and where they belong, from a server's source. If this source may write it, change"
            " its `trust` or `trusted_traits`: that holds for the events that come then.",
        ),
        Cause(
            code=EVENT_NAME,
            meaning="The connection's list of event names does not let this event through.",
            advice="Nothing to do if that was meant. Otherwise change events_allow or events_deny of the connection.",
        ),
        Cause(
            code=SUPPRESSED,
            meaning="The event came of a person or a company who is suppressed; nothing of it was stored.",
            advice="Nothing to do if that was meant. Otherwise take the suppression back on the page Privacy.",
        ),
        Cause(
            code=ERASED,
            meaning="The person or company of the event was erased before it was sent; nothing of it is left.",
            advice="Nothing to do. The receipt on the page Privacy says what was removed.",
        ),
        Cause(
            code=PAUSED,
            meaning="A person paused the destination.",
            advice="Resume it on its page when it may go on. No event grows old meanwhile.",
        ),
        Cause(
            code=RENAMED,
            meaning="The destination has the key or secret of one that is gone, or has another one now, and it was not said yet whether"
            " it is the same one under another name.",
            advice="Say it on its page, or with renamed_from in the settings. Nothing is sent and nothing is lost before that.",
        ),
        Cause(
            code=STALLED,
            meaning="Events wait, and none of them has ended for a minute.",
            advice="What is said beside it tells what deliver is at. If the last call got no answer, look whether the destination"
            " can be reached from this machine; nothing is lost, and it goes on by itself.",
        ),
        Cause(
            code=DELIVER_STOPPED,
            meaning="The process that sends events does not run, or ends again and again.",
            advice="Look into the log of penstock serve for why it ended, and start it again. What is accepted meanwhile is"
            " kept.",
        ),
        Cause(
            code=DISCARDED,
            meaning="A person removed the destination and chose to give up what was waiting.",
            advice="Add the destination again under the same name, then replay the cause, if that was a mistake.",
        ),
        Cause(
            code=STORE_DAMAGED,
            meaning="A file of the store was damaged, and with it the event's payload.",
            advice="Look for a failing disk. The application may send the event again; Penstock cannot.",
        ),
        Cause(
            code=STORE_MISSING,
            meaning="The event waited, and is not in events.db any more: an older copy of the file came back, or a part of it"
            " was lost. It may have been sent before.",
            advice="penstock status says which events are missing. If a newer backup has them, restore that one; the"
            " application may send them again.",
        ),
        Cause(
            code=UNKNOWN,
            meaning="The event ended before causes were written down.",
            advice="Read the reason on the event.",
        ),
    )
}


def said_by(kind: str, code: str) -> str:
    """Return the code of what a kind of destination said, such as `custify.refused`, where every kind has the same."""
    family, _, name = code.partition(".")
    return f"{kind}.{name}" if family == "custify" else code


def refused(status: int) -> str:
    """Return the code of a call that was refused with this status."""
    return f"{REFUSED}.{status}"


def is_unavailable(code: str) -> bool:
    """Return whether a code says that no call gets through, which ends without a person's help."""
    return code.endswith(".unavailable")
