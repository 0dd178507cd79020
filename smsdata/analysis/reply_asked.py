"""What a message tells its readers to send: the word to opt out with, to confirm, to come back.

Owns the reading of instructions ("reply NO to opt out"), and of words that a message gives another meaning
("Reply QUIT to begin"). Imports of smsdata only reply_phrases.
"""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass
from functools import lru_cache

from smsdata.analysis.reply_phrases import (
    Stripped,
    concepts,
    lexicon,
    listed,
    normal,
    offers_texts,
    read_phrases,
    skeleton,
    told_in,
    wants_back,
    words_of,
)

_UNMARKED = Stripped("Mn")


@lru_cache(maxsize=4096)  # each text is asked for a few times in a row
def fold(text: str) -> str:
    """Give the text in lower case without accents, marks and variants of letters, so that spellings compare.

    Parameters
    ----------
    text : str
        Any text.

    Returns
    -------
    str
        The folded text; punctuation and emoji stay, digits of any script become 0 to 9.

    Examples
    --------
    >>> fold("ARRÊT"), fold("Désabonner")
    ('arret', 'desabonner')
    """
    if text.isascii():
        return text.lower()
    parts = unicodedata.normalize("NFKD", text.casefold()).casefold()
    return unicodedata.normalize("NFC", parts.translate(_UNMARKED)).replace("’", "'").replace("đ", "d")


# -- instructions as English and a few other languages phrase them --

