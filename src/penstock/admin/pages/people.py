"""People and accounts: what was received, what was taken, what waits. No payloads here, so that CS may look.

A link shows one of them to its holder: read-only, for some days, and revocable.
"""

import dataclasses
import functools
from collections.abc import Sequence

import msgspec
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from penstock.admin.doors.access import SHARING, may
from penstock.admin.doors.front import knock_of
from penstock.admin.doors.throttle import Wait
from penstock.admin.pages.directory import list_page
from penstock.admin.pages.rows import Row, asked_of, before_of, destination_of, older_of, query_of, row_of
from penstock.admin.pages.web import Form, Pages, Visit, redirect, wait_header
from penstock.buffer.port.control import Credential, Kind
from penstock.buffer.port.ledger import LedgerShelf
from penstock.buffer.port.outcomes import TAKEN
from penstock.buffer.port.query import Query
from penstock.buffer.port.search import Identities, Search
from penstock.buffer.port.shelf import Story
from penstock.destinations.every import package_of
from penstock.destinations.kinds import in_a_sentence
from penstock.errors import SettingsError
from penstock.explain.questions import FieldHistory, last_set_among, masked_history
from penstock.inspect.eyes import Eyes
from penstock.inspect.ledger import LONG_TEXT, HeldRecord, held, part_of_record, subject_of
from penstock.inspect.masking import Mask
from penstock.inspect.parts import WORD_CHARS, cut, part_of
from penstock.inspect.sensitive import MASK
from penstock.inspect.status import StatusReader
from penstock.settings.forms import FormFields

DAYS = ("1", "7", "30")
# Events of a person that are read to find where a field comes from.
LOOKED_AT, FIELD_CHARS_MAX = 200, 512
# Events whose outcomes are counted above the timeline, and those that stand in it: two screens with all that is around them.
FIGURES, TIMELINE = 50, 12
# Links on one page.
LINKS = 50
# Names of a person on one page, of each kind.
NAMES = 20
REFUSED = frozenset({"dead", "rejected"})
UNTAKEN = frozenset({"waiting", "retrying", "parked"})


