"""Who is dead and who only looks so: each rule on a few rows, and all of them on random histories."""

import random

import pandas as pd
import pytest

from smsdata.analysis import bounce_history, bounce_kinds, explain, hard_bounced
from smsdata.errors import UsageError
from tests.support.frames import dlrs_of, number_at

START = pd.Timestamp("2025-01-01T10:00:00", tz="UTC")
A, B, C = "61491570156", "61491570157", "61491570158"
WORDS = {"D": "delivered", "H": "hard-bounce", "S": "soft-bounce", "P": "pending", "?": "bounced"}


def at(day):
    return START + pd.Timedelta(day, "D")


def history(*events, number=A, **columns):
    """Receipts of one number: (day, letter of the status), each of another send."""
    dated = enumerate(events, start=1)
    return dlrs_of(
        *((send, number, at(day), WORDS.get(letter, letter)) for send, (day, letter) in dated), **columns
    )


def tier(dlrs, **options):
    found = hard_bounced(dlrs, include_cleared=True, **options)
    return found["tier"].iloc[0] if len(found) else None


@pytest.mark.parametrize(
    ("events", "expected"),
    [
        ([(0, "D"), (1, "H")], "exclude"),
        ([(0, "D"), (1, "H"), (2, "H")], "remove"),
        ([(0, "D"), (1, "H"), (1.1, "H")], "exclude"),
        ([(0, "H")], "remove"),
        ([(0, "H"), (1, "D")], "cleared"),
        ([(0, "H"), (1, "H"), (2, "D"), (3, "H")], "exclude"),
        ([(0, "H"), (1, "S"), (2, "P")], "remove"),
        ([(0, "D"), (1, "?")], None),
        ([(0, "?"), (1, "?"), (2, "?")], None),
        ([(0, "D"), (1, "P")], None),
        ([(0, "D"), (1, "REJECTED")], None),
    ],
)
def test_hard_bounced_tiers(events, expected):
    assert tier(history(*events)) == expected


@pytest.mark.parametrize(
    ("days", "expected"),
    [
        ([0, 5, 10, 15, 20, 25, 30], "review"),
        ([0, 5, 10, 15, 20, 25, 29.9], None),
        ([0, 5, 10, 15, 20, 30], None),
    ],
)
def test_hard_bounced_reviews_seven_soft_bounces_over_thirty_days(days, expected):
    assert tier(history(*((day, "S") for day in days))) == expected


def test_hard_bounced_soft_streak_ends_with_a_sign_of_life():
    soft = [(day, "S") for day in range(0, 50, 5)]
    assert tier(history(*soft)) == "review"
    assert tier(history(*soft, (22, "D"))) is None
    replies = pd.DataFrame({"msisdn": [A], "received_at": [at(22)]})
    assert tier(history(*soft), replies=replies) is None


def test_hard_bounced_reports_what_it_knows_of_a_number():
    dlrs = history((0, "D"), (3, "H"), (9, "H"), (12, "S"))
    dlrs["delivered_at"] = [at(1), pd.NaT, pd.NaT, pd.NaT]
    row = hard_bounced(dlrs).iloc[0]
    assert row[["msisdn", "bounces", "days", "sends", "delivered", "soft_streak"]].tolist() == [
        A,
        2,
        2,
        4,
        1,
        1,
    ]
    assert row[["first_bounce", "last_bounce", "last_delivered", "soft_since"]].tolist() == [
        at(3),
        at(9),
        at(1),
        at(12),
    ]
    assert pd.isna(row["last_reply"])


def test_hard_bounced_leaves_out_cleared_numbers_unless_asked():
    dlrs = history((0, "H"), (1, "D"))
    assert hard_bounced(dlrs).empty
    assert hard_bounced(dlrs, include_cleared=True)["tier"].tolist() == ["cleared"]


def test_hard_bounced_counts_a_delivery_when_it_arrived():
    dlrs = history((0, "D"), (1, "H"))
    late = dlrs.assign(delivered_at=[at(2), pd.NaT])
    assert tier(dlrs) == "exclude"
    assert tier(late) == "cleared"


