"""What the text of one reply says: an opt-out, an opt-in, yes, no, a question, the wrong person.

Owns the order in which signs decide: what the message asked for, keywords, plain phrases, signs for a
person's eye, and then the other kinds. Pure functions of one text; the frames that use them hand over
distinct texts. Imports of smsdata only the other modules called reply_.
"""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass, field
from functools import lru_cache

from smsdata.analysis.reply_asked import (
    TEXT_NOUNS,
    WordsAsked,
    fold,
    marks_of_message,
    named_in,
    optout_words,
    words_asked,
)
from smsdata.analysis.reply_english import leaves_in_english, leaves_plainly
from smsdata.analysis.reply_hints import hints_at_leaving, of_wrong_person
from smsdata.analysis.reply_model import is_unlikely, likely
from smsdata.analysis.reply_offers import answer_to_offer, may_come_back
from smsdata.analysis.reply_otherwise import asks_when, means_else, wants_no_thing
from smsdata.analysis.reply_phrases import (
    Reading,
    hinted,
    lexicon,
    listed,
    normal,
    own_clauses,
    read_phrases,
    skeleton,
    words_of,
)
from smsdata.analysis.reply_returns import asks_to_return
from smsdata.analysis.reply_spellings import LONG_WORD, near_word

__all__ = ["NO_ENGAGEMENT", "REPLY_KINDS", "ReplyClass", "classify_text", "fold", "optout_words"]

NO_ENGAGEMENT = ("tapback", "auto_reply")
"""Kinds that a telephone writes: no person answered."""

REPLY_KINDS = (
    "optout", "optin", "yes", "no", "question", "wrong_person", "empty", "other", *NO_ENGAGEMENT,
)  # fmt: skip


def _any(*patterns: str) -> re.Pattern[str]:
    return re.compile("|".join(patterns))


# What CTIA, the FCC (47 CFR 64.1200(a)(10)), Twilio, AWS and Telnyx accept; Australian texts say "unsub".
_CARRIER_WORDS = listed(
    "stop, end, cancel, unsubscribe, quit, revoke, opt out, optout, stop all, stopall, remove, arret, td",
    "block, unsub, unsubscribe me",
)
# The same request as a bare word of other languages: our own list.
_FOREIGN_WORDS = listed(
    "baja, parar, salir, alto, desuscribir, desabonner, desinscrire, desinscription, stop sms, stopp",
    "abmelden, abmeldung, abbestellen",
    "disiscrivi, disiscrivimi, sair, pare, descadastrar, afmelden, uitschrijven, huy, iptal",
    "退订, 退訂, 取消订阅, 取消訂閱, 停止",
    "стоп, отписаться, отписка, 配信停止, 수신거부, ايقاف, توقف, الغاء, الغاء الاشتراك",
)
# "cancel please" may well mean an appointment: around these words politeness is not overlooked.
_EQUIVOCAL = listed("end, cancel, quit, remove, revoke, block, td, alto, pare")
_POLITE = listed(
    "please, pls, plz, kindly, thanks, thank, thx, you, now, svp, merci, por, favor, gracias, bitte, danke",
    "grazie, obrigado, obrigada, aub, bedankt, po, شكرا",
)
_OPT_IN = listed("start, unstop, subscribe, resubscribe, subscribe me, resubscribe me, opt in, optin")
_OPT_OUT = _CARRIER_WORDS | _FOREIGN_WORDS
_PLAIN_WORDS = _OPT_OUT - _EQUIVOCAL


@dataclass(frozen=True, slots=True)
class ReplyClass:
    """What one reply says.

    Attributes
    ----------
    kind : str
        One of `REPLY_KINDS`.
    optout_tier : int or None
        1 an opt-out keyword and nothing else, or a plain request ("please stop texting me"); 2 the word that
        the answered message gave for opting out; 3 a misspelt or contained keyword; 4 a phrase that may be
        meant otherwise, a plain request that the linear model holds less likely than not, or likely by the
        linear model. None: no sign of one.
    sign : str
        What decided: "keyword", "asked", the name of a phrase, "misspelt", "hint", "model"; empty for kinds
        that no opt-out or opt-in is about.
    """

    kind: str
    optout_tier: int | None = None
    sign: str = field(default="", repr=False)

    @property
    def certain_optin(self) -> bool:
        """Whether a rule says that it asks to be put back: an opt-in by the model undoes no opt-out."""
        return self.kind == "optin" and self.sign != "model"

    @property
    def review(self) -> bool:
        """Whether a person should read it: tiers 3 and 4 suggest an opt-out and do not prove one."""
        return self.optout_tier in (3, 4)


