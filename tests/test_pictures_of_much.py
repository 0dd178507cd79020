"""Pictures of much and of little: axes that are fitted, periods and groups that are many, a dark ground."""

from __future__ import annotations

from collections.abc import Iterator

import matplotlib as mpl
import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest
from matplotlib.axes import Axes
from matplotlib.colors import to_rgba

from smsdata import analysis, plots
from smsdata.plots._axes import LINES, STATUS, looks
from tests.support.pictures import (
    bounced,
    campaigns,
    labels,
    legend,
    members,
    messages,
    replies,
    settled,
    utc,
    words,
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


def _grouped() -> dict[str, Axes]:
    """Pictures of groups: lines and bars that stand for no status."""
    rows = messages(delivered_at=utc("2026-11-21").repeat(12).array)
    wasteful = analysis.avoidable_parts(campaigns())
    return {
        "senders": plots.time_to_deliver(analysis.time_to_deliver(rows, by="sender", now=NOW)),
        "sends": plots.time_to_deliver(analysis.time_to_deliver(rows, by="campaign", now=NOW)),
        "lists": plots.list_growth(analysis.list_growth(members())),
        "sources": plots.optouts(analysis.optouts(replies=replies("STOP"), list_members=members())),
        "windows": plots.reply_windows(analysis.reply_windows(rows, replies("Yes"))),
        "texts": plots.segments(analysis.segments(rows)),
        "kinds": plots.classify_replies(analysis.classify_replies(replies("STOP", "Yes"))),
        "waste": plots.avoidable_parts(wasteful),
        "health": plots.list_health(analysis.list_health(members(), now=NOW)),
        "rates": plots.delivery_rate(analysis.delivery_rate(rows, by="sender", now=NOW)),
    }


def test_no_group_has_the_colour_of_a_status() -> None:
    """A sender in green reads as delivered, one in orange as a soft bounce; the pending band is grey."""
    statuses = {to_rgba(color)[:3] for color in STATUS.values()} - {to_rgba(plots.GREY)[:3]}
    for name, ax in _grouped().items():
        drawn = {to_rgba(line.get_color())[:3] for line in ax.lines}
        drawn |= {to_rgba(bar.get_facecolor())[:3] for bar in ax.patches}
        drawn |= {
            to_rgba(color)[:3] for one in ax.collections for color in np.atleast_2d(one.get_edgecolor())
        }
        assert not drawn & statuses, name


def test_lines_of_eight_groups_are_told_apart() -> None:
    assert len({(str(look["color"]), look["ls"]) for look in looks(99)}) == LINES


def test_the_colours_of_tiers_are_those_of_what_they_rest_on() -> None:
    ax = plots.hard_bounced(analysis.hard_bounced(bounced(), include_cleared=True))
    dead, soft, alive = (to_rgba(STATUS[name]) for name in ("hard-bounce", "soft-bounce", "delivered"))
    assert [bar.get_facecolor() for bar in ax.patches] == [dead, dead, soft, alive]


@pytest.mark.parametrize("what", ["all arrived", "no waste", "no reply", "nothing judged"])
def test_legends_explain_only_what_is_drawn(what: str) -> None:
    arrived = messages(status="delivered", sent_at=utc("2026-11-02").repeat(12).array)
    if what == "all arrived":
        ax = plots.delivery_rate(analysis.delivery_rate(arrived, by="sender", now=NOW))
        assert legend(ax) == ["rate, 95% interval"]
    elif what == "no waste":
        assert plots.avoidable_parts(analysis.avoidable_parts(campaigns().iloc[:1])).get_legend() is None
    elif what == "no reply":
        none = analysis.time_to_reply(messages(), replies("Yes").iloc[:0], by="sender")
        assert plots.time_to_reply(none).get_legend() is None
    else:
        ax = plots.delivery_trend(analysis.delivery_trend(messages(status="pending"), now=NOW))
        assert ax.get_legend() is None


def test_one_bar_does_not_fill_the_picture() -> None:
    ax = plots.avoidable_parts(analysis.avoidable_parts(campaigns()))
    bottom, top = ax.get_ylim()
    assert ax.patches[0].get_height() < 0.35 * (bottom - top)


@pytest.mark.parametrize("cost", [4.0, -4.0, 12_345_678_901.5, 0.0004])
def test_bars_and_their_words_lie_in_the_frame(cost: float) -> None:
    texts = ["Sale today! " * 10 + "🎉", "Other today! " * 10 + "🎉"]
    sends = campaigns().assign(cost=cost, message=texts, parts=2)
    waste, spent = analysis.avoidable_parts(sends), analysis.costs(sends, by="type")
    for ax in (plots.avoidable_parts(waste), plots.costs(spent)):
        ax.figure.canvas.draw()
        frame = ax.get_window_extent()
        for text in ax.texts:
            assert frame.x0 <= text.get_window_extent().x0 < text.get_window_extent().x1 <= frame.x1
            assert not text.get_text().startswith("0.00 ")
        assert {ax.get_window_extent().contains(*bar.get_window_extent().p0) for bar in ax.patches} <= {True}
        assert not ax.xaxis.get_offset_text().get_text()


def test_names_alike_at_their_beginning_or_as_a_whole_are_told_apart() -> None:
    alike = [f"A shop of a very long name, number {n}" for n in (1, 2)]
    rows = messages(sender=np.repeat(alike, 6))
    ax = plots.delivery_rate(analysis.delivery_rate(rows, by="sender", now=NOW))
    assert sorted(labels(ax)) == [
        "A shop of a ve…ame, number 1 (n = 6)",
        "A shop of a ve…ame, number 2 (n = 5)",
    ]
    health = plots.list_health(analysis.list_health(members(), now=NOW), names={7: "Staff", 8: "Staff"})
    assert labels(health) == ["Staff (7)", "Staff (8)"]


def test_long_names_leave_legend_title_and_facts_in_the_figure() -> None:
    names = ["A" * 60, "客户通知中心 " * 6, "🎉" * 30, "محمد " * 9]
    rows = messages(sender=names * 3, delivered_at=utc("2026-11-21").repeat(12).array)
    for ax in (
        plots.delivery_rate(analysis.delivery_rate(rows, by=["month", "sender"], now=NOW)),
        plots.compare_rates(analysis.compare_rates(rows, by="sender", now=NOW, mature_only=True)),
        plots.time_to_deliver(analysis.time_to_deliver(rows, by="sender", now=NOW)),
    ):
        ax.figure.canvas.draw()
        told = [ax.xaxis.label, ax.get_legend(), ax._left_title]
        assert max(one.get_window_extent().x1 for one in told) <= ax.figure.bbox.x1 + 1


def test_no_data_begin_at_no_time() -> None:
    none = analysis.sent_after_optout(messages(), analysis.optouts(replies=replies("Yes")))
    assert list(plots.sent_after_optout(none).get_xticks()) == []
    waiting = analysis.delivery_trend(messages(status="pending"), now=NOW)
    assert list(plots.delivery_trend(waiting).get_xticks()) == []


@pytest.mark.parametrize("status", ["delivered", "hard-bounce", "pending"])
def test_shares_end_at_nothing_and_at_all(status: str) -> None:
    rows = messages(status=status)
    for ax in (
        plots.delivery_trend(analysis.delivery_trend(rows, now=NOW)),
        plots.delivery_rate(analysis.delivery_rate(rows, by="week", now=NOW)),
    ):
        low, high = ax.get_ylim()
        assert -0.07 < low < high < 1.07


def test_rows_of_partial_periods_are_hatched() -> None:
    ax = plots.delivery_rate(analysis.delivery_rate(messages(), by=["week", "sender"], now=NOW))
    partial = [label for label in labels(ax) if label.startswith("16 Nov")]
    assert len([band for band in ax.patches if band.get_hatch()]) == len(partial) == 2
    assert "partial period" in legend(ax)


def test_a_clock_has_three_ticks_and_more() -> None:
    rows = messages()[:1].assign(sent_at=utc("2026-11-21T07:05"), delivered_at=utc("2026-11-21T07:13"))
    ax = plots.time_to_deliver(analysis.time_to_deliver(rows, now="2026-11-21T07:20"))
    low, high = ax.get_xlim()
    assert sum(low <= tick <= high for tick in ax.get_xticks()) >= 3


def test_quarters_and_years_are_named_where_they_stand() -> None:
    rows = messages(sent_at=utc("2026-08-03", "2026-10-09", "2026-11-02").repeat(4).array)
    quarters = plots.delivery_rate(analysis.delivery_rate(rows, by="quarter", now=NOW))
    years = plots.delivery_rate(analysis.delivery_rate(rows, by="year", now=NOW))
    assert [tick.get_text() for tick in quarters.get_xticklabels()] == ["Jul 2026", "Oct 2026"]
    assert [tick.get_text() for tick in years.get_xticklabels()] == ["2026"]


def test_texts_of_one_template_are_one_bar() -> None:
    """Eighty names were eighty bars, of which twelve were drawn."""
    texts = [
        f"{name}, we miss you. See https://example.com"
        for name in ("Kim", "Lea", "Mary Jane", "van der Berg")
    ]
    ax = plots.segments(analysis.segments(messages(message=[*texts, "Sale today"] + ["Sale today"] * 7)))
    assert labels(ax) == ["Sale today", "[...], we miss you. See https://exa…"]
    assert [bar.get_width() for bar in ax.patches] == [8, 4]
    assert "5 texts" in ax.get_xlabel()


@pytest.mark.parametrize("by", ["week_from_sunday", "quarter", "year", "year_from_july"])
def test_periods_of_ones_own_are_charted_along_time(by: str) -> None:
    """Weeks from Sunday were rows sorted by size, and refused by the chart and by growth."""
    rate = plots.delivery_rate(analysis.delivery_rate(messages(), by=by, now="2026-11-21"))
    trend = plots.delivery_trend(analysis.delivery_trend(messages(), by=by, now="2026-11-21"))
    growth = plots.list_growth(analysis.list_growth(members(), by=by))
    assert rate.get_ylabel() == "delivery rate"
    for ax in (rate, trend):
        assert "partial period" in legend(ax)
    assert growth.get_ylabel() == "contacts"


def test_a_group_of_which_nothing_is_settled_does_not_stretch_the_axis() -> None:
    """Its bounds reach from none to all: the groups that can be judged would shrink to points."""
    rows = many_of({"A": 300, "B": 300, "C": 300})
    rows["status"] = rows["status"].mask(rows["sender"] == "C", "pending")
    ax = plots.delivery_rate(analysis.delivery_rate(rows, by="sender", now=NOW))
    assert ax.get_xlim()[1] - ax.get_xlim()[0] < 0.3
    assert "1 of under 30 reach beyond the axis" in ax.get_xlabel().replace("\n", " ")


def test_six_numbers_in_a_legend_stay_in_the_figure() -> None:
    rows = many_of({f"6149157000{n}": 60 for n in range(6)})
    rows["delivered_at"] = (rows["sent_at"] + pd.Timedelta(9, "s")).where(rows["status"] == "delivered")
    ax = plots.time_to_deliver(analysis.time_to_deliver(rows, by="sender", now=NOW))
    figure = ax.figure
    figure.canvas.draw()
    box = ax.get_legend().get_window_extent()
    assert box.x1 <= figure.bbox.x1
    assert len(legend(ax)) == 6


def test_ticks_of_one_week_name_the_month() -> None:
    rows = many_of({"A": 100}, days=1)
    ax = plots.delivery_rate(analysis.delivery_rate(rows, by="week", now=NOW))
    ax.figure.canvas.draw()
    ticks = [label.get_text() for label in ax.get_xticklabels()]
    assert ticks
    assert all(tick[-3:] in ("Oct", "Nov") for tick in ticks)


def test_nothing_delivered_is_no_data_and_has_no_legend() -> None:
    waiting = messages(status="pending", sender="61491570006")
    ax = plots.reply_rate(analysis.reply_rate(waiting, replies("Yes"), by="campaign", now=NOW))
    assert ax.get_legend() is None
    assert "no data" in words(ax)
    alone = plots.delivery_trend(analysis.delivery_trend(many_of({"A": 100}, days=1), now=NOW))
    assert legend(alone) == ["not judged"]  # the centre of one day is a point without a mark


def many_of(senders: dict[str, int], days: int = 6) -> pd.DataFrame:
    """So many messages of each sender, four of five delivered, each to a number of its own."""
    sender = np.repeat(list(senders), list(senders.values()))
    place = np.arange(len(sender))
    return pd.DataFrame(
        {
            "id": place,
            "message_id": place % 50,
            "msisdn": ("61491" + pd.Series(place).astype(str).str.zfill(6)).astype("str"),
            "sender": pd.Series(sender, dtype="str"),
            "sent_at": pd.Timestamp("2026-11-09T09:00", tz="UTC") + pd.to_timedelta(place % days, unit="D"),
            "status": pd.Series(np.where(place % 5 > 0, "delivered", "soft-bounce"), dtype="str"),
        }
    )
