"""A test event, sent the way an SDK sends: over HTTP to our own ingest, with the source's key."""

import base64
import urllib.error
import urllib.request
from collections.abc import Callable

import msgspec

from penstock.settings import Source, host_and_port

ANSWER_S_MAX = 5.0
ANSWER_CHARS_MAX = 200
PERSON = "penstock-test"
EVENT = {
    "type": "identify",
    "userId": PERSON,
    "traits": {"name": "Penstock test", "email": "penstock-test@example.com"},
}
#: Sends a test event of a source to ingest; answers whether it was taken, and a sentence.
SendTrial = Callable[[Source, str], tuple[bool, str]]
ANY = {"0.0.0.0": "127.0.0.1", "::": "::1"}  # noqa: S104 - nothing listens here


def send_trial(source: Source, listen: str) -> tuple[bool, str]:
    """Send a test event; return whether ingest took it, and what it said. Blocks; not for an event loop."""
    host, port = host_and_port("listen", listen)
    host = ANY.get(host, host)
    url = f"http://[{host}]:{port}/v1/identify" if ":" in host else f"http://{host}:{port}/v1/identify"
    key = base64.b64encode(f"{source.write_key}:".encode()).decode()
    headers = {"Authorization": f"Basic {key}", "Content-Type": "application/json", "User-Agent": "Penstock test event"}
    request = urllib.request.Request(url, msgspec.json.encode(EVENT), headers)  # noqa: S310 - our own listener
    try:
        with urllib.request.urlopen(request, timeout=ANSWER_S_MAX):  # noqa: S310
            return True, f"taken: an identify call of {PERSON}; it goes the whole way, to the destinations too"
    except urllib.error.HTTPError as error:
        return False, f"refused with {error.code}: {error.read(ANSWER_CHARS_MAX).decode(errors='replace').strip()}"
    except OSError as error:
        return False, f"ingest does not answer on {listen}: {error}"
