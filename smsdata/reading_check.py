"""How well this account's opt-outs are read: a sample of replies to label, and what the labels say.

Owns the file of the sample and how it is read back. Imports of smsdata only `analysis`, `schema`, `store` and
`errors`.
"""

from __future__ import annotations

import csv
import hashlib
import io
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from smsdata.analysis.replies import classify_replies
from smsdata.errors import UsageError
from smsdata.schema.csv_text import csv_text
from smsdata.store.disk import Disk
from smsdata.store.store import Store, open_store

_NEEDED = ("sample", "reply", "stratum", "drawn", "of", "is_optout")
_LABELS = {
    "yes": True,
    "y": True,
    "true": True,
    "1": True,
    "no": False,
    "n": False,
    "false": False,
    "0": False,
}
_STRATA = {1: "tier 1", 2: "tier 2", 3: "tier 3", 4: "tier 4"}
_ROUNDS = 2_000
_NO_SAMPLE = "this is no sample that `smsdata audit --sample` wrote"


@dataclass(frozen=True)
class ReadingCheck:
    """What the labels say about the reading of this account's replies; 95% intervals.

    Attributes
    ----------
    labelled, unlabelled, unclear : int
        Replies with a label, without one (also where the row is gone), and with another word than yes and no.
    missed, missed_low, missed_high : float
        Share of the opt-outs among all replies that are read neither as an opt-out nor for review.
    invented, invented_low, invented_high : float
        Share of the replies read as opt-outs (tiers 1 and 2) that are none. NaN where no label tells.
    """

    labelled: int
    unlabelled: int
    unclear: int
    missed: float
    missed_low: float
    missed_high: float
    invented: float
    invented_low: float
    invented_high: float

    @property
    def exit_code(self) -> int:
        """What the command line exits with: 3 when labels are missing or unclear."""
        return 3 if self.unlabelled or self.unclear else 0

    def lines(self) -> list[str]:
        """Tell it in words."""
        lines = [f"{self.labelled:,} replies labelled, {self.unlabelled:,} not, {self.unclear:,} unclear."]
        if self.unlabelled or self.unclear:
            lines.append("Write yes or no under is_optout in these too: what is missing is taken for chance.")
        about = (
            ("missed", "opt-outs", "read neither as one nor for review"),
            ("invented", "replies read as opt-outs", "none"),
        )
        for name, what, then in about:
            share, low, high = (getattr(self, name + end) for end in ("", "_low", "_high"))
            if np.isnan(share):
                lines.append(f"How many of the {what} are {then} cannot be told from these labels.")
            else:
                lines.append(f"Of the {what}, {share:.1%} are {then} ({low:.1%} to {high:.1%}).")
        return lines

    def as_json(self) -> dict[str, Any]:
        """Plain JSON values; null for what cannot be told."""
        return {k: None if v != v else v for k, v in vars(self).items()}


def sample(store: Store | str | Path, count: int, file: str | Path, *, seed: int = 0) -> int:
    """Write random replies to a CSV file for a person to label, without the numbers of people.

    Parameters
    ----------
    store : Store, str or Path
        The store, or its folder.
    count : int
        How many replies; each stratum (tiers 1 to 4, and the rest) has up to half as many as an equal part,
        and what is over goes to the rest, where missed opt-outs are.
    file : str or Path
        Where to write; only its owner can read it. Write yes or no under ``is_optout``.
    seed : int
        The same seed draws the same replies.

    Returns
    -------
    int
        How many were written: fewer where the store has fewer.

    Raises
    ------
    UsageError
        If the count is not positive, the file exists, or the store holds no replies.
    """
    path, store = Path(file), open_store(store)
    if count < 1:
        raise UsageError(f"--sample {count}: give a number of replies of at least 1.")
    if path.exists():
        raise UsageError(f"{path} exists: its labels would be lost; name another file.")
    replies = _read_replies(store)
    if replies.empty:
        known = "replies" in store.state.cursors
        todo = "there are none to label" if known else "run `smsdata sync` first"
        raise UsageError(f"{store.path} holds no replies yet: {todo}.")
    taken = _draws_by_stratum(replies["stratum"].value_counts(), count)
    parts = [
        replies[replies["stratum"] == name].sample(size, random_state=seed) for name, size in taken.items()
    ]
    drawn: pd.DataFrame = pd.concat(parts).sample(frac=1, random_state=seed)
    rows = pd.DataFrame({
        "sample": _sample_mark(store),
        "reply": drawn["id"].astype("int64"),
        "stratum": drawn["stratum"],
        "drawn": drawn["stratum"].map(taken),
        "of": drawn["stratum"].map(replies["stratum"].value_counts()),
        "text": drawn["response"].fillna(""),
        "answers": drawn["answered"].fillna(""),
        "is_optout": "",
    })  # fmt: skip
    rows["reply"] = "r" + rows["reply"].astype("str")
    disk = Disk(path.parent)
    disk.folder(path.parent)
    disk.replace(path, b"\xef\xbb\xbf" + csv_text(rows).encode())
    return len(rows)


