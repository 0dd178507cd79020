"""A span of time that ends before it begins is an error, and no empty frame."""

from __future__ import annotations

from pathlib import Path

import pytest

from smsdata import Store
from smsdata.errors import UsageError


def test_a_span_that_ends_before_it_begins_is_refused_and_says_what_to_do(tmp_path: Path) -> None:
    store = Store(tmp_path)
    for use in (store.read, store.scan, store.rows):
        with pytest.raises(UsageError, match=r"11-20T00:00:00Z is before since=2026-11-21.*exchange the two"):
            use("messages", since="2026-11-21", until="2026-11-20")
    assert store.read("messages", since="2026-11-21", until="2026-11-21").empty
