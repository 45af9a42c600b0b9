"""What the route that tries rules of what is never stored takes and answers, as types."""

from typing import Literal, TypedDict

import msgspec


class RulesTried(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """What POST /api/v1/sources/{name}/minimise/preview takes; what is left out is as it is set now."""

    never_store: list[str] | None = None
    store_hashed: list[str] | None = None
    store_only: list[str] | None = None
    ip_addresses: Literal["auto", "keep", "truncate", "drop"] | None = None


class RuleTold(TypedDict):
    """What one rule would do to the events that were looked at."""

    setting: str
    rule: str
    events: int
    values: int


class RulesTriedAnswer(TypedDict):
    """What rules would do to recent events of a source; never a value of one, and nothing is saved."""

    looked_at: int
    changed: int
    rules: list[RuleTold]
    #: What would be removed of the newest one, in sentences.
    newest: list[str]
