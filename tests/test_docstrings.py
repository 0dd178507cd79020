"""Every public helper and every plot tells its shape, dtypes, errors and source, and shows an example.

The examples themselves run as doctests with the rest of the suite.
"""

from __future__ import annotations

import doctest
import inspect
import re
from collections.abc import Callable

import pytest

from smsdata import analysis, plots
from tests.support.results import RESULTS

HELPERS = [
    getattr(analysis, name) for name in analysis.__all__ if inspect.isfunction(getattr(analysis, name))
]
PLOTS = [
    function
    for name, function in inspect.getmembers(plots, inspect.isfunction)
    if function.__module__.startswith(f"{plots.__name__}.")
]
# Spark is an optional extra: what gives a Spark frame cannot run everywhere.
RUN = [function for function in [*HELPERS, *PLOTS] if function.__name__ != "to_spark"]
SECTION = re.compile(r"^([A-Z][\w ]+)\n-{3,}$", re.MULTILINE)
# They count or lay out what is there: no formula or rule of somebody else.
WITHOUT_REFERENCES = {
    "bounce_history", "bounce_kinds", "explain", "list_growth", "list_overlap", "threads", "to_spark",
}  # fmt: skip


# Columns whose name or dtype the caller decides, by ``by`` or ``count``.
AS_ASKED = {
    "compare_rates": {"sender", "baseline"}, "delivery_trend": {"day", "delivered"}, "list_growth": {"month"},
    "optout_rate": {"campaign"},
}  # fmt: skip


def sections(function: Callable[..., object]) -> dict[str, str]:
    """The parts of a numpydoc docstring by their titles; the first is ``""``."""
    title, *rest = SECTION.split(inspect.getdoc(function) or "")
    return {"": title, **dict(zip(rest[::2], rest[1::2], strict=True))}


@pytest.mark.parametrize("function", [*HELPERS, *PLOTS], ids=lambda f: f"{f.__module__}.{f.__name__}")
def test_docstrings_have_all_sections(function: Callable[..., object]) -> None:
    titles = sections(function)
    assert titles[""].strip().splitlines()[0].endswith(".")
    assert {"Parameters", "Returns", "Raises", "Examples"} <= titles.keys()
    assert "UsageError" in titles["Raises"]


@pytest.mark.parametrize("function", [*HELPERS, *PLOTS], ids=lambda f: f"{f.__module__}.{f.__name__}")
def test_docstrings_name_every_parameter_and_no_other(function: Callable[..., object]) -> None:
    heads = re.findall(r"^(\w[\w, ]*?)(?: : .+)?$", sections(function)["Parameters"], re.MULTILINE)
    named = [name for head in heads for name in head.split(", ")]
    assert named == list(inspect.signature(function).parameters)


@pytest.mark.parametrize("function", RUN, ids=lambda f: f"{f.__module__}.{f.__name__}")
def test_docstrings_show_an_example_that_runs_and_prints(function: Callable[..., object]) -> None:
    text = sections(function)["Examples"]
    assert text.strip().startswith(">>>")
    examples = doctest.DocTestParser().get_examples(inspect.getdoc(function) or "")
    assert any(example.want for example in examples)
    assert any(f"{function.__name__}(" in example.source for example in examples)
    assert "+SKIP" not in text


@pytest.mark.parametrize("name", sorted(RESULTS))
def test_docstrings_name_every_column_with_its_dtype(name: str) -> None:
    returns = sections(getattr(analysis, name))["Returns"]
    frame = RESULTS[name]()
    if name == "alarms":  # which has the columns of the frame that came in, and then its own
        frame = frame.loc[:, "alarm":]
    for column, dtype in frame.drop(columns=AS_ASKED.get(name, set())).dtypes.astype(str).items():
        assert f"``{column}``" in returns, column
        assert dtype in returns, f"{column} is {dtype}"


@pytest.mark.parametrize("function", HELPERS, ids=lambda f: f.__name__)
def test_docstrings_name_the_source_of_a_formula(function: Callable[..., object]) -> None:
    titles = sections(function)
    assert ("References" in titles) == (function.__name__ not in WITHOUT_REFERENCES)


@pytest.mark.parametrize("function", PLOTS, ids=lambda f: f.__name__)
def test_docstrings_of_plots_say_whose_result_they_draw(function: Callable[..., object]) -> None:
    assert f"`smsdata.analysis.{function.__name__}`" in sections(function)["Parameters"]
    assert sections(function)["Returns"].strip().startswith("Axes")


def test_docstrings_are_asked_of_every_plot_that_has_a_helper_of_its_name() -> None:
    assert {plot.__name__ for plot in PLOTS} <= {helper.__name__ for helper in HELPERS}
    assert len(PLOTS) >= 20
