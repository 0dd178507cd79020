"""Two accounts that use the same ids: each helper gives exactly what the accounts give apart."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import matplotlib.pyplot as plt
import pandas as pd
import pytest

import smsdata
from smsdata import Store, Stores, analysis, plots, sync
from smsdata.errors import UsageError
from smsdata.simulator import Account, Gateway
from tests.support import results
from tests.support.clients import connected
from tests.support.spark_session import small_session

NOW = "2026-11-24"
NAMES = ("perth", "sydney")
Read = Callable[[str], Any]

BY_ITSELF: dict[str, Callable[[Read], pd.DataFrame]] = {
    "attribute_replies": lambda t: analysis.attribute_replies(t("messages"), t("replies")),
    "avoidable_parts": lambda t: analysis.avoidable_parts(t("campaigns")),
    "bounce_history": lambda t: analysis.bounce_history(t("dlrs")),
    "bounce_kinds": lambda t: analysis.bounce_kinds(t("dlrs"), t("campaigns")),
    "classify_replies": lambda t: analysis.classify_replies(t("replies"), messages=t("messages")),
    "hard_bounced": lambda t: analysis.hard_bounced(
        t("dlrs"), t("replies"), campaigns=t("campaigns"), status_history=t("status_history"),
        messages=t("messages"), include_cleared=True,
    ),
    "list_growth": lambda t: analysis.list_growth(t("list_members"), optouts_of(t)),
    "list_health": lambda t: analysis.list_health(t("list_members"), t("dlrs"), t("replies"), now=NOW),
    "list_overlap": lambda t: analysis.list_overlap(t("list_members")),
    "optouts": lambda t: optouts_of(t),
    "reply_windows": lambda t: analysis.reply_windows(t("messages"), t("replies")),
    "segments": lambda t: analysis.segments(t("messages")),
    "sent_after_optout": lambda t: analysis.sent_after_optout(
        t("messages"), optouts_of(t), dlrs=t("dlrs"), include_review=True
    ),
    "threads": lambda t: analysis.threads(t("messages"), t("replies")),
}  # fmt: skip
"""Helpers that answer for each account by itself."""

GROUPED: dict[str, Callable[..., pd.DataFrame]] = {
    "costs": lambda t, **more: analysis.costs(t("campaigns"), now=NOW, **more),
    "delivery_rate": lambda t, **more: analysis.delivery_rate(
        t("messages"), list_members=t("list_members"), now=NOW, **more
    ),
    "optout_rate": lambda t, **more: analysis.optout_rate(
        t("dlrs"), replies=t("replies"), messages=t("messages"), list_members=t("list_members"), now=NOW,
        **more,
    ),
    "reply_rate": lambda t, **more: analysis.reply_rate(
        t("messages"), t("replies"), list_members=t("list_members"), now=NOW, **more
    ),
    "spent_on_dead": lambda t, **more: analysis.spent_on_dead(
        t("dlrs"), t("campaigns"), list_members=t("list_members"), **more
    ),
    "time_to_deliver": lambda t, **more: analysis.time_to_deliver(
        t("dlrs"), status_history=t("status_history"), list_members=t("list_members"), now=NOW, **more
    ),
    "time_to_reply": lambda t, **more: analysis.time_to_reply(
        t("messages"), t("replies"), list_members=t("list_members"), **more
    ),
    "time_to_settle": lambda t, **more: analysis.time_to_settle(
        t("dlrs"), t("status_history"), list_members=t("list_members"), **more
    ),
}  # fmt: skip
"""Helpers that count all accounts together, but by what `by` names."""

ALL_TOGETHER = {
    "alarms",
    "compare_rates",
    "delivery_trend",
    "explain",
    "number_details",
    "time_quantiles",
    "to_spark",
}
"""Those that join nothing by ids: they take a result, one table, or numbers."""


def optouts_of(t: Read) -> pd.DataFrame:
    return analysis.optouts(
        replies=t("replies"), dlrs=t("dlrs"), optouts=t("optouts"), list_members=t("list_members"),
        messages=t("messages"),
    )  # fmt: skip


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two accounts at gateways of their own: the same ids of sends, messages, replies and lists."""
    data = tmp_path_factory.mktemp("data")
    for seed, name in enumerate(NAMES):
        account = Account(seed=seed + 3, campaigns=5, recipients=30, singles=4, inbound=6, lists=2, days=30)
        with connected(Gateway(account, limiter=None), base_url=f"http://127.0.0.1:{9000 + seed}/") as client:
            sync(client, data / name)
    return data


