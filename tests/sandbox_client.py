"""A sandbox in this process, driven without a port: what a client sends, and what it gets."""

import dataclasses
import json
import urllib.parse
from pathlib import Path
from typing import Any

from penstock.sandbox.app import create_app


@dataclasses.dataclass
class Got:
    """An answer; `whole` says whether the body came to its end."""

    status: int
    headers: dict[str, str]
    body: bytes
    whole: bool

    @property
    def json(self) -> Any:
        return json.loads(self.body)


class Sandbox:
    """One sandbox whose time stands still unless told, and whose dice always throw the same."""

    def __init__(self, *, data: Path | None = None, api_keys: frozenset[str] | None = None) -> None:
        self.now, self.throw, self.slept = 1_700_000_000.0, 0.5, []
        self.app = create_app(
            data=data, api_keys=api_keys, clock=lambda: self.now, sleep=self._sleep, dice=lambda: self.throw
        )

    async def _sleep(self, seconds: float) -> None:
        self.slept.append(seconds)

    async def get(self, path: str, **how: Any) -> Got:
        return await self.call("GET", path, **how)

    async def post(self, path: str, body: object = None, **how: Any) -> Got:
        return await self.call("POST", path, body, **how)

    async def delete(self, path: str) -> Got:
        return await self.call("DELETE", path)

    async def state(self) -> Any:
        return (await self.get("/_sandbox/state")).json

    async def call(
        self,
        method: str,
        path: str,
        body: object = None,
        *,
        key: str = "Bearer k",
        headers: dict[str, str] | None = None,
    ) -> Got:
        raw = body if isinstance(body, bytes) else b"" if body is None else json.dumps(body).encode()
        path, _, query = path.partition("?")
        sent = {"authorization": key, "host": "sandbox", **(headers or {})}
        scope = {
            "type": "http",
            "asgi": {"version": "3.0"},
            "http_version": "1.1",
            "scheme": "http",
            "method": method,
            "path": urllib.parse.unquote(path),
            "raw_path": path.encode(),
            "root_path": "",
            "query_string": query.encode(),
            "headers": [(name.encode(), value.encode()) for name, value in sent.items() if value],
            "client": ("127.0.0.1", 1),
            "server": ("127.0.0.1", 8090),
        }
        return await self._drive(scope, raw)

    async def _drive(self, scope: dict[str, Any], raw: bytes) -> Got:
        half = len(raw) // 2
        arriving = [(raw[:half], True), (raw[half:], False)]
        answered: list[dict[str, Any]] = []

        async def receive() -> dict[str, Any]:
            body, more = arriving.pop(0)
            return {"type": "http.request", "body": body, "more_body": more}

        async def send(part: dict[str, Any]) -> None:
            answered.append(part)

        await self.app(scope, receive, send)
        start, *parts = answered
        headers = {name.decode(): value.decode() for name, value in start["headers"]}
        body = b"".join(part.get("body", b"") for part in parts)
        return Got(start["status"], headers, body, whole=not parts[-1].get("more_body", False))