_VERB = (
    r"\b(?:reply|replying|rply|respond|txt|text|send|responda|responde|conteste|envie|envia|repondez"
    r"|envoyez|tapez"
    r"|antwort|antworte|antworten sie|sende|senden sie|rispondi|invia|antwoord|stuur|odpisz|wyslij|soan"
    r"|ارسل)\s+"
    r"(?:to this (?:message|sms|text) )?(?:with |mit |met |con |par )?(?:the word )?"
)
_WORD = r"[\"'«“]?(?P<word>\w+)\b[\"'»”]?"
_TWO_WORDS = r"[\"'«“](?P<word>\w+ \w+)[\"'»”]"
TEXT_NOUNS = r"(?:sms|texts?|msgs?|messages?|alerts?|reminders?|texting|messaging|receiving|getting)"
_LEAVING = (
    rf"(?:opt(?:ing)?[\s-]?out|unsub\w*|be removed|not receive|no more {TEXT_NOUNS}"
    rf"|(?:do ?n'?t|no longer) (?:want|wish)(?: to receive)?(?: these| our)? {TEXT_NOUNS}"
    rf"|(?:stop|end|quit|leave|cancel)(?: (?:these|this|our|all|future|my))? {TEXT_NOUNS}"
    r"|(?:stop|end|quit|leave)(?=\s*(?:$|[.,;!?:)\n]))"
    r"|no (?:desea |quiere |quieres )?recibir|dejar de recibir|darse de baja|desuscribir\w*"
    r"|plus recevoir|desabonner|desinscrire"
    r"|abmelden|abzumelden|abbestellen|keine (?:weiteren )?(?:sms|nachrichten) mehr"
    r"|non ricevere|disiscriver\w*|para sair|nao (?:quer |deseja )?receber|descadastrar"
    r"|afmelden|uitschrijven|geen (?:sms|berichten) meer|zrezygnowac|wypisac sie|tu choi|de huy"
    r"|\w{0,2}الغاء|\w{0,2}ايقاف)"
)
_TO = r"\s*(?:to|2|for|=|if you (?:wish|want|would like) to|pour ne|pour|para|per|um|om)\s*"
_NOTHING_ELSE = r"(?!\s+(?:to|for)\s+[a-z])(?!\s+or\s+(?!visit|call|click|email|http))"
_LEAVE_ASKED = (
    re.compile(rf"\b{_LEAVING}[^.!?:\n]{{0,30}}?[?:]?\s*[-–]?\s*{_VERB}{_WORD}{_NOTHING_ELSE}"),
    re.compile(rf"\b(?P<word>\w+?)\s*[2=]\s*{_LEAVING}"),
    re.compile(rf"\b{_LEAVING}[,:?]?\s+sms\s+{_WORD}{_NOTHING_ELSE}(?=\s*(?:$|[.,;!)]|(?:to|naar) \d))"),
    re.compile(rf"\b(?:abmeldung|abmelden|abbestellen) (?:mit|per) {_WORD}(?=\s*(?:$|[.,;!)]|an \d))"),
    re.compile(rf"\b{_LEAVING}[^.!?:\n]{{0,30}}?[?:]?\s*[-–]?\s*{_VERB}{_TWO_WORDS}"),
    re.compile(rf"{_VERB}{_TWO_WORDS}{_TO}{_LEAVING}"),
    re.compile(rf"(?:{_VERB}|\bsms\s+|[,;(]\s*){_WORD}(?: to \d{{5,}})?{_TO}{_LEAVING}"),
    re.compile(r"(?:回复?\s*(?P<word>[a-z0-9]+)\s*退[订訂])|(?:退[订訂]\s*回复?\s*(?P<after>[a-z0-9]+))"),
    re.compile(r"لغو\s*[:：]?\s*(?:عدد )?(?P<word>\d{1,2})\b"),
    re.compile(r"配信(?:停止|解除)\w{0,3}[「『](?P<word>\w+)[」』]"),
)
_LEAVE_SHORTHAND = re.compile(
    r"\b(?:[Uu]nsub\w*|UNSUB\w*|[Oo]pt[ -]?[Oo]ut|OPT[ -]?OUT)\s*[:=]?\s+(?P<word>[A-Z]{1,12}|\d{1,2})\b"
)
_JOIN_ASKED: tuple[re.Pattern[str], ...] = (
    re.compile(
        rf"{_VERB}{_WORD}{_TO}(?:(?:re)?subscribe|opt[\s-]?in|sign up|suscribirse|receive (?:offers|alerts))"
    ),
    re.compile(
        rf"{_VERB}{_WORD}(?: (?:to|at) \d{{3,8}})?{_TO}(?:get|receive|hear about)\b[^.!?\n]{{0,30}}"
        r"\b(?:offers|alerts|deals|texts|coupons|updates|promos)\b"
    ),
)
# "Reply YES to confirm you want texts", and of the words that join and nothing else "JOIN for menu texts".
_JOIN_ASKED += (
    re.compile(
        rf"{_VERB}{_WORD}{_TO}(?:confirm|agree|consent)\b[^.!?\n]{{0,40}}"
        r"\b(?:texts|messages|sms|alerts|your subscription|subscribing|sign-?up|opt-?in|marketing)\b"
    ),
    re.compile(
        rf"{_VERB}[\"']?(?P<word>join|subscribe|signup|in|optin|alerts"
        rf"|vip)\b[\"']?(?: to \d{{3,8}})? for [^.!?,\n]{{0,30}}"
        r"\b(?:texts|alerts|deals|offers|updates|coupons|promos|news|specials|tips)\b"
    ),
    # "Please confirm you want our deals by text. Reply Y", "Free weekly tips. Reply BABY to begin".
    re.compile(
        r"\bconfirm (?:that )?(?:you|u) (?:want|would like|wish|still want)\b[^?]{0,60}\b(?:texts?|messages"
        r"|sms|alerts|deals"
        rf"|offers)\b[^?]{{0,20}}[.!:]\s*{_VERB}{_WORD}"
    ),
    re.compile(
        r"\b(?:weekly|daily|monthly|tips|alerts|texts|text program\w*)\b[^.!?\n]{0,60}[.!?]\s+"
        rf"{_VERB}{_WORD}[^.!?\n]{{0,25}}\bto (?:begin|start|join|sign up|enrol+|subscribe)\b"
    ),
)
_CONFIRM_ASKED = (
    re.compile(rf"(?:{_VERB}|[,;]\s*){_WORD}{_TO}(?:confirm|accept|keep)"),
    re.compile(r"回复?(?P<word>\w)确认"),
)
_DECLINE_ASKED = (
    re.compile(
        rf"(?:{_VERB}|[,;]\s*|\bor\s+){_WORD}{_TO}(?:cancel(?! {TEXT_NOUNS})|decline|change|reschedule)"
    ),
    re.compile(r"回复?(?P<word>\w)[改取]"),
)
# "Unsubscribe any time, reply YES to book": never take a yes, or a word of grammar, for the way out.
_NEVER_LEAVING = listed(
    "yes, y, ja, si, sim, oui, tak, はい, start, unstop, help, info",
    "to, this, with, the, us, a, of, i, you, back, here, by, at, any",
    "reply, rply, txt, text, sms, mms, send, call, visit, click, link, http, https, www",
)


