"""A workspace that keeps people, deletes them when asked, is as bad an API as the one of the chaos, and quotes whom it is told of."""

import json
import time
import urllib.parse
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler

from history.custify import KIND, Custify, _Handler
from history.record import History
from penstock.sandbox.api import Answer, Api, Call
from penstock.sandbox.journal import Journal
from penstock.sandbox.store import Store

BAD, CLASH = "Bad", "Clash"
Asked = tuple[str, str]


class Workspace(Custify):
    """Listens on loopback until closed. An event named Bad is refused and quoted, one named Clash with another person's address."""

    def __init__(self, history: History, *, seed: int, clashes_with: Callable[[str], str]) -> None:
        """`clashes_with` tells whose address a person's events named Clash are refused with."""
        super().__init__(history, seed=seed)
        self.api, self.clashes_with = Api(Store(), Journal(None)), clashes_with
        #: By user id and by address: who was asked to be deleted; and what was written of them all the same, later.
        self.deleted, self.written_again = set[str](), list[str]()
        self._server.RequestHandlerClass = _Clerk

    def answer(self, method: str, target: str, body: object) -> Answer:
        """Do what a call asks for."""
        url = urllib.parse.urlsplit(target)
        query = dict(urllib.parse.parse_qsl(url.query))
        with self._lock:
            if method == "DELETE" and "user_id" in query:
                self.deleted.add(query["user_id"])
            if refused := self._refused(body):
                return refused
            path = urllib.parse.unquote(url.path)
            answer = self.api.answer(Call(method=method, path=path, query=query, body=body, at=time.time()))
        if method == "POST" and answer.status < 300:
            self.history.note("applied", path=path)
        return answer

    def note(self, method: str, body: object) -> None:
        """Look at a call as it comes, whatever becomes of it: nothing may be written of who was to be deleted."""
        if method == "POST" and isinstance(body, dict) and body.get("user_id") in self.deleted:
            self.written_again.append(f"{body.get('user_id')}: {body}")

    def known(self) -> set[str]:
        """Return all user ids and addresses of people here."""
        people = self.api.store.people.values()
        return {str(each.fields[key]) for each in people for key in ("user_id", "email") if each.fields.get(key)}

    def _refused(self, body: object) -> Answer | None:
        name = body.get("name") if isinstance(body, dict) else None
        if name == BAD:
            return Answer(status=422, body={"code": "Invalid", "of": body})
        if name == CLASH:
            other = self.clashes_with(body["user_id"])
            # Who is not here clashes with nobody.
            known = [each for each in self.api.store.people.values() if each.fields.get("email") == other]
            said = f"{other} is {known[0].fields.get('user_id')}'s" if known else "it is not allowed"
            return Answer(status=422, body={"code": "Invalid", "msg": said})
        return None


class _Clerk(_Handler, BaseHTTPRequestHandler):
    """One connection."""

    def do_GET(self) -> None:
        """Answer a read."""
        self._any("GET")

    def do_POST(self) -> None:
        """Answer a write."""
        self._any("POST")

    def do_DELETE(self) -> None:
        """Answer a deletion."""
        self._any("DELETE")

    def _any(self, method: str) -> None:
        size = int(self.headers.get("Content-Length") or 0)
        body = json.loads(self.rfile.read(size)) if size else None
        workspace, fate = self.server.custify, self.server.custify.fate()
        workspace.note(method, body)
        is_applied = fate in {"fine", "fails_late"} or fate.endswith("-applied")
        answer = workspace.answer(method, self.path, body) if is_applied else None
        if fate in {"fails", "fails_late"}:
            # As badly as an API may: it says whom it could not serve.
            self._say(500 if answer else 503, {"msg": "out of order", "of": body, "at": self.path})
        elif not self._goes_wrong(fate.removesuffix("-applied")):
            self._say(answer.status, answer.body)


__all__ = ["BAD", "CLASH", "KIND", "Workspace"]
