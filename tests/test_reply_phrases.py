"""How messages name the words to leave and to come back with, and how people ask for either."""

from __future__ import annotations

import pytest

from smsdata.analysis import reply_words
from smsdata.analysis.reply_asked import words_asked
from smsdata.analysis.reply_model import buckets_of
from smsdata.analysis.reply_phrases import normal, read_phrases, told_in
from smsdata.analysis.reply_words import classify_text, left_of_class

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


@pytest.mark.parametrize(
    ("reply", "message"),
    [
        ("mos me dergoni me mesazhe", "Farmacia: 20% zbritje"),
        ("మెసేజ్‌లు పంపకండి", "శ్రీ స్టోర్స్: 20% తగ్గింపు"),
        ("fadlan iga saar liiska", ""),
        ("nesūtiet man vairāk ziņas", "Veikals Saule: -30% apaviem"),
        ("ärge saatke mulle rohkem sõnumeid", ""),
        ("retire mwen sou lis la tanpri", ""),
        ("les agradecería que dejaran de escribirme", "Farmacia Luna: pida cita"),
        ("D O N O T T E X T", ""),
        ("no more oil change texts pls", "Bayside Auto: Your oil change is due"),
        ("回T", "【鲜果园】全场8折，退订回T"),
    ],
)
def test_classify_text_sees_opt_outs_in_more_languages_and_words(reply: str, message: str) -> None:
    found = classify_text(reply, message)
    assert found.kind == "optout"
    assert found.optout_tier is not None


@pytest.mark.parametrize(
    ("reply", "message"),
    [
        ("BERHENTI dong", "Toko Sari: diskon 30%. Ketik BERHENTI untuk sesuatu"),
        ("stop asb", "Slaghuis: boerewors afslag. Antwoord STOP om iets te doen"),
        ("Pare, por favor", "Loja Sol: envie PARE para algo"),
    ],
)
def test_classify_text_asks_about_a_stop_with_politeness_whose_purpose_is_not_known(
    reply: str, message: str
) -> None:
    assert classify_text(reply, message).optout_tier is not None


@pytest.mark.parametrize(
    ("reply", "message"),
    [
        ("devo disdire", "Studio Bianchi: appuntamento mer 16:00. Conferma con SI"),
        ("hayır", "Randevunuz 6 Mayıs 14:00. Onay için EVET, iptal için HAYIR"),
        ("2", "【明眸眼科】提醒您6月10日上午10点复诊。回复1确认，2取消。"),
        ("Too many stairs. Don't send me houses with stairs", "Ava Realty: New listing in Oak Park!"),
        ("Thanks for your message! We'll get back to you within 24 hours.", "How was your visit?"),
    ],
)
def test_classify_text_is_not_certain_where_another_thing_is_cancelled(reply: str, message: str) -> None:
    found = classify_text(reply, message)
    assert found.optout_tier not in (1, 2)
    assert found.kind != "optin"


@pytest.mark.parametrize(
    ("reply", "message"),
    [
        ("βγάλτε το κρεμμύδι παρακαλώ", "Η παραγγελία σας έρχεται 13:00-15:00."),
        ("Is it raining? The bus stopped in the street", "Lincoln School: Bus 12 is late today."),
        ("saya sudah berhenti merokok", "Toko Sari: diskon 30%. Ketik BERHENTI untuk keluar"),
        ("stop bij de winkel om 4 uur", "Fietsplein: 25% op kinderfietsen. Afmelden: stuur STOP"),
    ],
)
def test_classify_text_leaves_the_things_of_every_day_alone(reply: str, message: str) -> None:
    assert classify_text(reply, message).optout_tier is None


def test_things_of_every_day_in_a_message_take_no_word_of_leaving_away() -> None:
    asked = words_asked("Joe's Diner: free coffee and bread, reply STOP to end")
    assert asked.leave == {"stop"}


@pytest.mark.parametrize(
    ("reply", "message"),
    [
        ("sign me up", ""),
        ("cancel my opt out", GONE),
        ("that stop wasn't for you, please keep sending", ""),
        ("can u send the deals again", ""),
        ("vil fá skilaboð aftur", "Þú hefur verið afskráð(ur). Sendu START"),
        ("gribu atkal saņemt ziņas", "Jūs esat atrakstīts. Lai atgrieztos sūtiet START"),
        ("alta", "T'has donat de baixa. Envia ALTA per tornar."),
    ],
)
def test_classify_text_reads_more_wishes_to_come_back(reply: str, message: str) -> None:
    assert classify_text(reply, message).kind == "optin"


