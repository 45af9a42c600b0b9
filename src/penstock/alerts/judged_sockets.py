"""For a process that runs a library with an HTTP client of its own: each address is judged when it is connected to.

Python tells an audit hook of every connection before it is made, with the very address: no second look-up, no redirect
and no proxy comes past it. A hook cannot be taken away again, so this is for processes that do nothing else.
"""

import sys
import urllib.parse
from collections.abc import Collection, Mapping
from typing import Any

from penstock.origin import Origin, host_of, is_forbidden_name, is_open_to, literal

CONNECTS = frozenset({"socket.connect", "socket.sendto", "socket.sendmsg"})
LOOKS_UP = "socket.getaddrinfo"
# No library that tells people something has to start programs.
FORBIDDEN = frozenset({"subprocess.Popen", "os.system", "os.exec", "os.posix_spawn", "os.fork"})


class NotOpen(OSError):
    """This address must not be connected to."""


def judge_connections(allowed: Collection[str]) -> None:
    """Refuse from now on, in this process, every connection that a destination could not make either."""
    judge = AddressJudge(allowed)
    sys.addaudithook(judge.heard)


class AddressJudge:
    """Knows which name was looked up last: what `allowed` names may be on a network of one's own."""

    def __init__(self, allowed: Collection[str]) -> None:
        self.allowed, self.name = frozenset(map(host_of, allowed)), ""

    def heard(self, event: str, args: tuple[Any, ...]) -> None:
        """AddressJudge what is about to happen. Raises NotOpen."""
        if event == LOOKS_UP:
            self.name = _text(args[0]).lower()
        elif event in CONNECTS:
            self.connecting(args[1])
        elif event in FORBIDDEN:
            raise NotOpen(f"{event} is not for a library that tells people something")

    def connecting(self, address: object) -> None:
        """AddressJudge the address of a connection. Raises NotOpen for one that is not the internet's, or is none at all."""
        host = _text(address[0]) if isinstance(address, tuple) else ""
        found = literal(host.partition("%")[0])
        origin = Origin("https", self.name or host, 443)
        if found is None or is_forbidden_name(origin, allowed=self.allowed):
            raise NotOpen(f"{host or address!r} cannot be judged")
        if not is_open_to(origin, found, allowed=self.allowed):
            raise NotOpen(f"{self.name or host} leads to an address that is not the internet's")


def proxies_in(environ: Mapping[str, str]) -> list[str]:
    """Return the hosts of the proxies that the environment names: where they lead to is for their rules to say."""
    hosts = list[str]()
    for name in ("https_proxy", "http_proxy", "all_proxy"):
        text = environ.get(name) or environ.get(name.upper(), "")
        host = urllib.parse.urlsplit(text if "://" in text else f"http://{text}").hostname if text else None
        hosts += [host] if host else []
    return hosts


def _text(value: object) -> str:
    return value.decode("ascii", "replace") if isinstance(value, bytes) else str(value or "")
