"""The peak memory of a process, of its own program alone.

What getrusage tells of a process that was just started is at least what its parent held when it started it.
"""

from __future__ import annotations

import re
import resource
import sys
from pathlib import Path


def peak_bytes(process: int | None = None) -> int:
    """The most that this program held in memory; where there is no /proc, that of the process.

    Of another process by its id: 0 where it has ended.
    """
    try:
        status = Path(f"/proc/{process or 'self'}/status").read_text()
        (kilobytes,) = re.findall(r"^VmHWM:\s*(\d+) kB$", status, re.MULTILINE)
    except (OSError, ValueError):
        if process is not None:
            return 0
        most = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        return most * (1 if sys.platform == "darwin" else 1024)
    return int(kilobytes) * 1024
