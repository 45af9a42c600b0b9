"""Decisions about problems go with a destination that gets another name: they are kept under the name of then."""

import dataclasses
from collections.abc import Callable, Mapping

from penstock.buffer.port.issues import Issue, Issues
from penstock.settings import Settings


class IssuesByName:
    """What people decided, by the names of now; see port/issues.py."""

    def __init__(self, issues: Issues, settings: Callable[[], Settings]) -> None:
        self.issues, self.settings = issues, settings

    def decided(self) -> Mapping[tuple[str, str], Issue]:
        """Return the decisions by destination and cause; of one decided on again, the last."""
        known, settings = dict(self.issues.decided()), self.settings()
        names = {old: name_of_now(settings, old) for old, _ in known}
        moved = {
            (name, cause): dataclasses.replace(issue, destination=name)
            for (old, cause), issue in known.items()
            if (name := names[old])
        }
        return moved | known

    def decide(self, issue: Issue) -> None:
        """Keep a decision in the place of the one before."""
        self.issues.decide(issue)


def name_of_now(settings: Settings, old: str) -> str:
    """Return how a destination is called that had a name before; empty for a name that is in use, or that none had."""
    if old in settings.destinations:
        return ""
    return next((name for name, each in settings.destinations.items() if old in each.renamed_from), "")