@dataclass(frozen=True, slots=True)
class WordsAsked:
    """The words that a message names, by what they are for; `other` are those with another meaning.

    `unclear` are those of `other` of which only that is known. `mentioned` are the words of an instruction
    where letters have no capitals to tell the one that is meant: a reply that is nothing else may be it.
    `unread` are words of an instruction that says more than was understood: nobody can be certain of them.
    `gone` is whether the message says that its reader has opted out, `stays` whether it asks if its texts are
    still wanted, `leaves` whether it asks if its reader is sure to want none.
    """

    leave: frozenset[str]
    join: frozenset[str]
    confirm: frozenset[str]
    decline: frozenset[str]
    other: frozenset[str]
    unclear: frozenset[str]
    unread: frozenset[str]
    mentioned: frozenset[str]
    gone: bool
    stays: bool
    leaves: bool


@lru_cache(maxsize=65536)
def marks_of_message(message: str) -> frozenset[str]:
    """Give what matters of the answered message to how likely an opt-out is; nothing if it is not known."""
    asked = words_asked(message)
    marks = {
        "message asks to confirm": bool(asked.confirm or asked.decline),
        "message says gone": asked.gone,
        "message of an order": "O" in read_phrases(normal(message)).marks,
    }
    return frozenset(mark for mark, is_so in marks.items() if is_so)


def _of_grammar(words: frozenset[str]) -> frozenset[str]:
    """Give the words among these that an instruction is made of: not, send, messages, want, please."""
    return frozenset(
        word
        for word in words
        if normal(word) in lexicon().bare["Z"]
        or set("".join(concepts(normal(word)).values())) & set("NVMWPE")
    )


def _matched_words(patterns: tuple[re.Pattern[str], ...], folded: str) -> frozenset[str]:
    matches = (m for pattern in patterns for m in pattern.finditer(folded))
    return frozenset(word for m in matches for word in m.groupdict().values() if word)


@lru_cache(maxsize=65536)
def words_asked(message: str) -> WordsAsked:
    """Read the instructions of a message; words are folded as by `fold`."""
    folded = fold(message)
    shorthand = {fold(word) for word in _matched_words((_LEAVE_SHORTHAND,), message)}
    leave = (_matched_words(_LEAVE_ASKED, folded) | shorthand) - _NEVER_LEAVING
    sentences = _paired(_SENTENCE.split(message))
    words, gone = _named_words(sentences)
    named, other, unclear, unread, back, joining = (words[use] for use in _USES)
    named -= _NEVER_LEAVING
    loose = frozenset(word for word in named if _CASELESS.search(word) and not _pointed_at(word, message))
    leave |= named - loose
    loose -= _of_grammar(loose)
    unclear -= leave | other
    joining -= leave
    other = (other | unclear) - leave - joining
    asks = _asks_about_texts(sentences)
    return WordsAsked(
        leave=frozenset(leave - other),
        join=(_matched_words(_JOIN_ASKED, folded) - leave) | back | joining,
        confirm=_matched_words(_CONFIRM_ASKED, folded),
        decline=_matched_words(_DECLINE_ASKED, folded) - leave,
        other=frozenset(other),
        unclear=frozenset(unclear - joining),
        unread=frozenset(unread - leave - back - joining),
        mentioned=loose - other,
        gone=gone,
        stays="s" in asks,
        leaves="q" in asks,
    )


def _asks_about_texts(sentences: list[str]) -> set[str]:
    """Tell whether a message asks if its texts are still wanted ("s"), or if one is sure to leave ("q")."""
    asks: set[str] = set()
    for folded in map(normal, sentences):
        told = told_in(folded)
        of_texts = "n" in told or any(set(code) & set("RM") for code in _best_codes(folded))
        asks |= told & ({"s", "q"} if of_texts else {"q"})
    return asks