class Subject(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One person or account at one destination."""

    destination: str
    person: str = ""
    company: str = ""

    def __str__(self) -> str:
        who = [f"person {self.person}"] * bool(self.person) + [f"account {self.company}"] * bool(self.company)
        return f"{' of '.join(who)} at {self.destination}"


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class PersonTimeline:
    """What came of one person or account, the newest first."""

    rows: list[Row]
    next_seq: int | None
    #: The newest event that the destination took, among these.
    taken: Row | None
    #: How many of these it has not taken yet.
    waiting: int
    #: All of these wait, and older ones may too.
    more_wait: bool
    #: Some of these were refused or given up.
    is_refused: bool
    state: str
    reason: str


LINK = FormFields(needed=("destination", "days"), optional=("person", "company"))


class PeoplePages:
    """Pages about one person or account."""

    def __init__(self, pages: Pages, *, reader: StatusReader, search: Search, ledger: LedgerShelf) -> None:
        self.pages, self.reader, self.search, self.access = pages, reader, search, pages.access
        self.ledger = ledger

    def routes(self) -> list[Route]:
        """Return all routes."""
        show, act = self.pages.show, self.pages.act
        return [
            show("/people", self.people, right="people"),
            show("/accounts", self.accounts, right="people"),
            show("/links", self.links, right=SHARING),
            act("/links", self.share, right=SHARING, fields=LINK),
            act("/links/{hash}/end", self.end_link, right=SHARING),
            Route("/shared/{secret}", self.shared, methods=["GET"]),
        ]

    def people(self, visit: Visit) -> Response:
        """List people, or show one."""
        return self._subject(visit, accounts=False)

    def accounts(self, visit: Visit) -> Response:
        """List accounts, or show one."""
        return self._subject(visit, accounts=True)

    def _subject(self, visit: Visit, *, accounts: bool) -> Response:
        destination, asked = destination_of(visit, self.reader.settings), query_of(visit)
        subject = Subject(destination=destination, person=asked.person, company=asked.company)
        if not destination or not (subject.person or subject.company):
            return list_page(visit, self.search, self.reader, accounts=accounts)
        timeline = self._timeline(subject, before_of(visit), visit.eyes)
        field = visit.request.query_params.get("field", "").strip()[:FIELD_CHARS_MAX]
        asks_field = bool(field and subject.person) and visit.may("payloads")
        whose = self.search.identities(destination, subject.person) if subject.person else None
        held_ = self._held(subject, whose)
        who, keeps_records = self._kind_of(destination)
        return visit.page(
            "people.html",
            subject=subject,
            timeline=timeline,
            record=part_of_record(held_, visit.eyes, visit.request.url, of_company=not subject.person),
            name=_name_of(held_, visit.eyes, is_account=not subject.person),
            names=_names(whose, visit.eyes) if whose else [],
            again=_subject_form(subject, whose),
            # As it was asked for: who may not see ids came by a link, or knows the id.
            asked=asked if visit.eyes.ids else asked_of(visit, asked),
            heading=_heading(visit, subject),
            older=older_of(visit, timeline),
            base="/people" if subject.person else "/accounts",
            who=who,
            keeps_records=keeps_records,
            days=DAYS,
            field=field,
            history=self._history(subject, field, visit) if asks_field else None,
            named=functools.partial(_named, subject.destination, visit.eyes),
        )

    def _kind_of(self, name: str) -> tuple[str, bool]:
        """Return how a destination is called in a sentence, and whether anything is known of what it holds."""
        destination = self.reader.settings.destinations.get(name)
        if destination is None:
            return "the destination", False
        return in_a_sentence(destination.type), bool(package_of(destination).records)

    def links(self, visit: Visit) -> Response:
        """List shared links; an administrator sees everybody's."""
        return self._links(visit, link="")

    def share(self, visit: Visit, form: Form) -> Response:
        """Make a link to one person or account; it is shown once."""
        subject = Subject(**{key: form.get(key, "") for key in Subject.__struct_fields__})
        if subject.destination not in self.reader.settings.destinations or not (subject.person or subject.company):
            raise SettingsError("link", expected="a person or an account of a destination", got=str(subject))
        if form["days"] not in DAYS:
            raise SettingsError("days", expected=", ".join(DAYS), got=form["days"])
        what = msgspec.json.encode(subject).decode()
        secret = self.access.share(visit.user, what, seconds=int(form["days"]) * 86_400.0)
        visit.note(f"link shared for {form['days']} days: {subject}")
        return self._links(visit, link=f"{visit.request.base_url}shared/{secret}")

    def end_link(self, visit: Visit, _: Form) -> Response:
        """End a link; an administrator may end anybody's."""
        hash_ = visit.request.path_params["hash"]
        if any(link.hash == hash_ for link, _ in self._known_links(visit)):
            self.access.users.take_credential(hash_, remove=True)
            visit.note("a shared link was ended")
        return redirect("/links", said="the link has ended")

    async def shared(self, request: Request) -> Response:
        """Show what a link was shared for, to its holder."""
        return await run_in_threadpool(self._shared, request)

    def _shared(self, request: Request) -> Response:
        credential = self.access.shared(request.path_params["secret"], knock_of(request))
        if isinstance(credential, Wait):
            answer = self.pages.bare("shared_ended.html", status=429)
            answer.headers.update(wait_header(credential))
            return answer
        subject = subject_of_link(credential) if credential else None
        if credential is None or subject is None or subject.destination not in self.reader.settings.destinations:
            return self.pages.bare("shared_ended.html", status=404)
        # A link shows what its sharer sees: no payloads, and of the rest what their role is shown.
        giver = self.access.find(credential.user)
        eyes = self.pages.sight.of(lambda right: giver is not None and may(giver, right))
        timeline = self._timeline(subject, None, eyes)
        self.access.audit.looked(
            f"a link of {credential.user}", f"saw {cut(subject)}, from {knock_of(request).address}"
        )
        return self.pages.bare("shared.html", subject=subject, timeline=timeline, expires_at=credential.expires_at)

    def _held(self, subject: Subject, whose: Identities | None) -> HeldRecord | None:
        """Return what the destination is known to hold; of two ids, the person's, under whatever name they were asked for."""
        named = {"person": subject.person} if subject.person else {"company": subject.company}
        return held(self.ledger, subject.destination, (whose.subject if whose else "") or subject_of(named))

    def _timeline(self, subject: Subject, before: int | None, eyes: Eyes) -> PersonTimeline:
        query = Query(person=subject.person, company=subject.company)
        found = self.search.find(subject.destination, query, before_seq=before, limit=FIGURES)
        sources = set(self.reader.settings.sources_of(subject.destination))
        rows = [row_of(story, subject.destination, eyes) for story in found.stories if story.event.source in sources]
        status = self.reader.read().destinations[subject.destination]
        waiting = sum(row.story.state in UNTAKEN for row in rows)
        return PersonTimeline(
            rows=rows[:TIMELINE],
            next_seq=rows[TIMELINE - 1].story.seq if len(rows) > TIMELINE else found.next_seq,
            taken=next((row for row in rows if row.story.state in TAKEN), None),
            waiting=waiting,
            is_refused=any(row.story.state in REFUSED for row in rows),
            more_wait=bool(rows) and waiting == len(rows) and found.next_seq is not None,
            state=status.state,
            reason=eyes.text(status.reason),
        )

    def _history(self, subject: Subject, field: str, visit: Visit) -> FieldHistory:
        """Find the event that a field of this person comes from, among the newest of theirs."""
        settings = self.reader.settings
        found = self.search.find(subject.destination, Query(person=subject.person), limit=LOOKED_AT)
        history = last_set_among(found.stories, settings, subject.destination, person=subject.person, field=field)
        return masked_history(history, visit.eyes.mask)

    def _known_links(self, visit: Visit) -> list[tuple[Credential, Subject]]:
        users = [user.name for user in self.access.users.users()] if visit.may("settings") else [visit.user.name]
        own = [credential for name in users for credential in self.access.users.credentials(name)]
        pairs = [(credential, subject_of_link(credential)) for credential in own if credential.kind is Kind.SHARE]
        return [(credential, subject) for credential, subject in pairs if subject is not None]

    def _links(self, visit: Visit, *, link: str) -> Response:
        now = self.reader.clock.now()
        good = [
            (credential, subject) for credential, subject in self._known_links(visit) if credential.expires_at > now
        ]
        return visit.page("links.html", links=part_of(good, visit.request.url, "links", LINKS), link=link)


def subject_of_link(credential: Credential) -> Subject | None:
    """Return the person or account that a shared link shows."""
    try:
        return msgspec.json.decode(credential.label, type=Subject)
    except msgspec.DecodeError:
        return None


def _name_of(record: HeldRecord | None, eyes: Eyes, *, is_account: bool) -> str:
    """Return the name of a person or company; a company's names no person, and is always shown."""
    name = record.fields.get("name", "") if record else ""
    if not isinstance(name, str) or name == LONG_TEXT:
        return ""
    shown = name if is_account else Mask(eyes.rules, [{"name": name}]).value(name, "name")
    return "" if shown == MASK else cut(shown, WORD_CHARS)


def _names(whose: Identities, eyes: Eyes) -> list[tuple[str, Sequence[str]]]:
    """Return the names of a person, of each kind some, as the viewer may see them."""
    mask = Mask(eyes.rules, [{"email": each} for each in whose.emails[:NAMES]])
    emails = [cut(mask.value(each, "email"), WORD_CHARS) for each in whose.emails[:NAMES]]
    visitors = [cut(eyes.person(each), WORD_CHARS) for each in whose.visitors[:NAMES]]
    users = [cut(eyes.person(whose.user_id), WORD_CHARS)] if whose.user_id else []
    return [(kind, found) for kind, found in (("user id", users), ("e-mail", emails), ("visitor", visitors)) if found]


def _subject_form(subject: Subject, whose: Identities | None) -> dict[str, str]:
    """Return what the form sends that has everything sent again; nothing for a person of which nothing is held."""
    if not subject.person:
        return {"company": subject.company}
    kind, _, id_ = (whose.subject if whose else "").partition(":")
    return {"person" if kind == "user" else "email": id_} if id_ else {}


def _heading(visit: Visit, subject: Subject) -> str:
    who = visit.eyes.person(subject.person) if subject.person else visit.eyes.company(subject.company)
    return cut(who, WORD_CHARS)


def _named(destination: str, eyes: Eyes, story: Story) -> tuple[str, str]:
    """Return the type of an event as the viewer may see it, and the address of its page."""
    row = row_of(story, destination, eyes)
    return row.type, row.href
