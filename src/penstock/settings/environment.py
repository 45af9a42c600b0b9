"""The environment's part of the settings: one variable for each scalar, and nothing that only looks like one."""

import re
import typing
from collections.abc import Iterator, Mapping

from penstock.errors import SettingsError
from penstock.settings.mistakes import Mistakes
from penstock.settings.table import ENVIRONMENT, Settings
from penstock.settings.text import typed, unknown

PREFIX = "PENSTOCK_"
# Read by the command line, before there are settings.
OF_THE_COMMAND_LINE = {"PENSTOCK_CONFIG"}
# What Kubernetes tells every container of a Service whose name begins with ours; it is not a setting.
OF_A_SERVICE = re.compile(
    r"PENSTOCK_(\w+_)?(SERVICE_HOST|SERVICE_PORT(_\w+)?|PORT_\d+_(TCP|UDP|SCTP)(_(PROTO|PORT|ADDR))?)"
)
ADDRESS_OF_A_SERVICE = re.compile(r"(tcp|udp|sctp)://.+")


def from_environment(environ: Mapping[str, str], mistakes: Mistakes) -> dict[str, typing.Any]:
    """Return what is set there, by the name of its setting."""
    hints = typing.get_type_hints(Settings)
    values: dict[str, typing.Any] = {}
    for key, text in environ.items():
        if key in ENVIRONMENT:
            with mistakes.kept():
                values[ENVIRONMENT[key].name] = typed(key, hints[ENVIRONMENT[key].name], text, from_text=True)
    return values


def strangers(environ: Mapping[str, str], *, named: frozenset[str]) -> Iterator[SettingsError]:
    """Yield an error for each variable that looks like one of ours and is none; those a file names are its own."""
    known = ENVIRONMENT.keys() | OF_THE_COMMAND_LINE
    for key in sorted(environ):
        if key.startswith(PREFIX) and key not in known | named and not _is_of_a_service(key, environ[key]):
            yield unknown(key, key, known)


def _is_of_a_service(key: str, value: str) -> bool:
    return bool(OF_A_SERVICE.fullmatch(key) or (key.endswith("_PORT") and ADDRESS_OF_A_SERVICE.fullmatch(value)))
