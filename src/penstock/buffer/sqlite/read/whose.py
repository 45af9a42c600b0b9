"""What delivery.db knows of people: whose events are; see rules/whose.py."""

from collections.abc import Sequence

import msgspec

from penstock.buffer.rules.lanes import EMAIL, USER, Tie
from penstock.buffer.rules.whose import belongs, kept_record
from penstock.buffer.sqlite.connections import SqliteConnection
from penstock.event import Lane

# Records of people that are gone through for those of one account; of more, the rest is not looked at.
RECORDS_MAX = 200_000
# Names of one person: a program that gives everybody one id must not make a page endless.
NAMES_MAX = 500
TIED = "SELECT person, several FROM tie WHERE destination = ? AND lane = ?"
# Named, for SQLite would go through the primary key in order to sort nothing.
TIED_TO = (
    "SELECT lane, several FROM tie INDEXED BY tie_person WHERE destination = ? AND person = ? ORDER BY lane LIMIT ?"
)
RECORD = "SELECT record FROM ledger WHERE destination = ? AND subject = ?"
# The text of a company's id is looked for before anything is decoded: a million records a second.
LINKED = """
SELECT subject, record FROM (
    SELECT subject, record FROM ledger WHERE destination = ?1 AND subject >= ?2 AND subject < ?3 LIMIT ?4
) WHERE instr(record, ?5)
"""


class SqliteAcquaintances:
    """What one destination knows; see rules.Acquaintances."""

    def __init__(self, delivery: SqliteConnection, destination: str) -> None:
        self.delivery, self.destination = delivery, destination

    def tied(self, lane: Lane) -> Tie | None:
        """Return the person that an e-mail address or a visitor was last seen with."""
        row = self.delivery.execute(TIED, [self.destination, lane]).fetchone()
        return (Lane(row[0]), bool(row[1])) if row else None

    def tied_to(self, person: Lane) -> Sequence[tuple[Lane, bool]]:
        """Return what was last seen with a person, each with whether it was seen with others too."""
        rows = self.delivery.execute(TIED_TO, [self.destination, person, NAMES_MAX])
        return [(Lane(lane), bool(several)) for lane, several in rows]

    def record(self, subject: str) -> bytes | None:
        """Return what the ledger keeps of a subject."""
        row = self.delivery.execute(RECORD, [self.destination, subject]).fetchone()
        return row[0] if row else None

    def people_of(self, company: str) -> Sequence[str]:
        """Return the subjects of the people who belong to a company."""
        return [
            subject
            for prefix in (EMAIL, USER)
            for subject, record in self.delivery.execute(
                LINKED, [self.destination, prefix, prefix[:-1] + ";", RECORDS_MAX, msgspec.json.encode(company)]
            )
            if belongs(kept_record(record), company)
        ]
