"""What happens in a story, drawn from its seed before it begins: who sends what when, and what goes wrong."""

import dataclasses

import msgspec

from penstock.event import Event, MessageId
from penstock.timestamps import from_ms, to_text
from sim.loop import EPOCH

PEOPLE_MAX, COMPANIES_MAX, EVENTS_MIN, EVENTS_MAX, LATE_MAX = 6, 2, 12, 64, 10
# How long after the last request things may still go wrong: crashes and rotated keys belong where work is under way,
# and a little after it, where long backoffs are.
TROUBLE_S_MAX = 300.0
RESENT_SHARE = 0.1
# Events that end without a call: one is filtered, one cannot be mapped.
FREE = ("page", "")


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
    people = int(dice.uniform(1, PEOPLE_MAX + 1))
    count, late = int(dice.uniform(EVENTS_MIN, EVENTS_MAX)), int(dice.uniform(0, LATE_MAX))
    draw = _repetitive_events if repetitive else _events
    events, orders = draw(dice, people=people, count=count + late)
    sent = _requests(dice, events[:count], gap_s_max=40.0)
    trouble_until = sent[-1].at + dice.uniform(0.0, TROUBLE_S_MAX)
    return Script(
        sent=sent,
        late=_requests(dice, events[count:], gap_s_max=2.0),
        orders=orders,
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


def _events(dice, *, people: int, count: int) -> tuple[list[Event], tuple[tuple[int, ...], ...]]:
    """Draw events, and along with them the orders that must hold."""
    linked: set[int] = set()
    orders: dict[str, list[int]] = {}
    events = []
    for mark in range(1, count + 1):
        person = int(dice.uniform(0, people))
        kind = _pick(dice, ("identify", "track", "track", "track", "group", *FREE))
        device = _pick(dice, ("user", "both", "anonymous"))
        if device == "both":
            linked.add(person)
        company = f"c{int(dice.uniform(0, COMPANIES_MAX))}" if kind == "group" else ""
        events.append(_event(mark, person, kind=kind, device=device, company=company))
        _note_orders(orders, mark, person=person, device=device, company=company, linked=person in linked)
    return events, tuple(tuple(marks) for marks in orders.values() if len(marks) > 1)


def _repetitive_events(dice, *, people: int, count: int) -> tuple[list[Event], tuple[tuple[int, ...], ...]]:
    """Draw events whose upserts carry few values, and no marks; the orders are those of the tracks of one person."""
    orders: dict[str, list[int]] = {}
    events = []
    for mark in range(1, count + 1):
        person = int(dice.uniform(0, people))
        kind = _pick(dice, ("identify", "identify", "identify", "track", "group", *FREE))
        device = _pick(dice, ("user", "both", "anonymous"))
        company = f"c{int(dice.uniform(0, COMPANIES_MAX))}" if kind == "group" else ""
        event = _event(mark, person, kind=kind, device=device, company=company)
        if kind == "track":
            orders.setdefault(event.user_id or event.anonymous_id, []).append(mark)
        elif kind not in FREE:
            event = _saying(event, dice)
        events.append(event)
    return events, tuple(tuple(marks) for marks in orders.values() if len(marks) > 1)


def _saying(event: Event, dice) -> Event:
    """Return an upsert that says one or two things, each of few values, at its own time."""
    said: dict[str, object] = {"plan": _pick(dice, ("a", "b", "c"))}
    said |= {"seats": int(dice.uniform(0, 3))} if dice.uniform(0, 1) < 0.5 else {}
    body = msgspec.json.decode(event.body)
    body |= {"traits": said, "timestamp": to_text(from_ms(event.received_at_ms))}
    return msgspec.structs.replace(event, body=msgspec.json.encode(body))


def _note_orders(
    orders: dict[str, list[int]], mark: int, *, person: int, device: str, company: str, linked: bool
) -> None:
    """Write down which orders this event belongs to."""
    if device != "anonymous" or linked:
        orders.setdefault(f"user {person}", []).append(mark)
    if device != "user":
        orders.setdefault(f"device {person}", []).append(mark)
    if company:
        orders.setdefault(f"company {company}", []).append(mark)


def _event(mark: int, person: int, *, kind: str, device: str, company: str) -> Event:
    user_id = f"u{person}" if device != "anonymous" else ""
    anonymous_id = f"a{person}" if device != "user" else ""
    message_id = MessageId(f"m{mark}")
    body: dict[str, object] = {"type": kind, "messageId": message_id}
    body |= {"userId": user_id} if user_id else {}
    body |= {"anonymousId": anonymous_id} if anonymous_id else {}
    if kind == "track":
        body |= {"event": "Happened", "properties": {"mark": mark}}
    elif kind in {"identify", *FREE}:
        body |= {"traits": {"mark": mark}}
    else:
        body |= {"groupId": company, "traits": {"mark": mark}, "context": {"traits": {"mark": mark}}}
    return Event(
        source="web",
        message_id=message_id,
        type=kind,
        user_id=user_id,
        anonymous_id=anonymous_id,
        company_id=company,
        received_at_ms=int(EPOCH * 1000) + mark,
        request_ip="127.0.0.1",
        body=msgspec.json.encode(body),
    )


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
