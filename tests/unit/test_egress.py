"""Where calls connect to: to the address that was judged, and to no other. Addresses of 127.0.0.0/8 stand for private ones."""

import asyncio
import contextlib
import ssl
import subprocess

import pytest

from penstock import causes
from penstock.clock import ManualClock
from penstock.deliver.decide import RetryPolicy, decide
from penstock.destinations.answer import Accepted, Barred, Unavailable
from penstock.destinations.custify.api import CustifyApi
from penstock.destinations.custify.calls import CustifyCall as Call
from penstock.destinations.egress import LOOK_AGAIN_S, Egress, Shut, Way, proxy_of
from penstock.destinations.try_connection import ANSWER_S_MAX, tried
from penstock.origin import origin_of

KEY = "a-secret-key"
OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\n{}"
PUBLIC, OTHER_PUBLIC = "93.184.216.34", "93.184.216.35"


class Names:
    """DNS that tests hold: a name's addresses, until they say otherwise."""

    def __init__(self, **addresses: list[str]) -> None:
        self.table, self.asked = {name.replace("_", "."): found for name, found in addresses.items()}, 0

    async def addresses(self, host):
        self.asked += 1
        if host not in self.table:
            raise OSError("no such name")
        return self.table[host]


def egress(names: Names, clock: ManualClock | None = None, *, url="https://custify.example", allowed=(), environ=None):
    environ, clock = environ or {}, clock or ManualClock()
    return Egress(url, allowed=allowed, resolver=names, clock=clock, look_up_s_max=5.0, environ=environ)


@contextlib.asynccontextmanager
async def listening(address: str, *, tls: ssl.SSLContext | None = None, answer: bytes = OK):
    """Somebody who writes down what is heard at an address of this machine, and on which port."""
    heard: list[bytes] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(asyncio.IncompleteReadError, ConnectionError):
            heard.append(await reader.readuntil(b"\r\n\r\n"))
            writer.write(answer)
            await writer.drain()
        writer.close()

    server = await asyncio.start_server(serve, address, 0, ssl=tls)
    try:
        yield heard, server.sockets[0].getsockname()[1]
    finally:
        server.close()


def adapter(url: str, names: Names, *, clock=None, allowed=()) -> CustifyApi:
    clock = clock or ManualClock()
    return CustifyApi(
        base_url=url, api_key=KEY, call_s_max=2.0, in_flight_max=4, clock=clock, allowed_private_hosts=allowed,
        resolver=names,
    )  # fmt: skip


def certificate(folder, name: str) -> ssl.SSLContext:
    """Make an authority of our own in `folder`/ca.pem, and a server with a certificate of it for one name."""
    new = ["openssl", "req", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "1", "-x509"]
    subject, alternative = ["-subj", f"/CN={name}"], ["-addext", f"subjectAltName=DNS:{name}"]
    authority = ["-subj", "/CN=authority", "-keyout", folder / "ca.key", "-out", folder / "ca.pem"]
    own = ["-keyout", folder / "key.pem", "-out", folder / "cert.pem", "-addext", "basicConstraints=critical,CA:FALSE"]
    issuer = ["-CA", folder / "ca.pem", "-CAkey", folder / "ca.key"]
    for rest in (authority, [*subject, *alternative, *own, *issuer]):
        subprocess.run([*new, *rest], check=True, capture_output=True)
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    tls.load_cert_chain(folder / "cert.pem", folder / "key.pem")
    return tls


async def test_the_address_that_was_judged_is_the_one_that_is_connected_to():
    assert await egress(Names(custify_example=[PUBLIC])).way() == Way(origin_of("https://custify.example"), PUBLIC)


@pytest.mark.parametrize("address", ["127.7.7.7", "127.0.0.1", "10.0.0.1", "169.254.169.254", "::1", "fe80::1%eth0"])
async def test_one_bad_address_among_good_ones_shuts_the_way(address):
    with pytest.raises(Shut, match="allowed_private_hosts"):
        await egress(Names(custify_example=[PUBLIC, address])).way()


async def test_a_name_that_comes_to_lead_elsewhere_is_refused_when_it_does():
    names, clock = Names(custify_example=[PUBLIC]), ManualClock()
    way = egress(names, clock)
    await way.way()
    names.table["custify.example"] = ["127.7.7.7"]

    assert (await way.way()).address == PUBLIC
    clock.advance(LOOK_AGAIN_S)
    with pytest.raises(Shut):
        await way.way()


async def test_a_key_is_never_sent_to_an_address_that_is_not_allowed():
    async with listening("127.7.7.7") as (heard, port):
        for url in (f"https://custify.example:{port}", f"http://127.7.7.7:{port}", f"https://127.7.7.7:{port}"):
            api = adapter(url, Names(custify_example=["127.7.7.7"]))
            answer = await api.probe()
            await api.close()
            assert isinstance(answer, Barred), url
            assert answer.cause == causes.ADDRESS

    assert heard == []


