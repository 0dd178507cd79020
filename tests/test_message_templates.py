"""Texts as templates: what was filled in is one gap, and two offers stay two."""

from __future__ import annotations

import random
import time

import pandas as pd
import pytest

from smsdata import analysis
from smsdata.analysis.message_templates import empty_field, templates_of

STYLISTS = ("An", "Bo", "Cy", "Di", "Ed", "Fay", "Gil Ng", "Mary Jane")


@pytest.mark.parametrize(
    ("template", "texts"),
    [
        (
            "[...], we miss you",
            ["Kim, we miss you", "Mary Jane, we miss you", "van der Berg, we miss you", ", we miss you",
             "O'Brien, we miss you",
             "Jean-Luc de la Cruz, we miss you", "李, we miss you", "Kim 🎈, we miss you",
             "[Firstname], we miss you"],
        ),
        (
            "Hi [...], your order [...] is ready",
            ["Hi Kim, your order 123 is ready", "Hi Mary Jane, your order 98123 is ready",
             "Hi , your order 7755 is ready", "Hi van der Berg, your order 5 is ready",
             "Hi there, your order 120 is ready"],
        ),
        (
            "Hi [...], you see Dr Smith on [...] at [...]",
            ["Hi Kim, you see Dr Smith on Monday at 10:00", "Hi Lea Ng, you see Dr Smith on Friday at 9:15am",
             "Hi Zoë, you see Dr Smith on 3 May at 11:30"],
        ),
        (
            "Hi [...], your bill of [...] is due. Pay: [...]",
            ["Hi Kim, your bill of $34.12 is due. Pay: https://x.example/a1",
             "Hi Lea, your bill of $118.26 is due. Pay: https://x.example/b2"],
        ),
        ("Hi [...] your order is ready", ["Hi Kim your order is ready", "Hi Mary Jane your order is ready"]),
        ("We miss you, [...]!", ["We miss you, Kim!", "We miss you, Mary Jane!"]),
        ("We miss you, [...]!", ["We miss you, Kim!", "We miss you, Lea!"]),
        ("[...], your order is ready", ["Kim, your order is ready", "Lea, your order is ready"]),
        ("[...], your order is here. Bye", ["Kim, your order is here. Bye", "Li, your order is here. Bye"]),
        ("[...], dein Termin ist morgen", ["Kim, dein Termin ist morgen", "Jörg, dein Termin ist morgen"]),
        ("[...], votre commande est là", ["Léa, votre commande est là", "Bo, votre commande est là"]),
        ("[...]，您的订单到了 thank you", ["王芳，您的订单到了 thank you", "李娜，您的订单到了 thank you"]),
        ("[...], now half price", ["Kim, now half price", ", now half price"]),
        ("[...], now half price", ["Kim, now half price", "{{name}}, now half price"]),
        ("[...], now half price", [f"{name}, now half price" for name in STYLISTS]),
        ("Your code is [...]", ["Your code is 123456", "Your code is 998871"]),
        ("مرحبا [...]، نفتقدك كثيرا", ["مرحبا أحمد، نفتقدك كثيرا", "مرحبا سارة، نفتقدك كثيرا"]),
        ("Your stylist [...] is here", [f"Your stylist {name} is here" for name in STYLISTS]),
    ],
)  # fmt: skip
def test_what_is_filled_in_is_one_gap(template: str, texts: list[str]) -> None:
    assert set(templates_of(texts)) == {template}


@pytest.mark.parametrize(
    "texts",
    [
        ["Sale today: 20% off all shoes in town", "Sale today: 30% off all shoes in town"],
        ["Sale today: half price shoes for members", "Sale today: half price hats for members"],
        ["Hi Kim, 20% off hats today", "Hi Lea, 30% off hats today"],
        ["Hi Kim, shoes are half price now", "Hi Lea, hats are half price now"],
        ["Hi Kim! Shoes are half price now", "Hi Lea! Hats are half price now"],
        ["Hi Kim, Acme shoes are half price", "Hi Lea, Bolt shoes are half price"],
        ["Hi Kim, buy 2 get 1 free", "Hi Lea, buy 3 get 1 free"],
        ["Hi Kim, shoes only $19.99", "Hi Lea, shoes only $29.99"],
        ["Spend 100 save 20 at our shop", "Spend 200 save 50 at our shop"],
        ["Use SAVE20 for your order", "Use SAVE30 for your order"],
        ["Winter sale: everything must go", "Summer sale: everything must go"],
        ["Today, 20% off everything in store", "Tomorrow, 20% off everything in store"],
        ["Hello spring, 20% off everything", "Hello summer, 20% off everything"],
        ["Your table is ready for you", "Your parcel is ready for you"],
        ["今日八折，到店即享", "明日七折，到店即享"],
        ["SALE TODAY AT ACME STORES", "SALE TODAY AT BOLT STORES"],
        ["Shoes, now half price", "Hats, now half price"],
        ["Shoes, now half price. Get yours today", "Hats, now half price. Get yours today"],
        ["Shoes, just in for you", "Hats, just in for you"],
        ["New in, Shoes", "New in, Hats"],
        ["Visit us in Sydney, Perth", "Visit us in Sydney, Cairns"],
        ["Members, doors open at nine", "Guests, doors open at nine"],
        ["Reminder, your bill is due today", "Notice, your bill is due today"],
        ["Schuhe, jetzt zum halben Preis", "Hüte, jetzt zum halben Preis"],
        ["Chaussures, à moitié prix ce jour", "Chapeaux, à moitié prix ce jour"],
        ["Kim", "Lea", "", ", ", "Yes", "No", "STOP", "Hi Kim,", "Hi Lea,"],
    ],
)
def test_two_offers_are_two_templates(texts: list[str]) -> None:
    assert templates_of(texts) == texts


def test_an_offer_to_many_people_is_a_template_of_its_own() -> None:
    people = ["Kim", "Lea", "Mary Jane", "van der Berg"]
    texts = [f"Hi {name}, {offer} off hats for you" for offer in ("20%", "30%") for name in people]
    assert (
        templates_of(texts) == ["Hi [...], 20% off hats for you"] * 4 + ["Hi [...], 30% off hats for you"] * 4
    )


def test_templates_take_time_that_grows_with_the_texts() -> None:
    """Texts that begin and end alike are no pairs to compare, and no text makes a search go mad."""
    rng = random.Random(1)
    words = [f"{a}{b}ord" for a in "abcdefgh" for b in "klmnopqr"]
    texts = list({f"Hi there {' '.join(rng.choices(words, k=8))} to you" for _ in range(5_000)})
    hostile = [
        " ",
        "\n",
        "a",
        "_a",
        "1.",
        "@",
        "a@",
        "{",
        "$",
        ", ",
        "Hi ",
        "Hi\n",
        "A ",
        "van ",
        "%a",
        "[",
        "*|",
        "1 ",
    ]
    texts += [text * 5_000 for text in hostile] + [text * 5_000 + "x" for text in hostile]
    begun = time.process_time()
    assert len(set(templates_of(texts))) > 4_900
    for text in texts:
        empty_field(text)
    assert time.process_time() - begun < 8


def test_segments_counts_people_of_several_names_as_one_template() -> None:
    texts = ["Hi Kim, see you at 10:00", "Hi Mary Jane, see you at 11:30", "Hi van der Berg, see you at 9:00"]
    found = analysis.segments(pd.DataFrame({"message": texts}))
    assert found["template"].unique().tolist() == ["Hi [...], see you at [...]"]