_HYPHEN = re.compile(r"(?<=\w)-(?=\w)")
_DOT_OF_INITIAL = re.compile(r"\b(\w)\.(?=\w\b)")
_TOKEN = re.compile(r"\w+(?:'\w+)?")


@lru_cache(maxsize=4096)  # each text is asked for a few times in a row
def _tokens(folded: str) -> tuple[str, ...]:
    joined = _HYPHEN.sub("", folded) if "-" in folded else folded
    joined = _DOT_OF_INITIAL.sub(r"\1", joined) if "." in joined else joined
    return tuple(_TOKEN.findall(joined))


@lru_cache(maxsize=4096)
def _without_politeness(tokens: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(t for t in tokens if t not in _POLITE))


def _is_keyword(tokens: tuple[str, ...], keywords: frozenset[str], plain: frozenset[str]) -> bool:
    bare = _without_politeness(tokens)
    return " ".join(tokens) in keywords or (
        bool(bare) and (" ".join(bare) in plain or all(t in plain for t in bare))
    )


# -- signs that a person has to read --

_MISSPELT = ("stop", "unsubscribe", "unsub", "quit", "end", "cancel")
_ALMOST = _EQUIVOCAL | {"stopped", "unsubscribed"}
_SIGNS = frozenset("🛑⛔✋🖕🤬🤮")
_MEANT_KINDLY = _any(
    r"\b(?:do ?n'?t|do not|never|can'?t|cannot|won'?t|not) (?:\w+ )?(?:stop|quit|unsubscribe|opt ?out)",
    r"\bstop (?:by|in|at|over|light|sign|watch|press|smoking|crying|thinking|talking)\b|\bstop \d+ ?\?",
    r"\b(?:bus|tram|pit|non|next|which|what) ?stop\b",
    r"\bnicht (?:abmelden|abbestellen|stoppen)\b|\bhuy (?:don|lich|ve)\b",
    r"\btext(?:ing)? and drive\b|\bstop it,? i (?:love|like|adore)\b",
    r"\bl'arret\b|\barret (?:de bus|suivant)\b|\bstopp \d|\bwrong number of\b",
)
_NO_IDIOM = re.compile(
    r"\bno (?:worries|problem|prob|drama|idea|pain|size|doubt|rush|more)\b"
    r"|\bno (?:lo )?se\b|\bnao sei\b|\bnon (?:lo )?so\b|\bnie (?:wiem|rozumiem)\b"
)
_CONTAINED = _any(
    r"\bstop2|\b(?:unsubscribed?|unsub|opt(?:ing)? ?(?:me )?out)\b",
    r"^\W*stopp?(?: \w+){0,2}\W*$",
    r"(?:^|[.!,;:?]\s*|\b(?:please|pls|plz|just|said|to) )stopp?\W*(?:$|[.,!;:?])",
    rf"\b(?:cancel|end|quit) (?:(?:this|these|all|my) )?{TEXT_NOUNS}\b|\bend this\b",
    r"\bdarme? de baja\b|\bdesabonner\b|\barret\b|\b(?:abmelden|afmelden)\b|\bquero sair\b|\bmuon huy\b",
    r"退[订訂]|取消[订訂]|الغاء الاشتراك",
)
_STOP_SOMEWHERE = re.compile(
    r"\bstopp?\b(?! (?:the|by|at|in|on|for|er|ved|bij|a|ik|even|\w+ing (?!me|us|my)))"
)
_STOP_BY_ITSELF = re.compile(r"(?:^|[.,!;:?]\s*|\bplease )stopp?\b|\bstopp?\W*(?:$|[.,!;:?\n])")
_BRIEF = 6  # words from which on "stop" may well be about something else
_FULL_STOP = re.compile(r"^\W*full stop\W*$")
# "Take us off the 7pm", and of no list.
_OFF_ANOTHER = re.compile(
    r"\b(?:take|took|taken|get|cross|drop|pull|pulled) (?:me|us) (?:off|out of) (?:speaker|(?:the|that) "
    r"(?!(?:\w+ ){0,2}(?:lists?|mailing|texts?|sms|database|system|messages|marketing|thing|chain|group"
    r"|alerts?|reminders?|notifications?|promos?|offers|updates|contacts?|books|register|program\w*"
    r"|newsletters?"
    r"|thread|blast)\b))"
)


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
    if len(bare) == 1 and (bare[0] in _ALMOST or any(near_word(bare[0], w) for w in (*_MISSPELT, *words))):
        return True
    return any(near_word(t, "unsubscribe") for t in tokens if len(t) > LONG_WORD)


