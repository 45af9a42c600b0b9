"""What is known and asked about people, carried between the nodes of a cluster by a stream of its own.

Lines of the list of who is suppressed or was erased go to every node, whose door then knows them. What the owner of delivery.db
is asked to remove, wherever it was asked, is brought to every node, sealed with the secret key that they share; who owns the file
does it, says so, and it is taken out of the stream.
"""

import hashlib
from collections.abc import Sequence
from typing import Literal

import msgspec

from penstock.errors import SettingsError
from penstock.privacy.errands import Errands
from penstock.privacy.suppressed import SuppressedList, Suppression, read_list
from penstock.witness.port import Span, StreamEntry, Witness

STREAM = "PRIVACY"
#: Who owns the one file that only one node may change.
OWNER = "deliver"
# Between the number of a request and the folder in which it was made.
OF = "x"

ErrandId = tuple[str, str, str]


class PrivacyEntry(msgspec.Struct, frozen=True, kw_only=True, array_like=True):
    """What one node says to all."""

    what: Literal["lines", "errand", "done"]
    #: Tells the secret key of who says it: with another one, no person on the list would be known.
    key: str
    lines: Sequence[Suppression] = ()
    #: In which folder it was asked, the number of the request there, and what tells this errand from a later one of it.
    errand: ErrandId = ("", "", "")
    sealed: str = ""


class Courier:
    """The one of a node; for once a second, and whenever something comes."""

    def __init__(self, witness: Witness, people: SuppressedList, errands: Errands, *, folder: str) -> None:
        """`folder` is the identity of the node's data folder."""
        self.witness, self.people, self.errands, self.folder = witness, people, errands, folder
        #: How far the stream was read; it is short, and read from its beginning after a start.
        self.number = -1
        #: Every line that was said; errands that are not done, each sealed and with its number; and those that are.
        self.lines = set[Suppression]()
        self.open, self.done = dict[ErrandId, tuple[str, int]](), set[ErrandId]()
        #: Errands of other nodes whose files were put here; a file that is not there any more was done. After a start it is put once more.
        self.brought = set[ErrandId]()

    async def step(self, *, wait_s: float = 0.0) -> int:
        """Take in what others said, waiting for it, and say what is new here; return how much came.

        Raises WitnessUnreachable, SettingsError for another secret key, OSError.
        """
        came = await self._listen(wait_s)
        self._bring()
        await self._tell()
        return came

    async def _listen(self, wait_s: float) -> int:
        if self.number < 0:
            self.number = (await self.witness.span(STREAM)).pruned
        found = await self.witness.read(STREAM, after=self.number, wait_s=wait_s)
        if isinstance(found, Span):
            # The list is said again in what follows; errands went because they were done.
            ended = [errand for errand, (_, number) in self.open.items() if number <= found.pruned]
            self.done.update(ended)
            self.open = {errand: each for errand, each in self.open.items() if errand not in ended}
            self.number = found.pruned
            found = await self.witness.read(STREAM, after=self.number)
        if isinstance(found, Span):
            return 0
        for entry in found:
            self._learn(entry)
        return len(found)

    def _learn(self, entry: StreamEntry) -> None:
        said = msgspec.msgpack.decode(entry.message, type=PrivacyEntry)
        self.number = entry.number
        if said.key != self.people.mark():
            hint = "all nodes have the same secret key: bring it here from where it is kept"
            raise SettingsError("secret_key_file", expected="the key of the other nodes", got="another key", hint=hint)
        if said.what == "lines":
            self.lines.update(said.lines)
        elif said.what == "errand":
            self.open[said.errand] = said.sealed, entry.number
            self.done.discard(said.errand)
        else:
            self.open.pop(said.errand, None)
            self.done.add(said.errand)

    def _bring(self) -> None:
        """Let this node's files say what the stream says."""
        if self.lines.difference(self._own_lines()):
            self.people.merge(self.lines)
        here = self.errands.sealed(OWNER)
        self.brought.update(self._id_of(number, sealed) for number, sealed in here.items())
        for number, sealed in here.items():
            if self._id_of(number, sealed) in self.done:
                self.errands.done(OWNER, number)
        for errand, (sealed, _) in self.open.items():
            if errand[0] != self.folder and errand not in self.brought and self._number_of(errand) not in here:
                self.errands.bring(OWNER, self._number_of(errand), sealed)
                self.brought.add(errand)

    async def _tell(self) -> None:
        """Say what stands in this node's files, and was not said."""
        if new := self._own_lines() - self.lines:
            await self._say("lines", lines=sorted(new, key=lambda each: each.at))
            self.lines |= new
        here = {self._id_of(number, sealed): sealed for number, sealed in self.errands.sealed(OWNER).items()}
        for errand, sealed in here.items():
            if errand[0] == self.folder and errand not in self.open and errand not in self.done:
                self.open[errand] = sealed, await self._say("errand", errand=errand, sealed=sealed)
        was_here = [each for each in self.open if each[0] == self.folder or each in self.brought]
        for errand in [each for each in was_here if each not in here]:
            await self._say("done", errand=errand)
            del self.open[errand]
            self.done.add(errand)
            await self._forget()

    async def _forget(self) -> None:
        """Let the stream keep nothing of errands, if none is open: the list is said anew, and what came before it goes."""
        if self.open:
            return
        number = await self._say("lines", lines=sorted(self.lines, key=lambda each: each.at))
        while self.number < number:
            await self._listen(0.0)
        # Somebody may have asked for something before that.
        if not self.open:
            await self.witness.prune(STREAM, through=number - 1)

    async def _say(
        self,
        what: Literal["lines", "errand", "done"],
        *,
        lines: Sequence[Suppression] = (),
        errand: ErrandId = ("", "", ""),
        sealed: str = "",
    ) -> int:
        entry = PrivacyEntry(what=what, key=self.people.mark(), lines=lines, errand=errand, sealed=sealed)
        said = msgspec.msgpack.encode(entry)
        digest = hashlib.blake2b(said, digest_size=16).hexdigest()
        # Said twice it does no harm, whichever node is first.
        number = await self.witness.append(STREAM, said, expected=None, id=f"{self.folder}-{self.number}-{digest}")
        assert isinstance(number, int)
        return number

    def _own_lines(self) -> set[Suppression]:
        return set(read_list(self.people.path)) if self.people.path.exists() else set()

    def _id_of(self, number: str, sealed: str) -> ErrandId:
        own, _, folder = number.partition(OF)
        return folder or self.folder, own, hashlib.blake2b(sealed.encode(), digest_size=8).hexdigest()

    @staticmethod
    def _number_of(errand: ErrandId) -> str:
        return f"{errand[1]}{OF}{errand[0]}"
