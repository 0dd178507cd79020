"""How well are opt-outs told from other replies? Prints the tables for the labelled replies in tests/data.

Run ``python benchmarks/optout_words.py``; ``--speed`` measures a million replies instead. The corpus in 73
languages is judged on the parts that were held back, left untouched and set aside, beside two baselines: the
keywords of CTIA and Twilio, and a regular expression as a texting tool might use. Of the older set, rules
were tuned on the half called "tune"; "test" was set aside; "fresh" was written by another author after the
rules.
"""

from __future__ import annotations

import csv
import re
import sys
import time
from pathlib import Path

import pandas as pd

from smsdata.analysis.replies import reply_classes
from smsdata.analysis.reply_words import classify_text

DATA = Path(__file__).parents[1] / "tests" / "data"
LABELLED = DATA / "replies_labelled.csv"
# The other parts are in replies_corpus.tsv.
CORPUS = dict.fromkeys(("untouched", "set_aside"), DATA / "replies_untouched.tsv")
GOALS = "goals: seen 0.93 (outside English 0.90), precision 0.99, certain 0.50, review 0.10, opt-ins 0.85"

# The words of CTIA's Messaging Principles and Twilio's default handling: the whole reply, without case.
KEYWORDS = frozenset(["stop", "end", "cancel", "unsubscribe", "quit", "stopall", "optout", "revoke"])
EXPRESSION = re.compile(
    r"\b(?:stop(?:all)?|unsub(?:scribe)?|opt[ -]?out|cancel|quit|end|take me off|do ?n'?t text)\b",
    re.IGNORECASE,
)


def classified(path: Path = LABELLED) -> pd.DataFrame:
    """Read the older labelled replies and put the classifier's answer beside each."""
    frame = pd.read_csv(path, dtype=str, keep_default_na=False)
    answers = [classify_text(t, m) for t, m in zip(frame["text"], frame["answered_message"], strict=True)]
    frame["kind"] = [a.kind for a in answers]
    frame["found_tier"] = [str(a.optout_tier or "-") for a in answers]
    frame["tier"] = frame["tier"].replace("", "-")
    return frame


def corpus(part: str) -> pd.DataFrame:
    """Read one part of the corpus, with what the classifier says: kind, sign, certain, seen."""
    path = CORPUS.get(part, DATA / "replies_corpus.tsv")
    frame = pd.read_csv(path, sep="\t", quoting=csv.QUOTE_NONE, dtype=str, keep_default_na=False)
    frame = frame[frame["part"] == part].reset_index(drop=True)
    frame = frame.assign(
        response=frame["text"].str.replace("\\n", "\n"),
        answered=frame["answered_message"].str.replace("\\n", "\n"),
    )
    answers = reply_classes(frame)
    tiers = pd.Series([a.optout_tier or 0 for a in answers])
    return frame.assign(
        kind=[a.kind for a in answers],
        sign=[a.sign for a in answers],
        certain=tiers.isin([1, 2]),
        seen=tiers > 0,
    )


def scores(frame: pd.DataFrame) -> dict[str, float]:
    """What missed opt-outs are measured by; "others" are all replies that are no opt-outs."""
    optout, review = frame["label"].eq("optout"), frame["seen"] & ~frame["certain"]
    optin = frame["label"].eq("optin")
    return {
        "opt-outs": float(optout.sum()),
        "seen": frame.loc[optout, "seen"].mean(),
        "certain": frame.loc[optout, "certain"].mean(),
        "precision": (frame["certain"] & optout).sum() / max(frame["certain"].sum(), 1),
        "others in review": review[~optout].mean(),
        "opt-ins read": frame.loc[optin, "kind"].eq("optin").mean(),
    }


def baseline(frame: pd.DataFrame, name: str) -> pd.DataFrame:
    """The same frame as a baseline reads it: everything it finds, it takes for certain."""
    texts = frame["response"]
    if name == "keywords":
        taken = texts.str.strip().str.casefold().isin(KEYWORDS)
    else:
        taken = texts.map(lambda text: EXPRESSION.search(text) is not None)
    starts = texts.str.strip().str.casefold().isin(["start", "yes", "unstop"])
    return frame.assign(certain=taken, seen=taken, kind=starts.map({True: "optin", False: "other"}))


def quality(frame: pd.DataFrame) -> dict[str, float]:
    """Precision and recall of tiers 1 and 2 together, and what the review tiers catch and cost.

    A plain request may be found a tier higher than expected: it is an opt-out all the same.
    """
    certain = frame["tier"].isin(["1", "2"]) & frame["label"].eq("optout")
    found = frame["found_tier"].isin(["1", "2"])
    unsure = frame["label"].isin(["optout", "wrong_person"]) & ~certain
    nothing = ~frame["label"].isin(["optout", "wrong_person"])
    review = frame["found_tier"].isin(["3", "4"])
    return {
        "opt-outs of tier 1 and 2": certain.sum(),
        "precision": (frame["label"].eq("optout") & found).sum() / found.sum(),
        "recall": (certain & found).sum() / certain.sum(),
        "review tiers caught": (unsure & (review | found)).sum() / unsure.sum(),
        "other replies sent to review": (nothing & review).sum() / nothing.sum(),
        "kind agrees": frame["kind"].eq(frame["label"]).mean(),
    }


def corpus_tables(part: str) -> None:
    frame = corpus(part)
    print(f"== corpus, {part}: {len(frame)} replies\n{GOALS}")
    english = frame["language"].eq("en")
    rows = {"all": scores(frame), "English": scores(frame[english]), "others": scores(frame[~english])}
    rows |= {name: scores(baseline(frame, name)) for name in ("keywords", "regular expression")}
    print(pd.DataFrame(rows).T.round(3).to_string())
    print(
        pd.DataFrame({lang: scores(part) for lang, part in frame.groupby("language")}).T.round(2).to_string()
    )


def speed(replies: int = 1_000_000, distinct: int = 300_000) -> None:
    """Classify a million replies, of which 300,000 are distinct."""
    frame = pd.concat([corpus("tune"), corpus("held")], ignore_index=True)[["response", "answered"]]
    varied = frame.iloc[[n % len(frame) for n in range(distinct)]].reset_index(drop=True)
    varied["response"] += [f" {n // len(frame)}" for n in range(distinct)]
    million = varied.iloc[[n % distinct for n in range(replies)]].reset_index(drop=True)
    began, used = time.perf_counter(), time.process_time()
    reply_classes(million)
    took, cpu = time.perf_counter() - began, time.process_time() - used
    print(f"{replies:,} replies, {distinct:,} distinct: {took:.1f} s, {cpu:.1f} of one processor (goal: 60)")


def main() -> None:
    if "--speed" in sys.argv:
        speed()
        return
    for part in ("held", "untouched", "set_aside"):
        corpus_tables(part)
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