# -- instructions in any language: a word that stands out, in a sentence that says what it is for --

_SENTENCE = re.compile(r"(?<=[.!。！\n،।۔])\s*(?!\d)|(?<=[?？؟])\s*(?=\S+[.!]?\s)")
_OPENING, _CLOSING = "「『“”\"'«‘„【", "」』”\"'»’“】"
_STANDS_OUT = re.compile(
    rf"[{_OPENING}]([^{_OPENING}{_CLOSING}]{{1,20}})[{_CLOSING}]"
    r"|[^\W_\u3040-\u9fff\uac00-\ud7af]+|[\u3040-\u9fff\uac00-\ud7af]+"
)
_CASELESS = re.compile(r"[\u0590-\u06ff\u0900-\u0dff\u0e00-\u0e7f\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af]")
_LEAVES = re.compile(
    r"[UXA]|F.{0,3}M|M.{0,3}F|S.{0,2}[MV]|[MV].{0,2}S|S.?$|D|N.{0,3}[RVMWE]|M.{0,3}N|E.{0,2}[MR]|[RM].{0,2}E"
)
_STAYS = re.compile(r"[OG]")
_NO_OFFERS = re.compile(r"[UXADS]|N.{0,3}[RVMWE]|M.{0,3}N|E.{0,2}[MR]")
_GONE = re.compile(r"[UJXA]|D.?[PL]|L.{0,2}D|N.{0,3}M|M.{0,2}N|S.?M|EM")
# To leave an appointment or an order, where another word confirms it: "SI per confermare, NO per disdire".
_CANCELS = re.compile(
    r"cancel|annul|anul|disdi|storn|absag|afzeg|aflys|avlys|avbok|avbestil|iptal|отмен|скасу|откаж|отказ"
    r"|otkaz"
    r"|otkaž|odwol|zrus|lemond|peru|ακυρ|batal|huy|取消|キャンセル|취소|ยกเลิก|لغو|انصراف|الغاء|لالغاء|ביטול|לבטל"
    r"|रद्द|বাতিল|ਰੱਦ|ரத்து|منسوخ|ghairi"
)
# Between two instructions of one sentence: "Reply PAUSE to skip a week, END to leave".
_NEXT_ONE = re.compile(r"[,;،、；，]\s*")
# Before the purpose of a word ("STOP to hold it at the depot"), in languages that have such a word.
_PURPOSE = re.compile(
    r"\b(?:to|um|para|pour|per|om|aby|zeby|чтобы|чтоб|щоб|за|for at|for a|for att|ha|jos|pentru|για|icin"
    r"|untuk|kwa|kama|de|da|da bi|if|wenn|si|se|als|hvis|om du|jesli|если|якщо)\s"
)


def _without_marks(text: str) -> str:
    return "".join(c for c in text if unicodedata.category(c)[0] != "M")


# Where letters have no capitals, the word to send stands after the verb, or in other languages before it.
_AFTER_VERB = re.compile(
    _without_marks(r"(?:ارسل|أرسل|اكتب|أجب|השב|השיבו|שלח|שלחו|ตอบ|พิมพ์|ارسال|لغو:)\s+(\w+)(?!\w)")
)
_BEFORE_VERB = re.compile(
    _without_marks(
        r"(?<!\w)(\w+)\s+(?:(?:را\s+|رو\s+)?(?:بفرستید|ارسال\s+(?:کنید|نمایید|کن)|بنویسید|پیامک\s+(?:کنید"
        r"|کن))|भेजें|भेजे|लिखें|लिखे|টাইপ|লিখুন|পাঠান|لکھیں|بھیجیں|ਲਿਖੋ|ਭੇਜੋ|அனுப்பவும்"
        r"|회신|답장)"
    )
)
_NO_WORDS = frozenset({"sms", "mms", "qc", "ok", "url", "id"})
_NO_ANSWERS = listed(
    "no, nej, nei, nein, nee, non, nao, ne, nie, nem, info, help, aide, hilfe, ayuda, ajuda, aiuto, pomoc,"
    " hjalp",
    "hjelp, yardim, apua",
)
_UNKNOWN_WORDS = 4  # more of them, and an instruction is about something that nobody has read
_CARRIER_WORDS = listed("stop, end, quit, cancel, unsubscribe, stopall, optout, revoke")
_OR = listed(
    "or, oder, o, ou, of, eller, или, lub, albo, nebo, alebo, vagy, sau, ή, veya, ya da, یا, या, ya, au",
    "atau, hoac, 或, 或者, または, か, 또는, 혹은, tai, või, arba, vai, ali, ili, або, чи, או, أو, او, বা",
    "அல்லது, ਜਾਂ, หรือ, o kaya, ose, edo, /",
)