def _keyword_in_a_clause(clauses: tuple[str, ...], asked: WordsAsked) -> bool:
    """Tell whether one clause of several is a keyword.

    Or what the message asked for: "Stop!! I have moved".
    """
    if len(clauses) < 2:
        return False
    spellings = [spelling for clause in clauses for spelling in _bare_spellings(clause)]
    keywords = lexicon().bare["K"]
    return any(
        len(word) > 2
        and (named_in(word, asked.leave) or word in keywords)
        and not named_in(word, asked.other)
        for word in spellings
    )


def _begins_with_asked(folded: str, asked: WordsAsked) -> bool:
    """Tell whether a short reply begins with the word that the message named for leaving: "tc nha, ..."."""
    names, clauses = asked.leave | asked.mentioned, own_clauses(folded)
    if not names or not clauses or len(words_of(folded)) > 6 or "?" in folded or _says_no(folded):
        return False
    unspaced = [name for name in map(normal, names) if not name.isascii() and len(name) > 1]
    if any(folded.startswith(name) and len(folded) <= len(name) + 6 for name in unspaced):
        return True
    alone = len(clauses) > 1 and not clauses[0].strip().isdigit()
    return alone and any(named_in(word, names) for word in _bare_spellings(clauses[0]) if len(word) > 1)


def _said_of_another_thing(reading: Reading, asked: WordsAsked, answered: str) -> bool:
    """Tell whether "I have to cancel" answers a message about an order or an appointment."""
    if reading.plain != "unsubscribe" or asked.leave or "M" in reading.marks:
        return False
    return "message of an order" in marks_of_message(answered)


def _cancels_another_thing(reading: Reading, answered: str) -> bool:
    """Tell whether it is an order or an appointment that is deleted or cancelled, and no messages."""
    if reading.plain or "O" not in reading.marks or not reading.marks.isdisjoint("MLCFRXVNE"):
        return False
    return "message of an order" in marks_of_message(answered)


def _stops_somewhere(folded: str, reading: Reading) -> bool:
    """Tell whether a text says stop, and of a longer one whether it does so by itself or of messages."""
    if not _STOP_SOMEWHERE.search(folded):
        return False
    brief = len(words_of(folded)) < _BRIEF or not reading.marks.isdisjoint("VMPLF")
    return brief or _STOP_BY_ITSELF.search(folded) is not None


def _plain_class(text: str, folded: str, answered: str, reading: Reading) -> ReplyClass | None:
    """Give the class of a plain request or refusal, unless something says that it is of another thing."""
    asked, plain = words_asked(answered), normal(text)
    sign = reading.plain or ("" if reading.kept or "?" in plain or not leaves_plainly(plain) else "refusal")
    if not sign or means_else(plain) or not asked.other.isdisjoint(_tokens(folded)):
        return None
    if _said_of_another_thing(reading, asked, answered) or _OFF_ANOTHER.search(folded):
        return None
    if asks_when(plain):
        return None
    doubtful = is_unlikely(plain, reading.marks | marks_of_message(answered))
    return ReplyClass("optout", 4 if doubtful else 1, sign)


def _review_class(text: str, folded: str, answered: str, reading: Reading) -> ReplyClass | None:
    """Give the class that a person should look at, unless the words of leaving are of another thing."""
    if _cancels_another_thing(reading, answered):
        return None
    found = _doubtful_class(text, folded, answered, reading)
    if found is None or found.kind != "optout":
        return found
    of_another = (not reading.plain and means_else(normal(text))) or _OFF_ANOTHER.search(folded)
    return None if of_another else found


