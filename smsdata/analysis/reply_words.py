"""What the text of one reply says: an opt-out, an opt-in, yes, no, a question, the wrong person.

Owns the opt-out words and the reading of "reply NO to opt out". Pure functions of one text; the frames that
use them hand over distinct texts. Imports nothing of smsdata.
"""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass
from difflib import SequenceMatcher
from functools import lru_cache

REPLY_KINDS = ("optout", "optin", "yes", "no", "question", "wrong_person", "empty", "other")


def _words(*lines: str) -> frozenset[str]:
    return frozenset(word.strip() for line in lines for word in line.split(","))


def _any(*patterns: str) -> re.Pattern[str]:
    return re.compile("|".join(patterns))


# What CTIA, the FCC (47 CFR 64.1200(a)(10)), Twilio, AWS and Telnyx accept; Australian texts say "unsub".
_CARRIER_WORDS = _words(
    "stop, end, cancel, unsubscribe, quit, revoke, opt out, optout, stop all, stopall, remove, arret, td",
    "block, unsub, unsubscribe me",
)
# The same request as a bare word of other languages: our own list.
_FOREIGN_WORDS = _words(
    "baja, parar, salir, alto, desuscribir, desabonner, desinscrire, desinscription, stop sms, stopp",
    "abmelden, abmeldung, abbestellen",
    "disiscrivi, disiscrivimi, sair, pare, descadastrar, afmelden, uitschrijven, huy, iptal",
    "退订, 退訂, 取消订阅, 取消訂閱, 停止",
    "стоп, отписаться, отписка, 配信停止, 수신거부, ايقاف, توقف, الغاء, الغاء الاشتراك",
)
# "cancel please" may well mean an appointment: around these words politeness is not overlooked.
_EQUIVOCAL = _words("end, cancel, quit, remove, revoke, block, td, alto, pare")
_POLITE = _words(
    "please, pls, plz, kindly, thanks, thank, thx, you, now, svp, merci, por, favor, gracias, bitte, danke",
    "grazie, obrigado, obrigada, aub, bedankt, po, شكرا",
)
_OPT_IN = _words("start, unstop, subscribe, resubscribe, subscribe me, resubscribe me, opt in, optin")
_OPT_OUT = _CARRIER_WORDS | _FOREIGN_WORDS
_PLAIN_WORDS = _OPT_OUT - _EQUIVOCAL


@dataclass(frozen=True)
class ReplyClass:
    """What one reply says.

    Attributes
    ----------
    kind : str
        One of `REPLY_KINDS`.
    optout_tier : int or None
        1 an opt-out keyword and nothing else; 2 the word that the answered message gave for opting out;
        3 a misspelt or contained keyword; 4 a phrase ("remove me", "wrong number"). None: no sign of one.
    """

    kind: str
    optout_tier: int | None = None

    @property
    def review(self) -> bool:
        """Whether a person should read it: tiers 3 and 4 suggest an opt-out and do not prove one."""
        return self.optout_tier in (3, 4)


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
    parts = unicodedata.normalize("NFKD", text.casefold()).casefold()
    bare = "".join(_digit(c) for c in parts if unicodedata.category(c) != "Mn")
    return unicodedata.normalize("NFC", bare).replace("’", "'").replace("đ", "d")


def _digit(character: str) -> str:
    return str(unicodedata.decimal(character, character))


def _tokens(folded: str) -> tuple[str, ...]:
    joined = re.sub(r"(?<=\w)-(?=\w)", "", folded)
    joined = re.sub(r"\b(\w)\.(?=\w\b)", r"\1", joined)
    return tuple(re.findall(r"\w+(?:'\w+)?", joined))


def _without_politeness(tokens: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(t for t in tokens if t not in _POLITE))


def _is_keyword(tokens: tuple[str, ...], keywords: frozenset[str], plain: frozenset[str]) -> bool:
    bare = _without_politeness(tokens)
    return " ".join(tokens) in keywords or (
        bool(bare) and (" ".join(bare) in plain or all(t in plain for t in bare))
    )


# -- what the answered message told its readers to send --

