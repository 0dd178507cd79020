"""Train the linear model of reply_model.py and write its weights beside it.

Run ``python benchmarks/train_reply_model.py``. Learns from the parts called "tune" of both labelled sets,
never from those held back, each hand read without the words that only it uses (reply_hands.py): the model is
there for the words that the lexicon does not know. It learns from the words of the lexicon too, read as
replies of which no rule knows anything, so that other forms and spellings of them count. What no rule decides
weighs more, for of that above all it is asked; a plain request that it holds less likely than not is for a
person to read. The limit is chosen on the hands left out in turn, with the words
that only they use: the score at which REVIEW of the other replies are in review, by rules and model, in the
mean of the hands that had not read the rules. A second model, of opt-ins, is learned and limited likewise: at
its limit FALSE_OPTINS of the replies that are none are taken for one. Prints what other shares would see, and
how each hand fares, read so, with a model that has not learned from it.
"""

from __future__ import annotations

from collections.abc import Set
from pathlib import Path

import numpy as np
import pandas as pd
from optout_words import scores
from reply_hands import Entry, lexicon_read, own_entries, read_apart, tuned
from scipy import sparse
from scipy.optimize import minimize

from smsdata.analysis import reply_model
from smsdata.analysis.reply_model import BUCKETS

WEIGHTS = Path(reply_model.__file__).with_name("reply_model.npz")
PENALTY, UNDECIDED, LEXICON, REVIEW, FALSE_OPTINS = 0.33, 6.0, 0.3, 0.085, 0.005
NOT_LEARNED = ["tapback", "empty", "wrong_person"]
KNEW_THE_RULES = ["hand4", "hand5", "hand8", "hand10", "older"]


def features(buckets: pd.Series) -> sparse.csr_matrix:
    """One row per reply, as likely_optout weighs it."""
    rows, columns, values = [], [], []
    for row, parts in enumerate(buckets):
        for found, counts in parts:
            rows += [row] * len(found)
            columns += found
            values += [counts] * len(found)
    return sparse.csr_matrix((values, (rows, columns)), (len(buckets), BUCKETS))


def fitted(x: sparse.csr_matrix, y: np.ndarray, weigh: np.ndarray) -> np.ndarray:
    """Weights and bias of a logistic regression with a penalty on squares."""
    occurring = np.unique(x.indices)
    x, signs = x[:, occurring], 2.0 * y - 1
    turned = x.T.tocsr()

    def loss(w: np.ndarray) -> tuple[float, np.ndarray]:
        margin = signs * (x @ w[:-1] + w[-1])
        slope = -signs * weigh * np.exp(-np.logaddexp(0, margin))
        gradient = np.append(turned @ slope + PENALTY * w[:-1], slope.sum())
        return (weigh * np.logaddexp(0, -margin)).sum() + PENALTY / 2 * (w[:-1] @ w[:-1]), gradient

    found = minimize(loss, np.zeros(x.shape[1] + 1), jac=True, method="L-BFGS-B", options={"maxiter": 150}).x
    w = np.zeros(BUCKETS + 1)
    w[occurring], w[-1] = found[:-1], found[-1]
    return w


class Lessons:
    """What may be learned from: replies, and the entries of the lexicon, each as likely weighs it."""

    def __init__(self, frame: pd.DataFrame) -> None:
        self.words = lexicon_read()
        self.frame, self._replies = frame, features(frame["buckets"])
        self._entries = features(self.words["buckets"])

    def learned(self, label: str, *, but_of: str = "", without: Set[Entry] = frozenset()) -> np.ndarray:
        """Weights for a label, learned from all but one hand, and from the lexicon without some entries."""
        kept = (self.frame["hand"].ne(but_of) & ~self.frame["label"].isin(NOT_LEARNED)).to_numpy()
        words = ~self.words["entry"].isin(without).to_numpy()
        replies = self.frame[kept]
        y = np.concatenate([replies["label"].eq(label), self.words["label"][words].eq(label)])
        of_replies = np.where(replies["sign"] == "model", UNDECIDED, 1.0)
        weigh = np.concatenate([of_replies, np.full(words.sum(), LEXICON)])
        x = sparse.vstack([self._replies[kept], self._entries[words]]).tocsr()
        return fitted(x, y.astype("float64"), weigh)

    def left_out_scores(self, gone: dict[str, set[Entry]], label: str) -> np.ndarray:
        """The score of each reply for a label, by a model that has read nothing of its author."""
        left_out = np.zeros(len(self.frame))
        for hand, without in gone.items():
            own = self.frame["hand"].eq(hand).to_numpy()
            w = self.learned(label, but_of=hand, without=without)
            left_out[own] = self._replies[own] @ w[:-1] + w[-1]
        return left_out


