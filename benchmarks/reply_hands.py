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

from smsdata.analysis import reply_phrases, reply_words
from smsdata.analysis.reply_asked import marks_of_message
from smsdata.analysis.reply_model import buckets_of
from smsdata.analysis.reply_phrases import normal, read_phrases, skeleton, words_of
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
    """Take entries from the lexicon. The model contradicts no rule and says yes: it is asked of "model"."""
    kept = [entry for entry in ENTRIES() if entry not in own]
    reply_phrases._entries = lambda: kept
    reply_words.likely = lambda folded, marks, *, optin: (True, False)
    reply_words.is_unlikely = lambda folded, marks: False


def _read(frame: pd.DataFrame) -> pd.DataFrame:
    rows = []
    for text, answered in zip(frame["text"], frame["answered_message"], strict=True):
        found, own = classify_text(text, answered), normal(reply_words._without_additions(text, answered))
        signs = read_phrases(own).marks | marks_of_message(answered)
        rows.append((found.kind, found.sign, found.optout_tier or 0, buckets_of(own, signs)))
    columns = ["kind", "sign", "tier", "buckets"]
    return frame.join(pd.DataFrame(rows, columns=columns, index=frame.index))


# What the words of a concept are to one who has nothing else to go by: leaving, coming back, something else.
LEAVING, RETURNING, STAYING = "AXUCFKSD", "BJmt", "OoGaTYj"


def lexicon_read() -> pd.DataFrame:
    """Read the words of the lexicon, entry by entry, as if they were replies of which it knows nothing."""
    kinds = dict.fromkeys(LEAVING, "optout") | dict.fromkeys(RETURNING, "optin") | dict.fromkeys(STAYING, "")
    entries = [entry for entry in ENTRIES() if entry[1] in kinds]
    said = [(entry, kinds[entry[1]], buckets_of(entry[2].rstrip("*"), ())) for entry in entries]
    return pd.DataFrame(said, columns=["entry", "label", "buckets"])


def own_entries(frame: pd.DataFrame) -> dict[str, set[Entry]]:
    """Give the entries of the lexicon of which only this hand makes use."""
    used = {hand: _used({*own["text"], *own["answered_message"]}) for hand, own in frame.groupby("hand")}
    return {
        hand: found - set().union(*(used[other] for other in used if other != hand))
        for hand, found in used.items()
    }


def read_apart(frame: pd.DataFrame, gone: dict[str, set[Entry]]) -> pd.DataFrame:
    """Each hand read without its own words: what the rules say, and what the model goes by."""
    parts = []
    for hand, own in frame.groupby("hand"):
        with ProcessPoolExecutor(
            1, multiprocessing.get_context("spawn"), initializer=_without, initargs=(gone[hand],)
        ) as alone:
            parts.append(alone.submit(_read, own).result())
    return pd.concat(parts).sort_index()
