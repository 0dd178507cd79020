"""Plots: what each picture says (title, labels, values, n, window, pending), without looking at pixels."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import pairwise

import matplotlib as mpl
import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest
from matplotlib.axes import Axes
from matplotlib.colors import to_rgba
from matplotlib.figure import Figure

from smsdata import UsageError, analysis, plots
from tests.support.pictures import (
    bounced,
    campaigns,
    labels,
    legend,
    members,
    messages,
    points,
    replies,
    settled,
    utc,
    widths,
    words,
)

NOW = "2026-11-22"


@pytest.fixture(autouse=True)
def _no_display() -> Iterator[None]:
    mpl.use("Agg")
    yield
    plt.close("all")


def test_delivery_rate_draws_a_dot_per_week_along_time() -> None:
    """Rates stand on a time axis, in percent."""
    ax = plots.delivery_rate(analysis.delivery_rate(messages(), by="week", now=NOW))
    assert ax.get_title(loc="left") == "Delivery rate by week"
    assert [y for _, y in points(ax)] == [0.75, 1.0, 1.0]
    ax.figure.draw_without_rendering()
    assert "100%" in labels(ax)
    assert ax.get_ylabel() == "delivery rate"


def test_delivery_rate_prints_n_window_and_pending_share() -> None:
    """The three facts stand below the picture."""
    ax = plots.delivery_rate(analysis.delivery_rate(messages(), by="week", now=NOW))
    facts = "n = 11 settled messages · 2 Nov 2026 to 20 Nov 2026 · 8.3% pending"
    assert ax.get_xlabel() == facts


def test_delivery_rate_tells_pending_below_a_tenth_of_a_percent_from_none() -> None:
    """A share that would round to zero is not printed as zero."""
    many = pd.concat([messages(status="delivered")] * 200).reset_index(drop=True)
    many = many.assign(message_id=range(len(many)), id=range(len(many)))
    none = plots.delivery_rate(analysis.delivery_rate(many, now=NOW))
    many.loc[0, "status"] = "pending"
    some = plots.delivery_rate(analysis.delivery_rate(many, now=NOW))
    assert "0.0% pending" in none.get_xlabel()
    assert "under 0.1% pending" in some.get_xlabel()


def test_delivery_rate_shows_the_interval_and_the_bounds() -> None:
    """The error bar is the Wilson interval, the band the bounds."""
    rates = analysis.delivery_rate(messages(), by="week", now=NOW)
    ax = plots.delivery_rate(rates)
    bounds, *bars = ax.collections
    drawn = [sorted(segment[:, 1]) for segment in bounds.get_segments()]
    assert drawn == rates[["bound_low", "bound_high"]].to_numpy().tolist()
    ends = sorted(tuple(segment[:, 1]) for bar in bars for segment in bar.get_segments())
    assert np.allclose(ends, sorted(zip(rates["low"], rates["high"], strict=True)))


def test_delivery_rate_leaves_the_immature_hollow() -> None:
    """Colour alone does not carry it: the dot is hollow, and the legend says so."""
    ax = plots.delivery_rate(analysis.delivery_rate(messages(), by="week", now=NOW))
    faces = [line.get_markerfacecolor() for line in ax.lines if line.get_marker() == "o"]
    assert [to_rgba(face) for face in faces] == [to_rgba(plots.BLUE), to_rgba("white")]
    assert legend(ax)[1:] == ["partial period", "rate, 95% interval", "not yet mature"]


def test_delivery_rate_puts_the_largest_group_on_top_with_its_n() -> None:
    """Groups that are no periods are rows, with their denominators."""
    ax = plots.delivery_rate(analysis.delivery_rate(messages().drop(index=2), by="sender", now=NOW))
    assert labels(ax) == ["61491570006 (n = 6)", "ACME (n = 4)"]
    assert ax.get_ylim()[0] > ax.get_ylim()[1]


def test_delivery_rate_draws_25_groups_and_says_so() -> None:
    """More rows would not be readable."""
    many = pd.concat([messages()] * 3).assign(id=range(36), message_id=range(36))
    ax = plots.delivery_rate(analysis.delivery_rate(many, by="campaign", now=NOW))
    assert len(labels(ax)) == 25
    assert "the 25 largest of 36 groups" in ax.get_xlabel()
    assert all(label.split()[0].isdigit() for label in labels(ax))


def test_delivery_rate_of_groups_without_a_name_says_unknown() -> None:
    """A missing group is a group."""
    ax = plots.delivery_rate(analysis.delivery_rate(messages(msisdn="999"), by="country", now=NOW))
    assert labels(ax) == ["unknown (n = 11)"]


def test_delivery_rate_of_nothing_says_no_data() -> None:
    """An empty result is an empty picture, not an error."""
    ax = plots.delivery_rate(analysis.delivery_rate(messages().iloc[:0], by="week", now=NOW))
    assert words(ax) == ["no data"]
    assert ax.get_xlabel() == "n = 0 settled messages · no window, no pending share: nothing was counted"


def test_delivery_rate_draws_where_it_is_told() -> None:
    """With ax given no figure is made."""
    mine = Figure().subplots()
    ax = plots.delivery_rate(analysis.delivery_rate(messages(), by="week", now=NOW), ax=mine)
    assert ax is mine
    assert plt.get_fignums() == []


def test_compare_rates_marks_what_differs() -> None:
    """A filled dot is a difference that the data shows."""
    rows = pd.concat([messages()] * 30).assign(id=range(360), message_id=range(360)).reset_index(drop=True)
    rows.loc[rows["sender"] == "ACME", "status"] = "soft-bounce"
    rows["msisdn"] = [
        f"61491575{n:03}" for n in range(len(rows))
    ]  # ninety messages to two numbers show little
    found = analysis.compare_rates(rows, by="sender", baseline="61491570006", now=NOW, mature_only=True)
    ax = plots.compare_rates(found)
    assert ax.get_title(loc="left") == "Delivery rate compared with 61491570006"
    assert points(ax) == [(-1.0, 0.0)]
    assert legend(ax) == ["95% interval leaves out 0"]
    assert "n = 240 settled messages" in ax.get_xlabel()


def test_delivery_trend_marks_the_day_outside() -> None:
    """The day that broke is red and a diamond, and the title counts it."""
    good, bad = ["delivered"] * 9 + ["hard-bounce"], ["hard-bounce"] * 10
    sent = pd.date_range("2026-10-01", periods=12, tz="UTC").repeat(10)
    rows = pd.DataFrame({"sent_at": sent, "status": (good + ["delivered"] * 10) * 5 + bad + good})
    ax = plots.delivery_trend(analysis.delivery_trend(rows, now=NOW))
    assert ax.get_title(loc="left") == "Delivered by day: 1 of 1 judged outside the usual"
    (mark,) = (line for line in ax.lines if line.get_marker() == "D")
    assert list(mark.get_ydata()) == [0.0]
    assert mark.get_color() == plots.RED
    assert "n = 120 settled messages · 1 Oct 2026 to 12 Oct 2026" in ax.get_xlabel()


def test_delivery_trend_crosses_days_with_too_few_to_judge() -> None:
    """A day with one message is marked at the edge, neither red nor counted, and stretches no axis."""
    sent = pd.date_range("2026-10-01", periods=12, tz="UTC").repeat([100] * 11 + [1])
    good = [87 + n % 7 for n in range(11)]
    words = [w for n in good for w in ["delivered"] * n + ["soft-bounce"] * (100 - n)]
    rows = pd.DataFrame({"sent_at": sent, "status": [*words, "bounced"]})
    ax = plots.delivery_trend(analysis.delivery_trend(rows, now=NOW))
    assert ax.get_title(loc="left") == "Delivered by day: 0 of 11 judged outside the usual"
    (mark,) = (line for line in ax.lines if line.get_marker() == "x")
    assert mark.get_transform() == ax.get_xaxis_transform()
    assert ax.get_ylim()[0] > 0.6
    assert "too few to judge" in legend(ax)
    assert "1 with too few to judge" in ax.get_xlabel()
    (band,) = ax.collections
    assert len(band.get_paths()[0].vertices) > 2 * 11  # limits over the eleven days that are judged


def curve() -> pd.DataFrame:
    """Delivered within 5 s and 90 s, one bounced, one pending, for two sends."""
    sent = pd.Timestamp("2026-11-01", tz="UTC")
    late = [sent + pd.Timedelta(5, "s"), sent + pd.Timedelta(90, "s"), None, None] * 2
    return pd.DataFrame(
        {
            "message_id": np.repeat([1, 2], 4),
            "msisdn": ["61491570150", "61491570151", "61491570152", "61491570153"] * 2,
            "sent_at": sent,
            "status": ["delivered", "delivered", "hard-bounce", "pending"] * 2,
            "delivered_at": late,
        }
    )


def test_time_to_deliver_draws_the_incidence_on_a_logarithmic_clock() -> None:
    """The steps are the incidence; ticks are times people count in."""
    found = analysis.time_to_deliver(curve(), now=NOW)
    ax = plots.time_to_deliver(found)
    (step,) = ax.lines
    assert list(step.get_ydata()) == [0, *found["incidence"], found["incidence"].iloc[-1]]
    followed = 21 * 86_400  # from the sending until now
    assert list(step.get_xdata())[1:] == [*found["seconds_high"], followed]
    assert list(found["followed"]) == [followed] * len(found)
    assert ax.get_xscale() == "log"
    assert "1 min" in [tick.get_text() for tick in ax.get_xticklabels()]
    assert "n = 8 messages · 1 Nov 2026 · 25.0% pending" in ax.get_xlabel()


def test_time_to_deliver_never_turns_back_where_some_receipts_are_cut_to_the_minute() -> None:
    """A receipt at a whole minute may come 60 s later, and then after some that have their second."""
    sent = pd.Timestamp("2026-11-01", tz="UTC")
    seconds = [30, 60, 70, 90, 130]
    rows = messages().iloc[:5].assign(sent_at=sent, status="delivered")
    rows["delivered_at"] = [sent + pd.Timedelta(s, "s") for s in seconds]
    ax = plots.time_to_deliver(analysis.time_to_deliver(rows, now="2026-11-22"))
    x, y = (np.asarray(one, float) for one in ax.lines[0].get_data())
    assert (np.diff(x) >= 0).all()
    assert y[1:-1] == pytest.approx([0.2, 0.4, 0.6, 0.8, 1.0])
    assert x[1:-1].tolist() == [30, 70, 90, 120, 130]


def test_a_clock_of_months_has_labels_that_do_not_touch() -> None:
    sent = pd.Timestamp("2026-06-01", tz="UTC")
    rows = messages().iloc[:3].assign(sent_at=sent, status=["delivered", "delivered", "pending"])
    rows["delivered_at"] = sent + pd.to_timedelta(pd.Series([1.0, 50.0, np.nan]), unit="s")
    ax = plots.time_to_deliver(analysis.time_to_deliver(rows, now="2026-11-22"))
    ax.figure.canvas.draw()
    boxes = [label.get_window_extent() for label in ax.get_xticklabels() if label.get_text()]
    assert len(boxes) >= 6
    assert all(one.x1 < other.x0 for one, other in pairwise(boxes))


def test_time_to_deliver_names_its_groups() -> None:
    """A send's id is a whole number."""
    ax = plots.time_to_deliver(analysis.time_to_deliver(curve(), by="campaign", now=NOW))
    assert legend(ax) == ["1", "2"]
    assert [line.get_linestyle() for line in ax.lines] == ["-", "--"]


