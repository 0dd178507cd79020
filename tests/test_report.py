"""The report: reads well whatever the store holds, lets nothing of others run, shows nobody's number."""

from __future__ import annotations

import re
import shutil
import stat
from collections.abc import Iterator
from html.parser import HTMLParser
from importlib.resources import files
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pandas as pd
import pytest

from smsdata import Store, UsageError, demo_store, sync
from smsdata.report.page import report_page, write_report
from smsdata.report.people import cost_of
from smsdata.report.periods import period_of
from smsdata.report.pieces import masked_line, masked_text
from smsdata.report.sources import Sources
from smsdata.simulator import Account, Gateway
from smsdata.store.coverage import Span
from smsdata.store.disk import Disk
from smsdata.store.last_run import FILE
from smsdata.store.records import record_bytes
from smsdata.times import instant
from tests.support.clients import connected
from tests.support.report_store import NOW, PAYLOADS, hostile, october, rows
from tests.support.written_numbers import WRITTEN


class Tags(HTMLParser):
    """The elements of a page with their attributes."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.found: list[tuple[str, dict[str, str | None]]] = []
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.append((tag, dict(attrs)))


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Store:
    store = Store(tmp_path_factory.mktemp("report") / "store")
    with connected(Gateway(Account(seed=3, campaigns=15, recipients=20), limiter=None)) as client:
        sync(client, store, since="100d")
    return store


@pytest.mark.filterwarnings(
    "ignore:.* none of .* rows of replies matches"
)  # the senders are payloads: no reply is to one
def test_report_lets_no_payload_out_of_its_text(store: Store, tmp_path: Path) -> None:
    html = report_page(hostile(tmp_path), october()).html
    ours = {tag for tag, _ in Tags(report_page(store, october()).html).found}
    tags = Tags(html).found
    assert len(PAYLOADS) == 500
    assert html.count("alert(1)") >= 4
    assert "&lt;script&gt;alert(1)" in html
    assert {tag for tag, _ in tags} <= ours | {"pattern"}  # hatching of a picture
    assert [tag for tag, _ in tags].count("script") == 1
    assert [at for _, given in tags for at in given if at.startswith("on") or at == "style"] == []
    links = [given.get("href") or "" for _, given in tags if "href" in given or "src" in given]
    assert all(link.startswith("#") for link in links)
    assert "49 how" not in html  # no template of theirs was run
    assert not set("\x00\u202e") & set(html)


@pytest.mark.filterwarnings(
    "ignore:.* none of .* rows of replies matches"
)  # the senders are payloads: no reply is to one
def test_report_shows_nobodys_number(store: Store, tmp_path: Path) -> None:
    for one in (store, hostile(tmp_path)):
        people = set(one.read("messages")["msisdn"]) - set(one.read("messages")["sender"])
        html = report_page(one, october()).html
        assert [number for number in people if number in html] == []
        assert len(people) > 20


@pytest.mark.parametrize("written", WRITTEN.values(), ids=WRITTEN)
def test_report_masks_a_number_however_it_is_written(written: str) -> None:
    assert re.fullmatch(r"call \D*…56 now, room 101", masked_text(f"call {written} now, room 101"))


def two_months(folder: Path) -> Store:
    """Four hundred people each in September and October; in October a tenth left, and a tenth were dead."""
    store, count = Store(folder / "two"), 800
    month = [9] * 400 + [10] * 400
    people = [f"6149157{n:04d}" for n in range(400)] * 2
    dead = [number == 10 and n % 10 == 0 for n, number in enumerate(month)]
    left = [number == 10 and n % 10 == 1 for n, number in enumerate(month)]
    same: dict[str, Any] = {
        "message_id": [1] * 400 + [2] * 400,
        "msisdn": people,
        "sent_at": [instant(f"2026-{number:02d}-10T03:00") for number in month],
        "status": ["hard-bounce" if gone else "delivered" for gone in dead],
        "synced_at": [NOW] * count,
    }
    sent = [instant("2026-09-10T03:00"), instant("2026-10-10T03:00")]
    counts: dict[str, Any] = {"pending": [0, 0], "delivered": [400, 360], "soft_bounced": [0, 0]}
    tables = {
        "messages": rows(
            "messages", count, id=range(count), sender=["61491570006"] * count, message=["Hi"] * count, **same
        ),
        "dlrs": rows("dlrs", count, optout=left, copies=[1] * count, **same),
        "campaigns": rows(
            "campaigns", 2, message_id=[1, 2], sent_at=sent, message=["Hi", "Hi"], parts=[400, 400],
            cost=[40.0, 80.0], hard_bounced=[0, 40], synced_at=[NOW] * 2, **counts,
        ),
    }  # fmt: skip
    with store.writing():
        for name, table in tables.items():
            store.merge(name, table)
    return store


def test_report_tells_changes_alarms_and_what_bounces_cost(tmp_path: Path) -> None:
    """Of 400 in October 40 bounced, each at 80 / 400; of the 360 others 40 opted out; in September nobody."""
    page = report_page(two_months(tmp_path), october())
    values = dict(re.findall(r"<dt>([^<]+)</dt><dd class=\"value\">([^<]+)</dd>", page.html))
    assert values["Delivery rate"] == "90.0%"
    assert values["Hard bounces"] == "10.0%"
    assert values["Opt-out rate"] == "11.1%"
    assert values["Reply rate"] == "0.0%"
    for told in (
        "-10.0 points against 100.0% before",
        "+10.0 points against 0.0% before",
        "+11.1 points against 0.0% before",
        "+0 against 400 before",
        "+40.00 against 40.00 before",
    ):
        assert told in page.html
    assert page.html.count("more than chance (95%") == 3
    assert [line for line in page.look if line.startswith("Alarm")] == [
        "Alarm (look): delivery 90.0%, below 95.0%",
        "Alarm (act): opt-outs 11.1%, above 3.0%",
    ]
    assert "0 of 400 receipts of the period were theirs" in page.html  # one bounce each, and delivered before


def test_report_tells_what_the_numbers_to_remove_cost(tmp_path: Path) -> None:
    store = two_months(tmp_path)
    page = report_page(store, period_of(since="2026-10-01", until="2026-11-01", now=NOW), compare=False)
    assert " before</dd>" not in page.html
    numbers = pd.DataFrame({"msisdn": ["61491570000", "61491570010"]})
    sources = Sources(store, october(), compare=False)
    assert cost_of(sources, numbers) == "2 of 400 receipts of the period were theirs and cost 0.40."


def test_report_has_all_parts_and_is_small(store: Store) -> None:
    html = report_page(store, october()).html
    assert len(html.encode()) < 500_000
    for name in ("delivery", "bounces", "replies", "optouts", "clicks", "spend", "alarms", "certificate"):
        assert f'id="{name}"' in html
    assert "could not be computed" not in html
    assert ">nan<" not in html
    sent = store.read("messages", since="2026-10-01", until="2026-11-01")
    assert f'<dd class="value">{len(sent):,}</dd>' in html
    assert "chance" in html


def test_report_needs_neither_script_nor_style_nor_pictures(store: Store) -> None:
    """As a mail program may show it: all numbers of headlines and tables are text."""
    html = report_page(store, october()).html
    bare = re.sub(r"<(script|style|svg)\b.*?</\1>", "", html, flags=re.DOTALL)
    cells = re.findall(r"<(?:td|dd)[^>]*>([^<]+)<", html)
    assert len(cells) > 150
    assert re.findall(r"<(?:td|dd)[^>]*>([^<]+)<", bare) == cells
    assert all(tag not in bare for tag in ("<img", "<svg", "<link", "hidden", "style="))
    pictures = html.count("<figure")
    assert bare.count("<figcaption>") == pictures > 3


def test_report_pictures_have_words_and_ids_of_their_own(store: Store) -> None:
    tags = Tags(report_page(store, october()).html).found
    ids = [given["id"] for _, given in tags if "id" in given]
    assert len(ids) == len(set(ids))
    figures = [given for tag, given in tags if tag == "figure"]
    assert figures
    assert all(given["role"] == "img" and given["aria-label"] for given in figures)


def test_report_policy_names_exactly_its_style_and_script(store: Store) -> None:
    import base64
    import hashlib

    html = report_page(store, october()).html
    policy = re.search(r'Content-Security-Policy" content="([^"]+)"', html)
    assert policy
    told = policy[1].replace("&#39;", "'")
    assert told.startswith("default-src 'none';")
    assert "unsafe" not in told
    for tag in ("style", "script"):
        body = re.search(rf"<{tag}>(.*?)</{tag}>", html, re.DOTALL)
        assert body
        assert base64.b64encode(hashlib.sha256(body[1].encode()).digest()).decode() in told


@pytest.mark.parametrize("scheme", [0, 1, 2], ids=["light", "dark", "print"])
def test_report_colours_can_be_read(scheme: int) -> None:
    css = (files("smsdata.report") / "page.css").read_text()
    colours = dict(re.findall(r"--(\w+): (#\w{6})", re.findall(r":root \{([^}]+)\}", css)[scheme]))
    for ink in ("ink", "dim", "good", "bad", "link"):
        for paper in ("paper", "soft"):
            assert contrast(colours[ink], colours[paper]) >= 4.5, (ink, paper)
    for ink in ("blue", "orange", "green", "red", "sky", "purple", "violet", "grey"):
        assert contrast(colours[ink], colours["paper"]) >= 3, ink
    assert set(colours) == {
        *("ink", "paper", "soft", "dim", "line", "good", "bad", "link"),
        *("blue", "orange", "green", "red", "sky", "purple", "violet", "grey"),
    }
    assert set(re.findall(r"(?<![-\w])(?:color|background): ([^;]+);", css)) == {
        *(f"var(--{one})" for one in ("ink", "paper", "dim", "link", "soft", "bad", "good")),
        "inherit",
    }


@pytest.mark.parametrize("scheme", [0, 1, 2], ids=["light", "dark", "print"])
def test_report_labels_in_pictures_can_be_read(store: Store, scheme: int) -> None:
    """Every text drawn in a picture, as faint as it is drawn, on the page's paper; no colour of its own."""
    css = (files("smsdata.report") / "page.css").read_text()
    colours = dict(re.findall(r"--(\w+): (#\w{6})", re.findall(r":root \{([^}]+)\}", css)[scheme]))
    own = {"currentColor": "ink"} | {f"var(--{name})": name for name in colours}
    drawn = [
        one
        for svg in re.findall(r"<svg.*?</svg>", report_page(store, october()).html, re.DOTALL)
        for one in shapes(ElementTree.fromstring(svg))
    ]
    told = {(own[fill], strength) for is_text, fill, strength in drawn if is_text}
    assert ("ink", 1.0) in told
    for name, strength in told:
        seen = blended(colours[name], colours["paper"], strength)
        assert contrast(seen, colours["paper"]) >= 4.5, (name, strength)
    assert {fill for _, fill, _ in drawn if not fill.startswith("url(#")} <= {"none", *own}


