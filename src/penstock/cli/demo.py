"""`penstock demo`: everything at once, with a sandbox for Custify and sample traffic from a real SDK."""

import contextlib
import signal
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import click
import msgspec

from penstock.cli import EXIT_FAILED
from penstock.cli.demo_traffic import EXPECTED, WRITE_KEYS, send_sample_traffic
from penstock.cli.fetch import get_json
from penstock.clock import SystemClock, sleep
from penstock.settings import Settings, load

READY_S_MAX, ARRIVE_S_MAX, STOP_S_MAX = 30.0, 30.0, 40.0

CONFIG = """\
data_dir = {data_dir}
log_level = "error"
[sources.web]
type = "web"
write_key = "{web}"
[sources.mobile]
type = "mobile"
write_key = "{mobile}"
[sources.server]
type = "server"
write_key = "{server}"
[destinations.custify]
type = "custify"
api_key = "demo-custify-api-key"
base_url = "http://{sandbox}"
[[connections]]
from = "web"
to = "custify"
[[connections]]
from = "mobile"
to = "custify"
[[connections]]
from = "server"
to = "custify"
"""


@click.command("demo")
@click.option("--once", is_flag=True, help="End when everything sent has arrived (exit 0), or when it has not (1).")
def demo_command(*, once: bool) -> None:
    """Start ingest, admin listener and a Custify sandbox, send sample traffic, show what arrived."""
    ending = DemoEnd()
    with tempfile.TemporaryDirectory(prefix="penstock-demo-") as folder, ending.heard():
        path = Path(folder) / "penstock.toml"
        settings = load(None)
        path.write_text(_config(settings, Path(folder)))
        link = _sign_in_link(load(path))
        with _running("sandbox", path, ending) as sandbox, _running("serve", path, ending) as server:
            arrived = _show(settings, is_over=lambda: sandbox.poll() is not None or server.poll() is not None)
            if not arrived:
                sys.exit(EXIT_FAILED)
            if not once:
                _until_asked_to_end(settings, link)
    if once and ending.asked:
        sys.exit(EXIT_FAILED)


def _config(settings: Settings, folder: Path) -> str:
    data_dir = msgspec.json.encode(str(folder / "data")).decode()
    return CONFIG.format(data_dir=data_dir, sandbox=settings.sandbox_listen, **WRITE_KEYS)


class DemoEnd:
    """Ends the demo when it is asked to, once, and never between the start of a process and our knowing of it."""

    def __init__(self) -> None:
        self.asked = self.must_wait = False

    @contextlib.contextmanager
    def heard(self) -> Iterator[None]:
        """Leave the block, with everything in it ended in order, at Ctrl-C, SIGTERM, or when the terminal closes."""
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            if signal.getsignal(number) is not signal.SIG_IGN:  # what nohup does
                signal.signal(number, self._ask)
        with contextlib.suppress(Ended):
            yield

    @contextlib.contextmanager
    def later(self) -> Iterator[None]:
        """Do not leave within the block, but right after it."""
        self.must_wait = True
        yield
        self.must_wait = False
        if self.asked:
            raise Ended

    def _ask(self, *_: object) -> None:
        again, self.asked = self.asked, True
        if not again and not self.must_wait:
            raise Ended


class Ended(BaseException):
    """We are asked to end."""


@contextlib.contextmanager
def _running(command: str, path: Path, ending: DemoEnd) -> Iterator["subprocess.Popen[bytes]"]:
    """Run one of our own commands beside us, and end it cleanly."""
    process = None
    try:
        with ending.later():
            # A session of its own: Ctrl-C reaches only us, and we stop the others in order.
            process = subprocess.Popen(  # noqa: S603 - our own command line
                [sys.executable, "-m", "penstock", command, "--config", str(path)],
                start_new_session=True,
                stderr=None,
            )
        yield process
    finally:
        if process is not None:
            with ending.later():
                _end(process)