def test_time_to_settle_draws_an_outcome_as_late_and_as_early_as_it_can_be() -> None:
    """The step stands at the latest times, the band reaches to the earliest."""
    found = settled(messages())
    ax = plots.time_to_settle(found)
    assert legend(ax) == ["delivered", "hard-bounce"]
    delivered = found[found["outcome"] == "delivered"]
    assert list(ax.lines[0].get_xdata())[:2] == list(delivered["seconds_high"]) == [3_600, 86_400]
    assert list(ax.lines[0].get_ydata())[:2] == list(delivered["incidence"])
    corners = ax.collections[0].get_paths()[0].vertices
    assert {1.0, 3_600.0, 86_400.0} <= set(corners[:, 0])
    assert "n = 12 messages · 2 Nov 2026 to 20 Nov 2026 · 8.3% pending" in ax.get_xlabel()
    ax.figure.draw_without_rendering()


def test_time_to_settle_of_groups_draws_the_first_and_says_so() -> None:
    """Several groups with two outcomes each would be no picture."""
    ax = plots.time_to_settle(settled(messages(), by="campaign"))
    assert "10, the first of 3 groups" in ax.get_xlabel()
    assert "n = 4 messages" in ax.get_xlabel()


def test_hard_bounced_counts_numbers_per_tier() -> None:
    """Every tier has its bar, empty ones too."""
    ax = plots.hard_bounced(analysis.hard_bounced(bounced(), include_cleared=True))
    assert widths(ax) == [1, 0, 0, 1]
    assert words(ax) == ["1", "0", "0", "1"]
    assert labels(ax)[0].startswith("remove")
    assert "n = 2 numbers" in ax.get_xlabel()
    assert "5 hard bounces" in ax.get_xlabel()