def shapes(
    element: ElementTree.Element, is_text: bool = False, fill: str = "none", strength: float = 1.0
) -> Iterator[tuple[bool, str, float]]:
    """What is filled in a picture: whether it is a sign of a text, with which colour, and how strong."""
    name = re.sub(r"^.*?-", "", element.get("id", ""))
    is_text = (is_text or name.startswith("text_")) and not name.startswith("patch_")
    fill = element.get("fill", fill)
    strength *= float(element.get("opacity", 1)) * float(element.get("fill-opacity", 1))
    tag = element.tag.rpartition("}")[2]
    if tag == "use" or (tag in ("path", "rect", "polygon") and element.get("fill")):
        yield is_text, fill, strength
    for child in () if tag == "defs" else element:
        yield from shapes(child, is_text, fill, strength)


def blended(ink: str, paper: str, strength: float) -> str:
    parts = [(int(ink[at : at + 2], 16), int(paper[at : at + 2], 16)) for at in (1, 3, 5)]
    return "#" + "".join(f"{round(strength * one + (1 - strength) * other):02x}" for one, other in parts)


def contrast(one: str, other: str) -> float:
    """WCAG 2: relative luminance of the lighter over that of the darker."""

    def luminance(colour: str) -> float:
        parts = [int(colour[place : place + 2], 16) / 255 for place in (1, 3, 5)]
        red, green, blue = (c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in parts)
        return 0.2126 * red + 0.7152 * green + 0.0722 * blue

    dark, light = sorted([luminance(one), luminance(other)])
    return (light + 0.05) / (dark + 0.05)


