"""What a source should be warned about. Pure."""

from penstock.settings.check_minimise import minimise_warnings
from penstock.settings.source import Source


def warnings_of(source: Source) -> list[str]:
    """Return what an operator should know about who may send, as sentences."""
    everybody = source.type == "web" and "*" in source.origins
    said = ["every page may send with its key; name the pages in allowed_origins"] if everybody else []
    return [*said, *minimise_warnings(source)]
