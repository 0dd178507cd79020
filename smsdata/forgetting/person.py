"""One person is forgotten: the list of places, the rewriting, the receipt.

The list is written before anything is changed, with the hashes by which the number is kept out from then on;
then every place is put right; then all bytes are searched. Doing it again after a crash finishes it. Imports
`places`, `read_back`, `store`, `schema`, `analysis` and `errors`.
"""

from __future__ import annotations

import secrets
import warnings
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import phonenumbers
import pyarrow as pa
import pyarrow.compute as pc

from smsdata.analysis.replies import classify_replies, reply_classes
from smsdata.analysis.reply_words import left_of_class, left_of_reply
from smsdata.errors import UsageError
from smsdata.forgetting.archives import Look
from smsdata.forgetting.places import BY_NAME, Place, places, places_in, without_numbers
from smsdata.forgetting.read_back import Searched, look_for, searched
from smsdata.forgetting.reasons import NUMBER
from smsdata.key_files import key_fingerprint, store_around
from smsdata.schema.number_runs import in_columns
from smsdata.schema.number_spellings import known_region, read_number, usual_spellings
from smsdata.settings import expanded
from smsdata.store.files import load_part
from smsdata.store.forgotten import (
    OPTED_IN,
    OPTED_OUT,
    TO_BE_READ,
    Forgotten,
    forget_key,
    hashes_of,
    number_hash,
    stand_in_of,
)
from smsdata.store.spool import Spool, spool_folder
from smsdata.store.store import Store, existing_store

OUT_OF_REACH = (
    "the account at the gateway: delete the contact there too, or opt it out",
    "copies of the store, backups; exports, packs and reports that --also did not name; what was published",
    "notebooks, terminals and the memory of running processes",
)
"""What smsdata cannot put right."""

_NUMBER_ALONE = (
    "number only: of such a text the number is taken out, a name or a text beside it may still be there: "
    "remove the file and make it again."
)
_ALIKE = (
    "has the digits within a longer number, or without the country code in a column not named msisdn, "
    "mobile, number or phone, so they may be an id, a price, another's number, or the person's"
)
_SHORTEST = 7
_OURS = (
    ("numbers", "number"), ("keywords", "number"), ("messages", "sender"), ("replies", "longcode"),
    ("link_hits", "longcode"),
)  # fmt: skip
"""Where the numbers stand that the account sends from."""
_FROM_THE_WEAKEST = ["", TO_BE_READ, OPTED_IN, OPTED_OUT]


@dataclass
class Forgetting:
    """What forgetting a person would do, or did.

    Attributes
    ----------
    stand_in : str
        What takes the place of the number; empty as long as nothing was done.
    places : list of Place
        Where the number stood.
    applied : bool
        Whether the places were put right.
    searched : Searched or None
        What the search of all bytes found afterwards.
    """

    stand_in: str = ""
    places: list[Place] = field(default_factory=list)
    applied: bool = False
    searched: Searched | None = None

    @property
    def left(self) -> list[Place]:
        """The places that smsdata cannot put right."""
        return [place for place in self.places if place.what == "left"]

    @property
    def exit_code(self) -> int:
        """0, or 3 where the number is found still, or could not be looked for."""
        told = self.searched
        look = self.left or (told is not None and (told.found or told.not_judged))
        return 3 if look else 0

    def as_json(self) -> dict[str, Any]:
        """Plain JSON values, without the number."""
        return {
            "stand_in": self.stand_in, "applied": self.applied,
            "places": [asdict(place) for place in self.places],
            "searched": asdict(self.searched) if self.searched else None,
            "out_of_reach": list(OUT_OF_REACH), "exit_code": self.exit_code,
        }  # fmt: skip

    def lines(self) -> list[str]:
        """The list for a person, and the receipt."""
        verb = "held" if self.applied else "holds"
        lines = [f"{one.kind:<12} {one.count:>8,}  {one.what:<10} {one.place}" for one in self.places]
        lines = (
            [f"The number stands in {len(lines):,} places:", *lines] if lines else [f"No place {verb} it."]
        )
        lines += [
            f"rename or delete {one.place}: its name or that of its folder holds the number."
            for one in self.places
            if one.kind == BY_NAME
        ]
        lines += [f"left {one.place}: {one.why}." for one in self.places if one.why and one.kind != BY_NAME]
        if any(one.what == NUMBER for one in self.places):
            lines.append(_NUMBER_ALONE)
        lines += ["Out of reach:", *(f"  {line}" for line in OUT_OF_REACH)]
        told = self.searched
        if told is None:
            return [*lines, "Nothing was changed: --apply does it."]
        lines += [
            f"Searched {told.files:,} files, {told.bytes:,} bytes and {told.pages:,} compressed pages: the "
            f"number stands in {len(told.found):,} of them.",
            *(f"  still in {name}: {count:,}" for name, count in told.found.items()),
            *(f"  could not be searched: {name}" for name in told.not_judged),
            *(f"  look yourself: {name} {_ALIKE}" for name in told.alike),
        ]
        return [*lines, f"In its place stands {self.stand_in}."]