def check_labelled(store: Store | str | Path, file: str | Path, *, seed: int = 0) -> ReadingCheck:
    """Tell from a labelled sample how many opt-outs this account's reading misses and invents.

    Parameters
    ----------
    store : Store, str or Path
        The store that the sample was drawn from.
    file : str or Path
        The file, also as a spreadsheet wrote it: with comma, semicolon or tab, rows and columns in any
        order.
    seed : int
        Of the bootstrap.

    Returns
    -------
    ReadingCheck
        Shares with 95% intervals: by stratum, weighted with how many replies each stands for.

    Raises
    ------
    UsageError
        If the file cannot be read, is no sample of this store, names a reply twice, or has no label.

    References
    ----------
    Stratified bootstrap over Jeffreys' posterior of each stratum: Brown, Cai & DasGupta 2001.
    """
    store = open_store(store)
    rows = _labelled_rows(Path(file), _sample_mark(store))
    _refuse_strangers(rows, set(store.read("replies", columns=["id"])["id"].astype("str")), Path(file))
    gone = int(rows.drop_duplicates("stratum")["drawn"].sum()) - len(rows)
    words = rows["is_optout"].str.strip().str.casefold()
    rows["label"] = words.map(_LABELS)
    told = rows.dropna(subset="label")
    if told.empty:
        raise UsageError(f"{file}: no row has yes or no under is_optout.")
    unlabelled = int((words == "").sum())
    missed, invented = _weighted_shares(rows, seed)
    return ReadingCheck(len(told), unlabelled + gone, len(rows) - len(told) - unlabelled, *missed, *invented)


def _read_replies(store: Store) -> pd.DataFrame:
    """Every reply with its stratum: how it is read as an opt-out, or not."""
    read = classify_replies(store.scan("replies"), messages=store.scan("messages"))
    tiers = read["optout_tier"].astype("object").map(_STRATA)
    return read.assign(stratum=tiers.fillna("other").astype("str"))


