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

CAUSES = {
    cause.code: cause
    for cause in (
        Cause(
            code=KEY_REJECTED,
            meaning="Custify answered 401 or 403: the API key is wrong, revoked, or lacks a permission.",
            advice="Enter the key shown in Custify under Settings, Developer, API Key. The destination is held meanwhile;"
            " nothing is lost, no event grows old, and delivery goes on by itself once the key works.",
        ),
        Cause(
            code=REDIRECTED,
            meaning="Custify's address answered with a redirect, which Penstock does not follow.",
            advice="Set base_url to the origin that Custify shows beside the API key. The destination is held meanwhile.",
        ),
        Cause(
            code=CERTIFICATE,
            meaning="The certificate of Custify's address cannot be trusted.",
            advice="Look for a proxy that opens TLS, a wrong base_url, or a wrong clock on this machine. The destination is"
            " held meanwhile.",
        ),
        Cause(
            code=ADDRESS,
            meaning="Custify's address must not be connected to: base_url is no origin, or its host leads to an address that"
            " is not the internet's. Nothing was sent.",
            advice="Correct base_url, or what DNS says of its host. Where a host of a network of your own is meant, name it"
            " in allowed_private_hosts. The destination is held meanwhile.",
        ),
        Cause(
            code=ACCOUNT,
            meaning="Custify refuses everything for the sake of the account: 402 (Payment Required) or 451.",
            advice="Ask Custify, or the colleague who pays for it. The destination is held meanwhile; nothing is lost, no event grows"
            " old, and delivery goes on by itself once calls are taken again.",
        ),
        Cause(
            code=ROUTE,
            meaning="Custify's address takes no calls of this kind: every call is answered with 404, 405, 407, 410, 421 or"
            " 426.",
            advice="Is base_url the origin shown beside the API key? Is there a proxy that wants a password, or sends calls"
            " elsewhere? The destination is held meanwhile.",
        ),
        Cause(
            code=NOT_THE_API,
            meaning="A web page answered in the place of Custify's API: a login or maintenance page, a captive portal, a"
            " firewall or a proxy. Whatever its status, nothing was delivered.",
            advice="Open base_url from this machine and see who answers. Where every call is answered so, the destination is"
            " held and goes on by itself. Where one event alone is, a firewall dislikes something in it: look at the event,"
            " then replay the cause.",
        ),
        Cause(
            code=ERROR_ANSWER,
            meaning='The answer had a status of success, and said at its top that it is none (`error`, `"success": false`):'
            " nothing was delivered.",
            advice="Read the answer on the attempt. Where every call is answered so, the destination is held and goes on by"
            " itself. Where one event alone is, mend what it names, then replay the cause.",
        ),
        Cause(
            code=REFUSED,
            meaning="Custify refused the call for good; its answer says why.",
            advice="Read Custify's answer on the attempt. Mend the data or the mapping, then replay the cause.",
        ),
        Cause(
            code=f"{REFUSED}.400",
            meaning="Custify could not read the call (400 Bad Request).",
            advice="A field has a form that Custify does not take; its answer names it. Mend the trait or property where it"
            " is sent, then replay the cause.",
        ),
        Cause(
            code=f"{REFUSED}.403",
            meaning="This event alone was refused with 403 for as long as retry_hours allows, while others passed: a"
            " firewall in front of Custify dislikes something in it.",
            advice="Look at the event for what looks like code, a script or an attack. Mend it where it is sent, or ask"
            " Custify, then replay the cause.",
        ),
        Cause(
            code=f"{REFUSED}.404",
            meaning="Custify does not know what the call writes to (404 Not Found).",
            advice="Is base_url the origin shown beside the API key? Then replay the cause.",
        ),
        Cause(
            code=f"{REFUSED}.413",
            meaning="The call was too large for Custify (413).",
            advice='Send fewer or shorter traits; with nested = "drop" arrays and objects are left out.',
        ),
        Cause(
            code=f"{REFUSED}.422",
            meaning="Custify understood the call and refused a value in it (422).",
            advice="Its answer names the field: a type that changed, an unknown choice, a malformed e-mail. Mend the data"
            " or the attribute in Custify, then replay the cause.",
        ),
        Cause(
            code=UNAVAILABLE,
            meaning="Custify gave no usable answer: to any call now, or to this event for as long as retry_hours allows.",
            advice="See whether Custify is reachable from this machine (status page, proxy, DNS). While no call gets through,"
            " one read every few seconds finds out when it is back, and no event grows old. Replay the cause for events"
            " that are dead.",
        ),
        Cause(
            code=THROTTLED,
            meaning="Custify answered 429, or 503, and asked for a long wait with Retry-After.",
            advice="Nothing to do: delivery goes on by itself, and no event grows old meanwhile. Resume the destination to"
            " ask at once; a restart and a changed key do so too. retry_after_s_max is the longest wait that is agreed to.",
        ),
        Cause(
            code=PERSON_UNKNOWN,
            meaning="Custify does not know the person of an event, and no identify or group call came for them in time."
            " Custify would have taken the event and dropped it without a word.",
            advice="Call identify (or group) for the person, then replay the cause; or set unknown_people to `create`.",
        ),
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


_RESTS = " The destination is held meanwhile; nothing is lost, and delivery goes on by itself once a ping is taken."
_REPLAY = "Read the answer on the attempt. Mend the receiver or the data, then replay the cause."
_OF_WEBHOOKS = (
    (
        "key_rejected",
        "The receiver of a webhook answered 401 or 403: it does not take the signature, or knows another secret.",
        "Enter the same secret on both sides, and look whether the receiver's clock is right." + _RESTS,
    ),
    ("redirected", "The address of a webhook answered with a redirect, which Penstock does not follow.",
     "Enter the address that it leads to." + _RESTS),
    ("certificate", "The certificate of a webhook's address cannot be trusted.",
     "Look for a proxy that opens TLS, a wrong address, or a wrong clock on this machine." + _RESTS),
    ("address", ("A webhook's address must not be connected to: its host leads to an address that is not the internet's."
     " Nothing was sent."),
     "Correct the address, or what DNS says of its host. Where a host of a network of your own is meant, name it in"
     " allowed_private_hosts." + _RESTS),
    ("account", "The receiver of a webhook refuses everything: 402 (Payment Required) or 451.",
     "Ask the people who run the receiver." + _RESTS),
    ("route", "The address of a webhook takes no events: every request is answered with 404, 405, 407, 410, 421 or 426.",
     "Correct the address, or the receiver behind it: it must take POST." + _RESTS),
    ("not_the_api", "A web page refused a webhook's request in the receiver's place: a login page, a firewall or a proxy.",
     ("Open the address from this machine and see who answers. Where one event alone is answered so, a firewall dislikes"
     " something in it: look at the event, then replay the cause.")),
    ("refused", "The receiver of a webhook refused an event for good; its answer says why.", _REPLAY),
    ("refused.400", "The receiver of a webhook could not read an event (400 Bad Request).", _REPLAY),
    ("refused.403", ("The receiver of a webhook answered this event alone with 403 for as long as retry_hours allows, while"
     " others passed: a firewall in front of it dislikes something in it."),
     "Look at the event for what looks like code, a script or an attack, then replay the cause."),
    ("refused.404", "The receiver of a webhook does not know what an event is about (404 Not Found).", _REPLAY),
    ("refused.413", "An event was too large for the receiver of a webhook (413).",
     "Let the receiver take larger bodies, then replay the cause."),
    ("refused.422", "The receiver of a webhook understood an event and refused it (422).", _REPLAY),
    ("unavailable", "A webhook gave no usable answer: to any request now, or to this event for as long as retry_hours allows.",
     ("See whether its address can be reached from this machine. While no call gets through, a ping every few seconds finds"
     " out when it is back, and no event grows old. Replay the cause for events that are dead.")),
    ("throttled", "The receiver of a webhook answered 429, or 503, and asked for a long wait with Retry-After.",
     ("Nothing to do: delivery goes on by itself, and no event grows old meanwhile. retry_after_s_max is the longest wait"
     " that is agreed to.")),
)  # fmt: skip
CAUSES |= {
    f"webhook.{name}": Cause(code=f"webhook.{name}", meaning=meaning, advice=advice)
    for name, meaning, advice in _OF_WEBHOOKS
}


def said_by(kind: str, code: str) -> str:
    """Return the code of what a kind of destination said, such as `webhook.refused`, where every kind has the same."""
    family, _, name = code.partition(".")
    return f"{kind}.{name}" if family == "custify" else code


def refused(status: int) -> str:
    """Return the code of a call that was refused with this status."""
    return f"{REFUSED}.{status}"


def is_unavailable(code: str) -> bool:
    """Return whether a code says that no call gets through, which ends without a person's help."""
    return code.endswith(".unavailable")


def explained(code: str) -> Cause:
    """Return what a code means; a refusal with a rare status is explained as a refusal."""
    if code in CAUSES:
        return CAUSES[code]
    family, _, rest = code.partition(".refused.")
    return dataclasses.replace(CAUSES.get(f"{family}.refused" if rest else UNKNOWN, CAUSES[UNKNOWN]), code=code)
