"""The stream that tells open pages to look again."""

import pytest

from penstock.operate.changes import CHANGED, NOTHING_NEW, SIGN_OF_LIFE, STREAMS_MAX, Changes


class Store:
    """Something with a mark; also what waits between two looks, and does something then."""

    def __init__(self) -> None:
        self.looks, self.changes_at, self.stops_at = 0, set(), 10**9
        self.version = 0

    def mark(self):
        return self.version

    async def wait(self, _: float) -> None:
        self.looks += 1
        self.version += self.looks in self.changes_at

    def is_stopping(self) -> bool:
        return self.looks >= self.stops_at


@pytest.fixture
def store():
    return Store()


@pytest.fixture
def changes(store):
    return Changes(None, gauge=store, snapshots=store, is_stopping=store.is_stopping, wait=store.wait)


async def words(changes) -> list[bytes]:
    return [word async for word in changes.stream()]


async def test_a_change_is_told_once(store, changes):
    store.changes_at, store.stops_at = {2, 5}, 8

    assert (await words(changes)).count(CHANGED) == 2


async def test_a_quiet_stream_gives_a_sign_of_life(store, changes):
    store.stops_at = 2 * SIGN_OF_LIFE + 1

    assert await words(changes) == [NOTHING_NEW] * 3


async def test_a_stream_ends_by_itself_and_when_the_server_does(store, changes):
    assert len(await words(changes)) < 100
    store.looks, store.stops_at = 0, 1
    assert await words(changes) == [NOTHING_NEW]
    assert changes.streams == 0


async def test_there_are_no_more_streams_than_the_server_can_feed(changes):
    class Somebody:
        def visit(self, _):
            return "somebody"

    changes.pages, changes.streams = Somebody(), STREAMS_MAX
    assert (await changes.answer(None)).status_code == 503
