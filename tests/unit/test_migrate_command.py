"""`penstock migrate` and `penstock cluster reseed` say what they do, go on after a kill, and nothing starts in between."""

import asyncio
import contextlib
import platform

import pytest
from click.testing import CliRunner

from contract.worlds import event
from penstock.buffer.sqlite.connections import connect_to_read
from penstock.buffer.sqlite.file import EVENTS
from penstock.buffer.sqlite.log.segments import events_after
from penstock.buffer.sqlite.replica import leaving, moves
from penstock.buffer.sqlite.replica.events import StreamedLog
from penstock.buffer.sqlite.store import SqliteStore
from penstock.cli import EXIT_FAILED, EXIT_UNREACHABLE, penstock
from penstock.clock import ManualClock, SeededDice
from penstock.errors import SettingsError, WitnessUnreachable
from penstock.event import Batch
from penstock.run import moving
from penstock.settings.table import Settings
from penstock.witness.memory import MemoryEngine, MemoryWitness


class Machine:
    """A data folder, two engines, and what stands in the settings."""

    def __init__(self, folder, monkeypatch):
        self.clock = ManualClock()
        self.settings = {"data_dir": folder, "nats_url": "nats://one", "postgres_url": "postgresql://two"}
        self.engines = {name: MemoryEngine(self.clock, SeededDice(1)) for name in ("nats", "postgres")}
        monkeypatch.setattr(moving, "open_witness", self.opened)
        for module in ("migrate", "reseed"):
            monkeypatch.setattr(f"penstock.cli.{module}.load", lambda _: self.now())
        monkeypatch.setattr(leaving, "GRACE_S", 0.0)
        monkeypatch.setattr(leaving, "LEASE_REST_S", 0.0)

    def now(self, **changes):
        return Settings(**(self.settings | changes))

    async def opened(self, settings):
        engine = self.engines.get(settings.engine)
        if isinstance(engine, Exception):
            raise engine
        return engine and MemoryWitness(engine)

    def run(self, *arguments):
        return CliRunner().invoke(penstock, [*arguments])

    def append(self, *names):
        async def appended():
            log = SqliteStore(self.settings["data_dir"], clock=self.clock).log(
                disk_free_bytes_min=0, waiting_events_max=10**6
            )
            await log.open()
            await log.append([Batch.of(event(name, "u1")) for name in names])
            await log.close()

        asyncio.run(appended())

    def append_to(self, engine, *names):
        async def appended():
            log = StreamedLog(MemoryWitness(self.engines[engine]))
            await log.append([Batch.of(event(name, "u1")) for name in names])
            await log.close()

        asyncio.run(appended())

    def events(self):
        with contextlib.closing(connect_to_read(self.settings["data_dir"] / EVENTS)) as file:
            return [each.message_id for _, each in events_after(file, 0)]


@pytest.fixture
def machine(tmp_path, monkeypatch):
    made = Machine(tmp_path, monkeypatch)
    made.append("m1", "m2")
    return made


def test_a_look_says_what_would_go_where_and_changes_nothing(machine):
    looked = machine.run("migrate", "--to", "nats", "--dry-run")

    assert looked.exit_code == 0, looked.output
    assert "nats answers: CONTROL up to 0, STATE up to 0, EVENTS up to 0; no node works with it" in looked.stdout
    assert "from sqlite to nats; meanwhile nothing is accepted" in looked.stdout
    assert not machine.engines["nats"].snapshots
    moving.require_settled(machine.now())