class NeverWhole(Store):
    """A store of which no table is read into memory."""

    def read(self, *_: Any, **__: Any) -> pd.DataFrame:
        raise AssertionError("a table was read whole")


def test_report_reads_no_table_whole(store: Store) -> None:
    assert report_page(NeverWhole(store.path), october()).html == report_page(store, october()).html


@pytest.mark.parametrize(("number", "sender"), [("0491570156", "61491570006"), ("61491570156", "ACME")])
def test_report_compares_what_it_can(number: str, sender: str, tmp_path: Path) -> None:
    """Neither numbers that no other table spells so, nor senders that are names, keep the rest apart."""
    store, at = Store(tmp_path / "store"), [instant(f"2026-{month:02d}-05") for month in (9, 10)]
    told: dict[str, Any] = {"sent_at": at, "synced_at": [NOW] * 2, "status": ["delivered"] * 2}
    told |= {"id": [1, 2], "message_id": [1, 2], "msisdn": [number] * 2, "sender": [sender] * 2}
    with store.writing():
        store.merge("messages", rows("messages", 2, **told))
    html = report_page(store, october()).html
    assert "against 100.0% before" in html
    assert "could not be computed" not in html
    assert ("nothing older than 73 hours that can be answered" in html) == (sender == "ACME")


def test_report_of_an_empty_store_says_what_is_missing(tmp_path: Path) -> None:
    (tmp_path / "store").mkdir()
    html = report_page(tmp_path / "store", october()).html
    assert "holds no messages at all" in html
    assert "holds no link hits" in html
    assert "No sync of all tables is on record" in html
    assert ">nan" not in html.lower()


