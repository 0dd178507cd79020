"""Train the linear model of reply_model.py and write its weights beside it.

Run ``python benchmarks/train_reply_model.py``. Learns from the parts called "tune" of both labelled sets,
never
from those held back. The limits are chosen on texts left out in turn (five folds): the lowest scores that at
most
SHARE of the other replies reach, among those that no rule has decided and that have words of opt-outs, and at
most SHARE_UNHINTED of those that have none.
"""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np
import pandas as pd
from scipy import sparse
from scipy.optimize import minimize

from smsdata.analysis import reply_model
from smsdata.analysis.reply_asked import marks_of_message
from smsdata.analysis.reply_model import BUCKETS, buckets_of
from smsdata.analysis.reply_phrases import hinted, normal, read_phrases
from smsdata.analysis.reply_words import classify_text

DATA = Path(__file__).parents[1] / "tests" / "data"
WEIGHTS = Path(reply_model.__file__).with_name("reply_model.npz")
PENALTY, SHARE, SHARE_UNHINTED, FOLDS = 0.4, 0.15, 0.01, 5


def texts() -> pd.DataFrame:
    """The replies that may be learned from: text, answered message, whether it is an opt-out."""
    corpus = pd.read_csv(
        DATA / "replies_corpus.tsv", sep="\t", quoting=csv.QUOTE_NONE, dtype=str, keep_default_na=False
    )
    corpus = corpus[corpus["part"] == "tune"]
    corpus = corpus.assign(**{c: corpus[c].str.replace("\\n", "\n") for c in ("text", "answered_message")})
    older = pd.read_csv(DATA / "replies_labelled.csv", dtype=str, keep_default_na=False)
    both = pd.concat([corpus, older[older["half"] == "tune"]], ignore_index=True)
    own = both["label"].isin(["tapback", "auto_reply", "empty", "wrong_person"])
    return both[~own].reset_index(drop=True)


def features(frame: pd.DataFrame) -> sparse.csr_matrix:
    """One row per reply, as likely_optout weighs it."""
    rows, columns, values = [], [], []
    for row, (text, answered) in enumerate(zip(frame["text"], frame["answered_message"], strict=True)):
        folded = normal(text)
        letters, signs = buckets_of(folded, read_phrases(folded).marks | marks_of_message(answered))
        rows += [row] * (len(letters) + len(signs))
        columns += [*letters, *signs]
        values += [max(len(letters), 1) ** -0.5] * len(letters) + [1.0] * len(signs)
    return sparse.csr_matrix((values, (rows, columns)), (len(frame), BUCKETS))


def fitted(x: sparse.csr_matrix, y: np.ndarray, penalty: float = PENALTY) -> np.ndarray:
    """Weights and bias of a logistic regression with a penalty on squares."""
    signs = 2.0 * y - 1

    def loss(w: np.ndarray) -> tuple[float, np.ndarray]:
        margin = signs * (x @ w[:-1] + w[-1])
        slope = -signs / (1 + np.exp(margin))
        gradient = np.append(x.T @ slope + penalty * w[:-1], slope.sum())
        return np.logaddexp(0, -margin).sum() + penalty / 2 * (w[:-1] @ w[:-1]), gradient

    return minimize(loss, np.zeros(BUCKETS + 1), jac=True, method="L-BFGS-B", options={"maxiter": 300}).x


def left_out_scores(x: sparse.csr_matrix, y: np.ndarray, penalty: float = PENALTY) -> np.ndarray:
    """The score of each reply by a model that has not seen it."""
    fold = np.random.default_rng(0).integers(FOLDS, size=len(y))
    scores = np.zeros(len(y))
    for turn in range(FOLDS):
        w = fitted(x[fold != turn], y[fold != turn], penalty)
        scores[fold == turn] = x[fold == turn] @ w[:-1] + w[-1]
    return scores


def decided(frame: pd.DataFrame) -> np.ndarray:
    """Whether a rule decides, so that the model is not asked."""
    classes = [classify_text(t, m) for t, m in zip(frame["text"], frame["answered_message"], strict=True)]
    return np.array([c.sign not in ("", "model") for c in classes])


def main() -> None:
    frame = texts()
    x, y = features(frame), frame["label"].eq("optout").to_numpy("float64")
    scores = left_out_scores(x, y)
    undecided = ~decided(frame)
    hints = np.array([hinted(read_phrases(normal(text))) for text in frame["text"]])
    print(f"{len(y)} replies, rules leave {undecided.mean():.0%}; by models that had not seen them:")
    limits = []
    for name, rows, share in (("some", hints, SHARE), ("no", ~hints, SHARE_UNHINTED)):
        left = undecided & rows
        limit = float(np.quantile(scores[left & (y == 0)], 1 - share))
        reached = scores[left & (y == 1)] >= limit
        print(
            f"{name} hint: {reached.mean():.3f} of {len(reached)} opt-outs left reach the limit {limit:.2f}"
        )
        limits.append(limit)
    w = fitted(x, y)
    scale = float(np.abs(w[:-1]).max() / 127)
    weights = np.round(w[:-1] / scale).astype("int8")
    np.savez_compressed(
        WEIGHTS, weights=weights, scale=scale, bias=w[-1], limit=limits[0], limit_unhinted=limits[1]
    )
    print(f"{WEIGHTS.name}: {WEIGHTS.stat().st_size:,} bytes")


if __name__ == "__main__":
    main()