def _end(process: "subprocess.Popen[bytes]") -> None:
    process.send_signal(signal.SIGTERM)
    try:
        process.wait(STOP_S_MAX)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def _show(settings: Settings, *, is_over: Callable[[], bool]) -> bool:
    """Send the sample traffic and print what became of it; return whether all arrived."""
    if not _until(lambda: is_over() or _is_up(settings), s_max=READY_S_MAX) or is_over():
        why = "one of our processes has ended" if is_over() else f"not ready after {READY_S_MAX:.0f} s"
        click.echo(f"penstock: {why}. Hint: is another program on our ports?", err=True)
        return False
    click.echo("Sending sample traffic with the RudderStack Python SDK …", err=True)
    send_sample_traffic(f"http://{settings.listen}")
    arrived = _until(lambda: _in_custify(settings) == EXPECTED, s_max=ARRIVE_S_MAX)
    for line in _report(settings, arrived=arrived):
        click.echo(line)
    return arrived


def _is_up(settings: Settings) -> bool:
    urls = (
        f"{settings.listen}/readyz",
        f"{settings.admin_listen}/api/v1/status",
        f"{settings.sandbox_listen}/_sandbox/state",
    )
    return all(get_json(f"http://{url}") is not None for url in urls)


def _in_custify(settings: Settings) -> dict[str, int]:
    """Count what the sandbox holds."""
    state = get_json(f"http://{settings.sandbox_listen}/_sandbox/state") or {}
    return {kind: len(state.get(kind, ())) for kind in EXPECTED}


def _report(settings: Settings, *, arrived: bool) -> list[str]:
    state = get_json(f"http://{settings.sandbox_listen}/_sandbox/state") or {}
    people = [f"  person   {p.get('user_id')}  {p.get('name')} <{p.get('email')}>" for p in state.get("people", ())]
    companies = [f"  company  {c.get('company_id')}  {c.get('name')}" for c in state.get("companies", ())]
    events = [f"  event    {e.get('name')}  by {e.get('user_id')}" for e in state.get("events", ())]
    verdict = (
        "All that was sent has arrived in Custify (the sandbox):" if arrived else "Not all has arrived. Custify has:"
    )
    return [verdict, *people, *companies, *events]


def _sign_in_link(settings: Settings) -> str:
    """Return a link into the demo's dashboard, once."""
    from penstock.admin.doors.access import Access
    from penstock.run.opening import open_control

    invitation = Access(open_control(settings), clock=SystemClock()).first_invitation()
    return f"{settings.public_url or f'http://{settings.admin_listen}'}/welcome/{invitation}"


def _until_asked_to_end(settings: Settings, link: str) -> None:
    for line in _lines_to_paste(settings, link):
        click.echo(line)
    try:
        while True:
            sleep(3600.0)
    finally:
        click.echo("Stopping …", err=True)


def _lines_to_paste(settings: Settings, link: str) -> list[str]:
    ingest, web, server = f"http://{settings.listen}", WRITE_KEYS["web"], WRITE_KEYS["server"]
    return [
        "",
        f"Dashboard: {link} (works once: choose a password)",
        f"What a CSM would see: http://{settings.sandbox_listen}/",
        "",
        "Point your SDK here:",
        f'  RudderStack JS      rudderanalytics.load("{web}", "{ingest}", {{ configUrl: "{ingest}" }})',
        f'  RudderStack Node    new RudderAnalytics("{server}", {{ dataPlaneUrl: "{ingest}" }})',
        f'  RudderStack Python  rudder_analytics.write_key = "{server}"; rudder_analytics.dataPlaneUrl = "{ingest}"',
        f"  Android, iOS        write key {WRITE_KEYS['mobile']}, dataPlaneUrl and controlPlaneUrl {ingest}",
        f'  Segment Node        new Analytics({{ writeKey: "{server}", host: "{ingest}" }})',
        f'  Segment Python      analytics.write_key = "{server}"; analytics.host = "{ingest}"',
        f'  curl                curl -u {server}: {ingest}/v1/track -d \'{{"userId":"ana","event":"Plan changed"}}\'',
        "",
        "Ctrl-C ends the demo.",
    ]


def _until(condition: Callable[[], bool], *, s_max: float) -> bool:
    """Look every tenth of a second whether the condition holds."""
    clock = SystemClock()
    deadline = clock.steady() + s_max
    while clock.steady() < deadline:
        if condition():
            return True
        sleep(0.1)
    return condition()