def test_hard_bounced_hatches_what_is_held() -> None:
    """Numbers of a spike are told apart without colour."""
    found = analysis.hard_bounced(bounced()).assign(held=True)
    ax = plots.hard_bounced(found)
    hatched = [bar.get_width() for bar in ax.patches if bar.get_hatch()]
    assert hatched == [1, 0, 0, 0]
    assert legend(ax) == ["held: spike"]


def test_bounce_history_shows_streaks_without_whole_numbers() -> None:
    """A picture travels; three digits are enough to tell the rows apart."""
    ax = plots.bounce_history(analysis.bounce_history(bounced()))
    assert labels(ax) == ["…153", "…151"]
    assert legend(ax) == ["delivered", "hard-bounce"]
    assert "2 of 2 numbers" in ax.get_xlabel()


def test_spent_on_dead_tells_money_and_share() -> None:
    """The bar is the money, the words its share."""
    dead = analysis.spent_on_dead(bounced().loc[:7], campaigns(), by="month", known_after="1d")
    ax = plots.spent_on_dead(dead)
    assert labels(ax) == ["Nov 2026"]
    assert widths(ax) == list(dead["dead_spend"])
    assert words(ax) == [f"{dead['dead_spend'][0]:.2f} ({dead['dead_share'][0]:.1%} of spend, 2 messages)"]


