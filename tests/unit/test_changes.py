"""The stream that tells open pages to look again."""

import pytest
from starlette.requests import Request

from penstock.admin.pages.changes import NOTHING_NEW, SIGN_OF_LIFE, STREAMS_MAX, Changes, changed


class Store:
    """Stands for the pages, which know a mark of how things stand; also what waits between two looks, and acts then."""

    def __init__(self) -> None:
        self.looks, self.changes_at, self.stops_at = 0, set(), 10**9
        self.version = 0

    def visit(self, _):
        return "somebody"

    def mark(self) -> str:
        return f"v{self.version}"

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
    return Changes(store, is_stopping=store.is_stopping, wait=store.wait)


async def words(changes, since: str = "v0") -> list[bytes]:
    return [word async for word in changes.stream(since)]


async def words_answered(changes, query: str = "", **headers: str) -> list[bytes]:
    named = [(name.replace("_", "-").encode(), value.encode()) for name, value in headers.items()]
    request = Request({"type": "http", "query_string": query.encode(), "headers": named})
    return [word async for word in (await changes.answer(request)).body_iterator]


async def test_a_change_is_told_once(store, changes):
    store.changes_at, store.stops_at = {2, 5}, 8

    assert await words(changes) == [NOTHING_NEW, changed("v1"), changed("v2")]


async def test_what_happened_between_the_page_and_its_stream_is_told_at_once(store, changes):
    store.version, store.stops_at = 7, 3

    assert await words_answered(changes, "since=v6") == [changed("v7")]
    store.looks = 0
    assert await words_answered(changes, "since=v7") == [NOTHING_NEW]


async def test_a_stream_that_was_lost_goes_on_where_it_was(store, changes):
    store.version, store.stops_at = 7, 3

    assert await words_answered(changes, "since=v1", last_event_id="v7") == [NOTHING_NEW]


async def test_a_quiet_stream_gives_a_sign_of_life(store, changes):
    store.stops_at = 2 * SIGN_OF_LIFE + 1

    assert await words(changes) == [NOTHING_NEW] * 3


async def test_a_stream_ends_by_itself_and_when_the_server_does(store, changes):
    assert len(await words(changes)) < 100
    store.looks, store.stops_at = 0, 1
    assert await words(changes) == [NOTHING_NEW]
    assert changes.streams == 0


async def test_there_are_no_more_streams_than_the_server_can_feed(changes):
    changes.streams = STREAMS_MAX
    assert (await changes.answer(None)).status_code == 503
