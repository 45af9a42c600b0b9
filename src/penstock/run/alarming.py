"""The alarm, put together beside run/wiring.py: for the process that tells people, and for a command that asks once."""

from typing import TYPE_CHECKING

from penstock.clock import SystemDice
from penstock.run.opening import open_alert_book, open_dead_letters, open_shelf, open_vault
from penstock.settings import Settings

if TYPE_CHECKING:
    from penstock.alerts.alarm import Alarm
    from penstock.inspect.status import StatusReader

MUTE_LINKS = b"links that mute an alert"


def open_alarm(settings: Settings, reader: "StatusReader") -> "Alarm":
    """Return the alarm of a data folder; it follows the settings of `reader`."""
    from penstock.alerts.alarm import Alarm, Sights

    book, vault = open_alert_book(settings), open_vault(settings)
    sights = Sights(reader=reader, shelf=open_shelf(settings), dead=open_dead_letters(settings))
    return Alarm(sights, book, key=lambda: vault.derived(MUTE_LINKS), dice=SystemDice(), renew=book.renew)
