"""What happens to real engines, and what examples say of them: servers that are killed, stopped, or too few, and what others made in them."""

import asyncio
import subprocess
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from contract.witness_worlds import PostgresWorld
from penstock.errors import BufferUnavailable, SettingsError, WitnessUnreachable
from penstock.witness.jetstream import connection as jetstream
from penstock.witness.jetstream import streams as jetstreams
from penstock.witness.jetstream.streams import subject_of, title_of
from penstock.witness.jetstream.witness import JetStreamWitness
from penstock.witness.port import NotAppended, Witness
from penstock.witness.postgres import connection as postgres
from penstock.witness.postgres.witness import PostgresWitness
from witness_engines import NATS_SERVER, POSTGRES_BINARIES, postgres_pair

pytestmark = pytest.mark.xdist_group("engines")

ROOT = Path(__file__).parents[2]
MESSAGES, TROUBLE_AT = 30, 10
Trouble = Callable[[], Awaitable[None]]


@pytest.fixture
def bound(monkeypatch):
    """An engine has less time to answer: nobody waits longer than that for the sentence that it is unreachable."""
    for module in (jetstream, jetstreams, postgres):
        monkeypatch.setattr(module, "ANSWER_S_MAX", 2.0)


@pytest.fixture
def spare_pair():
    """A primary and a standby that a test may ruin."""
    if not POSTGRES_BINARIES:
        pytest.skip("PostgreSQL is missing: make setup-postgres")
    with postgres_pair() as pair:
        yield PostgresWorld(pair)


async def begun(witness, stream):
    """Let a stream begin to exist, once all servers that another test killed are seen to be there again."""
    while True:
        try:
            return await witness.span(stream)
        except WitnessUnreachable:
            await asyncio.sleep(0.2)


async def insist(witness: Witness, stream: str, message: bytes, *, expected: int | None, id: str) -> int | NotAppended:  # noqa: A002
    """Say the same until the engine answers, as an owner does."""
    while True:
        try:
            return await witness.append(stream, message, expected=expected, id=id)
        except WitnessUnreachable:
            await asyncio.sleep(0)


async def write_through(witness: Witness, stream: str, trouble: Trouble) -> None:
    """Append many, each behind the one before, while there is trouble; see that each is there once, and in its order."""
    last, under_way = (await witness.span(stream)).last, list[asyncio.Task[None]]()
    for place in range(MESSAGES):
        if place == TROUBLE_AT:
            under_way.append(asyncio.create_task(trouble()))
            await asyncio.sleep(0)
        answer = await insist(witness, stream, f"{place}".encode(), expected=last, id=f"{place}")
        assert isinstance(answer, int), f"{answer} for {place}, after {last}"
        last = answer
    await asyncio.gather(*under_way)
    assert await read_all(witness, stream) == [f"{place}".encode() for place in range(MESSAGES)]


async def read_all(witness: Witness, stream: str) -> list[bytes]:
    """Read until there is nothing more: one look may bring less than there is."""
    found, after = list[bytes](), 0
    while entries := await witness.read(stream, after=after):
        found += [entry.message for entry in entries]
        after = entries[-1].number
    return found


async def leader_of(witness, stream: str) -> int:
    """Return which of the servers numbers a stream's messages."""
    info = await witness.connection.api(f"STREAM.INFO.{title_of('STREAM', stream)}")
    return int(info["cluster"]["leader"].removeprefix("n"))


async def test_a_streams_leader_is_killed_amid_appends(nats_world):
    async with nats_world.node() as witness:
        await begun(witness, "killed")

        async def trouble() -> None:
            place = await leader_of(witness, "killed")
            nats_world.cluster.kill(place)
            nats_world.cluster.start(place)

        await write_through(witness, "killed", trouble)


async def test_a_streams_leader_stands_still_amid_appends(nats_world):
    async with nats_world.node() as witness:
        await begun(witness, "stopped")
        place = await leader_of(witness, "stopped")
        with nats_world.cluster.stopped(place):
            await write_through(witness, "stopped", lambda: asyncio.sleep(0))

        # Awake again it has nothing to say that others have not said.
        async with nats_world.node() as other:
            assert await read_all(other, "stopped") == await read_all(witness, "stopped")