def _doubtful_class(text: str, folded: str, answered: str, reading: Reading) -> ReplyClass | None:
    if (reading.marred or reading.plain) and not reading.kept:
        return ReplyClass("optout", 4, reading.marred or reading.plain)
    if of_wrong_person(text, folded) or "w" in reading.marks:
        return ReplyClass("wrong_person", 4, "wrong person")
    if not (reading.kept or _MEANT_KINDLY.search(folded)) or _FULL_STOP.search(folded):
        unkind = _unkind_class(text, folded, answered, reading)
        if unkind is not None:
            return unkind
    if leaves_in_english(normal(text), normal(answered)):
        return ReplyClass("optout", 4, "refusal in English")
    return _likely_class(folded, normal(text), answered, reading)


def _unkind_class(text: str, folded: str, answered: str, reading: Reading) -> ReplyClass | None:
    """Look for hints and keywords in a reply that says nothing to the contrary."""
    asked = words_asked(answered)
    if hints_at_leaving(folded) or _FULL_STOP.search(folded):
        return ReplyClass("optout", 4, "hint")
    of_another_thing = (not reading.marks.isdisjoint("Oo") or "?" in folded) and len(_tokens(folded)) > 3
    of_order = "message of an order" in marks_of_message(answered) and not named_in("stop", asked.leave)
    stops = not of_order and _stops_somewhere(folded, reading)
    if not of_another_thing and (stops or _looks_like_keyword(text, folded, asked.leave)):
        return ReplyClass("optout", 3, "misspelt")
    if _begins_with_asked(normal(text), asked):
        return ReplyClass("optout", 3, "asked, and more")
    if _keyword_in_a_clause(own_clauses(normal(text)), asked):
        return ReplyClass("optout", 3, "keyword in a clause")
    return None


def _likely_class(folded: str, plain: str, answered: str, reading: Reading) -> ReplyClass | None:
    """Give the class that the linear models hold likely; of a bare yes or no they are not asked."""
    answers = _says_no(folded) or _YES.match(folded) is not None
    brief = len(_without_politeness(_tokens(folded))) < 3
    if (
        (answers and brief)
        or wants_no_thing(plain)
        or _NO_IDIOM.search(folded)
        or _MEANT_KINDLY.search(folded)
    ):
        return None
    if len(_tokens(folded)) < 2 and not hinted(reading):
        return None
    back = may_come_back(plain, words_asked(answered))
    leaves, returns = likely(plain, reading.marks | marks_of_message(answered), optin=back)
    if returns:
        return ReplyClass("optin", 4 if leaves else None, "model")
    return ReplyClass("optout", 4, "model") if leaves else None


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
    r"^(?:nope|nah|can't|cannot|not today|not interested|no longer interested|leider)\b",
    r"^(?:不行|不要)|^👎",
)
_NO_ANYWHERE = re.compile(r"\bnon desole\b")
_QUESTION = _any(
    r"[?？؟]",
    r"^(?:what|what's|when|where|where's|which|who|who's|why|how)\b",
    r"^(?:is|are|do|does|did|can|could|will|would) (?:i|you|it|we|they|there|this|that|the|my|your)\b",
    r"^(?:cuanto|cuando|donde|que horas|c'est ou|quand|combien|wann|wie|wo|quando|quanto)\b",
    r"^(?:dove|hoe|waar|may gio)\b",
    r"几点|吗|^اين",
)


def _says_no(folded: str) -> bool:
    said = _NO.match(folded) or ("non desole" in folded and _NO_ANYWHERE.search(folded))
    return bool(said)


def _is_empty(text: str) -> bool:
    return not text[:1].isalnum() and all(
        unicodedata.category(c)[0] in "ZCP" and c not in "?？؟" for c in text
    )


def _answer_class(folded: str, tokens: tuple[str, ...], asked: WordsAsked) -> ReplyClass:
    said = " ".join(tokens)
    if said in asked.confirm or _YES.match(folded):
        return ReplyClass("yes")
    if said in asked.decline or _says_no(folded):
        return ReplyClass("no")
    return ReplyClass("question" if _QUESTION.search(folded) else "other")


def _all_leave(bare: tuple[str, ...], leave: frozenset[str]) -> bool:
    """Tell whether the word asked for comes with plain keywords only, as in "NO STOP"."""
    return not leave.isdisjoint(bare) and all(word in leave or word in _PLAIN_WORDS for word in bare)