@pytest.mark.parametrize(
    ("count", "status", "sender"),
    [(1, "delivered", "61491570006"), (1, "pending", "ACME"), (60, "pending", "ACME")],
)
def test_report_of_next_to_nothing_computes_all_there_is(
    count: int, status: str, sender: str, tmp_path: Path
) -> None:
    """One message, one campaign, all of it pending."""
    store, at = Store(tmp_path / "store"), instant("2026-10-05")
    same: dict[str, Any] = {
        "message_id": [1] * count, "msisdn": [f"614915701{n:02d}" for n in range(count)],
        "sent_at": [at] * count, "synced_at": [at] * count, "status": [status] * count,
    }  # fmt: skip
    sent: dict[str, Any] = {"message_id": [1], "sent_at": [at], "message": ["Hi"], "synced_at": [at]}
    with store.writing():
        store.merge("messages", rows("messages", count, id=range(count), sender=[sender] * count, **same))
        store.merge("dlrs", rows("dlrs", count, copies=[1] * count, **same))
        store.merge("campaigns", rows("campaigns", 1, **sent))
    for compare in (True, False):
        html = report_page(store, october(), compare=compare).html
        assert "could not be computed" not in html
        assert (
            re.search(
                r"\b(nan|inf|None|NaT)\b", re.sub(r"<(svg|style|script)\b.*?</\1>", "", html, flags=re.DOTALL)
            )
            is None
        )
        assert f'<dd class="value">{count:,}</dd>' in html
        assert "1 days" not in html