@pytest.mark.usefixtures("bound")
async def test_without_a_majority_nothing_is_told_as_done_and_nothing_is_half_done(nats_world):
    cluster, large = nats_world.cluster, b"large" * 500_000
    async with nats_world.node() as witness:
        first = await insist(witness, "quorum", b"before", expected=0, id="b")
        for place in (0, 1):
            cluster.kill(place)
        for message, name in ((b"small", "s"), (large, "l")):
            with pytest.raises(WitnessUnreachable):
                await witness.append("quorum", message, expected=first, id=name)
        for place in (0, 1):
            cluster.start(place)

        answer = await insist(witness, "quorum", large, expected=first, id="l")
        there = await read_all(witness, "quorum")
        # One of both may have been done unheard; never both, nor a part.
        assert there == ([b"before", large] if isinstance(answer, int) else [b"before", b"small"])


async def test_a_stream_that_was_made_by_hand_is_refused(nats_world):
    async with nats_world.node() as witness:
        title = title_of("STREAM", "by hand")
        by_hand = {"name": title, "subjects": [subject_of("by hand")], "num_replicas": 1, "storage": "file"}
        await witness.connection.api(f"STREAM.CREATE.{title}", by_hand)

        with pytest.raises(SettingsError) as refused:
            await witness.append("by hand", b"one", expected=None, id="a")

    assert title in refused.value.name
    assert "nats stream edit" in refused.value.hint


async def test_a_stream_that_is_full_takes_nothing_and_loses_nothing(nats_world):
    """An operator may bound what a stream takes of the disk; what is there is never given up for what comes."""
    async with nats_world.node() as witness:
        first = await witness.append("full", b"before", expected=0, id="b")
        title = title_of("STREAM", "full")
        config = (await witness.connection.api(f"STREAM.INFO.{title}"))["config"]
        await witness.connection.api(f"STREAM.UPDATE.{title}", config | {"max_bytes": 1_000})

        for message in (bytes(2_000), bytes(2_000_000)):
            with pytest.raises(BufferUnavailable):
                await witness.append("full", message, expected=first, id=f"{len(message)}")

        assert await read_all(witness, "full") == [b"before"]


async def test_a_stream_needs_as_many_servers_as_it_has_replicas(nats_world):
    async with nats_world.node() as witness:
        witness.replicas = 5

        with pytest.raises(WitnessUnreachable, match="needs 5 servers"):
            await witness.append("five", b"one", expected=None, id="a")


@pytest.mark.usefixtures("bound")
async def test_a_wrong_password_is_named(nats_world):
    with pytest.raises(WitnessUnreachable, match="Authorization Violation"):
        await JetStreamWitness.open([url.replace("secret", "guessed") for url in nats_world.cluster.urls])


async def test_servers_that_confirm_before_they_sync_are_named(nats_world):
    with capture_logs() as said:
        witness = await JetStreamWitness.open(nats_world.cluster.urls)
        await witness.close()

    assert {"event": "engine_sync_lazy", "engine": "nats", "servers": ["n2"], "log_level": "warning"} in said


async def test_servers_that_do_not_say_how_they_write_are_told_of(nats_world):
    with capture_logs() as said:
        witness = await JetStreamWitness.open(nats_world.cluster.urls_of("other"))
        await witness.close()

    assert {"event": "engine_sync_unknown", "engine": "nats", "log_level": "warning"} in said


@pytest.mark.usefixtures("bound")
async def test_without_its_standby_a_primary_confirms_nothing_and_shows_nothing(spare_pair):
    pair = spare_pair.pair
    async with spare_pair.node() as witness, spare_pair.node() as reader:
        first = await witness.append("standby", b"before", expected=0, id="b")
        pair.kill(1)
        with pytest.raises(WitnessUnreachable):
            await witness.append("standby", b"after", expected=first, id="a")
        assert await read_all(reader, "standby") == [b"before"]

        pair.start(1)
        assert await insist(witness, "standby", b"after", expected=first, id="a") == first + 1
        assert await read_all(reader, "standby") == [b"before", b"after"]


