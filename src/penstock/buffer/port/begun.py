"""Which sources began at which destination: decided once, and kept when they are disconnected. operate's end."""

from collections.abc import Collection, Mapping
from typing import Protocol


class BegunSources(Protocol):
    """Look, never change."""

    def begun(self) -> Mapping[str, Collection[str]]:
        """Return by destination the sources that began there, also of destinations that are gone."""
