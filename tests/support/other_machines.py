"""Python in a process of its own, on a machine that lacks something."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import Any

NOTHING: Mapping[str, str] = MappingProxyType({})
ROOT = Path(__file__).parent.parent.parent

NO_ZONES = """
import sys
sys.modules["tzdata"] = None
import pyarrow.compute as pc
def refuse(*arguments, **options):
    raise RuntimeError("this asks for the machine's zones")
for name in ("strftime", "strptime", "year", "month", "day", "hour", "floor_temporal", "local_timestamp"):
    setattr(pc, name, refuse)
"""
"""Python before anything else on a machine without zones; they must not be in its environment either."""

_HIDDEN = 'mount -t tmpfs none /usr/share/zoneinfo 2>/dev/null && exec "$@"'


def without_zones() -> list[str]:
    """What stands before a command to hide the system's zones from it too, where the kernel lets us."""
    hide = ["unshare", "-rm", "sh", "-c", _HIDDEN, "sh"]
    try:
        able = subprocess.run([*hide, "true"], check=False, capture_output=True).returncode == 0
    except OSError:
        able = False
    return hide if able else []


def in_python(
    script: str,
    *words: object,
    folder: Path,
    before: Sequence[str] = (),
    environment: Mapping[str, str] = NOTHING,
) -> subprocess.CompletedProcess[str]:
    """Run a script in another process; `before` is what its command line begins with."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("SMSDATA_")}
    settings: dict[str, Any] = {"PYTHONPATH": os.pathsep.join([str(ROOT), *sys.path[1:]])}
    return subprocess.run(
        [*before, sys.executable, "-c", script, *map(str, words)],
        capture_output=True, text=True, cwd=folder, env=kept | settings | dict(environment), timeout=120,
        check=False,
    )  # fmt: skip


WINDOWS = """
import os, sys
sys.modules["fcntl"] = sys.modules["pwd"] = sys.modules["grp"] = None
for name in ("register_at_fork", "getuid", "geteuid", "O_NOFOLLOW", "O_DIRECTORY", "O_NONBLOCK", "fork"):
    delattr(os, name)
"""
"""Python before anything else on a machine that is no POSIX."""

NO_TEMPORARY_FOLDER = """
import tempfile
tempfile._candidate_tempdir_list = lambda: []
"""

COMMAND = """
import runpy
runpy.run_module("smsdata", run_name="__main__")
"""
"""The command line, after such a beginning; its words are those of the script."""
