"""A destination gets another name, or people say whether one was called otherwise: one step, and nothing is sent again."""

from starlette.responses import Response
from starlette.routing import Route

from penstock.admin.pages.editing import NAME, Editing, own
from penstock.admin.pages.web import Form, Visit, redirect
from penstock.errors import SettingsError
from penstock.settings import NEW
from penstock.settings.forms import FormFields
from penstock.settings.revisions import Document


class NamesPages:
    """The forms about names on a destination's page."""

    def __init__(self, editing: Editing) -> None:
        self.editing = editing

    def routes(self) -> list[Route]:
        """Return all routes."""
        act = self.editing.pages.act
        return [
            act("/destinations/{name}/rename", self.rename, right="settings", fields=FormFields(needed=("name",))),
            act("/destinations/{name}/was", self.was, right="settings", fields=FormFields(needed=("old",))),
        ]

    def rename(self, visit: Visit, form: Form) -> Response:
        """Give a destination another name; its connections, backlog, history and ledger go with it."""
        old, new = visit.request.path_params["name"], form["name"]
        taken = self.editing.desk.settings().destinations
        if not NAME.fullmatch(new) or new in taken or new in {"new", NEW}:
            expected = "a name that is not taken: letters, digits, spaces, . _ -, at most 63"
            raise SettingsError("name", expected=expected, got=new[:100])
        self.editing.change(
            visit, form, f"destination {old} renamed to {new}", lambda document: renamed(document, old, new)
        )
        return redirect(f"/destinations/{new}", said=f"{old} is called {new} now; it goes on where it was")

    def was(self, visit: Visit, form: Form) -> Response:
        """Say what a destination was called before, or that it is a new one."""
        name, old = visit.request.path_params["name"], form["old"]

        def edit(document: Document) -> None:
            own(document, "destinations", name)["renamed_from"] = [old]

        note = f"destination {name} {'is a new one' if old == NEW else f'was called {old}'}"
        self.editing.change(visit, form, note, edit)
        return redirect(f"/destinations/{name}", said=note)


def renamed(document: Document, old: str, new: str) -> None:
    """Change a destination's name in a document, where it stood. Raises SettingsError."""
    block = own(document, "destinations", old)
    before = [name for name in block.get("renamed_from", ()) if name not in {new, NEW}]
    block["renamed_from"] = [old, *before]
    document["destinations"] = {new if name == old else name: each for name, each in document["destinations"].items()}
    for connection in document["connections"]:
        connection["to"] = new if connection["to"] == old else connection["to"]
