"""One day: people live, some are erased meanwhile, processes are killed, Custify fails; at the end everything is looked through.

`make erasures N=30 SEED=1` tells such days with 200 people, of whom 20 are erased. The folder of a day that went wrong is kept.
"""

import argparse
import contextlib
import dataclasses
import json
import os
import random
import shutil
import sys
import tempfile
import threading
from collections.abc import Iterator, Sequence
from pathlib import Path

import psutil

from acceptance.conftest import KEYS, PASSWORD, Penstock, until
from erasures.custify import KIND, Workspace
from erasures.people import ARRIVES, REFUSED, WAITS, Senders, Sent, Somebody
from erasures.scan import found_in
from erasures.traces import Desk
from history.custify import MOODS
from history.record import History
from history.trouble import S_MAX, Trouble, now_s
from penstock.buffer.port.shelf import Story
from penstock.buffer.sqlite.at_rest import ring
from penstock.buffer.sqlite.store import SqliteStore
from penstock.clock import SystemClock
from penstock.settings.vault import Vault
from ports import EACH, PORTS

SETTINGS = 'log_level = "debug"\ncall_timeout_s = 1.0\nallowed_private_hosts = ["127.0.0.1"]'
DESTINATIONS = ("custify", "shadow")
#: How an event ends that arrives, is refused, or waits for its person; in shadow mode nothing is refused.
ENDS = {
    ARRIVES: {"delivered", "no-op", "coalesced"},
    REFUSED: {"dead"},
    WAITS: {"parked"},
}
#: Share of the kills by which everybody was asked to be erased who is.
ASKED_BY = 0.6
PAUSE_S, BETWEEN_KILLS_S = 0.2, (0.3, 1.5)
ERASED_S_MAX, SETTLED_S_MAX, LOOK_S = 900.0, 600.0, 0.5
STORIES = 500
#: Where they are before; in an encrypted folder with its key alone, once a file has grown beyond its write-ahead log.
PLACES = ("a segment of events.db", "snapshots/accept.json")
IN_THE_CLEAR = ("delivery.db", "control.db")


@dataclasses.dataclass
class ErasedDay:
    """How a day ended."""

    #: A sentence for everything that should not be; how often which process was killed; and how much there was.
    found: list[str]
    told: dict[str, int]
    taken: int
    stored_of_others: int
    lasted_s: float


class ErasingServer(Penstock):
    """`penstock serve` with a workspace, another one in shadow mode, and somebody to tell what is wrong."""

    def __init__(self, folder: Path, workspace: Workspace, *, encrypted: bool) -> None:
        self.data = folder / "data"
        # On another disk, as far as Penstock can tell: a new folder is encrypted.
        self.key_file = folder / "key" / "secret.key" if encrypted else self.data / "secret.key"
        self.key_file.parent.mkdir(parents=True, exist_ok=True)
        env = {"PENSTOCK_SECRET_KEY_FILE": str(self.key_file)} if encrypted else {}
        shadow = (
            f'[destinations.shadow]\ntype = "custify"\napi_key = "k"\nbase_url = "{workspace.url}"\nmode = "shadow"\n'
        )
        connections = "".join(f'[[connections]]\nfrom = "{name}"\nto = "shadow"\n' for name in KEYS)
        alerts = (
            '[alerts.ops]\ntype = "email"\nto = ["ops@example.org"]\nsender = "p@example.org"\nserver = "127.0.0.1:9"\n'
        )
        told = f"{shadow}{connections}{alerts}"
        super().__init__(folder, workspace, env=env, password=PASSWORD, top=SETTINGS, destination=told)

    def until_ready(self) -> None:
        """Wait, longer than others do: a day may be told on a machine that has better things to do."""

        def is_ready() -> bool:
            assert self.process.poll() is None, f"it ended: {self.log}"
            return self._answers("/livez") and self.status()

        try:
            until(is_ready, s_max=S_MAX, what=f"no start: {self.log}")
        except BaseException:
            self.end()
            raise

    def at_rest(self, destination: str) -> bool:
        """Return whether nothing waits but for its person."""
        status = self.status()
        counts = status and status["destinations"][destination]
        return bool(counts) and counts["waiting"] == counts["parked"]


