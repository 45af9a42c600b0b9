"""A client that records: some people's events, numbered, each request repeated until it is answered 200, as SDKs do."""

import base64
import contextlib
import http.client
import json
import random
import threading
import urllib.error
import urllib.request

from history.record import History

ANSWER_S_MAX = 5.0
TRY_AGAIN_S = 0.02
IDENTIFIES = 0.1


class Client(threading.Thread):
    """One sender; people belong to one sender alone, so that there is an order to keep."""

    def __init__(
        self, history: History, *, url: str, write_key: str, people: list[str], seed: int, pause_s: float
    ) -> None:
        super().__init__(daemon=True)
        self.history, self.url, self.people, self.pause_s = history, url, people, pause_s
        credentials = base64.b64encode(f"{write_key}:".encode()).decode()
        self.headers = {"Authorization": f"Basic {credentials}", "Content-Type": "application/json"}
        self.random, self.ended, self.number = random.Random(seed), threading.Event(), 0
        self.requests = seed * 1_000_000

    def run(self) -> None:
        """Send until told to end; what was begun is brought to its end."""
        self._request([self._event(who, "identify") for who in self.people])
        while not self.ended.is_set():
            size = self.random.choice([1, 1, 3, 10])
            self._request([self._event(self.random.choice(self.people), self._type()) for _ in range(size)])
            self.ended.wait(self.pause_s)

    def _type(self) -> str:
        return "identify" if self.random.random() < IDENTIFIES else "track"

    def _event(self, who: str, type_: str) -> dict:
        self.number += 1
        return {"id": f"{who}-{self.number}", "who": who, "n": self.number, "type": type_}

    def _request(self, events: list[dict]) -> None:
        self.requests += 1
        self.history.note("sent", request=self.requests, events=events)
        body = json.dumps({"batch": [call_of(event) for event in events]}).encode()
        while True:
            self.history.note("tried", request=self.requests)
            if self._is_taken(body):
                self.history.note("accepted", request=self.requests)
                return
            threading.Event().wait(TRY_AGAIN_S)

    def _is_taken(self, body: bytes) -> bool:
        request = urllib.request.Request(f"{self.url}/v1/batch", body, self.headers)
        # Whatever else happens is no yes: refused, reset, no answer, half an answer.
        with (
            contextlib.suppress(OSError, http.client.HTTPException),
            urllib.request.urlopen(request, timeout=ANSWER_S_MAX) as answer,
        ):
            return answer.status == 200
        return False


def call_of(event: dict) -> dict:
    """Return an event as an SDK sends it."""
    call = {"type": event["type"], "userId": event["who"], "messageId": event["id"]}
    if event["type"] == "identify":
        return call | {"traits": {"step": event["n"]}}
    return call | {"event": "Step", "properties": {"n": event["n"]}}
