from __future__ import annotations

import errno
import tempfile
import zlib
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sekisho.core.errors import OperatorError
from sekisho.store.spool import Spool, read_segment

RECORDS = st.lists(st.binary(max_size=60), max_size=12)


def written(folder: Path, records: list[bytes]) -> Path:
    spool = Spool(folder)
    for record in records:
        spool.append(record)
    spool.close()
    (segment,) = folder.glob("*.log")
    return segment


def test_records_come_back_in_order(tmp_path: Path) -> None:
    assert list(read_segment(written(tmp_path, [b"one", b"", b"three"]))) == [b"one", b"", b"three"]


@given(records=RECORDS, cut=st.integers(min_value=0))
def test_a_torn_file_gives_every_whole_record(records: list[bytes], cut: int) -> None:
    with tempfile.TemporaryDirectory() as folder:
        segment = written(Path(folder), records)
        data = segment.read_bytes()
        kept = data[: cut % (len(data) + 1)]
        segment.write_bytes(kept)
        whole, end = 0, 0
        while whole < len(records) and end + 8 + len(records[whole]) <= len(kept):
            end += 8 + len(records[whole])
            whole += 1
        assert list(read_segment(segment)) == records[:whole]


def test_a_damaged_record_ends_the_reading(tmp_path: Path) -> None:
    segment = written(tmp_path, [b"good", b"bad", b"after"])
    data = bytearray(segment.read_bytes())
    data[8 + 4 + 8] ^= 1
    segment.write_bytes(data)
    assert list(read_segment(segment)) == [b"good"]


def test_a_length_beyond_reason_is_damage(tmp_path: Path) -> None:
    payload = b"x" * (2 * 1024 * 1024)
    path = tmp_path / "000000000001.log"
    path.write_bytes(
        len(payload).to_bytes(4, "little")
        + zlib.crc32(payload, 0xFFFF_FFFF - len(payload)).to_bytes(4, "little")
        + payload
    )
    assert list(read_segment(path)) == []


def test_a_full_segment_is_left_and_open_records_carried(tmp_path: Path) -> None:
    spool = Spool(tmp_path, segment_bytes=64)
    first = spool.segment
    assert spool.append(b"a" * 60) == first
    assert spool.full
    spool.rotate(carry=[b"open"])
    assert spool.segment == first + 1
    spool.append(b"next")
    assert list(spool.records(0, first + 1)) == [b"a" * 60]
    spool.release(before=first + 1)
    assert list(spool.records(0, first + 2)) == [b"open", b"next"]
    spool.close()


def test_release_never_deletes_the_current_segment(tmp_path: Path) -> None:
    spool = Spool(tmp_path)
    spool.append(b"kept")
    spool.release(before=spool.segment + 10)
    assert list(spool.records(0, spool.segment + 1)) == [b"kept"]
    spool.close()


def test_a_new_process_writes_behind_the_old_segments(tmp_path: Path) -> None:
    written(tmp_path, [b"old"])
    spool = Spool(tmp_path)
    spool.append(b"new")
    assert list(spool.records(0, spool.segment)) == [b"old"]
    spool.close()


def test_two_processes_do_not_share_a_folder(tmp_path: Path) -> None:
    spool = Spool(tmp_path)
    with pytest.raises(OperatorError, match="in use by another Sekisho process"):
        Spool(tmp_path)
    spool.close()
    Spool(tmp_path).close()


def test_a_record_that_does_not_fit_is_refused_whole(tmp_path: Path) -> None:
    spool = Spool(tmp_path, segment_bytes=64)
    spool.append(b"before")
    with pytest.raises(OSError, match="does not fit"):
        spool.append(b"x" * (1024 * 1024 + 64))
    spool.append(b"after")
    assert list(spool.records(0, spool.segment + 1)) == [b"before", b"after"]
    spool.close()


def test_what_a_killed_process_left_is_read_up_to_its_end(tmp_path: Path) -> None:
    """The space reserved behind the last record is no record."""
    spool = Spool(tmp_path)
    for record in (b"one", b"", b"three"):
        spool.append(record)
    (segment,) = tmp_path.glob("*.log")
    assert segment.stat().st_size > 1024 * 1024
    assert list(read_segment(segment)) == [b"one", b"", b"three"]
    spool.close()
    assert segment.stat().st_size < 64


def test_a_rotation_that_fails_leaves_the_old_segment_in_use(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def no_space(_descriptor: int, _offset: int, _length: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    spool = Spool(tmp_path)
    monkeypatch.setattr("sekisho.store.spool.os.posix_fallocate", no_space)
    with pytest.raises(OSError, match="No space left"):
        spool.rotate(carry=[])
    monkeypatch.undo()
    spool.append(b"goes on")
    assert list(spool.records(0, spool.segment + 1)) == [b"goes on"]
    spool.close()


def test_files_are_readable_by_their_owner_only(tmp_path: Path) -> None:
    assert written(tmp_path / "spool", [b"x"]).stat().st_mode & 0o077 == 0
