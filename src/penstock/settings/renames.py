"""One destination under another name, or another one? What settings alone can tell; the rest only people know. Pure."""

import dataclasses
import hashlib
from collections.abc import Mapping
from typing import Any

from penstock.errors import SettingsError
from penstock.settings.table import Destination

#: Stands in `renamed_from` for: a new one, though one with its key is gone.
NEW = "none"
BASE_URL = next(field.default for field in dataclasses.fields(Destination) if field.name == "base_url")
Blocks = Mapping[str, Mapping[str, Any]]


def refuse_unsaid(before: Blocks, after: Blocks) -> None:
    """Refuse destinations that appear with the key or secret of one that is gone, until it is said what that means.

    Raises SettingsError.
    """
    for name in sorted(after.keys() - before.keys()):
        old = next((old for old in sorted(before.keys() - after.keys()) if _same(before[old], after[name])), None)
        if old is not None and not after[name].get("renamed_from"):
            raise SettingsError(
                f"destinations.{name}.renamed_from",
                expected=f'["{old}"], or ["{NEW}"]',
                got="nothing",
                hint=meaning_of(old),
            )


def meaning_of(old: str) -> str:
    """Return what people must say of a destination that has the key or secret of another one."""
    return (
        f'it has the key or secret of {old}, which is gone; renamed_from = ["{old}"] keeps its backlog, history and ledger,'
        f' ["{NEW}"] makes it a new one, which is sent what deliver_from says'
    )


def account_of(base_url: str, api_key: str) -> str:
    """Return what tells an account at a destination from others, and does not tell the key."""
    return hashlib.blake2s(f"{base_url}\0{api_key}".encode(), digest_size=8).hexdigest()


def _same(one: Mapping[str, Any], other: Mapping[str, Any]) -> bool:
    return bool(one.get("api_key")) and _account(one) == _account(other)


def _account(block: Mapping[str, Any]) -> tuple[object, object]:
    return block.get("api_key"), block.get("base_url", BASE_URL)
