"""A data folder whose files are encrypted: what is readable on its disk, with which key, and how it comes to another one."""

import asyncio
import contextlib
import random
import shutil
from pathlib import Path

import pytest
from cryptography.fernet import Fernet

from contract import test_log_promises, test_run_promises
from contract.test_backup import CLOCK
from contract.worlds import SqliteWorld, event, quick_folder
from penstock.buffer.port.traces import Removal
from penstock.buffer.rules.needles import Needles
from penstock.buffer.sqlite.at_rest import ring, sealed_keys, turning
from penstock.buffer.sqlite.at_rest.secret import fingerprint_of
from penstock.buffer.sqlite.connections import SqliteConnection, connect
from penstock.buffer.sqlite.control.orders import SqliteOrders
from penstock.buffer.sqlite.doctor.backup import back_up
from penstock.buffer.sqlite.doctor.restore import prove, restore
from penstock.buffer.sqlite.doctor.salvage import salvage
from penstock.buffer.sqlite.file import ALERTS, CONTROL, DELIVERY, EVENTS, damage_of, open_writer
from penstock.buffer.sqlite.folder import FILES
from penstock.buffer.sqlite.privacy import slack
from penstock.clock import ManualClock
from penstock.errors import BackupRefused, BufferUnavailable, SettingsError, StoreDamaged
from penstock.settings.vault import Vault
from privacy_world import Person, PrivacyWorld
from unit.test_erasing import live

EVERY = (*FILES, ALERTS)
WORD = "ann@example.com"


def said(_: str) -> None:
    """Nobody listens."""


def keyed(folder: Path, *, encrypts: bool = True) -> Vault:
    """Let a folder have its secret key elsewhere."""
    vault = Vault(folder.parent / "elsewhere" / "secret.key")
    ring.unlock(folder, vault, encrypts_new=encrypts)
    return vault


async def lived(folder: Path) -> None:
    world = await SqliteWorld(folder, ManualClock()).open()
    await world.append(*(event(f"m{i}", WORD) for i in range(5)))
    SqliteOrders(folder, clock=world.clock).pause(WORD, paused=True, by="ana")
    open_writer(folder / ALERTS).close()
    await world.close()


@pytest.fixture(scope="module", params=[True, False], ids=["encrypted", "in the clear"])
def template(request):
    with quick_folder() as made:
        keyed(Path(made) / "data", encrypts=request.param)
        (Path(made) / "data").mkdir()
        asyncio.run(lived(Path(made) / "data"))
        yield Path(made)


@pytest.fixture
def folder(template):
    """A data folder with every file, encrypted and in the clear."""
    with quick_folder() as made:
        shutil.copytree(template, made, dirs_exist_ok=True)
        keyed(Path(made) / "data", encrypts=False)
        yield Path(made) / "data"


@pytest.fixture
def encrypted(folder):
    if not ring.keys_in(folder).to:
        turning.encrypt(folder, ring.vault_of(folder), said)
    return folder


def has_all(folder: Path) -> bool:
    """Return whether everything that was put into a folder is read from it."""

    async def look() -> bool:
        world = await SqliteWorld(folder, ManualClock()).open()
        names = {story.event.message_id for story in world.stories()} | set(await world.leased_names())
        await world.close()
        return names == {f"m{i}" for i in range(5)}

    paused = SqliteOrders(folder, clock=ManualClock()).paused()
    return asyncio.run(look()) and WORD in paused


def readable(folder: Path, *words: str) -> list[str]:
    """Return the files that have one of some words in the clear, or begin as SQLite's do."""
    texts = {path.name: path.read_bytes() for path in folder.rglob("*") if path.is_file()}
    needles = [word.encode() for word in words] + [b"SQLite format", b"CREATE TABLE"]
    return [name for name, text in texts.items() if any(needle in text for needle in needles)]


