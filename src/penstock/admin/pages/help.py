"""What a word means, and what a setting does: where pages lead to that have room for one sentence alone."""

import dataclasses
import re
from typing import Any

import markupsafe
from starlette.responses import Response
from starlette.routing import Route

from penstock.admin.pages.web import Pages, Visit
from penstock.inspect.words import WORDS
from penstock.settings import Destination, Settings, Source

KINDS: dict[str, Any] = {"source": Source, "destination": Destination, "general": Settings}
CODE = re.compile(r"`([^`]+)`")


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Explained:
    """One setting: the place of it on the page, its name in a file, and all that is to be said."""

    at: str
    name: str
    meaning: markupsafe.Markup


class HelpPages:
    """Pages that explain the others."""

    def __init__(self, pages: Pages) -> None:
        self.pages = pages

    def routes(self) -> list[Route]:
        """Return all routes."""
        return [
            self.pages.show("/help", self.words, right="look"),
            self.pages.show("/help/settings", self.settings, right="look"),
        ]

    def words(self, visit: Visit) -> Response:
        """Explain the words of all pages."""
        return visit.page("help.html", words=WORDS)

    def settings(self, visit: Visit) -> Response:
        """Explain every setting of sources and destinations, as docs/settings.md does."""
        return visit.page("help_settings.html", kinds={kind: _explained(kind) for kind in KINDS})


def with_code(text: str) -> markupsafe.Markup:
    """Return a text of our own with what stands in backticks as code."""
    return markupsafe.Markup(CODE.sub(r"<code>\1</code>", str(markupsafe.escape(text))))  # noqa: S704 - escaped just before


def _explained(kind: str) -> list[Explained]:
    fields = [field for field in dataclasses.fields(KINDS[kind]) if "meaning" in field.metadata]
    return [
        Explained(at=f"{kind}-{field.name}", name=field.name, meaning=with_code(field.metadata["meaning"]))
        for field in fields
    ]
