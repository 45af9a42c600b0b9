"""What a cluster is just now, of what its nodes said and the engine knows. Pure."""

from collections.abc import Mapping, Sequence

from penstock.buffer.sqlite.replica.node import STATE
from penstock.errors import SettingsError
from penstock.inspect.cluster import ClusterStatus, NodeStatus, ViewLag
from penstock.witness.board import NodeWord
from penstock.witness.port import Tenure

#: A node that runs holds a lease of this name and its own.
NODE = "node "
# A process of a node that was not heard of for so long, while others of that node were, ended.
ROLE_HEARD_S = 15.0


def owner_of(owners: Mapping[str, Tenure]) -> str:
    """Return the node that owns the destinations; empty while none does."""
    return owners[STATE].owner.rpartition("/")[0] if STATE in owners else ""


def running(owners: Mapping[str, Tenure]) -> Sequence[str]:
    """Return the nodes that the engine hears of now, by name."""
    return sorted(name.removeprefix(NODE) for name in owners if name.startswith(NODE))


def cluster_of(
    words: Sequence[NodeWord],
    owners: Mapping[str, Tenure],
    lasts: Mapping[str, int],
    *,
    engine: str,
    here: str,
    now: float,
) -> ClusterStatus:
    """Put together what nodes said of themselves, which of them run, and where the streams end."""
    run = running(owners)
    names = sorted({*run, *(word.node for word in words)})
    said = {name: [word for word in words if word.node == name] for name in names}
    nodes = [_node(name, said[name], lasts, runs=name in run) for name in names]
    return ClusterStatus(engine=engine, node=here, at=now, owner=owner_of(owners), nodes=nodes)


def _node(name: str, words: Sequence[NodeWord], lasts: Mapping[str, int], *, runs: bool) -> NodeStatus:
    if not words:
        return NodeStatus(name=name, runs=runs)
    newest = max(words, key=lambda word: word.at)
    roles = [word.role for word in words if newest.at - word.at <= ROLE_HEARD_S]
    return NodeStatus(
        name=name,
        runs=runs,
        roles=roles,
        version=newest.version,
        schemas=newest.schemas,
        heard_at=newest.at,
        views=[
            ViewLag(stream=stream, last=last, here=newest.places[stream])
            for stream, last in lasts.items()
            if stream in newest.places
        ],
    )


def require_same_key(own: NodeWord, words: Sequence[NodeWord], owners: Mapping[str, Tenure]) -> None:
    """Raise SettingsError where this node and one that runs could not open what the other seals, or know other digests of people."""
    run = running(owners)
    for other in words:
        if other.node == own.node or other.node not in run or not (own.secret_keys and other.secret_keys):
            continue
        opens = other.secret_keys[0] in own.secret_keys and own.secret_keys[0] in other.secret_keys
        if not opens or own.secret_keys[-1] != other.secret_keys[-1]:
            hint = f"every node needs the same key file: copy the one of {other.node}, or stop all nodes to take another one"
            raise SettingsError(
                "secret_key_file",
                expected=f"the keys of {other.node}: {', '.join(other.secret_keys)}",
                got=f"those of {', '.join(own.secret_keys)}",
                hint=hint,
            )