def test_nothing_of_a_day_is_readable_on_the_disk_while_it_is_written_or_after(tmp_path):
    folder, dice = tmp_path / "data", random.Random(1)
    folder.mkdir()
    vault, people = keyed(folder), [Person(dice) for _ in range(3)]
    words = [each for p in people for each in (p.id, p.anon, p.email, p.name, p.device)]
    words += [
        "company-1",
        "Opened",
        "messageId",
        vault.all(make=True)[0].decode(),
        ring.keys_in(folder).to or "no key yet",
    ]

    async def day() -> None:
        world = PrivacyWorld(folder)
        world.vault = vault
        await world.open()
        for number, person in enumerate(people):
            await live(world, person, number)
        world.control.save({"alerts": {"mail": {"to": people[0].email}}}, by=people[1].email, note=people[2].name)
        world.orders.pause(people[0].id, paused=True, by=people[1].id)
        await world.settle(seconds=5)
        assert readable(folder, *words) == []
        assert any(path.name.endswith("-wal") for path in folder.iterdir())
        assert len(world.told()) > 10
        await world.close()

    asyncio.run(day())
    assert readable(folder, *words, ring.keys_in(folder).to) == []
    assert {path.name for path in folder.glob("*.db")} >= {EVENTS, DELIVERY, CONTROL}


class Killed(Exception):
    """The process ends here."""


def killed_at(step: int):
    steps = iter(range(step, -1, -1))

    def tell(_: str) -> None:
        if next(steps) == 0:
            raise Killed

    return tell


def change_of(folder: Path):
    return turning.change_key if ring.keys_in(folder).to else turning.encrypt


def test_a_change_of_keys_that_is_killed_anywhere_loses_nothing_and_goes_on(folder, tmp_path):
    before, step, is_killed = folder, 0, True
    while is_killed:
        folder = tmp_path / f"{step}" / "data"
        shutil.copytree(before.parent, folder.parent)
        vault, key = keyed(folder, encrypts=False), ring.keys_in(before).to
        try:
            change_of(folder)(folder, vault, killed_at(step))
            is_killed = False
        except Killed:
            assert has_all_to_look_at(folder)
            if turning.is_interrupted(folder):
                with pytest.raises(SettingsError, match="run penstock encrypt once more"):
                    turning.require_whole(folder)
            change_of(folder)(folder, vault, said)
        assert ring.keys_in(folder).to not in {"", key}
        assert readable(folder, WORD) == []
        assert has_all(folder)
        step += 1

    assert step > 3 * len(EVERY)
    assert not list(folder.glob(f"*{ring.TURNED}"))


def has_all_to_look_at(folder: Path) -> bool:
    """Return whether readers find everything while files have different keys."""
    found = dict.fromkeys(EVERY, 0)
    for name in EVERY:
        with contextlib.closing(connect(folder / name)) as connection:
            found[name] = connection.execute("SELECT count(*) FROM sqlite_master").fetchone()[0]
    return all(found.values()) and WORD in SqliteOrders(folder, clock=ManualClock()).paused()


def test_an_encrypted_folder_comes_back_into_the_clear_from_any_point(encrypted):
    vault = ring.vault_of(encrypted)
    with pytest.raises(Killed):
        turning.decrypt(encrypted, vault, killed_at(5))
    turning.decrypt(encrypted, vault, said)

    assert not (encrypted / sealed_keys.FILE).exists()
    assert all((encrypted / name).read_bytes().startswith(ring.IN_THE_CLEAR) for name in EVERY)
    assert has_all(encrypted)


def test_a_file_that_has_no_room_beside_itself_is_not_begun_with(folder, monkeypatch):
    before = {path.name: path.read_bytes() for path in folder.iterdir()}
    monkeypatch.setattr(shutil, "disk_usage", lambda _: shutil._ntuple_diskusage(1, 1, 10))
    with pytest.raises(BufferUnavailable, match="10 are free"):
        change_of(folder)(folder, ring.vault_of(folder), said)

    assert {path.name: path.read_bytes() for path in folder.iterdir()} == before