async def test_a_primary_is_killed_amid_appends_and_its_standby_takes_over(spare_pair):
    pair = spare_pair.pair
    async with spare_pair.node() as witness:

        async def trouble() -> None:
            pair.kill(0)
            pair.promote(1)

        await write_through(witness, "failover", trouble)
    with capture_logs() as said:
        async with spare_pair.node() as witness:
            assert len(await read_all(witness, "failover")) == MESSAGES
    assert {"event": "engine_without_standby", "engine": "postgres", "log_level": "warning"} in said


async def test_a_server_that_does_not_sync_is_refused(postgres_world):
    async with postgres_world.node() as witness:
        for value in ("off", "on"):
            await witness.connection.ask(f"ALTER SYSTEM SET fsync = {value}")
            await witness.connection.ask("SELECT pg_reload_conf()")
            if value == "off":
                with pytest.raises(SettingsError, match="fsync: expected on, got 'off'"):
                    async with postgres_world.node():
                        pass


async def test_the_role_of_the_example_may_do_all_that_a_node_does_and_make_no_table(postgres_world):
    """An administrator makes the tables; Penstock's own role is no owner of anything."""
    pair = postgres_world.pair
    async with postgres_world.node() as witness:
        await witness.connection.ask("CREATE DATABASE example")
    url = pair.url.replace("/postgres", "/example")
    role = (
        (ROOT / "examples" / "cluster" / "postgres-roles.sql")
        .read_text()
        .replace("ROLE penstock LOGIN", "ROLE ours LOGIN")
    )
    administrator = await PostgresWitness.open(url)
    try:
        await administrator.connection.run_script(role.replace("TO penstock", "TO ours"), lock=1, unless="SELECT NULL")
    finally:
        await administrator.close()

    witness = await PostgresWitness.open(url.replace("penstock@", "ours@"))
    try:
        number = await witness.append("example", b"one", expected=0, id="a")
        await witness.prune("example", through=number)
        assert (await witness.lease("example", owner="one", ttl_s=60)).owner == "one"
        await witness.release("example", owner="one")
        for place in (1, 2):
            assert await witness.put_snapshot("example", number=place, pieces=one_piece())
        with pytest.raises(SettingsError, match="permission denied"):
            await witness.connection.ask("CREATE TABLE penstock.mine ()")
    finally:
        await witness.close()


async def one_piece():
    yield b"piece"


def test_servers_take_the_example_of_their_configuration(tmp_path):
    """Whole, with the certificates that it names, which are made here."""
    if NATS_SERVER is None:
        pytest.skip("nats-server is missing: make setup")
    made = [
        "openssl",
        "req",
        "-x509",
        "-newkey",
        "ec",
        "-pkeyopt",
        "ec_paramgen_curve:P-256",
        "-nodes",
        "-subj",
        "/CN=nats-1",
    ]
    subprocess.run(
        [*made, "-keyout", tmp_path / "server.key", "-out", tmp_path / "server.pem"], check=True, capture_output=True
    )
    (tmp_path / "ca.pem").write_bytes((tmp_path / "server.pem").read_bytes())
    example = (ROOT / "examples" / "cluster" / "nats.conf").read_text()
    file = tmp_path / "nats.conf"
    file.write_text(example.replace("/etc/nats/", f"{tmp_path}/").replace("/var/lib/nats", f"{tmp_path}/store"))
    passwords = {"NATS_SYSTEM_PASSWORD": "one", "NATS_PENSTOCK_PASSWORD": "two"}

    done = subprocess.run([NATS_SERVER, "-t", "-c", file], env=passwords, capture_output=True, check=False, timeout=20)

    assert done.returncode == 0, done.stderr.decode()


async def test_tables_of_another_version_are_refused(postgres_world):
    async with postgres_world.node() as witness:
        await witness.connection.ask("UPDATE penstock.version SET number = 99")
        try:
            with pytest.raises(SettingsError, match="tables of version 1"):
                async with postgres_world.node():
                    pass
        finally:
            await witness.connection.ask("UPDATE penstock.version SET number = 1")