def forget(
    store: Store | str | Path,
    number: str,
    *,
    country: str | None = None,
    apply: bool = False,
    also: Sequence[str | Path] = (),
    own_number: bool = False,
    wait: float = 0.0,
) -> Forgetting:
    """Take a person out of a store, and keep that person out.

    Parameters
    ----------
    store
        The store, or its folder.
    number
        The person's number, in any spelling that `smsdata.to_msisdn` reads.
    country
        The country of a number that is written without one, such as ``"AU"``.
    apply
        Do it; without it nothing is changed.
    also
        Files and folders outside the store to put right too: exports, packs, reports, logs.
    own_number
        Go on though the account sends from that number.
    wait
        Seconds to wait for another process that writes the store.

    Returns
    -------
    Forgetting
        The places and, once applied, what the search of all bytes found.

    Raises
    ------
    UsageError
        It is no number, or one that the account sends from; there is no store, file or folder of that name.
    LockedError
        Another process writes the store, or receives callbacks for it.
    StoreError
        A file is damaged, or the key cannot be made or read. Running it again goes on from there.
    """
    msisdn, why = read_number(number.strip(), known_region(country, "--country"))
    if msisdn is None:
        raise UsageError(
            f"that is no phone number that can be forgotten ({why}): give it in full, or --country."
        )
    store = existing_store(store)
    _refuse_stores_within(store)
    roots = _roots(also)
    spellings = spellings_of(msisdn)
    if not own_number:
        _refuse_own(store, spellings)
    said = _said_by(store, spellings)
    look = look_for(spellings[:2])
    if not apply:
        gone = _one_person(secrets.token_bytes(32), msisdn, spellings, said)
        return Forgetting("", _all_places(store, roots, gone, look))
    with store.writing(wait=wait), _without_receiver(store):
        store.forgotten.now()  # raises where its key is another one
        key = forget_key(make=True)
        gone = _one_person(key, msisdn, spellings, said)
        done = Forgetting(stand_in_of(key, msisdn), applied=True)
        done.places = _all_places(store, roots, gone, look)
        facts = _written_first(store, key, spellings, done, gone)
        for _ in places(store, gone, None, apply=True):
            pass
        store.save_state()
        for _ in places_in(roots, gone, None, apply=True):
            pass
        done.searched = _without_names(searched([store.path, *roots], spellings[:2]), gone)
        whole = not done.searched.found and not done.searched.not_judged
        store.forgotten.write(facts | {"done_at": _this_second() if whole else None})
    return done


def _all_places(store: Store, roots: list[Path], gone: Forgotten, look: Look) -> list[Place]:
    return [*places(store, gone, look, apply=False), *places_in(roots, gone, look, apply=False)]


def _refuse_stores_within(store: Store) -> None:
    """A store that lies in this one is sealed file by file: it is another's, and forgets by itself."""
    within = next((one.parent for one in store.path.rglob(".smsdata") if one != store.private), None)
    if within is not None:
        raise UsageError(
            f"{within} is a store within the store {store.path}: move it beside that one, then run smsdata "
            "forget for each."
        )


def _without_names(told: Searched, gone: Forgotten) -> Searched:
    """What was found, by names that do not say the number themselves."""
    told.found = {without_numbers(name, gone): count for name, count in told.found.items()}
    told.not_judged = [without_numbers(name, gone) for name in told.not_judged]
    told.alike = [without_numbers(name, gone) for name in told.alike]
    return told


