"""What was in force last, left by running processes without its secrets: to be looked at while the file is broken."""

from pathlib import Path
from typing import Any

from penstock.machine.snapshot import Snapshots
from penstock.settings import File, Settings, settings_of
from penstock.settings.revisions import document_in_force

#: Who leaves it; the first that did is asked.
ROLES = ("accept", "deliver", "operate")
# Never left in a snapshot; what stands for them is of no use.
SECRETS = {"sources": ("write_key", "old_write_key"), "destinations": ("api_key",)}


def in_force(settings: Settings) -> dict[str, Any]:
    """Return sources, destinations and connections without their keys, as JSON values."""
    document = document_in_force(settings)
    # Who is told of problems is not looked at with these; what tells them has the settings.
    del document["alerts"]
    for kind, names in SECRETS.items():
        for block in document[kind].values():
            for name in names:
                block.pop(name, None)
    return document


def last_known(data_dir: Path) -> Settings | None:
    """Return what a server on the data folder had in force last, without keys; None when there was none."""
    snapshots = Snapshots(data_dir)
    facts: dict[str, Any] = next(filter(None, (snapshots.read(f"{role}.settings") for role in ROLES)), {})
    if not facts:
        return None
    for name, block in facts["sources"].items():
        block["write_key"] = f"of {name}"
    for block in facts["destinations"].values():
        block["api_key"] = "not known here"
    table = {key: facts[key] for key in ("sources", "destinations", "connections")} | {"data_dir": str(data_dir)}
    return settings_of(File(table=table), {})


def problem_of(snapshots: Snapshots) -> str:
    """Return why a running server does not follow its settings file; nothing, when it does."""
    problems = (str(snapshots.read(f"{role}.settings").get("problem", "")) for role in ROLES)
    return next(filter(None, problems), "")