def test_reply_rate_draws_replied_over_delivered() -> None:
    """Only messages that can be answered are counted."""
    ax = plots.reply_rate(analysis.reply_rate(messages(), replies("Yes"), by="week", now=NOW))
    assert [y for _, y in points(ax)] == [0.5, 0.0, 0.0]
    assert ax.get_xlabel() == "n = 6 delivered · 2 Nov 2026 to 20 Nov 2026 · 0.0% pending"


def test_time_to_reply_draws_median_and_spread() -> None:
    """The dot is the median, the line reaches from the tenth to the ninetieth percentile."""
    times = analysis.time_to_reply(messages(), replies("Yes", "No", "Thanks"))
    ax = plots.time_to_reply(times)
    assert points(ax) == [(times["median"][0] * 60, 0.0)]
    (segment,) = ax.collections[0].get_segments()
    assert segment[:, 0].tolist() == [times["p10"][0] * 60, times["p90"][0] * 60]
    assert labels(ax) == ["all (n = 3)"]


def test_reply_windows_draws_three_shares() -> None:
    """What a longer window gains, and what it costs."""
    found = analysis.reply_windows(messages(), replies("Yes", "No"))
    ax = plots.reply_windows(found)
    assert legend(ax) == ["attributed", "ambiguous, of those attributed", "the gateway agrees"]
    assert [tick.get_text() for tick in ax.get_xticklabels()] == ["4h", "24h", "72h", "8d"]
    assert list(ax.lines[0].get_ydata()) == list(found["attributed_share"])
    assert "n = 2 replies" in ax.get_xlabel()


def test_classify_replies_counts_kinds_and_hatches_what_to_read() -> None:
    """Sure opt-outs and those for a person are parts of one bar."""
    kinds = analysis.classify_replies(replies("STOP", "please remove me", "Yes"))
    ax = plots.classify_replies(kinds)
    assert labels(ax) == ["opt-out", "yes"]
    assert words(ax) == ["2 (67%)", "1 (33%)"]
    assert [bar.get_width() for bar in ax.patches if bar.get_hatch()] == [1, 0]
    assert ax.get_xlim()[1] > 2.2  # room for the words behind the longest bar
    assert ax.get_xlabel() == "n = 3 replies · 2 Nov 2026"


def test_optout_rate_draws_optouts_over_delivered() -> None:
    """As the delivery rate, of people who were reached."""
    flagged = messages(optout=[True] + [False] * 11)
    ax = plots.optout_rate(analysis.optout_rate(flagged, by="week", now=NOW))
    assert [round(y, 3) for _, y in points(ax)] == [0.333, 0.0, 0.0]
    assert ax.get_title(loc="left") == "Opt-out rate by week"
    assert "n = 10 delivered" in ax.get_xlabel()


def test_optouts_adds_up_by_evidence_and_tells_the_rest() -> None:
    """What has no date or is not certain is not drawn, but counted."""
    found = analysis.optouts(replies=replies("STOP", "please remove me"))
    ax = plots.optouts(found)
    assert legend(ax) == ["reply (1)"]
    assert "n = 2 opt-outs" in ax.get_xlabel()
    assert "1 drawn, 1 for review, 0 taken back" in ax.get_xlabel()


