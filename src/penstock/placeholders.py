"""Ids that are no ids: what programs write where they know no id. All who carry one would become one person. Pure."""

import functools
import re
import unicodedata
from collections.abc import Sequence
from typing import NamedTuple

#: What languages print for nothing, for an object and for a number that is none; what databases, analytics and forms
#: write for "none"; and variables of templates that were not filled. Compared without case. What ends with an @ stands
#: for every e-mail address that begins with it; a * stands for anything.
PLACEHOLDER_IDS = (
    "undefined", "null", "nil", "none", "NaN", "NA", "N/A", "#N/A", "(null)", "<null>", "<nil>", "(none)",
    "<none>", "(nil)", "Optional(nil)", "\\N", "#REF!", "#VALUE!", "#NAME?", "#NULL!", "[object *]", "%!*", "System.Object",
    "Infinity", "-Infinity", "true", "false", "void 0", "undefined undefined", "null null", "None None", "[]", "{}", "[null]",
    '""', "''", '"null"', '"undefined"', "n.a.", "(empty)", "<empty>", "{user.id}", "function (*", "function(*", "() => *",
    "()=>*", "[Function*", "<function *", "<bound method *", "<built-in *", "<coroutine object *", "#<Method:*", "#<Proc:*", "0", "0.0", "-1", "-", "--", "?", "00000000-0000-0000-0000-000000000000", "{00000000-0000-0000-0000-000000000000}",
    "00000000000000000000000000000000", "000000000000000000000000", "ffffffff-ffff-ffff-ffff-ffffffffffff",
    "unknown", "unknown user", "anonymous", "anonymous user", "anonymousUser", "anonymous-user",
    "anonymous_user", "anon", "guest", "nobody", "noone", "no one", "empty",
    "not set", "(not set)", "not_set", "not available", "not_authenticated", "unauthenticated",
    "not logged in", "not-logged-in", "not_logged_in", "logged_out", "notset", "id", "string", "userid", "user_id",
    "user id", "distinct_id", "{{*}}", "${*}", "#{*}", "<%*%>", "{%*%}", "%%*%%", "[[*]]",
    "{userId}", "{user_id}", "{$userId}", "$userId", "$user_id", ":userId", ":user_id", "@UserId", "%USER_ID%", "__USER_ID__",
    "YOUR_USER_ID", "your-user-id", "your user id", "<USER_ID>", "<user id>", "*|UNIQID|*", "%recipient.id%", "undefined@", "null@", "none@", "nan@", "unknown@", "anonymous@", "noemail@",
    "no-email@", "no_email@", "nomail@", "no.email@", "n/a@", "noreply@", "no-reply@", "donotreply@", "email@example.com", "example@example.com",
    "no@email.com", "not@provided.com",
)  # fmt: skip

#: What stands in place of a value that is stored hashed begins with, and how many bytes of the hash are kept: two values of a
#: billion never meet.
HASH_BEGINNING, HASH_BYTES = "hmac:", 16
_HASH = re.compile(rf"{HASH_BEGINNING}[0-9a-f]{{{2 * HASH_BYTES}}}")

# Marks of order, of direction and of where words may break, which come along when ids are copied; and what only controls
# something: programs in C fill fields with zeros.
CONTROLS = "".join(map(chr, (*range(0x20), *range(0x7F, 0xA0))))
UNSEEN_TEXT = (
    "\ufeff\u00ad\u200b\u200c\u200d\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2060\u2066\u2067\u2068\u2069" + CONTROLS
)
UNSEEN = dict.fromkeys(map(ord, UNSEEN_TEXT))
# What languages print for nothing, twice or more, with what makes one id of several values between.
NOTHING = "(?:undefined|null|nil|none|nan)"
JOINED = re.compile(rf"{NOTHING}(?:[-_:;,|/.+ ]+{NOTHING})+")


def is_hash(text: str) -> bool:
    """Return whether a text stands in place of a value that is stored hashed."""
    return text.startswith(HASH_BEGINNING) and _HASH.fullmatch(text) is not None


def plain_email(text: str) -> str:
    """Return an email address without what tells no two people apart: capitals, spaces, marks that are not seen.

    Letters as wide as Chinese ones, which keyboards of East Asia write, are the usual ones.
    """
    if not text.isascii():
        text = unicodedata.normalize("NFKC", text.translate(UNSEEN))
    return "".join((text if text.isprintable() else text.translate(UNSEEN)).split()).lower()


def without_unseen(text: str) -> str:
    """Return a text without spaces and unseen marks around it."""
    while text and (text[0] in UNSEEN_TEXT or text[-1] in UNSEEN_TEXT):
        text = text.strip(UNSEEN_TEXT).strip()
    return text


class Plain(NamedTuple):
    """A list of placeholders, as ids are compared with it."""

    texts: frozenset[str]
    #: What stands before and behind a star, by the first character; so few ids begin like one that no other is looked at.
    around: dict[str, tuple[tuple[str, str], ...]]

    def has(self, text: str) -> bool:
        """Return whether a text, in small letters, is on the list."""
        if text in self.texts:
            return True
        # How what is printed for nothing begins.
        if text[:1] in {"u", "n"} and JOINED.fullmatch(text) and self.texts.issuperset(re.findall(NOTHING, text)):
            return True
        shapes = self.around.get(text[:1])
        return shapes is not None and any(
            len(text) >= len(before) + len(behind) and text.startswith(before) and text.endswith(behind)
            for before, behind in shapes
        )


def is_placeholder(id_: str, placeholders: Sequence[str]) -> bool:
    """Return whether a text is no id."""
    return _plain(placeholders).has(id_.strip().lower())


def is_placeholder_email(email: str, placeholders: Sequence[str]) -> bool:
    """Return whether an email address, in small letters, names no person."""
    plain = _plain(placeholders)
    return plain.has(email) or f"{email.partition('@')[0]}@" in plain.texts


def is_placeholder_company(id_: str, placeholders: Sequence[str]) -> bool:
    """Return whether a text names no company. 0 does: unlike people, tenants are counted from there."""
    return id_ != "0" and is_placeholder(id_, placeholders)


def _plain(placeholders: Sequence[str]) -> Plain:
    return DEFAULT if placeholders is PLACEHOLDER_IDS else _compared(tuple(placeholders))


@functools.lru_cache(maxsize=64)
def _compared(placeholders: tuple[str, ...]) -> Plain:
    texts = frozenset(text.strip().lower() for text in placeholders) - {""}
    # A star at the beginning would stand for everything that ends somehow; it is taken for itself.
    shapes = [text.split("*") for text in texts if text.count("*") == 1 and not text.startswith("*")]
    around = {
        first: tuple((before, behind) for before, behind in shapes if before[0] == first)
        for first in {before[0] for before, _ in shapes}
    }
    return Plain(texts, around)


DEFAULT = _compared(PLACEHOLDER_IDS)
