"""How clients, stores and runs look in a notebook: no secret, no call, no markup, faults in one line."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Callable
from datetime import timedelta
from html.parser import HTMLParser
from pathlib import Path

import httpx
import pytest
from IPython.core.formatters import HTMLFormatter

import smsdata
from smsdata import Client, Store, Stores, sync
from smsdata.hygiene import HygieneReport
from smsdata.ingest.report import Report
from smsdata.shown import html_of, shown_in_any_case
from smsdata.simulator import Account, Gateway
from smsdata.store.scan import Scan
from tests.support.clients import OPTIONS

World = tuple[Account, Gateway, Store]


class Text(HTMLParser):
    """The words of a page and the tags in it."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.words: list[str] = []
        self.tags: set[str] = set()
        self.feed(page)

    def handle_data(self, data: str) -> None:
        self.words.append(data)

    def handle_starttag(self, tag: str, attrs: object) -> None:
        self.tags.add(tag)

    def __str__(self) -> str:
        return "\n".join(self.words)


OURS = {"div", "strong", "br", "table", "thead", "tbody", "tr", "th", "td", "p"}


def shown(thing: object) -> Text:
    """What a notebook shows of it, as IPython asks for it."""
    page = HTMLFormatter()(thing)
    assert page is not None
    text = Text(page)
    assert text.tags <= OURS
    return text


def refusing(request: httpx.Request) -> httpx.Response:
    raise AssertionError(f"a call was made: {request.url.path}")


def test_client_shows_pace_and_no_credentials() -> None:
    options = OPTIONS | {"key": "key-of-mine", "secret": "secret-of-mine", "rate": 4, "share": 0.5}
    client = Client(**options, transport=httpx.MockTransport(refusing))
    said = str(shown(client))
    assert "gateway: http://127.0.0.1:8025/" in said
    assert "pace: 2 of 4 calls/s" in said
    assert "credentials: set" in said
    assert "of-mine" not in said
    client.close()


def test_client_without_credentials_says_which_settings_are_missing() -> None:
    with Client() as client:
        assert "credentials: not set: SMSDATA_API_KEY" in str(shown(client))


def test_store_shows_what_status_says(world: World) -> None:
    *_, store = world
    said = str(shown(store))
    assert "last sync: " in said
    assert "complete: yes, as of 20" in said
    rows = [line for line in said.split("\n") if line == f"{store.count('messages'):,}"]
    assert rows
    assert "Nothing needs a look." in said


def test_store_shows_no_number_of_a_person(world: World) -> None:
    account, _, store = world
    account.advance(hours=1)
    said = str(shown(store))
    assert set(store.read("messages")["msisdn"])
    assert not any(number in said for number in store.read("messages")["msisdn"])
    assert re.search(r"\d{9,}", said.replace(str(store.path), "")) is None


def test_store_is_shown_without_reading_rows(world: World) -> None:
    """The pages of rows are spoilt, so that to read one would fail; footers and names are whole."""
    *_, store = world
    whole = str(shown(store))
    for part in store.parts("messages"):
        spoilt = bytearray(part.read_bytes())
        spoilt[8:40] = bytes(byte ^ 0xFF for byte in spoilt[8:40])
        part.write_bytes(spoilt)
    with pytest.raises(smsdata.StoreError):
        Store(store.path).scan("messages")
    ages = re.compile(r"\d+ (s|min) ago")
    assert ages.sub("", str(shown(Store(store.path)))) == ages.sub("", whole)


def test_store_that_is_not_there_is_one_line(tmp_path: Path) -> None:
    said = str(shown(Store(tmp_path / "typo")))
    assert "Store" in said
    assert "cannot be shown: there is no store at" in said
    assert not (tmp_path / "typo").exists()


def test_store_with_a_damaged_state_is_one_line(world: World) -> None:
    *_, store = world
    (store.private / "state.json").write_text("{")
    said = str(shown(Store(store.path)))
    assert "cannot be shown: " in said
    assert "Traceback" not in said


def test_store_in_a_folder_of_a_hostile_name_is_text(tmp_path: Path, connect: Callable[..., Client]) -> None:
    folder = tmp_path / "<img src=x onerror=alert(1)>"
    account = Account(2, campaigns=1, singles=0, lists=1, inbound=0)
    sync(connect(Gateway(account, limiter=None)), folder)
    text = shown(Store(folder))
    assert "<img src=x onerror=alert(1)>" in str(text)


def test_store_that_is_being_written_keeps_what_it_remembers(world: World) -> None:
    """What a run has changed in the state and not saved yet must not be lost because somebody looks."""
    *_, store = world
    with store.writing():
        moved = store.state.cursors["messages"] + timedelta(hours=1)
        store.state.cursors["messages"] = moved
        shown(store)
        assert store.state.cursors["messages"] == moved


