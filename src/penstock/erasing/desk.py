"""All that a door needs to ask about people, to look, and to hand out receipts."""

import dataclasses
import json
from typing import Any

from penstock.buffer.port.shelf import Shelf
from penstock.erasing.asking import Persons, Requesting
from penstock.erasing.searching import Searching
from penstock.erasing.showing import Preview, export, preview
from penstock.errors import BufferUnavailable
from penstock.privacy.receipt import Seal
from penstock.privacy.requests import PrivacyRequest


@dataclasses.dataclass(frozen=True, slots=True)
class PrivacyDesk:
    """What the dashboard and the admin API have of it."""

    asking: Requesting
    searching: Searching
    shelf: Shelf
    seal: Seal

    def requests(self) -> list[PrivacyRequest]:
        """Return all requests, the newest first. Raises BufferUnavailable, SettingsError."""
        try:
            return list(self.asking.requests.all())
        except OSError as error:
            raise BufferUnavailable(f"requests cannot be read now: {error.strerror}") from error

    def receipt(self, number: str) -> dict[str, Any] | None:
        """Return a signed receipt; None while there is none. Raises BufferUnavailable, SettingsError."""
        request = self.asking.requests.find(number)
        if request is None or request.action != "erase" or request.state not in {"done", "released"}:
            return None
        try:
            document: dict[str, Any] = json.loads(self.asking.requests.receipt_of(request.number).read_bytes())
        except (OSError, ValueError) as error:
            raise BufferUnavailable(f"the receipt cannot be read now: {error}") from error
        return document

    def preview(self, names: Persons) -> Preview:
        """Return what an erasure would take. Takes seconds. Raises BufferUnavailable, StoreDamaged."""
        return preview(self.searching, names, sorted(self.searching.destinations()))

    def export(self, names: Persons) -> dict[str, Any]:
        """Return all that is held about a person. Takes seconds. Raises BufferUnavailable, StoreDamaged."""
        self.asking.people.look()
        now = self.asking.requests.clock.now()
        return export(self.searching, self.shelf, self.asking.people, names, now=now)
