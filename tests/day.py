"""A day of traffic, made up but like a recorded one: a web application that calls identify and group on each page load.

The same size and seed give the same day, to the byte. What is in it:
- page loads: a page call, an identify and a group call, mostly with the traits of the page before;
- logins: an identify that counts the session; before some of them the visitor is anonymous;
- tracks: on half of the page loads, and from the back end, some of those before the person's first identify;
- people whom the back end imports: a track, an identify and a group call, one right behind the other;
- traits that really change: sessions, now and then the page last seen, a role, a phone number, a company's plan and use;
- one person in twenty in two companies; one session in fifty on a tablet that is offline, so that it arrives an hour late.
Bodies are those of the JavaScript SDK: the person's traits in `context.traits` of every call, a group's in `traits`.
"""

import dataclasses
import datetime as dt
import random
from collections.abc import Iterator, Sequence
from typing import Any

Body = dict[str, Any]

SEED = 20_260_302
MIDNIGHT = dt.datetime(2026, 3, 2, tzinfo=dt.UTC)
# Sessions begin in these hours, in seconds of the day; the back end also works at night.
WORKING_S, NIGHT_S = (6 * 3600, 19 * 3600), (0, 5 * 3600)
LATE_S = 3600.0

PLANS, SEATS = ("Basic", "Pro", "Enterprise"), (5, 20, 50, 200)
ROLES, PAGES = ("admin", "editor", "viewer"), ("overview", "reports", "projects", "people", "billing", "settings")
FEATURES = ("Report Exported", "Project Created", "Comment Added", "Filter Saved", "Dashboard Shared")
FIRST = ("Ana", "Bo", "Cy", "Dana", "Eli", "Fay", "Gus", "Hana", "Ivo", "Jun", "Kai", "Lea", "Max", "Nia", "Ole", "Pia")
LAST = ("Abel", "Berg", "Costa", "Diaz", "Engel", "Fuchs", "Gatti", "Holm", "Ito", "Jansen", "Klein", "Lima", "Moreau")
INDUSTRIES = ("Logistics", "Retail", "Health", "Finance", "Education")


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Size:
    """How much happens."""

    people: int = 2_000
    companies: int = 200
    #: The fewest and the most sessions of a person, and page loads of a session.
    sessions: tuple[int, int] = (2, 3)
    page_loads: tuple[int, int] = (2, 6)


WHOLE, SMALL = Size(), Size(people=40, companies=8)


def day(size: Size = WHOLE, *, seed: int = SEED) -> list[Body]:
    """Return the bodies of all events, in the order in which they arrive."""
    dice = random.Random(seed)
    companies = [Company(number, dice) for number in range(size.companies)]
    people = [Person(number, companies, dice) for number in range(size.people)]
    sent = [each for person in people for each in person.day(size)]
    sent.sort(key=lambda each: each[0])
    return [{**body, "messageId": f"day-{number:06}"} for number, (_, body) in enumerate(sent)]


class Company:
    """A customer; what is known of it changes a few times a day, for everybody at once."""

    def __init__(self, number: int, dice: random.Random) -> None:
        self.id = f"c{number:04}"
        began = MIDNIGHT - dt.timedelta(days=dice.randint(20, 1500))
        self.first: Body = {
            "name": f"{dice.choice(LAST)} {dice.choice(INDUSTRIES)} {number}",
            "industry": dice.choice(INDUSTRIES),
            "plan": dice.choice(PLANS),
            "size": dice.randint(3, 900),
            "monthlyRevenue": dice.randint(1, 60) * 49,
            "website": f"https://{number}.example.com",
            "createdAt": began.date().isoformat(),
            "seats": dice.choice(SEATS),
            "active_projects": dice.randint(1, 60),
            "trial": dice.random() < 0.1,
        }
        self.changes: list[tuple[float, Body]] = sorted(
            ((dice.uniform(*WORKING_S), self._change(dice)) for _ in range(dice.randint(0, 4))),
            key=lambda change: change[0],
        )

    def traits(self, at_s: float) -> Body:
        """Return what the application knows of it at a time."""
        known = dict(self.first)
        for since_s, change in self.changes:
            known |= change if since_s <= at_s else {}
        return known

    def _change(self, dice: random.Random) -> Body:
        if dice.random() < 0.1:
            return {"plan": dice.choice(PLANS), "monthlyRevenue": dice.randint(1, 60) * 49}
        return {"active_projects": dice.randint(1, 60)}


