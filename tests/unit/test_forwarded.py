"""Who sent a request that came through proxies: believed from the right, as far as those who wrote it are trusted."""

import pytest

from penstock.forwarded import HOPS_MAX, client_of, networks_of

LOOPBACK = ("127.0.0.0/8", "::1")
PROXIES = ("127.0.0.1", "10.0.0.0/8", "2001:db8:1::/48")


def test_without_a_proxy_the_sender_is_who_opened_the_connection() -> None:
    assert client_of("203.0.113.9:5555", "", LOOPBACK) == "203.0.113.9"


def test_a_stranger_cannot_say_that_another_client_sent_it() -> None:
    assert client_of("203.0.113.9:5555", "198.51.100.1", LOOPBACK) == "203.0.113.9"


def test_a_trusted_proxy_says_who_called_it() -> None:
    assert client_of("127.0.0.1:5555", "203.0.113.9", LOOPBACK) == "203.0.113.9"


def test_what_the_sender_wrote_in_front_of_the_proxy_s_entry_does_not_count() -> None:
    assert client_of("127.0.0.1:5555", "127.0.0.1, 8.8.8.8, 203.0.113.9", LOOPBACK) == "203.0.113.9"


def test_several_proxies_are_looked_through() -> None:
    assert client_of("127.0.0.1:5555", "8.8.8.8,203.0.113.9, 10.1.2.3", PROXIES) == "203.0.113.9"


def test_when_all_are_trusted_the_one_furthest_away_sent_it() -> None:
    assert client_of("127.0.0.1:5555", "10.0.0.4, 10.1.2.3", PROXIES) == "10.0.0.4"


@pytest.mark.parametrize(
    ("peer", "forwarded", "expected"),
    [
        ("[::1]:5555", "", "::1"),
        ("::1", "2001:DB8::7", "2001:db8::7"),
        ("[::1]:5555", "[2001:db8::7]:443", "2001:db8::7"),
        ("[::1]:5555", "203.0.113.9:61000", "203.0.113.9"),
        ("[2001:db8:1::5]:5555", "2001:db8:2::9", "2001:db8:2::9"),
        ("[::ffff:127.0.0.1]:5555", "::ffff:203.0.113.9", "203.0.113.9"),
        ("127.0.0.1", "fe80::1%eth0", "fe80::1"),
    ],
)
def test_addresses_of_both_families_are_read_with_ports_and_without(peer: str, forwarded: str, expected: str) -> None:
    assert client_of(peer, forwarded, (*LOOPBACK, *PROXIES)) == expected


@pytest.mark.parametrize("entry", ["unknown", "_hidden", "", "<script>", "1.2.3", "9" * 10_000, "203.0.113.9 junk"])
def test_an_entry_that_is_no_address_ends_the_row(entry: str) -> None:
    assert client_of("127.0.0.1:5555", f"8.8.8.8, {entry}", LOOPBACK) == "127.0.0.1"


def test_no_proxy_is_trusted_when_none_is_named() -> None:
    assert client_of("127.0.0.1:5555", "203.0.113.9", ()) == "127.0.0.1"


def test_a_peer_without_an_address_is_no_proxy() -> None:
    assert client_of("unix:/run/penstock.sock", "203.0.113.9", LOOPBACK) == ""


def test_a_header_without_end_is_read_from_its_end_and_no_further_than_a_few_hops() -> None:
    endless = ", ".join(["10.0.0.1"] * 30_000)

    assert client_of("127.0.0.1", f"8.8.8.8, {endless}", PROXIES) == "10.0.0.1"
    assert client_of("127.0.0.1", "8.8.8.8" + ", 10.0.0.1" * (HOPS_MAX - 1), PROXIES) == "8.8.8.8"


def test_a_network_with_a_host_s_bits_is_refused() -> None:
    with pytest.raises(ValueError, match="host bits"):
        networks_of(["10.0.0.1/8"])
