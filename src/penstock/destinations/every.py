"""Every kind of destination there is. This is the one list; the rest of a new one is its own folder."""

from collections.abc import Mapping
from typing import Any

from penstock.destinations.custify.options import Mapping as CustifyMapping
from penstock.destinations.custify.package import Custify
from penstock.destinations.options import Options
from penstock.destinations.plan import Meaning
from penstock.destinations.port import Package
from penstock.destinations.webhook.convert import Whole
from penstock.destinations.webhook.package import Webhook
from penstock.settings import Destination

PACKAGES: Mapping[str, Package[Any]] = {"custify": Custify(), "webhook": Webhook()}

#: How events may be read, by kind of destination.
READINGS: Mapping[str, type[Options]] = {"custify": CustifyMapping, "webhook": Whole}


def package_of(destination: Destination) -> Package[Any]:
    """Return the kind of a destination."""
    return PACKAGES[destination.type]


def in_a_sentence(destination: Destination) -> str:
    """Return how people call what is at the far side, within a sentence."""
    return package_of(destination).who.replace("The ", "the ", 1)


def convert(call: object, options: Options) -> Meaning:
    """Return what an SDK call means for a destination with these options."""
    return PACKAGES[options.type].convert(call, options)