@dataclass(frozen=True, slots=True)
class _Named:
    """A clause of a message, and its words that stand out: plainly, and where letters have no capitals."""

    clause: str
    plain: frozenset[str]
    loose: frozenset[str]
    either: bool = False  # two words to choose from, and nothing between them but "or"

    def codes(self) -> list[str]:
        """Give the concepts of the clause without the words that stand out plainly."""
        return _best_codes(normal(self.clause))

    def calls_back(self, codes: list[str], gone: bool) -> bool:
        """Tell whether it says how to come back."""
        folded = normal(self.clause)
        again = gone and bool(self.plain | self.loose) and (wants_back(folded) or "r" in told_in(folded))
        return again or any("J" in code for code in codes)

    def leads_out(self, codes: list[str]) -> bool:
        """Tell whether it says how to leave, in phrases, or by a keyword as a noun ("Abmeldung: ...")."""
        folded = normal(self.clause)
        if "l" in told_in(folded) or any(_LEAVES.search(code) for code in codes):
            return True
        keywords = lexicon().bare["K"]
        return any(len(word) > 5 and skeleton(word) in keywords for word in words_of(folded))

    def joining(self) -> frozenset[str]:
        """Give the words by which one asks for texts that come again and again: "CAKE to get our offers"."""
        folded = normal(self.clause)
        told = told_in(folded)
        if not offers_texts(folded) or not told.isdisjoint("lgrsq"):
            return frozenset()
        if any(_NO_OFFERS.search(code) for code in self.codes()):  # "RAUS um keine Angebote zu bekommen"
            return frozenset()
        leaving = lexicon().bare["K"] | _CARRIER_WORDS | _NO_ANSWERS
        words = {word for word in self.plain if skeleton(word) not in leaving and word not in leaving}
        long = {word for word in words if len(word) > 1 or _CASELESS.search(word)}
        return frozenset(long or words)

    def stops_more(self, codes: list[str]) -> bool:
        """Tell whether what stops may be no messages: "STOP if he has to stop there", "STOP or GO"."""
        if any(set(code) & set("UXAMRLJ") for code in codes):
            return False
        choice = self.either and not all(
            word in _CARRIER_WORDS or skeleton(word) in lexicon().bare["K"] for word in self.plain
        )
        return choice or any(code.count(".") > _UNKNOWN_WORDS for code in codes)

    def cancels(self, codes: list[str]) -> bool:
        """Tell whether it cancels, and no messages: of an appointment, once another word confirms it."""
        return _CANCELS.search(normal(self.clause)) is not None and not any(
            set(code) & set("MRL") for code in codes
        )

    def tells(self, codes: list[str]) -> bool:
        """Tell whether it says that the reader has left, rather than how to leave."""
        asks = bool(self.plain) or (self.loose and any("V" in code for code in codes))
        asks = asks or len(words_of(normal(self.clause))) < 2
        return not asks and any(_GONE.search(code) for code in codes)


def _use_of(named: _Named, codes: list[str], *, gone: bool, offered: bool) -> str:
    """Tell what the words of a clause are for: back, other, unclear, leave; empty if for nothing.

    `gone`: the message has said that its reader left; `offered`: another word of the sentence confirms.
    """
    told = told_in(normal(named.clause))
    if named.calls_back(codes, gone or "g" in told):
        return "back"
    if any(_STAYS.search(code) for code in codes):
        return "other"
    if offered and named.plain and named.cancels(codes):
        return "unclear"
    if named.leads_out(codes) and "g" not in told and not (gone and named.plain):
        return "unclear" if "l" not in told and named.plain and named.stops_more(codes) else "leave"
    if gone:
        return "back"
    if named.either and "l" not in told and named.stops_more(codes):
        return "unclear"
    if len(named.plain) == 1 and _PURPOSE.search(fold(named.clause)):
        return "unclear"
    return "unread" if named.plain and len(words_of(normal(named.clause))) > _UNKNOWN_WORDS else ""


