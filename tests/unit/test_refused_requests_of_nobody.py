"""Requests that are refused are shown by path and program: those who are suppressed are not named there, before or after."""

from pathlib import Path

import pytest

from penstock.accept.refused import KINDS_MAX, Refusals
from penstock.accept.suppressing import Suppressing
from penstock.identity import names_quoted
from penstock.machine.snapshot import Snapshots
from penstock.run.opening import open_searching
from penstock.settings import Settings
from privacy_world import PrivacyWorld
from unit.test_eraser_waits import told
from unit.test_suppressed import Kept, listed

ANN = ("user:ann-1f9c", "email:ann@example.com")
PATHS = ("/v1/users/ann-1f9c", "/people/ann%40example.com/events", "/x/Ann@Example.com", "/v1/track?user=ann-1f9c")


def noted(refusals: Refusals, path: str, *, agent: str = "sdk/1") -> None:
    refusals.note(404, "not found", method="GET", path=path, key="", agent=agent, now=1.0)


@pytest.mark.parametrize("path", PATHS)
def test_a_refused_path_that_names_somebody_suppressed_is_not_kept(tmp_path: Path, path: str) -> None:
    refusals = Refusals(Suppressing(Kept(), listed(tmp_path, *ANN)).names_suppressed)  # type: ignore[arg-type]

    noted(refusals, path)
    noted(refusals, "/v1/indentify", agent=f"sdk/1 (by {path.rpartition('/')[2]})")

    assert "ann" not in str(refusals.facts()).lower()
    assert [each["path"] for each in refusals.facts()] == ["/v1/indentify", "[suppressed]"]


def test_what_was_kept_of_somebody_before_goes_once_they_are_on_the_list(tmp_path: Path) -> None:
    people = listed(tmp_path, "user:bob")
    refusals = Refusals(Suppressing(Kept(), people).names_suppressed)  # type: ignore[arg-type]
    for path in (*PATHS, "/v1/indentify"):
        noted(refusals, path)
    people.add(ANN, what="erased", request="2", at_ms=1)

    refusals.forget_suppressed()

    assert "ann" not in str(refusals.facts()).lower()
    assert [(each["path"], each["count"]) for each in refusals.facts()] == [("/v1/indentify", 1), ("[suppressed]", 4)]


def test_a_long_path_is_cut_between_words() -> None:
    refusals = Refusals()

    noted(refusals, f"/{'a' * 100}/ann-1f9c-{'b' * 40}")

    assert refusals.facts()[0]["path"] == f"/{'a' * 100}/…"


def test_no_more_kinds_are_kept_than_are_shown() -> None:
    refusals = Refusals()
    for number in range(2 * KINDS_MAX):
        noted(refusals, f"/{number}")

    assert len(refusals.facts()) == KINDS_MAX


def test_an_erasure_shows_refused_requests_and_ends_once_accept_has_forgotten_them(tmp_path: Path) -> None:
    async def story(world: PrivacyWorld) -> None:
        shown = [f"404 not found GET {PATHS[1]} sdk/1"]
        world.searching.refused = lambda: shown
        held = world.searching.everything(frozenset(ANN))
        assert (held.counts["refused requests"], list(held.refused)) == (1, shown)
        world.asking.erase(frozenset(ANN), world.settings, by="root")
        await world.settle(seconds=10)
        assert [each.state for each in world.asking.requests.all()] == ["open"]

        shown.clear()
        await world.until_done(seconds_max=20)

    told(tmp_path, story)


def test_refused_requests_are_read_from_what_accept_leaves_for_other_processes(tmp_path: Path) -> None:
    searching = open_searching(Settings(data_dir=tmp_path))
    Snapshots(tmp_path).write("accept", {"refused": [{"status": 404, "path": PATHS[1], "agent": "sdk/1"}]})

    assert list(searching.everything(frozenset(ANN)).refused) == [f"404 {PATHS[1]} sdk/1"]


def test_words_of_a_text_are_taken_for_every_kind_of_name() -> None:
    assert {"user:a|b", "anon:a|b", "user:x@y.io", "email:x@y.io"} <= names_quoted("/v1/a%7Cb/ X@y.io. x@y.io")