@pytest.mark.parametrize(
    "reply", ["sign me up", "Join", "i want these messages gone", "ultima volta che lo dico"]
)
def test_signing_up_is_no_opt_in_to_a_message_of_another_thing(reply: str) -> None:
    assert classify_text(reply, "Win a car! Text JOIN to 555. Reply STOP to opt out").kind != "optin"


PURPOSES = [
    ("STOPP", "Umfrage: Soll die Baustelle gestoppt werden? Antwort STOPP oder WEITER."),
    ("REMOVE", "Question 3: should we remove the lane? Reply KEEP or REMOVE."),
    ("STOP", "Busje: de chauffeur is er zo. Antwoord STOP als hij bij de kerk moet stoppen."),
    ("СТОП", "Бросаем вместе: ответьте СТОП, чтобы начать 21 день без сигарет."),
    ("STOP", "स्कूल बस: बस पास में है। गेट पर रुकवाने के लिए STOP लिखें।"),
]


@pytest.mark.parametrize(("reply", "message"), PURPOSES)
def test_classify_text_is_certain_of_no_keyword_whose_purpose_it_did_not_read(
    reply: str, message: str
) -> None:
    found = classify_text(reply, message)
    assert found.review
    assert found.sign.startswith("asked for something")


@pytest.mark.parametrize(
    "message",
    [
        "Optique Clair: -50% jusqu'à samedi. STOP au 36111",
        "Vote Sam Ortiz on Nov 3! Text STOP2END",
        "Sale! Reply STOP or END to quit",
        "Аптека Добра: знижка 15%. Відмовитись: СТОП",
    ],
)
def test_classify_text_is_certain_of_stop_beside_a_short_instruction(message: str) -> None:
    assert classify_text("stop", message).optout_tier in (1, 2)


@pytest.mark.parametrize(
    ("reply", "message"),
    [
        ("chcę dostawać wasze promocje smsem", ""),
        ("vorrei iscrivermi agli avvisi sms", ""),
        ("mujhe offers ke message bhejna shuru karein", ""),
        ("Join", "Reply JOIN to 55512 to get match-day offers from the Hawks. 4 msgs/month."),
        ("I opted out by mistake", ""),
        ("count me in again", ""),
        ("subscibe again", ""),
        ("go ahead and restart", "Your number has been taken off our list. To come back send RETURN"),
        ("ho cambiato idea", "Il tuo numero è stato tolto dalla lista. Per tornare invia RITORNO"),
        ("hoću nazad", "Vaš broj je uklonjen sa liste. Povratak: pošaljite NAZAD"),
        ("don't take me off!!", GONE),
    ],
)
def test_classify_text_reads_wishes_to_sign_up_and_minds_changed_in_more_languages(
    reply: str, message: str
) -> None:
    assert classify_text(reply, message).kind == "optin"


@pytest.mark.parametrize(
    ("reply", "message"),
    [
        ("STOP I said. You just texted me again!!", GONE),
        ("I withdraw my consent to receive messages", ""),
        ("this number doesn't want your messages", ""),
        ("Cancel it. I still want the reminders though", "Dr Rao: Tue 2:30pm. Reply YES to confirm"),
        ("quiero volver", "Gimnasio Fénix: vuelve este mes por 19€. Para salir envía SALIR"),
        ("gửi lại", "Mã của bạn đã hết hạn"),
        ("have you got my message", ""),
        ("I'll be back in the office Monday", ""),
        ("put me back on the 9am", ""),
        ("undo my booking", ""),
        ("tekrar gönderir misiniz", ""),
        ("ولم کنین دیگه", "حراج پاییزه تا ۵۰٪. لغو۱۱"),
        ("add me to your do not call list", ""),
    ],
)
def test_classify_text_takes_these_for_no_wish_to_return(reply: str, message: str) -> None:
    assert classify_text(reply, message).kind != "optin"


