"""A backup from before an erasure: whoever was erased since stays erased, or the restore is refused."""

import asyncio
import dataclasses
import random
import shutil
from pathlib import Path

import pytest

from penstock.errors import BackupRefused, SettingsError
from penstock.run.care import back_up
from penstock.run.restoring import AGAIN, require_erased, restore
from penstock.settings import Settings
from privacy_world import Person, PrivacyWorld
from unit.test_erasing import live

DICE = random.Random(7)
ANN, BOB, EVE = (Person(DICE) for _ in range(3))


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a data folder, `data`, in which Ann was erased after it was backed up to `set`, and Eve before."""
    folder = tmp_path_factory.mktemp("restored")

    async def make() -> None:
        world = await PrivacyWorld(folder / "data").open()
        for number, person in enumerate((ANN, BOB, EVE)):
            await live(world, person, number)
        await world.settle(seconds=10)
        world.asking.erase(frozenset({f"user:{EVE.id}"}), world.settings, by="root")
        await world.until_done()
        back_up(settings(folder / "data"), folder / "set", with_key=True, tell=lambda _: None)
        # The backup is dated by the machine's clock, and the world's stands still in 2023.
        world.clock.advance(10 * 365 * 86_400.0)
        world.asking.erase(frozenset({f"user:{ANN.id}"}), world.settings, by="root")
        await world.until_done()
        await world.close()

    (folder / "data").mkdir()
    asyncio.run(make())
    return folder


def settings(folder: Path) -> Settings:
    return dataclasses.replace(Settings(), data_dir=folder)


def opened(folder: Path) -> tuple[PrivacyWorld, dict[str, tuple[str, bytes]]]:
    world = PrivacyWorld(folder)

    async def look() -> dict[str, tuple[str, bytes]]:
        await world.open()
        told = world.told()
        await world.close()
        return told

    return world, asyncio.run(look())


def test_who_was_erased_after_the_backup_is_erased_again_before_anything_is_served(made: Path, tmp_path: Path) -> None:
    there = settings(tmp_path / "new")

    _, erased = restore(
        there, made / "set", replace=False, suppressed=made / "data" / "suppressed.list", without_list=False
    )

    world, told = opened(there.data_dir)
    assert erased == 6
    assert world.found_of(*ANN.words, *EVE.words) == []
    assert world.found_of(BOB.id)
    counts = world.store.counts()
    assert counts.received == counts.waiting + sum(counts.outcomes.values()) == len(told)
    assert world.people.has(f"user:{ANN.id}")
    require_erased(there)


def test_a_restore_into_the_folder_itself_goes_by_its_own_list(made: Path, tmp_path: Path) -> None:
    shutil.copytree(made / "data", tmp_path / "data")
    there = settings(tmp_path / "data")

    _, erased = restore(there, made / "set", replace=True, suppressed=None, without_list=False)

    assert erased == 6
    shutil.rmtree(next(there.data_dir.glob("replaced-*")))
    assert opened(there.data_dir)[0].found_of(*ANN.words) == []


def test_without_the_present_list_a_restore_is_refused_unless_told_otherwise(made: Path, tmp_path: Path) -> None:
    there = settings(tmp_path / "new")

    with pytest.raises(BackupRefused, match="--suppressed"):
        restore(there, made / "set", replace=False, suppressed=None, without_list=False)
    assert not there.data_dir.exists()

    restore(there, made / "set", replace=False, suppressed=None, without_list=True)
    assert opened(there.data_dir)[0].found_of(ANN.id)
    assert opened(there.data_dir)[0].found_of(*EVE.words) == []


def test_a_list_of_another_key_is_refused(made: Path, tmp_path: Path) -> None:
    (tmp_path / "suppressed.list").write_text(f"penstock-suppressed 1 {'0' * 32}\n")

    with pytest.raises(BackupRefused, match=r"another secret\.key"):
        restore(
            settings(tmp_path / "new"),
            made / "set",
            replace=False,
            suppressed=tmp_path / "suppressed.list",
            without_list=False,
        )


def test_nothing_starts_beside_a_restore_that_was_not_gone_through(tmp_path: Path) -> None:
    (tmp_path / AGAIN).touch()

    with pytest.raises(SettingsError, match="restore that was interrupted"):
        require_erased(settings(tmp_path))


def test_requests_and_receipts_come_back_with_the_set(made: Path, tmp_path: Path) -> None:
    there = settings(tmp_path / "new")
    restore(there, made / "set", replace=False, suppressed=made / "data" / "suppressed.list", without_list=False)

    world, _ = opened(there.data_dir)

    assert [request.number for request in world.asking.requests.all()] == ["000001"]
    assert world.asking.requests.receipt_of("000001").exists()
    assert world.seal.public_key()