# What words are for: leaving, something else, an unknown purpose, one not understood, coming back, joining.
_USES = ("leave", "other", "unclear", "unread", "back", "join")


def _named_words(sentences: list[str]) -> tuple[dict[str, frozenset[str]], bool]:
    """Give the words that stand out, by what they are for; and whether one has left."""
    words: dict[str, set[str]] = {use: set() for use in (*_USES, "")}
    gone, of_list, calls = False, False, set[str]()
    for sentence in sentences:
        offered = False
        for named in _clauses_with_words(sentence):
            codes = named.codes()
            joining = frozenset() if gone else named.joining()
            words["join"] |= joining
            if joining and joining >= named.plain:
                continue
            use = _use_of(named, codes, gone=gone, offered=offered)
            words[use] |= named.plain if use in ("unclear", "unread") else named.plain | named.loose
            offered |= use == "other" and bool(named.plain | named.loose)
            told = told_in(normal(named.clause))
            tells = "g" in told or ("l" not in told and named.tells(codes))
            gone |= tells and "?" not in sentence
            of_list |= not named.plain and any("L" in code for code in codes)
            calls |= named.plain if "r" in told else set()
    if of_list and calls and not gone and not words["leave"]:  # "off our list. To come back send RETURN"
        gone = True
        words["back"] |= calls
        words["other"] -= calls
        words["unclear"] -= calls
    back = words["back"] - {word for word in words["leave"] if not _CASELESS.search(word)} - {"help", "info"}
    words["leave"] -= back
    words["back"] = back
    return {use: frozenset(found) for use, found in words.items()}, gone or bool(back)


def _pointed_at(word: str, message: str) -> bool:
    """Tell whether a word stands in quotes, or beside the verb that asks to send it."""
    if re.search(rf"[{_OPENING}]{re.escape(word)}[{_CLOSING}]", fold(message)) is not None:
        return True
    return any(fold(match[1]) == word for match in _beside_verbs(_without_marks(message)))


def _beside_verbs(unmarked: str) -> list[re.Match[str]]:
    return [match for pattern in (_AFTER_VERB, _BEFORE_VERB) for match in pattern.finditer(unmarked)]


def _paired(sentences: list[str]) -> list[str]:
    """Join a question with the sentence that answers it: "No more texts? Send OUT"."""
    paired: list[str] = []
    for sentence in sentences:
        if paired and paired[-1].rstrip().endswith(("?", "？", "؟")):
            paired[-1] += " " + sentence
        else:
            paired.append(sentence)
    return paired


def _clauses_with_words(sentence: str) -> list[_Named]:
    """Give the sentence and the words that stand out; its clauses where more than one has such a word."""
    clauses = [_standing_out(clause) for clause in _NEXT_ONE.split(sentence)]
    several = len(clauses) > 1 and all(clause.plain for clause in clauses)
    if several and any(all(map(str.isdigit, c.plain)) for c in clauses[1:]):
        several = all(word.isdigit() for clause in clauses for word in clause.plain)
    return clauses if several else [_standing_out(sentence)]


