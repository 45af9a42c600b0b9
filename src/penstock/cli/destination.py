"""How a command is told which destination it is about: the only one, or the one that is named."""

import click

from penstock.settings import Settings

destination_option = click.option("--destination", help="Which destination; needed when there are several.")


def destination_of(settings: Settings, name: str | None) -> str:
    """Return the destination that is meant. Raises click.UsageError."""
    if name is None and len(settings.destinations) == 1:
        return next(iter(settings.destinations))
    known = ", ".join(settings.destinations)
    if name is None:
        raise click.UsageError(f"which destination? --destination is one of: {known or 'none is set up'}")
    if name not in settings.destinations:
        raise click.BadParameter(f"expected one of {known or 'none'}, got {name}", param_hint="--destination")
    return name


def destinations_of(settings: Settings, name: str | None) -> list[str]:
    """Return the destination that is named, or all. Raises click.UsageError."""
    return list(settings.destinations) if name is None and settings.destinations else [destination_of(settings, name)]
