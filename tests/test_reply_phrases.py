"""How messages name the words to leave and to come back with, and how people ask for either."""

from __future__ import annotations

import pytest

from smsdata.analysis.reply_asked import words_asked
from smsdata.analysis.reply_phrases import normal, read_phrases, told_in
from smsdata.analysis.reply_words import classify_text

GONE = "You are now unsubscribed from Ridgeway Tyres. Reply START to resubscribe."

LEAVING = [
    ("Φούρνος: τσουρέκια -10%! Για διαγραφή στείλτε ΤΕΛΟΣ", "τέλος"),
    ("Kuntosali: tule takaisin! Vastaa POIS jos et halua mainoksia", "Pois"),
    ("Fjellsport: ski til halv pris. Meld deg av: svar AV", "av"),
    ("Moda Evi: elbiselerde indirim. SMS almamak için RET yazın.", "ret"),
    ("Gym Nguvu: mwezi bure. Hutaki SMS? Tuma TOA", "toa"),
    ("ਪੰਜਾਬ ਸੂਟ: 20% ਛੋਟ। ਬੰਦ ਕਰਨ ਲਈ ਬੰਦ ਲਿਖੋ", "ਬੰਦ"),
    ("نادي القوة: شهر مجاني. إذا لا تريد الرسائل أرسل خروج", "خروج"),
]
BACK = [
    (GONE, "I changed my mind"),
    (GONE, "didn't mean to unsubscribe"),
    (GONE, "strat"),
    ("Sei stato rimosso dalla lista di Dora. Rispondi TORNO per iscriverti di nuovo.", "torno"),
    ("Διαγραφήκατε από το Μέλι. Απαντήστε ΞΑΝΑ για να επιστρέψετε.", "ξανα παρακαλω"),
    ("Umeondolewa kwenye orodha ya Duka la Maua. Tuma RUDI kurudi.", "nirudisheni"),
    ("הוסרת מרשימת פרחי דנה. לחזרה השב חזור", "חזור"),
    ("", "put my number back on your text list please"),
    ("", "I'd like to start getting your texts again"),
    ("", "jag vill ha sms igen"),
    ("", "I want to get your texts"),
    ("", "sorry, my son texted stop, I still want them"),
    ("", "I changed my mind. Start."),
    ("", "resume please"),
    ("", "me pueden incluir otra vez"),
    ("", "můžete mě znovu přidat"),
    (GONE, "actually, don't remove me"),
    (GONE, "I didn't mean to stop them"),
    ("Du är borttagen från Skor Måne. Svara TILLBAKA för att få sms igen", "tillbaka"),
    ("Du er frameldt Sko Måne. Skriv IGEN for at få beskeder", "det var en fejl"),
]
NOT_BACK = [
    ("Du er frameldt Sko Måne. Skriv IGEN for at få beskeder", "tak"),
    ("Anda telah dikeluarkan. Balas SEMULA", "terima kasih"),
    ("Bạn đã hủy nhận tin Giày Trăng. Soạn LAI để nhận lại", "cảm ơn"),
    ("Jūs atsisakėte žinučių. Grįžti: GRIZTI", "ačiū"),
    (GONE + " Reply HELP for help.", "help"),
    ("", "can I get the 9am slot again"),
    ("", "I didn't agree to receive these"),
    ("", "star"),
]
SEEN = [
    ("", "capital S T O P"),
    ("Kapsalon Knip: korting. Afmelden? Stuur UIT", "U I T aub"),
    ("Gym Sao: quay lại nhé! Từ chối QC soạn TC", "tc nha, hết tập rồi"),
    ("ร้านเสริมสวยแก้ว: ทำสีลด 30% พิมพ์ ไม่รับ เพื่อเลิก", "ไม่รับค่ะ"),
    ("Kite Shoes: 25% off. Reply STOP to opt out", "stopo"),
    ("", "do not wish to be contacted by you"),
    ("", "next one goes straight to the regulator"),
    ("", "vi vil ikke høre mere fra jer"),
]


@pytest.mark.parametrize(("message", "reply"), LEAVING)
def test_classify_text_reads_the_word_that_a_message_names_in_any_language(message: str, reply: str) -> None:
    found = classify_text(reply, message)
    assert (found.kind, found.optout_tier) in {("optout", 1), ("optout", 2)}
    assert not words_asked(message).gone


@pytest.mark.parametrize(("message", "reply"), BACK)
def test_classify_text_reads_wishes_to_come_back(message: str, reply: str) -> None:
    assert classify_text(reply, message).kind == "optin"


@pytest.mark.parametrize(("message", "reply"), NOT_BACK)
def test_classify_text_takes_no_thanks_and_no_other_wish_for_coming_back(message: str, reply: str) -> None:
    assert classify_text(reply, message).kind != "optin"


@pytest.mark.parametrize(("message", "reply"), SEEN)
def test_classify_text_sees_opt_outs_spelled_out_and_in_other_words(message: str, reply: str) -> None:
    assert classify_text(reply, message).optout_tier is not None


def test_classify_text_asks_a_person_about_cancel_where_the_message_asked_to_confirm() -> None:
    found = classify_text("cancel", "Dr Lam: Mon 9:00. Reply Y to confirm or N to cancel.")
    assert (found.kind, found.optout_tier) == ("other", 3)


def test_classify_text_takes_a_stop_of_another_thing_for_no_opt_out() -> None:
    asked = "RidePass: your pass renews tomorrow for $19"
    assert classify_text("can you stop at the bakery on the way?", asked).optout_tier is None


@pytest.mark.parametrize(
    "reply",
    ["Never text me again", "sitaki kupokea ujumbe tena", "I don't want your texts again", "no more"],
)
def test_classify_text_takes_no_refusal_for_a_wish_to_come_back(reply: str) -> None:
    assert classify_text(reply, "Sale today. Reply STOP to opt out").kind == "optout"


@pytest.mark.parametrize("reply", ["add me to the 3pm list please", "turn on the lights out front"])
def test_classify_text_takes_no_other_wish_for_an_opt_in(reply: str) -> None:
    assert classify_text(reply).kind != "optin"


def test_changed_minds_come_back_only_after_leaving() -> None:
    assert classify_text("changed my mind", "Sale today. Reply STOP to opt out").kind == "other"


def test_words_asked_keeps_the_words_of_leaving_and_coming_back_apart() -> None:
    asked = words_asked(GONE)
    assert asked.gone
    assert asked.join == {"start"}
    assert asked.leave == frozenset()


def test_told_in_knows_how_to_leave_that_one_left_and_how_to_come_back() -> None:
    assert "l" in told_in(normal("Für Abmeldung"))
    assert "g" in told_in(normal("您已退订城市单车短信"))
    assert "r" in told_in(normal("pour vous réinscrire"))
    assert told_in(normal("see you at five")) == frozenset()


@pytest.mark.parametrize("text", ["Take. Me. Off.", "t4ke me off"])
def test_read_phrases_reads_stops_between_words_and_digits_in_them(text: str) -> None:
    reading = read_phrases(normal(text))
    assert reading.plain or reading.marred
