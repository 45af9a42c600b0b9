"""A dashboard without a server: the whole application over a folder, and browsers that send forms as our pages do."""

import asyncio
import atexit
import contextlib
import dataclasses
import functools
import json
import re

import anyio.from_thread
from argon2 import PasswordHasher
from starlette.testclient import TestClient

from penstock.accept.one_by_one import read_batch
from penstock.accept.sdk_request import Origin
from penstock.buffer.control_port import Role, User
from penstock.buffer.port import Attempt, Ending, Outcome
from penstock.buffer.sqlite_control import SqliteControl
from penstock.buffer.sqlite_dead import SqliteDeadLetters
from penstock.buffer.sqlite_delivery import DeliveryStore
from penstock.buffer.sqlite_gauge import SqliteGauge
from penstock.buffer.sqlite_ledger import SqliteLedgerShelf
from penstock.buffer.sqlite_log import SqliteLog
from penstock.buffer.sqlite_orders import SqliteLedgerOrders, SqliteOrders
from penstock.buffer.sqlite_search import SqliteSearch
from penstock.buffer.sqlite_shelf import SqliteShelf
from penstock.clock import ManualClock, SeededDice
from penstock.operate.access import Access
from penstock.operate.app import create_app
from penstock.operate.desk import Desk
from penstock.operate.routes import Parts, all_routes
from penstock.operate.snapshot import Snapshots
from penstock.operate.status import StatusReader
from penstock.settings import Settings, load
from penstock.vault import Vault

PASSWORD = "correct horse battery"
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
        self.control = SqliteControl(folder, clock=self.clock)
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
            shelf=SqliteShelf(folder),
            ledger=SqliteLedgerShelf(folder),
            snapshots=self.snapshots,
            clock=self.clock,
            version="0",
        )
        self.ledger_orders = SqliteLedgerOrders(folder, clock=self.clock)
        self.routes = all_routes(
            Parts(
                reader=self.reader,
                shelf=SqliteShelf(folder),
                search=SqliteSearch(folder),
                gauge=SqliteGauge(folder),
                dead=SqliteDeadLetters(folder),
                orders=SqliteOrders(folder, clock=self.clock),
                ledger=SqliteLedgerShelf(folder),
                ledger_orders=self.ledger_orders,
                snapshots=self.snapshots,
                desk=self.desk,
                access=self.access,
                journal=self.control,
                try_connection=lambda *_: (True, "yes"),
                send_trial=self.send_trial,
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
            log = SqliteLog(self.folder, clock=self.clock, disk_free_bytes_min=0, waiting_events_max=10**9)
            await log.open()
            origin = Origin("web", int(self.clock.now() * 1000), "10.0.0.1")
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
        limit=100,
        **ledger,
    ) -> None:
        """Let what is due end, as deliver does."""

        async def end() -> None:
            store = DeliveryStore(self.folder, clock=self.clock)
            await store.open()
            backlog = store.backlog("custify", lambda: ["web"])
            call = {"at": self.clock.now(), "status": 200, "answer": answer, "duration_ms": 5}
            attempts = [Attempt(method="GET", path=path, **call) for path in looked_up]
            attempts.append(Attempt(method="POST", path="/people", **call))
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

    def post(self, path: str, **fields: str):
        return self.client.post(path, data={"csrf": self.csrf_now(), **fields})

    def csrf_now(self) -> str:
        """Return what a page opened now has in its forms; a session has one and the same in all of them."""
        cookies = tuple((cookie.name, cookie.value) for cookie in self.client.cookies.jar)
        if not self.csrf.get(cookies):
            found = re.search(r'name="csrf" value="(\w+)"', self.client.get("/tokens").text)
            self.csrf[cookies] = found[1] if found else ""
        return self.csrf[cookies]
