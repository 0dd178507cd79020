"""Pictures of much and of little: axes that are fitted, periods and groups that are many, a dark ground."""

from __future__ import annotations

from collections.abc import Iterator

import matplotlib as mpl
import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest
from matplotlib.colors import to_rgba

from smsdata import analysis, plots
from tests.support.pictures import (
    bounced,
    campaigns,
    labels,
    legend,
    messages,
    replies,
    settled,
    utc,
)

NOW = "2026-11-22"


@pytest.fixture(autouse=True)
def _no_display() -> Iterator[None]:
    mpl.use("Agg")
    yield
    plt.close("all")


def test_rates_of_few_do_not_stretch_the_axis() -> None:
    """The axis is fitted to groups of thirty and more; the others are marked at its edge, and counted."""
    sent = utc("2026-11-02", "2026-11-09").repeat([400, 2]).reset_index(drop=True)
    rows = pd.DataFrame({"sent_at": sent, "status": ["delivered"] * 380 + ["hard-bounce"] * 22})
    ax = plots.delivery_rate(analysis.delivery_rate(rows, by="week", now=NOW))
    assert ax.get_ylim()[0] > 0.85
    assert "1 of under 30 reach beyond the axis" in ax.get_xlabel()
    assert [line.get_marker() for line in ax.lines if line.get_marker() in list("v^<>")] == ["v"]


def test_rates_by_weekday_and_hour_are_a_map_of_the_week() -> None:
    """168 rows would not be readable; cells of few are crossed."""
    sent = pd.date_range("2026-11-02", periods=168, freq="h", tz="UTC").repeat(30)
    rows = pd.DataFrame({"sent_at": sent, "status": "delivered"}).iloc[:-1]
    rates = analysis.delivery_rate(rows, by=["weekday", "hour_of_day"], now=NOW)
    ax = plots.delivery_rate(rates)
    (cells,) = (image.get_array() for image in ax.images)
    assert cells.shape == (7, 24)
    assert np.isnan(cells.filled(np.nan)[6, 23])
    assert np.isnan(cells.filled(np.nan)).sum() == 1
    assert labels(ax) == ["Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"]
    assert legend(ax) == ["fewer than 30"]


def test_many_periods_are_a_band_and_one_has_room() -> None:
    """2,160 hours with a bar each are a blob; one day alone does not draw years."""
    sent = pd.date_range("2026-10-02", periods=500, freq="h", tz="UTC").repeat(30)
    rows = pd.DataFrame({"sent_at": sent, "status": "delivered"})
    ax = plots.delivery_rate(analysis.delivery_rate(rows, by="hour", now=NOW))
    assert legend(ax)[-2:] == ["95% interval", "rate"]
    one = plots.delivery_rate(analysis.delivery_rate(rows[:60], by="day", now=NOW))
    first, last = one.get_xlim()
    assert last - first < 10


def test_costs_by_many_days_stand_along_time() -> None:
    """Ninety bars sorted by amount tell nothing."""
    days = utc(*(f"2026-09-{day:02}" for day in range(1, 31)))
    spent = pd.concat([campaigns().iloc[:1]] * 30, ignore_index=True).assign(
        message_id=range(30), sent_at=days
    )
    ax = plots.costs(analysis.costs(spent, by="day"))
    assert [bar.get_height() for bar in ax.patches] == [4.0] * 30
    assert ax.get_title(loc="left") == "Spend by day"


def test_many_lists_are_capped_and_counted() -> None:
    """Two hundred rows are unreadable."""
    many = pd.DataFrame({"list_id": range(205), "msisdn": "61491570150", "status": "active"})
    ax = plots.list_health(analysis.list_health(many))
    assert len(labels(ax)) == 25
    assert "the 25 largest of 205 lists, and 180 more" in ax.get_xlabel()
    both = plots.list_overlap(analysis.list_overlap(many[:20]))
    assert len(labels(both)) == 11
    assert "the 12 largest of 20 lists, and 8 more" in both.get_xlabel()


def test_long_labels_keep_their_n() -> None:
    """The name is cut, not its denominator."""
    ax = plots.delivery_rate(analysis.delivery_rate(messages(sender="A" * 60), by="sender", now=NOW))
    assert labels(ax) == ["A" * 26 + "… (n = 11)"]


def test_reply_rate_tells_opt_outs_from_answers() -> None:
    """The square is the rate without people who asked to be left alone."""
    rates = analysis.reply_rate(messages(), replies("STOP", "Yes"), by="week", now=NOW)
    assert rates["opted_out"].tolist() == [1, 0, 0]
    ax = plots.reply_rate(rates)
    (squares,) = (line for line in ax.lines if line.get_marker() == "s")
    assert squares.get_ydata().tolist()[0] == rates["rate"][0] - 1 / rates["delivered"][0]


def test_every_status_has_one_colour() -> None:
    """Green is delivered and red a hard bounce, in each picture."""
    story = plots.bounce_history(analysis.bounce_history(bounced()))
    times = plots.time_to_settle(settled(messages()))
    colours = {line.get_label(): line.get_color() for line in times.lines}
    assert colours == {"delivered": plots.GREEN, "hard-bounce": plots.RED}
    drawn = {c.get_label(): c.get_edgecolor()[0] for c in story.collections}
    assert {name: to_rgba(colours[name]) for name in drawn} == {k: tuple(v) for k, v in drawn.items()}


def test_pictures_are_readable_on_a_dark_ground() -> None:
    """Nothing is drawn in a black or white of its own."""
    with plt.style.context("dark_background"):
        ax = plots.delivery_rate(analysis.delivery_rate(messages(), by="week", now=NOW))
        assert to_rgba(ax.xaxis.label.get_color())[:3] == (1.0, 1.0, 1.0)
        hollow = [line for line in ax.lines if line.get_marker() == "o"][-1]
        assert to_rgba(hollow.get_markerfacecolor()) == to_rgba("black")


def test_a_day_that_cannot_be_judged_is_not_called_inside() -> None:
    rows = pd.DataFrame({"sent_at": utc("2026-11-02").repeat(40), "status": "delivered"})
    ax = plots.delivery_trend(analysis.delivery_trend(rows, now=NOW))
    assert "not judged" in legend(ax)
    assert "inside" not in legend(ax)


def test_a_week_of_few_has_a_scale_of_shares() -> None:
    rows = pd.DataFrame({"sent_at": utc("2026-11-02", "2026-11-03"), "status": "delivered"})
    rates = analysis.delivery_rate(rows, by=["weekday", "hour_of_day"], now=NOW)
    assert plots.delivery_rate(rates).images[0].get_clim() == (0, 1)


def test_one_opt_out_is_counted_from_nothing_in_whole_numbers() -> None:
    ax = plots.optouts(analysis.optouts(replies=replies("STOP")))
    assert ax.get_ylim()[0] == 0
    assert all(float(tick).is_integer() for tick in ax.get_yticks())
