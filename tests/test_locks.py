"""Locks and the folders of a machine: who holds what for how long, and what there is where none can be."""

from __future__ import annotations

import errno
import fcntl
import os
import stat
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from smsdata import Client, Store, sync
from smsdata.errors import LockedError, SmsDataError, StoreError
from smsdata.gateway.throttle import Throttle
from smsdata.hygiene.run_journal import exclusive
from smsdata.simulator import Account, Gateway, running
from smsdata.store.disk import Disk
from tests.support.clients import connected
from tests.support.other_machines import COMMAND, NO_TEMPORARY_FOLDER, ROOT, WINDOWS, in_python
from tests.support.sync_world import small_account

World = tuple[Account, Gateway, Store]

# ---- who holds a lock ------------------------------------------------------------------------------------

_HOLDER = """
import sys
from pathlib import Path
from smsdata.gateway.throttle import Throttle
def clock():
    print("held", flush=True)
    sys.stdin.read()
    return 0.0
with Throttle(rate=1, share=1, account="a", folder=Path(sys.argv[1]), clock=clock).slot():
    pass
"""


@contextmanager
def _stopped_within_the_budget(folder: Path) -> Iterator[int]:
    """Another process, which holds the budget of calls and does not go on; gives its number."""
    environment = os.environ | {"PYTHONPATH": os.pathsep.join([str(ROOT), *sys.path[1:]])}
    with subprocess.Popen(
        [sys.executable, "-c", _HOLDER, str(folder)], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
        env=environment, text=True,
    ) as process:  # fmt: skip
        assert process.stdout is not None
        assert process.stdout.readline() == "held\n"
        yield process.pid
        process.kill()


def _throttle(folder: Path, **options: Any) -> Throttle:
    return Throttle(rate=1, share=1, account="a", folder=folder, **options)


def test_budget_of_calls_is_not_waited_for_without_end_and_its_holder_is_named(tmp_path: Path) -> None:
    mine = _throttle(tmp_path, patience=0.0)
    with _stopped_within_the_budget(tmp_path) as pid:
        for use in (mine.throttled, lambda: _throttle(tmp_path, patience=0.0)):
            with pytest.raises(LockedError, match=rf"process {pid} .*kill -CONT {pid}") as caught:
                use()
            assert "\n" not in str(caught.value)
            assert caught.value.exit_code == 4
    mine.throttled()  # it died, and its lock with it


def test_a_change_of_the_account_from_another_store_names_who_makes_it(
    world: World, connect: Callable[..., Client], tmp_path: Path
) -> None:
    client = connect(world[1])
    second = Store(tmp_path / "second")
    told = pytest.raises(LockedError, match=rf"another store by process {os.getpid()} on ")
    with exclusive(client, world[2], 0.0, dry_run=False):
        with told as caught, exclusive(client, second, 0.0, dry_run=False):
            pass
        assert caught.value.exit_code == 4
    with exclusive(client, second, 0.0, dry_run=False):
        pass


def test_a_name_of_a_holder_is_one_line_whatever_stands_there(tmp_path: Path) -> None:
    held, wanted = Disk(tmp_path).lock("two\nlines\x1b[2J", 0), Disk(tmp_path).lock("me", 0)
    with held, pytest.raises(LockedError) as caught, wanted:
        pass
    assert str(caught.value).isprintable()


# ---- no locks --------------------------------------------------------------------------------------------