class Person:
    """Somebody who works with the application, in one company or in two."""

    def __init__(self, number: int, companies: Sequence[Company], dice: random.Random, *, id_: str = "") -> None:
        self.id, self.dice = id_ or f"u{number:05}", dice
        self.companies = dice.sample(companies, k=2 if dice.random() < 0.05 else 1)
        self.browser, self.tablet = uuid(dice), uuid(dice)
        first, last = dice.choice(FIRST), dice.choice(LAST)
        self.traits: Body = {
            "name": f"{first} {last}",
            "email": f"{first}.{last}.{number}@example.com".lower(),
            "role": dice.choice(ROLES),
            "locale": dice.choice(("en-GB", "de-DE", "pt-PT")),
            "marketing_opt_in": dice.random() < 0.3,
            "sessionCount": dice.randint(0, 300),
            "last_url": "/overview",
        }

    def day(self, size: Size) -> Iterator[tuple[float, Body]]:
        """Yield when each call arrives, in seconds of the day, and its body; no two sessions overlap."""
        dice = self.dice
        for _ in range(dice.choice((0, 0, 0, 1, 2))):
            yield from self._back_end(dice.uniform(*NIGHT_S), "Report Delivered", {"rows": dice.randint(0, 4000)})
        if dice.random() < 0.1:
            yield from self._imported(dice.uniform(*NIGHT_S))
        sessions = dice.randint(*size.sessions)
        share_s = (WORKING_S[1] - WORKING_S[0]) / sessions
        for number in range(sessions):
            begin_s = WORKING_S[0] + share_s * (number + dice.uniform(0.0, 0.6))
            yield from self._session(begin_s, is_first=number == 0, page_loads=dice.randint(*size.page_loads))
        if dice.random() < 0.1:
            yield from self._back_end(dice.uniform(*WORKING_S), "Invoice Paid", {"amount": dice.randint(1, 60) * 49})

    def _imported(self, at_s: float) -> Iterator[tuple[float, Body]]:
        """Somebody new, as the back end says it: one call right behind the other, and the event first."""
        yield from self._back_end(at_s, "Seat Assigned", {"by": "import"})
        for call in self.first_page():
            yield at_s + 0.001, call | {"anonymousId": "", "channel": "server"} | _times(at_s, sent_s=at_s)

    def first_page(self) -> Sequence[Body]:
        """Return what a page load says of somebody and their company."""
        company = self.companies[0]
        calls = self._body("identify"), self._body("group", groupId=company.id, traits=company.traits(WORKING_S[0]))
        return [call | {"anonymousId": self.browser} | _times(WORKING_S[0], sent_s=WORKING_S[0]) for call in calls]

    def _session(self, begin_s: float, *, is_first: bool, page_loads: int) -> Iterator[tuple[float, Body]]:
        dice, company = self.dice, self.dice.choice(self.companies)
        # Never the first: what the day says first of somebody is also what arrives first.
        is_late = not is_first and dice.random() < 0.02
        anonymous_id, late_s = (self.tablet, LATE_S) if is_late else (self.browser, 0.0)
        for at_s, body in self._calls(begin_s, company, page_loads):
            yield at_s + late_s, body | {"anonymousId": anonymous_id} | _times(at_s, sent_s=at_s + late_s)

    def _calls(self, at_s: float, company: Company, page_loads: int) -> Iterator[tuple[float, Body]]:
        dice = self.dice
        if dice.random() < 0.4:
            yield at_s, {"type": "page", "userId": "", "name": "login", "properties": {"path": "/login"}, "context": {}}
        self.traits = self._changed() | {"sessionCount": self.traits["sessionCount"] + 1}
        at_s += dice.uniform(1.0, 20.0)
        yield at_s, self._body("identify")
        for _ in range(page_loads):
            at_s += dice.uniform(2.0, 120.0)
            page = dice.choice(PAGES)
            if dice.random() < 0.1:
                self.traits = self.traits | {"last_url": f"/{page}"}
            # One after another, as the SDK sends them while a page loads.
            yield at_s, self._body("page", name=page, properties={"path": f"/{page}"})
            yield at_s + 0.01, self._body("identify")
            yield at_s + 0.02, self._body("group", groupId=company.id, traits=company.traits(at_s))
            if dice.random() < 0.5:
                yield at_s + 1.0, self._track(company)

    def _changed(self) -> Body:
        """Return the traits as a new session finds them."""
        if self.dice.random() < 0.03:
            return self.traits | {"role": self.dice.choice(ROLES)}
        if self.dice.random() < 0.03:
            return self.traits | {"phone": f"+351 555 {self.dice.randint(0, 9999):04}"}
        return self.traits

    def _track(self, company: Company) -> Body:
        properties: Body = {"duration_s": self.dice.randint(0, 90), "beta": self.dice.random() < 0.2}
        if self.dice.random() < 0.3:
            properties["company_id"] = company.id
        return self._body("track", event=self.dice.choice(FEATURES), properties=properties)

    def _body(self, type_: str, **fields: object) -> Body:
        library = {"name": "RudderLabs JavaScript SDK", "version": "3.23.1"}
        context = {"traits": self.traits, "library": library, "locale": self.traits["locale"]}
        return {"type": type_, "userId": self.id, "channel": "web", "context": context, **fields}

    def _back_end(self, at_s: float, event: str, properties: Body) -> Iterator[tuple[float, Body]]:
        body = {"type": "track", "userId": self.id, "channel": "server", "event": event, "properties": properties}
        yield at_s, body | _times(at_s, sent_s=at_s)


def _times(at_s: float, *, sent_s: float) -> Body:
    """Return the times of a call; with `timestamp`, as a recording has it, it happened then whenever it is sent again."""
    happened = _text(at_s)
    return {"timestamp": happened, "originalTimestamp": happened, "sentAt": _text(sent_s)}


def _text(at_s: float) -> str:
    return (MIDNIGHT + dt.timedelta(seconds=at_s)).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def uuid(dice: random.Random) -> str:
    """Return an id as SDKs make them."""
    digits = f"{dice.getrandbits(128):032x}"
    return "-".join((digits[:8], digits[8:12], digits[12:16], digits[16:20], digits[20:]))