@pytest.mark.parametrize(("day", "expected"), [(0.5, "exclude"), (1.5, "cleared")])
def test_hard_bounced_is_cleared_by_a_later_reply_only(day, expected):
    replies = pd.DataFrame({"msisdn": [A, B], "received_at": [at(day), at(9)]})
    assert tier(history((0, "D"), (1, "H")), replies=replies) == expected


def test_hard_bounced_counts_copies():
    row = hard_bounced(history((0, "D"), (1, "H"), copies=[1, 2])).iloc[0]
    assert row[["bounces", "sends", "tier"]].tolist() == [2, 3, "exclude"]


@pytest.mark.parametrize(
    ("hard", "soft", "expected"),
    [(1, 0, "remove"), (0, 1, None), (1, 1, None), (0, 0, None), (None, None, None)],
)
def test_hard_bounced_takes_bounced_for_hard_only_where_counters_decide(hard, soft, expected):
    campaigns = pd.DataFrame({"message_id": [1], "hard_bounced": [hard], "soft_bounced": [soft]})
    campaigns = campaigns.astype({"hard_bounced": "Int64", "soft_bounced": "Int64"})
    found = hard_bounced(history((0, "?")), campaigns=campaigns)
    assert found["tier"].tolist() == ([expected] if expected else [])
    assert found["inferred"].tolist() == ([1] if expected else [])


def test_hard_bounced_never_rests_on_a_conflict():
    seen = pd.DataFrame(
        {
            "message_id": [1, 1, 2],
            "msisdn": [A, A, A],
            "status": ["delivered", "hard-bounce", "hard-bounce"],
        }
    )
    dlrs = history((0, "H"), (1, "H"))
    assert tier(dlrs) == "remove"
    row = hard_bounced(dlrs, status_history=seen).iloc[0]
    assert row[["tier", "bounces", "conflicts"]].tolist() == ["exclude", 1, 1]
    assert hard_bounced(dlrs.iloc[:1], status_history=seen).empty


@pytest.mark.parametrize(("gap", "expected"), [(179, False), (180, True)])
def test_hard_bounced_suspects_a_new_owner_after_half_a_year(gap, expected):
    dlrs = history((0, "D"), (10, "H"), (10 + gap, "D"))
    found = hard_bounced(dlrs, include_cleared=True)
    assert found["possible_new_owner"].tolist() == [expected]


def test_hard_bounced_measures_the_new_owner_from_the_bounce_before_that_delivery():
    dlrs = history((0, "H"), (100, "D"), (200, "D"), (300, "H"), (400, "D"))
    assert hard_bounced(dlrs, include_cleared=True)["possible_new_owner"].tolist() == [False]


def outage(bounces_on_day_20):
    """Thirty days of 100 sends to as many numbers, each of which was delivered before."""
    rows = []
    for day in range(30):
        bad = bounces_on_day_20 if day == 20 else day % 3
        letters = "H" * bad + "D" * (100 - bad)
        rows += [
            (day, f"6149157{1000 + day * 30 + n:04d}" if n < bad else f"6149157{n:04d}", letter)
            for n, letter in enumerate(letters)
        ]
    frame = pd.DataFrame(rows, columns=["day", "msisdn", "letter"])
    before = frame.drop_duplicates("msisdn").assign(day=-1, letter="D")
    frame = pd.concat([before, frame], ignore_index=True)
    return pd.DataFrame(
        {
            "message_id": frame["day"] + 2,
            "msisdn": frame["msisdn"],
            "sent_at": START + pd.to_timedelta(frame["day"], unit="D"),
            "status": frame["letter"].map(WORDS),
        }
    )


