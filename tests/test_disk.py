"""Durable files: whole replacement, what the operating system refuses, the lock, the journal of pages."""

from __future__ import annotations

import errno
import os
import subprocess
import sys
import threading
from datetime import UTC, datetime
from pathlib import Path

import pytest

from smsdata.errors import LockedError, StoreError
from smsdata.store.disk import Appender, Disk
from smsdata.store.journal import PageJournal

SEEN = datetime(2026, 11, 22, 9, 30, 0, 123456, tzinfo=UTC)


class _Full(Disk):
    """A disk with room for no more than half a file."""

    def _write(self, handle: int, content: bytes | memoryview) -> None:
        super()._write(handle, memoryview(content)[: len(content) // 2])
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


def test_replace_puts_the_whole_file_in_place(tmp_path: Path) -> None:
    disk = Disk(tmp_path)
    disk.replace(tmp_path / "a", b"old")
    disk.replace(tmp_path / "a", b"new and longer")
    assert (tmp_path / "a").read_bytes() == b"new and longer"
    assert [path.name for path in tmp_path.iterdir()] == ["a"]
    assert (tmp_path / "a").stat().st_mode & 0o777 == 0o600


def test_replace_on_a_full_disk_keeps_the_old_file_and_leaves_no_litter(tmp_path: Path) -> None:
    Disk(tmp_path).replace(tmp_path / "a", b"old")
    with pytest.raises(StoreError, match="No space left"):
        _Full(tmp_path).replace(tmp_path / "a", b"new and longer")
    assert [(path.name, path.read_bytes()) for path in tmp_path.iterdir()] == [("a", b"old")]


@pytest.mark.parametrize("gap", [0.001, 0.05, 0.3, 0.499, 0.5, 3.0])
def test_what_is_added_is_durable_within_a_second_and_without_an_fsync_for_each(
    tmp_path: Path, gap: float
) -> None:
    now, syncs = 0.0, 0
    added: list[float] = []
    late: list[float] = []

    class Watched(Disk):
        def _fsync(self, handle: int) -> None:
            nonlocal syncs
            super()._fsync(handle)
            late.extend(now - when for when in added)
            added.clear()
            syncs += 1

    handle = os.open(tmp_path / "a", os.O_RDWR | os.O_CREAT)
    file = Appender(Watched(tmp_path), tmp_path / "a", handle, clock=lambda: now)
    for _ in range(1000):
        now += gap
        added.append(now)
        file.add(b"record")
    assert len(late) >= 1000 - 1 - 0.5 / gap
    assert max(late) <= 1.0
    assert syncs <= 1000 * gap / 0.5 + 1
    file.close()


def test_folder_below_a_file_is_one_line_of_error(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(StoreError, match="folder is yours") as caught:
        Disk(tmp_path).folder(tmp_path / "file" / "store")
    assert "\n" not in str(caught.value)


def test_folder_is_for_its_owner_only(tmp_path: Path) -> None:
    Disk(tmp_path).folder(tmp_path / "store")
    assert (tmp_path / "store").stat().st_mode & 0o777 == 0o700


def test_replace_follows_no_planted_link(tmp_path: Path) -> None:
    (tmp_path / "outside").write_bytes(b"theirs")
    (tmp_path / "lock").symlink_to(tmp_path / "outside")
    with pytest.raises(StoreError), Disk(tmp_path).lock("me", 0):
        pass
    assert (tmp_path / "outside").read_bytes() == b"theirs"


def test_clean_removes_what_interrupted_processes_left(tmp_path: Path) -> None:
    (tmp_path / "tmp-1-1").touch()
    (tmp_path / "kept").touch()
    Disk(tmp_path).clean()
    assert [path.name for path in tmp_path.iterdir()] == ["kept"]


def test_lock_names_the_process_that_holds_it_and_dies_with_it(tmp_path: Path) -> None:
    code = (
        "import sys, pathlib; from smsdata.store.disk import Disk\n"
        "with Disk(pathlib.Path(sys.argv[1])).lock('process 77 on there', 0): print('held'); sys.stdin.read()"
    )
    holder = subprocess.Popen(
        [sys.executable, "-c", code, str(tmp_path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert holder.stdout is not None
    assert holder.stdout.readline() == "held\n"
    slept: list[float] = []
    lock = Disk(tmp_path).lock("me", 1.0, slept.append)
    with pytest.raises(LockedError, match="process 77 on there") as caught, lock:
        pass
    assert caught.value.exit_code == 4
    assert sum(slept) == pytest.approx(1.0)
    holder.kill()
    holder.communicate()
    with Disk(tmp_path).lock("me", 0):
        assert (tmp_path / "lock").read_text() == "me"


# ---- the journal of pages --------------------------------------------------------------------------------


def _filled(path: Path, reads: int = 2) -> PageJournal:
    journal = PageJournal(Disk(path.parent), path)
    for number in range(1, 4):
        for read in range(reads):
            journal.add(f"read {read}", number, f"body {read} {number}".encode(), SEEN)
    return journal


def test_journal_gives_back_the_pages_of_a_read(tmp_path: Path) -> None:
    _filled(tmp_path / "j").close()
    journal = PageJournal(Disk(tmp_path), tmp_path / "j")
    assert journal.pages("read 1") == {n: (f"body 1 {n}".encode(), SEEN) for n in (1, 2, 3)}
    assert journal.pages("another") == {}
    journal.close()


def test_journal_keeps_the_page_read_last(tmp_path: Path) -> None:
    journal = _filled(tmp_path / "j")
    journal.add("read 0", 2, b"newer", SEEN)
    assert journal.pages("read 0")[2] == (b"newer", SEEN)
    journal.close()


def test_journal_torn_at_any_byte_gives_whole_pages_and_goes_on(tmp_path: Path) -> None:
    _filled(tmp_path / "whole").close()
    content = (tmp_path / "whole").read_bytes()
    counts = []
    for size in range(len(content) + 1):
        torn = tmp_path / "torn"
        torn.write_bytes(content[:size])
        journal = PageJournal(Disk(tmp_path), torn)
        pages = {(r, n): body for r in ("read 0", "read 1") for n, (body, _) in journal.pages(r).items()}
        assert all(body == f"body {r[-1]} {n}".encode() for (r, n), body in pages.items())
        counts.append(len(pages))
        journal.add("read 9", 1, b"after", SEEN)
        journal.close()
        again = PageJournal(Disk(tmp_path), torn)
        assert again.pages("read 9") == {1: (b"after", SEEN)}
        again.close()
    assert counts == sorted(counts)
    assert (counts[0], counts[-1]) == (0, 6)


def test_journal_with_a_flipped_bit_gives_only_pages_as_they_were(tmp_path: Path) -> None:
    _filled(tmp_path / "whole", reads=1).close()
    content = (tmp_path / "whole").read_bytes()
    whole = {n: (f"body 0 {n}".encode(), SEEN) for n in (1, 2, 3)}
    for bit in range(len(content) * 8):
        spoilt = bytearray(content)
        spoilt[bit // 8] ^= 1 << bit % 8
        (tmp_path / "spoilt").write_bytes(spoilt)
        journal = PageJournal(Disk(tmp_path), tmp_path / "spoilt")
        found = journal.pages("read 0")
        assert len(found) < 3
        assert found.items() <= whole.items()
        journal.close()


def test_journal_moves_with_the_pages_of_reads_that_are_not_merged(tmp_path: Path) -> None:
    journal = _filled(tmp_path / "one")
    with journal.moving(["read 0"]) as move:
        move(tmp_path / "two")
    assert not (tmp_path / "one").exists()
    assert journal.pages("read 0") == {}
    journal.close()
    again = PageJournal(Disk(tmp_path), tmp_path / "two")
    assert len(again.pages("read 1")) == 3
    again.close()


def test_journal_takes_pages_from_several_threads(tmp_path: Path) -> None:
    journal = PageJournal(Disk(tmp_path), tmp_path / "j")

    def add(read: int) -> None:
        for number in range(50):
            journal.add(f"read {read}", number, f"{read} {number}".encode(), SEEN)

    threads = [threading.Thread(target=add, args=(read,)) for read in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    journal.close()
    again = PageJournal(Disk(tmp_path), tmp_path / "j")
    assert all(
        again.pages(f"read {read}")[number][0] == f"{read} {number}".encode()
        for read in range(4)
        for number in range(50)
    )
    again.close()