def test_two_accounts_have_equal_ids_and_numbers(folder: Path) -> None:
    perth, sydney = (Store(folder / name) for name in NAMES)
    for table, column in (
        ("messages", "id"), ("messages", "message_id"), ("messages", "msisdn"), ("replies", "id"),
        ("lists", "list_id"),
    ):  # fmt: skip
        both = [set(store.read(table)[column]) for store in (perth, sydney)]
        assert both[0] & both[1], (table, column)


def test_every_public_helper_is_tried() -> None:
    tried = {*BY_ITSELF, *GROUPED, *ALL_TOGETHER, "Alarm", "ALARMS"}
    assert tried == set(analysis.__all__)


HAND_MADE: dict[str, Callable[[Read], pd.DataFrame]] = {
    "avoidable_parts": BY_ITSELF["avoidable_parts"],
    "bounce_kinds": BY_ITSELF["bounce_kinds"],
    "sent_after_optout": lambda t: analysis.sent_after_optout(
        t("messages"), analysis.optouts(replies=t("replies"), dlrs=t("messages"))
    ),
    # Its interval is of other days too, as by every group that lasts.
    "time_to_deliver": lambda t: analysis.time_to_deliver(
        t("messages"),
        status_history=t("history"),
        now=NOW,
        by="account" if "account" in t("messages") else None,
    ).drop(columns=["low", "high", "design_effect", "interval"]),
}


@pytest.mark.parametrize("name", HAND_MADE)
def test_helper_answers_for_each_account_by_itself_on_rows_made_for_it(name: str) -> None:
    """What a simulated account of this size has none of."""
    of_perth = {
        "messages": results.messages(), "dlrs": results.messages(), "campaigns": results.campaigns(),
        "replies": results.replies(), "history": results.history(),
    }  # fmt: skip
    later = results.messages()["delivered_at"] + pd.Timedelta(1, "min")
    of_sydney = {
        **of_perth,
        "messages": results.messages().assign(delivered_at=later),
        "replies": results.replies().iloc[1:],
        "campaigns": results.campaigns().assign(hard_bounced=2, message="Sale tomorrow! " * 10 + "🎉"),
    }
    whole = {
        table: pd.concat([of_perth[table].assign(account="perth"), of_sydney[table].assign(account="sydney")])
        for table in of_perth
    }
    parts = [
        HAND_MADE[name](own.__getitem__).assign(account=account)
        for account, own in zip(NAMES, (of_perth, of_sydney), strict=True)
    ]
    found = HAND_MADE[name](whole.__getitem__)
    assert len(found)
    assert len(parts[0]) != len(parts[1]) or not parts[0].equals(parts[1].assign(account="perth"))
    equal(found, pd.concat(parts, ignore_index=True))


def shapes_of(folder: Path) -> list[Read]:
    stores = Stores(folder)
    return [stores.read, stores.scan]


def apart(folder: Path, case: Callable[[Read], pd.DataFrame]) -> pd.DataFrame:
    """What the accounts give apart, one after the other."""
    parts = [case(Store(folder / name).scan).assign(account=name) for name in NAMES]
    return pd.concat(parts, ignore_index=True)


def equal(found: pd.DataFrame, wanted: pd.DataFrame) -> None:
    wanted = wanted[list(found.columns)].astype(found.dtypes)
    pd.testing.assert_frame_equal(found, wanted)


@pytest.mark.filterwarnings("ignore:.*matches any:UserWarning")
@pytest.mark.parametrize("name", BY_ITSELF)
def test_helper_answers_for_each_account_by_itself(name: str, folder: Path) -> None:
    wanted = apart(folder, BY_ITSELF[name])
    assert name in HAND_MADE or set(wanted["account"]) == set(NAMES), "one of them has nothing to tell"
    for read in shapes_of(folder):
        found = BY_ITSELF[name](read)
        assert found.columns[0] == "account"
        equal(found, wanted)


@pytest.mark.filterwarnings("ignore:.*matches any:UserWarning", "ignore:.*different values:UserWarning")
@pytest.mark.parametrize("by", ["account", "campaign", "contact:Email", None])
@pytest.mark.parametrize("name", GROUPED)
def test_grouped_helper_counts_each_account_by_its_own_rows(name: str, by: str | None, folder: Path) -> None:
    if name == "costs" and by == "contact:Email":
        pytest.skip("sends have no contacts")
    case = partial(GROUPED[name], by=by if by == "account" or by is None else ["account", by])
    own = partial(GROUPED[name], by=None if by == "account" else by)
    wanted = apart(folder, own)
    for read in shapes_of(folder):
        if by is None:  # all together: no more and no less than both apart
            counts = [one for one in wanted.columns if one in _COUNTS]
            assert case(read)[counts].sum().tolist() == wanted[counts].sum().tolist()
        else:
            found = case(read)
            # Its interval is of other days too, as by every group that lasts.
            told = [one for one in found if by != "account" or one not in _OF_INTERVALS]
            equal(found[told], wanted)
        if by == "campaign":
            equal(GROUPED[name](read, by=by), wanted)


