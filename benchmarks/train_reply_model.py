"""Train the linear model of reply_model.py and write its weights beside it.

Run ``python benchmarks/train_reply_model.py``. Learns from the parts called "tune" of both labelled sets,
never from those held back, each hand read without the words that only it uses (reply_hands.py): the model is
there for the words that the lexicon does not know. What no rule decides weighs more, for only of that it is
asked. The limits are chosen on the hands left out in turn: the scores that SHARE of the other replies reach,
of those that no rule has decided and that have words of opt-outs, and SHARE_UNHINTED of those that have none.
Prints how each hand fares, read so, with a model that has not learned from it.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
from optout_words import scores
from reply_hands import read_apart
from scipy import sparse
from scipy.optimize import minimize

from smsdata.analysis import reply_model
from smsdata.analysis.reply_model import BUCKETS

WEIGHTS = Path(reply_model.__file__).with_name("reply_model.npz")
PENALTY, UNDECIDED, SHARE, SHARE_UNHINTED = 0.2, 3.0, 0.12, 0.03
NOT_LEARNED = ["tapback", "auto_reply", "empty", "wrong_person"]


def features(frame: pd.DataFrame) -> sparse.csr_matrix:
    """One row per reply, as likely_optout weighs it."""
    rows, columns, values = [], [], []
    for row, (letters, signs) in enumerate(zip(frame["letters"], frame["signs"], strict=True)):
        rows += [row] * (len(letters) + len(signs))
        columns += [*letters, *signs]
        values += [max(len(letters), 1) ** -0.5] * len(letters) + [1.0] * len(signs)
    return sparse.csr_matrix((values, (rows, columns)), (len(frame), BUCKETS))


def fitted(x: sparse.csr_matrix, y: np.ndarray, weigh: np.ndarray) -> np.ndarray:
    """Weights and bias of a logistic regression with a penalty on squares."""
    signs = 2.0 * y - 1

    def loss(w: np.ndarray) -> tuple[float, np.ndarray]:
        margin = signs * (x @ w[:-1] + w[-1])
        slope = -signs / (1 + np.exp(margin)) * weigh
        gradient = np.append(x.T @ slope + PENALTY * w[:-1], slope.sum())
        return (weigh * np.logaddexp(0, -margin)).sum() + PENALTY / 2 * (w[:-1] @ w[:-1]), gradient

    return minimize(loss, np.zeros(BUCKETS + 1), jac=True, method="L-BFGS-B", options={"maxiter": 300}).x


def left_out_scores(
    x: sparse.csr_matrix, y: np.ndarray, weigh: np.ndarray, learned: np.ndarray, hands: pd.Series
) -> np.ndarray:
    """The score of each reply by a model that has read nothing of its author."""
    left_out = np.zeros(len(y))
    for hand in hands.unique():
        own = hands.eq(hand).to_numpy()
        rest = ~own & learned
        w = fitted(x[rest], y[rest], weigh[rest])
        left_out[own] = x[own] @ w[:-1] + w[-1]
    return left_out


def table_of_hands(frame: pd.DataFrame, reached: np.ndarray) -> pd.DataFrame:
    """How each hand fares: its own words not in the lexicon, its replies not in the model."""
    rules = frame["tier"].where(frame["sign"] != "model", 0)
    judged = frame.assign(certain=rules.isin([1, 2]), seen=(rules > 0) | reached)
    needless = judged[judged["label"] != "wrong_person"]
    hands = judged["hand"].unique()
    rows = {hand: scores(judged[judged["hand"] == hand]) for hand in hands}
    for hand in hands:
        rows[hand]["without wrong numbers"] = scores(needless[needless["hand"] == hand])["others in review"]
    return pd.DataFrame(rows).T.round(3)


def main() -> None:
    frame = read_apart()
    x, y = features(frame), frame["label"].eq("optout").to_numpy("float64")
    learned = ~frame["label"].isin(NOT_LEARNED).to_numpy()
    undecided = frame["sign"].isin(["", "model"]).to_numpy() & frame["kind"].ne("empty").to_numpy()
    weigh = np.where(undecided, UNDECIDED, 1.0)
    left_out = left_out_scores(x, y, weigh, learned, frame["hand"])
    reached, limits, hints = np.zeros(len(y), bool), [], frame["hinted"].to_numpy()
    print(
        f"{learned.sum()} replies, rules leave {undecided.mean():.0%}; by models that had not seen the hand:"
    )
    for name, rows, share in (("some", hints, SHARE), ("no", ~hints, SHARE_UNHINTED)):
        left = undecided & rows & learned
        limit = float(np.quantile(left_out[left & (y == 0)], 1 - share))
        seen = left_out[left & (y == 1)] >= limit
        print(f"{name} hint: {seen.mean():.3f} of {len(seen)} opt-outs left reach the limit {limit:.2f}")
        limits.append(limit)
        reached |= undecided & rows & (left_out >= limit)
    print(table_of_hands(frame, reached).to_string())
    w = fitted(x[learned], y[learned], weigh[learned])
    scale = float(np.abs(w[:-1]).max() / 127)
    weights = np.round(w[:-1] / scale).astype("int8")
    np.savez_compressed(
        WEIGHTS, weights=weights, scale=scale, bias=w[-1], limit=limits[0], limit_unhinted=limits[1]
    )
    print(f"{WEIGHTS.name}: {WEIGHTS.stat().st_size:,} bytes")


if __name__ == "__main__":
    main()
