"""What happens in a story, drawn from its seed before it begins: who sends what when, and what goes wrong."""

import dataclasses

import msgspec

from penstock.accept.sdk_request import Arrival, one_in_slices
from penstock.clock import SeededDice
from penstock.event import Event, in_one_go
from penstock.timestamps import from_ms, to_text
from sim.loop import EPOCH

PEOPLE_MAX, COMPANIES_MAX, EVENTS_MIN, EVENTS_MAX, LATE_MAX = 6, 2, 12, 64, 10
# How long after the last request things may still go wrong: crashes and rotated keys belong where work is under way,
# and a little after it, where long backoffs are.
TROUBLE_S_MAX = 300.0
RESENT_SHARE = 0.1
# The user ids of people are numbers from here on.
USER = 101
# Events that end without a call: one is filtered, one cannot be mapped.
FREE = ("page", "")
#: How an attribute begins that one event alone has.
ONLY = "only_"


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Sent:
    """One request of an SDK: these events, at this time."""

    at: float
    events: tuple[Event, ...]


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Trouble:
    """What happens to the machine's clocks: at which second, and by how many."""

    #: Somebody sets the wall's clock, forward or back.
    set_by: tuple[tuple[float, float], ...] = ()
    #: The machine sleeps.
    slept: tuple[tuple[float, float], ...] = ()


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Script:
    """All of it. `orders` are the promises: marks of one tuple must take effect in this order."""

    sent: tuple[Sent, ...]
    #: Sent while dead events are replayed, seconds after that began.
    late: tuple[Sent, ...]
    orders: tuple[tuple[int, ...], ...]
    #: Whether a visitor is a person at Custify, by the anonymous id.
    anonymous_fallback: bool
    crashes_at: tuple[float, ...]
    #: From when to when Custify refuses the key.
    key_bad: tuple[tuple[float, float], ...]
    #: From when to when a person paused the destination.
    paused: tuple[tuple[float, float], ...]
    #: Until when faults, crashes, rotations and pauses begin.
    trouble_until: float
    give_up_after_s: float
    per_s_max: float

    @property
    def safety_s(self) -> float:
        """Return when Custify heals: when all trouble is over."""
        ends = (end for _, end in self.key_bad + self.paused)
        return max([self.trouble_until, *ends])


def write_script(dice, *, repetitive: bool = False) -> Script:
    """Draw a story; a repetitive one says the same few things about people and companies again and again."""
    people, is_fallback = int(dice.uniform(1, PEOPLE_MAX + 1)), dice.uniform(0, 1) < 0.5
    count, late = int(dice.uniform(EVENTS_MIN, EVENTS_MAX)), int(dice.uniform(0, LATE_MAX))
    draw = _repetitive_events if repetitive else _events
    events, orders = draw(dice, people=people, count=count + late, is_fallback=is_fallback)
    sent = _requests(dice, events[:count], gap_s_max=40.0)
    trouble_until = sent[-1].at + dice.uniform(0.0, TROUBLE_S_MAX)
    return Script(
        sent=sent,
        late=_requests(dice, events[count:], gap_s_max=2.0),
        orders=orders,
        anonymous_fallback=is_fallback,
        crashes_at=tuple(sorted(dice.uniform(0, trouble_until) for _ in range(int(dice.uniform(0, 7))))),
        key_bad=_spans(dice, share=0.5, until=trouble_until),
        paused=_spans(dice, share=0.2, until=trouble_until),
        trouble_until=trouble_until,
        give_up_after_s=dice.uniform(20.0, 240.0) if dice.uniform(0, 1) < 0.4 else 72 * 3600.0,
        per_s_max=dice.uniform(1.0, 20.0) if dice.uniform(0, 1) < 0.3 else 1e9,
    )


def write_clocks(dice, *, until: float) -> Trouble:
    """Draw what happens to the clocks: in every other story something does, by seconds or by days."""
    if dice.uniform(0, 1) < 0.5:
        return Trouble()
    return Trouble(
        set_by=tuple((dice.uniform(0, until), _jump(dice)) for _ in range(int(dice.uniform(0, 4)))),
        slept=tuple((dice.uniform(0, until), abs(_jump(dice))) for _ in range(int(dice.uniform(0, 3)))),
    )


