"""The real thing: Penstock and the sandbox as processes, on free loopback ports, with real files."""

import base64
import contextlib
import functools
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import psutil
import pytest

from ports import free_port

# The environment of our commands: without some packages that only tests need.
AS_INSTALLED = os.environ | {"PYTHONPATH": str(Path(__file__).parent / "as_installed")}
NODE = Path(__file__).parent / "node"
KEYS = {"web": "web-key", "mobile": "mobile-key", "server": "server-key"}
API_KEY = "sandbox-api-key"
PASSWORD = "correct horse battery"


def until(condition: Callable[[], object], *, s_max: float = 30.0, what: str = "it did not happen"):
    """Look again and again until the condition holds; return what it answered."""
    deadline, pause_s = time.monotonic() + s_max, 0.02
    while not (answer := condition()):
        assert time.monotonic() < deadline, what
        # Less and less often: to look costs the server under test as much as much of its work.
        time.sleep(pause_s)
        pause_s = min(0.2, pause_s * 1.5)
    return answer


def http(method: str, url: str, body: bytes | None = None, headers: dict[str, str] | None = None):
    """Return status, headers and body; an error status is an answer too."""
    request = urllib.request.Request(url, body, headers or {}, method=method)
    try:
        with urllib.request.urlopen(request, timeout=15) as answer:
            return answer.status, answer.headers, answer.read()
    except urllib.error.HTTPError as error:
        return error.code, error.headers, error.read()


def get_json(url: str, headers: dict[str, str] | None = None):
    with contextlib.suppress(OSError):
        status, _, body = http("GET", url, None, headers)
        return json.loads(body) if status == 200 else None
    return None


def basic(name: str, password: str) -> dict[str, str]:
    return {"Authorization": "Basic " + base64.b64encode(f"{name}:{password}".encode()).decode()}


def sign_in_link(penstock) -> str:
    """Return the link with which the first administrator chooses a password."""
    return until(lambda: re.search(r"http://[^\s\"]+/welcome/[\w-]+", penstock.log.read_text()))[0]


def missing(tool: str, found: object, how: str) -> None:
    """Skip for want of a tool, and say how to get it; where everything must run, fail."""
    if found:
        return
    assert not os.environ.get("CI"), f"{tool} is missing; {how}"
    pytest.skip(f"{tool} is missing; to get it: {how}")


@pytest.fixture
def node():
    """Return a function that runs a script of tests/acceptance/node with the real Node SDKs."""
    missing("node", shutil.which("node"), "install Debian's nodejs and npm")
    missing("npm packages", (NODE / "node_modules" / "@rudderstack").exists(), "make setup-browser")

    def run(script: str, *arguments: str) -> None:
        done = subprocess.run(["node", script, *arguments], cwd=NODE, capture_output=True, timeout=60, check=False)
        assert done.returncode == 0, done.stderr.decode()

    return run


class Running:
    """One of our commands as a process; its log is shown when a test fails."""

    def __init__(self, folder: Path, name: str, *arguments: str, env: dict[str, str]) -> None:
        self.log = folder / f"{name}.log"
        self.command = [sys.executable, "-m", "penstock", *arguments]
        self.env = AS_INSTALLED | env
        self.start()

    def start(self) -> None:
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(self.command, stderr=log, stdout=log, env=self.env, start_new_session=True)

    def family(self) -> list[psutil.Process]:
        try:
            parent = psutil.Process(self.process.pid)
            return [parent, *parent.children(recursive=True)]
        except psutil.NoSuchProcess:
            return []

    def stop(self, s_max: float = 40.0) -> int:
        """End it as systemd would; return its exit code."""
        family = self.family()
        self.process.send_signal(signal.SIGTERM)
        code = self.process.wait(s_max)
        _gone, alive = psutil.wait_procs(family, timeout=5)
        assert not alive, f"left behind: {alive}"
        return code

    def end(self) -> None:
        """Whatever happened, leave nothing behind."""
        for process in self.family():
            with contextlib.suppress(psutil.NoSuchProcess):
                process.kill()
        self.process.wait(10)


