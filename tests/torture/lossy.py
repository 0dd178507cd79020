"""A disk that forgets at a power cut what was not fsynced, as no killed process shows.

What is durable is kept beside the real files: the content of a file since its last fsync, its name since the
last fsync of its folder. A cut puts that in the place of the real files; with `chance` each thing that was
not durable is dropped, kept, cut short or overwritten by zeros instead, each by itself.
"""

from __future__ import annotations

import os
import pickle
import random
import shutil
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from smsdata.store.disk import Disk


@dataclass(eq=False)
class _Node:
    """A file, or a folder, whatever its names are."""

    folder: bool = False
    durable: bytes = b""
    live: bytearray = field(default_factory=bytearray)


class LossyDisk(Disk):
    """Keeps account of what would be left of the store after a power cut.

    Parameters
    ----------
    private
        The private folder of the store.
    before
        What an earlier process, that was killed, left in `memory`; default: all that is there is durable.
    chance
        Makes what was not durable stay by chance; default: all of it is dropped.
    at, struck
        What happens in the place of the n-th operation.
    """

    def __init__(
        self,
        private: Path,
        *,
        before: bytes | None = None,
        chance: random.Random | None = None,
        at: int = 0,
        struck: Callable[[LossyDisk], None] | None = None,
    ) -> None:
        super().__init__(private)
        self.chance, self.at, self.struck = chance, at, struck
        self.made: list[str] = []
        self.lock_all = threading.RLock()
        self._by_handle: dict[int, _Node] = {}
        if before is not None:
            self._names, self._live = pickle.loads(before)
        else:
            self._live = {path: _read(path) for path in _below(private.parent)}
            self._names = dict(self._live)

    @property
    def memory(self) -> bytes:
        """What a process that is killed leaves to the operating system, for the next one."""
        return pickle.dumps((self._names, self._live))

    @property
    def steps(self) -> int:
        """How many operations were begun."""
        return len(self.made)

    def _step(self, kind: str) -> None:
        self.made.append(kind)
        if self.struck and 0 < self.at <= self.steps:
            self.struck(self)

    # ---- keeping account -----------------------------------------------------------------------

    def _open(self, path: Path, flags: int) -> int:
        with self.lock_all:
            self._step("open")
            handle = super()._open(path, flags)
            if path not in self._live:
                self._live[path] = _Node(folder=bool(flags & os.O_DIRECTORY))
            if flags & os.O_TRUNC:
                self._live[path].live.clear()
            self._by_handle[handle] = self._live[path]
            return handle

    def _write(self, handle: int, content: bytes | memoryview) -> None:
        with self.lock_all:
            self._step("write")
            super()._write(handle, content)
            self._by_handle[handle].live += content

    def _truncate(self, handle: int, size: int) -> None:
        with self.lock_all:
            self._step("truncate")
            super()._truncate(handle, size)
            del self._by_handle[handle].live[size:]

    def _fsync(self, handle: int) -> None:
        with self.lock_all:
            self._step("fsync")
            node = self._by_handle[handle]
            node.durable = bytes(node.live)
            if not node.folder:
                return
            folder = next(path for path, one in self._live.items() if one is node)
            for path in {*self._names, *self._live}:
                if path.parent == folder:
                    self._make_durable(path)

    def _make_durable(self, path: Path) -> None:
        if path in self._live:
            self._names[path] = self._live[path]
        else:
            self._names.pop(path, None)

    def _rename(self, old: Path, new: Path) -> None:
        with self.lock_all:
            self._step("rename")
            super()._rename(old, new)
            self._live[new] = self._live.pop(old)

    def _unlink(self, path: Path) -> None:
        with self.lock_all:
            self._step("unlink")
            super()._unlink(path)
            self._live.pop(path, None)

    def _mkdir(self, path: Path) -> None:
        with self.lock_all:
            self._step("mkdir")
            super()._mkdir(path)
            self._live[path] = _Node(folder=True)

    # ---- the cut -------------------------------------------------------------------------------

    def cut(self) -> None:
        """Take the power away: only what was durable is there afterwards."""
        with self.lock_all:
            left = dict(self._names)
            if self.chance:
                for path in sorted({*self._names, *self._live}):
                    if self._names.get(path) is not self._live.get(path) and self.chance.random() < 0.5:
                        left.pop(path, None)
                        left |= {path: self._live[path]} if path in self._live else {}
            shutil.rmtree(self.private.parent, ignore_errors=True)
            for path in sorted(left):
                if self.private.parent != path and self.private.parent not in path.parents:
                    continue
                if not path.parent.exists():
                    continue  # the name of its folder is lost
                if left[path].folder:
                    path.mkdir()
                else:
                    path.write_bytes(self._left_of(left[path]))

    def _left_of(self, node: _Node) -> bytes:
        live = bytes(node.live)
        if not self.chance or live == node.durable:
            return node.durable
        short = live[: self.chance.randrange(len(live) + 1)]
        return self.chance.choice([node.durable, short, short + bytes(len(live) - len(short)), live])


def _below(folder: Path) -> list[Path]:
    return [folder, *sorted(folder.rglob("*"))] if folder.exists() else []


def _read(path: Path) -> _Node:
    if path.is_dir():
        return _Node(folder=True)
    content = path.read_bytes()
    return _Node(False, content, bytearray(content))


# ---- broken on purpose: what hides behind the page cache when a process is killed ----------------------


class NoFileSync(LossyDisk):
    """Renames a file whose content was never made durable."""

    def _fill(self, path: Path, content: bytes | memoryview) -> None:
        handle = self._open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL)
        self._write(handle, content)
        os.close(handle)


class NoFolderSync(LossyDisk):
    """Takes a rename for durable."""

    def _sync_folder(self, path: Path) -> None:
        pass


class TrustsFolders(LossyDisk):
    """Takes a folder that is there for durable, whoever made it."""

    def folder(self, path: Path) -> None:
        for one in reversed((path, *path.parents)):
            if not one.exists():
                self._mkdir(one)
                self._sync_folder(one.parent)


BUGS: dict[str, type[LossyDisk]] = {
    "no fsync before rename": NoFileSync,
    "no fsync of the folder after rename": NoFolderSync,
    "a folder that is there is durable": TrustsFolders,
}
