"""People are erased while processes are killed and Custify fails: a small share of `make erasures`, and what its scan can see."""

import asyncio
import base64
import random
from pathlib import Path

import pytest

from erasures.day import tell
from erasures.people import Somebody
from erasures.scan import found_in
from penstock.buffer.sqlite.at_rest import ring
from penstock.settings.vault import Vault
from privacy_world import PrivacyWorld

WORD = "3f9a77c01b2d4e5f"


@pytest.mark.parametrize(
    "text",
    [
        b"user:3F9A77c01b2d4e5f",
        base64.b64encode(b"user:3f9a77c01b2d4e5f!"),
        base64.b64encode(b"id 3f9a77c01b2d4e5f and more"),
        base64.b64encode(b'{"name": "3f9a77c01b2d4e5f"}'),
    ],
)
def test_a_name_is_found_in_any_file_however_it_is_written(tmp_path: Path, text: bytes) -> None:
    (tmp_path / "snapshots").mkdir()
    (tmp_path / "snapshots" / "x.json").write_bytes(b"\0\1" + text)
    log = tmp_path.parent / "said.log"
    log.write_bytes(b"who is " + WORD.encode())

    assert found_in(tmp_path, [WORD, "somebody@else.example"], log) == [
        f"said.log: {WORD}",
        f"snapshots/x.json: {WORD}",
    ]


def test_an_address_is_found_as_it_stands_in_a_path(tmp_path: Path) -> None:
    (tmp_path / "accept.json").write_text("/v1/users/ann%40x.example/events")

    assert found_in(tmp_path, ["ann@x.example"]) == ["accept.json: ann@x.example"]


@pytest.mark.parametrize("encrypted", [False, True])
def test_who_lives_is_found_in_segments_and_by_the_key_of_the_files(tmp_path: Path, encrypted: bool) -> None:
    data, ann = tmp_path / "data", Somebody(random.Random(1), 0)
    data.mkdir()
    ring.unlock(data, Vault(tmp_path / "secret.key"), encrypts_new=encrypted)

    async def live() -> None:
        world = await PrivacyWorld(data).open()
        for source, call, *_ in ann.life():
            await world.take(source, call)
        await world.settle(seconds=3)
        await world.close()

    asyncio.run(live())
    places = {each.partition(": ")[0] for each in found_in(data, ann.words_all)}

    assert {"a segment of events.db", "delivery.db, decrypted" if encrypted else "delivery.db"} <= places
    assert ("delivery.db" in places) is not encrypted


@pytest.mark.timeout(300)
def test_nothing_of_three_is_left_and_nine_others_are_unharmed(tmp_path: Path) -> None:
    day = tell(tmp_path, people=12, erased=3, kills=2, seed=5, encrypted=True)

    assert day.found == []
    assert day.stored_of_others >= 9 * 8