def test_report_of_a_period_without_messages_and_of_one_not_over(store: Store) -> None:
    hour = {"since": "2026-11-20T01:00", "until": "2026-11-20T01:01"}
    empty = report_page(store, period_of(**hour, now=NOW)).html
    assert "No message was sent from 2026-11-20 01:00" in empty
    assert "not over yet" in report_page(store, period_of("2026-11", now=NOW), compare=False).html


def test_period_of_refuses_what_is_no_period() -> None:
    for given in (
        {"name": "fortnight"},
        {"name": "2026-13"},
        {"until": "2026-10-01"},
        {"tz": "Mars/Base"},
        {"name": "week", "since": "2026-10-01"},
        {"since": "2026-10-02", "until": "2026-10-02"},
    ):
        with pytest.raises(UsageError):
            period_of(**given, now=NOW)


def test_period_of_begins_at_local_midnight_across_a_change_of_clocks() -> None:
    period = period_of("2026-10", tz="Australia/Sydney", now=NOW)
    assert (period.until - period.since).total_seconds() == (31 * 24 - 1) * 3600
    assert period.local(period.before) == "2026-09-01 00:00"


def test_write_report_replaces_its_own_and_nothing_else(store: Store, tmp_path: Path) -> None:
    page = report_page(store, october(), compare=False)
    path = write_report(page, tmp_path / "page.html")
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert write_report(page, path).read_text() == page.html
    other = tmp_path / "thesis.html"
    other.write_text("mine")
    with pytest.raises(UsageError, match="is no report"):
        write_report(page, other)
    assert other.read_text() == "mine"
    write_report(page, other, force=True)
    assert other.read_text() == page.html
    assert sorted(one.name for one in tmp_path.iterdir()) == ["page.html", "thesis.html"]


@pytest.mark.parametrize("asked", [{"since": "0001-01-01"}, {"name": "0001-02", "tz": "Australia/Sydney"}])
def test_a_period_at_the_beginning_of_dates_is_refused(asked: dict[str, Any]) -> None:
    with pytest.raises(UsageError, match="begin later"):
        period_of(**asked)


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Store:
    """A store as `smsdata demo` makes it: messages from 2026-08-24 up to 2026-11-21 23:50."""
    return demo_store(tmp_path_factory.mktemp("demo") / "demo")


LATER = instant("2026-11-27T20:00")


def changes(html: str) -> list[str]:
    return re.findall(r'<dd class="change">([^<]+)</dd>', html)


@pytest.mark.parametrize("name", ["2026-08", "2026-09"])
def test_report_compares_with_no_period_that_begins_before_the_store(demo: Store, name: str) -> None:
    page = report_page(demo, period_of(name, now=NOW))
    assert "Not compared: the period before begins before the store does" in page.html
    assert page.not_compared.startswith("the period before begins before the store does: messages, dlrs of")
    assert changes(page.html) == []
    assert " before</dd>" not in page.html
    assert "chance" not in re.sub(r'<p class="dim">.*?</p>', "", page.html, flags=re.DOTALL)


def test_report_compares_two_periods_that_were_read_in_full(demo: Store) -> None:
    page = report_page(demo, period_of("2026-10", now=NOW))
    assert page.not_compared == ""
    assert "Not compared:" not in page.html
    assert len(changes(page.html)) >= 5
    assert " against 746 before" in page.html


def test_report_compares_with_no_period_that_has_a_gap(demo: Store, tmp_path: Path) -> None:
    copy = Store(shutil.copytree(demo.path, tmp_path / "demo"))
    spans = [Span(instant("2026-08-24"), instant("2026-09-10")), Span(instant("2026-09-11"), NOW)]
    copy.state.coverage["messages"] = spans
    page = report_page(copy, period_of("2026-10", now=NOW))
    assert page.not_compared == "the period before was not read in full"
    assert changes(page.html) == []


FINE = "Nothing of what is looked at here needs a look"