class Sandbox(Running):
    """Custify, on this machine."""

    def __init__(self, folder: Path) -> None:
        self.url = f"http://127.0.0.1:{free_port()}"
        address = self.url.removeprefix("http://")
        super().__init__(folder, "sandbox", "sandbox", "--api-key", API_KEY, env={"PENSTOCK_SANDBOX_LISTEN": address})
        until(lambda: get_json(f"{self.url}/_sandbox/state"), what="the sandbox did not start")

    def reset(self) -> None:
        status, _, body = http("POST", f"{self.url}/_sandbox/reset")
        assert status == 200, body

    def state(self) -> dict:
        return get_json(f"{self.url}/_sandbox/state")

    def requests(self) -> list[dict]:
        calls, since = [], 0
        while page := get_json(f"{self.url}/_sandbox/requests?since={since}&limit=1000")["requests"]:
            calls += page
            since = page[-1]["n"]
        return calls

    def person(self, user_id: str) -> dict | None:
        return next((p for p in self.state()["people"] if p.get("user_id") == user_id), None)

    def company(self, company_id: str) -> dict | None:
        return next((c for c in self.state()["companies"] if c.get("company_id") == company_id), None)

    def events(self, name: str | None = None) -> list[dict]:
        return [e for e in self.state()["events"] if name is None or e["name"] == name]

    def faults(self, **faults) -> None:
        status, _, body = http(
            "POST", f"{self.url}/_sandbox/faults", json.dumps(faults).encode(), {"Content-Type": "application/json"}
        )
        assert status == 200, body


class Penstock(Running):
    """`penstock serve` on free ports with a settings file of its own."""

    def __init__(
        self, folder: Path, sandbox: Sandbox, *, env: dict[str, str] | None = None, password: str = "", **settings
    ) -> None:
        self.folder, self.sandbox, self.password = folder, sandbox, password
        self.config = folder / "penstock.toml"
        ingest, admin = free_port(), free_port()
        self.url, self.admin_url = f"http://127.0.0.1:{ingest}", f"http://127.0.0.1:{admin}"
        self.write_settings(**settings)
        addresses = {
            "PENSTOCK_LISTEN": f"127.0.0.1:{ingest}",
            "PENSTOCK_ADMIN_LISTEN": f"127.0.0.1:{admin}",
            "PENSTOCK_DATA_DIR": str(folder / "data"),
        }
        if password:
            (folder / "admin-password").write_text(password)
            addresses["PENSTOCK_ADMIN_PASSWORD_FILE"] = str(folder / "admin-password")
        super().__init__(folder, "penstock", "serve", "--config", str(self.config), env=addresses | (env or {}))
        self.until_ready()

    def until_ready(self) -> None:
        def is_ready() -> bool:
            assert self.process.poll() is None, f"penstock ended: {self.log.read_text()}"
            return self._answers("/livez") and self.status()

        try:
            until(is_ready, what=f"penstock did not start: {self.log.read_text()}")
        except BaseException:
            self.end()
            raise

    def _answers(self, path: str) -> bool:
        with contextlib.suppress(OSError):
            return http("GET", self.url + path)[0] == 200
        return False

    def write_settings(self, *, api_key: str = API_KEY, top: str = "", destination: str = "", source: str = "") -> None:
        sources = "".join(f'[sources.{n}]\ntype = "{n}"\nwrite_key = "{key}"\n' for n, key in KEYS.items())
        connections = "".join(f'[[connections]]\nfrom = "{name}"\nto = "custify"\n' for name in KEYS)
        self.config.write_text(
            f'{top}\n{sources}{source}\n[destinations.custify]\ntype = "custify"\napi_key = "{api_key}"\n'
            f'base_url = "{self.sandbox.url}"\n{destination}\n{connections}'
        )

    def status(self) -> dict | None:
        return get_json(f"{self.admin_url}/api/v1/status", self.admin_auth())

    def admin_auth(self) -> dict[str, str]:
        return basic("admin", self.password) if self.password else {}

    def counts(self) -> dict:
        """Return the destination's figures; they must add up whenever one looks."""
        counts = until(self.status)["destinations"]["custify"]
        assert counts["received"] == counts["waiting"] + sum(counts["outcomes"].values()), counts
        return counts

    def send(self, *events: dict, source: str = "server", path: str = "/v1/batch"):
        body = json.dumps({"batch": events} if path == "/v1/batch" else events[0]).encode()
        return http("POST", self.url + path, body, self.auth(source))

    def auth(self, source: str = "server") -> dict[str, str]:
        return basic(KEYS[source], "")

    def until_settled(self, *, s_max: float = 30.0) -> dict:
        """Wait until nothing waits; return the figures."""
        until(lambda: self.counts()["waiting"] == 0, s_max=s_max, what=f"still waiting: {self.status()}")
        return self.counts()