@pytest.mark.parametrize("there", ["none", "another"])
def test_without_the_secret_key_every_way_in_says_which_one_is_needed_and_makes_nothing(encrypted, there):
    vault = ring.vault_of(encrypted)
    needed = fingerprint_of(vault.all()[0])
    vault.path.unlink()
    if there == "another":
        vault.path.write_bytes(Fernet.generate_key())
    before = sorted(path.name for path in encrypted.iterdir())
    ring._seen.clear()
    ways = (
        lambda: ring.unlock(encrypted, vault),
        lambda: open_writer(encrypted / EVENTS),
        lambda: SqliteOrders(encrypted, clock=CLOCK).paused(),
        lambda: asyncio.run(SqliteWorld(encrypted).open()),
        lambda: turning.encrypt(encrypted, vault, said),
    )
    for way in ways:
        with pytest.raises(SettingsError, match=needed) as refused:
            way()
        assert refused.value.name == "secret_key_file"

    assert sorted(path.name for path in encrypted.iterdir()) == before
    assert vault.path.exists() == (there == "another")


def test_encrypted_files_without_their_key_file_are_not_taken_for_damaged_ones(encrypted):
    (encrypted / sealed_keys.FILE).unlink()

    with pytest.raises(SettingsError, match=sealed_keys.FILE):
        open_writer(encrypted / EVENTS)


def test_a_file_in_the_clear_is_not_taken_into_an_encrypted_folder(encrypted, tmp_path):
    asyncio.run(lived(tmp_path))
    shutil.copy(tmp_path / DELIVERY, encrypted / DELIVERY)

    with pytest.raises(SettingsError, match="one in the clear"):
        open_writer(encrypted / DELIVERY)


def test_the_file_of_another_encrypted_folder_is_named_as_what_it_may_be(encrypted, tmp_path):
    other = tmp_path / "data"
    other.mkdir()
    keyed(other)
    asyncio.run(lived(other))
    shutil.copy(other / DELIVERY, encrypted / DELIVERY)

    with pytest.raises(StoreDamaged, match="the file of another folder"):
        open_writer(encrypted / DELIVERY)


def test_another_secret_key_is_a_line_above_the_former_and_a_start(encrypted):
    vault, databases = ring.vault_of(encrypted), [encrypted / name for name in EVERY]
    former, fresh, before = vault.all()[0], Fernet.generate_key(), [path.read_bytes() for path in databases]
    sealed = vault.seal("of a destination")
    vault.path.write_bytes(fresh + b"\n" + former + b"\n")
    assert turning.reseal(encrypted, vault)
    assert not turning.reseal(encrypted, vault)
    assert vault.open(sealed) == "of a destination"

    assert [path.read_bytes() for path in databases] == before, "no database is touched"
    vault.path.write_bytes(fresh)
    ring._seen.clear()
    assert has_all(encrypted)
    vault.path.write_bytes(former)
    ring._seen.clear()
    with pytest.raises(SettingsError, match=fingerprint_of(fresh)):
        ring.keys_in(encrypted)


def test_what_digests_are_made_with_stays_when_the_secret_key_changes(tmp_path):
    vault = Vault(tmp_path / "secret.key")
    before = vault.derived(b"names")
    vault.path.write_bytes(Fernet.generate_key() + b"\n" + vault.path.read_bytes())

    assert vault.derived(b"names") == before


def test_a_backup_is_encrypted_says_its_key_and_does_not_come_back_without_it(encrypted, tmp_path):
    vault = ring.vault_of(encrypted)
    made = back_up(encrypted, tmp_path / "set", at=1.0, version="1", secret_key=vault.path, with_key=False, tell=said)
    scratch, there = tmp_path / "scratch", tmp_path / "new" / "data"
    proof = prove(tmp_path / "set", scratch, secret_key=vault.path, clock=CLOCK, tell=said)
    with pytest.raises(BackupRefused, match=made.secret_key):
        restore(tmp_path / "set", there, secret_key=tmp_path / "none", stamp="1", replace=False)

    assert proof.wrong == []
    assert readable(tmp_path / "set", WORD) == []
    assert made.secret_key == fingerprint_of(vault.all()[0])
    assert not there.exists()
    restore(tmp_path / "set", there, secret_key=vault.path, stamp="1", replace=False)
    ring.unlock(there, vault)
    assert has_all(there)
    assert all(path.stat().st_mode & 0o077 == 0 for path in (tmp_path / "set").iterdir())


