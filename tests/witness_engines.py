"""Real engines on loopback, each started once for all tests: three NATS servers, PostgreSQL with a standby."""

import contextlib
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from contract.worlds import QUICK_DISK
from ports import free_port

NATS_SERVER = shutil.which("nats-server", path=f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}")
SERVERS = 3
# One is as its makers deliver it.
SYNC = ("always", "always", "2m")
# Ours may ask the servers how they write; another one may not.
ACCOUNTS = """
accounts {
  SYS { exports: [{ service: "$SYS.REQ.SERVER.PING.JSZ", response: stream, accounts: [PENSTOCK] }] }
  PENSTOCK {
    jetstream: enabled, users: [{ user: penstock, password: secret }]
    imports: [{ service: { account: SYS, subject: "$SYS.REQ.SERVER.PING.JSZ" } }]
  }
  OTHER { jetstream: enabled, users: [{ user: other, password: secret }] }
}
system_account: SYS"""


class NatsCluster:
    """Three servers with JetStream, as a cluster of one machine: each with a folder and ports of its own."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.ports = [free_port() for _ in range(SERVERS)]
        routes = [free_port() for _ in range(SERVERS)]
        self.servers: list[subprocess.Popen] = []
        for place, (port, route) in enumerate(zip(self.ports, routes, strict=True)):
            others = ", ".join(f'"nats://127.0.0.1:{each}"' for each in routes if each != route)
            (folder / f"{place}.conf").write_text(
                f'server_name: n{place}\nlisten: "127.0.0.1:{port}"\n'
                f'jetstream {{ store_dir: "{folder}/{place}", sync_interval: {SYNC[place]}, max_mem: 64M, max_file: 4G }}\n'
                f"{ACCOUNTS}\n"
                f'cluster {{ name: test, listen: "127.0.0.1:{route}", routes: [{others}] }}\n'
            )
            self.servers.append(self._started(place))

    @property
    def urls(self) -> list[str]:
        return self.urls_of("penstock")

    def urls_of(self, user: str) -> list[str]:
        """Return where the servers are, for a user."""
        return [f"nats://{user}:secret@127.0.0.1:{port}" for port in self.ports]

    def _started(self, place: int) -> subprocess.Popen:
        with (self.folder / f"{place}.log").open("ab") as said:
            return subprocess.Popen([NATS_SERVER, "-c", self.folder / f"{place}.conf"], stdout=said, stderr=said)

    def kill(self, place: int) -> None:
        """End a server at once."""
        self.servers[place].kill()
        self.servers[place].wait()

    def start(self, place: int) -> None:
        """Start a server that was killed; it has its folder."""
        self.servers[place] = self._started(place)

    @contextlib.contextmanager
    def stopped(self, place: int) -> Iterator[None]:
        """Let a server stand still."""
        os.kill(self.servers[place].pid, signal.SIGSTOP)
        try:
            yield
        finally:
            os.kill(self.servers[place].pid, signal.SIGCONT)

    def end(self) -> None:
        """End all servers."""
        for server in self.servers:
            server.kill()
            server.wait()


@contextlib.contextmanager
def nats_cluster() -> Iterator[NatsCluster]:
    """Start the servers; who connects waits until they have found each other."""
    with tempfile.TemporaryDirectory(dir=QUICK_DISK if QUICK_DISK.is_dir() else None) as folder:
        cluster = NatsCluster(Path(folder))
        try:
            yield cluster
        finally:
            cluster.end()


POSTGRES_BINARIES = sorted(Path("/usr/lib/postgresql").glob("*/bin"), key=lambda path: int(path.parent.name))
# The server refuses to run as root.
AS_USER = {"user": "postgres", "group": "postgres", "extra_groups": []} if os.getuid() == 0 else {}


class PostgresPair:
    """A primary and its synchronous standby, which can take over."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.binaries = folder, POSTGRES_BINARIES[-1]
        self.ports = [free_port(), free_port()]
        if AS_USER:
            shutil.chown(folder, "postgres", "postgres")
        self._run(
            "initdb", "-D", self._data(0), "-U", "penstock", "-A", "trust", "--no-sync", "-E", "UTF8", "--locale=C"
        )
        self._set(
            0, "wal_level = replica", "max_wal_senders = 5", "synchronous_standby_names = '*'", "max_connections = 60"
        )
        self._set(0, "shared_buffers = 16MB", "listen_addresses = '127.0.0.1'", f"unix_socket_directories = '{folder}'")
        self.servers = [self._started(0)]
        # Nothing that commits may wait for the standby that is made of it.
        self._run(
            "pg_basebackup", "-D", self._data(1), "-R", "-X", "stream", "-c", "fast", "--no-sync", "-d", self._url_of(0)
        )
        self._set(1, "synchronous_standby_names = ''")
        self.servers.append(self._started(1))

    @property
    def url(self) -> str:
        """Return one URL with both hosts, as people write it."""
        return f"postgresql://penstock@127.0.0.1:{self.ports[0]},127.0.0.1:{self.ports[1]}/postgres"

    def _url_of(self, place: int) -> str:
        return f"postgresql://penstock@127.0.0.1:{self.ports[place]}/postgres?application_name=standby"

    def _data(self, place: int) -> Path:
        return self.folder / f"data{place}"

    def _set(self, place: int, *lines: str) -> None:
        with (self._data(place) / "postgresql.conf").open("a") as file:
            file.writelines(f"{line}\n" for line in lines)

    def _run(self, program: str, *arguments: object) -> str:
        command = [str(each) for each in (self.binaries / program, *arguments)]
        done = subprocess.run(
            command, capture_output=True, text=True, check=False, timeout=60, cwd=self.folder, **AS_USER
        )
        assert done.returncode == 0, done.stderr
        return done.stdout

    def _started(self, place: int) -> subprocess.Popen:
        with (self.folder / f"{place}.log").open("ab") as said:
            command = [self.binaries / "postgres", "-D", self._data(place), "-p", str(self.ports[place])]
            server = subprocess.Popen(command, stdout=said, stderr=said, cwd=self.folder, **AS_USER)
        self._wait_for(place)
        return server

    def _wait_for(self, place: int) -> None:
        """Ask until it answers."""
        asked = [self.binaries / "pg_isready", "-q", "-t", "1", "-h", "127.0.0.1", "-p", str(self.ports[place])]
        for _ in range(300):
            if subprocess.run(asked, check=False, timeout=10).returncode == 0:
                return
            time.sleep(0.1)
        raise AssertionError((self.folder / f"{place}.log").read_text())

    def kill(self, place: int) -> None:
        """End a server and all that it started, as kill -9 does; those notice."""
        self.servers[place].kill()
        self.servers[place].wait()

    def start(self, place: int) -> None:
        """Start a server that was killed."""
        self.servers[place] = self._started(place)

    def promote(self, place: int) -> None:
        """Let the standby take over."""
        self._run("pg_ctl", "promote", "-D", self._data(place), "-W")

    def end(self) -> None:
        """End both."""
        for server in self.servers:
            server.send_signal(signal.SIGQUIT)
            server.wait()


@contextlib.contextmanager
def postgres_pair() -> Iterator[PostgresPair]:
    """Start both servers."""
    with tempfile.TemporaryDirectory(dir=QUICK_DISK if QUICK_DISK.is_dir() else None) as folder:
        pair = PostgresPair(Path(folder))
        try:
            yield pair
        finally:
            pair.end()