def _refuse_locks_below(folder: Path, reason: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """As on a file system that keeps no locks."""
    real = fcntl.flock

    def flock(handle: int, how: int) -> None:
        if Path(f"/proc/self/fd/{handle}").readlink().is_relative_to(folder):
            raise OSError(reason, os.strerror(reason))
        real(handle, how)

    monkeypatch.setattr(fcntl, "flock", flock)


@pytest.mark.parametrize("reason", [errno.ENOLCK, errno.EOPNOTSUPP, errno.ENOSYS, errno.EINVAL])
def test_a_store_without_locks_is_one_line_and_stays_as_it_is(
    world: World, monkeypatch: pytest.MonkeyPatch, reason: int
) -> None:
    store = Store(world[2].path)
    before = {path: path.read_bytes() for path in store.path.rglob("*") if path.is_file()}
    _refuse_locks_below(store.path, reason, monkeypatch)
    with pytest.raises(StoreError, match=rf"lock cannot be locked: {os.strerror(reason)}") as caught:
        sync(connected(world[1]), store)
    assert "\n" not in str(caught.value)
    assert caught.value.exit_code == 1
    assert before == {path: path.read_bytes() for path in store.path.rglob("*") if path.is_file()}


@pytest.mark.parametrize("reason", [errno.ENOLCK, errno.EOPNOTSUPP])
def test_a_home_without_locks_is_passed_over_for_the_temporary_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, reason: int
) -> None:
    spare, home = _spare(tmp_path, monkeypatch), tmp_path / "home"
    _refuse_locks_below(home, reason, monkeypatch)
    with _throttle(home).slot():
        pass
    assert _budget_in(spare).stat().st_size > 0


# ---- no home, no room, no temporary folder ---------------------------------------------------------------


def _spare(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    spare = tmp_path / "spare"
    spare.mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(spare))
    return spare / f"smsdata-{os.getuid()}"


def _budget_in(folder: Path) -> Path:
    (found,) = folder.glob("*.throttle")
    return found


