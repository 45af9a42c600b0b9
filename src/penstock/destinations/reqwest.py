"""HTTP along a way that goes through a proxy, or whose roots the platform keeps to itself: pyreqwest's, which knows both."""

from collections.abc import Mapping
from datetime import timedelta

from pyreqwest.client import ClientBuilder
from pyreqwest.exceptions import PyreqwestError, RequestError, RequestTimeoutError
from pyreqwest.proxy import ProxyBuilder

from penstock.destinations.conversation import HttpReply
from penstock.destinations.egress import Way


class Reqwest:
    """A client for one way alone. Raises ValueError for a proxy that is none."""

    def __init__(self, way: Way, *, call_s_max: float, in_flight_max: int) -> None:
        # Redirects are not followed: a 302 would turn a POST into a GET, and could lead to a private address.
        builder = (
            ClientBuilder()
            .timeout(timedelta(seconds=call_s_max))
            .max_connections(in_flight_max)
            .follow_redirects(enable=False)
            .user_agent("Penstock")
            .no_proxy()
        )
        if way.proxy:
            builder = builder.proxy(ProxyBuilder.all(way.proxy))
        if way.address:
            # The address that was judged; the certificate is still checked for the name.
            builder = builder.resolve(way.origin.host, way.address, way.origin.port)
        self.way, self.client = way, builder.build()

    async def ask(
        self, method: str, path: str, body: bytes | None, *, headers: Mapping[str, str], bytes_max: int
    ) -> HttpReply:
        """Make one request and return its answer, of whose body so many bytes are read.

        Raises ValueError for what cannot be a request, TimeoutError when there was no answer in time, else OSError.
        """
        request = self.client.request(method, f"{self.way.origin}{path}").headers(headers)
        if body is not None:
            request = request.body_bytes(body)
        try:
            async with request.build_streamed() as response:
                raw = bytes(await response.body_reader.read(bytes_max) or b"")
                fields = [(name.encode(), value.encode()) for name, value in response.headers.items()]
                return HttpReply(response.status, fields, raw)
        except RequestTimeoutError as error:
            raise TimeoutError(_in_words(error)) from error
        except PyreqwestError as error:
            raise ConnectionError(_in_words(error)) from error

    async def close(self) -> None:
        """Close idle connections."""
        await self.client.close()


def _in_words(error: PyreqwestError) -> str:
    below = (error.details.get("causes") or []) if isinstance(error, RequestError) else []
    return ": ".join([error.message, *(cause["message"] for cause in below)])