def test_stores_show_a_line_for_each_and_one_that_fails_alone(
    tmp_path: Path, connect: Callable[..., Client]
) -> None:
    for seed, name in enumerate(("perth", "hobart"), start=1):
        account = Account(seed, campaigns=1, singles=0, lists=1, inbound=0)
        sync(connect(Gateway(account, limiter=None, key=name), key=name), tmp_path / name)
    both = Stores(tmp_path)
    said = str(shown(both))
    assert said.startswith("Stores of 2 accounts")
    assert said.count(" ago") == 2
    (tmp_path / "perth" / ".smsdata" / "state.json").write_text("{")
    broken = str(shown(both))
    assert broken.count(" ago") == 1
    assert "perth" in broken


def test_sync_summary_shows_a_line_for_each_table(world: World, connect: Callable[..., Client]) -> None:
    _, gateway, store = world
    report = sync(connect(gateway), store)
    said = str(shown(report))
    assert f"new rows in {report.calls:,} calls" in said
    assert {"campaigns", "messages", "lists"} <= set(said.split("\n"))
    assert "Nothing needs a look." in said


def test_sync_summary_escapes_what_a_gateway_said() -> None:
    report = Report(attention=["<script>alert(1)</script>"] * 14, calls=3, now="2026-11-22T00:00:00Z")
    report.of("messages").proofs = ["<b>"]
    said = str(shown(report))
    assert said.count("<script>alert(1)</script>") == 12
    assert "... and 2 more" in said


def test_what_cannot_be_shown_never_tells_what_an_error_of_others_holds() -> None:
    class Odd:
        @shown_in_any_case
        def _repr_html_(self) -> str:
            raise KeyError("61491570156")

    assert str(shown(Odd())) == "Odd\ncannot be shown: KeyError"


def test_html_of_escapes_everything() -> None:
    text = Text(
        html_of("<i>", facts=[("<i>", "&")], heads=["<i>"], rows=[["<i>", 1000, None]], lines=["<i>"])
    )
    assert text.tags <= OURS
    assert text.words == ["<i>", "<i>: &", "<i>", "<i>", "1,000", "-", "<i>"]


WRONG_SECRET = """
import os, sys
from IPython.core.interactiveshell import InteractiveShell
shell = InteractiveShell.instance()
shell.run_cell('''
from smsdata import Client
from smsdata.simulator import Account, Gateway, transport
wire = transport(Gateway(Account(1), limiter=None))
client = Client(key="demo", secret="wrong", base_url="http://127.0.0.1:8025/", transport=wire)
def read():
    return client.lists()
''')
print("begin")
shell.run_cell("rows = read()")
os.environ["SMSDATA_TRACEBACK"] = "1"
print("begin")
shell.run_cell("rows = read()")
"""


def test_error_in_a_notebook_is_the_cell_and_one_line(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-c", WRONG_SECRET], capture_output=True, text=True, check=True, cwd=tmp_path,
        env={"PYTHONPATH": str(Path(__file__).parents[1]), "HOME": str(tmp_path), "NO_COLOR": "1"},
    )  # fmt: skip
    _, short, whole = done.stdout.split("begin\n")
    lines = short.strip().split("\n")
    assert lines[0] == "cell, line 1: rows = read()"
    assert lines[1].startswith("read, line ")
    assert lines[2].startswith("ApiError: lists page 1: AUTH_FAILED")
    assert len(lines) == 3
    assert "reader.py" in whole


def test_report_of_a_run_on_lists_names_nobody() -> None:
    report = HygieneReport("run-1", dry_run=True)
    for at in range(30):
        report.add(3_100_000 + at % 25, f"614915701{at:02}", "planned")
    said = str(shown(report))
    assert "614915701" not in said + repr(report)
    assert "planned 30" in said
    assert "list 3100000: 2" in "\n".join(report.lines())
    assert "and 5 lists more" in "\n".join(report.lines())


def test_scan_names_its_table_not_its_files(world: World) -> None:
    *_, store = world
    scan = store.scan("messages", since="2026-11-01")
    assert repr(scan).startswith("Scan('messages', ")
    assert ".parquet" not in repr(scan)
    assert repr(Scan("lists", ())) == "Scan('lists', 0 files)"


def test_tables_of_a_store_are_one_call_away(world: World, tmp_path: Path) -> None:
    *_, store = world
    held = store.tables()
    rows = dict(zip(held["table"], held["rows"], strict=True))
    assert rows["messages"] == len(store.read("messages"))
    of_messages = held.set_index("table").loc["messages"]
    assert of_messages["first"] == store.read("messages")["sent_at"].min()
    assert of_messages["last"] == store.read("messages")["sent_at"].max()
    none = Store(tmp_path / "none").tables()
    assert none.empty
    assert list(none.dtypes) == list(held.dtypes)
    assert "messages" in repr(store.tables)
