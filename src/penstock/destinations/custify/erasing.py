"""Deleting people and companies at Custify: by our id, by e-mail, by Custify's own id; and reading back until they are gone.

`DELETE /people?user_id=` answers 404 for an unknown id, and may delete several (RudderStack's deleteUsers.js); by e-mail there is no
deletion, so people are looked up and deleted by Custify's own id (teamgantt/custify, ManagesPeople). An empty list and a 404
mean gone. Ids are encoded: a `&` or `#` in one would else delete another person.
"""

import urllib.parse
from collections.abc import Callable, Collection, Iterator, Mapping
from typing import Any

import msgspec

from penstock.destinations.answer import Accepted, Answer, Refused, Throttled
from penstock.destinations.custify.calls import BY_EMAIL, BY_USER_ID, COMPANY, PEOPLE
from penstock.destinations.erasure import Erased, NotErased, Remover, why_not
from penstock.identity import EMAIL, USER, VISITOR

WHO, NOT_FOUND = "Custify", 404
BY_COMPANY_ID = f"{COMPANY}?company_id="
# What is still found after so many deletions is another's doing.
ROUNDS_MAX = 3
Listed = Mapping[str, Any]


class Unanswered(Exception):
    """Custify did not do or say what was asked."""

    def __init__(self, answer: Answer) -> None:
        self.answer = answer
        super().__init__()


async def erase(api: Remover, names: Collection[str], *, anonymous_fallback: bool) -> Erased | NotErased:
    """Delete the people these names mean. With `anonymous_fallback`, visitors are people who have their ids."""
    kinds = (USER, VISITOR) if anonymous_fallback else (USER,)
    user_ids = {name.partition(":")[2] for name in names if name.startswith(kinds)}
    removing = Removing(api, user_ids)
    try:
        for id_ in sorted(user_ids):
            await removing.by_id(PEOPLE, BY_USER_ID + _quoted(id_), _is_of(user_ids))
        for name in sorted(name for name in names if name.startswith(EMAIL) and "@" in name):
            await removing.until_gone(PEOPLE, BY_EMAIL + _quoted(name.removeprefix(EMAIL)), _is_of(user_ids))
        for name in sorted(name for name in names if name.startswith("company:")):
            await removing.by_id(COMPANY, BY_COMPANY_ID + _quoted(name.partition(":")[2]), lambda _: True)
    except Unanswered as error:
        retry_s = error.answer.retry_after_s if isinstance(error.answer, Throttled) else None
        return NotErased(removing.deleted, why_not(error.answer, WHO), retry_s)
    return removing.outcome()


class Removing:
    """One go at deleting people."""

    def __init__(self, api: Remover, user_ids: Collection[str]) -> None:
        self.api, self.user_ids = api, user_ids
        self.deleted = self.read_back = self.of_others = self.left = 0

    async def by_id(self, path: str, found_by: str, is_theirs: Callable[[Listed], bool]) -> None:
        """Delete by our id, then what is found by it all the same."""
        answer = await self.api.delete(found_by)
        if isinstance(answer, Accepted):
            self.deleted += 1
        elif not _is_missing(answer):
            raise Unanswered(answer)
        await self.until_gone(path, found_by, is_theirs)

    async def until_gone(self, path: str, found_by: str, is_theirs: Callable[[Listed], bool]) -> None:
        """Delete by Custify's own id what a look-up finds, until it finds others alone."""
        theirs: list[Listed] = []
        for _ in range(ROUNDS_MAX):
            found = await self._found(found_by)
            theirs = [each for each in found if is_theirs(each)]
            if not theirs:
                self.of_others += len(found)
                return
            for each in theirs:
                answer = await self.api.delete(f"{path}/{_quoted(str(each.get('id', '')))}")
                if not isinstance(answer, Accepted) and not _is_missing(answer):
                    raise Unanswered(answer)
                self.deleted += isinstance(answer, Accepted)
        self.left += len(theirs)

    def outcome(self) -> Erased | NotErased:
        """Return what came of it."""
        if self.left:
            return NotErased(self.deleted, f"{WHO} still finds {self.left} of them after {ROUNDS_MAX} deletions")
        others = f", and {self.of_others} other people with the same address, who stay" if self.of_others else ""
        return Erased(self.deleted, f"{WHO} was read back {self.read_back} times and finds none of them{others}")

    async def _found(self, path: str) -> list[Listed]:
        answer = await self.api.read(path)
        self.read_back += 1
        if _is_missing(answer):
            return []
        found = records_in(answer.text) if isinstance(answer, Accepted) else None
        if found is None:
            raise Unanswered(answer)
        return found


def records_in(text: str) -> list[Listed] | None:
    """Return the people or companies in an answer, which may be wrapped and have their details nested; None: it is none."""
    try:
        answer = msgspec.json.decode(text)
    except (msgspec.DecodeError, RecursionError):
        return None
    wrapped = answer[0] if isinstance(answer, list) and len(answer) == 1 else answer
    if wrapped == []:
        return []
    records = wrapped.get("people", wrapped.get("companies")) if isinstance(wrapped, dict) else None
    return list(_flat(records)) if isinstance(records, list) else None


def _flat(records: list[Any]) -> Iterator[Listed]:
    for record in records:
        if isinstance(record, dict):
            details = record.get("details")
            yield {**record, **(details if isinstance(details, dict) else {})}


def _is_of(user_ids: Collection[str]) -> Callable[[Listed], bool]:
    """Return what tells a person who goes from another person with the same e-mail address."""
    return lambda found: not found.get("user_id") or str(found["user_id"]) in user_ids


def _is_missing(answer: Answer) -> bool:
    return isinstance(answer, Refused) and answer.status == NOT_FOUND


def _quoted(text: str) -> str:
    return urllib.parse.quote(text, safe="")
