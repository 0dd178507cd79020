"""Phone numbers of a million lines: `to_msisdn` beside a loop over rows, and `clean --check` on a file.

    python benchmarks/phone_numbers.py [--rows 1000000]

The goal: a million distinct numbers under 20 s; a file of a million lines under 60 s and 500 MB.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from pathlib import Path

import pandas as pd
import phonenumbers
from own_memory import peak_bytes

from smsdata.hygiene.suppressions import check
from smsdata.schema.number_spellings import to_msisdn
from smsdata.store.store import Store

SPELLINGS = {
    "digits": ("61", None),
    "national": ("0", "AU"),
    "+61 (0)": ("+61 (0) ", None),
    "lost 0": ("", "AU"),
}


def by_row(values: pd.Series, country: str | None) -> list[str | None]:
    """What one writes without `to_msisdn`."""
    numbers: list[str | None] = []
    for value in values:
        try:
            parsed = phonenumbers.parse(value if country else f"+{value.lstrip('+')}", country)
        except phonenumbers.NumberParseException:
            numbers.append(None)
            continue
        valid = phonenumbers.is_valid_number(parsed)
        style = phonenumbers.PhoneNumberFormat.E164
        numbers.append(phonenumbers.format_number(parsed, style)[1:] if valid else None)
    return numbers


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--rows", type=int, default=1_000_000)
    rows = parser.parse_args().rows
    local = pd.Series(range(491_000_000, 491_000_000 + rows)).astype("str")
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "contacts.csv"
        with path.open("w") as file:
            file.write("customer_number,name,mobile\n")
            file.writelines(f"{n},Kim,0{digits}\n" for n, digits in enumerate(local))
        store = Path(folder) / "store"
        store.mkdir(mode=0o700)  # without a suppression: every line is read, and none found
        begin = time.perf_counter()
        columns = check(path, Store(store), country="AU").attrs["columns"]
        seconds = time.perf_counter() - begin
        peak = peak_bytes() / 1e6
        print(f"check: {columns[0]['lines']:,} lines in {seconds:.1f} s, peak {peak:.0f} MB")
    for name, (before, country) in SPELLINGS.items():
        values = before + local
        begin = time.perf_counter()
        to_msisdn(values, country)
        ours = time.perf_counter() - begin
        some = values.head(rows // 20)
        begin = time.perf_counter()
        by_row(some, country)
        loop = (time.perf_counter() - begin) * 20
        print(
            f"{name}: {rows:,} distinct in {ours:.1f} s; loop over rows {loop:.0f} s, {loop / ours:.1f} times"
        )


if __name__ == "__main__":
    main()