_SIGNS_FOR_LETTERS = frozenset("$@€|")
_SIGNS_IN_WORDS = re.compile(r"(?<=\w)[$@€|](?=\w)|(?<!\S)[$@€](?=[a-z])")
# Where Chinese, Japanese or Korean letters meet others: "回复R", "N이요".
_EASTERN = r"\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af"
_SCRIPT_TURNS = re.compile(rf"(?<=[{_EASTERN}])(?=[a-z0-9])|(?<=[a-z0-9])(?=[{_EASTERN}])")
# Carriers act on these whatever a message says they are for: a person should see that.
_ALWAYS_MEANT = listed("stop, stopp, unsubscribe, unsub, arret, стоп, стop")


@lru_cache(maxsize=4096)
def _bare_spellings(folded: str) -> tuple[str, ...]:
    """Give the whole reply as a keyword might be written: as it stands, without politeness, in one."""
    joined = folded if folded.isascii() else _SCRIPT_TURNS.sub(" ", folded)
    if not _SIGNS_FOR_LETTERS.isdisjoint(joined):
        joined = _SIGNS_IN_WORDS.sub(lambda match: skeleton(match[0]), joined)
    written = words_of(joined)
    tokens = [t if t.isdigit() else skeleton(t) for t in written]
    polite = lexicon().bare["Z"]
    bare = list(dict.fromkeys(t for t in tokens if t not in polite))
    spellings = [" ".join(tokens), " ".join(dict.fromkeys(tokens)), " ".join(bare)]
    if not joined.isascii() and len(bare) == 1:
        spellings += [t for t in written if skeleton(t) == bare[0]]
    if 1 < len(tokens) <= 3 and all(len(t) < 5 for t in tokens):
        spellings.append("".join(tokens))
    return tuple(spelling for spelling in spellings if spelling)


def _keyword_class(folded: str, tokens: tuple[str, ...], asked: WordsAsked) -> ReplyClass | None:
    bare, spellings = " ".join(_without_politeness(tokens)), _bare_spellings(normal(folded))
    if bare in _EQUIVOCAL and bare in asked.decline:
        return ReplyClass("no", 3, "asked for something else")
    if _means_something_else((bare, *spellings), asked):
        said = (bare, *spellings)
        doubtful = any(word in _ALWAYS_MEANT or named_in(word, asked.unclear) for word in said)
        return ReplyClass("other", 3 if doubtful else None, "asked for something else")
    if _of_unread_purpose((bare, *spellings), asked):
        return ReplyClass("optout", 3, "asked for something unknown")
    if bare in _EQUIVOCAL and asked.confirm | asked.decline and not asked.leave:
        return ReplyClass("other", 3, "asked for something else")  # "cancel", of an appointment
    if _is_keyword(tokens, _OPT_OUT, _PLAIN_WORDS):
        return ReplyClass("optout", 1, "keyword")
    if bare in asked.leave or _all_leave(_without_politeness(tokens), asked.leave):
        return ReplyClass("optout", 2, "asked")
    if _is_keyword(tokens, _OPT_IN, _OPT_IN) or bare in asked.join:
        return ReplyClass("optin", None, "keyword")
    return _lexicon_keyword(spellings, asked)


def _means_something_else(spellings: tuple[str, ...], asked: WordsAsked) -> bool:
    """Tell whether the message gave this keyword a purpose of its own: "Reply QUIT to begin"."""
    keywords = [word for word in spellings if word in _OPT_OUT or word in lexicon().bare["K"]]
    unspaced = [word for word in keywords if not word.isascii() and len(word) > 1]
    return any(named_in(word, asked.other) for word in keywords) or any(
        word in name for name in asked.other for word in unspaced
    )


def _of_unread_purpose(spellings: tuple[str, ...], asked: WordsAsked) -> bool:
    """Tell whether the message names this keyword in an instruction that was not understood."""
    keywords = [word for word in spellings if word in _OPT_OUT or word in lexicon().bare["K"]]
    return any(named_in(word, asked.unread) for word in keywords)


