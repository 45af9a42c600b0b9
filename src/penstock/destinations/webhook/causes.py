"""Why events do not reach a webhook, and what to do then."""

from penstock.causes import Cause

_RESTS = " The destination is held meanwhile; nothing is lost, and delivery goes on by itself once a ping is taken."
_REPLAY = "Read the answer on the attempt. Mend the receiver or the data, then replay the cause."
_TOLD = (
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

CAUSES = tuple(Cause(code=f"webhook.{rest}", meaning=meaning, advice=advice) for rest, meaning, advice in _TOLD)
