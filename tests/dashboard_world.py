"""A dashboard without a server: the whole application over a folder, and browsers that send forms as our pages do."""

import asyncio
import atexit
import contextlib
import dataclasses
import functools
import html.parser
import json
import re

import anyio.from_thread
from argon2 import PasswordHasher
from starlette.testclient import TestClient

from penstock.accept.one_by_one import read_batch
from penstock.accept.sdk_request import Arrival
from penstock.admin.app import create_app
from penstock.admin.doors.access import Access
from penstock.admin.routes import Parts, all_routes
from penstock.alerts.alarm import Alarm, Sights
from penstock.buffer.port.backlog import Ending
from penstock.buffer.port.control import Role, User
from penstock.buffer.port.outcomes import Attempt, Outcome
from penstock.buffer.sqlite.store import SqliteStore
from penstock.clock import ManualClock, SeededDice
from penstock.erasing.asking import Requesting
from penstock.erasing.desk import PrivacyDesk
from penstock.erasing.searching import Searching
from penstock.inspect.status import StatusReader
from penstock.machine.snapshot import Snapshots
from penstock.privacy.receipt import Seal
from penstock.privacy.requests import Requests
from penstock.privacy.suppressed import SuppressedList
from penstock.settings import Settings, load
from penstock.settings.revisions import Desk
from penstock.settings.vault import Vault

PASSWORD = "correct horse battery"
#: What the page about a mapping sends.
MAPPING = {"mapping": "custify/1", "nested": "drop", "anonymous_fallback": "off", "page_views": "off"}
CUSTIFY = {"name": "custify", "api_key": "a-secret-api-key", "base_url": "http://127.0.0.1:9"}


@functools.cache
def portal() -> anyio.from_thread.BlockingPortal:
    """Return the one event loop of all dashboards, as a server has one: a loop and a thread for each request cost more than
    most pages do.
    """
    stack = contextlib.ExitStack()
    atexit.register(stack.close)
    return stack.enter_context(anyio.from_thread.start_blocking_portal())


class World:
    """A dashboard on a folder of its own, without a server."""

    def __init__(self, folder) -> None:
        self.folder, self.clock = folder, ManualClock()
        self.store = SqliteStore(folder, clock=self.clock)
        self.control = self.store.control
        # As argon2 is, but quick: what a hash costs is not what these tests are about.
        quick = PasswordHasher(time_cost=1, memory_cost=8, parallelism=1)
        self.access = Access(self.control, clock=self.clock, hasher=quick)
        self.environ = {"PENSTOCK_DATA_DIR": str(folder), "PENSTOCK_ADMIN_HOSTS": "testserver"}
        self.desk = Desk(
            revisions=self.control,
            vault=Vault(folder / "secret.key"),
            load=lambda document: load(None, self.environ, dashboard=document),
        )
        self.snapshots, self.trials = Snapshots(folder), []
        self.reader = StatusReader(
            settings=load(None, self.environ),
            shelf=self.store.shelf,
            ledger=self.store.ledger,
            snapshots=self.snapshots,
            clock=self.clock,
            version="0",
        )
        book = self.store.alerts
        sights = Sights(reader=self.reader, shelf=self.store.shelf, dead=self.store.dead)
        self.alarm = Alarm(
            sights, book, key=lambda: self.desk.vault.derived(b"mute"), dice=SeededDice(2), renew=book.renew
        )
        self.ledger_orders, self.begun = self.store.ledger_orders, self.store.begun
        asking = Requesting(
            Requests(folder, vault=self.desk.vault, clock=self.clock), SuppressedList(folder, self.desk.vault.derived)
        )
        searching = Searching(
            self.store.traces,
            self.store.ledger,
            lambda: self.reader.settings.destinations,
            lambda: self.reader.settings.placeholder_ids,
        )
        self.privacy = PrivacyDesk(asking, searching, self.store.shelf, Seal(folder))
        self.routes = all_routes(
            Parts(
                reader=self.reader,
                shelf=self.store.shelf,
                begun=self.begun,
                search=self.store.search,
                gauge=self.store.gauge,
                dead=self.store.dead,
                orders=self.store.orders,
                issues=self.store.issues,
                views=self.store.views,
                ledger=self.store.ledger,
                ledger_orders=self.ledger_orders,
                snapshots=self.snapshots,
                desk=self.desk,
                access=self.access,
                journal=self.control,
                alarm=self.alarm,
                try_connection=lambda *_: (True, "yes"),
                send_trial=self.send_trial,
                privacy=self.privacy,
            )
        )
        self.app = create_app(
            reader=self.reader,
            snapshots=self.snapshots,
            access=self.access,
            routes=self.routes,
            password="file-password",
        )

    def set_up(self) -> "Visitor":
        """Return an administrator who has added the source `web` and the destination `custify`, and connected them."""
        admin = self.visitor(Role.ADMIN)
        admin.post("/sources/new", name="web", type="web")
        admin.post("/destinations/new/custify", **CUSTIFY, **{"source:web": "on"})
        return admin

    def receive(self, *events: object, **shared: object) -> None:
        """Store events as ingest does; `shared` stands beside them in their batch."""

        async def store() -> None:
            log = self.store.log(disk_free_bytes_min=0, waiting_events_max=10**9)
            await log.open()
            origin = Arrival("web", int(self.clock.now() * 1000), "10.0.0.1")
            body = json.dumps(shared | {"batch": list(events)}).encode()
            await log.append([read_batch(body, origin=origin, dice=SeededDice(1))])
            await log.close()

        asyncio.run(store())

    def settle(
        self,
        outcome: Outcome = Outcome.DELIVERED,
        *,
        cause="",
        reason="",
        answer='{"id":"5e"}',
        looked_up=(),
        is_sent=True,
        limit=100,
        destination="custify",
        **ledger,
    ) -> None:
        """Let what is due end, as deliver does."""

        async def end() -> None:
            store = self.store.delivery()
            await store.open()
            backlog = store.backlog(destination, lambda: ["web"])
            call = {"at": self.clock.now(), "status": 200, "answer": answer, "duration_ms": 5}
            attempts = [Attempt(method="GET", path=path, **call) for path in looked_up]
            attempts += [Attempt(method="POST", path="/people", **call)] * is_sent
            while leases := await backlog.lease(limit=limit, lease_s=60):
                for lease in leases:
                    ending = Ending(lease=lease, outcome=outcome, cause=cause, reason=reason, attempts=attempts)
                    await backlog.settle(ending, **ledger)
            await store.close()

        asyncio.run(end())

    def client(self, address: str = "testclient", **more) -> TestClient:
        """Return whoever calls from an address."""
        base_url = more.pop("base_url", "http://testserver")
        client = TestClient(self.app, base_url=base_url, client=(address, 50_000), follow_redirects=False, **more)
        client.portal = portal()
        return client

    def masking(self, fields: str) -> Settings:
        """Return the settings with some fields masked for those who may not see what names a person."""
        return dataclasses.replace(self.desk.settings(), masked_fields=fields)

    def send_trial(self, source, listen):
        self.trials.append((source.name, listen))
        return True, "taken"

    def visitor(self, role: Role | None = None, *, address: str = "testclient") -> "Visitor":
        """Return a browser, signed in as somebody with this role."""
        visitor = Visitor(self.client(address))
        if role is not None:
            self.access.set_password(User(name=role.value, role=role), PASSWORD)
            visitor.sign_in(role.value)
        return visitor