_VERB = (
    r"\b(?:reply|replying|rply|respond|txt|text|send|responda|responde|conteste|envie|envia|repondez|envoyez|tapez"
    r"|antwort|antworte|antworten sie|sende|senden sie|rispondi|invia|antwoord|stuur|odpisz|wyslij|soan"
    r"|ارسل)\s+"
    r"(?:to this (?:message|sms|text) )?(?:with |mit |met |con |par )?(?:the word )?"
)
_WORD = r"[\"'«“]?(?P<word>\w+)\b[\"'»”]?"
_TWO_WORDS = r"[\"'«“](?P<word>\w+ \w+)[\"'»”]"
_TEXT_NOUNS = r"(?:sms|texts?|msgs?|messages?|alerts?|reminders?|texting|messaging|receiving|getting)"
_LEAVING = (
    rf"(?:opt(?:ing)?[\s-]?out|unsub\w*|be removed|not receive|no more {_TEXT_NOUNS}"
    rf"|(?:do ?n'?t|no longer) (?:want|wish)(?: to receive)?(?: these| our)? {_TEXT_NOUNS}"
    rf"|(?:stop|end|quit|leave|cancel)(?: (?:these|this|our|all|future|my))? {_TEXT_NOUNS}"
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
    re.compile(r"配信(?:停止|解除)\w{0,3}[「『](?P<word>\w+)[」』]"),
)
_LEAVE_SHORTHAND = re.compile(
    r"\b(?:[Uu]nsub\w*|UNSUB\w*|[Oo]pt[ -]?[Oo]ut|OPT[ -]?OUT)\s*[:=]?\s+(?P<word>[A-Z]{1,12}|\d{1,2})\b"
)
_JOIN_ASKED = (
    re.compile(
        rf"{_VERB}{_WORD}{_TO}(?:(?:re)?subscribe|opt[\s-]?in|sign up|suscribirse|receive (?:offers|alerts))"
    ),
)
_CONFIRM_ASKED = (
    re.compile(rf"(?:{_VERB}|[,;]\s*){_WORD}{_TO}(?:confirm|accept|keep)"),
    re.compile(r"回复?(?P<word>\w)确认"),
)
_DECLINE_ASKED = (
    re.compile(
        rf"(?:{_VERB}|[,;]\s*|\bor\s+){_WORD}{_TO}(?:cancel(?! {_TEXT_NOUNS})|decline|change|reschedule)"
    ),
    re.compile(r"回复?(?P<word>\w)[改取]"),
)
# "Unsubscribe any time, reply YES to book": never take a yes, or a word of grammar, for the way out.
_NEVER_LEAVING = _words(
    "yes, y, ja, si, sim, oui, tak, はい, start, unstop, help, info",
    "to, this, with, the, us, a, of, i, you, back, here, by, at, any",
    "reply, rply, txt, text, sms, send, call, visit, click, link, http, https, www",
)


@dataclass(frozen=True)
class _WordsAsked:
    leave: frozenset[str]
    join: frozenset[str]
    confirm: frozenset[str]
    decline: frozenset[str]


def _matched_words(patterns: tuple[re.Pattern[str], ...], folded: str) -> frozenset[str]:
    matches = (m for pattern in patterns for m in pattern.finditer(folded))
    return frozenset(word for m in matches for word in m.groupdict().values() if word)


@lru_cache(maxsize=65536)
def _words_asked(message: str) -> _WordsAsked:
    folded = fold(message)
    shorthand = {fold(word) for word in _matched_words((_LEAVE_SHORTHAND,), message)}
    leave = (_matched_words(_LEAVE_ASKED, folded) | shorthand) - _NEVER_LEAVING
    return _WordsAsked(
        leave=leave,
        join=_matched_words(_JOIN_ASKED, folded),
        confirm=_matched_words(_CONFIRM_ASKED, folded),
        decline=_matched_words(_DECLINE_ASKED, folded) - leave,
    )


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
    return _words_asked(message).leave


# -- signs that a person has to read --

