"""What a source should be warned about. Pure."""

from penstock.settings import Source


def warnings_of(source: Source) -> list[str]:
    """Return what an operator should know about who may send, as sentences."""
    if source.type == "web" and "*" in source.origins:
        return ["every page may send with its key; name the pages in allowed_origins"]
    return []
