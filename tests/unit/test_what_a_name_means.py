"""Ids that the settings call placeholders are nobody's: they tie nobody to anybody, and nobody is suppressed or erased by one."""

import asyncio
import dataclasses

import pytest

from penstock.accept.suppressing import Suppressing
from penstock.erasing.asking import named
from penstock.erasing.meaning import SearchSense
from penstock.errors import SettingsError
from penstock.placeholders import PLACEHOLDER_IDS
from penstock.privacy.suppressed import SUPPRESS
from penstock.settings import Settings
from privacy_world import PrivacyWorld

OURS = dataclasses.replace(Settings(), placeholder_ids=(*PLACEHOLDER_IDS, "kiosk", "shop@"))
CALLS = [
    {"type": "track", "event": "A", "messageId": "ann1", "userId": "kiosk", "anonymousId": "v-ann"},
    {"type": "identify", "messageId": "ann2", "anonymousId": "v-ann", "traits": {"email": "ann@example.com"}},
    {"type": "identify", "messageId": "ann3", "userId": "kiosk", "traits": {"email": "ann@example.com"}},
    {"type": "identify", "messageId": "bob1", "userId": "kiosk", "anonymousId": "v-bob", "traits": {"email": "bob@example.com"}},
    {"type": "identify", "messageId": "bob2", "userId": "bob", "traits": {"email": "shop@example.com"}},
    {"type": "identify", "messageId": "cy", "userId": "cy", "traits": {"email": "shop@example.com"}},
]  # fmt: skip


async def filled(tmp_path, settings: Settings) -> PrivacyWorld:
    world = PrivacyWorld(tmp_path)
    world.settings = settings
    await world.open()
    for call in CALLS:
        await world.take("web", call)
    return world


def found_of(tmp_path, *given: str, settings: Settings = OURS):
    async def run():
        world = await filled(tmp_path, settings)
        found = world.searching.everything(frozenset(given))
        stories = {story.seq: story.event.message_id for story in world.store.stories()}
        await world.close()
        return found.linked.names, [stories[seq] for seq in found.linked.seqs]

    return asyncio.run(run())


def test_an_id_that_the_settings_call_a_placeholder_ties_no_people_together(tmp_path) -> None:
    names, events = found_of(tmp_path, "email:ann@example.com")

    assert names == {"email:ann@example.com", "anon:v-ann"}
    assert events == ["ann1", "ann2", "ann3"]


def test_an_address_that_the_settings_call_a_placeholder_is_nobodys(tmp_path) -> None:
    names, events = found_of(tmp_path, "user:bob")

    assert names == {"user:bob"}
    assert events == ["bob2"]


@pytest.mark.parametrize(
    ("key", "text"),
    [("user_id", "Kiosk "), ("anonymous_id", "kiosk"), ("email", "Shop@anything.example"), ("company_id", "undefined")],
)
def test_no_person_is_suppressed_or_erased_by_a_placeholder_and_the_setting_is_named(key: str, text: str) -> None:
    with pytest.raises(SettingsError, match="placeholder_ids") as refused:
        named([(key, text)], OURS)
    assert refused.value.name == key


def test_a_company_that_is_counted_from_0_may_be_named() -> None:
    assert named([("company_id", "0")], OURS) == {"company:0"}


def test_a_placeholder_that_was_suppressed_before_it_was_called_one_drops_nobodys_events(tmp_path) -> None:
    async def run():
        world = await PrivacyWorld(tmp_path).open()
        world.people.add(["user:kiosk", "user:ann"], what=SUPPRESS, request="1", at_ms=1)
        door = Suppressing(world.store.log, world.people)
        door.go_by(OURS.placeholder_ids)
        world.door = door
        await world.take("web", CALLS[3])
        await world.take("web", {"type": "identify", "messageId": "by", "userId": "kiosk", "traits": {"id": "ann"}})
        told = [story.event.type for story in world.store.stories()]
        await world.close()
        return told

    assert asyncio.run(run()) == ["identify", "SUPPRESSED"]


def test_two_people_of_whom_one_is_stored_hashed_and_shares_the_address_are_two() -> None:
    meaning = SearchSense((), lambda text: "hmac:" + f"{len(text):032x}")
    given = meaning.looked_for({"email:ann@example.com"})
    (hashed,) = given - {"email:ann@example.com"}

    assert meaning.read(frozenset({hashed, "user:u1"})) == {"email:ann@example.com", "user:u1"}
    assert meaning.stored({"email:ann@example.com"}) == given
    assert meaning.stored({"user:u1"}) == {"user:u1"}