@pytest.fixture
def site(tmp_path):
    """Serve a folder with a page and published bundles on a port of its own; return the function that does."""
    servers = []

    def serve(html: str, **files) -> str:
        (tmp_path / "site").mkdir(exist_ok=True)
        (tmp_path / "site" / "index.html").write_text(html)
        for name, source in files.items():
            shutil.copy(source, tmp_path / "site" / f"{name}.js")
        handler = functools.partial(QuietHandler, directory=str(tmp_path / "site"))
        server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
        servers.append(server)
        threading.Thread(target=server.serve_forever, daemon=True).start()
        return f"http://127.0.0.1:{server.server_port}/"

    yield serve
    for server in servers:
        server.shutdown()
        server.server_close()


class QuietHandler(SimpleHTTPRequestHandler):
    """Says nothing about each request."""

    def log_message(self, *_) -> None:
        pass


@pytest.fixture(scope="session")
def disk() -> Iterator[Path]:
    """Return a folder on a real disk: what these tests hear a yes for has been synced to one."""
    with tempfile.TemporaryDirectory(prefix="penstock-") as name:
        yield Path(name)


@pytest.fixture
def tmp_path(disk) -> Path:
    """Return a folder of this test."""
    return Path(tempfile.mkdtemp(dir=disk))


@pytest.fixture(scope="session")
def running_sandbox(disk) -> Iterator[Sandbox]:
    """Start one sandbox for all tests of this process."""
    running = Sandbox(Path(tempfile.mkdtemp(dir=disk)))
    yield running
    running.end()


@pytest.fixture
def sandbox(running_sandbox) -> Iterator[Sandbox]:
    """Return a sandbox that knows nothing and has no faults."""
    running_sandbox.reset()
    yield running_sandbox
    # Healed at once, so that no call of this test is still being delayed when the next begins.
    running_sandbox.faults()


@pytest.fixture(scope="module")
def share(disk, running_sandbox) -> Iterator[Callable[..., Penstock]]:
    """Start a Penstock for all tests of a module: they send other people's events each, and reset nothing.

    The module is one xdist_group, so that it is started once.
    """
    running_sandbox.reset()
    started: list[Penstock] = []

    def begin(**settings) -> Penstock:
        started.append(Penstock(Path(tempfile.mkdtemp(dir=disk)), running_sandbox, **settings))
        return started[-1]

    yield begin
    for penstock in started:
        penstock.end()


@pytest.fixture
def start(tmp_path, sandbox) -> Iterator[Callable[..., Penstock]]:
    """Start a Penstock with the settings of the test."""
    started: list[Penstock] = []

    def begin(**settings) -> Penstock:
        started.append(Penstock(tmp_path, sandbox, **settings))
        return started[-1]

    yield begin
    for penstock in started:
        penstock.end()
        print(penstock.log.read_text()[-4000:])


@pytest.fixture
def penstock(start) -> Penstock:
    return start()