_KEYS = {
    "s": "adwezx", "t": "rygf56", "o": "ipkl90", "p": "ol0", "e": "wrsd34", "n": "bmhj", "d": "sfecx",
    "q": "wa12", "u": "yihj78", "i": "uojk89", "b": "vngh", "c": "xvdf", "r": "etdf45",
}  # fmt: skip
_MISSPELT = ("stop", "unsubscribe", "unsub", "quit", "end", "cancel")
_ALMOST = _EQUIVOCAL | {"stopped", "unsubscribed"}
_REAL_WORDS = _words("shop, step, top, spot, stomp, atop, and, send, bend, quiet, quote, suit")
_LONG_WORD = 7
_SIGNS = frozenset("🛑⛔")
_MEANT_KINDLY = _any(
    r"\b(?:love|like|enjoy|lol|haha)\w*\b",
    r"\b(?:do ?n'?t|do not|never|can'?t|cannot|won'?t|not) (?:\w+ )?(?:stop|quit|unsubscribe|opt ?out)",
    r"\bstop (?:by|in|at|over|light|sign|watch|press|smoking|crying|thinking|talking)\b|\bstop \d+ ?\?",
    r"\b(?:bus|tram|pit|non|next|which|what) ?stop\b",
    r"\bnicht (?:abmelden|abbestellen|stoppen)\b|\bhuy (?:don|lich|ve)\b",
    r"\btext(?:ing)? and drive\b",
    r"\bl'arret\b|\barret (?:de bus|suivant)\b|\bstopp \d",
)
_NO_IDIOM = re.compile(
    r"\bno (?:worries|problem|prob|drama|idea|pain|size|doubt|rush|more)\b"
    r"|\bno (?:lo )?se\b|\bnao sei\b|\bnon (?:lo )?so\b|\bnie (?:wiem|rozumiem)\b"
)
_CONTAINED = _any(
    r"\bstop2|\b(?:stop|stopp|unsubscribed?|unsub|opt(?:ing)? ?(?:me )?out)\b",
    rf"\b(?:cancel|end|quit) (?:(?:this|these|all|my) )?{_TEXT_NOUNS}\b|\bend this\b",
    r"\bdarme? de baja\b|\bdesabonner\b|\barret\b|\b(?:abmelden|afmelden)\b|\bquero sair\b|\bmuon huy\b",
    r"退[订訂]|取消[订訂]|الغاء الاشتراك",
)
_PHRASE = _any(
    r"\bremove me\b|\b(?:remove|delete) my (?:number|details)\b|\b(?:delete|take|get) me (?:off|from)\b",
    r"\b(?:do not|do ?n'?t|never|stop|quit|no more) (?:ever )?(?:text|messag|contact|sms|send|spamm|call)\w*",
    rf"\b(?:do not|do ?n'?t|no longer) (?:wish|want)\b.{{0,25}}\b(?:{_TEXT_NOUNS}|these|receive)\b",
    r"\bno more of (?:this|these)\b|\bmy (?:consent|permission) to (?:text|messag|contact|sms)\w*",
    r"\bleave me alone\b|\blose my number\b|\bgo away\b|\b(?:piss|bugger|fuck) off\b|\bspam\b",
    r"\bno me (?:envien|escriban|manden)\b|\bno quiero recibir\b|\bborren?me\b",
    r"\bdej(?:a|e|en) de (?:escrib|envi|mand)",
    r"\bm'envoyez plus\b|\barretez de\b|^plus de (?:messages|sms)\b",
    r"\bkeine (?:sms|nachrichten)\b|\bnicht mehr\b",
    r"\bnon (?:scrivetemi|mandatemi|inviatemi)\b|\bcancella(?:te)?mi\b",
    r"\bnao quero mais\b|\bme tir[ae]\b|\bpar(?:a|e|em) de (?:me )?(?:mand|envi)ar\b",
    r"\bgeen (?:sms|berichten)\b|\bstuur (?:me |mij )?(?:niks|niets)\b|\bverwijder\b|\bdung (?:nhan|gui)\b",
    r"لا ترسل|不要再|别再|別再|送らない[でて]",
)
_WRONG_PERSON = _any(
    r"\bwrong (?:number|no|person|guy|one)\b(?! of)|\bnew phone,? who\b",
    r"\bpassed away\b|\bdeceased\b|\bhas died\b",
    r"\b(?:no ?one|there is no|there's no) (?:called |named )?\w+ here\b|\bno ?one (?:called|named)\b",
    r"\b(?:does not|doesn'?t) have this (?:number|phone)\b|\bphone any ?more\b",
    r"\bi (?:do not|do ?n'?t) have (?:a |any )?(?:\w+ )?(?:at|with) you",
    r"\bequivocado\b|\bequivoco de numero\b|\bmauvais numero\b|\btrompez de numero\b|\bfalsche nummer\b",
    r"\bsbagliato numero\b|\bnumero errado\b|\bverkeerd nummer\b|\bnham so\b|发错|打错|الرقم خطا",
)
_NOT_THAT_NAME = re.compile(r"\b(?:[Tt]his is not|[Tt]his isn'?t|I'?m not|I am not) [A-Z][a-z]+\b")


