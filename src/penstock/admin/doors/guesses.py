"""What guesses are counted for: who knocks, as which user, and what became of it; wrong ones are in the journal."""

import collections
import dataclasses
import threading

from penstock.admin.doors.audit import Audit
from penstock.admin.doors.devices import device_of
from penstock.admin.doors.throttle import GuessedAt, Limit, Throttle, Wait, network_of
from penstock.buffer.port.control import User

#: Addresses that knew a password lately, and for how long they are counted by themselves.
KNOWN_ADDRESSES_MAX, KNOWN_S = 1_000, 86_400.0
NAME_CHARS_MAX = 64


@dataclasses.dataclass(frozen=True, slots=True)
class Knock:
    """Where an attempt comes from."""

    address: str = ""
    #: The cookie of a browser that a user signed in with before.
    device: str = ""


class Guesses:
    """The throttle, with what it needs to know of names and browsers."""

    def __init__(self, throttle: Throttle, audit: Audit) -> None:
        self.throttle, self.audit, self.lock = throttle, audit, threading.Lock()
        self.known: collections.OrderedDict[tuple[str, str], float] = collections.OrderedDict()

    def marks(self, name: str, knock: Knock, user: User | None) -> list[GuessedAt]:
        """Return what an attempt for a name counts for. Known browsers and addresses are counted by themselves."""
        address = network_of(knock.address)
        if device := device_of(knock.device, user.password_hash if user else "", name):
            return [(Limit.KNOWN, f"{device} {name}")]
        if self._is_known(name, address):
            return [(Limit.KNOWN, f"{address} {name}")]
        return [(Limit.ADDRESS, address), (Limit.NAME, name[:NAME_CHARS_MAX])]

    def is_known(self, marks: list[GuessedAt]) -> bool:
        """Return whether this is a browser or an address that knew the password lately."""
        return all(limit is Limit.KNOWN for limit, _ in marks)

    def begin(self, marks: list[GuessedAt], way: str, knock: Knock, user: User | None) -> Wait | None:
        """Let an attempt begin that takes a while, or say how long it must wait."""
        return self._told(self.throttle.begin(marks), way, knock, user)

    def right(self, marks: list[GuessedAt], name: str, knock: Knock) -> None:
        """Count that the attempt was right after all."""
        self.throttle.succeeded(marks)
        self._know(name, network_of(knock.address))

    def wrong(self, way: str, knock: Knock, user: User | None) -> None:
        """Write down that it was wrong."""
        # A name is written only if it is a user's: people type passwords where names belong.
        self.audit.refused(user.name if user else "a stranger", f"wrong {way}, from {_place(knock)}")

    def judge(self, name: str, way: str, knock: Knock, *, user: User | None, right: bool) -> Wait | None:
        """Count an attempt for a name that is right or wrong at once."""
        marks = self.marks(name, knock, user)
        wait = self._told(self.throttle.judge(marks, right=right), way, knock, user)
        if wait is None and right:
            self._know(name, network_of(knock.address))
        elif wait is None:
            self.wrong(way, knock, user)
        return wait

    def wrong_secret(self, way: str, knock: Knock) -> Wait | None:
        """Count a token, an invitation or a link that is none; no user is named, so the address is what counts.

        A right one never waits: it is too long to be guessed, and its owner may share an address with the guesser.
        """
        wait = self._told(
            self.throttle.judge([(Limit.ADDRESS, network_of(knock.address))], right=False), way, knock, None
        )
        if wait is None:
            self.wrong(way, knock, None)
        return wait

    def _told(self, wait: Wait | None, way: str, knock: Knock, user: User | None) -> Wait | None:
        if wait:
            self.audit.refused(
                user.name if user else "a stranger",
                f"{way} after too many wrong guesses, had to wait, from {_place(knock)}",
            )
        return wait

    def _is_known(self, name: str, address: str) -> bool:
        return self.throttle.clock.steady() - self.known.get((name, address), -KNOWN_S) < KNOWN_S

    def _know(self, name: str, address: str) -> None:
        with self.lock:
            self.known[name, address] = self.throttle.clock.steady()
            self.known.move_to_end((name, address))
            if len(self.known) > KNOWN_ADDRESSES_MAX:
                self.known.popitem(last=False)

    def forget(self, name: str) -> None:
        """Know no address of a user any more: the password is another one."""
        with self.lock:
            for key in [key for key in self.known if key[0] == name]:
                del self.known[key]


def _place(knock: Knock) -> str:
    return network_of(knock.address) or "an unknown address"