def _standing_out(sentence: str) -> _Named:
    """Find the words in capitals or quotes; where letters have no capitals, the words of the sentence."""
    plain: set[str] = set()
    loose: set[str] = set()
    spans: list[tuple[int, int]] = []
    either = False
    unmarked = _without_marks(sentence)
    sent = {match.span(1) for match in _beside_verbs(unmarked)}
    before = ""
    for match in _STANDS_OUT.finditer(unmarked):
        word = match[1] or match[0]
        if len(word) == 1 and unmarked[match.end() : match.end() + 1] in ("'", "’"):
            continue  # an article: "T'has donat de baixa"
        capital = word.isupper() and len(word) <= 14 and fold(word) not in _NO_WORDS
        number = word.isdigit() and len(word) <= 2 and not _beside_a_sign(unmarked, match)
        if match[1] or capital or number or (match.span() in sent and _CASELESS.search(word)):
            plain.add(fold(word.strip()))
            between = unmarked[spans[-1][1] : match.start()] if spans else ""
            either |= fold(between.strip(" \"'“”„«»「」")) in _OR
            spans.append(match.span())
            if before and before.isupper():
                plain.add(fold(f"{before} {word}"))
        elif _CASELESS.search(word):
            loose.add(fold(word))
        before = word
    rest = unmarked
    for start, end in reversed(spans):
        rest = f"{rest[:start]} {rest[end:]}"
    return _Named(rest, frozenset(plain), frozenset(loose), either)


def _beside_a_sign(text: str, number: re.Match[str]) -> bool:
    """Tell whether a number is a price, a share or an hour, not a word to send."""
    around = text[max(number.start() - 2, 0) : number.start()] + text[number.end() : number.end() + 2]
    return any(c in "%€$£¥₹₽٪:.,-+/万萬元折月日年点點時时시월일" for c in around.strip(". "))


def _best_codes(folded: str) -> list[str]:
    """Give the concepts in the language that knows most of the sentence."""
    codes = concepts(folded)
    most = max((len(code) - code.count(".") for code in codes.values()), default=0)
    return [code for code in codes.values() if len(code) - code.count(".") == most]


@lru_cache(maxsize=65536)
def _spellings(word: str) -> frozenset[str]:
    """Give a word as letters that look alike, and as Latin letters that sound alike: "крај" is "kraj"."""
    folded = normal(word)
    sounded = folded.translate(_SOUNDS) if len(folded) > 2 else ""
    return frozenset({skeleton(folded), re.sub("[yj]", "i", sounded)} - {""})


_SOUNDS = str.maketrans(
    dict(
        zip(
            "абвгдезийклмнопрстуфыэіјαβγδεζηικλμνοπρσςτυφω",
            "abvgdeziiklmnoprstufyeijavgdeziiklmnoprsstyfo",
            strict=True,
        )
    )
    | {"ж": "z", "х": "h", "ц": "c", "ч": "c", "ш": "s", "щ": "st", "ъ": "a", "ь": "", "ю": "iu", "я": "ia"}
    | {"љ": "lj", "њ": "nj", "џ": "dz", "ћ": "c", "ђ": "d", "є": "e", "ї": "i", "ґ": "g", "ё": "e"}
    | {"θ": "th", "ξ": "x", "χ": "h", "ψ": "ps"}
)


def named_in(word: str, names: frozenset[str]) -> bool:
    """Tell whether a word of a reply is one of those named.

    Spelled the same, with letters that look alike, or in the letters of another script.
    """
    if not names:
        return False
    if word in names:
        return True
    spellings, spaces = _all_spellings(names)
    return word.count(" ") <= spaces and not _spellings(word).isdisjoint(spellings)


@lru_cache(maxsize=65536)
def _all_spellings(names: frozenset[str]) -> tuple[frozenset[str], int]:
    """Give the spellings of all names, and the most spaces in one: a text with more of them is none."""
    spellings = frozenset().union(*map(_spellings, names))
    return spellings, max((spelling.count(" ") for spelling in spellings), default=0)


def optout_words(message: str) -> frozenset[str]:
    """Give the words that this message tells its readers to send in order to opt out.

    Parameters
    ----------
    message : str
        The text of an outbound message.

    Returns
    -------
    frozenset of str
        The words, folded as by `fold`; empty if the message gives no instruction, or a link instead.

    Notes
    -----
    The Australian regulator (ACMA) asks for an unsubscribe facility and leaves its wording free
    ("Unsub: reply NO"), so the word has to be read from the message.

    Examples
    --------
    >>> sorted(optout_words("20% off today. Unsub: reply NO"))
    ['no']
    >>> sorted(optout_words("Reply YES to confirm or NO to reschedule. Txt OUT to opt out"))
    ['out']
    """
    return words_asked(message).leave
