"""What an operator chooses: penstock.toml, the environment and the dashboard in, frozen Settings out.

Every scalar setting has exactly one environment twin, PENSTOCK_ and its name in capitals; the environment wins.
`${VAR}` and `${file:path}` in any text are resolved. Unknown keys are errors, with a suggestion.
"""

from penstock.settings.channel import ALERT_RULES, AlertChannel
from penstock.settings.check import host_and_port
from penstock.settings.follow import Consent, Following, digest_of, file_at_start
from penstock.settings.load import File, data_dir_of, load, read_table, settings_of
from penstock.settings.renames import NEW, account_of, meaning_of, refuse_unsaid
from penstock.settings.source import Source, Switch
from penstock.settings.table import SCALARS, Connection, Destination, Policy, Settings

__all__ = [
    "ALERT_RULES",
    "NEW",
    "SCALARS",
    "AlertChannel",
    "Connection",
    "Consent",
    "Destination",
    "File",
    "Following",
    "Policy",
    "Settings",
    "Source",
    "Switch",
    "account_of",
    "data_dir_of",
    "digest_of",
    "file_at_start",
    "host_and_port",
    "load",
    "meaning_of",
    "read_table",
    "refuse_unsaid",
    "settings_of",
]
