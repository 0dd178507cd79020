"""How well are opt-outs told from other replies? Prints the tables for the labelled replies in tests/data.

Run ``python benchmarks/optout_words.py``. Rules were tuned on the half called "tune"; "test" was set aside;
"fresh" was written by another author after the rules, and showed mistakes that were then put right.
"""

from __future__ import annotations

from pathlib import Path

import pandas as pd

from smsdata.analysis.reply_words import classify_text

LABELLED = Path(__file__).parents[1] / "tests" / "data" / "replies_labelled.csv"


def classified(path: Path = LABELLED) -> pd.DataFrame:
    """Read the labelled replies and put the classifier's answer beside each."""
    frame = pd.read_csv(path, dtype=str, keep_default_na=False)
    answers = [classify_text(t, m) for t, m in zip(frame["text"], frame["answered_message"], strict=True)]
    frame["kind"] = [a.kind for a in answers]
    frame["found_tier"] = [str(a.optout_tier or "-") for a in answers]
    frame["tier"] = frame["tier"].replace("", "-")
    return frame


def quality(frame: pd.DataFrame) -> dict[str, float]:
    """Precision and recall of tiers 1 and 2 together, and what the review tiers catch and cost."""
    certain = frame["tier"].isin(["1", "2"]) & frame["label"].eq("optout")
    found = frame["found_tier"].isin(["1", "2"])
    unsure = frame["label"].isin(["optout", "wrong_person"]) & ~certain
    nothing = ~frame["label"].isin(["optout", "wrong_person"])
    review = frame["found_tier"].isin(["3", "4"])
    return {
        "opt-outs of tier 1 and 2": certain.sum(),
        "precision": (certain & found).sum() / found.sum(),
        "recall": (certain & found).sum() / certain.sum(),
        "review tiers caught": (unsure & review).sum() / unsure.sum(),
        "other replies sent to review": (nothing & review).sum() / nothing.sum(),
        "kind agrees": frame["kind"].eq(frame["label"]).mean(),
    }


def main() -> None:
    frame = classified()
    for half, rows in (*frame.groupby("half"), ("all", frame)):
        print(f"\n== {half}: {len(rows)} replies")
        print("\n".join(f"{name:30s} {value:.4g}" for name, value in quality(rows).items()))
        print("\nexpected tier (rows) and found tier (columns)")
        print(pd.crosstab(rows["tier"], rows["found_tier"]))
        print("\nlabel (rows) and kind (columns)")
        print(pd.crosstab(rows["label"], rows["kind"]))


if __name__ == "__main__":
    main()