def _squeezed(word: str) -> str:
    return re.sub(r"(\w)\1+", r"\1", word)


@lru_cache(maxsize=1024)
def _typos(word: str) -> frozenset[str]:
    swapped = {word[:i] + word[i + 1] + word[i] + word[i + 2 :] for i in range(len(word) - 1)}
    neighbours = {word[:i] + key + word[i + 1 :] for i, c in enumerate(word) for key in _KEYS.get(c, "")}
    dropped = {word[:i] + word[i + 1 :] for i in range(1, len(word))} if len(word) != 3 else set()
    return frozenset(swapped | neighbours | dropped)


def _near(token: str, word: str) -> bool:
    if token == word or token in _REAL_WORDS or not word.isalpha():
        return False
    if _squeezed(token) == _squeezed(word) or token in _typos(word):
        return True
    return len(word) > _LONG_WORD and SequenceMatcher(None, token, word).ratio() > 0.85


def _names_leaving(text: str, tokens: tuple[str, ...], words: frozenset[str]) -> bool:
    shouted = text.strip()[:1].isupper() and text.split()[0].isupper()
    short = len(tokens) <= 3 or (shouted and tokens[0] in words)
    return short and any(t in words for t in tokens if t.isalpha())


def _looks_like_keyword(text: str, folded: str, words: frozenset[str]) -> bool:
    tokens, bare = _tokens(folded), _without_politeness(_tokens(folded))
    if not _SIGNS.isdisjoint(text) or _CONTAINED.search(folded) or "".join(tokens) in _PLAIN_WORDS:
        return True
    if _names_leaving(text, tokens, words) and not _NO_IDIOM.search(folded):
        return True
    if len(bare) == 1 and (bare[0] in _ALMOST or any(_near(bare[0], w) for w in (*_MISSPELT, *words))):
        return True
    return any(_near(t, "unsubscribe") for t in tokens if len(t) > _LONG_WORD)


def _review_class(text: str, folded: str, words: frozenset[str]) -> ReplyClass | None:
    if _WRONG_PERSON.search(folded) or _NOT_THAT_NAME.search(text.replace("’", "'")):
        return ReplyClass("wrong_person", 4)
    if _MEANT_KINDLY.search(folded):
        return None
    if _PHRASE.search(folded):
        return ReplyClass("optout", 4)
    return ReplyClass("optout", 3) if _looks_like_keyword(text, folded, words) else None


# -- everything else a reply can be --