def test_a_folder_goes_to_one_engine_and_another_and_comes_back_with_all_that_came_meanwhile(machine):
    gone = machine.run("migrate", "--to", "nats")
    assert gone.exit_code == 0, gone.output
    assert 'write engine = "nats"' in gone.stderr
    with pytest.raises(SettingsError, match="files that follow streams"):
        moving.require_settled(machine.now())
    machine.settings["engine"] = "nats"
    moving.require_settled(machine.now())
    machine.append_to("nats", "m3", "m1")

    other = machine.run("migrate", "--to", "postgres")
    assert other.exit_code == 0, other.output
    machine.settings["engine"] = "postgres"
    machine.append_to("postgres", "m4")
    back = machine.run("migrate", "--to", "sqlite")
    assert back.exit_code == 0, back.output
    assert "postgres still has copies of all of it; once you are sure: DROP SCHEMA penstock CASCADE" in back.stderr
    machine.settings["engine"] = "sqlite"
    moving.require_settled(machine.now())
    machine.append("m5")

    assert machine.events() == ["m1", "m2", "m3", "m4", "m5"]
    assert machine.run("migrate", "--to", "sqlite").exit_code == EXIT_FAILED


def test_nothing_starts_on_a_move_that_was_interrupted_and_the_same_command_goes_on(machine, monkeypatch):
    put = moves.snapshots.put
    monkeypatch.setattr(
        moves.snapshots, "put", lambda *_: (_ for _ in ()).throw(WitnessUnreachable("nats", "no quorum"))
    )
    broken = machine.run("migrate", "--to", "nats")
    assert (broken.exit_code, "run it once more" in broken.stderr) == (EXIT_UNREACHABLE, True)
    monkeypatch.setattr(moves.snapshots, "put", put)

    for engine in ("nats", "sqlite"):
        with pytest.raises(SettingsError, match=r"a move that was interrupted.*migrate --to nats once more"):
            moving.require_settled(machine.now(engine=engine))
    assert "finish it, or give it up" in machine.run("migrate", "--to", "postgres").stderr
    assert machine.run("migrate", "--to", "nats").exit_code == 0

    moving.require_settled(machine.now(engine="nats"))
    assert set(machine.engines["nats"].snapshots) == {"CONTROL", "STATE", "EVENTS"}


def test_a_move_that_was_interrupted_can_be_given_up(machine, monkeypatch):
    with monkeypatch.context() as patch:
        patch.setattr(moves.snapshots, "put", lambda *_: (_ for _ in ()).throw(WitnessUnreachable("nats", "no quorum")))
        machine.run("migrate", "--to", "nats")

    given_up = machine.run("migrate", "--to", "sqlite")

    assert given_up.exit_code == 0, given_up.output
    moving.require_settled(machine.now())
    machine.append("m3")
    assert machine.events() == ["m1", "m2", "m3"]


def test_an_engine_that_does_not_answer_changes_nothing_but_that_the_move_is_to_go_on(machine):
    engine = machine.engines["nats"]
    machine.engines["nats"] = WitnessUnreachable("nats", "no quorum")
    assert machine.run("migrate", "--to", "nats").exit_code == EXIT_UNREACHABLE
    machine.engines["nats"] = engine

    assert machine.run("migrate", "--to", "nats").exit_code == 0
    assert machine.events() == ["m1", "m2"]


def test_streams_are_made_anew_on_the_node_that_is_named_and_only_there(machine):
    assert machine.run("migrate", "--to", "nats").exit_code == 0
    machine.settings["engine"] = "nats"
    here = platform.node()
    machine.engines["nats"] = MemoryEngine(machine.clock, SeededDice(2))

    assert f"this is {here}: run it on another" in machine.run("cluster", "reseed", "--from", "another").stderr
    looked = machine.run("cluster", "reseed", "--from", here, "--dry-run")
    assert "events.db: follows EVENTS up to" in looked.stdout
    assert "which ends with 0; events up to 2" in looked.stdout
    assert not machine.engines["nats"].snapshots
    done = machine.run("cluster", "reseed", "--from", here, "--yes")

    assert done.exit_code == 0, done.output
    assert set(machine.engines["nats"].snapshots) == {"CONTROL", "STATE", "EVENTS"}
    moving.require_settled(machine.now())
