"""What one visitor, or one caller of the API, is shown: by rights and settings. Ids have pseudonyms for those without.

A pseudonym is the id itself, encrypted so that the same id always gives the same text (AES-SIV, RFC 5297) under a key
made from the secret key: links with it work without anything being stored, and without the key it cannot be undone.
"""

import base64
import binascii
import re
from collections.abc import Callable

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESSIV

from penstock.event import Event, enriched
from penstock.inspect.masking import Mask, MaskRules
from penstock.settings import Settings
from penstock.settings.vault import Vault

PREFIX, SHORT_CHARS = "~", 11
SEALED_CHARS_MAX = 1_200
#: Where a deed or a note of a revision goes on to say which person it was about.
SUBJECT = re.compile(r"(: | to forget )(?!\(masked\)).*", re.DOTALL)


class Pseudonyms:
    """Turns ids into texts that say nothing, and back."""

    def __init__(self, vault: Vault) -> None:
        self.vault = vault
        self._cipher: AESSIV | None = None

    def short(self, id_: str) -> str:
        """Return what is shown for an id."""
        return self.link(id_)[:SHORT_CHARS]

    def link(self, id_: str) -> str:
        """Return what stands for an id in an address."""
        sealed = self.cipher.encrypt(id_.encode(errors="surrogatepass"), None) if id_ else b""
        return PREFIX + base64.urlsafe_b64encode(sealed).decode().rstrip("=")

    def opened(self, text: str) -> str:
        """Return the id that a text of `link` stands for; every other text is returned as it is."""
        if not text.startswith(PREFIX) or len(text) > SEALED_CHARS_MAX:
            return text
        given = text.removeprefix(PREFIX)
        try:
            sealed = base64.b64decode(given + "=" * (-len(given) % 4), b"-_", validate=True)
            return self.cipher.decrypt(sealed, None).decode(errors="surrogatepass")
        except (binascii.Error, InvalidTag, ValueError):
            return text

    @property
    def cipher(self) -> AESSIV:
        """The cipher; its key is read when it is needed first. Raises SettingsError."""
        if self._cipher is None:
            self._cipher = AESSIV(self.vault.derived(b"pseudonyms of ids"))
        return self._cipher


class Eyes:
    """What a viewer is shown. `may` says which rights they have."""

    def __init__(self, settings: Settings, may: Callable[[str], bool], pseudonyms: Pseudonyms) -> None:
        # An installation that masks nothing shows everything, as it always did.
        shows_all = not settings.masked_fields.strip()
        self.personal, self.ids = shows_all or may("personal"), shows_all or may("ids")
        self.keys = may("settings")
        self.pseudonyms = pseudonyms
        self.rules = MaskRules(
            personal=self.personal,
            pseudonym=None if self.ids else pseudonyms.short,
            masked=settings.masked_fields_cs if may("names") else settings.masked_fields,
            shown=f"{settings.shown_fields}, {settings.shown_fields_cs}" if may("names") else settings.shown_fields,
        )
        self.sentences = Mask(self.rules)

    def mask(self, event: Event) -> Mask:
        """Return what hides of one event what is not shown."""
        return Mask(self.rules, None if self.personal and self.ids else enriched(event))

    def text(self, text: str) -> str:
        """Return a sentence that belongs to no event as it may be shown."""
        return self.sentences.text(text)

    def name(self, name: str) -> str:
        """Return the name of a field as it may be shown."""
        return self.sentences.name(name)

    def person(self, id_: str) -> str:
        """Return an id of a person as it may be shown."""
        return id_ if self._shows("userId") else self.pseudonyms.short(id_) if id_ else ""

    def company(self, id_: str) -> str:
        """Return an id of a company as it may be shown."""
        return id_ if self._shows("groupId") else self.pseudonyms.short(id_) if id_ else ""

    def person_link(self, id_: str) -> str:
        """Return what stands for a person in an address."""
        return id_ if self._shows("userId") else self.pseudonyms.link(id_)

    def company_link(self, id_: str) -> str:
        """Return what stands for a company in an address."""
        return id_ if self._shows("groupId") else self.pseudonyms.link(id_)

    def message_link(self, shown: str, id_: str) -> str:
        """Return what stands for a message id in an address, given how it is shown."""
        return id_ if shown == id_ else self.pseudonyms.link(id_)

    def opened(self, text: str) -> str:
        """Return the id that an address means."""
        return self.pseudonyms.opened(text)

    def deed(self, what: str) -> str:
        """Return a deed as it may be shown: who it was about stands behind the colon."""
        what = what if self.ids else SUBJECT.sub(r"\1(masked)", what)
        return self.text(what)

    def _shows(self, name: str) -> bool:
        return not self.rules.takes_for_id(name)


class Sight:
    """Knows what everybody is shown, with the settings of now."""

    def __init__(self, settings: Callable[[], Settings], vault: Vault) -> None:
        self.settings, self.pseudonyms = settings, Pseudonyms(vault)

    def of(self, may: Callable[[str], bool]) -> Eyes:
        """Return what a viewer with these rights is shown."""
        return Eyes(self.settings(), may, self.pseudonyms)
