"""HTTP/1.1 along a way without a proxy: requests on connections that are kept for the next ones.

Nothing is sent twice: a request that was written may have been applied, whatever became of its answer.
"""

import asyncio
import re
import ssl
import urllib.parse
from collections.abc import Mapping

from penstock.clock import Clock
from penstock.destinations.conversation import Conversation, HttpReply
from penstock.destinations.egress import Way

# A request must not meet the end of its connection. Node's servers, Apache and uvicorn close one that was idle for 5 s
# (keepAliveTimeout, KeepAliveTimeout, --timeout-keep-alive), nginx and balancers after a minute or more.
IDLE_S_MAX = 4.0
# RFC 3986: what may stand in a path and its query as it is.
TARGET, TARGET_LETTERS = re.compile(r"[A-Za-z0-9._~!$&'()*+,;=:@/?%-]+", re.ASCII), "!$&'()*+,;=:@/?%"
# OpenSSL's X509_V_ERR_HOSTNAME_MISMATCH and X509_V_ERR_IP_ADDRESS_MISMATCH.
OTHER_NAME = frozenset({62, 64})


class Wire:
    """The connections of one way, kept for the next calls."""

    def __init__(
        self, way: Way, *, clock: Clock, call_s_max: float, kept_max: int, trust: ssl.SSLContext | None = None
    ) -> None:
        self.way, self.clock, self.call_s_max, self.kept_max = way, clock, call_s_max, kept_max
        self.trust, self.is_closed = trust, False
        #: The one that was used last comes last, and is used next.
        self.idle: list[Conversation] = []
        host = str(way.origin).partition("://")[2]
        self.common = f" HTTP/1.1\r\nHost: {host}\r\nUser-Agent: Penstock\r\nAccept-Encoding: identity\r\n"

    async def ask(
        self, method: str, path: str, body: bytes | None, *, headers: Mapping[str, str], bytes_max: int
    ) -> HttpReply:
        """Make one request and return its answer.

        Raises ValueError for what cannot be a request, TimeoutError when there was no answer in time, else OSError.
        """
        request = self._request(method, path, body, headers)
        until = asyncio.get_running_loop().time() + self.call_s_max
        conversation = self._kept()
        if conversation is None:
            async with asyncio.timeout_at(until):
                conversation = await self._begun()
        try:
            reply = await conversation.ask(request, bytes_max, until=until)
        except BaseException:
            conversation.close()
            raise
        if conversation.may_go_on:
            self._keep(conversation)
        return reply

    def leave(self) -> None:
        """Close all connections that no call is under way on, the others when it has ended."""
        self.is_closed = True
        while self.idle:
            self.idle.pop().close()

    def _request(self, method: str, path: str, body: bytes | None, headers: Mapping[str, str]) -> bytes:
        if not all(map(str.isprintable, headers.values())):
            raise ValueError("a header has characters that no header may have")
        target = path if TARGET.fullmatch(path) else urllib.parse.quote(path, safe=TARGET_LETTERS)
        lines = "".join([f"{name}: {value}\r\n" for name, value in headers.items()])
        if body is None:
            return f"{method} {target}{self.common}{lines}\r\n".encode()
        return f"{method} {target}{self.common}{lines}Content-Length: {len(body)}\r\n\r\n".encode() + body

    def _kept(self) -> Conversation | None:
        oldest = self.clock.steady() - IDLE_S_MAX
        while self.idle:
            conversation = self.idle.pop()
            if conversation.is_open and conversation.idle_since >= oldest:
                return conversation
            conversation.close()
        return None

    def _keep(self, conversation: Conversation) -> None:
        conversation.idle_since = self.clock.steady()
        if self.is_closed or len(self.idle) >= self.kept_max:
            conversation.close()
        else:
            self.idle.append(conversation)

    async def _begun(self) -> Conversation:
        """Connect to the address that was judged. Certificates are checked for the name. Raises OSError."""
        origin, is_secret = self.way.origin, self.trust is not None
        try:
            _, conversation = await asyncio.get_running_loop().create_connection(
                Conversation, self.way.address or origin.host, origin.port,
                ssl=self.trust, server_hostname=origin.host if is_secret else None,
            )  # fmt: skip
        except ssl.SSLCertVerificationError as error:
            is_other = error.verify_code in OTHER_NAME
            what = f"certificate not valid for name {origin.host}" if is_other else error.verify_message
            raise ConnectionError(f"invalid peer certificate: {what}") from error
        return conversation
