"""One connection of HTTP/1.1, seen from who asks: a request, its answer within bounds, perhaps the next request.

The server may be hostile. A connection has one request under way, and its answer is the next that arrives; bytes that
were not asked for, and whatever is less, more or other than one answer, end the connection: no answer is ever taken for that
of another call.
"""

import asyncio
from collections.abc import Sequence
from typing import NamedTuple, cast

from httptools import HttpParserError, HttpParserUpgrade, HttpResponseParser

# Heads of answers have a few kB. Beyond the body and its like, so much is read of what frames it.
HEAD_BYTES_MAX = 65_536
BEGINNINGS, BEGINNING_BYTES = frozenset({b"HTTP/1.1 ", b"HTTP/1.0 "}), 9
SWITCHED = 101


class HttpReply(NamedTuple):
    """An answer as it came, of whose body so much is there as was asked for."""

    status: int
    fields: Sequence[tuple[bytes, bytes]]
    body: bytes

    def lines(self, name: bytes) -> str:
        """Return the values of a header, named in lower case, as lines."""
        return "\n".join([value.decode(errors="replace") for each, value in self.fields if each.lower() == name])


class Conversation(asyncio.Protocol):
    """One connection: a request, its answer, perhaps the next request."""

    transport: asyncio.Transport
    parser: HttpResponseParser

    def __init__(self) -> None:
        self.loop, self.alarm = asyncio.get_running_loop(), cast("asyncio.TimerHandle | None", None)
        self.answer: asyncio.Future[HttpReply] | None = None
        self.may_go_on, self.idle_since = False, 0.0

    @property
    def is_open(self) -> bool:
        """Return whether a request may be written: the far side has not closed, as far as is known."""
        return not self.transport.is_closing()

    def ask(self, request: bytes, bytes_max: int, *, until: float) -> "asyncio.Future[HttpReply]":
        """Write a request; its answer, of which so many bytes are read, or an OSError comes through the future.

        After `until`, by the loop's time, the answer is too late.
        """
        self.parser, self.problem, self.beginning = HttpResponseParser(self), "", b""
        # A line may end without CR (RFC 9112 §2.2): small servers of one's own do that.
        self.parser.set_dangerous_leniencies(lenient_optional_cr_before_lf=True)
        self.status, self.fields, self.body = 0, list[tuple[bytes, bytes]](), bytearray()
        self.bytes_max, self.heard_bytes = bytes_max, 0
        self.is_whole = self.has_more = self.may_go_on = False
        answer = self.answer = self.loop.create_future()
        self.until = until
        if not self.is_open:
            self._fail(ConnectionError("the connection was closed before the request"))
            return answer
        if self.alarm is None:
            self.alarm = self.loop.call_at(until, self._look_at_time)
        self.transport.write(request)
        return answer

    def close(self) -> None:
        """Close the connection at once; the answer, should it come, is not read."""
        self.answer = None
        if self.alarm is not None:
            self.alarm.cancel()
        self.transport.abort()

    # What the transport calls.

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast("asyncio.Transport", transport)

    def data_received(self, data: bytes) -> None:
        if self.answer is None:
            self.close()  # not asked for
            return
        if self.heard_bytes < BEGINNING_BYTES:
            self.beginning += data[:BEGINNING_BYTES]
        self.heard_bytes += len(data)
        try:
            self.parser.feed_data(data)
        except (HttpParserError, HttpParserUpgrade) as error:
            self.problem = self.problem or f"the answer is not HTTP: {error}"
        self._look()

    def connection_lost(self, exc: Exception | None) -> None:
        if self.answer is None:
            return
        if exc is None and self.status and not self._has_a_length():
            self._end()  # its end is the connection's
        else:
            what = str(exc or "") or f"the connection was closed {'in' if self.heard_bytes else 'before'} the answer"
            self._fail(ConnectionError(what))

    # What the parser calls.

    def on_message_begin(self) -> None:
        self.has_more |= self.is_whole

    def on_header(self, name: bytes, value: bytes) -> None:
        if not self.status:
            self.fields.append((name, value))

    def on_headers_complete(self) -> None:
        if self.status:
            return
        status = self.parser.get_status_code()
        if status < 100 or self.beginning[:BEGINNING_BYTES] not in BEGINNINGS:
            self.problem = self.problem or "the answer is not HTTP/1.1"
        elif status >= 200 or status == SWITCHED:
            self.status = status
        else:
            self.fields.clear()

    def on_body(self, data: bytes) -> None:
        if not self.is_whole:
            self.body += data

    def on_message_complete(self) -> None:
        if self.status and not self.is_whole:
            self.is_whole, self.may_go_on = True, self.parser.should_keep_alive()

    def _look(self) -> None:
        """See whether the answer is there, or will never be."""
        if self.is_whole or (self.status and len(self.body) >= self.bytes_max):
            self._end()
        elif self.problem:
            self._fail(ConnectionError(self.problem))
        elif self.heard_bytes - 2 * len(self.body) > HEAD_BYTES_MAX:
            self._fail(ConnectionError(f"the answer has a head of more than {HEAD_BYTES_MAX} bytes"))

    def _has_a_length(self) -> bool:
        return any(name.lower() in {b"content-length", b"transfer-encoding"} for name, _ in self.fields)

    def _end(self) -> None:
        # An answer that came before the whole question was written leaves the rest of it on the way.
        is_clean = not (self.problem or self.has_more or self.transport.get_write_buffer_size())
        self.may_go_on = self.may_go_on and is_clean
        answer, self.answer = self.answer, None
        if not self.may_go_on:
            self.close()
        if answer is not None and not answer.done():
            answer.set_result(HttpReply(self.status, self.fields, bytes(self.body[: self.bytes_max])))

    def _fail(self, problem: OSError) -> None:
        answer = self.answer
        self.close()
        if answer is not None and not answer.done():
            answer.set_exception(problem)

    def _look_at_time(self) -> None:
        # One alarm stays for all calls of a connection: to set and to cancel one costs as much as to read an answer.
        self.alarm = None
        if self.answer is not None and self.loop.time() < self.until:
            self.alarm = self.loop.call_at(self.until, self._look_at_time)
        elif self.answer is not None:
            self._fail(TimeoutError("no answer in time"))
