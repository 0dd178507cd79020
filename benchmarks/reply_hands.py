"""The labelled replies as if the words that only their author uses were not in the lexicon.

What the rules know was learned from all the hands, so none of them tells how a stranger would fare. Here each
hand is read with a lexicon that lacks the words of which only this hand's replies and messages make use. The
model learns from that, since a stranger's replies have such words too, and the table of hands that
train_reply_model.py prints is judged so: hard on the rules, for some of those words stood there before.
"""

from __future__ import annotations

import csv
import multiprocessing
from collections.abc import Iterable
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

import pandas as pd

from smsdata.analysis import reply_phrases
from smsdata.analysis.reply_asked import marks_of_message
from smsdata.analysis.reply_model import buckets_of
from smsdata.analysis.reply_phrases import hinted, normal, read_phrases, skeleton, words_of
from smsdata.analysis.reply_words import classify_text

DATA = Path(__file__).parents[1] / "tests" / "data"
Entry = tuple[str, str, str]
ENTRIES = reply_phrases._entries


def tuned() -> pd.DataFrame:
    """The replies that may be learned from; the older set is a hand of its own."""
    corpus = pd.read_csv(
        DATA / "replies_corpus.tsv", sep="\t", quoting=csv.QUOTE_NONE, dtype=str, keep_default_na=False
    )
    corpus = corpus[corpus["part"] == "tune"]
    corpus = corpus.assign(**{c: corpus[c].str.replace("\\n", "\n") for c in ("text", "answered_message")})
    older = pd.read_csv(DATA / "replies_labelled.csv", dtype=str, keep_default_na=False)
    older = older[older["half"] == "tune"].drop(columns="tier").assign(hand="older")
    return pd.concat([corpus, older], ignore_index=True)


def _used(texts: Iterable[str]) -> set[Entry]:
    """The entries of the lexicon of which any of these texts makes use."""
    words = [words_of(normal(text)) for text in texts]
    spaced = " ".join(["", *(" ".join([*w, "\n"]) for w in words)])
    alike, joined = skeleton(spaced), "\n".join("".join(w) for w in words)
    found = set()
    for entry in ENTRIES():
        language, concept, word = entry
        tokens = words_of(word.rstrip("*"))
        if concept in reply_phrases._BARE:
            tokens = tuple(map(skeleton, tokens))
        phrase = f" {' '.join(tokens)}" + ("" if word.endswith("*") else " ")
        within = alike if concept in reply_phrases._BARE else spaced
        unspaced = language in reply_phrases._UNSPACED and "".join(tokens) in joined
        if unspaced or phrase in within:
            found.add(entry)
    return found


def _without(own: set[Entry]) -> None:
    kept = [entry for entry in ENTRIES() if entry not in own]
    reply_phrases._entries = lambda: kept


def _read(frame: pd.DataFrame) -> pd.DataFrame:
    rows = []
    for text, answered in zip(frame["text"], frame["answered_message"], strict=True):
        found, reading = classify_text(text, answered), read_phrases(normal(text))
        letters, signs = buckets_of(normal(text), reading.marks | marks_of_message(answered))
        rows.append((found.kind, found.sign, found.optout_tier or 0, letters, signs, hinted(reading)))
    columns = ["kind", "sign", "tier", "letters", "signs", "hinted"]
    return frame.join(pd.DataFrame(rows, columns=columns, index=frame.index))


def read_apart() -> pd.DataFrame:
    """Each hand read without its own words: what the rules say, and what the model goes by."""
    frame = tuned()
    hands = dict(list(frame.groupby("hand")))
    used = {hand: _used({*own["text"], *own["answered_message"]}) for hand, own in hands.items()}
    parts = []
    for hand, own in hands.items():
        others: set[Entry] = set().union(*(used[other] for other in hands if other != hand))
        with ProcessPoolExecutor(
            1, multiprocessing.get_context("spawn"), initializer=_without, initargs=(used[hand] - others,)
        ) as alone:
            parts.append(alone.submit(_read, own).result())
    return pd.concat(parts).sort_index()
