"""Each guide, followed from top to bottom in a clean home, does what it says and prints what it shows."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.guides import GUIDES, Page, steps_of

PAGES = sorted(GUIDES.glob("*.md"))


@pytest.mark.parametrize("path", PAGES, ids=lambda path: path.stem)
def test_guide_does_what_it_says(path: Path, tmp_path: Path) -> None:
    wrong = Page(path, tmp_path).follow()
    assert not wrong, "\n".join(["", *wrong])


@pytest.mark.parametrize("path", PAGES, ids=lambda path: path.stem)
def test_guide_is_short_and_has_steps_and_a_purpose(path: Path) -> None:
    text = path.read_text()
    assert len(text.splitlines()) <= 130
    assert re.search(r"^You (want|have) ", text, re.MULTILINE)
    assert [step.kind for step in steps_of(text)].count("console") >= 2


def page_of(text: str, folder: Path) -> Page:
    (folder / "page.md").write_text(text)
    return Page(folder / "page.md", folder)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("```console\n$ echo one\none\n```\n", ""),
        ("```console\n$ echo one\ntwo\n```\n", "printed:\none"),
        ("```console\n$ echo one\n```\n", "printed:\none"),
        ("```console\n$ true\none\n```\n", "shown:\none"),
        ("```console\n$ echo one two three\none ... three\n```\n", ""),
        ("```console\n$ seq 3\n...\n3\n```\n", ""),
        ("```console\n$ seq 3\n1\n...\n4\n```\n", "shown:"),
        ("```console\n$ false\n```\n", "exit code 1"),
        ("```console\n$ false\n$ echo $?\n1\n```\n", ""),
        ("```console\n$ cat <<'END'\n> a\n> END\na\n```\n", ""),
        ("```console\n$ echo out; echo err >&2\nout\nerr\n```\n", ""),
        ("```console\n$ printf 'Type yes: '; read word; echo got $word\nType yes: no\ngot no\n```\n", ""),
        ("```python\nword = 1\n```\nthen\n```python\nprint(word)\n```\n\n```text\n1\n```\n", ""),
        ("```python\nprint(2)\n```\n\n```text\n1\n```\n", "printed:\n2"),
        ("<!-- differs: abc -->\n```console\n$ echo id xyz\nid abc\n$ echo abc abc\nabc abc\n```\n", ""),
        ("<!-- differs: abc -->\n```console\n$ echo xyz zyx\nabc abc\n```\n", "printed:\nxyz zyx"),
    ],
)
def test_follow_tells_what_is_not_as_shown(text: str, words: str, tmp_path: Path) -> None:
    wrong = page_of(text, tmp_path).follow()
    assert (len(wrong), words in "\n".join(wrong)) == (int(bool(words)), True), wrong


def test_follow_takes_a_new_home_and_no_settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SMSDATA_API_SECRET", "of the machine")
    page = page_of('```console\n$ echo "[$SMSDATA_API_SECRET]" $(ls -A ~) $(ls -A)\n[]\n```\n', tmp_path)
    assert page.follow() == []
