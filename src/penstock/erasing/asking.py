"""What people may ask for: to suppress, to erase, to agree, to take back. Nothing is removed here; the eraser does that."""

from collections.abc import Iterable

from penstock.errors import SettingsError
from penstock.identity import COMPANY, EMAIL, USER, VISITOR, is_shared_placeholder, name_of
from penstock.placeholders import PLACEHOLDER_IDS
from penstock.privacy.requests import PrivacyRequest, Requests
from penstock.privacy.suppressed import ERASE, SUPPRESS, SuppressedList
from penstock.settings import Settings

#: How people say by what they name a person.
ASKED_BY = {"user_id": USER, "anonymous_id": VISITOR, "email": EMAIL, "company_id": COMPANY}
NAMES_MAX = 10_000
#: People and companies, as identity.py names them.
Persons = frozenset[str]


def named(given: Iterable[tuple[str, str]], settings: Settings) -> Persons:
    """Return names of what was given, such as `("user_id", "42")`. Raises SettingsError for what is no name."""
    names = set[str]()
    for key, text in given:
        name = name_of(ASKED_BY[key], text)
        # What is a placeholder by default ties nobody to anybody, also where the setting leaves it out: nothing would be found by it.
        if not name or is_shared_placeholder(name, (*settings.placeholder_ids, *PLACEHOLDER_IDS)):
            hint = "ids such as 0, null or anonymous, and those of placeholder_ids, are shared by very many people"
            raise SettingsError(key, expected="an id or an address that is one person's", got=text, hint=hint)
        names.add(name)
    if not names or len(names) > NAMES_MAX:
        expected = f"one of {', '.join(ASKED_BY)}, and {NAMES_MAX} names at most"
        raise SettingsError("who", expected=expected, got=f"{len(names)} names")
    return frozenset(names)


class Requesting:
    """The doors' end of the folder `privacy`."""

    def __init__(self, requests: Requests, people: SuppressedList) -> None:
        self.requests, self.people = requests, people

    def suppress(self, names: Persons, settings: Settings, *, by: str) -> PrivacyRequest:  # noqa: ARG002 - as `erase` is asked
        """Drop events of some people from the next second on. Raises SettingsError, OSError."""
        request = self.requests.add("suppress", names, by=by, state="open", stays_suppressed=True, days_max=0)
        return self.finish_suppressing(request)

    def finish_suppressing(self, request: PrivacyRequest) -> PrivacyRequest:
        """Do what `suppress` began, if its process ended in between. Raises SettingsError, OSError."""
        names = self.requests.opened(request.given)
        self._list(names, SUPPRESS, request.number)

        def end(request: PrivacyRequest) -> None:
            request.state, request.given = "done", ""
            request.digests = self.digests(names)
            request.suppressed_at = request.ended_at = self.requests.clock.now()

        return self.requests.change(request.number, end)

    def erase(self, names: Persons, settings: Settings, *, by: str) -> PrivacyRequest:
        """Ask for an erasure; it goes on by itself, or once a second person agrees. Raises SettingsError, OSError."""
        request = self.requests.add(
            "erase",
            names,
            by=by,
            state="proposed" if settings.erasure_needs_approval else "open",
            stays_suppressed=settings.suppress_erased,
            days_max=settings.erasure_days_max,
        )
        return self._opened(request, names) if request.state == "open" else request

    def approve(self, number: str, *, by: str) -> PrivacyRequest:
        """Agree to what another person asked for. Raises SettingsError, OSError."""
        request = self._in_state(number, "proposed")
        if request.asked_by == by:
            raise SettingsError("approved_by", expected="another person than who asked", got=by)

        def agree(request: PrivacyRequest) -> None:
            request.state, request.approved_by = "open", by

        return self._opened(self.requests.change(request.number, agree), self.requests.opened(request.given))

    def cancel(self, number: str) -> PrivacyRequest:
        """Take back what no second person agreed to yet, or a suppression; what was erased does not come back.

        Raises SettingsError, OSError.
        """
        request = self._in_state(number, "proposed", "done")

        def end(request: PrivacyRequest) -> None:
            request.state = "cancelled" if request.state == "proposed" else "released"
            request.given = request.names = ""

        if request.state == "done":
            now_ms = int(self.requests.clock.now() * 1000)
            self.people.look()
            lines = [e for kind, digest in request.digests if (e := self.people.entries.get(digest)) and e.kind == kind]
            self.people.take_back(lines, request=request.number, at_ms=now_ms)
        return self.requests.change(request.number, end)

    def digests(self, names: Iterable[str]) -> list[tuple[str, str]]:
        """Return what may be shown of names: their kinds and digests."""
        return sorted((name.partition(":")[0], self.people.digest_of(name)) for name in names)

    def _opened(self, request: PrivacyRequest, names: Persons) -> PrivacyRequest:
        self._list(names, ERASE, request.number)

        def begin(request: PrivacyRequest) -> None:
            request.digests, request.suppressed_at = self.digests(names), self.requests.clock.now()

        return self.requests.change(request.number, begin)

    def _list(self, names: Persons, what: str, number: str) -> None:
        self.people.add(names, what=what, request=number, at_ms=int(self.requests.clock.now() * 1000))

    def _in_state(self, number: str, *states: str) -> PrivacyRequest:
        request = self.requests.find(number)
        if request is None or request.state not in states:
            got = "no such request" if request is None else f"one that is {request.state}"
            raise SettingsError("request", expected=f"one that is {' or '.join(states)}", got=got)
        return request
