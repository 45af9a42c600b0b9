"""Which origins a key may be sent to, and which spellings of them are none."""

import ipaddress

import pytest

from penstock.errors import SettingsError
from penstock.origin import Origin, is_open_to, origin_of
from penstock.settings import load

NO_ORIGIN = [
    "https://api.custify.com/v1",
    "https://api.custify.com//",
    "https://api.custify.com?x=1",
    "https://api.custify.com#x",
    "https://user:pw@api.custify.com",
    "https://api.custify.com@evil.example",
    "https://api.custify.com\\@evil.example",
    "https://api.custify.com\r\nX: y",
    "https://api.custify.com\n",
    " https://api.custify.com",
    "https://api.custify.com:",
    "https://api.custify.com:0",
    "https://api.custify.com:65536",
    "https://",
    "https:///people",
    "ftp://api.custify.com",
    "api.custify.com",
    "",
]
#: Ways to write 127.0.0.1, 10.0.0.1 and ::1 that some parser takes for an address, or maps to one.
ENCODED = [
    "https://2130706433",
    "https://0x7f000001",
    "https://0x7f.1",
    "https://0X7F.0.0.1",
    "https://127.1",
    "https://0177.0.0.1",
    "https://010.0.0.1",
    "https://127.0.0.1.",
    "https://127.0.0.0x1",
    "https://1.2.3.0x",
    "https://127\u30020\u30020\u30021",
    "https://\uff11\uff12\uff17.0.0.1",
    "https://%31%32%37.0.0.1",
    "https://[::1%25lo]",
    "https://[::1%lo]",
    "https://[fe80::1%25eth0]",
    "https://[1::2::3]",
    "https://localhost.",
    "https://api.custify.com.",
    "https://-api.custify.com",
    "https://api..custify.com",
    "https://\u00e4pi.custify.com",
]
REFUSED = [
    "127.0.0.1", "127.7.7.7", "10.0.0.1", "172.16.0.1", "172.31.255.255", "192.168.1.1",
    "169.254.169.254", "168.63.129.16", "100.64.0.1", "100.100.100.200", "192.0.0.192", "0.0.0.0", "0.1.2.3",
    "224.0.0.1", "239.255.255.250", "255.255.255.255", "240.0.0.1", "192.0.2.1", "198.18.0.1", "203.0.113.5",
    "::", "::1", "fe80::1", "fc00::1", "fd00:ec2::254", "fec0::1", "ff02::1", "2001:db8::1", "3fff::1",
    "::ffff:127.0.0.1", "::ffff:10.0.0.1", "::ffff:169.254.169.254", "::127.0.0.1", "::7f00:1",
    "2002:7f00:1::", "2002:a00:1::", "64:ff9b::7f00:1", "64:ff9b::a9fe:a9fe", "64:ff9b:1::1",
    "2001:0:0:0:0:0:80ff:fffe", "100::1", "5f00::1",
]  # fmt: skip
OPEN = ["93.184.216.34", "8.8.8.8", "2606:4700::1111", "::ffff:8.8.8.8", "64:ff9b::808:808", "2002:808:808::1"]


def in_brackets(address: str) -> str:
    return f"[{address}]" if ":" in address else address


def setting(base_url: str, **more: object):
    destination = {"type": "custify", "api_key": "k", "base_url": base_url}
    return load(None, {"PENSTOCK_ALLOWED_PRIVATE_HOSTS": ", ".join(more.get("allowed", ()))} if more else {},
                dashboard={"destinations": {"c": destination}})  # fmt: skip


@pytest.mark.parametrize("text", [*NO_ORIGIN, *ENCODED])
def test_what_is_no_plain_origin_is_refused_and_never_interpreted(text):
    with pytest.raises(ValueError, match=r"such as|address|name|port"):
        origin_of(text)
    with pytest.raises(SettingsError, match=r"destinations\.c\.base_url"):
        setting(text)


def test_a_password_in_an_address_is_not_repeated():
    with pytest.raises(SettingsError) as error:
        setting("https://ana:hunter2@api.custify.com")

    assert "hunter2" not in str(error.value)


@pytest.mark.parametrize(
    ("text", "read"),
    [
        ("https://api.custify.com", Origin("https", "api.custify.com", 443)),
        ("HTTPS://API.Custify.com:443/", Origin("https", "api.custify.com", 443)),
        ("https://xn--pi-wia.example:8443", Origin("https", "xn--pi-wia.example", 8443)),
        ("https://[2606:4700:0::1111]", Origin("https", "2606:4700::1111", 443)),
        ("http://127.0.0.1:8090", Origin("http", "127.0.0.1", 8090)),
    ],
)
def test_an_origin_is_one_whatever_its_spelling(text, read):
    assert origin_of(text) == read
    assert origin_of(str(read)) == read


@pytest.mark.parametrize("address", REFUSED)
def test_addresses_that_are_not_the_internets_are_refused(address):
    origin = Origin("https", "custify.example", 443)

    assert not is_open_to(origin, ipaddress.ip_address(address), allowed=())
    with pytest.raises(SettingsError, match="allowed_private_hosts"):
        setting(f"https://{in_brackets(address)}")


@pytest.mark.parametrize("address", OPEN)
def test_addresses_of_the_internet_are_open(address):
    assert is_open_to(Origin("https", "custify.example", 443), ipaddress.ip_address(address), allowed=())
    assert setting(f"https://{in_brackets(address)}")


@pytest.mark.parametrize("url", ["http://127.0.0.1:8090", "http://localhost:8090", "http://[::1]:8090"])
def test_this_machine_is_reached_over_http_for_the_sandbox(url):
    assert setting(url).destinations["c"].base_url == url


@pytest.mark.parametrize(
    "url",
    ["http://127.7.7.7:8090", "http://custify.example", "http://10.0.0.1", "https://localhost", "https://127.0.0.1",
     "https://metadata.google.internal", "http://localhost.localdomain"],
)  # fmt: skip
def test_nothing_else_of_this_machine_or_without_tls_is(url):
    with pytest.raises(SettingsError, match="base_url"):
        setting(url)


def test_a_host_that_the_setting_names_is_allowed_by_name_or_address():
    for allowed, url in (("10.0.0.7", "https://10.0.0.7"), ("FD00::7", "https://[fd00:0::7]")):
        assert setting(url, allowed=[allowed])
        with pytest.raises(SettingsError):
            setting(url, allowed=["10.0.0.8"])


def test_a_name_opens_networks_of_ones_own_and_no_more():
    origin, allowed = Origin("https", "relay.corp", 443), {"relay.corp"}

    assert is_open_to(origin, ipaddress.ip_address("10.1.2.3"), allowed=allowed)
    assert is_open_to(origin, ipaddress.ip_address("fd00::1"), allowed=allowed)
    for elsewhere in ("169.254.169.254", "fe80::1", "224.0.0.1", "0.0.0.0", "255.255.255.255"):
        assert not is_open_to(origin, ipaddress.ip_address(elsewhere), allowed=allowed)
    assert is_open_to(origin, ipaddress.ip_address("169.254.169.254"), allowed={"169.254.169.254"})
    assert not is_open_to(Origin("https", "other.corp", 443), ipaddress.ip_address("10.1.2.3"), allowed=allowed)


def test_what_is_allowed_must_be_a_host():
    with pytest.raises(SettingsError, match="allowed_private_hosts"):
        setting("https://api.custify.com", allowed=["10.0.0.0/8"])
