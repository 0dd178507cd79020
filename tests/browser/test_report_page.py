"""The report in Chromium: nothing of others runs, nothing is loaded; light, dark, on paper, as a mail."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from smsdata import Store, sync
from smsdata.report.page import report_page, write_report
from smsdata.simulator import Account, Gateway
from tests.browser.devtools import Tab
from tests.support.clients import connected
from tests.support.report_store import PAYLOADS, hostile, october

pytestmark = [
    pytest.mark.browser,
    pytest.mark.filterwarnings("ignore:.* none of .* rows of replies matches"),  # payloads for senders
]
A4 = (595, 842)
TRAP = "['alert','confirm','prompt','x'].forEach(name => window[name] = () => { window.ran = true; })"
TABLE = (
    "[...document.querySelectorAll('table')].find(one => one.caption.textContent.startsWith('By campaign'))"
)


PAIRS = """
(() => {
  const own = one => [...one.childNodes].some(node => node.nodeType === 3 && node.data.trim());
  const behind = one => {
    const colour = getComputedStyle(one).backgroundColor;
    return colour !== 'rgba(0, 0, 0, 0)' || !one.parentElement ? colour : behind(one.parentElement);
  };
  const all = [...document.querySelectorAll('body *')];
  const texts = all.filter(one => !one.closest('svg, script') && own(one));
  const pairs = texts.map(one => getComputedStyle(one).color + '|' + behind(one));
  return [...new Set(pairs)].map(pair => pair.split('|').map(one => one.match(/[0-9.]+/g).map(Number)));
})()
"""
"""Every pair of a text's colour and the nearest background behind it."""


