"""What every kind of destination does: the package of each folder that kinds.py names."""

import importlib
from collections.abc import Mapping
from typing import Any

from penstock.destinations.kinds import KINDS
from penstock.destinations.options import Options
from penstock.destinations.plan import Meaning
from penstock.destinations.port import Package
from penstock.settings import Destination

PACKAGES: Mapping[str, Package[Any]] = {
    name: importlib.import_module(f"penstock.destinations.{name}.package").PACKAGE for name in KINDS
}

#: How events may be read, by kind of destination.
READINGS: Mapping[str, type[Options]] = {name: package.reading for name, package in PACKAGES.items()}


def package_of(destination: Destination) -> Package[Any]:
    """Return the kind of a destination."""
    return PACKAGES[destination.type]


def convert(call: object, options: Options) -> Meaning:
    """Return what an SDK call means for a destination with these options."""
    return PACKAGES[options.type].convert(call, options)
