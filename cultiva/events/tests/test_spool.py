"""The spool: what it says is safe is safe, whatever dies when."""

import os
from datetime import date, datetime, timedelta
from pathlib import Path

import pytest

from cultiva.events.messages import EventRow, FaultyMessage, Parcel
from cultiva.events.spool import Spool, SpoolFull, read_all


def parcel(at: datetime, number: int = 1) -> Parcel:
    row = EventRow(
        7, number.to_bytes(16, "big"), "track", f"n{number}", "0" * 32, at - timedelta(seconds=number), at, "unknown",
        '{"título": "año"}', None, "{}",
    )  # fmt: skip
    faulty = FaultyMessage(7, at, "no_id", "No id.", '{"type": "track"}', False, "{}")
    return Parcel(3, [row], [faulty], {(7, date(2026, 3, 10), "track", "x"): number})


def spool(root: Path, megabytes: float = 1, segment_bytes: int = 1_000_000) -> Spool:
    return Spool(root, most_bytes=int(megabytes * 1_000_000), segment_bytes=segment_bytes)


def everything(found: Spool) -> list[Parcel]:
    return [each for segment in found.segments() for each in read_all(segment)]


def test_what_goes_in_comes_out_in_its_order(tmp_path: Path, at: datetime) -> None:
    kept = spool(tmp_path, segment_bytes=500)
    for number in range(10):
        kept.append([parcel(at, number), parcel(at, number + 100)])
    assert len(kept.segments()) > 3
    assert everything(kept) == [parcel(at, n + more) for n in range(10) for more in (0, 100)]


def test_nothing_is_made_before_it_is_needed(tmp_path: Path) -> None:
    kept = spool(tmp_path / "spool")
    kept.adopt()
    kept.close()
    assert not (tmp_path / "spool").exists()


@pytest.mark.parametrize("cut", range(1, 60, 7))
def test_a_record_cut_short_is_passed_over_and_those_before_it_are_not(tmp_path: Path, at: datetime, cut: int) -> None:
    kept = spool(tmp_path)
    for number in range(3):
        kept.append([parcel(at, number)])
    segment = kept.segments()[0]
    os.truncate(segment, segment.stat().st_size - cut)
    assert everything(kept) == [parcel(at, 0), parcel(at, 1)]


def test_a_record_whose_length_alone_was_written_is_passed_over(tmp_path: Path, at: datetime) -> None:
    kept = spool(tmp_path)
    kept.append([parcel(at)])
    segment = kept.segments()[0]
    for tail in (b"\x05", b"\xff\xff\xff\x7f\x00\x00\x00\x00", b"\x00" * 64):
        segment.write_bytes(segment.read_bytes() + tail)
        assert everything(kept) == [parcel(at)]


def test_a_damaged_segment_is_kept_aside(tmp_path: Path, at: datetime) -> None:
    kept = spool(tmp_path)
    kept.append([parcel(at, 1)])
    kept.append([parcel(at, 2)])
    segment = kept.segments()[0]
    content = bytearray(segment.read_bytes())
    content[20] ^= 1
    segment.write_bytes(content)
    assert everything(kept) == []
    kept.remove(segment)
    assert segment.with_suffix(".damaged").read_bytes() == content


def test_a_full_spool_says_so_and_takes_again_once_there_is_room(tmp_path: Path, at: datetime) -> None:
    kept = spool(tmp_path, megabytes=0.002, segment_bytes=500)
    kept.append([parcel(at, 1)])
    kept.append([parcel(at, 2)])
    with pytest.raises(SpoolFull):
        kept.append([parcel(at, number) for number in range(10)])
    assert everything(kept) == [parcel(at, 1), parcel(at, 2)]
    kept.remove(kept.segments()[0])
    kept.append([parcel(at)])


def test_what_a_dead_process_left_is_adopted_once(tmp_path: Path, at: datetime) -> None:
    dead, living = spool(tmp_path), spool(tmp_path)
    dead.append([parcel(at, 1)])
    living.append([parcel(at, 2)])
    assert dead.own
    dead.own.lock.close()  # as the system does for a killed process
    first, second = spool(tmp_path), spool(tmp_path)
    first.adopt()
    second.adopt()
    assert everything(first) == [parcel(at, 1)]
    assert everything(second) == []
    first.remove(first.segments()[0])
    assert len(list(tmp_path.iterdir())) == 1  # the living one's
    assert everything(living) == [parcel(at, 2)]


def test_a_disk_that_refuses_leaves_no_half_record(
    tmp_path: Path, at: datetime, monkeypatch: pytest.MonkeyPatch
) -> None:
    kept = spool(tmp_path)
    kept.append([parcel(at, 1)])

    def refuse(_descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patched:
        patched.setattr(os, "fsync", refuse)
        with pytest.raises(OSError, match="No space"):
            kept.append([parcel(at, 2)])
    kept.append([parcel(at, 3)])
    assert everything(kept) == [parcel(at, 1), parcel(at, 3)]
