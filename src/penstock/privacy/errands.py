"""What the owner of a file is asked to remove: a sealed file for each request and owner, which goes when it is done.

Files, not rows: accept and deliver write no file but their own, and what names people does not outlive the errand.
"""

import contextlib
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path
from typing import TypeVar

import msgspec

from penstock.errors import SettingsError
from penstock.privacy.requests import FOLDER, write_file
from penstock.settings.vault import Vault

Work = TypeVar("Work")
ENDING = ".errand"


class Errands:
    """The errands of one data folder. The owner looks each second: without any, that costs one look for a folder."""

    def __init__(self, data_dir: Path, *, vault: Vault) -> None:
        self.folder, self.vault = data_dir / FOLDER / "errands", vault

    def give(self, owner: str, number: str, work: object) -> None:
        """Ask an owner for something. Raises SettingsError, OSError."""
        self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        write_file(self._path(owner, number), self.vault.seal(msgspec.json.encode(work).decode()).encode())

    def is_given(self, owner: str, number: str) -> bool:
        """Return whether an errand is not done yet."""
        return self._path(owner, number).exists()

    def given(self, owner: str, type_: type[Work]) -> Iterator[tuple[str, Work]]:
        """Yield what an owner is asked for, with the number of each request. Raises SettingsError, OSError."""
        if not self.folder.exists():
            return
        for path in sorted(self.folder.glob(f"{owner}-*{ENDING}")):
            try:
                text = self.vault.open(path.read_text(encoding="ascii"))
            except FileNotFoundError:
                continue
            yield path.name.removeprefix(f"{owner}-").removesuffix(ENDING), msgspec.json.decode(text, type=type_)

    def sealed(self, owner: str) -> dict[str, str]:
        """Return what an owner is asked for, sealed, by the number of each request. Raises OSError."""
        found = {}
        for path in sorted(self.folder.glob(f"{owner}-*{ENDING}")) if self.folder.exists() else ():
            with contextlib.suppress(FileNotFoundError):
                found[path.name.removeprefix(f"{owner}-").removesuffix(ENDING)] = path.read_text(encoding="ascii")
        return found

    def bring(self, owner: str, number: str, sealed: str) -> None:
        """Ask an owner for what was asked for at another node, which has the same secret key. Raises SettingsError, OSError."""
        self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        write_file(self._path(owner, number), sealed.encode())

    def reseal(self) -> int:
        """Seal errands with the key in use; return how many that were. Done twice, one does no harm. Raises SettingsError, OSError."""
        count = 0
        for path in sorted(self.folder.glob(f"*{ENDING}")):
            with contextlib.suppress(FileNotFoundError):
                text = path.read_text(encoding="ascii")
                if (resealed := self.vault.renewed(text)) != text:
                    write_file(path, resealed.encode())
                    count += 1
        return count

    def done(self, owner: str, number: str) -> None:
        """Take an errand away. Raises OSError."""
        self._path(owner, number).unlink(missing_ok=True)

    def _path(self, owner: str, number: str) -> Path:
        if not number.isalnum():
            raise SettingsError("request", expected="a number", got=number)
        return self.folder / f"{owner}-{number}{ENDING}"


async def follow(errands: Errands, owner: str, type_: type[Work], do: Callable[[Work], Awaitable[bool]]) -> int:
    """Do what an owner is asked for; what is not done as a whole is done again at the next look. Returns 0: it can wait."""
    for number, work in errands.given(owner, type_):
        if await do(work):
            errands.done(owner, number)
    return 0