def judged(frame: pd.DataFrame, limit: float) -> pd.DataFrame:
    """Tell which replies rules and model see together at this limit."""
    by_rule = frame["tier"].where(frame["sign"] != "model", 0)
    seen = (by_rule > 0) | (frame["sign"].eq("model") & (frame["score"] >= limit))
    by_word = frame["sign"].isin(["keyword", "asked"])
    return frame.assign(certain=by_rule.isin([1, 2]) & (by_word | (frame["score"] >= 0)), seen=seen)


def mean_of_strangers(frame: pd.DataFrame, limit: float) -> pd.Series:
    """Seen, in English and outside it, and other replies in review, each hand counting the same."""
    told = judged(frame[~frame["hand"].isin(KNEW_THE_RULES)], limit)
    english = told["language"].eq("en")
    parts = {"all": told, "English": told[english], "others": told[~english]}
    means = {
        name: pd.DataFrame([scores(own) for _, own in part.groupby("hand")]).mean()
        for name, part in parts.items()
    }
    return pd.Series(
        {f"{what}, {name}": m[what] for what in ("seen", "others in review") for name, m in means.items()}
    )


def limit_for(frame: pd.DataFrame, share: float) -> float:
    """The least score, to a hundredth, at which no more than this share of the other replies is in review."""
    low, high = -1000, 1000
    while low < high:
        middle = (low + high) // 2
        enough = mean_of_strangers(frame, middle / 100)["others in review, all"] <= share
        low, high = (low, middle) if enough else (middle + 1, high)
    return low / 100


def optin_limit(frame: pd.DataFrame) -> float:
    """The least score at which FALSE_OPTINS of the replies that are none are taken for opt-ins."""
    asked = frame[frame["sign"].eq("model") & ~frame["hand"].isin(KNEW_THE_RULES)]
    others = frame[~frame["hand"].isin(KNEW_THE_RULES) & frame["label"].ne("optin")]
    scored = asked.loc[asked["label"].ne("optin"), "back"].sort_values(ascending=False)
    return float(scored.iloc[min(int(FALSE_OPTINS * len(others)), len(scored) - 1)])


def with_optins(frame: pd.DataFrame, limit: float) -> pd.DataFrame:
    """Take for opt-ins what the second model does."""
    back = frame["sign"].eq("model") & (frame["back"] >= limit)
    return frame.assign(kind=frame["kind"].mask(back, "optin"))


def table_of_hands(frame: pd.DataFrame, limit: float) -> pd.DataFrame:
    """How each hand fares: its own words not in the lexicon, its replies not in the model."""
    rows = {}
    for hand, own in judged(frame, limit).groupby("hand"):
        rows[hand] = scores(own)
        rows[hand]["others as opt-ins"] = own.loc[own["label"].ne("optin"), "kind"].eq("optin").mean()
        needless = own[own["label"] != "wrong_person"]
        rows[hand]["without wrong numbers"] = scores(needless)["others in review"]
    return pd.DataFrame(rows).T.round(3)


def stored(w: np.ndarray, limit: float) -> dict[str, object]:
    """Weights as small whole numbers, and what they were divided by."""
    scale = float(np.abs(w[:-1]).max() / 127)
    weights = np.round(w[:-1] / scale).astype("int8")
    return {"weights": weights, "scale": scale, "bias": w[-1], "limit": limit}


def main() -> None:
    frame = tuned()
    gone = own_entries(frame)
    frame = read_apart(frame, gone)
    lessons = Lessons(frame)
    scored = {"score": "optout", "back": "optin"}
    frame = frame.assign(**{name: lessons.left_out_scores(gone, label) for name, label in scored.items()})
    limits = {share: limit_for(frame, share) for share in (0.07, REVIEW, 0.10)}
    back = optin_limit(frame)
    print(
        f"{len(frame)} replies, rules leave {frame['sign'].eq('model').mean():.0%}; hands left out in turn:"
    )
    curve = {share: mean_of_strangers(frame, limit) for share, limit in limits.items()}
    print(pd.DataFrame(curve).T.round(3).to_string())
    print(table_of_hands(frame, limits[REVIEW]).to_string())
    print("with what the second model takes for opt-ins:")
    print(table_of_hands(with_optins(frame, back), limits[REVIEW]).to_string())
    models = {"optout": limits[REVIEW], "optin": back}
    kept = {
        f"{label}_{what}": value
        for label, limit in models.items()
        for what, value in stored(lessons.learned(label), limit).items()
    }
    np.savez_compressed(WEIGHTS, **kept)
    print(f"{WEIGHTS.name}: {WEIGHTS.stat().st_size:,} bytes, limits {models}")


if __name__ == "__main__":
    main()