def _jump(dice) -> float:
    return _pick(dice, (-1.0, 1.0)) * 10.0 ** dice.uniform(0.5, 5.7)


def _events(dice, *, people: int, count: int, is_fallback: bool) -> tuple[list[Event], tuple[tuple[int, ...], ...]]:
    """Draw events, and along with them the orders that must hold."""
    orders = Orders(is_fallback=is_fallback)
    events = []
    for mark in range(1, count + 1):
        person = int(dice.uniform(0, people))
        kind = _pick(dice, ("identify", "track", "track", "track", "group", *FREE))
        device = _pick(dice, ("user", "both", "anonymous", "email", "known"))
        company = f"c{int(dice.uniform(0, COMPANIES_MAX))}" if kind == "group" else ""
        events.append(_event(mark, person, dice, kind=kind, device=device, company=company))
        orders.note(mark, person, kind=kind, device=device, company=company)
    return events, orders.all()


def _repetitive_events(
    dice, *, people: int, count: int, is_fallback: bool
) -> tuple[list[Event], tuple[tuple[int, ...], ...]]:
    """Draw events whose upserts carry few values, and no marks; the orders are those of the tracks of one person.

    Without the fallback those of a visitor are in no order: some may be the person's before others of them sign in.
    """
    orders: dict[str, list[int]] = {}
    events = []
    for mark in range(1, count + 1):
        person = int(dice.uniform(0, people))
        kind = _pick(dice, ("identify", "identify", "identify", "track", "group", *FREE))
        device = _pick(dice, ("user", "both", "anonymous"))
        company = f"c{int(dice.uniform(0, COMPANIES_MAX))}" if kind == "group" else ""
        event = _event(mark, person, dice, kind=kind, device=device, company=company)
        if kind == "track" and (is_fallback or device != "anonymous"):
            orders.setdefault(who_of(event), []).append(mark)
        elif kind not in {"track", *FREE}:
            event = _saying(event, dice)
        events.append(event)
    return events, tuple(tuple(marks) for marks in orders.values() if len(marks) > 1)


def who_of(event: Event) -> str:
    """Return whom Custify is told of: the person's user id, also of a visitor who became one, else the anonymous id."""
    # Written beside the event: however it names its person, the checks must not have to read it.
    return event.became.partition(":")[2] or event.request_ip


class Orders:
    """The orders that are promised: those of each person as Custify sees them, of each device, of each company."""

    def __init__(self, *, is_fallback: bool) -> None:
        self.is_fallback, self.marks = is_fallback, dict[str, list[int]]()
        #: Whose e-mail and whose device were named together with the user id.
        self.known_email, self.known_device = set[int](), set[int]()

    def note(self, mark: int, person: int, *, kind: str, device: str, company: str) -> None:
        """Write down which orders an event belongs to."""
        self.known_email |= {person} if device == "known" else set()
        self.known_device |= {person} if device == "both" else set()
        is_of_user = device in {"user", "both", "known"}
        is_tied = (device == "email" and person in self.known_email) or (
            device == "anonymous" and person in self.known_device
        )
        if is_of_user or is_tied:
            self._add(f"user {person}", mark)
        if device in {"email", "known"}:
            self._add(f"email {person}", mark)
        # What a visitor did waits for them to sign in; what else a visitor says is nobody's, and passes.
        if device == "both" or (device == "anonymous" and (self.is_fallback or is_tied or kind == "track")):
            self._add(f"device {person}", mark)
        if company:
            self._add(f"company {company}", mark)

    def all(self) -> tuple[tuple[int, ...], ...]:
        """Return the orders of more than one."""
        return tuple(tuple(marks) for marks in self.marks.values() if len(marks) > 1)

    def _add(self, order: str, mark: int) -> None:
        self.marks.setdefault(order, []).append(mark)