@pytest.mark.parametrize(
    ("reply", "message"),
    [
        ("Ja ek kom, maar geen verdere sms'e nie asseblief", "Jou afspraak is Vrydag 10:00. Antwoord JA."),
        ("η μητέρα μου δεν θέλει αυτά τα μηνύματα", ""),
        ("wie melde ich mich ab?", "Apotheke Gesund: 15% auf Vitamine. Keine SMS mehr? Sende GENUG"),
        ("nebesiųskite", "Vaistinė: -15% vitaminams. Nenorite SMS? Siųskite GANA"),
        ("naomba kusitisha huduma", "Duka la Dawa: punguzo 15%. Kuacha SMS tuma TOSHA"),
        ("peidiwch ag anfon negeseuon", "Siop Dewi: 20% i ffwrdd heddiw! Reply STOP to opt out"),
        ("could i be taken off the sms list please", "Kite Shoes: 25% off. Reply STOP to opt out"),
        ("what part of stop don't you understand", "Oak Cafe: free muffin. Text STOP to unsubscribe"),
    ],
)
def test_classify_text_sees_opt_outs_in_other_inflections_and_beside_an_answer(
    reply: str, message: str
) -> None:
    assert classify_text(reply, message).optout_tier is not None


@pytest.mark.parametrize(
    "reply",
    [
        "take us off the 7pm and put us down for 8",
        "take me off the schedule for tomorrow",
        "don't take me off",
    ],
)
def test_classify_text_is_not_certain_of_what_is_taken_off_another_list(reply: str) -> None:
    assert classify_text(reply, "Table for 4 on Saturday. Reply C to confirm.").optout_tier not in (1, 2)


def test_classify_text_leaves_a_cancelled_appointment_and_a_stop_of_another_thing_alone() -> None:
    asked = "Подсећамо на термин 15.06 у 12. Одговорите ДА или НЕ."
    assert classify_text("обришите мој термин", asked).optout_tier is None
    assert classify_text("Tell Jane to stop raising my taxes", "Vote Jane! STOP=end").optout_tier is None


@pytest.mark.parametrize(
    "reply",
    [
        "wie werd ich das bloß los, wo kann man das abstellen?",
        "jak se toho zbavim?",
        "нафиг надо",
        "den sas edwsa pote to kinito mou, pou vrhkate",
        "今日三回目なんだけど",
        "우리 아들 작년에 졸업했어요",
    ],
)
def test_classify_text_has_a_person_read_who_would_be_rid_of_texts_and_does_not_say_stop(reply: str) -> None:
    assert classify_text(reply).review


def test_classify_text_knows_a_colloquial_request_with_a_number_cut_short() -> None:
    assert classify_text("scoateti-mi nr din lista").optout_tier == 1


@pytest.mark.parametrize(
    "text",
    ["kindly unenrolled me from whatever this be", "me tienen harto con tantas promociones"],
)
def test_classify_text_has_a_person_read_forms_that_the_lexicon_lacks(text: str) -> None:
    found = classify_text(text)
    assert (found.kind, found.optout_tier, found.sign) == ("optout", 4, "model")


@pytest.mark.parametrize("text", ["thanks, see you at five", "bring the blue one on Tuesday", "haha"])
def test_classify_text_leaves_everyday_words_unread(text: str) -> None:
    assert classify_text(text).optout_tier is None


def test_buckets_of_counts_words_in_a_row_and_marks_beside_letters() -> None:
    (letters, _), (words, _), (marks, _) = buckets_of("leave me", {"A", "message says gone"})
    assert [len(letters), len(words), len(marks)] == [8 + 8 + 7, 4 + 3, 3]
    assert letters == buckets_of("leave  me", ())[0][0]
    turned = buckets_of("me leave", ())[1][0]
    assert len(words & turned) == 4


@pytest.mark.parametrize(("models", "kind", "tier"), [
    ((True, False), "optout", 4), ((False, True), "optin", None), ((True, True), "optin", 4),
    ((False, False), "other", None),
])  # fmt: skip
def test_classify_text_lets_models_prove_nothing(
    monkeypatch: pytest.MonkeyPatch, models: tuple[bool, bool], kind: str, tier: int | None
) -> None:
    monkeypatch.setattr(
        reply_words, "likely", lambda folded, marks, *, optin: (models[0], optin and models[1])
    )
    found = classify_text("the purple bicycle was rather heavy")
    assert (found.kind, found.optout_tier, found.certain_optin) == (kind, tier, False)
    assert left_of_class(found) == ("" if tier is None else "maybe STOP")


def test_an_opt_in_by_a_rule_is_certain() -> None:
    assert classify_text("START").certain_optin
    assert left_of_class(classify_text("START")) == "START"
