"""What an engine's own files may still have of what was taken out of the streams, and until when. For receipts; docs/scale.md tells more.

Looked for, byte by byte, in tests/contract/test_what_engines_keep.py.
"""

from collections.abc import Mapping, Sequence
from types import MappingProxyType

REMAINS: Mapping[str, Sequence[str]] = MappingProxyType(
    {
        "nats": (
            "files of the NATS servers: Raft logs have messages until they are cut, and former snapshots lie in blocks until those are rewritten",
            "files of nodes that do not run lose it at their next start",
        ),
        "postgres": (
            "files of PostgreSQL: tables until they are vacuumed, its write-ahead log until it is used anew, archives as long as they are kept",
            "files of nodes that do not run lose it at their next start",
        ),
    }
)
