"""A second kind of destination: each event, signed, to any address; with everything that delivery promises."""

import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from standardwebhooks.webhooks import Webhook

from acceptance.conftest import PASSWORD, http, until

SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"


class Receiver:
    """A receiver as its authors would write it: what has no valid signature is refused, the rest is kept."""

    def __init__(self) -> None:
        self.taken, self.pings, self.answers = [], 0, {}
        receiver, proof = self, Webhook(SECRET)

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["content-length"])).decode()
                payload = proof.verify(body, dict(self.headers.items()))
                status = receiver.take(payload, self.headers["webhook-id"], self.path)
                self.send_response(status)
                self.send_header("content-length", "0")
                self.end_headers()

            def log_message(self, *_) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=self.server.serve_forever, daemon=True).start()
        self.url = f"http://127.0.0.1:{self.server.server_port}/in/penstock"

    def take(self, payload: dict, id_: str, path: str) -> int:
        assert path == "/in/penstock"
        if payload["type"] == "penstock.ping":
            self.pings += 1
            return self.answers.get("ping", 200)
        if answers := self.answers.get(id_):
            return answers.pop(0)
        self.taken.append((id_, payload))
        return 204

    def ids(self, person: str) -> list[str]:
        return [id_ for id_, payload in self.taken if payload["data"]["userId"] == person]


@pytest.fixture
def receiver():
    receiver = Receiver()
    yield receiver
    receiver.server.shutdown()
    receiver.server.server_close()


def track(person: str, number: int) -> dict:
    name, id_ = f"Step {number}", f"{person}-{number}"
    return {"type": "track", "userId": person, "event": name, "messageId": id_, "properties": {"n": number}}


def counts(penstock) -> dict:
    return until(penstock.status)["destinations"]["mirror"]


def settled(penstock) -> dict:
    until(lambda: counts(penstock)["waiting"] == 0, what=str(penstock.status()))
    return counts(penstock)


def test_events_arrive_signed_in_order_retried_held_and_replayed(start, receiver):
    block = f'[destinations.mirror]\ntype = "webhook"\nbase_url = "{receiver.url}"\napi_key = "{SECRET}"\n'
    connection = '[[connections]]\nfrom = "server"\nto = "mirror"\n'
    receiver.answers = {"ana-1": [503, 503], "bo-2": [422], "cy-0": [401, 401], "ping": 401}
    penstock = start(password=PASSWORD, source=block + connection)

    penstock.send(*(track(person, number) for number in range(3) for person in ("ana", "bo", "cy")))
    until(lambda: counts(penstock)["state"] == "held", what="a refused secret holds the destination")
    assert "The webhook refused the secret with 401" in counts(penstock)["reason"]
    receiver.answers |= {"ping": 200, "cy-0": []}
    found = settled(penstock)

    assert found["outcomes"]["dead"] == 1
    assert found["outcomes"]["delivered"] == 8
    for person in ("ana", "cy"):
        assert receiver.ids(person) == [f"{person}-{number}" for number in range(3)]
    assert receiver.ids("bo") == ["bo-0", "bo-1"]
    [(_, payload)] = [each for each in receiver.taken if each[0] == "ana-2"]
    assert (payload["type"], payload["source"], payload["trust"]) == ("track", "server", "trusted")
    assert payload["data"]["properties"] == {"n": 2}
    assert payload["timestamp"] <= payload["data"]["receivedAt"]

    asked = json.dumps({"destination": "mirror", "selection": {"cause": "webhook.refused.422"}}).encode()
    headers = penstock.admin_auth() | {"Content-Type": "application/json"}
    assert http("POST", f"{penstock.admin_url}/api/v1/replays", asked, headers)[0] in {200, 201, 202}
    until(lambda: counts(penstock)["outcomes"].get("delivered") == 9)
    assert "bo-2" in receiver.ids("bo")
