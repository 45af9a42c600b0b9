"""A disk whose nth write or sync fails: what SQLite asks of the system goes through here, in the library that apsw brings.

It also keeps what a power cut would leave: what was written before a sync that worked. As on Linux, what was written before a
sync that failed is not tried again by the next one: https://lwn.net/Articles/752063 ("fsyncgate").
"""

import collections
import contextlib
import ctypes
import enum
from pathlib import Path
from typing import NamedTuple, Self

import apsw

FILE, LONG, INT = ctypes.c_void_p, ctypes.c_int64, ctypes.c_int
WRITE = ctypes.CFUNCTYPE(INT, FILE, ctypes.c_void_p, INT, LONG)
TRUNCATE = ctypes.CFUNCTYPE(INT, FILE, LONG)
SYNC = ctypes.CFUNCTYPE(INT, FILE, INT)
OPEN = ctypes.CFUNCTYPE(INT, ctypes.c_void_p, ctypes.c_void_p, FILE, INT, ctypes.c_void_p)
DELETE = ctypes.CFUNCTYPE(INT, ctypes.c_void_p, ctypes.c_void_p, INT)
# Memory that processes share; nothing of it is meant to last.
SHARED = "-shm"
# Result codes of SQLite: https://sqlite.org/rescode.html.
OK, FULL, IOERR_WRITE, IOERR_FSYNC = 0, 13, 778, 1034


class Vfs(ctypes.Structure):
    """https://sqlite.org/c3ref/vfs.html, as far as it is needed."""

    _fields_ = (
        ("version", INT),
        ("file_bytes", INT),
        ("path_chars_max", INT),
        ("next", ctypes.c_void_p),
        ("name", ctypes.c_char_p),
        ("data", ctypes.c_void_p),
        ("open", ctypes.c_void_p),
        ("delete", ctypes.c_void_p),
    )


class Methods(ctypes.Structure):
    """https://sqlite.org/c3ref/io_methods.html: what can be asked of an open file."""

    _fields_ = (
        ("version", INT),
        *((name, ctypes.c_void_p) for name in ("close", "read", "write", "truncate", "sync")),
        ("others", ctypes.c_void_p * 13),
    )


class Fault(enum.Enum):
    """What fails, and with which word of SQLite's."""

    WRITE_EIO = IOERR_WRITE
    WRITE_ENOSPC = FULL
    SYNC_EIO = IOERR_FSYNC


class Plan(NamedTuple):
    """The nth of its operations fails; `lasting`, all after it too."""

    fault: Fault
    nth: int
    lasting: bool = False


def _vfs_of_sqlite() -> Vfs:
    """Return SQLite's own, to change it in place: what Python raised in one of apsw's would come out where SQLite goes on."""
    pointer = ctypes.POINTER(Vfs)()
    with contextlib.closing(apsw.Connection("")) as connection:
        connection.file_control("main", apsw.SQLITE_FCNTL_VFS_POINTER, ctypes.addressof(pointer))
    return pointer.contents


_entered: "list[FaultyDisk]" = []


class FaultyDisk:
    """Stands between SQLite and the files of one folder, as long as it is entered."""

    def __init__(self, folder: Path, plan: Plan | None = None) -> None:
        self.folder, self.plan = folder, plan
        #: How often what may fail was asked for.
        self.done = collections.Counter[Fault]()
        #: Whether the planned fault has come to pass.
        self.has_failed = False
        #: Of each file: what a power cut leaves, and what was written since the last sync.
        self.synced = {
            file: bytearray(file.read_bytes()) for file in folder.iterdir() if not file.name.endswith(SHARED)
        }
        self.unsynced: dict[Path, list[tuple[int, bytes | None]]] = {}

    def __enter__(self) -> Self:
        # A file that somebody forgets to close goes on asking us.
        _entered.append(self)
        self.vfs = _vfs_of_sqlite()
        self.paths: dict[int, Path] = {}
        self.methods: dict[int, tuple[Methods, object]] = {}
        self.before = self.vfs.open, self.vfs.delete
        self.real_open, self.real_delete = OPEN(self.vfs.open), DELETE(self.vfs.delete)
        self.callbacks = OPEN(self._open), DELETE(self._delete)
        self.vfs.open, self.vfs.delete = (ctypes.cast(each, ctypes.c_void_p).value for each in self.callbacks)
        return self

    def __exit__(self, *_: object) -> None:
        self.vfs.open, self.vfs.delete = self.before

    def after_a_power_cut(self, folder: Path) -> Path:
        """Write what is on the disk into another folder."""
        folder.mkdir()
        for path, content in self.synced.items():
            (folder / path.name).write_bytes(content)
        return folder

    def _open(self, vfs: int, name: int | None, file: int, flags: int, out: int | None) -> int:
        result = self.real_open(vfs, name, file, flags, out)
        path = Path(ctypes.string_at(name).decode()) if name else Path()
        if result == OK and path.parent == self.folder and not path.name.endswith(SHARED):
            self.paths[file] = path
            pointer = ctypes.cast(file, ctypes.POINTER(ctypes.c_void_p))
            pointer[0] = ctypes.addressof(self._methods_of(pointer[0]))
        return result

    def _methods_of(self, real: int) -> Methods:
        """Return a file's methods, those that change the disk replaced by ours."""
        if real not in self.methods:
            ours = Methods.from_buffer_copy(ctypes.cast(real, ctypes.POINTER(Methods)).contents)
            write, truncate, sync = WRITE(ours.write), TRUNCATE(ours.truncate), SYNC(ours.sync)
            callbacks = (
                WRITE(lambda file, data, size, at: self._write(write, file, data, size, at)),
                TRUNCATE(lambda file, size: self._truncate(truncate, file, size)),
                SYNC(lambda file, flags: self._sync(sync, file, flags)),
            )
            ours.write, ours.truncate, ours.sync = (ctypes.cast(each, ctypes.c_void_p).value for each in callbacks)
            self.methods[real] = ours, callbacks
        return self.methods[real][0]

    def _write(self, real: WRITE, file: int, data: int, size: int, at: int) -> int:
        if fails := self._fails(Fault.WRITE_EIO) or self._fails(Fault.WRITE_ENOSPC):
            return fails
        self.unsynced.setdefault(self.paths[file], []).append((at, ctypes.string_at(data, size)))
        return real(file, data, size, at)

    def _truncate(self, real: TRUNCATE, file: int, size: int) -> int:
        if fails := self._fails(Fault.WRITE_EIO):
            return fails
        self.unsynced.setdefault(self.paths[file], []).append((size, None))
        return real(file, size)

    def _sync(self, real: SYNC, file: int, flags: int) -> int:
        written = self.unsynced.pop(self.paths[file], [])
        if fails := self._fails(Fault.SYNC_EIO):
            return fails
        content = self.synced.setdefault(self.paths[file], bytearray())
        for at, data in written:
            if data is None:
                del content[at:]
            else:
                content.extend(bytes(max(0, at - len(content))))
                content[at : at + len(data)] = data
        return real(file, flags)

    def _delete(self, vfs: int, name: int, flags: int) -> int:
        path = Path(ctypes.string_at(name).decode())
        self.synced.pop(path, None)
        self.unsynced.pop(path, None)
        return self.real_delete(vfs, name, flags)

    def _fails(self, fault: Fault) -> int:
        self.done[fault] += 1
        plan, number = self.plan, self.done[fault]
        if plan is None or plan.fault is not fault or number < plan.nth or (number > plan.nth and not plan.lasting):
            return OK
        self.has_failed = True
        return fault.value
