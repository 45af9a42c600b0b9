"""A settings file is followed while people, editors and tools write it as they do."""

import shutil
from pathlib import Path

import msgspec
import pytest

import counting
from penstock.settings import Following, digest_of

OLD = '[sources.web]\nwrite_key = "old"\n[sources.server]\nwrite_key = "s"\n[destinations.c]\napi_key = "k"\n'
NEW = OLD.replace('"old"', '"new"') + '[[connections]]\nfrom = "web"\nto = "c"\n'


class World:
    """A settings file, one process that follows it, and what people said about it."""

    def __init__(self, folder: Path) -> None:
        self.path, self.said = folder / "penstock.toml", ("", "")
        self.document: dict | None = None
        self.path.write_text(OLD)
        self.start()

    def start(self, handed_on: dict | None = None) -> None:
        self.following = Following(
            self.path,
            dashboard=lambda _: self.document,
            consent=lambda _: self.said,
            environ={"KEY": "k"},
            handed_on=handed_on,
        )

    def die_and_come_back(self) -> None:
        """As the supervisor has it: another process goes on with what this one left."""
        self.start(msgspec.msgpack.decode(msgspec.msgpack.encode(self.following.to_hand_on())))

    def look(self, **asked) -> str:
        """Look once; return the key of the source `web` that is in force."""
        settings, _ = self.following.look(**asked)
        return settings.sources["web"].write_key if "web" in settings.sources else ""

    @property
    def problem(self) -> str:
        return str(self.following.problem or "")

    def apply(self) -> None:
        self.said = (f"{self.said[0]}another", digest_of(self.path.read_bytes()))


@pytest.fixture
def world(tmp_path) -> World:
    return World(tmp_path)


def truncated_then_written(path: Path, text: str):
    with path.open("w") as file:
        yield
        for start in range(0, len(text), 40):
            file.write(text[start : start + 40])
            file.flush()
            yield


def renamed(path: Path, text: str):
    fresh = path.with_suffix(".tmp")
    fresh.write_text(text)
    yield
    fresh.replace(path)
    yield


def removed_then_renamed(path: Path, text: str):
    fresh = path.with_suffix(".tmp")
    fresh.write_text(text)
    path.unlink()
    yield
    fresh.replace(path)
    yield


def copied(path: Path, text: str):
    fresh = path.with_suffix(".tmp")
    fresh.write_text(text)
    yield
    shutil.copy(fresh, path)
    yield


@pytest.mark.parametrize("written", [truncated_then_written, renamed, removed_then_renamed, copied])
def test_a_look_while_a_file_is_written_sees_the_old_settings_or_the_new_ones(world, written):
    seen = []
    for _ in written(world.path, NEW):
        seen.append(world.look())
        assert world.problem == "", "a file in the middle of being written is no mistake"
    seen += [world.look(), world.look()]

    assert seen == sorted(seen, reverse=True)
    assert set(seen) == {"old", "new"}
    assert seen[-1] == "new"


def test_a_secret_in_the_middle_of_being_written_is_not_taken(world):
    world.path.write_text(OLD.replace('"old"', '"${file:key}"'))
    (world.path.parent / "key").write_text("whole")
    assert [world.look(), world.look()] == ["old", "whole"]

    (world.path.parent / "key").write_text("hal")
    assert world.look() == "whole"
    (world.path.parent / "key").write_text("halved")

    assert [world.look(), world.look()] == ["whole", "halved"]


@pytest.mark.parametrize(
    "text", ["", "retention_days = 3\n", "# all of it is a comment\n", '[destinations.c]\napi_key="k"\n']
)
def test_a_file_that_lost_every_source_is_not_followed_and_says_so(world, text):
    world.path.write_text(text)

    assert [world.look() for _ in range(5)] == ["old"] * 5
    assert "penstock apply" in world.problem


def test_a_person_who_asks_for_a_look_does_not_mean_a_loss(world):
    world.path.write_text("")

    assert world.look(asked=True) == "old"


def test_who_applies_an_empty_file_means_it(world):
    world.path.write_text("")
    assert [world.look(), world.look()] == ["old", "old"]

    world.apply()

    assert world.look() == ""
    assert world.problem == ""


def test_what_was_meant_once_is_not_meant_the_next_time(world):
    world.path.write_text("")
    world.apply()
    assert [world.look(), world.look()] == ["old", ""]
    world.path.write_text(NEW)
    assert [world.look(), world.look()] == ["", "new"]

    world.path.write_text("")

    assert [world.look(), world.look(), world.look()] == ["new"] * 3


def test_who_applied_one_file_did_not_mean_another(world):
    world.path.write_text("# empty\n")
    world.apply()
    world.path.write_text("")

    assert [world.look(), world.look(), world.look()] == ["old"] * 3


def test_sources_move_from_the_file_to_the_dashboard(world):
    world.path.write_text('[destinations.c]\napi_key = "k"\n')
    world.look()
    world.document = {"sources": {"web": {"write_key": "moved"}}}
    assert world.look() == "old"

    world.apply()

    assert world.look() == "moved"


def test_a_person_who_asks_says_that_the_file_is_whole(world):
    world.path.write_text(NEW)

    assert world.look(asked=True) == "new"


def test_a_broken_file_leaves_the_old_settings_and_a_mended_one_is_followed(world):
    world.path.write_text("this is = not toml [")
    assert (world.look(), world.problem) == ("old", "")
    assert world.look() == "old"
    assert world.problem.startswith("config: expected TOML")

    world.path.write_text(NEW)

    assert [world.look(), world.look()] == ["old", "new"]
    assert world.problem == ""