_YES = _any(
    r"^(?:yes|y|yep|yeah|yup|ok|okay|sure|absolutely|definitely|confirm|confirmed|count me in)\b",
    r"^(?:si|vale|claro|oui|d'accord|ja|va bene|certo|sim|co|vang|نعم|да)\b",
    r"^(?:好|可以|是的)|^[👍✅👌]",
)
_NO = _any(
    r"^(?:no|n|non|nein|nao|nee|khong|لا|нет)(?:$|\s*[.,!])",
    r"^(?:no|n|non|nein|nao|nee) (?:sorry|thanks|thank|not|i|i'm|we|can|puedo|mi)\b",
    r"^(?:no gracias|no grazie|non merci|nein danke|nao obrigad[oa]|nee (?:bedankt|dank))\b|^لا شكرا",
    r"^(?:nope|nah|can't|cannot|not today|not interested|no longer interested|leider)\b|\b(?:non desole)\b",
    r"^(?:不行|不要)|^👎",
)
_QUESTION = _any(
    r"[?？؟]",
    r"^(?:what|what's|when|where|where's|which|who|who's|why|how)\b",
    r"^(?:is|are|do|does|did|can|could|will|would) (?:i|you|it|we|they|there|this|that|the|my|your)\b",
    r"^(?:cuanto|cuando|donde|que horas|c'est ou|quand|combien|wann|wie|wo|quando|quanto)\b",
    r"^(?:dove|hoe|waar|may gio)\b",
    r"几点|吗|^اين",
)


def _is_empty(text: str) -> bool:
    return all(unicodedata.category(c)[0] in "ZCP" and c not in "?？؟" for c in text)


def _answer_class(folded: str, tokens: tuple[str, ...], asked: _WordsAsked) -> ReplyClass:
    said = " ".join(tokens)
    if said in asked.confirm or _YES.search(folded):
        return ReplyClass("yes")
    if said in asked.decline or _NO.search(folded):
        return ReplyClass("no")
    return ReplyClass("question" if _QUESTION.search(folded) else "other")


def _all_leave(bare: tuple[str, ...], leave: frozenset[str]) -> bool:
    """Tell whether the word asked for comes with plain keywords only, as in "NO STOP"."""
    return not leave.isdisjoint(bare) and all(word in leave or word in _PLAIN_WORDS for word in bare)


def _keyword_class(tokens: tuple[str, ...], asked: _WordsAsked) -> ReplyClass | None:
    bare = " ".join(_without_politeness(tokens))
    if _EQUIVOCAL & asked.decline and bare in _EQUIVOCAL & asked.decline:
        return ReplyClass("no", 3)
    if _is_keyword(tokens, _OPT_OUT, _PLAIN_WORDS):
        return ReplyClass("optout", 1)
    if bare in asked.leave or _all_leave(_without_politeness(tokens), asked.leave):
        return ReplyClass("optout", 2)
    if _is_keyword(tokens, _OPT_IN, _OPT_IN) or bare in asked.join:
        return ReplyClass("optin")
    return None


@lru_cache(maxsize=65536)
def classify_text(text: str, answered: str = "") -> ReplyClass:
    """Tell what a reply says, read together with the message it answers.

    Parameters
    ----------
    text : str
        The reply as it arrived.
    answered : str
        The message it answers; empty if not known. Its opt-out instruction ("reply NO") turns that word into
        an opt-out, and a keyword it offered for something else ("CANCEL to cancel your appointment") into a
        review.

    Returns
    -------
    ReplyClass
        The kind, and the tier if there is any sign of an opt-out.

    Notes
    -----
    Tier 1 compares after case, accents, punctuation, politeness ("please stop") and repetition ("stop stop")
    are taken off; its words are the union of the sets of CTIA, FCC 47 CFR 64.1200(a)(10), Twilio, AWS and
    Telnyx plus bare words of other languages. Tiers 1 and 2 are opt-outs; tiers 3 and 4 ask for a person's
    eye, and a review that turns out wrong costs a look, not a customer.

    Examples
    --------
    >>> classify_text(" Stop! ")
    ReplyClass(kind='optout', optout_tier=1)
    >>> classify_text("No", "Sale today. Unsub: reply NO").optout_tier
    2
    >>> classify_text("No", "Can you come on Friday?")
    ReplyClass(kind='no', optout_tier=None)
    >>> classify_text("Stpo").review, classify_text("don't stop").review
    (True, False)
    """
    if _is_empty(text):
        return ReplyClass("empty")
    folded, asked = fold(text).strip(), _words_asked(answered)
    tokens = _tokens(folded)
    return (
        _keyword_class(tokens, asked)
        or _review_class(text, folded, asked.leave)
        or _answer_class(folded, tokens, asked)
    )
