"""A bad day: rotated keys, outages, refusals, full disks, wrong settings. Nothing is lost, and everybody is told."""

import datetime as dt
import gzip
import http.server as http_server
import json
import ssl
import subprocess
import sys
import threading

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from acceptance.conftest import AS_INSTALLED, get_json, http, until
from ports import free_port

# Those that share a Penstock run in one process, so that it is started once.
share_one = pytest.mark.xdist_group("bad day")


@pytest.fixture(scope="module")
def running(share):
    return share()


@pytest.fixture
def shared(running, sandbox):
    """Return a Penstock that others use too: each sends people of its own, and leaves nothing waiting."""
    yield running
    sandbox.faults()
    running.until_settled(s_max=60)


def outcomes(penstock) -> dict[str, int]:
    return penstock.counts()["outcomes"]


def identify(i, **traits):
    return {"type": "identify", "userId": f"u{i}", "messageId": f"m{i}", "traits": {"name": f"Person {i}", **traits}}


@share_one
def test_a_rotated_key_holds_everything_and_burns_nothing(shared, sandbox):
    before = outcomes(shared)
    sandbox.faults(reject_keys=True)
    shared.send(*(identify(f"rotated-{i}") for i in range(20)))
    until(lambda: until(shared.status)["destinations"]["custify"]["state"] == "held")
    shared.send(identify("rotated-99"))
    assert shared.counts()["waiting"] == 21
    assert "API key" in shared.status()["destinations"]["custify"]["reason"]

    sandbox.faults()

    assert shared.until_settled()["outcomes"] == {**before, "delivered": before["delivered"] + 21}
    assert len(sandbox.state()["people"]) == 21


def test_a_changed_key_in_the_file_is_followed_without_restart(start, sandbox):
    penstock = start(api_key="an-old-key")
    penstock.send(identify(1))
    until(lambda: until(penstock.status)["destinations"]["custify"]["state"] == "held")

    penstock.write_settings()

    assert penstock.until_settled(s_max=10)["outcomes"]["delivered"] == 1


@share_one
def test_an_outage_is_sat_out(shared, sandbox):
    before = outcomes(shared)["delivered"]
    sandbox.faults(status=503, times=8)
    shared.send(*(identify(f"outage-{i}") for i in range(5)))

    assert shared.until_settled()["outcomes"]["delivered"] == before + 5


def test_being_throttled_waits_as_asked_and_loses_nothing(penstock, sandbox):
    sandbox.faults(rate_per_s=20)
    penstock.send(*(identify(i) for i in range(60)))

    assert penstock.until_settled(s_max=60)["outcomes"]["delivered"] == 60


def test_answers_that_are_lost_are_repeated_with_the_same_deduplication_id(penstock, sandbox):
    penstock.send(*(identify(i) for i in range(5)))
    penstock.until_settled()
    sandbox.faults(drop_answers=0.2)
    events = [{"type": "track", "userId": f"u{i % 5}", "event": "Used", "messageId": f"t{i}"} for i in range(30)]
    penstock.send(*events)

    assert penstock.until_settled(s_max=60)["outcomes"]["delivered"] == 35
    assert sorted(e["deduplication_id"] for e in sandbox.events("Used")) == sorted(e["messageId"] for e in events)


def test_what_custify_refuses_is_dead_with_its_answer_and_the_others_arrive(penstock, sandbox):
    sandbox.faults(status=422, times=1)
    penstock.send(identify(1))
    until(lambda: penstock.counts()["outcomes"]["dead"] == 1)
    penstock.send(identify(2))
    penstock.until_settled()

    tail = subprocess.run(
        [sys.executable, "-m", "penstock", "tail", "--json", "--config", penstock.config],
        env=penstock.env,
        capture_output=True,
        check=True,
    )
    stories = [json.loads(line) for line in tail.stdout.splitlines()]
    assert [story["state"] for story in stories] == ["dead", "delivered"]
    assert stories[0]["reason"].startswith("Custify refused the call with 422")


def test_sigterm_in_the_middle_of_the_load_is_a_clean_stop_and_the_rest_follows(penstock, sandbox):
    sandbox.faults(latency_ms=50)
    penstock.send(*(identify(i) for i in range(300)))
    until(lambda: sandbox.state()["people"])

    assert penstock.stop() == 0

    penstock.start()
    penstock.until_ready()
    assert penstock.until_settled(s_max=60)["outcomes"]["delivered"] == 300


