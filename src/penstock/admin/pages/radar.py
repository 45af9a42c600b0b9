"""The radar: people that Custify may take for one by mistake, before CS finds two customers in one."""

from starlette.responses import Response
from starlette.routing import Route

from penstock.admin.pages.rows import destination_of
from penstock.admin.pages.web import Pages, Visit
from penstock.buffer.port.ledger import LedgerShelf, Merge
from penstock.inspect.eyes import Eyes
from penstock.inspect.parts import WORD_CHARS, cut
from penstock.inspect.status import StatusReader

#: What each kind means, and what to do.
KINDS = {
    "email": (
        "One e-mail, several ids",
        "Custify may find a person by e-mail: what is sent for one id may reach the other.",
    ),
    "emails": (
        "One id, several e-mails",
        "A person changed their address, or an application uses one id for several people.",
    ),
    "case": ("Ids that differ in case or spaces alone", "Custify may see one person or two. Send ids in one form."),
    "devices": ("One id on very many devices", "A shared sign-in, or an id that a program writes for everybody."),
}


class RadarPages:
    """One page a destination."""

    def __init__(self, pages: Pages, *, reader: StatusReader, ledger: LedgerShelf) -> None:
        self.pages, self.reader, self.ledger = pages, reader, ledger

    def routes(self) -> list[Route]:
        """Return all routes."""
        return [self.pages.show("/people/merges", self.merges, right="people")]

    def merges(self, visit: Visit) -> Response:
        """Show who may be taken for one."""
        destination = destination_of(visit, self.reader.settings)
        merges = self.ledger.merges(destination) if destination else None
        found = merges.found if merges else ()
        shown = [(*KINDS[kind], [_shown(m, visit.eyes) for m in found if m.kind == kind]) for kind in KINDS]
        return visit.page(
            "radar.html",
            destination=destination,
            destinations=list(self.reader.settings.destinations),
            kinds=[kind for kind in shown if kind[2]],
            is_all=merges is None or merges.is_all,
        )


def _shown(merge: Merge, eyes: Eyes) -> tuple[str, str, int]:
    """Return what they have in common, who they are, and how many, as they may be shown."""
    others = ", ".join(cut(eyes.person(other), WORD_CHARS) for other in merge.others)
    return cut(eyes.person(merge.name), WORD_CHARS), others, merge.count