def _lexicon_keyword(spellings: tuple[str, ...], asked: WordsAsked) -> ReplyClass | None:
    words, leave = lexicon().bare, asked.leave | asked.mentioned
    if any(named_in(spelling, leave) for spelling in spellings):
        return ReplyClass("optout", 2, "asked")
    if any(spelling in words["K"] for spelling in spellings):
        return ReplyClass("optout", 1, "keyword")
    if any(named_in(spelling, asked.join) for spelling in spellings):
        return ReplyClass("optin", None, "asked")
    if any(near_word(spelling, word) for spelling in spellings for word in asked.join):
        return ReplyClass("optin", None, "misspelt")
    joins = any(spelling in words["B"] and _unmistakable(spelling) for spelling in spellings)
    return ReplyClass("optin", None, "keyword") if joins else None


def _unmistakable(word: str) -> bool:
    return len(word) > 4 or not word.isascii()


# -- what a telephone wrote, and what it added --

_QUOTED = re.compile(r"[“”„\"«»「」『』‘’״]+(.{2,})[“”„\"«»「」『』‘’״]+", re.DOTALL)
_PICTURE = _any(
    r"^(?:liked|loved|disliked|laughed at|emphasi[sz]ed|questioned|reacted .{1,12} to)"
    r" an? (?:image|photo|video|message)",
    r"\b(?:image|imagen|imagem|immagine|photo|foto|bild|billede|bilde|kuvaa?|obraz|zdjecie|obrazek|kep"
    r"|imagine)\b",
    r"图片|圖片|写真|画像|사진|이미지|изображени|зображенн|صوره|תמונה|रसवर|ภาพ|hinh anh|gambar",
)
_ADDED = re.compile(
    r"^\s*>.*$|^\s*sent (?:from|via) .*$|^\s*(?:get outlook|envoye de mon|von meinem|enviado desde).*$",
    re.I | re.M,
)


def _is_tapback(folded: str, answered: str) -> bool:
    """Tell whether a telephone wrote this for a tap: a word of liking and the text that was liked."""
    quote = _QUOTED.search(folded)
    rest = _QUOTED.sub(" ", folded, count=1) if quote else folded
    reading = read_phrases(rest.strip())
    if not reading.marks.isdisjoint("AXSUDKC") or len(words_of(rest)) > 7:
        return False
    if quote is None:
        return "T" in reading.marks and bool(_PICTURE.search(folded)) and len(words_of(folded)) <= 7
    whole = normal(answered).strip()
    cited = quote[1].strip(' .…"“”„«»')
    same = len(cited) > 12 and (cited in whole or whole[:12] in cited)
    return (same and len(words_of(rest)) < 4) or "T" in reading.marks


def _without_additions(text: str, answered: str) -> str:
    """Give the reply without the lines that quote the message, and without a telephone's signature."""
    own = _ADDED.sub(" ", text)
    if len(answered) > 12:
        own = own.replace(answered.strip(), " ")
    return own if own.strip() else text


@lru_cache(maxsize=65536)
def left_of_reply(text: str, answered: str = "") -> str:
    """What is left of the reply of somebody who is forgotten: whether it opted out or in, surely or not.

    >>> [left_of_reply(text) for text in ("Please stop texting me!", "START", "stpo ann", "who is this?")]
    ['STOP', 'START', 'maybe STOP', '']
    >>> left_of_reply("No", "Sale today. Unsub: reply NO")
    'STOP'
    """
    return left_of_class(classify_text(text, answered))


def left_of_class(said: ReplyClass) -> str:
    """What `left_of_reply` leaves of a reply that was classified already."""
    if said.certain_optin:
        return "START"
    return "" if said.optout_tier is None else "maybe STOP" if said.review else "STOP"


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
    if _is_tapback(normal(text), answered):
        return ReplyClass("tapback", None, "tapback")
    own, asked = _without_additions(text, answered), words_asked(answered)
    folded, reading = fold(own).strip(), read_phrases(normal(own))
    tokens = _tokens(folded)
    keyword = _keyword_class(folded, tokens, asked)
    if keyword is not None:
        return keyword
    if "Y" in reading.marks and not reading.plain and reading.marks.isdisjoint("ADC"):
        return ReplyClass("auto_reply", None, "automatic")
    offer = answer_to_offer(normal(own), asked, reading)
    if offer == "optin" or asks_to_return(reading, normal(own), asked, answered):
        return ReplyClass("optin", None, "put back")
    if offer == "optout" and not _NO_IDIOM.search(folded):
        return ReplyClass("optout", 2, "asked")
    return (
        _plain_class(own, folded, answered, reading)
        or _review_class(own, folded, answered, reading)
        or _answer_class(folded, tokens, asked)
    )