@pytest.mark.parametrize(
    "text",
    ["a = " + "[" * 5_000, "a = " + "9" * 5_000, OLD.replace('"k"', '"${file:\\u0000}"'), "a = 1\na = 2", "\x00" * 64],
    ids=["lists in lists", "a number of thousands of digits", "a path that cannot be one", "said twice", "zeros"],
)
def test_whatever_a_file_says_nobody_dies_of_it(world, text):
    world.path.write_text(text)

    assert [world.look(), world.look()] == ["old", "old"]
    assert world.problem


def test_a_broken_file_does_not_keep_the_dashboard_from_being_followed(world):
    world.path.write_text('[sources.web]\nwrite_kee = "x"\n')
    world.look()
    world.document = {"sources": {"more": {"write_key": "more"}}}
    world.look()

    assert sorted(world.following.settings.sources) == ["more", "server", "web"]
    assert world.problem.startswith("sources.web.write_kee: ")


SET_UP = {"sources": {"more": {"write_key": "more"}}}


def sources(world) -> list[str]:
    world.look()
    return sorted(world.following.settings.sources)


def test_what_was_set_up_in_the_dashboard_holds_though_its_file_is_emptied_and_it_is_said(world):
    world.document = SET_UP
    assert sources(world) == ["more", "server", "web"]

    world.document = None
    assert sources(world) == ["more", "server", "web"]
    assert world.problem.startswith("control.db: expected the settings of the dashboard, as before")

    world.document = {"sources": {"another": {"write_key": "another"}}}
    assert (sources(world), world.problem) == (["another", "server", "web"], "")


def test_so_it_is_for_a_process_that_dies_meanwhile_and_comes_back(world):
    world.document = SET_UP
    world.look()
    world.document = None

    world.die_and_come_back()

    assert sources(world) == ["more", "server", "web"]
    assert world.problem.startswith("control.db: ")


def test_the_settings_file_is_followed_all_the_same(world):
    world.document = SET_UP
    world.look()
    world.document = None
    world.path.write_text(NEW)

    assert [world.look(), world.look()] == ["old", "new"]
    assert sources(world) == ["more", "server", "web"]


def test_who_starts_penstock_means_a_dashboard_without_settings(world):
    world.document = SET_UP
    world.look()
    world.document = None

    world.start()

    assert (sources(world), world.problem) == (["server", "web"], "")


def test_a_last_source_that_somebody_removes_in_the_dashboard_is_gone(world):
    world.document = SET_UP
    world.look()
    world.document = {"sources": {}}

    assert (sources(world), world.problem) == (["server", "web"], "")


def test_going_back_to_what_is_in_force_ends_the_complaint(world):
    world.path.write_text("")
    assert [world.look(), world.look()] == ["old", "old"]
    world.path.write_text(OLD)

    assert (world.look(), world.problem) == ("old", "")


def test_a_destination_under_another_name_is_not_followed_before_it_is_said_what_it_is(world):
    renamed_ = OLD.replace("destinations.c]", "destinations.crm]").replace('"old"', '"new"')
    world.path.write_text(renamed_)
    assert [world.look(), world.look()] == ["old", "old"]
    assert 'renamed_from = ["c"] keeps its backlog' in world.problem

    world.path.write_text(renamed_ + 'renamed_from = ["c"]\n')
    assert [world.look(), world.look()] == ["old", "new"]
    assert world.problem == ""


TWO = OLD + '[destinations.d]\napi_key = "l"\n'
EXCHANGED = OLD.replace('"k"', '"l"').replace('"old"', '"new"') + '{c}[destinations.d]\napi_key = "k"\n{d}'


def test_two_destinations_that_exchange_their_keys_are_not_followed_before_it_is_said_what_they_are(world):
    world.path.write_text(TWO)
    world.look()
    world.look()
    world.path.write_text(EXCHANGED.format(c="", d=""))
    assert [world.look(), world.look()] == ["old", "old"]
    assert world.problem.startswith("destinations.c.renamed_from: ")

    world.path.write_text(EXCHANGED.format(c='renamed_from = ["d"]\n', d='renamed_from = ["c"]\n'))
    assert [world.look(), world.look()] == ["old", "new"]
    assert world.problem == ""


def test_nor_is_one_that_says_nothing_forced_on_those_who_mean_it(world):
    world.path.write_text(OLD.replace("destinations.c]", "destinations.crm]").replace('"old"', '"new"'))
    world.look()
    world.look()
    world.apply()

    assert world.look() == "new"


@pytest.mark.parametrize("text", ["", "no toml [", NEW[:30]], ids=["empty", "broken", "cut"])
def test_who_comes_back_while_a_file_is_written_believes_what_was_believed(world, text):
    world.path.write_text(text)

    world.die_and_come_back()

    assert world.following.settings.sources["web"].write_key == world.look() == "old"
    world.path.write_text(NEW)
    assert [world.look(), world.look()] == ["old", "new"]


def test_who_comes_back_has_heard_what_was_said_meanwhile(world):
    world.path.write_text("")
    handed_on = world.following.to_hand_on()
    world.apply()

    world.start(handed_on)

    assert [world.look(), world.look()] == ["old", ""]


def test_who_starts_penstock_means_the_file_as_it_is(world):
    world.path.write_text("")

    world.start()

    assert world.look() == ""


def test_a_look_that_finds_nothing_new_puts_nothing_together_anew(world):
    world.document = {"sources": {"app": {"write_key": "a"}}}
    world.look()
    with counting.calls() as counted:
        world.look()

    # Every process looks once a second, also when nobody sends anything; putting settings together is thousands of calls.
    assert counted.count <= 150
    world.document = {"sources": {"app": {"write_key": "b"}}}
    world.look()
    assert world.following.settings.sources["app"].write_key == "b"