def test_sent_after_optout_tells_the_breaches_apart_by_shape() -> None:
    """A message past the deadline is a diamond."""
    out = analysis.optouts(replies=replies("STOP"))
    breaches = analysis.sent_after_optout(messages(), out)
    ax = plots.sent_after_optout(breaches)
    assert legend(ax) == [
        "before the deadline (1)",
        "past deadline (1)",
        "deadline: 5 working days, here 7.5 days after the opt-out",
    ]
    assert [line.get_marker() for line in ax.lines] == ["o", "D"]
    assert [round(float(line.get_ydata()[0]), 2) for line in ax.lines] == [6.96, 17.96]
    assert "n = 2 messages" in ax.get_xlabel()


def test_costs_tells_spend_and_cost_per_delivered() -> None:
    """The most expensive kind is on top."""
    ax = plots.costs(analysis.costs(campaigns(), by="type"))
    assert labels(ax) == ["api", "campaign"]
    assert widths(ax) == [8.0, 4.0]
    assert words(ax) == ["8.00, 2.000 per delivered", "4.00, 1.333 per delivered"]
    assert "n = 8 messages · 2 Nov 2026 to 9 Nov 2026 · 0.0% pending" in ax.get_xlabel()


def test_costs_without_a_price_says_so() -> None:
    """No price is no zero."""
    ax = plots.costs(analysis.costs(campaigns().assign(cost=np.nan)))
    assert words(ax) == ["no price"]


def test_segments_shows_any_text() -> None:
    """Dollar signs are no formulas, and a character without a picture is named, not a box or a warning."""
    ax = plots.segments(analysis.segments(messages()))
    assert labels(ax) == ["Sale today", "50% off $ales [party popper]"]
    assert widths(ax) == [9, 3]
    assert words(ax) == ["9 × 1", "3 × 1"]
    assert [bool(bar.get_hatch()) for bar in ax.patches] == [False, True]
    ax.figure.draw_without_rendering()


@pytest.mark.parametrize(
    ("text", "drawn"),
    [
        ("退订回复TD", "[CJK x 4]TD"),
        ("ok 👍🏽!", "ok [thumbs up sign]!"),
        ("👩‍💻 hi", "[woman]\u200d[personal computer] hi"),
        ("Grüße, Ñandú €5 ✓", "Grüße, Ñandú €5 ✓"),
        ("ab", "a[U+E000]b"),
    ],
)
def test_every_text_on_a_picture_can_be_drawn(text: str, drawn: str) -> None:
    """Warnings are errors in these tests: a character without a picture would fail the rendering."""
    ax = plots.segments(analysis.segments(messages(message=text)))
    assert labels(ax) == [drawn]
    senders = messages(sender=[text] * 5 + ["ACME"] * 7).iloc[:8]
    named = plots.list_growth(analysis.list_growth(members()), names={7: f"$ {text} $^", 8: "Staff"})
    baseline = plots.compare_rates(analysis.compare_rates(senders, by="sender", now=NOW))
    for picture in (ax, named, baseline):
        picture.figure.draw_without_rendering()
    assert drawn in legend(named)[0]
    assert drawn in baseline.get_title(loc="left")


def test_segments_cuts_long_texts() -> None:
    """A row's label leaves room for the picture."""
    ax = plots.segments(analysis.segments(messages(message="word " * 40)))
    (label,) = labels(ax)
    assert len(label) == 36
    assert label.endswith("…")


def test_avoidable_parts_draws_what_was_wasted() -> None:
    """Half of the bill for one emoji."""
    ax = plots.avoidable_parts(analysis.avoidable_parts(campaigns()))
    assert widths(ax) == [4.0, 4.0]
    assert words(ax) == ["4.00 wasted, 2 → 1 parts"]
    assert "4.00 wasted in all" in ax.get_xlabel()


def test_list_health_stacks_contacts_to_the_members() -> None:
    """The parts of a bar add up."""
    health = analysis.list_health(members(), bounced(), now=NOW)
    ax = plots.list_health(health, names={7: "VIP $$ 🎉", 8: "Staff"})
    assert labels(ax) == ["VIP $$ [party popper]", "Staff"]
    assert sum(widths(ax)) == health["members"].sum() == 5
    assert legend(ax) == ["active", "active, but dead", "inactive", "opted out"]
    assert words(ax) == ["3", "2"]
    ax.figure.draw_without_rendering()


