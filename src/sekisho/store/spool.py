"""A durable append-only log of small records, in segment files: what the process promised, should it die now.

Flows in: records (bytes), copied into a mapped file on the event loop (half a µs; a write call takes ten times that).
Flows out: the same records after a crash. Must stay true: a record that `append` accepted survives the death of the
process at once and a power cut once `sync` has returned; a torn record hides nothing but itself; segments are deleted
in order, oldest first, and only after `sync`. One folder belongs to one process, so every worker has its own.
"""

from __future__ import annotations

import errno
import fcntl
import mmap
import os
import threading
import zlib
from collections.abc import Iterable, Iterator
from pathlib import Path

from sekisho.core.errors import OperatorError

#: A segment is left for a new one at this size.
SEGMENT_BYTES = 4 * 1024 * 1024
#: No record of ours comes near it: a longer length at recovery is damage.
RECORD_BYTES = 1024 * 1024
#: Length of the payload, and CRC-32 of length and payload, both little-endian, before each payload. The checksum
#: covers the length, so that the zeros behind the last record are no record.
HEADER_BYTES = 8


class _Segment:
    """One file, its space reserved at once (a mapped page that the disk has no room for would end the process)."""

    __slots__ = ("_map", "capacity_bytes", "descriptor", "size_bytes")

    def __init__(self, path: Path, opening: bytes, capacity_bytes: int) -> None:
        """Make the file with `opening` in it. Raises OSError when there is no room; then there is no file."""
        self.capacity_bytes = len(opening) + capacity_bytes
        self.descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            os.posix_fallocate(self.descriptor, 0, self.capacity_bytes)
            self._map = mmap.mmap(self.descriptor, self.capacity_bytes)
        except OSError:
            os.close(self.descriptor)
            path.unlink()
            raise
        self.size_bytes = 0
        self.add(opening)

    def add(self, data: bytes) -> None:
        """Copy `data` behind what is there. Raises OSError when it does not fit."""
        end = self.size_bytes + len(data)
        if end > self.capacity_bytes:
            raise OSError(errno.EFBIG, "the record does not fit into a spool segment")
        self._map[self.size_bytes : end] = data
        self.size_bytes = end

    def leave(self) -> None:
        """Give back the space that was not used; the descriptor stays open for the last sync."""
        self._map.close()
        os.ftruncate(self.descriptor, self.size_bytes)


class Spool:
    """The log of one process. `append` and `rotate` belong to one thread, `sync` and `release` to another."""

    def __init__(self, folder: Path, segment_bytes: int = SEGMENT_BYTES) -> None:
        """Take `folder` for this process. Raises OperatorError when another process has it."""
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        self._folder = folder
        self._segment_bytes = segment_bytes
        self._lock = _lock(folder / "lock")
        self._directory = os.open(folder, os.O_RDONLY | os.O_CLOEXEC)
        self._swap = threading.Lock()
        self._left: list[int] = []
        self._number = max(_numbers(folder), default=0) + 1
        self._current = self._open(self._number, b"")
        self._synced_number = 0

    @property
    def segment(self) -> int:
        """The number of the segment that the next record goes to."""
        return self._number

    @property
    def full(self) -> bool:
        """Whether it is time to `rotate`."""
        return self._current.size_bytes >= self._segment_bytes

    def append(self, payload: bytes) -> int:
        """Add one record; returns its segment's number. Raises OSError when it does not fit: nothing was accepted."""
        self._current.add(_frame(payload))
        return self._number

    def rotate(self, carry: Iterable[bytes]) -> None:
        """Go on in a new segment that begins with `carry`: the records that the older segments may not take along.

        Raises OSError when the new segment cannot be made: then the old one goes on.
        """
        number = self._number + 1
        fresh = self._open(number, b"".join(map(_frame, carry)))
        self._current.leave()
        with self._swap:
            self._left.append(self._current.descriptor)
            self._number, self._current = number, fresh

    def sync(self) -> None:
        """Force everything appended so far to the disk. May take milliseconds: never on the event loop."""
        with self._swap:
            descriptors = [*self._left, os.dup(self._current.descriptor)]
            self._left.clear()
            number = self._number
        for descriptor in descriptors:
            os.fsync(descriptor)
            os.close(descriptor)
        if number != self._synced_number:
            os.fsync(self._directory)
            self._synced_number = number

    def release(self, before: int) -> None:
        """Delete the segments numbered below `before`, after what replaced them is on the disk."""
        stale = [number for number in _numbers(self._folder) if number < min(before, self._number)]
        if not stale:
            return
        self.sync()
        for number in stale:
            _segment_path(self._folder, number).unlink()

    def records(self, start: int, stop: int) -> Iterator[bytes]:
        """The records of the segments numbered from `start` to before `stop`, in the order they were written."""
        for number in _numbers(self._folder):
            if start <= number < stop:
                yield from read_segment(_segment_path(self._folder, number))

    def close(self) -> None:
        """Sync and let go of the folder."""
        self._current.leave()
        self.sync()
        for descriptor in (self._current.descriptor, self._directory, self._lock):
            os.close(descriptor)

    def _open(self, number: int, opening: bytes) -> _Segment:
        # One record more than a full segment: `full` is looked at after each.
        return _Segment(_segment_path(self._folder, number), opening, self._segment_bytes + RECORD_BYTES)


def read_segment(path: Path) -> Iterator[bytes]:
    """The whole records of one file; ends at the first that is torn or damaged."""
    data = path.read_bytes()
    start = 0
    while start + HEADER_BYTES <= len(data):
        length = int.from_bytes(data[start : start + 4], "little")
        checksum = int.from_bytes(data[start + 4 : start + HEADER_BYTES], "little")
        payload = data[start + HEADER_BYTES : start + HEADER_BYTES + length]
        if length > RECORD_BYTES or len(payload) != length or _checksum(length, payload) != checksum:
            return
        yield payload
        start += HEADER_BYTES + length


def _frame(payload: bytes) -> bytes:
    length = len(payload)
    return length.to_bytes(4, "little") + _checksum(length, payload).to_bytes(4, "little") + payload


def _checksum(length: int, payload: bytes) -> int:
    return zlib.crc32(payload, 0xFFFF_FFFF - length)  # of no payload it is not 0, as zeros on the disk would say


def _segment_path(folder: Path, number: int) -> Path:
    return folder / f"{number:012d}.log"


def _numbers(folder: Path) -> list[int]:
    return sorted(int(path.stem) for path in folder.glob("*.log"))


def _lock(path: Path) -> int:
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        os.close(descriptor)
        message = (
            f"The data directory {path.parent} is in use by another Sekisho process: give each its own --data-dir."
        )
        raise OperatorError(message) from error
    return descriptor