def _saying(event: Event, dice) -> Event:
    """Return an upsert that says one or two things, each of few values, at its own time."""
    said: dict[str, object] = {"plan": _pick(dice, ("a", "b", "c"))}
    said |= {"seats": int(dice.uniform(0, 3))} if dice.uniform(0, 1) < 0.5 else {}
    body = msgspec.json.decode(event.body)
    named = {name: value for name, value in body.get("traits", {}).items() if not is_mark(name)}
    body |= {"traits": named | said, "timestamp": to_text(from_ms(event.received_at_ms))}
    return msgspec.structs.replace(event, body=msgspec.json.encode(body))


def _event(mark: int, person: int, dice, *, kind: str, device: str, company: str) -> Event:
    """Return an event as an SDK sends it and accept reads it, in one of the forms in which it may name its person."""
    traits = marks(mark)
    body: dict[str, object] = {"type": kind, "messageId": f"m{mark}"}
    if device in {"user", "both", "known"}:
        body |= _named(dice, str(USER + person), traits)
    if device in {"both", "anonymous"}:
        body["anonymousId"] = f"a{person}"
    if device in {"email", "known"}:
        traits["email"] = _pick(dice, (f"p{person}@x.io", f" P{person}@X.io", f"p{person} @x.IO"))
    if "userId" not in body and "anonymousId" not in body:
        body["userId"] = _pick(dice, ("undefined", "null", "0", "[object Object]"))
    if kind == "track":
        body |= {"event": "Happened", "properties": {"mark": mark}, "context": {"traits": traits}}
    elif kind in {"identify", *FREE}:
        body[_pick(dice, ("traits", "context"))] = traits
        body |= {"context": {"traits": traits}} if "context" in body else {}
    else:
        body |= {"groupId": company, "traits": marks(mark), "context": {"traits": traits}}
    text = msgspec.json.encode(body)
    [event] = one_event(text, kind=kind, mark=mark)
    who = f"a{person}" if device == "anonymous" else str(USER + person)
    return msgspec.structs.replace(event, request_ip=who)


def marks(mark: int) -> dict[str, object]:
    """Return attributes that tell of which event a call is. Sent again, it says of the first no more than newer events left."""
    return {"mark": mark, f"{ONLY}{mark}": mark}


def is_mark(name: str) -> bool:
    """Return whether an attribute is one that tells of which event a call is."""
    return name == "mark" or name.startswith(ONLY)


def _named(dice, user_id: str, traits: dict[str, object]) -> dict[str, object]:
    """Return where a call names its user, and how."""
    place = _pick(dice, ("userId", "userId", "userId", "traits"))
    said = _pick(dice, (user_id, user_id, int(user_id), float(user_id), f" {user_id} "))
    if place == "userId":
        return {"userId": said}
    traits[_pick(dice, ("userId", "user_id", "id"))] = said
    return {"userId": "undefined"}


def one_event(text: bytes, *, kind: str, mark: int) -> list[Event]:
    """Return the event of a request's body, as accept reads it."""
    origin = Arrival(source="web", received_at_ms=int(EPOCH * 1000) + mark, ip="")
    return in_one_go(one_in_slices(text, type_=kind, origin=origin, dice=SeededDice(mark))).events()


def _requests(dice, events: list[Event], *, gap_s_max: float) -> tuple[Sent, ...]:
    """Pack events into requests in order; some are sent twice, as after a lost answer."""
    sent, at, i = [], 0.0, 0
    while i < len(events):
        size = int(dice.uniform(1, 5))
        at += dice.uniform(0.0, gap_s_max)
        request = Sent(at=at, events=tuple(events[i : i + size]))
        sent.append(request)
        if dice.uniform(0, 1) < RESENT_SHARE:
            sent.append(dataclasses.replace(request, at=at + dice.uniform(0.1, 30.0)))
        i += size
    # A repeat may come after later requests; the first of each decides the order, so sorting keeps it.
    return tuple(sorted(sent, key=lambda request: request.at))


def _spans(dice, *, share: float, until: float) -> tuple[tuple[float, float], ...]:
    if dice.uniform(0, 1) >= share:
        return ()
    start = dice.uniform(0, until)
    return ((start, start + dice.uniform(10.0, 900.0)),)


def _pick(dice, choices):
    return choices[min(int(dice.uniform(0, len(choices))), len(choices) - 1)]