def test_list_overlap_writes_the_common_contacts() -> None:
    """The square of two lists holds their number; shade is the share."""
    ax = plots.list_overlap(analysis.list_overlap(members()), names={7: "VIP", 8: "Staff"})
    assert words(ax) == ["1"]
    assert ax.images[0].get_array().tolist() == [[1.0]]
    assert labels(ax) == ["Staff"]
    assert [tick.get_text() for tick in ax.get_xticklabels()] == ["VIP"]


def test_list_growth_draws_members_per_list() -> None:
    """One line per list, the largest first."""
    ax = plots.list_growth(analysis.list_growth(members().assign(synced_at=utc("2026-11-22")[0])))
    assert legend(ax) == ["7", "8", "partial period"]
    assert [line.get_ydata().tolist() for line in ax.lines] == [[2, 3], [1, 2]]
    assert "5 joined, 0 left" in ax.get_xlabel()


NOTHING: dict[str, Callable[[], Axes]] = {
    "compare_rates": lambda: plots.compare_rates(
        analysis.compare_rates(messages().iloc[:0], by="sender", now=NOW)
    ),
    "delivery_trend": lambda: plots.delivery_trend(analysis.delivery_trend(messages().iloc[:0], now=NOW)),
    "time_to_deliver": lambda: plots.time_to_deliver(analysis.time_to_deliver(curve().iloc[:0], now=NOW)),
    "time_to_settle": lambda: plots.time_to_settle(settled(messages().iloc[:0])),
    "hard_bounced": lambda: plots.hard_bounced(analysis.hard_bounced(messages().iloc[:0])),
    "bounce_history": lambda: plots.bounce_history(analysis.bounce_history(messages().iloc[:0])),
    "spent_on_dead": lambda: plots.spent_on_dead(analysis.spent_on_dead(messages().iloc[:0], campaigns())),
    "reply_rate": lambda: plots.reply_rate(analysis.reply_rate(messages().iloc[:0], replies("Yes"), now=NOW)),
    "time_to_reply": lambda: plots.time_to_reply(analysis.time_to_reply(messages(), replies("Yes").iloc[:0])),
    "reply_windows": lambda: plots.reply_windows(analysis.reply_windows(messages(), replies("Yes").iloc[:0])),
    "classify_replies": lambda: plots.classify_replies(analysis.classify_replies(replies("Yes").iloc[:0])),
    "optout_rate": lambda: plots.optout_rate(analysis.optout_rate(messages().iloc[:0], now=NOW)),
    "optouts": lambda: plots.optouts(analysis.optouts(replies=replies("Yes"))),
    "sent_after_optout": lambda: plots.sent_after_optout(
        analysis.sent_after_optout(messages(), analysis.optouts(replies=replies("Yes")))
    ),
    "costs": lambda: plots.costs(analysis.costs(campaigns().iloc[:0])),
    "segments": lambda: plots.segments(analysis.segments(messages().iloc[:0])),
    "avoidable_parts": lambda: plots.avoidable_parts(analysis.avoidable_parts(campaigns().iloc[:0])),
    "list_health": lambda: plots.list_health(analysis.list_health(members().iloc[:0], now=NOW)),
    "list_overlap": lambda: plots.list_overlap(analysis.list_overlap(members().iloc[:0])),
    "list_growth": lambda: plots.list_growth(analysis.list_growth(members().iloc[:0])),
}  # fmt: skip


@pytest.mark.parametrize("name", NOTHING)
def test_every_plot_of_nothing_can_be_rendered(name: str) -> None:
    """An empty result gives a picture with n = 0, without warnings."""
    ax = NOTHING[name]()
    ax.figure.draw_without_rendering()
    assert "n = 0 " in ax.get_xlabel()


@pytest.mark.parametrize("name", ["delivery_rate", *NOTHING])
def test_every_plot_refuses_another_frame(name: str) -> None:
    """The error names the plot and what to give it."""
    with pytest.raises(UsageError, match=rf"plots\.{name}: no column .* analysis\.{name}"):
        getattr(plots, name)(pd.DataFrame({"x": [1]}))


def test_the_palette_is_okabe_and_ito() -> None:
    """Any two colours differ in lightness or in a channel that dichromats tell apart."""
    palette = {
        to_rgba(color)
        for color in (plots.BLUE, plots.ORANGE, plots.GREEN, plots.RED, plots.SKY, plots.PURPLE)
    }
    published = ("#0072B2", "#E69F00", "#009E73", "#D55E00", "#56B4E9", "#CC79A7")
    assert palette == {to_rgba(color) for color in published}
