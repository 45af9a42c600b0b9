"""What an operator chooses: penstock.toml, the environment and the dashboard in, frozen Settings out.

Every scalar setting has exactly one environment twin, PENSTOCK_ and its name in capitals; the environment wins.
`${VAR}` and `${file:path}` in any text are resolved. Unknown keys are errors, with a suggestion.
"""

from penstock.settings.check import check, host_and_port
from penstock.settings.load import load, read_table
from penstock.settings.table import SCALARS, Connection, Destination, Policy, Settings, Source, Switch

__all__ = [
    "SCALARS",
    "Connection",
    "Destination",
    "Policy",
    "Settings",
    "Source",
    "Switch",
    "check",
    "host_and_port",
    "load",
    "read_table",
]