def test_wrong_settings_stop_the_start_with_78_and_one_sentence(tmp_path):
    config = tmp_path / "penstock.toml"
    config.write_text('[sources.web]\nwrite_kee = "k"\n')
    done = subprocess.run(
        [sys.executable, "-m", "penstock", "serve", "--config", config],
        env=AS_INSTALLED | {"PENSTOCK_DATA_DIR": str(tmp_path)},
        capture_output=True,
        check=False,
        timeout=20,
    )

    assert done.returncode == 78
    assert done.stderr.decode() == (
        "penstock: sources.web.write_kee: expected a known setting, got 'write_kee'. Hint: did you mean write_key?\n"
    )


def test_a_wrong_change_of_the_settings_leaves_the_old_ones_in_force(penstock):
    penstock.config.write_text("this is = not toml [")
    until(lambda: "settings_refused" in penstock.log.read_text())

    assert penstock.send(identify(1))[0] == 200
    assert penstock.until_settled()["outcomes"]["delivered"] == 1


def test_a_process_that_dies_meanwhile_comes_back_with_the_old_ones_too(penstock):
    for number, text in enumerate(["", "this is = not toml ["], 1):
        penstock.config.write_text(text)
        until(lambda number=number: penstock.log.read_text().count('"settings_refused"') >= 3 * number)
        for process in penstock.family()[1:]:
            process.kill()
        until(lambda number=number: penstock.log.read_text().count('"started"') == 3 * (number + 1))

        assert penstock.send(identify(number))[0] == 200
        assert penstock.until_settled()["outcomes"]["delivered"] == number


@share_one
def test_a_port_that_is_taken_stops_the_start_with_78(shared, tmp_path):
    done = subprocess.run(
        [sys.executable, "-m", "penstock", "serve", "--config", shared.config],
        env=shared.env
        | {"PENSTOCK_DATA_DIR": str(tmp_path / "other"), "PENSTOCK_ADMIN_LISTEN": f"127.0.0.1:{free_port()}"},
        capture_output=True,
        check=False,
        timeout=30,
    )

    assert done.returncode == 78
    assert b"listen: expected a free address" in done.stderr


BAD_REQUESTS = [
    ({}, b"{}", 401, b"failed to read writekey from header\n"),
    ({"Authorization": "Basic bm9ib2R5Og=="}, b"{}", 401, b"invalid write key\n"),
    ({"key": "server"}, b"{nope", 400, b"invalid json\n"),
    ({"key": "server"}, b'{"event":"x"}', 400, b"request neither has anonymousId nor userId\n"),
    ({"key": "server", "Content-Encoding": "gzip"}, b"not gzip", 400, b"failed to uncompress request body\n"),
    ({"key": "server"}, b'{"userId":"' + b"x" * 5_000_000 + b'"}', 413, b"request size exceeds max limit\n"),
    (
        {"key": "server", "Content-Encoding": "gzip"},
        gzip.compress(b" " * 50_000_000),
        413,
        b"request size exceeds max limit\n",
    ),
]


@share_one
def test_bad_requests_are_told_and_nothing_is_stored(shared):
    before = shared.counts()["received"]
    for given, body, status, text in BAD_REQUESTS:
        headers = {k: v for k, v in given.items() if k != "key"} | (shared.auth() if "key" in given else {})

        answer = http("POST", f"{shared.url}/v1/track", body, headers)

        assert (answer[0], answer[2]) == (status, text)
    assert shared.counts()["received"] == before


def test_a_disabled_source_is_told_404(start):
    penstock = start(source='[sources.off]\nwrite_key = "off-key"\nenabled = false\n')

    status, _, body = http("POST", f"{penstock.url}/v1/track", b"{}", {"Authorization": "Basic b2ZmLWtleTo="})

    assert (status, body) == (404, b"source is disabled\n")


def test_a_full_disk_answers_503_and_stores_nothing(start):
    penstock = start(env={"PENSTOCK_DISK_FREE_BYTES_MIN": str(10**18)})

    status, headers, _ = penstock.send(identify(1))

    assert (status, headers["Retry-After"]) == (503, "10")
    assert http("GET", f"{penstock.url}/readyz")[0] == 503
    assert http("GET", f"{penstock.url}/livez")[0] == 200
    assert penstock.status()["accepted"] == {}


@share_one
def test_trouble_at_the_destination_never_fails_readiness(shared, sandbox):
    sandbox.faults(reject_keys=True)
    shared.send(identify("ready"))
    until(lambda: until(shared.status)["destinations"]["custify"]["state"] == "held")

    assert http("GET", f"{shared.url}/readyz")[0] == 200


