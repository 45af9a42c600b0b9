"""Why events do not reach Custify, and what to do then."""

from penstock import causes
from penstock.causes import Cause

CAUSES = (
    Cause(
        code=causes.KEY_REJECTED,
        meaning="Custify answered 401 or 403: the API key is wrong, revoked, or lacks a permission.",
        advice="Enter the key shown in Custify under Settings, Developer, API Key. The destination is held meanwhile;"
        " nothing is lost, no event grows old, and delivery goes on by itself once the key works.",
    ),
    Cause(
        code=causes.REDIRECTED,
        meaning="Custify's address answered with a redirect, which Penstock does not follow.",
        advice="Set base_url to the origin that Custify shows beside the API key. The destination is held meanwhile.",
    ),
    Cause(
        code=causes.CERTIFICATE,
        meaning="The certificate of Custify's address cannot be trusted.",
        advice="Look for a proxy that opens TLS, a wrong base_url, or a wrong clock on this machine. The destination is"
        " held meanwhile.",
    ),
    Cause(
        code=causes.ADDRESS,
        meaning="Custify's address must not be connected to: base_url is no origin, or its host leads to an address that"
        " is not the internet's. Nothing was sent.",
        advice="Correct base_url, or what DNS says of its host. Where a host of a network of your own is meant, name it"
        " in allowed_private_hosts. The destination is held meanwhile.",
    ),
    Cause(
        code=causes.ACCOUNT,
        meaning="Custify refuses everything for the sake of the account: 402 (Payment Required) or 451.",
        advice="Ask Custify, or the colleague who pays for it. The destination is held meanwhile; nothing is lost, no event grows"
        " old, and delivery goes on by itself once calls are taken again.",
    ),
    Cause(
        code=causes.ROUTE,
        meaning="Custify's address takes no calls of this kind: every call is answered with 404, 405, 407, 410, 421 or"
        " 426.",
        advice="Is base_url the origin shown beside the API key? Is there a proxy that wants a password, or sends calls"
        " elsewhere? The destination is held meanwhile.",
    ),
    Cause(
        code=causes.NOT_THE_API,
        meaning="A web page answered in the place of Custify's API: a login or maintenance page, a captive portal, a"
        " firewall or a proxy. Whatever its status, nothing was delivered.",
        advice="Open base_url from this machine and see who answers. Where every call is answered so, the destination is"
        " held and goes on by itself. Where one event alone is, a firewall dislikes something in it: look at the event,"
        " then replay the cause.",
    ),
    Cause(
        code=causes.ERROR_ANSWER,
        meaning='The answer had a status of success, and said at its top that it is none (`error`, `"success": false`):'
        " nothing was delivered.",
        advice="Read the answer on the attempt. Where every call is answered so, the destination is held and goes on by"
        " itself. Where one event alone is, mend what it names, then replay the cause.",
    ),
    Cause(
        code=causes.REFUSED,
        meaning="Custify refused the call for good; its answer says why.",
        advice="Read Custify's answer on the attempt. Mend the data or the mapping, then replay the cause.",
    ),
    Cause(
        code=causes.refused(400),
        meaning="Custify could not read the call (400 Bad Request).",
        advice="A field has a form that Custify does not take; its answer names it. Mend the trait or property where it"
        " is sent, then replay the cause.",
    ),
    Cause(
        code=causes.refused(403),
        meaning="This event alone was refused with 403 for as long as retry_hours allows, while others passed: a"
        " firewall in front of Custify dislikes something in it.",
        advice="Look at the event for what looks like code, a script or an attack. Mend it where it is sent, or ask"
        " Custify, then replay the cause.",
    ),
    Cause(
        code=causes.refused(404),
        meaning="Custify does not know what the call writes to (404 Not Found).",
        advice="Is base_url the origin shown beside the API key? Then replay the cause.",
    ),
    Cause(
        code=causes.refused(413),
        meaning="The call was too large for Custify (413).",
        advice='Send fewer or shorter traits; with nested = "drop" arrays and objects are left out.',
    ),
    Cause(
        code=causes.refused(422),
        meaning="Custify understood the call and refused a value in it (422).",
        advice="Its answer names the field: a type that changed, an unknown choice, a malformed e-mail. Mend the data"
        " or the attribute in Custify, then replay the cause.",
    ),
    Cause(
        code=causes.UNAVAILABLE,
        meaning="Custify gave no usable answer: to any call now, or to this event for as long as retry_hours allows.",
        advice="See whether Custify is reachable from this machine (status page, proxy, DNS). While no call gets through,"
        " one read every few seconds finds out when it is back, and no event grows old. Replay the cause for events"
        " that are dead.",
    ),
    Cause(
        code=causes.THROTTLED,
        meaning="Custify answered 429, or 503, and asked for a long wait with Retry-After.",
        advice="Nothing to do: delivery goes on by itself, and no event grows old meanwhile. Resume the destination to"
        " ask at once; a restart and a changed key do so too. retry_after_s_max is the longest wait that is agreed to.",
    ),
    Cause(
        code=causes.PERSON_UNKNOWN,
        meaning="Custify does not know the person of an event, and no identify or group call came for them in time."
        " Custify would have taken the event and dropped it without a word.",
        advice="Call identify (or group) for the person, then replay the cause; or set unknown_people to `create`.",
    ),
)