def _fill_disk_below(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    real = os.pwrite

    def pwrite(handle: int, content: bytes, place: int) -> int:
        if Path(f"/proc/self/fd/{handle}").readlink().is_relative_to(folder):
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        return real(handle, content, place)

    monkeypatch.setattr(os, "pwrite", pwrite)


def test_a_full_home_is_passed_over_for_the_temporary_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    spare, home = _spare(tmp_path, monkeypatch), tmp_path / "home"
    _fill_disk_below(home, monkeypatch)
    with _throttle(home).slot():
        pass
    assert _budget_in(spare).stat().st_size > 0


def test_a_home_that_fills_up_in_the_middle_of_a_run_is_one_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    throttle = _throttle(tmp_path)
    _fill_disk_below(tmp_path, monkeypatch)
    with pytest.raises(SmsDataError, match=r"\.throttle: No space left on device.*what was read is kept"):
        throttle.throttled()


def test_a_folder_that_everybody_may_write_to_holds_no_budget(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    spare, home = _spare(tmp_path, monkeypatch), tmp_path / "home"
    home.mkdir()
    home.chmod(0o777)
    with _throttle(home).slot():
        pass
    assert _budget_in(spare)
    assert list(home.iterdir()) == []


@pytest.mark.parametrize("planted", ["pipe", "giant"])
def test_what_stands_in_the_place_of_the_budget_stops_nobody(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, planted: str
) -> None:
    spare, home = _spare(tmp_path, monkeypatch), tmp_path / "home"
    _throttle(home)
    path = _budget_in(home)
    path.unlink()
    if planted == "pipe":
        os.mkfifo(path)
    else:
        with path.open("wb") as file:
            file.truncate(1 << 40)
    with _throttle(home).slot():
        pass
    assert _budget_in(spare if planted == "pipe" else home).stat().st_size < 1_000


@pytest.mark.parametrize("lacking", ["home", "temporary folder", "both"])
def test_sync_on_a_machine_that_lacks(tmp_path: Path, lacking: str) -> None:
    """Without one of the two it works; without both it says so in one line."""
    begin = "" if lacking == "home" else NO_TEMPORARY_FOLDER
    settings = {"SMSDATA_API_KEY": "demo", "SMSDATA_API_SECRET": "demo", "SMSDATA_RATE": "900",
                "SMSDATA_SHARE": "1", "TMPDIR": str(tmp_path)}  # fmt: skip
    settings |= {} if lacking == "temporary folder" else {"HOME": "/proc/none"}
    with running(Gateway(small_account(), limiter=None)) as address:
        done = in_python(
            begin + COMMAND,
            "sync",
            "--store",
            "store",
            "--base-url",
            address,
            folder=tmp_path,
            environment=settings,
        )
    if lacking == "both":
        assert (done.returncode, done.stderr.count("\n")) == (1, 1), done.stderr
        assert "/proc/none/.cache/smsdata: " in done.stderr
        assert "set HOME or TMPDIR" in done.stderr
        return
    assert done.returncode == 0, done.stderr
    assert len(Store(tmp_path / "store").read("messages")) > 0


def test_analysis_needs_no_temporary_folder(world: World, tmp_path: Path) -> None:
    script = "import sys\nfrom smsdata import Store, analysis\nscan = Store(sys.argv[1]).scan('messages')\n"
    script += "print(int(analysis.delivery_rate(scan)['n'].sum()))"
    done = in_python(NO_TEMPORARY_FOLDER + script, world[2].path, folder=tmp_path)
    assert (done.stdout, done.stderr) == (f"{len(world[2].read('messages'))}\n", "")


# ---- Windows ---------------------------------------------------------------------------------------------


def test_windows_is_told_what_is_needed_in_one_sentence(tmp_path: Path) -> None:
    settings = {"SMSDATA_API_KEY": "demo", "SMSDATA_API_SECRET": "demo"}
    done = in_python(WINDOWS + COMMAND, "sync", folder=tmp_path, environment=settings)
    assert (done.returncode, done.stderr.count("\n")) == (1, 1), done.stderr
    assert "needs Linux, macOS or, on Windows, WSL" in done.stderr
    assert list(tmp_path.iterdir()) == []
    writing = "import smsdata\nwith smsdata.Store('store').writing(): pass"
    done = in_python(WINDOWS + writing, folder=tmp_path)
    assert "SmsDataError: smsdata needs Linux, macOS or, on Windows, WSL" in done.stderr
    assert list(tmp_path.iterdir()) == []


# ---- folders of other file systems -----------------------------------------------------------------------


class NoFolderSync(Disk):
    """A file system that refuses to make a folder durable, and does it in its own way."""

    reason = errno.EINVAL

    def _fsync(self, handle: int) -> None:
        if stat.S_ISDIR(os.fstat(handle).st_mode):
            raise OSError(self.reason, os.strerror(self.reason))
        super()._fsync(handle)


class BadDisk(NoFolderSync):
    """One that fails."""

    reason = errno.EIO


class NoFileSync(Disk):
    """One that does not make files durable, which nobody can do without."""

    def _fsync(self, handle: int) -> None:
        raise OSError(errno.EINVAL, os.strerror(errno.EINVAL))


def test_a_file_system_that_makes_no_folder_durable_is_taken_at_its_word(tmp_path: Path) -> None:
    account = small_account()
    store = Store(tmp_path / "store", disk=NoFolderSync(tmp_path / "store" / ".smsdata"))
    sync(connected(Gateway(account, limiter=None)), store, since="100d")
    assert len(Store(store.path).read("messages")) > 0
    assert store.verify() == []


@pytest.mark.parametrize("disk", [BadDisk, NoFileSync])
def test_a_failed_fsync_stays_an_error(tmp_path: Path, disk: type[Disk]) -> None:
    with pytest.raises(StoreError):
        disk(tmp_path).replace(tmp_path / "a", b"new")


def test_a_store_behind_a_link_is_written_and_read(tmp_path: Path) -> None:
    (tmp_path / "disk" / "sms").mkdir(parents=True, mode=0o700)
    (tmp_path / "data").symlink_to("disk")
    (tmp_path / "data" / "store").symlink_to(tmp_path / "disk" / "sms")
    store = Store(tmp_path / "data" / "store")
    sync(connected(Gateway(small_account(), limiter=None)), store, since="100d")
    assert len(Store(tmp_path / "disk" / "sms").read("messages")) > 0
    assert store.verify() == []
    assert store.path.is_symlink()


def test_a_store_behind_a_link_to_nothing_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "store").symlink_to(tmp_path / "not mounted")
    with pytest.raises(StoreError, match=r"store is a link to .*not mounted.*mount or make it"):
        sync(connected(Gateway(small_account(), limiter=None)), Store(tmp_path / "store"))
    assert not (tmp_path / "not mounted").exists()
