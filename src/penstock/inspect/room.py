"""Is there room on the disk of the data folder? For the status, which needs no file of the store to say so."""

import os
from collections.abc import Sequence
from pathlib import Path


def room_notices(data_dir: Path, *, free_bytes_min: int) -> Sequence[str]:
    """Return sentences about a disk that is too full to store events safely; none when it has room."""
    try:
        disk = os.statvfs(data_dir)
    except OSError as error:
        return (f"{data_dir} cannot be looked at: {error.strerror}",)
    found = []
    free = disk.f_bavail * disk.f_frsize
    if free < free_bytes_min:
        found.append(
            f"the disk of {data_dir} is full: {free} bytes are free, {free_bytes_min} are needed; no event is taken until"
            " there is room, and senders are told to come again"
        )
    # File systems without a fixed number of them say 0 of 0.
    if disk.f_files and not disk.f_favail:
        found.append(
            f"the file system of {data_dir} has no inodes left: remove files, for the store needs two beside each of its own"
        )
    return found


def free_bytes_of(data_dir: Path) -> int | None:
    """Return how much room the disk of the data folder has; None when that cannot be said."""
    try:
        disk = os.statvfs(data_dir)
    except OSError:
        return None
    return disk.f_bavail * disk.f_frsize