@pytest.mark.parametrize(
    ("asked", "told"),
    [
        (
            {"name": "2020-10"},
            "2020-10-01 00:00 to 2020-11-01 00:00 (UTC); `smsdata sync --since 2020-10-01`",
        ),
        ({"name": "2027-10"}, "The period has not begun: it begins 2027-10-01 00:00 (UTC)."),
        (
            {"since": "2026-11-15", "until": "2026-11-27"},
            "messages, replies of 2026-11-21 23:50 to 2026-11-27",
        ),
        ({"since": "2026-11-15"}, "messages, replies of 2026-11-21 23:50 to 2026-11-27 20:00"),
        (
            {"since": "2026-11-27"},
            "messages, dlrs, replies, campaigns of 2026-11-27 00:00 to 2026-11-27 20:00",
        ),
        ({"name": "2026-11"}, "messages, replies of 2026-11-21 23:50 to 2026-11-27 20:00"),
    ],
)
def test_report_names_first_what_of_its_period_was_not_read(
    demo: Store, asked: dict[str, str], told: str
) -> None:
    page = report_page(demo, period_of(**asked, now=LATER))
    assert told in " ".join(page.look[:2])
    look = re.search(r'<section class="look".*?</section>', page.html, re.DOTALL)
    assert look
    assert told in look[0]
    assert FINE not in page.html
    assert changes(page.html) == []
    assert sum("2026-11-27 00:00" in line or "20:00" in line for line in page.look) <= 1, (
        "one line for one gap"
    )
    assert sum(" reaches to " in line for line in page.look) == 0
    assert "reaches to" not in page.html


def test_report_of_an_empty_store_says_that_nothing_of_the_period_was_read(tmp_path: Path) -> None:
    page = report_page(tmp_path, period_of("2026-10", now=NOW))
    assert page.look[0] == (
        "Not read of the period: messages, dlrs, replies, campaigns of 2026-10-01 00:00 to 2026-11-01 00:00 "
        "(UTC); run `smsdata sync`."
    )


def test_lines_of_ours_keep_their_times_ids_and_counts_and_no_number_of_a_person(tmp_path: Path) -> None:
    run = {"started": "2026-11-27T00:00:00+00:00", "whole": True, "host": "elsewhere", "pid": 1, "born": "x"}
    failed = run | {
        "ended": "2026-11-27T00:01:00+00:00",
        "outcome": "failed",
        "code": "X",
        "error": "61491570156",
    }
    disk = Disk(tmp_path)
    for facts in (run, failed):
        (tmp_path / ".smsdata").mkdir(exist_ok=True)
        disk.replace(tmp_path / ".smsdata" / FILE, record_bytes({"run": facts, "whole": None}))
        page = report_page(tmp_path, period_of("2026-10", now=NOW))
        told = " ".join(page.look)
        assert ("the run of 2026-11-27T00:00:00+00:00 " in told) == (facts is run)
        assert ("failed (X): …56" in told) == (facts is failed)
        assert "61491570156" not in page.html
    line = "dlrs(message_id=339814842): stored 1,234,567, expected 1,234,568. See 2026-11-27 09:30 UTC"
    assert masked_line(line) == line
    for written in WRITTEN.values():
        assert re.fullmatch(
            r"the run of 2026-11-27T00:00:00Z \D*…56 2026-11-27",
            masked_line(f"the run of 2026-11-27T00:00:00Z {written} 2026-11-27"),
        )


def test_report_of_a_period_under_way_misses_no_hour_to_come(demo: Store) -> None:
    """The store reaches to 2026-11-21 23:50: a night later that is all there can be; two nights later not."""
    asked: dict[str, Any] = {"name": "2026-11"}
    tonight, late = (
        report_page(demo, period_of(**asked, now=instant(now)))
        for now in ("2026-11-22T20:00", "2026-11-23T20:00")
    )
    assert [line for line in tonight.look if "ot read" in line] == []
    assert "The period is not over: it ends 2026-12-01 00:00 (UTC)." in tonight.html
    assert "The table messages reaches to 2026-11-21 23:50 (UTC) only." in tonight.html
    assert "Not read of the period: messages, replies of 2026-11-21 23:50" in late.look[0]