_OF_INTERVALS = ("low", "high", "design_effect", "interval")
_COUNTS = ("n", "delivered", "replied", "replies", "optouts", "dead_recipients", "sends", "recipients")


def test_compare_rates_and_trends_count_each_message_once(folder: Path) -> None:
    alone = sum(len(Store(folder / name).read("messages")) for name in NAMES)
    for read in shapes_of(folder):
        compared = analysis.compare_rates(read("messages"), by="account", mature_only=True, now=NOW)
        assert compared["account"].tolist() != compared["baseline"].tolist()
        assert analysis.delivery_rate(read("messages"), now=NOW)["n"].tolist() == [alone]
        with pytest.raises(UsageError, match="one account at a time"):
            analysis.compare_rates(read("messages"), by="campaign", mature_only=True, now=NOW)


def test_helpers_refuse_a_table_that_does_not_say_whose_its_rows_are(folder: Path) -> None:
    stores, alone = Stores(folder), Store(folder / "perth")
    for read in (stores.read, stores.scan):
        with pytest.raises(UsageError, match="replies does not say whose its rows are"):
            analysis.reply_rate(read("messages"), alone.read("replies"), now=NOW)
        with pytest.raises(UsageError, match="optouts does not say whose"):
            analysis.sent_after_optout(read("messages"), optouts_of(alone.scan))


def test_helpers_tell_of_all_accounts_how_they_counted(folder: Path) -> None:
    for read in shapes_of(folder):
        found = analysis.hard_bounced(read("dlrs"), read("replies"), include_cleared=True)
        told = smsdata.explain(found)
        assert "each account by itself: perth, sydney" in told
        assert "account perth" in told
        assert "account sydney" in told
        rows = sum(len(Store(folder / name).read("dlrs")) for name in NAMES)
        assert found.attrs["explain"]["sources"]["dlrs"]["rows"] in (rows, None)
        assert "sydney" in str(smsdata.certificate(found))


def test_with_contact_field_looks_at_contacts_of_the_same_account() -> None:
    members = pd.DataFrame(
        {
            "account": ["perth", "sydney"],
            "msisdn": "61491570156",
            "fields": ['{"plan": "gold"}', '{"plan": "basic"}'],
        }
    )
    rows = pd.DataFrame({"account": ["sydney", "perth", "hobart"], "msisdn": "61491570156"})
    found = smsdata.with_contact_field(rows, members, "plan")["contact_plan"]
    assert found.fillna("none").tolist() == ["basic", "gold", "none"]


@pytest.mark.parametrize("name", ["list_growth", "list_health", "list_overlap"])
def test_pictures_tell_the_lists_of_two_accounts_apart(name: str, folder: Path) -> None:
    ax = getattr(plots, name)(BY_ITSELF[name](Stores(folder).scan))
    labels = [one.get_text() for one in (*ax.get_xticklabels(), *ax.get_yticklabels(), *texts_of(ax))]
    for account in NAMES:
        assert any(label.startswith(f"{account}, 31") for label in labels), labels
    assert len({label for label in labels if label.count(", 31")}) == 4
    plt.close("all")


@pytest.mark.parametrize("name", ["bounce_history", "reply_windows"])
def test_pictures_of_one_account_refuse_several(name: str, folder: Path) -> None:
    found = BY_ITSELF[name](Stores(folder).scan)
    with pytest.raises(UsageError, match=r"one at a time, such as frame\[frame\['account'\] == 'perth'\]"):
        getattr(plots, name)(found)
    getattr(plots, name)(found[found["account"] == "perth"])
    plt.close("all")


def texts_of(ax: Any) -> list[Any]:
    return list(ax.get_legend().get_texts()) if ax.get_legend() else []


@pytest.fixture(scope="module")
def session() -> Iterator[Any]:
    yield from small_session()


@pytest.mark.spark
@pytest.mark.filterwarnings("ignore:.*matches any:UserWarning")
@pytest.mark.parametrize("name", [*BY_ITSELF, *GROUPED])
def test_helper_on_spark_gives_what_the_accounts_give_apart(name: str, folder: Path, session: Any) -> None:
    spark = partial(Stores(folder).spark, session)
    if name in BY_ITSELF:
        equal(BY_ITSELF[name](spark), apart(folder, BY_ITSELF[name]))
    else:
        own = partial(GROUPED[name], by="campaign")
        equal(GROUPED[name](spark, by="campaign"), apart(folder, own))
