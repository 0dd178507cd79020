"""What an account is filled with: numbers, names, texts, lists, fixed tables. Owns the made-up data.

Phone numbers come from ranges that regulators reserve for fiction. A send to more than 11,000 numbers goes
on with 6149157 followed by six digits: two digits too long to be anybody's.

Imports `contacts`, whose lists it fills.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np

from smsdata.simulator.clock import DAY_SECONDS
from smsdata.simulator.contacts import Contacts, Member
from smsdata.simulator.recipients import Ints

Record = dict[str, Any]
"""One row of a table, or one object on the wire, by the names of its values."""

SENDER = "61491570110"
LONGCODES = (SENDER, "61491570313", "61491570737")
SENDERS = (*LONGCODES, SENDER, SENDER, "Acme", "Höst Café")

_FIRST = (
    None,
    "",
    "Ana",
    "Zoë",
    "O'Brien",
    "Bo",
    "李",
    "Priya",
    "Max",
    "Ida",
    "Tom",
    "Lea",
    "Şule",
    "Kim 🎈",
)
_LAST = (None, "", "Nguyen", "Smith", "de la Cruz", "Müller", '"Q" Jones', "=Sum", "Okafor", "Łuk", "Ng")

CAMPAIGN_TEXTS = (
    "Sale today only! Reply STOP to opt out",
    "Hi [Firstname], your order is on its way: https://example.com/offer",
    "Läuft! 🎉 20% auf alles bis Sonntag. Stop? Antworte STOP",
    'Line one\nLine two, with "quotes", commas; and a tab\t.',
    '=HYPERLINK("https://example.com") is only text. Unsub: reply STOP',
    "Reminder: your appointment is tomorrow at 10:00. " * 4,
    "[Firstname], we miss you. See https://example.com/offer or reply STOP",
)
SINGLE_TEXT = "Your table is ready"
INBOUND_TEXTS = (
    "JOIN",
    "JOIN Ana",
    "WIN blue",
    "Hello?",
    "",
    "=1+1",
    "Open on Sunday? 🙂",
    "stop",
    "Line\nbreak",
)
_LISTS: tuple[tuple[str, dict[str, str]], ...] = (
    ("Customers", {"field_1": "Email", "field_2": "Birthday"}),
    ("Newsletter", {}),
    ("VIP 🎉 Köln", {"field_1": "Tier"}),
    ('Old "import", 2019', {}),
    ("=Leads", {"field_1": "Source", "field_2": "Score", "field_3": "Note"}),
    ("Staff", {}),
)
_FIELD_VALUES = ("a@example.com", "", None, 7, 3.5, "Gold ★", "two\nlines", "0491", "=A1")


def pool(size: int, start: int = 0) -> Ints:
    """``size`` distinct reserved numbers: mostly Australian, some British and American.

    Examples
    --------
    >>> pool(3).tolist()
    [61491570000, 61491570001, 447700900000]
    """
    australian = 61_491_570_000 + np.arange(10_000)
    australian = australian[~np.isin(australian, [int(code) for code in LONGCODES])]
    abroad = np.concatenate([447_700_900_000 + np.arange(1_000), 12_025_550_100 + np.arange(100)])
    mixed = np.insert(australian, np.minimum(np.arange(len(abroad)) * 9 + 2, len(australian)), abroad)
    beyond = 6_149_157_000_000 + np.arange(max(0, start + size - len(mixed)))
    return np.concatenate([mixed, beyond])[start : start + size].astype(np.int64)


def person(msisdn: int) -> tuple[str | None, str | None]:
    """First and last name of whoever owns a number; each may be null or empty."""
    return _FIRST[msisdn * 7919 % len(_FIRST)], _LAST[msisdn * 104_729 % len(_LAST)]


def people_of(numbers: Iterable[int | str]) -> list[Member]:
    """Whoever owns these numbers, on no list."""
    return [Member(int(number), *person(int(number)), 0) for number in numbers]


def dead_numbers(rng: np.random.Generator, share: float) -> Ints:
    """The numbers that always hard-bounce."""
    everyone = pool(11_000)
    return everyone[rng.random(len(everyone)) < share]


def reply_text(rng: np.random.Generator, texts: Sequence[tuple[str, float]]) -> str:
    """What somebody answers: one of these texts, by their weights."""
    weights = np.array([weight for _, weight in texts], float)
    return texts[int(rng.choice(len(texts), p=weights / weights.sum()))][0]


def text_of(template: str, first_name: str | None) -> str:
    """A message with its variables filled in."""
    return template.replace("[Firstname]", first_name or "")


def number_rows() -> list[Record]:
    """Virtual numbers as get-numbers shows them; ``owned`` tells which ones are the account's."""
    keys = ("number", "price", "auto_renew", "next_charge", "status", "owned")
    rows = [
        (SENDER, 19.0, True, "2026-12-01", "active", True),
        (LONGCODES[1], 19.0, False, None, "active", True),
        (LONGCODES[2], None, None, "2026-12-15", None, True),
        ("61491570006", 25.5, False, None, "available", False),
        ("447700900111", 12.0, False, None, "available", False),
    ]
    return [dict(zip(keys, row, strict=True)) for row in rows]


