"""Two processes read many replies as one does, and whatever happens to the second, every reply is read."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

from smsdata.analysis import reply_halves
from smsdata.analysis.reply_halves import Pair, classes_of
from smsdata.analysis.reply_words import ReplyClass, classify_text

ODD = [
    "",
    "\ud83d",
    "a\x00b",
    "ＳＴＯＰ",
    "stop\u2028now",
    "نهاية",
    '"]',
    "\N{CROSS MARK}",
    "STOP\r\n",
    "x" * 5000,
]
PAIRS = [(text, answered) for text in ODD for answered in ("", "Reply STOP to end", '"\ud800')] + [
    (f"please stop texting me {n}", "") for n in range(11)
]
ALONE = {pair: classify_text(*pair) for pair in PAIRS}


@pytest.fixture(autouse=True)
def started(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[subprocess.Popen[bytes]]]:
    """The processes that were started; replies are many from two on."""
    monkeypatch.setattr(reply_halves, "_ENOUGH", 2)
    made: list[subprocess.Popen[bytes]] = []

    class Started(subprocess.Popen):  # type: ignore[type-arg]
        def __init__(self, *words: object, **how: object) -> None:
            super().__init__(*words, **how)  # type: ignore[call-overload]
            made.append(self)

    monkeypatch.setattr(subprocess, "Popen", Started)
    yield made
    assert all(one.poll() is not None for one in made)


def test_two_processes_read_what_one_does(
    started: list[object], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also in a folder with files named as modules are."""
    (tmp_path / "json.py").write_text("raise SystemExit(1)")
    monkeypatch.chdir(tmp_path)
    own: list[int] = []
    read = reply_halves._read_here

    def counted(pairs: Sequence[Pair]) -> dict[Pair, ReplyClass]:
        own.append(len(pairs))
        return read(pairs)

    monkeypatch.setattr(reply_halves, "_read_here", counted)
    assert classes_of(PAIRS) == ALONE
    assert own == [(len(PAIRS) + 1) // 2]  # the other half was read by the other process
    assert len(started) == 1


@pytest.mark.parametrize(
    "said",
    ["raise SystemExit(3)", "print('[]')", "print('[[1]')", "import sys; sys.stdin.read(); print('[[[]]]')"],
)
def test_what_the_second_process_does_not_read_is_read_here(
    said: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reply_halves, "_READ", said)
    assert classes_of(PAIRS) == ALONE


def test_without_a_second_process_every_reply_is_read(
    started: list[object], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for executable in ("", str(tmp_path / "none")):
        monkeypatch.setattr(sys, "executable", executable)
        assert classes_of(PAIRS) == ALONE
    monkeypatch.undo()
    monkeypatch.setattr(reply_halves, "_ENOUGH", 2)
    monkeypatch.setattr(os, "cpu_count", lambda: None)
    assert classes_of(PAIRS) == ALONE
    assert not started


def test_who_interrupts_does_not_wait_for_the_second_process(
    started: list[subprocess.Popen[bytes]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reply_halves, "_READ", "import time; time.sleep(600)")

    def interrupted(_pairs: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(reply_halves, "_read_here", interrupted)
    with pytest.raises(KeyboardInterrupt):
        classes_of(PAIRS)
    assert started[0].returncode not in (0, None)
