"""What ingest refused lately, as the viewer may see it: strangers choose the path and what they call themselves."""

from typing import Any

from penstock.inspect.eyes import Eyes
from penstock.inspect.parts import cut
from penstock.machine.snapshot import Snapshots

REFUSED_MAX = 50


def refused_shown(snapshots: Snapshots, eyes: Eyes) -> list[dict[str, Any]]:
    """Return the kinds of requests that were refused, the newest first."""
    kinds = snapshots.read("accept").get("refused", [])
    return [_shown(kind, eyes) for kind in (kinds if isinstance(kinds, list) else [])[:REFUSED_MAX]]


def _shown(kind: dict[str, Any], eyes: Eyes) -> dict[str, Any]:
    texts = {name: cut(eyes.text(value)) for name, value in kind.items() if isinstance(value, str) and name != "key"}
    # Of a wrong key ingest keeps the beginning alone; those who may not see keys learn that there was one.
    return {**kind, **texts, "key": kind.get("key", "") if eyes.keys or not kind.get("key") else "given"}
