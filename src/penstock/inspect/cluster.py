"""What a cluster is, as commands and pages show it. Pure."""

from collections.abc import Mapping, Sequence

import msgspec

#: The snapshot of it that operate leaves while it runs.
SHOWN = "cluster"


class ViewLag(msgspec.Struct, frozen=True, kw_only=True):
    """How far a file of a node has followed its stream."""

    stream: str
    #: The last number of the stream, and of what the file has; numbers may leave some out.
    last: int
    here: int


class NodeStatus(msgspec.Struct, frozen=True, kw_only=True):
    """One node, as it was heard of last."""

    name: str
    #: Whether the engine hears of it now.
    runs: bool
    #: Those of its processes that were heard of last.
    roles: Sequence[str] = ()
    version: str = ""
    schemas: Mapping[str, int] = {}
    #: When it was heard of last, by its clock, in seconds since 1970; None of one that has said nothing yet.
    heard_at: float | None = None
    views: Sequence[ViewLag] = ()


class ClusterStatus(msgspec.Struct, frozen=True, kw_only=True):
    """All nodes."""

    engine: str
    #: The node that was asked, and what time it was there.
    node: str
    at: float
    #: Who owns the destinations; empty while nobody does.
    owner: str
    nodes: Sequence[NodeStatus]


def shown(facts: Mapping[str, object]) -> ClusterStatus | None:
    """Return what operate left to be shown; None when it left nothing yet, or another version did."""
    try:
        return msgspec.convert(facts, ClusterStatus)
    except msgspec.ValidationError:
        return None


def sentences(status: ClusterStatus) -> Sequence[str]:
    """Return what people want to know of it, a line each."""
    lines = [f"owner: {status.owner or 'nobody'}"]
    for node in status.nodes:
        lines.append(
            f"node {node.name}{' (this one)' if node.name == status.node else ''} {standing_of_node(node, status.at)}"
        )
        lines += [f"  {view.stream}: {lag_of(view)}" for view in node.views]
    schemas = {tuple(sorted(node.schemas.items())) for node in status.nodes if node.runs and node.schemas}
    if len(schemas) > 1:
        lines.append(
            "nodes of different schemas run: those of older ones follow no change of the newer, see docs/scale.md"
        )
    return lines


def lag_of(view: ViewLag) -> str:
    """Return how far behind a file is, in words."""
    behind = max(0, view.last - view.here)
    return "up to date" if not behind else f"at {view.here} of {view.last}"


def standing_of_node(node: NodeStatus, now: float) -> str:
    """Return whether a node runs, as what, and if not, since when it is not heard of."""
    if node.runs:
        return f"runs {' '.join(node.roles)} ({node.version})" if node.roles else "runs"
    silent_s = max(0, round(now - (node.heard_at or now)))
    return f"is not heard of; the last word came {silent_s} s ago"