async def test_rebinding_between_two_calls_leads_nowhere(tmp_path, monkeypatch):
    clock, names = ManualClock(), Names(custify_example=["127.0.0.1"])
    tls = certificate(tmp_path, "custify.example")
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "ca.pem"))
    async with listening("127.0.0.1", tls=tls) as (heard, port), listening("127.7.7.7") as (elsewhere, _):
        api = adapter(f"https://custify.example:{port}", names, clock=clock, allowed=["127.0.0.1"])
        first = await api.probe()
        names.table["custify.example"] = ["127.7.7.7"]
        clock.advance(LOOK_AGAIN_S)
        second = await api.probe()
        await api.close()

    assert isinstance(first, Accepted)
    assert isinstance(second, Barred)
    assert f"host: custify.example:{port}".encode() in heard[0].lower()
    assert (len(heard), elsewhere) == (1, [])


async def test_tls_still_checks_the_name_though_the_address_was_given(tmp_path, monkeypatch):
    tls = certificate(tmp_path, "another.example")
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "ca.pem"))
    async with listening("127.0.0.1", tls=tls) as (heard, port):
        api = adapter(f"https://custify.example:{port}", Names(custify_example=["127.0.0.1"]), allowed=["127.0.0.1"])
        answer = await api.probe()
        await api.close()

    assert isinstance(answer, Barred)
    assert answer.cause == causes.CERTIFICATE
    assert "not valid for name" in answer.text
    assert heard == []


async def test_a_way_that_must_not_be_taken_holds_the_destination_and_says_what_to_do():
    hold = decide(
        await adapter("https://custify.example", Names(custify_example=["127.7.7.7"])).send(Call("/people", {})),
        attempt=1, failing_for_s=0.0, jitter=0.0, policy=RetryPolicy(),
    )  # fmt: skip

    assert hold.cause == causes.ADDRESS
    assert "allowed_private_hosts" in hold.reason


async def test_a_name_without_an_address_may_be_tried_again():
    assert isinstance(await adapter("https://custify.example", Names()).probe(), Unavailable)


async def test_dns_that_is_down_does_not_stop_delivery():
    names, clock = Names(custify_example=[PUBLIC]), ManualClock()
    way = egress(names, clock)
    await way.way()
    names.table.clear()
    clock.advance(LOOK_AGAIN_S)

    assert (await way.way()).address == PUBLIC


async def test_names_are_looked_up_now_and_then_and_once_for_all_who_wait():
    names, clock = Names(custify_example=[PUBLIC, OTHER_PUBLIC]), ManualClock()
    way = egress(names, clock)
    for _ in range(3):
        await asyncio.gather(*(way.way() for _ in range(32)))
    assert names.asked == 1

    clock.advance(LOOK_AGAIN_S)
    names.table["custify.example"] = [OTHER_PUBLIC, PUBLIC]
    assert (await way.way()).address == PUBLIC, "a good address is kept, and its connections with it"
    assert names.asked == 2


async def test_after_a_failure_another_address_is_tried():
    names = Names(custify_example=[PUBLIC, OTHER_PUBLIC])
    way = egress(names)
    way.failed(await way.way())

    assert (await way.way()).address == OTHER_PUBLIC


@pytest.mark.parametrize(
    ("url", "environ", "proxy"),
    [
        ("https://custify.example", {"HTTPS_PROXY": "http://proxy.corp:3128"}, "http://proxy.corp:3128"),
        ("https://custify.example", {"https_proxy": "proxy.corp:3128"}, "http://proxy.corp:3128"),
        ("https://custify.example", {"ALL_PROXY": "socks5://proxy.corp:1080"}, "socks5h://proxy.corp:1080"),
        ("https://custify.example", {"HTTP_PROXY": "http://proxy.corp:3128"}, ""),
        ("https://custify.example", {"HTTPS_PROXY": "http://p", "NO_PROXY": "a.example, .custify.example"}, ""),
        ("https://eu.custify.example", {"HTTPS_PROXY": "http://p", "NO_PROXY": "custify.example"}, ""),
        ("https://notcustify.example", {"HTTPS_PROXY": "http://p", "NO_PROXY": "custify.example"}, "http://p"),
        ("https://10.1.2.3", {"HTTPS_PROXY": "http://p", "NO_PROXY": "10.0.0.0/8"}, ""),
        ("https://custify.example", {"HTTPS_PROXY": "http://p", "NO_PROXY": "*"}, ""),
        ("http://127.0.0.1:8090", {"HTTP_PROXY": "http://p", "ALL_PROXY": "http://p"}, ""),
    ],
)
def test_proxies_are_read_from_the_environment(url, environ, proxy):
    assert proxy_of(origin_of(url), environ) == proxy


