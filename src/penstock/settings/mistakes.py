"""All that is wrong with settings, found in one go: to mend a file, one wants to hear of everything at once."""

import contextlib
from collections.abc import Iterable, Iterator

from penstock.errors import SettingsError


class Mistakes:
    """What was found so far, in the order of the file; of one setting, the first mistake alone."""

    def __init__(self) -> None:
        self.found: dict[str, SettingsError] = {}

    @contextlib.contextmanager
    def kept(self) -> Iterator[None]:
        """Go on behind the block with whatever was wrong in it."""
        try:
            yield
        except SettingsError as error:
            self.add([error])

    def add(self, errors: Iterable[SettingsError]) -> None:
        """Keep mistakes; what is said twice of one setting follows from what was said first."""
        with self.kept():  # a check may also stop at its first
            for error in errors:
                self.found.setdefault(error.name, error)

    def end(self) -> None:
        """Raise the first, which knows the others, if there are any."""
        if self.found:
            first, *others = self.found.values()
            first.others = tuple(others)
            raise first