def keyword_rows() -> list[Record]:
    """Keywords as get-keywords shows them."""
    keys = (
        "keyword", "reference", "number", "list_id", "welcome_message", "member_message", "forward_url",
        "forward_sms", "forward_email", "status", "billing_date",
    )  # fmt: skip
    rows = [
        ("JOIN", "Door", SENDER, 3_100_001, "Welcome!", "You are in.", "https://example.com/join", None,
         "owner@example.com", "active", "2026-12-01"),
        ("WIN", None, LONGCODES[1], 0, "", "", None, None, None, "active", None),
        ("JOIN", "Shop", LONGCODES[1], None, "Hallo 👋", None, None, "61491570156", None, "inactive",
         "2026-11-30"),
    ]  # fmt: skip
    return [dict(zip(keys, row, strict=True)) for row in rows]


def reseller_rows(rng: np.random.Generator, count: int, end: int) -> tuple[list[Record], list[Record]]:
    """A reseller's clients and their transactions (times in epoch seconds)."""
    clients: list[Record] = []
    transactions: list[Record] = []
    for number in range(count):
        client_id, balance = 70_001 + number, 100.0
        for entry in range(int(rng.integers(5, 30))):
            amount = round(float(rng.uniform(-20, -0.1)), 4) if entry % 7 else 50.0
            balance = round(balance + amount, 4)
            sent = amount < 0
            transactions.append({
                "id": 88_000_001 + len(transactions), "client_id": client_id,
                "description": "Campaign" if sent else "Top-up 💳", "amount": amount,
                "balance_standing": balance, "created": end - int(rng.integers(0, 60 * DAY_SECONDS)),
                "message_id": 340_000_000 + len(transactions) if sent else None,
                "message_status": "completed" if sent else None,
                "message_cost": -amount if sent else None,
                "message_revenue": round(-amount * 1.2, 4) if sent else None,
            })  # fmt: skip
        clients.append({
            "id": client_id, "name": f"Client {number} – Söhne", "contact": ("Ana", "", None)[number % 3],
            "email": f"client{number}@example.com", "msisdn": str(61_491_570_156 + number), "currency": "AUD",
            "timezone": "Australia/Sydney", "created": end - (400 - number) * DAY_SECONDS,
            "client_pays": number % 2 == 0, "sms_margin": 0.02, "recharge_amount": 50,
            "total_lists": 3 + number, "total_sms": 1200 * number,
            "total_contacts": 500, "total_spend": 88.5, "total_revenue": 106.2, "credits_based": False,
            "balance": balance, "has_credit_card": ("yes", "no")[number % 2],
            "apikey": f"client-key-{number}", "apisecret": f"client-secret-{number}",
        })  # fmt: skip
    return clients, transactions


def fill_lists(
    contacts: Contacts,
    rng: np.random.Generator,
    count: int,
    recipients: int,
    now: int,
    inactive: float,
    deleted: float,
) -> None:
    """Make ``count`` lists of overlapping people; these shares of them, and one list without a date."""
    everyone = pool(min(11_000, recipients * 3))
    for number in range(count):
        name, fields = _LISTS[number % len(_LISTS)]
        name = name if number < len(_LISTS) else f"{name} {number}"
        created_at = None if number == 1 else now - (500 + number) * DAY_SECONDS
        target = contacts.new_list(name, dict(fields), created_at)
        size = min(len(everyone), int(recipients * rng.uniform(0.8, 1.3)) + 2)
        for msisdn in np.sort(rng.choice(everyone, size, replace=False)).tolist():
            member = Member(msisdn, *person(msisdn), now - int(rng.integers(0, 400 * DAY_SECONDS)))
            values = [
                _FIELD_VALUES[index] for index in rng.integers(len(_FIELD_VALUES), size=len(fields)).tolist()
            ]
            member.fields = dict(zip(fields.values(), values, strict=True))
            member.status = "inactive" if rng.random() < inactive else "active"
            member.deleted = bool(rng.random() < deleted)
            target.members[msisdn] = member
