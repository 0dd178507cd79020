"""A Chromium for the session, a tab for each test, and a folder for what they look like."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.browser.devtools import Tab, browser, chromium

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="session")
def new_tab() -> Iterator[Callable[[], Tab]]:
    program = chromium()
    if program is None:
        pytest.fail("make test-browser needs Chromium: apt-get install chromium")
    with browser(program) as opened:
        yield opened


@pytest.fixture
def tab(new_tab: Callable[[], Tab]) -> Tab:
    return new_tab()


@pytest.fixture(scope="session")
def artefacts() -> Path:
    """Where pictures are kept: a folder that git ignores."""
    folder = Path(os.environ.get("SMSDATA_ARTEFACTS", ROOT / "artefacts"))
    folder.mkdir(parents=True, exist_ok=True)
    return folder
