"""A Custify that records what it applies, and answers as badly as an API can without lying about yes."""

import contextlib
import dataclasses
import json
import random
import threading
import time
import urllib.parse
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from history.record import History


@dataclasses.dataclass(frozen=True)
class Mood:
    """Shares of calls that go wrong, and how; and how many calls there may be."""

    #: Refused with this status, without having been applied.
    fails: float = 0.0
    #: Applied, and answered with 500 all the same.
    fails_late: float = 0.0
    #: How many calls a second are answered otherwise than with 429; 0 for all.
    calls_per_s_max: float = 0.0
    #: No answer for so long that the caller gives up; applied or not, but never later.
    silent: float = 0.0
    #: The connection is closed without an answer, before or after it is applied.
    hangs_up: float = 0.0


SHARES = ("fails", "fails_late", "silent", "hangs_up")
KIND = Mood()
MOODS = (
    KIND,
    Mood(fails=0.3, fails_late=0.05),
    Mood(calls_per_s_max=30.0),
    Mood(silent=0.05, hangs_up=0.2),
    Mood(fails=0.1, fails_late=0.05, calls_per_s_max=50.0, silent=0.02, hangs_up=0.1),
    Mood(fails=1.0),
)
SILENT_S = 1.5


class Custify:
    """Listens on loopback until closed; `mood` may be changed at any time."""

    def __init__(self, history: History, *, seed: int) -> None:
        self.history, self.mood, self.people = history, KIND, set()
        self._random, self._lock = random.Random(seed), threading.Lock()
        self._tokens, self._as_of = 1.0, time.monotonic()
        self._server = _Server(("127.0.0.1", 0), _Handler)
        self._server.custify = self
        self.url = f"http://127.0.0.1:{self._server.server_port}"
        threading.Thread(target=self._server.serve_forever, args=(0.1,), daemon=True).start()

    def close(self) -> None:
        """Listen no more."""
        self._server.shutdown()
        self._server.server_close()

    def fate(self) -> str:
        """Throw the dice for one call."""
        with self._lock:
            mood, throw = self.mood, self._random.random()
            first = self._random.random() < 0.5
            if mood.calls_per_s_max and not self._has_token(mood.calls_per_s_max):
                return "throttles"
        for name in SHARES:
            share = getattr(mood, name)
            if throw < share:
                return f"{name}-applied" if first and name in {"silent", "hangs_up"} else name
            throw -= share
        return "fine"

    def _has_token(self, per_s: float) -> bool:
        """Take a token from a bucket that holds a second's worth."""
        now = time.monotonic()
        self._tokens = min(per_s, self._tokens + (now - self._as_of) * per_s)
        self._as_of = now
        if self._tokens < 1:
            return False
        self._tokens -= 1
        return True

    def apply(self, path: str, body: dict) -> None:
        """Take a call in, and write down that it was."""
        with self._lock:
            who = body["user_id"]
            if path == "/people":
                self.people.add(who)
                # An upsert that says no step tells of nothing that somebody sent.
                if "step" in body.get("custom_attributes", {}):
                    self.history.note("applied", id=None, who=who, n=body["custom_attributes"]["step"], path=path)
            elif path == "/event":
                n = body["metadata"]["n"]
                self.history.note("applied", id=body.get("deduplication_id"), who=who, n=n, path=path)


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 128
    custify: Custify

    def handle_error(self, request, client_address) -> None:
        """Say nothing: callers are killed while they wait."""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        """Answer reads; the ledger asks whom we know."""
        url = urllib.parse.urlsplit(self.path)
        if self._goes_wrong(self._custify.fate().removesuffix("-applied")):
            return
        if url.path == "/people":
            asked = urllib.parse.parse_qs(url.query).get("user_id", [""])[0]
            known = [{"id": "0" * 24, "user_id": asked, "email": None}] if asked in self._custify.people else []
            self._say(200, [{"people": known, "total": len(known)}])
        elif url.path in {"/customer/attributes", "/company/attributes"}:
            self._say(200, [])
        else:
            self._say(200, {"companies": [], "total": 0})

    def do_POST(self) -> None:
        """Apply a write, or do not, and answer, or do not."""
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        fate = self._custify.fate()
        if fate == "fine" or fate == "fails_late" or fate.endswith("-applied"):
            self._custify.apply(self.path, body)
        if not self._goes_wrong(fate.removesuffix("-applied")):
            self._say(202 if self.path == "/event" else 200, [] if self.path == "/event" else {"id": "0" * 24, **body})

    def _goes_wrong(self, fate: str) -> bool:
        match fate:
            case "fine":
                return False
            case "fails" | "fails_late":
                self._say(500 if fate == "fails_late" else 503, {"msg": "out of order"})
            case "throttles":
                self._say(429, {"msg": "slower"}, retry_after=True)
            case "silent":
                threading.Event().wait(SILENT_S)
                self.close_connection = True
            case "hangs_up":
                self.close_connection = True
        return True

    def _say(self, status: int, content: object, *, retry_after: bool = False) -> None:
        raw = json.dumps(content).encode()
        with contextlib.suppress(OSError):
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(raw)))
            if retry_after:
                self.send_header("Retry-After", "1")
            self.end_headers()
            self.wfile.write(raw)

    @property
    def _custify(self) -> Custify:
        return self.server.custify

    def log_message(self, *_) -> None:
        """Say nothing about each request."""