class Visitor:
    """A browser that sends forms as our pages do."""

    def __init__(self, client: TestClient) -> None:
        self.client = client
        #: What forms carry, by the cookies it belongs to.
        self.csrf: dict[tuple, str] = {}

    def sign_in(self, name: str, password: str = PASSWORD):
        return self.client.post("/signin", data={"name": name, "password": password, "next": "/"})

    def get(self, path: str):
        return self.client.get(path)

    def change(self, page: str, **changed: str):
        """Send the form of a page about settings, changed in some fields."""
        action = f"{page}/settings"
        return self.post(action, **(form_of(self.get(page).text, action) | changed))

    def post(self, path: str, **fields: str):
        return self.client.post(path, data={"csrf": self.csrf_now(), **fields})

    def csrf_now(self) -> str:
        """Return what a page opened now has in its forms; a session has one and the same in all of them."""
        cookies = tuple((cookie.name, cookie.value) for cookie in self.client.cookies.jar)
        if not self.csrf.get(cookies):
            found = re.search(r'name="csrf" value="(\w+)"', self.client.get("/tokens").text)
            self.csrf[cookies] = found[1] if found else ""
        return self.csrf[cookies]


class _Forms(html.parser.HTMLParser):
    """What a browser would send of the form with an action."""

    def __init__(self, action: str) -> None:
        super().__init__()
        self.action, self.fields, self.is_inside = action, {}, False
        self.select = self.text = ""

    def handle_starttag(self, tag, attrs):
        given = dict(attrs)
        if tag == "form":
            self.is_inside = given.get("action") == self.action
        elif self.is_inside and tag == "input" and "disabled" not in given:
            if given.get("type") not in {"checkbox", "radio"} or "checked" in given:
                self.fields[given["name"]] = given.get("value", "on" if "checked" in given else "")
        elif self.is_inside and tag == "select":
            self.select = given["name"]
        elif self.is_inside and tag == "option" and (self.select not in self.fields or "selected" in given):
            self.fields[self.select] = given.get("value")
        elif self.is_inside and tag == "textarea":
            self.text, self.fields[given["name"]] = given["name"], ""

    def handle_data(self, data):
        if self.text:
            self.fields[self.text] += data
        elif self.select and self.fields.get(self.select, "") is None:
            self.fields[self.select] = data

    def handle_endtag(self, tag):
        if tag == "textarea":
            self.text = ""
        elif tag == "select":
            self.select = ""
        elif tag == "form":
            self.is_inside = False


def form_of(page: str, action: str) -> dict[str, str]:
    """Return what a browser would send of a page's form, as it is; without what says who sends it."""
    forms = _Forms(action)
    forms.feed(page)
    assert forms.fields, f"no form for {action}"
    return {name: value for name, value in forms.fields.items() if name != "csrf"}