async def test_behind_a_proxy_the_proxy_looks_names_up():
    names, environ = Names(custify_example=["127.7.7.7"]), {"HTTPS_PROXY": "http://proxy.corp:3128"}

    assert (await egress(names, environ=environ).way()).address == ""
    assert names.asked == 0


@pytest.mark.parametrize("host", ["10.0.0.1", "127.7.7.7", "[::ffff:127.0.0.1]", "metadata.google.internal"])
async def test_behind_a_proxy_what_can_be_told_from_the_host_alone_is_refused_all_the_same(host):
    with pytest.raises(Shut):
        await egress(Names(), url=f"https://{host}", environ={"HTTPS_PROXY": "http://proxy.corp:3128"}).way()


async def test_a_call_goes_through_the_proxy(monkeypatch):
    async with listening("127.0.0.1", answer=b"HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n") as (heard, port):
        monkeypatch.setenv("HTTPS_PROXY", f"http://127.0.0.1:{port}")
        api = adapter("https://custify.example", Names())
        answer = await api.probe()
        await api.close()

    assert heard[0].startswith(b"CONNECT custify.example:443 ")
    assert b"secret" not in heard[0]
    assert isinstance(answer, Unavailable)


async def test_a_proxy_that_is_none_holds(monkeypatch):
    monkeypatch.setenv("HTTPS_PROXY", "http://")

    assert isinstance(await adapter("https://custify.example", Names()).probe(), Barred)


# What "Test connection" tells whoever may change settings about this machine.


class Waits:
    """A clock, and how long somebody was made to wait."""

    def __init__(self) -> None:
        self.clock, self.slept_s = ManualClock(), 0.0

    async def sleep(self, seconds: float) -> None:
        self.slept_s += seconds


async def said_of(url: str, answer: bytes | None, **how: object) -> tuple[bool, str, float]:
    """Return what the test says of a port where somebody answers so; None: nobody listens there."""
    waits = Waits()
    async with listening("127.0.0.1", answer=answer or b"") as (_, port):
        asked = url.format(port=1 if answer is None else port)
        api = CustifyApi(
            base_url=asked, api_key=KEY, call_s_max=ANSWER_S_MAX, in_flight_max=1, clock=waits.clock, **how
        )
        found = await tried(api, waits.clock, waits.sleep)
    reached, said = found
    return reached, said.replace(asked, "it"), waits.slept_s


async def test_the_test_does_not_tell_open_ports_of_this_machine_from_closed_ones():
    closed = await said_of("http://127.0.0.1:{port}", None)
    page = b"<h1>hello</h1>"
    for answer in (
        b"SSH-2.0-OpenSSH\r\n",
        b"",
        b"HTTP/1.1 404 Not Found\r\nContent-Length: 2\r\n\r\n{}",
        b"HTTP/1.1 401 Unauthorized\r\nContent-Length: %d\r\n\r\n%b" % (len(page), page),
        b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%b" % (len(page), page),
        b"HTTP/1.1 302 Found\r\nLocation: /\r\nContent-Length: 0\r\n\r\n",
        b"HTTP/1.1 503 Unavailable\r\nContent-Length: 2\r\n\r\n{}",
    ):
        assert await said_of("http://127.0.0.1:{port}", answer) == closed, answer

    assert closed[:2] == (False, "it gives no usable answer: wrong address, wrong cluster, or an outage.")
    assert closed[2] == ANSWER_S_MAX, "nor does the time it takes"


async def test_the_test_says_that_a_sandbox_took_the_key_or_did_not():
    reached, said, _ = await said_of("http://127.0.0.1:{port}", OK)
    no = b'{"error":"no"}'
    unauthorized = b"HTTP/1.1 401 Unauthorized\r\nContent-Length: %d\r\n\r\n%b" % (len(no), no)
    refused = await said_of("http://127.0.0.1:{port}", unauthorized)

    assert (reached, said) == (True, "Reachable: it took the key.")
    assert "refused (401)" in refused[1]


async def test_the_test_names_no_address_of_a_name_it_refuses():
    reached, said, _ = await said_of("https://custify.example", OK, resolver=Names(custify_example=["127.7.7.7"]))

    assert not reached
    assert "allowed_private_hosts" in said
    assert "127." not in said


async def test_nor_do_attempts_at_a_host_of_ones_own_networks():
    names = Names(custify_example=["127.0.0.1"])
    api = adapter("https://custify.example:1", names, allowed=["127.0.0.1"])
    answer = await api.send(Call("/people", {}))
    await api.close()

    assert answer == Unavailable(None, "no usable answer")
