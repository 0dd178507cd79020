"""What a reply says to a message that offers its texts, or asks whether they are wanted."""

import pytest

from smsdata.analysis.reply_asked import words_asked
from smsdata.analysis.reply_phrases import normal, offers_texts
from smsdata.analysis.reply_words import classify_text

INVITED = [
    ("Rosie's Records: reply VINYL to hear about our weekly deals", "VINYL"),
    ("Rosie's Records: reply VINYL to hear about our weekly deals", "Vinyl please, my dad told me"),
    ("Free daily tips for runners. Text RUN to begin.", "Run. Wish me luck"),
    ("Want our specials by text? Reply YUM to join.", "yes"),
    ("Want our specials by text? Reply YUM to join.", "ok, sign me up"),
    ("Please confirm you want our Friday offers by text. Reply Y to confirm.", "Y"),
    ("Panadería Luz: envía PAN para recibir ofertas cada semana", "pan"),
    ("Bäckerei Korn: antworten Sie BROT und erhalten Sie unsere Angebote", "Brot"),
    ("Pâtisserie Lune: répondez TARTE pour recevoir nos promos", "tarte !"),
    ("Ресторан Берег: отправьте УХА, чтобы получать акции", "Уха"),
    ("书店：回复“书”每周收新品资讯", "书"),
]
STILL_WANTED = "Marlow Books: still want our texts? Reply YES to keep getting them or NO to be removed."
SURE = "Marlow Books: are you sure you want to stop getting our texts? Reply YES to confirm."


@pytest.mark.parametrize(("message", "reply"), INVITED)
def test_classify_text_takes_the_word_of_an_invitation_for_an_opt_in(message: str, reply: str) -> None:
    assert classify_text(reply, message).kind == "optin"


@pytest.mark.parametrize(("message", "reply"), INVITED)
def test_classify_text_needs_the_invitation_for_that(message: str, reply: str) -> None:
    if reply != "ok, sign me up":
        assert classify_text(reply, "Your parcel arrives today").kind != "optin"


@pytest.mark.parametrize(
    "reply", ["no", "Stop asking, no more texts", "how much is it?", "I can't run any more"]
)
def test_classify_text_takes_a_refusal_of_an_invitation_for_no_opt_in(reply: str) -> None:
    assert classify_text(reply, "Free daily tips for runners. Text RUN to begin.").kind != "optin"


@pytest.mark.parametrize("reply", ["NO", "no thanks", "nope", "No. I read elsewhere now"])
def test_classify_text_takes_no_for_an_opt_out_where_the_texts_are_in_question(reply: str) -> None:
    assert classify_text(reply, STILL_WANTED).optout_tier == 2
    assert classify_text(reply, "Marlow Books: can you come on Friday? Reply YES or NO.").optout_tier != 2


@pytest.mark.parametrize("reply", ["YES", "yes please", "Don't remove me!", "keep them coming"])
def test_classify_text_takes_yes_for_an_opt_in_where_the_texts_are_in_question(reply: str) -> None:
    assert classify_text(reply, STILL_WANTED).kind == "optin"


def test_classify_text_turns_yes_and_no_round_where_leaving_is_to_be_confirmed() -> None:
    assert classify_text("Yes", SURE).optout_tier == 2
    assert classify_text("no, wait", SURE).kind == "optin"
    assert classify_text("no problem", STILL_WANTED).optout_tier is None


def test_words_asked_gives_no_word_of_leaving_as_one_of_joining() -> None:
    asked = words_asked("Reply CAKE to get our daily offers, STOP to opt out")
    assert asked.join == {"cake"}
    assert "stop" in asked.leave


@pytest.mark.parametrize(
    "message",
    ["Reply GO to get directions", "Reply STOP to get no more offers", "Text R to get your refill today"],
)
def test_words_asked_sees_no_invitation_in_other_instructions(message: str) -> None:
    assert not words_asked(message).join


def test_words_asked_takes_no_apostrophe_for_a_quotation_mark() -> None:
    asked = words_asked("The Children's Fund: we've taken your number off our list. We won't text you again")
    assert asked.gone
    assert not asked.leave


def test_offers_texts_wants_both_words_of_one_language() -> None:
    assert offers_texts(normal("para recibir nuestras ofertas"))
    assert not offers_texts(normal("para recibir unsere Angebote"))


@pytest.mark.parametrize(
    "reply",
    [
        "quiero recibir otra vez sus ofertas",
        "ich habe mich abgemeldet, aber ich möchte wieder eure Angebote",
        "je veux à nouveau recevoir vos offres",
    ],
)
def test_classify_text_reads_a_wish_for_texts_in_a_clause_of_its_own(reply: str) -> None:
    assert classify_text(reply).kind == "optin"


def test_classify_text_reads_no_such_wish_in_a_refusal() -> None:
    assert classify_text("ya no quiero recibir otra vez sus ofertas").kind != "optin"
    assert classify_text("nie wieder Angebote").kind != "optin"