def test_a_name_between_the_rows_of_an_encrypted_file_is_found_as_its_reader_would(encrypted):
    path, needles = encrypted / CONTROL, Needles(frozenset({f"user:{WORD}"}))
    named = slack.names_a_page(needles)
    assert slack.pages_with(path, named)

    with contextlib.closing(open_writer(path)) as control:
        control.execute("DELETE FROM pause")
        control.execute("DELETE FROM journal")
        assert slack.overwrite(control, path, slack.pages_with(path, named))
        control.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()
    assert not slack.pages_with(path, named)


def test_what_writes_a_file_anew_leaves_nothing_readable_in_or_beside_the_folder(encrypted):
    seen = list[bytes]()

    def look() -> bool:
        for text in (*Path("/proc/self/fd").iterdir(), *encrypted.iterdir()):
            with contextlib.suppress(OSError):
                if "(deleted)" in str(text.resolve()) or text.parent == encrypted:
                    seen.append(text.read_bytes())
        return False

    with contextlib.closing(open_writer(encrypted / CONTROL)) as control:
        fill(control, rows=4000)
        control.execute("DELETE FROM filler WHERE id > 1000")
        control.execute("PRAGMA cache_size = 20")
        control.set_progress_handler(look, 500)
        assert slack.overwrite(control, encrypted / CONTROL, [1])
        control.set_progress_handler(None)
        assert control.execute("SELECT count(*) FROM filler").fetchone()[0] == 1000
        assert control.execute("PRAGMA integrity_check").fetchone()[0] == "ok"
        assert control.execute("PRAGMA page_count").fetchone()[0] < 300
    assert seen
    assert not any(WORD.encode() in text for text in seen)
    assert not list(encrypted.glob(f"*{ring.TURNED}*"))


def fill(control: SqliteConnection, *, rows: int) -> None:
    control.execute("CREATE TABLE filler (id INTEGER PRIMARY KEY, text TEXT)")
    control.execute(
        "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < ?)"
        " INSERT INTO filler SELECT i, ? || hex(randomblob(400)) FROM n",
        [rows, WORD],
    )


def test_a_page_that_was_changed_is_noticed_and_the_rest_is_saved(encrypted):
    path = encrypted / CONTROL
    with contextlib.closing(open_writer(path)) as control:
        fill(control, rows=200)
    text = bytearray(path.read_bytes())
    text[-9000] ^= 1
    path.write_bytes(text)

    assert damage_of(path)
    assert salvage(path, stamp="1").rows["pause"] == 1
    assert readable(encrypted, WORD) == []


@pytest.fixture
async def world(tmp_path):
    folder = tmp_path / "data"
    folder.mkdir()
    keyed(folder)
    world = await SqliteWorld(folder).open()
    yield world
    await world.close()


# What the stores promise, over an encrypted folder too; those are tried that come nearest to the files.
test_ids_survive_a_crash = test_log_promises.test_a_message_id_is_stored_once_also_across_a_crash
test_appended_survives = test_log_promises.test_what_append_acknowledged_survives_a_crash
test_bodies_are_kept = test_log_promises.test_the_body_is_kept_byte_for_byte
test_appends_share_their_syncs = test_log_promises.test_many_appends_at_once_share_their_syncs_and_lose_nothing
test_a_run_comes_back = test_run_promises.test_a_crash_brings_the_whole_run_back
test_a_run_ends = test_run_promises.test_each_event_of_a_run_has_its_own_outcome_cause_and_reason_and_the_rest_goes_back


async def test_an_erasure_does_not_write_an_encrypted_log_anew_while_accept_waits(tmp_path, monkeypatch):
    (tmp_path / "data").mkdir()
    keyed(tmp_path / "data")
    world = await SqliteWorld(tmp_path / "data", ManualClock()).open()
    await world.append(*(event(f"m{i}", WORD if i % 2 else "bo") for i in range(200)))
    written_anew = []
    monkeypatch.setattr(slack, "_make_anew", lambda _, neighbour: written_anew.append(neighbour.name))
    monkeypatch.setattr(slack, "has_left_overs", lambda _: True)

    is_done = await world.log.remove(Removal(seqs=tuple(range(2, 200, 2)), names=[f"user:{WORD}"]))

    assert is_done
    assert written_anew == []
    await world.close()