def _draws_by_stratum(sizes: pd.Series, count: int) -> dict[str, int]:
    """Half of an equal part for each stratum, as far as it goes, and what is over for the largest first."""
    part = max(1, count // (2 * len(sizes)))
    taken = {str(name): min(part, int(size)) for name, size in sizes.items()}
    for name in sizes.index:  # the largest first
        taken[str(name)] += max(0, min(int(sizes[name]) - taken[str(name)], count - sum(taken.values())))
    return taken


def _sample_mark(store: Store) -> str:
    """Say whose sample it is, in a form that no spreadsheet takes for a number."""
    return (
        "smsdata-" + hashlib.sha256(f"{store.state.base_url} {store.state.account}".encode()).hexdigest()[:12]
    )


def _labelled_rows(path: Path, mark: str) -> pd.DataFrame:
    """Read the sample as whatever spreadsheet wrote it; refuse what is none of this store."""
    try:
        content = path.read_bytes()
    except OSError as error:
        raise UsageError(f"{path} cannot be read: {error.strerror}.") from None
    wide = content.startswith((b"\xff\xfe", b"\xfe\xff"))
    for encoding in ("utf-16",) if wide else ("utf-8-sig", "cp1252"):
        try:
            text = content.decode(encoding)
            break
        except UnicodeDecodeError:
            continue
    else:
        raise UsageError(f"{path}: {_NO_SAMPLE}: it is no text.")
    head = text.split("\n", 1)[0]
    separator = max(",;\t", key=head.count)
    rows = list(csv.reader(io.StringIO(text, newline=""), delimiter=separator))
    names = [name.strip().casefold() for name in rows[0]] if rows else []
    if missing := [name for name in _NEEDED if names.count(name) != 1]:
        raise UsageError(f"{path}: {_NO_SAMPLE}: it has not one column {', '.join(missing)}.")
    filled = [row for row in rows[1:] if any(cell.strip() for cell in row)]
    whole = [(row + [""] * len(names))[: len(names)] for row in filled]
    frame = pd.DataFrame(whole, columns=names).loc[:, list(_NEEDED)].apply(lambda cells: cells.str.strip())
    if frame.empty or (frame["sample"] != mark).any():
        raise UsageError(f"{path}: {_NO_SAMPLE} for this store: its column sample says another.")
    if twice := int(frame["reply"].duplicated().sum()):
        raise UsageError(f"{path}: {twice:,} replies are there twice; leave one row of each.")
    return _with_weights(frame, path)


def _with_weights(frame: pd.DataFrame, path: Path) -> pd.DataFrame:
    """Take the weights as they were when the sample was drawn, and refuse what does not agree."""
    for name in ("drawn", "of"):
        frame[name] = pd.to_numeric(frame[name], errors="coerce")
    counts = frame.groupby("stratum")
    wrong = (counts[["drawn", "of"]].nunique(dropna=False) != 1).any(axis=None)
    one = counts[["drawn", "of"]].first()
    wrong |= not frame["stratum"].isin([*_STRATA.values(), "other"]).all() or one.isna().any(axis=None)
    if wrong or (counts.size() > one["drawn"]).any() or (one["drawn"] > one["of"]).any():
        raise UsageError(f"{path}: its columns stratum, drawn and of were changed; draw the sample again.")
    return frame


def _refuse_strangers(rows: pd.DataFrame, stored: set[str], path: Path) -> None:
    """Refuse a reply that is none of the store's."""
    if unknown := int((~rows["reply"].str.removeprefix("r").isin(stored)).sum()):
        raise UsageError(f"{path}: {unknown:,} replies are not in this store.")


def _weighted_shares(
    rows: pd.DataFrame, seed: int
) -> tuple[tuple[float, float, float], tuple[float, float, float]]:
    """Estimate both shares, with intervals from draws of each stratum's rate."""
    hit = rows.assign(hit=rows["label"].eq(True).fillna(False))
    strata = hit.groupby("stratum").agg(of=("of", "first"), n=("label", "count"), hits=("hit", "sum"))
    hits, n, of = (strata[name].to_numpy("float64") for name in ("hits", "n", "of"))
    rng = np.random.default_rng(seed)
    drawn = rng.beta(hits + 0.5, n - hits + 0.5, size=(_ROUNDS, len(of)))
    rest, sure = (np.asarray(strata.index.isin(names)) for names in (["other"], ["tier 1", "tier 2"]))

    def shares(rates: Any) -> tuple[Any, Any]:
        optouts, read = rates * of, of[sure].sum()
        missed = optouts[..., rest].sum(-1) / optouts.sum(-1)
        return missed, (read - optouts[..., sure].sum(-1)) / read

    with np.errstate(invalid="ignore", divide="ignore"):
        found, spread = shares(hits / n), shares(drawn)
    missed, invented = (_with_ends(*one) for one in zip(found, spread, strict=True))
    return (missed if rest.any() else (np.nan,) * 3), invented


def _with_ends(share: float, draws: Any) -> tuple[float, float, float]:
    """Add the interval, which holds the share itself; all missing where that is."""
    low, high = np.nanquantile(draws, [0.025, 0.975]) if share == share else (np.nan, np.nan)
    return float(share), float(np.fmin(low, share)), float(np.fmax(high, share))
