"""Which client a way gets, and whose certificates it trusts: the same as the client for proxies does."""

import asyncio
import ssl
import subprocess

import pytest

from penstock import causes
from penstock.clock import ManualClock
from penstock.destinations import trust
from penstock.destinations.answer import Accepted, Barred
from penstock.destinations.egress import LOOK_AGAIN_S, Way
from penstock.destinations.reqwest import Reqwest
from penstock.destinations.wire import Wire
from penstock.origin import origin_of
from unit.test_egress import Names, adapter, certificate, listening

HTTP, HTTPS = origin_of("http://127.0.0.1:8090"), origin_of("https://custify.example")
KEPT = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}"


@pytest.mark.parametrize(
    ("way", "has_files", "client"),
    [
        (Way(HTTP), True, Wire),
        (Way(HTTP), False, Wire),
        (Way(HTTPS, "93.184.216.34"), True, Wire),
        (Way(HTTPS, "93.184.216.34"), False, Reqwest),
        (Way(HTTPS, proxy="http://proxy.corp:3128"), True, Reqwest),
        (Way(HTTP, proxy="http://proxy.corp:3128"), True, Reqwest),
    ],
)
def test_a_proxy_and_roots_that_lie_in_no_file_are_the_other_clients(way, has_files, client, monkeypatch):
    monkeypatch.setattr("penstock.destinations.http.has_files", lambda: has_files)
    monkeypatch.setattr("penstock.destinations.http.trust", lambda: None)
    api = adapter("https://custify.example", Names())

    assert type(api._client_for(way)) is client
    assert api._client_for(way) is api.client, "kept while the way stays the same"


async def test_connections_of_a_way_that_is_left_are_closed():
    clock, names = ManualClock(), Names(localhost=["127.0.0.1"])
    async with listening("127.0.0.1", answer=KEPT) as (_, port):
        api = adapter(f"http://localhost:{port}", names, clock=clock)
        assert isinstance(await api.probe(), Accepted)
        before = api.client
        names.table["localhost"] = ["::1"]
        clock.advance(LOOK_AGAIN_S)
        await api.probe()
        await api.close()

    assert api.client is not before
    assert (before.is_closed, before.idle) == (True, [])


async def test_certificates_that_cannot_be_read_hold_and_say_so(tmp_path, monkeypatch):
    for broken in (tmp_path / "none.pem", tmp_path / "empty.pem"):
        monkeypatch.setenv("SSL_CERT_FILE", str(broken))
        answer = await adapter("https://custify.example", Names(custify_example=["93.184.216.34"])).probe()
        assert isinstance(answer, Barred)
        assert answer.cause == causes.ADDRESS
        assert "trusted certificates cannot be read" in answer.text
        (tmp_path / "empty.pem").touch()


def test_what_the_environment_names_takes_the_systems_place(tmp_path, monkeypatch):
    certificate(tmp_path, "custify.example")
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "ca.pem"))
    monkeypatch.delenv("SSL_CERT_DIR", raising=False)

    assert trust._places() == (str(tmp_path / "ca.pem"), None)
    assert [each["subject"] for each in trust.trust().get_ca_certs()] == [((("commonName", "authority"),),)]
    assert trust.trust().minimum_version == ssl.TLSVersion.TLSv1_2


@pytest.mark.parametrize("client", ["ours", "pyreqwest"])
async def test_a_certificate_with_its_name_in_the_subject_alone_is_not_valid(client, tmp_path, monkeypatch):
    certificate(tmp_path, "custify.example")
    make = ["openssl", "req", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "1", "-x509"]
    own = [
        "-subj",
        "/CN=custify.example",
        "-addext",
        "basicConstraints=critical,CA:FALSE",
        "-keyout",
        tmp_path / "k.pem",
    ]
    issued = ["-out", tmp_path / "c.pem", "-CA", tmp_path / "ca.pem", "-CAkey", tmp_path / "ca.key"]
    subprocess.run([*make, *own, *issued], check=True, capture_output=True)
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    tls.load_cert_chain(tmp_path / "c.pem", tmp_path / "k.pem")
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "ca.pem"))
    async with listening("127.0.0.1", tls=tls) as (heard, port):
        way = Way(origin_of(f"https://custify.example:{port}"), "127.0.0.1")
        wire = Wire(way, clock=ManualClock(), call_s_max=5.0, kept_max=1, trust=trust.trust())
        one = wire if client == "ours" else Reqwest(way, call_s_max=5.0, in_flight_max=1)
        with pytest.raises(OSError, match="certificate"):
            await one.ask("GET", "/", None, headers={}, bytes_max=10)
        await asyncio.sleep(0)

    assert heard == []