def _roots(also: Iterable[str | Path]) -> list[Path]:
    also = list(also)
    if any(not str(one).strip() for one in also):
        raise UsageError("--also names nothing: give it a file or folder, or leave it out.")
    roots = [expanded(one) for one in also]
    for root in roots:
        if not root.exists():
            raise UsageError(f"there is no file or folder {root}: correct its name.")
        inside = store_around(root / "it") or next((one.parent for one in root.rglob(".smsdata")), None)
        if inside is not None:
            raise UsageError(
                f"{inside} is a store: run smsdata forget --store {inside} for it, without --also."
            )
    return roots


def spellings_of(msisdn: str) -> tuple[str, ...]:
    """The digits by which a number is written, and those that spreadsheets leave of it."""
    bare = phonenumbers.national_significant_number(phonenumbers.parse(f"+{msisdn}"))
    return (*usual_spellings(msisdn), *([bare] if len(bare) >= _SHORTEST else []))


def _refuse_own(store: Store, spellings: Sequence[str]) -> None:
    """A number that the account sends from is in most rows: taking it out is hardly what is meant."""
    known, counts = pa.array(spellings), {}
    for table, column in _OURS:
        parts = store.tables.inventory.trusted(table)
        rows = sum(pc.sum(pc.is_in(load_part(one).column(column), known)).as_py() or 0 for one in parts)
        if rows:
            counts[table] = rows
    if counts:
        where = ", ".join(f"{rows:,} rows of {table}" for table, rows in counts.items())
        raise UsageError(
            f"that is a number of your own, not a person's: {where} name it as the sender or as yours, and "
            "would say forgotten-... instead, for good. Give the person's number, or, if that is what you "
            "want, --own-number (own_number=True)."
        )


def _said_by(store: Store, spellings: Sequence[str]) -> dict[str, str]:
    """What is left of each text of a person's replies, read beside the messages they answer."""
    replies = store.read("replies")
    own = replies[replies["msisdn"].isin(spellings)]
    said: dict[str, str] = {}
    if own.empty:
        return said
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # the few replies of one person may answer no message
        read = classify_replies(own, messages=store.scan("messages"))
    for text, one in zip(read["response"], reply_classes(read), strict=True):
        said[text] = max(said.get(text, ""), left_of_class(one), key=_FROM_THE_WEAKEST.index)
    return said


def _one_person(key: bytes, msisdn: str, spellings: Sequence[str], said: Mapping[str, str]) -> Forgotten:
    people = {number_hash(key, digits): stand_in_of(key, msisdn) for digits in spellings}
    shortest = [one for one in spellings if not any(one != other and other in one for other in spellings)]

    def left(text: str, answered: str) -> str:
        return said[text] if text in said else left_of_reply(text, answered)

    bare = [one for one in spellings if one[0] != "0" and one != msisdn and msisdn.endswith(one)]
    return Forgotten(key, people, left, in_columns(shortest), bare)


@contextmanager
def _without_receiver(store: Store) -> Iterator[None]:
    """Be the one who may change the spool; LockedError while `smsdata listen` runs."""
    folder = spool_folder(store.private)
    if not folder.is_dir():
        yield
        return
    with Spool(folder).receiving("smsdata forget"):
        yield


def _written_first(
    store: Store, key: bytes, spellings: Sequence[str], done: Forgetting, gone: Forgotten
) -> dict[str, Any]:
    """Keep the list and the hashes before anything is changed; a second try adds to the list of the first."""
    before = [one for one in store.forgotten.records() if one["stand_in"] == done.stand_in]
    listed = [asdict(place) for place in done.places]
    earlier = [
        one | {"place": without_numbers(one["place"], gone)} for known in before for one in known["places"]
    ]
    facts = {
        "stand_in": done.stand_in, "hashes": hashes_of(key, spellings), "key": key_fingerprint(key),
        "begun_at": before[0]["begun_at"] if before else _this_second(), "done_at": None,
        "places": [one for one in earlier if one not in listed] + listed,
    }  # fmt: skip
    store.forgotten.write(facts)
    return facts


def _this_second() -> str:
    return f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%S+00:00}"
