"""Who sends what: people with all that may name them, and senders who repeat each request until it is taken, as SDKs do."""

import base64
import contextlib
import http.client
import json
import random
import threading
import urllib.error
import urllib.request
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from erasures.custify import BAD, CLASH
from privacy_world import Person

SOURCES = ("web", "mobile", "server")
ANSWER_S_MAX, TRY_AGAIN_S = 5.0, 0.05
COMPANIES = 8
#: Events of a destination's people that end so, if nobody is erased; of others it is not asked.
ARRIVES, REFUSED, WAITS = "arrives", "is refused", "waits"


class Sent(NamedTuple):
    """A call, of whom it is, by which source it goes, and what becomes of it."""

    source: str
    call: dict
    fate: str
    person: int


class Somebody(Person):
    """A person with a number, who counts what they do."""

    def __init__(self, dice: random.Random, number: int) -> None:
        super().__init__(dice)
        self.number, self.times = number, 0
        #: Not known to anybody: events of this id wait for their person.
        self.stranger = f"{dice.getrandbits(64):016x}"
        self.words_all = (*self.words, self.stranger, self.phone[1:])

    def named(self) -> dict[str, list[str]]:
        """Return by what the person asks to be erased, which every id but the stranger's leads to."""
        by_mail = {"email": [self.email], "user_id": [self.stranger]}
        return by_mail if self.number % 2 else {"user_id": [self.id, self.stranger]}

    @property
    def event(self) -> str:
        """Return the message id of their first identify call: as some applications make theirs, it has the person's id."""
        return f"{self.id}-b{self.number}-1"

    def life(self) -> Iterator[Sent]:
        """Yield one call of every kind."""
        self.times += 1
        me, n = {"userId": self.id}, f"{self.number}-{self.times}"
        # An attribute that looks like a mistake is remarked upon, with the id of the event.
        traits = {**self.traits, f"Plan Name {self.number}": "pro", f"plan_name_{self.number}": "pro"}
        opened = {"event": "Opened", "properties": {"to": self.email, "times": self.times}}
        bad = {"event": BAD, "properties": {"note": self.name, "call": self.phone}}
        yield self._sent("web", "track", f"a{n}", anonymousId=self.anon, event="Seen")
        yield self._sent("web", "identify", f"{self.id}-b{n}", **me, anonymousId=self.anon, traits=traits)
        yield self._sent("mobile", "track", f"{self.id}-{n}", **me, **opened)
        company = {"groupId": f"company-{self.number % COMPANIES}", "traits": {"name": "A"}}
        yield self._sent("server", "group", f"d{n}", **me, **company)
        yield self._sent("server", "track", f"{self.id}-e{n}", REFUSED, **me, **bad)
        by_mail = {"email": self.email, "name": self.name}
        yield self._sent("server", "identify", f"f{n}", anonymousId=self.device, traits=by_mail)
        yield self._sent("mobile", "track", f"g{n}", REFUSED, **me, event=CLASH)
        unknown = {"event": "Opened", "properties": {"by": self.name}}
        yield self._sent("server", "track", f"h{n}", WAITS, userId=self.stranger, **unknown)

    def late(self) -> Iterator[Sent]:
        """Yield what a device may send a week later: all of it again, and itself under ids nobody saw before."""
        yield from self.life()
        new, n = {"userId": f"new-{self.number}"}, f"{self.number}-{self.times}"
        yield self._sent("mobile", "identify", f"i{n}", **new, traits=self.traits)
        yield self._sent("web", "identify", f"j{n}", **new, traits={"anonymousId": self.anon, "plan": "pro"})

    def _sent(self, source: str, type_: str, id_: str, fate: str = ARRIVES, **call: object) -> Sent:
        return Sent(source, {"type": type_, "messageId": id_, **call}, fate, self.number)


class Senders:
    """One thread for each source; `taken` has every call that was answered 200, with what becomes of it, by its message id."""

    def __init__(self, url: str, keys: dict[str, str], *, seed: int, pause_s: float) -> None:
        self.url, self.keys, self.pause_s = url, keys, pause_s
        self.ended, self.seed = threading.Event(), seed
        self.taken, self.threads = dict[str, Sent](), list[threading.Thread]()

    def send(self, sent: Sequence[Sent]) -> None:
        """Send some calls, in order, those of one source together; come back when all were taken."""
        for source in SOURCES:
            if mine := [each for each in sent if each.source == source]:
                self._until_taken(source, mine)

    def go_on(self, people: Sequence[Somebody]) -> None:
        """Send what people do, until told to end."""
        for number, source in enumerate(SOURCES):
            mine, dice = people[number :: len(SOURCES)], random.Random(self.seed * len(SOURCES) + number)
            thread = threading.Thread(target=self._live, args=(mine, dice), name=source, daemon=True)
            self.threads.append(thread)
            thread.start()

    def end(self, s_max: float) -> None:
        """Bring what was begun to its end."""
        self.ended.set()
        for thread in self.threads:
            thread.join(s_max)
            assert not thread.is_alive(), "a request is not answered although nobody makes trouble any more"

    def _live(self, people: Sequence[Somebody], dice: random.Random) -> None:
        while people and not self.ended.is_set():
            life = list(dice.choice(people).life())
            self.send(dice.sample(life, k=dice.randint(1, len(life))))
            self.ended.wait(self.pause_s)

    def _until_taken(self, source: str, sent: Sequence[Sent]) -> None:
        body = json.dumps({"batch": [each.call for each in sent]}).encode()
        credentials = base64.b64encode(f"{self.keys[source]}:".encode()).decode()
        headers = {"Authorization": f"Basic {credentials}", "Content-Type": "application/json"}
        while not self._is_taken(urllib.request.Request(f"{self.url}/v1/batch", body, headers)):
            threading.Event().wait(TRY_AGAIN_S)
        self.taken |= {each.call["messageId"]: each for each in sent}

    def _is_taken(self, request: urllib.request.Request) -> bool:
        # Whatever else happens is no yes: refused, reset, no answer, half an answer.
        with (
            contextlib.suppress(OSError, http.client.HTTPException),
            urllib.request.urlopen(request, timeout=ANSWER_S_MAX) as answer,
        ):
            return answer.status == 200
        return False