def test_hard_bounced_holds_back_numbers_of_a_spike():
    found = hard_bounced(outage(60))
    on_the_day = found["last_bounce"] == at(20)
    assert found.loc[on_the_day, "held"].all()
    assert on_the_day.sum() == 60
    assert not found.loc[~on_the_day, "held"].any()
    assert not hard_bounced(outage(60), hold_spikes=False)["held"].any()
    assert not hard_bounced(outage(2))["held"].any()


def test_hard_bounced_sorts_by_tier_and_has_its_dtypes_without_rows():
    dlrs = pd.concat(
        [
            history((0, "D"), (1, "H"), number=A),
            history((0, "H"), number=C),
            history((0, "H"), number=B),
        ]
    )
    found = hard_bounced(dlrs)
    assert found["msisdn"].tolist() == [B, C, A]
    empty = hard_bounced(history())
    assert empty.empty
    assert empty.dtypes.astype(str).tolist() == found.dtypes.astype(str).tolist()
    assert "numbers whose last hard bounce" in explain(empty)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"replies": pd.DataFrame({"msisdn": ["x"]})}, "replies has no column 'received_at'"),
        ({"campaigns": pd.DataFrame({"message_id": [1]})}, "campaigns has no column 'hard_bounced'"),
        ({"status_history": pd.DataFrame({"message_id": [1]})}, "status_history has no column 'msisdn'"),
    ],
)
def test_hard_bounced_names_what_is_missing(options, words):
    with pytest.raises(UsageError, match=words):
        hard_bounced(history((0, "H")), **options)


def test_hard_bounced_refuses_rows_that_repeat_a_key():
    dlrs = history((0, "H"))
    with pytest.raises(UsageError, match="repeat the key"):
        hard_bounced(pd.concat([dlrs, dlrs]))


def oracle(events, replies):
    """The rules again, row by row in plain Python."""
    alive = max([day for day, letter in events if letter == "D"] + replies, default=None)
    later = [(day, letter) for day, letter in events if alive is None or day > alive]
    days = {int(day + 10 / 24) for day, letter in later if letter == "H"}
    soft = [day for day, letter in later if letter == "S"]
    if days:
        delivered = any(letter == "D" for _, letter in events)
        return "exclude" if len(days) == 1 and delivered else "remove"
    if len(soft) >= 7 and soft[-1] - soft[0] >= 30:
        return "review"
    return "cleared" if any(letter == "H" for _, letter in events) else None


def disagreements(judge):
    rng = random.Random(4)
    people, frames, answers = {}, [], []
    for person in range(250):
        number = f"6149157{person:04d}"
        weights = rng.choice([(8, 1, 1, 1, 1), (1, 1, 9, 1, 0), (1, 4, 1, 1, 1)])
        days = sorted(rng.sample(range(0, 400), rng.randint(1, 14)))
        events = [(day / 4, rng.choices("DHSP?", weights)[0]) for day in days]
        replies = [rng.randint(0, 400) / 4 + 0.1] if rng.random() < 0.2 else []
        people[number] = judge(events, replies)
        frames.append(history(*events, number=number))
        answers += [(number, at(day)) for day in replies]
    answered = pd.DataFrame(answers, columns=["msisdn", "received_at"])
    found = hard_bounced(pd.concat(frames), answered, hold_spikes=False, include_cleared=True)
    tiers = dict(zip(found["msisdn"], found["tier"], strict=True))
    return sum(tiers.get(number) != expected for number, expected in people.items())


def test_hard_bounced_agrees_with_the_rules_on_random_histories():
    assert disagreements(oracle) == 0


def test_hard_bounced_check_notices_a_wrong_rule():
    assert disagreements(lambda events, _replies: oracle(events, [])) > 0
    assert disagreements(lambda events, replies: oracle([e for e in events if e[1] != "S"], replies)) > 0


def test_bounce_history_cuts_streaks_and_skips_pending():
    found = bounce_history(history((0, "D"), (1, "H"), (2, "P"), (3, "H"), (4, "D"), (5, "S")))
    assert found["status"].tolist() == ["delivered", "hard-bounce", "delivered", "soft-bounce"]
    assert found["messages"].tolist() == [1, 2, 1, 1]
    assert found["days"].tolist() == [0, 2, 0, 0]
    assert found["streak"].tolist() == [1, 2, 3, 4]


