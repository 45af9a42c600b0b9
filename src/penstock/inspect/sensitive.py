"""What names a person, by the name of its field or by how it looks. Pure.

The names are what SDKs, CRMs and forms call such fields; the looks are those of the values themselves, wherever they
stand. Neither can be complete, so texts are shown by an allow-list of names (settings: `shown_fields`) and these only
take away from it.
"""

import fnmatch
import functools
import re

MASK = "(masked)"
#: A text of more letters is prose, not a word out of a list.
LONG_CHARS = 80
NAME_CHARS_MAX = 200
# What is looked through at most; the rest is not shown.
TEXT_CHARS_MAX = 4_000
#: Names of fields, without case and punctuation; `*` stands for anything.
PERSONAL = (
    "*mail*, *phone*, *mobile*, *telefon*, *fax*, *whatsapp*, *skype*, *firstname*, *lastname*, *middlename*,"
    " *fullname*, *surname*, *familyname*, *givenname*, *nickname*, *username*, *displayname*, *maidenname*, login,"
    " handle, *address*, *street*, city, *hometown*, *zip*, *postal*, *postcode*, *birth*, dob, age, *gender*, sex, *religio*,"
    " *ethnic*, *nationality*, *ssn*, *socialsecurity*, *nationalid*, *personalid*, *passport*, *licencenumber*, *licensenumber*,"
    " *taxid*, *taxnumber*, vat*, *iban*, *swift*, *accountnumber*, *creditcard*, *cardnumber*, *cvc*, *cvv*, *bank*,"
    " *salary*, *income*, *password*, passwd, pwd, *passphrase*, *secret*, *token*, *apikey*, *credential*, *cookie*,"
    " *signature*, ip, *ipaddress*, *requestip*, *clientip*, lat, lng, lon, *latitude*, *longitude*, *geo*, *location*,"
    " *avatar*, *photo*, *picture*, *fingerprint*, *useragent*, *comment*, note, notes, message, messages, *messagetext*, *description*, bio"
)
ID_NAME = re.compile(r".*[a-z0-9](?:Id|ID)s?|(?i:(?:.*[_\-. ])?ids?)")
ID_WORDS = frozenset(
    {"id", "userid", "anonymousid", "groupid", "previousid", "companyid", "accountid", "customerid", "organizationid",
     "memberid", "employeeid", "externalid", "deviceid", "advertisingid", "rudderid", "sessionid", "deduplicationid"}
)  # fmt: skip
_UUID = r"(?<![0-9a-fA-F])[0-9a-fA-F]{8}-(?:[0-9a-fA-F]{4}-){3}[0-9a-fA-F]{12}(?![0-9a-fA-F])"
_MOMENT = (
    r"(?<!\d)\d{4}-\d{2}-\d{2}(?:[T ]\d{2}:\d{2}(?::\d{2}(?:[.,]\d{1,9})?)?(?:Z| ?UTC|[+-]\d{2}:?\d{2})?)?(?![\d-])"
)
_LOOKS = (
    r"[^\s@<>\"'(),;=?&/]{1,64}(?:@|%40)[^\s@<>\"'(),;=?&/]{1,255}",  # e-mail, and user:password@host
    r"(?<=\S)[?#][^\s\"'<>]*[=%][^\s\"'<>]*",  # the query of a URL
    r"(?<![\d.])\d{1,3}(?:\.\d{1,3}){3}(?![\d.]\d)",  # IPv4
    r"(?<![\w:])(?:[0-9a-fA-F]{0,4}:){3,7}[0-9a-fA-F]{0,4}(?![\w:])",  # IPv6
    r"(?<![A-Za-z0-9])[A-Z]{2}\d{2}(?: ?[A-Z0-9]{4}){2,7}(?: ?[A-Z0-9]{1,4})?(?![A-Za-z0-9])",  # IBAN
    r"\+?\(?\d(?:[ ()./\-]{0,2}\d){6,}",  # phone, card, social security: seven digits and more
    r"eyJ[\w-]{8,}\.[\w-]+\.[\w-]*",  # JSON web token
    r"(?<![A-Za-z0-9])(?:sk|pk|rk|xox[abp]|gh[pousr]|AKIA|Bearer )[-_]?[A-Za-z0-9_\-]{12,}",  # keys
)
_SEEN = re.compile(f"(?P<kept>{_UUID}|{_MOMENT})|(?:{'|'.join(_LOOKS)})")
_IS_MOMENT = re.compile(_MOMENT)
TOKEN = re.compile(r"[A-Za-z0-9_.:\-]{1,64}")
# Seconds and milliseconds since 1970, from 2001 on: numbers that are no phone numbers.
EPOCHS = ((1_000_000_000, 2_000_000_000), (1_000_000_000_000, 2_000_000_000_000))
NUMBER_MIN = 100_000_000


def plain(name: str) -> str:
    """Return a name without case and punctuation."""
    return "".join(char for char in name[:NAME_CHARS_MAX].lower() if char.isalnum())


class _Patterns:
    """A list of names, sorted by how they are compared: an event can have sixty thousand."""

    def __init__(self, names: str) -> None:
        each = ("".join(char for char in name.lower() if char.isalnum() or char == "*") for name in names.split(","))
        known = [name for name in each if name]
        self.exact = {name for name in known if "*" not in name}
        self.parts = [name.strip("*") for name in known if name[:1] == name[-1:] == "*" and "*" not in name.strip("*")]
        self.others = [name for name in known if "*" in name and name.strip("*") not in self.parts]

    def match(self, name: str) -> bool:
        return (
            name in self.exact
            or any(part in name for part in self.parts)
            or any(fnmatch.fnmatchcase(name, other) for other in self.others)
        )


@functools.lru_cache(maxsize=64)
def _patterns(names: str) -> _Patterns:
    return _Patterns(names)


def is_among(name: str, names: str) -> bool:
    """Return whether a field's name is one of a list, `*` standing for anything, however it is spelt."""
    return _patterns(names).match(plain(name))


def is_personal(name: str) -> bool:
    """Return whether a field of this name says something of a person."""
    return is_among(name, PERSONAL)


def is_id(name: str) -> bool:
    """Return whether a field of this name holds an id."""
    return plain(name) in ID_WORDS or bool(ID_NAME.fullmatch(name[-NAME_CHARS_MAX:]))


def is_moment(text: str) -> bool:
    """Return whether a text is a date, with or without a time."""
    return len(text) <= 40 and bool(_IS_MOMENT.fullmatch(text.strip()))


def redacted(text: str) -> str:
    """Return a text without what looks personal: e-mail, phone, card or account number, IP, query, key."""
    rest = MASK if len(text) > TEXT_CHARS_MAX else ""
    return _SEEN.sub(lambda found: found[0] if found["kept"] else MASK, text[:TEXT_CHARS_MAX]) + rest


def looks_personal(text: str) -> bool:
    """Return whether anything in a text looks personal."""
    return len(text) > TEXT_CHARS_MAX or redacted(text) != text


def is_number_of_somebody(number: float) -> bool:
    """Return whether a number is so long that it is an account's, a phone's or an office's, and no moment."""
    return abs(number) >= NUMBER_MIN and not any(low <= number < high for low, high in EPOCHS)