def test_metrics_and_status_say_the_same(penstock):
    penstock.send(identify(1), {"type": "page", "userId": "u1", "name": "Pricing"})
    penstock.until_settled()
    until(lambda: b'penstock_attempts_total{destination="custify"' in http("GET", f"{penstock.admin_url}/metrics")[2])
    text = http("GET", f"{penstock.admin_url}/metrics")[2].decode()

    assert 'penstock_events_outcome_total{destination="custify",outcome="delivered"} 1.0' in text
    assert 'penstock_events_outcome_total{destination="custify",outcome="filtered"} 1.0' in text
    assert 'penstock_events_received_total{destination="custify"} 2.0' in text
    assert get_json(f"{penstock.admin_url}/api/v1/status")["accepted"] == {"server": 2}


def test_logs_carry_no_payload_no_email_and_no_key(penstock, sandbox):
    sandbox.faults(status=422, times=1)
    penstock.send(
        {"type": "identify", "userId": "u1", "traits": {"email": "secret@example.com"}},
        {"type": "track", "anonymousId": "a"},
    )
    penstock.until_settled()
    penstock.stop()

    log = penstock.log.read_text()
    assert "buried" in log
    assert "rejected" in log
    for secret in ("secret@example.com", "sandbox-api-key", "server-key"):
        assert secret not in log


def test_an_outage_with_a_rotated_key_in_the_middle_loses_nothing_and_keeps_the_order(penstock, sandbox):
    sandbox.faults(status=503)
    events = [{"type": "track", "userId": f"u{i % 5}", "event": "Used", "messageId": f"t{i:03}"} for i in range(50)]
    penstock.send(*(identify(i) for i in range(5)), *events[:20])
    until(lambda: penstock.counts()["retrying"])
    sandbox.faults(reject_keys=True)
    until(lambda: until(penstock.status)["destinations"]["custify"]["state"] == "held")
    penstock.send(*events[20:])
    assert penstock.counts()["waiting"] == 55

    sandbox.faults(rate_per_s=40)

    assert penstock.until_settled(s_max=90)["outcomes"]["delivered"] == 55
    for person in range(5):
        arrived = [e["deduplication_id"] for e in sandbox.events("Used") if e["user_id"] == f"u{person}"]
        assert arrived == sorted(arrived)
        assert len(arrived) == 10


def test_a_certificate_that_cannot_be_trusted_holds_and_says_so(penstock, sandbox, tmp_path):
    server = self_signed_server(tmp_path)
    try:
        text = penstock.config.read_text()
        allowed = 'allowed_private_hosts = ["127.0.0.1"]\n'
        penstock.config.write_text(allowed + text.replace(sandbox.url, f"https://127.0.0.1:{server.server_port}"))
        until(lambda: "destination_changed" in penstock.log.read_text())
        penstock.send(identify(1))
        held = until(lambda: (s := penstock.status()["destinations"]["custify"])["state"] == "held" and s)
    finally:
        server.shutdown()
        server.server_close()

    assert held["cause"] == "custify.certificate"
    assert penstock.counts()["waiting"] == 1


def test_a_name_that_cannot_be_resolved_is_tried_again(penstock, sandbox):
    text = penstock.config.read_text()
    penstock.config.write_text(text.replace(sandbox.url, "https://custify.invalid"))
    until(lambda: "destination_changed" in penstock.log.read_text())
    penstock.send(identify(1))

    down = until(lambda: (s := penstock.status()["destinations"]["custify"])["state"] == "down" and s)
    assert "the name has no address" in down["reason"]
    penstock.write_settings()

    assert penstock.until_settled()["outcomes"]["delivered"] == 1


def self_signed_server(folder):
    """Return a running HTTPS server whose certificate nobody signed."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "127.0.0.1")])
    now = dt.datetime.now(dt.UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - dt.timedelta(days=1))
        .not_valid_after(now + dt.timedelta(days=1))
        .sign(key, hashes.SHA256())
    )
    pem = serialization.Encoding.PEM
    private = key.private_bytes(pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    (folder / "server.pem").write_bytes(private + certificate.public_bytes(pem))
    server = http_server.ThreadingHTTPServer(("127.0.0.1", 0), http_server.BaseHTTPRequestHandler)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(folder / "server.pem")
    server.socket = context.wrap_socket(server.socket, server_side=True)
    # A client that does not like the certificate hangs up: nothing to print.
    server.handle_error = lambda *_: None
    threading.Thread(target=server.serve_forever, daemon=True).start()
    return server