@pytest.mark.parametrize("name", ["2020-10", "2027-10"])
def test_report_of_a_period_not_read_says_not_that_nothing_was_sent(demo: Store, name: str) -> None:
    html = report_page(demo, period_of(name, now=LATER)).html
    assert "No message was sent" not in html
    assert "Nothing was sent" not in html
    assert ("not begun yet" in html) == (name == "2027-10")
    assert ("is not known: nothing of it was read" in html) == (name == "2020-10")


def test_report_tells_an_account_without_messages_from_one_never_synced(tmp_path: Path) -> None:
    store = Store(tmp_path / "store")
    account = Account(seed=3, campaigns=0, singles=0, lists=0, recipients=0)
    with connected(Gateway(account, limiter=None)) as client:
        sync(client, store)
    assert store.count("messages") == 0
    page = report_page(store, period_of("week", now=NOW))
    assert "The account has sent no message: `smsdata sync` has read 2026-" in page.html
    assert "has not read them yet" not in page.html
    assert page.look == ()


def test_report_shows_the_rates_that_its_changes_compare(tmp_path: Path) -> None:
    """Of 40 older than 73 hours none replied and 10 bounced; of 10 of yesterday all arrived, five replied."""
    store, count = Store(tmp_path / "store"), 90
    day = ["2026-10-15"] * 40 + ["2026-11-15"] * 40 + ["2026-11-21"] * 10
    people = [f"61491570{n:03d}" for n in [*range(40), *range(40), *range(50, 60)]]
    same: dict[str, Any] = {
        "message_id": [1] * 40 + [2] * 40 + [3] * 10, "msisdn": people, "synced_at": [NOW] * count,
        "sent_at": [instant(f"{one}T03:00") for one in day], "sender": ["61491570006"] * count,
        "status": ["delivered"] * 40 + ["hard-bounce"] * 10 + ["delivered"] * 40,
    }  # fmt: skip
    heard: dict[str, Any] = {
        "id": range(5), "msisdn": people[80:85], "longcode": ["61491570006"] * 5, "message_id": [3] * 5,
        "received_at": [instant("2026-11-21T04:00")] * 5, "response": ["yes"] * 5, "synced_at": [NOW] * 5,
    }  # fmt: skip
    with store.writing():
        store.merge("messages", rows("messages", count, id=range(count), **same))
        store.merge("replies", rows("replies", 5, **heard))
    html = report_page(store, period_of(since="2026-10-25", until="2026-11-22", now=NOW)).html
    for told in (
        "of those older than 73 hours: 75.0% against 100.0% before, -25.0 points",
        "of those older than 73 hours: 25.0% against 0.0% before, +25.0 points",
        "of those older than 73 hours: 0.0% against 0.0% before, +0.0 points",
    ):
        assert told in changes(html)
    values = dict(re.findall(r"<dt>([^<]+)</dt><dd class=\"value\">([^<]+)</dd>", html))
    assert [values[name] for name in ("Delivery rate", "Hard bounces", "Reply rate")] == [
        "80.0%", "20.0%", "12.5%",
    ]  # fmt: skip


def test_write_report_refuses_a_place_that_is_not_there_as_export_does(store: Store, tmp_path: Path) -> None:
    page = report_page(store, october(), compare=False)
    with pytest.raises(UsageError, match=r"there is no folder .*gone: make it") as caught:
        write_report(page, tmp_path / "gone" / "page.html")
    assert caught.value.exit_code == 2
    assert not (tmp_path / "gone").exists()


def test_exit_codes_of_the_report_are_on_their_page() -> None:
    page = (Path(__file__).parent.parent / "docs" / "exit-codes.md").read_text()
    (row,) = re.findall(r"^\| `smsdata report` \| (.*) \|$", page, re.MULTILINE)
    assert row.startswith("3 where ")
    assert "2 also where `--out`" in row
