"""Ids that are no ids: what programs write where they know nobody. All who carry one would become one person. Pure."""

import functools
from collections.abc import Sequence

#: What languages print for nothing, for an object and for a number that is none; what databases, analytics and forms
#: write for "nobody"; and variables of templates that nobody filled. Compared without case. What ends with an @ stands
#: for every e-mail address that begins with it.
PLACEHOLDER_IDS = (
    "undefined", "null", "nil", "none", "NaN", "NA", "N/A", "#N/A", "(null)", "<null>", "<nil>", "(none)",
    "<none>", "[object Object]", "[object Undefined]", "[object Null]", "System.Object", "Infinity", "true", "false",
    "0", "-1", "-", "--", "?", "00000000-0000-0000-0000-000000000000", "{00000000-0000-0000-0000-000000000000}",
    "00000000000000000000000000000000", "000000000000000000000000", "ffffffff-ffff-ffff-ffff-ffffffffffff",
    "unknown", "unknown user", "anonymous", "anonymous user", "anon", "guest", "nobody", "noone", "no one", "empty",
    "not set", "(not set)", "not_set", "not available", "not_authenticated", "unauthenticated", "id", "userid", "user_id",
    "user id", "distinct_id", "{{userId}}", "{{user_id}}", "{{user.id}}", "%USER_ID%",
    "YOUR_USER_ID", "<USER_ID>", "undefined@", "null@", "none@", "nan@", "unknown@", "anonymous@", "noemail@",
    "no-email@", "no_email@", "noreply@", "no-reply@", "donotreply@", "email@example.com", "example@example.com",
)  # fmt: skip

# A byte order mark, and what holds words together or apart without being seen: it comes along when ids are copied.
UNSEEN_TEXT = "\ufeff\u200b\u200c\u200d\u2060"
UNSEEN = dict.fromkeys(map(ord, UNSEEN_TEXT))


def plain_email(text: str) -> str:
    """Return an email address without what tells no two people apart: capitals, spaces, marks that nobody sees."""
    return "".join((text if text.isascii() else text.translate(UNSEEN)).split()).lower()


def is_placeholder(id_: str, placeholders: Sequence[str]) -> bool:
    """Return whether a text names nobody."""
    return id_.strip().lower() in _plain(placeholders)


def is_placeholder_email(email: str, placeholders: Sequence[str]) -> bool:
    """Return whether an email address, in small letters, names nobody."""
    plain = _plain(placeholders)
    return email in plain or f"{email.partition('@')[0]}@" in plain


def is_placeholder_company(id_: str, placeholders: Sequence[str]) -> bool:
    """Return whether a text names no company. 0 does: unlike people, tenants are counted from there."""
    return id_ != "0" and is_placeholder(id_, placeholders)


def _plain(placeholders: Sequence[str]) -> frozenset[str]:
    return DEFAULT if placeholders is PLACEHOLDER_IDS else _compared(tuple(placeholders))


@functools.lru_cache(maxsize=64)
def _compared(placeholders: tuple[str, ...]) -> frozenset[str]:
    return frozenset(text.strip().lower() for text in placeholders) - {""}


DEFAULT = _compared(PLACEHOLDER_IDS)
