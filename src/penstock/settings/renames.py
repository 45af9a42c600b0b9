"""One destination under another name, or another one? What settings alone can tell; the rest only people know. Pure.

A destination is told from others by its account, a digest of where it sends to and with which key. One whose account was
another name's before, and is not there any more, may be that one under a new name: also where two exchange their names.
"""

import dataclasses
import hashlib
import re
from collections.abc import Mapping, Sequence
from typing import Any

from penstock.errors import SettingsError
from penstock.settings.table import Destination, Settings

#: Stands in `renamed_from` for: a new one, though one with its key is gone.
NEW = "none"
BASE_URL = next(field.default for field in dataclasses.fields(Destination) if field.name == "base_url")
Blocks = Mapping[str, Mapping[str, Any]]
#: The account of each name; empty where it is not known.
Accounts = Mapping[str, str]


def refuse_unsaid(before: Blocks, after: Blocks) -> None:
    """Refuse destinations that have the key or secret of one that is gone, or has another one now, until it is said what that means.

    Raises SettingsError.
    """
    were, are = _accounts(before), _accounts(after)
    for name in sorted(after):
        said = tuple(after[name].get("renamed_from", ()))
        is_news = name not in before or said != tuple(before[name].get("renamed_from", ()))
        alike = alike_of(name, were, are)
        if is_at_home(name, were, are) or past_of(name, said, were, are) or (said and name not in before):
            continue
        if alike and not (NEW in said and is_news):
            raise _unsaid(
                name, f'["{alike[0]}"], or ["{NEW}"]', said, meaning_of(alike[0], is_gone=alike[0] not in after)
            )
        if name in before and is_news and any(old in before and is_free(old, were, are) for old in said):
            raise _unsaid(
                name,
                "the key that it had under that name",
                said,
                "change the names first, and keys once that is followed",
            )


def past_of(name: str, said: Sequence[str], before: Accounts, after: Accounts) -> str | None:
    """Return under which name is kept what a destination goes on with, as `renamed_from` says; None for its own.

    Once it has an account it is at home, and what was said before means nothing any more.
    """
    if is_at_home(name, before, after) or NEW in said:
        return None
    # The last name first: that one may not have been served.
    for old in said:
        kept = [
            each
            for each in sorted(before)
            if original_of(each) == old and is_free(each, before, after) and each != name
        ]
        for each in kept:
            if before[each] == after[name] or (each not in after and name not in before):
                return each
    return None


def alike_of(name: str, before: Accounts, after: Accounts) -> list[str]:
    """Return the names that had the account which a destination has now, and that it has not had before."""
    if is_at_home(name, before, after):
        return []
    return [
        each
        for each in sorted(before)
        if each != name and is_free(each, before, after) and before[each] == after[name] != ""
    ]


def is_at_home(name: str, before: Accounts, after: Accounts) -> bool:
    """Return whether a destination has the account that is known of its name."""
    return name in before and before[name] in {"", after[name]}


def is_free(name: str, before: Accounts, after: Accounts) -> bool:
    """Return whether what is kept under a name may be another one's: the name is gone, or has another account now."""
    return name not in after or not is_at_home(name, before, after)


def aside_of(name: str, before: Accounts) -> str:
    """Return the name under which a past is kept when its own goes to another one."""
    names = [f"{name} - set aside", *(f"{name} - set aside {number}" for number in range(2, len(before) + 3))]
    return next(each for each in names if each not in before)


def original_of(name: str) -> str:
    """Return the name that a past had before it was set aside."""
    return re.sub(r" - set aside( \d+)?$", "", name)


def meaning_of(old: str, *, is_gone: bool = True) -> str:
    """Return what people must say of a destination that has the key or secret of another one."""
    old = original_of(old)
    return (
        f"it has the key or secret of {old}, which {'is gone' if is_gone else 'has another one now'};"
        f' renamed_from = ["{old}"] keeps its backlog, history and ledger,'
        f' ["{NEW}"] makes it a new one, which is sent what deliver_from says'
    )


def account_of(base_url: str, api_key: str) -> str:
    """Return what tells an account at a destination from others, and does not tell the key."""
    return hashlib.blake2s(f"{base_url}\0{api_key}".encode(), digest_size=8).hexdigest()


def named_back(earlier: Blocks, now: Blocks) -> dict[str, tuple[str, ...]]:
    """Return `renamed_from` of those of an earlier document that are called otherwise now; going back, they stay what they are."""
    were, are = _accounts(now), _accounts(earlier)
    return {
        old: (name, *earlier[old].get("renamed_from", ()))
        for name, block in now.items()
        for old in block.get("renamed_from", ())
        if old in earlier and is_free(name, were, are) and (old not in now or were[name] == are[old] != were[old])
    }


def accounts_of(settings: Settings) -> Accounts:
    """Return the account of each destination of the settings."""
    return {name: account_of(each.base_url, each.api_key) for name, each in settings.destinations.items()}


def _accounts(blocks: Blocks) -> Accounts:
    return {name: _account(block) for name, block in blocks.items()}


def _account(block: Mapping[str, Any]) -> str:
    return account_of(block.get("base_url", BASE_URL), block["api_key"]) if block.get("api_key") else ""


def _unsaid(name: str, expected: str, said: Sequence[str], hint: str) -> SettingsError:
    got = list(said) or "nothing"
    return SettingsError(f"destinations.{name}.renamed_from", expected=expected, got=got, hint=hint)
