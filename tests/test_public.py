"""The front door: what is promised is there, says what it does, and costs little to open."""

from __future__ import annotations

import subprocess
import sys

import pytest

import smsdata


@pytest.mark.parametrize("name", smsdata.__all__)
def test_public_names_exist_and_are_documented(name):
    assert (getattr(smsdata, name).__doc__ or "").strip()


def test_public_names_are_sorted_and_unknown_ones_refused():
    assert smsdata.__all__ == sorted(smsdata.__all__)
    with pytest.raises(AttributeError, match="nothing_of_the_kind"):
        _ = smsdata.nothing_of_the_kind


def test_verbs_stay_functions_whatever_was_imported():
    import smsdata.ingest.reconcile  # modules of the same names must not take their place
    import smsdata.ingest.run

    assert callable(smsdata.sync)
    assert callable(smsdata.drain)
    assert callable(smsdata.verify)


def test_import_leaves_the_heavy_libraries_out():
    code = "import sys, smsdata; print(sorted({'pandas', 'duckdb', 'matplotlib'} & set(sys.modules)))"
    assert subprocess.check_output([sys.executable, "-c", code], text=True).strip() == "[]"


def test_client_has_a_documented_method_for_every_table():
    for name in smsdata.gateway.endpoints.ENDPOINTS:
        assert name in (getattr(smsdata.Client, name).__doc__ or "")