def test_bounce_history_marks_only_the_latest_long_soft_streak():
    soft = [(day, "S") for day in range(0, 35, 5)]
    assert bounce_history(history(*soft))["review"].tolist() == [True]
    assert not bounce_history(history(*soft, (40, "D")))["review"].any()


def test_bounce_history_of_chosen_numbers_and_of_none():
    dlrs = pd.concat([history((0, "D"), number=A), history((0, "H"), number=B)])
    assert bounce_history(dlrs)["msisdn"].tolist() == [B]
    assert bounce_history(dlrs, [A])["msisdn"].tolist() == [A]
    empty = bounce_history(dlrs, [])
    assert empty.empty
    assert empty.dtypes.astype(str).tolist() == bounce_history(dlrs).dtypes.astype(str).tolist()


def test_bounce_kinds_subtract_the_receipts_already_known():
    dlrs = pd.concat([history((0, "?")), history((0, "H"), number=B), history((0, "?"), number=C)])
    for counters, kind in [((3, 0), "hard-bounce"), ((1, 2), "soft-bounce"), ((2, 1), None), ((1, 0), None)]:
        campaigns = pd.DataFrame(
            {
                "message_id": [1],
                "hard_bounced": [counters[0]],
                "soft_bounced": [counters[1]],
            }
        )
        found = bounce_kinds(dlrs, campaigns)
        assert found["bounced"].tolist() == [2]
        assert found["hard_left"].tolist() == [counters[0] - 1]
        assert found["kind"].tolist() == [kind] or (kind is None and found["kind"].isna().all())


@pytest.mark.parametrize(("delivered", "kind"), [(0, ["hard-bounce"]), (1, [])])
def test_bounce_kinds_take_no_soft_bounce_delivered_since_for_hard(delivered: int, kind: list[str]) -> None:
    """Counters newer than the receipts: what was pending bounced hard, what had bounced was delivered."""
    dlrs = pd.concat([history((0, "?")), history((0, "P"), number=B)])
    counters = {"hard_bounced": [1], "soft_bounced": [0], "delivered": [delivered]}
    campaigns = pd.DataFrame({"message_id": [1], **counters})
    assert bounce_kinds(dlrs, campaigns)["kind"].dropna().tolist() == kind
    assert len(hard_bounced(dlrs, campaigns=campaigns)) == len(kind)


def test_bounce_kinds_without_counters_are_missing():
    campaigns = pd.DataFrame({"message_id": [9], "hard_bounced": [1], "soft_bounced": [0]})
    with pytest.warns(UserWarning, match="none of 1 rows of dlrs matches any of 1 rows of campaigns"):
        found = bounce_kinds(history((0, "?")), campaigns)
    assert found[["hard_left", "soft_left", "kind"]].isna().all(axis=None)


def test_hard_bounced_finds_days_like_a_busy_one_however_many_quiet_days_lie_between() -> None:
    """Eleven campaigns, 60 days of one message between them: 15% on the last is a spike, and no guess."""
    rows = []
    for campaign in range(11):
        day = pd.Timestamp("2021-01-01T10:00Z") + pd.Timedelta(days=61 * campaign)
        bounced = 15 if campaign == 10 else 1
        for person in range(100):
            status = "hard-bounce" if (person + campaign) % 100 < bounced else "delivered"
            rows.append((campaign, number_at(person), day, status))
        for quiet in range(1, 61):
            one = (1000 * (campaign + 1) + quiet, number_at(500), day + pd.Timedelta(days=quiet), "delivered")
            rows.append(one)
    found = hard_bounced(dlrs_of(*rows))
    last = found[found["last_bounce"] == found["last_bounce"].max()]
    assert len(last) == 15
    assert last["held"].all()
    assert not last["unjudged"].any()
