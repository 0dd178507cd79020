"""What a run of torture fired, and what came of it."""

from __future__ import annotations

import time
from collections import Counter
from dataclasses import dataclass, field


@dataclass
class Tally:
    """What a run fired and what came of it; `wrong` is empty when nothing went wrong."""

    kind: str
    seed: int
    fired: Counter[str] = field(default_factory=Counter)
    wrong: list[str] = field(default_factory=list)
    began: float = field(default_factory=time.monotonic)

    def __str__(self) -> str:
        fired = ", ".join(f"{name} {count:,}" for name, count in sorted(self.fired.items()))
        verdict = f"{len(self.wrong)} wrong" + "".join(f"\n  {line}" for line in self.wrong[:5])
        return f"{self.kind} seed={self.seed}: {fired}; {time.monotonic() - self.began:.0f} s; {verdict}"