@pytest.fixture(scope="module")
def pages(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Two reports: of payloads, and of the twin's world."""
    folder = tmp_path_factory.mktemp("pages")
    plain = Store(folder / "plain")
    with connected(Gateway(Account(seed=3, campaigns=40, recipients=120), limiter=None)) as client:
        sync(client, plain, since="100d")
    stores = {"plain": plain, "hostile": hostile(folder)}
    return {
        name: write_report(report_page(store, october(tz="Australia/Sydney")), folder / f"{name}.html")
        for name, store in stores.items()
    }


@pytest.fixture
def seen(tab: Tab, pages: dict[str, Path]) -> Iterator[Tab]:
    """The plain page in a tab, which has nothing to complain of."""
    tab.open(pages["plain"].as_uri())
    yield tab
    assert tab.complaints() == []
    assert [address for address in tab.requests() if not address.startswith("data:")] == [
        pages["plain"].as_uri()
    ]


def test_report_runs_none_of_500_payloads_and_loads_nothing(tab: Tab, pages: dict[str, Path]) -> None:
    tab.send("Page.addScriptToEvaluateOnNewDocument", source=TRAP)
    tab.open(pages["hostile"].as_uri())
    assert len(PAYLOADS) == 500
    text = tab.value("document.body.innerText")
    assert "<script>alert(1)</script>" in text
    for act in ("mouseover", "focus", "click", "load", "error"):
        tab.value(
            f"document.querySelectorAll('main *').forEach(one => one.dispatchEvent(new Event('{act}')))"
        )
    assert tab.value("window.ran") is None
    assert tab.value("document.scripts.length") == 1
    assert (
        tab.value("document.querySelectorAll('iframe, object, embed, img, form, base, a[href^=java]').length")
        == 0
    )
    assert tab.complaints() == []
    assert tab.requests() == [pages["hostile"].as_uri()]


def test_report_policy_stops_a_script_that_gets_in(tab: Tab, pages: dict[str, Path], tmp_path: Path) -> None:
    """What the test above would see were something not escaped: the policy is the second wall."""
    html = (
        pages["plain"]
        .read_text()
        .replace("<main>", "<main><script>window.ran = true</script><img src=x onerror=x()>", 1)
    )
    broken = tmp_path / "broken.html"
    broken.write_text(html)
    tab.send("Page.addScriptToEvaluateOnNewDocument", source=TRAP)
    tab.open(broken.as_uri())
    assert tab.value("window.ran") is None
    assert [one for one in tab.complaints() if "Content Security Policy" in one]


def test_report_tables_sort_with_script_and_read_without(
    seen: Tab, new_tab: Callable[[], Tab], pages: dict[str, Path]
) -> None:
    column = f"[...{TABLE}.tBodies[0].rows].map(row => row.cells[2].textContent.replace(',', '') * 1)"
    button = f"{TABLE}.tHead.rows[0].cells[2].querySelector('button')"
    before = seen.value(column)
    assert before == sorted(before, reverse=True)
    seen.value(f"{button}.click()")
    assert seen.value(column) == sorted(before)
    assert seen.value(f"{button}.closest('th').getAttribute('aria-sort')") == "ascending"
    seen.value(f"{button}.click()")
    assert seen.value(column) == sorted(before, reverse=True)
    words = sorted(seen.value("document.querySelector('main').innerText").split())
    without = new_tab()
    without.send("Emulation.setScriptExecutionDisabled", value=True)
    without.open(pages["plain"].as_uri())
    assert without.value("document.querySelectorAll('th button').length") == 0
    assert sorted(without.value("document.querySelector('main').innerText").split()) == words


@pytest.mark.parametrize(("scheme", "paper"), [("light", "rgb(255, 255, 255)"), ("dark", "rgb(20, 24, 28)")])
def test_report_in_light_and_dark(seen: Tab, artefacts: Path, scheme: str, paper: str) -> None:
    seen.looks(prefers_color_scheme=scheme)
    assert seen.value("getComputedStyle(document.body).backgroundColor") == paper
    assert seen.value("document.documentElement.scrollWidth <= innerWidth")
    seen.picture(artefacts / f"report-{scheme}.png")
    seen.looks(width=390, height=844, prefers_color_scheme=scheme)
    assert seen.value("document.documentElement.scrollWidth <= innerWidth")
    seen.picture(artefacts / f"report-{scheme}-telephone.png")


def test_report_text_can_be_read_wherever_it_stands(seen: Tab) -> None:
    """WCAG AA of what is drawn: each text's colour against the nearest background behind it."""
    for scheme in ("light", "dark"):
        seen.looks(prefers_color_scheme=scheme)
        pairs = seen.value(PAIRS)
        assert len(pairs) > 5
        assert [pair for pair in pairs if contrast(*pair) < 4.5] == []


def contrast(one: list[float], other: list[float]) -> float:
    """WCAG 2: the lighter relative luminance over the darker."""

    def luminance(colour: list[float]) -> float:
        parts = [value / 255 for value in colour[:3]]
        red, green, blue = (c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in parts)
        return 0.2126 * red + 0.7152 * green + 0.0722 * blue

    dark, light = sorted([luminance(one), luminance(other)])
    return (light + 0.05) / (dark + 0.05)


def test_report_prints_on_a4(seen: Tab, artefacts: Path) -> None:
    seen.looks(prefers_color_scheme="dark")  # paper is white whatever the screen is
    file = artefacts / "report.pdf"
    seen.paper(file)
    boxes = re.findall(rb"/MediaBox ?\[([^\]]+)\]", file.read_bytes())
    sizes = {tuple(round(float(edge)) for edge in box.split()[2:]) for box in boxes}
    assert sizes == {A4}
    assert 3 <= len(boxes) <= 15
    seen.send("Emulation.setEmulatedMedia", media="print")
    assert seen.value("getComputedStyle(document.body).backgroundColor") == "rgb(255, 255, 255)"
    seen.looks(width=680, height=962)
    seen.send("Emulation.setEmulatedMedia", media="print")
    assert seen.value("[...document.querySelectorAll('table')].every(one => one.scrollWidth <= innerWidth)")
    seen.picture(artefacts / "report-print.png")


def test_report_as_a_mail_program_may_show_it(
    tab: Tab, pages: dict[str, Path], artefacts: Path, tmp_path: Path
) -> None:
    """Without script, style and pictures."""
    html = re.sub(r"<(script|style|svg)\b.*?</\1>", "", pages["plain"].read_text(), flags=re.DOTALL)
    bare = tmp_path / "mail.html"
    bare.write_text(html)
    tab.open(bare.as_uri())
    tab.looks(width=800)
    tab.picture(artefacts / "report-mail.png")
    cells: Any = tab.value(
        "[...document.querySelectorAll('td, dd')].every(one => one.getClientRects().length)"
    )
    assert cells is True
    assert tab.requests() == [bare.as_uri()]
