"""What people who work here leave of a person: looks, replays, links, views, orders, exports; and what a bad client sends."""

import json
import urllib.parse
from pathlib import Path

from acceptance.conftest import http, until
from acceptance.test_commands import penstock_command
from erasures.people import Somebody
from penstock.buffer.port.control import Credential, Kind
from penstock.buffer.port.views import SavedView
from penstock.buffer.sqlite.control.control import SqliteControl
from penstock.buffer.sqlite.control.views import SqliteViews
from penstock.clock import SystemClock

HEADERS = {"Content-Type": "application/json"}
YEAR_S = 31_536_000.0


class Desk:
    """Somebody who works with the dashboard and the command line, and never gives up."""

    def __init__(self, penstock, *, s_max: float) -> None:
        self.penstock, self.s_max = penstock, s_max

    def ask(self, method: str, path: str, **said: object) -> dict:
        """Call the admin API until it answers as it should."""

        def answer() -> dict | None:
            try:
                status, _, body = http(
                    method,
                    self.penstock.admin_url + path,
                    json.dumps(said).encode() if said else None,
                    HEADERS | self.penstock.admin_auth(),
                )
            except OSError:
                return None
            assert status < 400 or status in {429, 503}, (status, body)
            return json.loads(body) if status < 300 else None

        return until(answer, s_max=self.s_max, what=f"{method} {path} is not answered: {self.penstock.log}")

    def requests(self) -> list[dict]:
        """Return all that was asked for about people."""
        return self.ask("GET", "/api/v1/privacy/requests")["requests"]

    def leave_traces(self, somebody: Somebody) -> None:
        """Do everything to a person that leaves their name in a file."""
        quoted = urllib.parse.quote(somebody.email)
        self.ask("GET", f"/api/v1/events?destination=custify&person={quoted}")
        self.ask("GET", f"/api/v1/people?prefix={somebody.id}")
        self.ask("POST", "/api/v1/replays", destination="custify", selection=self._selection(somebody))
        self.ask("POST", "/api/v1/destinations/custify/ledger/forget", person=somebody.id)
        self.ask("GET", f"/api/v1/events/{somebody.event}/explain")
        self.ask("POST", "/api/v1/replays", destination="custify", selection={"message_id": somebody.event})
        self._in_control(somebody, self.penstock.data)
        self._refused(somebody, quoted)

    def _selection(self, somebody: Somebody) -> dict[str, str]:
        return {"person": somebody.id, "outcome": "any"}

    def _in_control(self, somebody: Somebody, data: Path) -> None:
        clock, subject = SystemClock(), {"destination": "custify", "person": somebody.id, "company": ""}
        control, now = SqliteControl(data, clock=clock), clock.now()
        control.note("admin", f"link shared for 7 days: user:{somebody.id} {somebody.email}")
        link = {"kind": Kind.SHARE, "user": "admin", "label": json.dumps(subject)}
        control.put_credential(
            Credential(hash=f"link-{somebody.number}", created_at=now, expires_at=now + YEAR_S, **link)
        )
        for key, value in {"person": somebody.email, "message_id": somebody.event}.items():
            query = urllib.parse.urlencode({key: value})
            SqliteViews(data, clock=clock).save(SavedView(user="admin", name=f"{key} {somebody.number}", query=query))

    def _refused(self, somebody: Somebody, quoted: str) -> None:
        """Send what is refused, and shown among the refused requests."""
        url = self.penstock.url
        for path, agent in (
            (f"/v1/users/{quoted}", "sdk/1"),
            (f"/people/{somebody.id}/events", "sdk/1"),
            ("/v1/nothing", f"sdk/1 ({somebody.email})"),
        ):
            until(lambda path=path, agent=agent: _said(url + path, agent), s_max=self.s_max)

    def export(self, somebody: Somebody, file: Path) -> int:
        """Export all that is held about a person; return the exit code."""
        named = [
            word for key, ids in somebody.named().items() for id_ in ids for word in (f"--{key.replace('_', '-')}", id_)
        ]
        given = ("person", file, *named, "--config", self.penstock.config)
        return penstock_command(*given, env=self.penstock.env).returncode


def _said(url: str, agent: str) -> bool:
    try:
        return http("GET", url, None, {"User-Agent": agent})[0] in {404, 405}
    except OSError:
        return False