class Day:
    """The people of a day, and everybody around them."""

    def __init__(self, folder: Path, *, people: int, erased: int, seed: int, encrypted: bool) -> None:
        self.folder, self.seed, self.dice = folder, seed, random.Random(seed)
        self.people = [Somebody(self.dice, number) for number in range(people)]
        self.gone, self.others = self.people[:erased], self.people[erased:]
        self.words = [word for each in self.gone for word in each.words_all]
        self.history = History(folder / "history.jsonl")
        numbers = {each.id: each.number for each in self.people}
        self.workspace = Workspace(
            self.history, seed=seed, clashes_with=lambda id_: self.gone[numbers.get(id_, 0) % erased].email
        )
        self.server = ErasingServer(folder, self.workspace, encrypted=encrypted)
        # What is read and written here is so with the key of the files.
        ring.unlock(self.server.data, Vault(self.server.key_file))
        self.desk = Desk(self.server, s_max=S_MAX)
        self.trouble = Trouble(self.history, self.server, self.workspace, seed=seed, folder=folder, disk=None)
        self.senders = Senders(self.server.url, KEYS, seed=seed, pause_s=PAUSE_S)
        self.places = PLACES if encrypted else (*PLACES, *IN_THE_CLEAR)
        self.found, self.wait = list[str](), threading.Event().wait

    def live(self, *, kills: int) -> None:
        """Let everybody live; ask for erasures, and make trouble, meanwhile."""
        for each in self.people:
            self.senders.send(list(each.life()))
        for each in self.gone:
            self.desk.leave_traces(each)
        self.look_before()
        self.senders.go_on(self.people)
        left, asked_max = list(self.gone), max(1, int(kills * ASKED_BY))
        for number in range(kills):
            for each in left[: -(-len(left) // max(1, asked_max - number))]:
                self.desk.ask("POST", "/api/v1/privacy/erase", **each.named())
                left.remove(each)
            self.workspace.mood = self.dice.choice(MOODS)
            self.wait(self.dice.uniform(*BETWEEN_KILLS_S))
            self.trouble.make("kill")
        self.workspace.mood = KIND
        self.senders.end(S_MAX)

    def finish(self) -> None:
        """Let all erasures come to their end."""
        # After a start every destination is asked at once, not after up to an hour.
        for process in self.server.family():
            with contextlib.suppress(psutil.NoSuchProcess):
                if process.cmdline()[-1] == "operate":
                    process.kill()
        until(lambda: not self._open(), s_max=ERASED_S_MAX, what=f"not erased: {self.folder}")

    def _open(self) -> list[dict]:
        self.wait(LOOK_S)
        return [each for each in self.desk.requests() if each["state"] != "done"]

    def come_late(self) -> None:
        """Let devices send what they kept for a week, and everything settle."""
        for each in self.gone:
            self.senders.send(list(each.late()))
        for name in DESTINATIONS:
            until(
                lambda name=name: self._at_rest(name),
                s_max=SETTLED_S_MAX,
                what=f"{name} does not settle: {self.folder}",
            )

    def _at_rest(self, name: str) -> bool:
        self.wait(LOOK_S)
        return self.server.at_rest(name)

    def look(self, when: str) -> None:
        """Look for the erased in every byte, and in what the processes said."""
        # What processes know in memory alone is written down once a second.
        self.wait(1.5)
        self.found += [f"{when}: {each}" for each in found_in(self.server.data, self.words, self.server.log)]

    def look_before(self) -> None:
        """See that the search finds them where they are while they are here: else it would prove nothing."""
        until(lambda: not self._unseen(), s_max=S_MAX, what=f"not seen in {self._unseen()}: {self.folder}")

    def _unseen(self) -> set[str]:
        self.wait(LOOK_S)
        places = {each.partition(": ")[0] for each in found_in(self.server.data, self.words)}
        return {place for place in self.places if not any(each.startswith(place) for each in places)}

    def look_outside(self) -> None:
        """Look for the erased at Custify, and by subject access."""
        known = self.workspace.known()
        self.found += [
            f"{each.number} is at Custify" for each in self.gone if known & {*each.words_all, f"new-{each.number}"}
        ]
        self.found += [f"written after the deletion began: {each}" for each in self.workspace.written_again]
        for each in self.gone:
            held = self.desk.ask("POST", "/api/v1/privacy/person", **each.named())
            if any(held["counts"].values()) or held["events"] or not held["is_suppressed"]:
                self.found.append(f"{each.number} is found by subject access: {held['counts']}")

    def look_at_sums(self) -> None:
        """Add up."""
        for name in DESTINATIONS:
            counts = until(self.server.status, s_max=S_MAX)["destinations"][name]
            if counts["received"] != counts["waiting"] + sum(counts["outcomes"].values()):
                self.found.append(f"the sums of {name} differ: {counts}")

    def look_at_others(self) -> int:
        """Compare what is stored of everybody else with what was taken; return how many events that are."""
        store = SqliteStore(self.server.data, clock=SystemClock())
        theirs = dict(self._of_others())
        for name in DESTINATIONS:
            told = {story.event.message_id: story for story in _stories(store, name)}
            self.found += [
                f"{name}: {wrong}" for id_, sent in theirs.items() if (wrong := _wrong(id_, sent, told, name))
            ]
            received = sum(store.shelf.accepted().values())
            if received != len(told):
                self.found.append(f"{name}: {received} were accepted, {len(told)} are stored")
        return len(theirs)

    def _of_others(self) -> Iterator[tuple[str, Sent]]:
        gone = {each.number for each in self.gone}
        yield from ((id_, sent) for id_, sent in self.senders.taken.items() if sent.person not in gone)

    def end(self) -> None:
        """Leave nothing running."""
        self.server.end()
        self.workspace.close()
        self.history.close()


def tell(
    folder: Path, *, people: int = 200, erased: int = 20, kills: int = 30, seed: int = 1, encrypted: bool = False
) -> ErasedDay:
    """Tell a day; end what was started, and return how it ended."""
    began = now_s()
    day = Day(folder, people=people, erased=erased, seed=seed, encrypted=encrypted)
    try:
        day.live(kills=kills)
        _say(began, f"{len(day.senders.taken)} events taken, and {kills} kills")
        day.finish()
        day.look("once all were erased")
        _say(began, "all are erased")
        day.come_late()
        day.look("after late events")
        day.look_outside()
        day.look_at_sums()
        _say(began, "late events settled")
        day.server.stop(S_MAX)
        day.look("after a stop")
        stored = day.look_at_others()
    finally:
        day.end()
    told = dict(sorted(day.trouble.told.items()))
    return ErasedDay(day.found, told, len(day.senders.taken), stored, now_s() - began)


def _say(began: float, what: str) -> None:
    print(f"{now_s() - began:5.0f} s: {what}", file=sys.stderr, flush=True)


def _stories(store: SqliteStore, destination: str) -> Iterator[Story]:
    after = 0
    while some := store.shelf.stories(destination, after_seq=after, limit=STORIES):
        yield from some
        after = some[-1].seq


def _wrong(id_: str, sent: Sent, told: dict[str, Story], destination: str) -> str:
    story = told.get(id_)
    if story is None:
        return f"{id_} is not stored"
    if json.loads(story.event.body) != sent.call:
        return f"{id_} is another one: {story.event.body!r}"
    if destination == "custify" and story.state not in ENDS[sent.fate]:
        return f"{id_} {sent.fate}, and is {story.state}: {story.reason}"
    return ""


def main(given: Sequence[str] | None = None) -> int:
    """Tell one day, and say how it ended."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--kills", type=int, default=30)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--people", type=int, default=200)
    parser.add_argument("--erased", type=int, default=20)
    parser.add_argument("--encrypted", action="store_true")
    said = parser.parse_args(given)
    # Of two runs beside each other, neither takes the port of the other's server while that one is down.
    for _ in range(os.getpid() % EACH):
        next(PORTS)
    folder = Path(tempfile.mkdtemp(prefix="penstock-erasures-"))
    print(f"seed {said.seed}, {'encrypted, ' if said.encrypted else ''}in {folder}", flush=True)
    day = tell(
        folder, people=said.people, erased=said.erased, kills=said.kills, seed=said.seed, encrypted=said.encrypted
    )
    print(
        f"{day.lasted_s:.0f} s, {day.taken} events taken, {day.stored_of_others} of others stored, killed: {day.told}"
    )
    print("\n".join(day.found[:100]) or "nothing of the erased was found, and nothing of others is missing")
    if not day.found:
        shutil.rmtree(folder)
    return 1 if day.found else 0


if __name__ == "__main__":
    sys.exit(main())
