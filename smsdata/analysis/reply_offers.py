"""What a reply says to a message that offers its texts, or asks whether they are wanted, or really unwanted.

"Reply BABY to get weekly tips" makes BABY an opt-in, "Still want our texts? Reply YES or NO" makes NO an
opt-out, and "Are you sure you want to leave? Reply YES" makes YES one. Imports of smsdata only reply_asked
and reply_phrases.
"""

from __future__ import annotations

import re
from typing import Literal

from smsdata.analysis.reply_asked import WordsAsked, named_in
from smsdata.analysis.reply_phrases import Reading, lexicon, normal, own_clauses, skeleton, words_of


def _first_words(line: str) -> frozenset[str]:
    return frozenset(map(normal, line.split()))


_YES = _first_words(
    "yes y yea yeah yep yup ye yas yess yesss heck hell absolutely definitely ok okay okey okie sure si sí"
    " s oui o ouais ja jaa jo j sim claro da tak t ano a"
    " igen"
    " hogyne kyllä joo taip jā jah po ναι нaι evet e oo opo ya iya ndiyo ndio haan haanji ji vâng dạ có"
    " да д так т نعم اي ايوه بله آره כן हां हाँ जी হ্যাঁ ஆம் ஆமா ใช่ ค่ะ ครับ เอา 是 好 要 はい 네 예 👍"
)
_NO = _first_words(
    "no n nope nah nay na non nein nee nej nei ne nie nem não nao nu óχι όχι οχι hayır hindi tidak tdk"
    " hapana không khong нет ні не لا نه לא नहीं না இல்லை ไม่ 不 否 いいえ 아니오 아니요 아뇨"
)
_UNSPACED_YES = ("是", "好", "要", "はい", "ใช่", "เอา", "👍")
_UNSPACED_NO = ("不", "否", "いいえ", "ไม่")
# A request to leave, a refusal, a complaint: no opt-in whatever it begins with.
_AGAINST = frozenset("AXUSDFC")
_ENOUGH_WORDS = 6
_AT_AN_HOUR = re.compile(r"\d ?(?:am|pm|h|uhr)\b|\d[.:]\d\d\b")
_STAYS = re.compile(
    r"\b(?:do ?n'?t|do not) (?:remove|delete|drop|stop|take me off)\b|\bkeep (?:me|us|sending|them|em)\b"
    r"|\bstill (?:want|here|interested|like|love)\b"
)
_ACCEPTS = re.compile(
    r"^(?:(?:yes|yeah|yep|ok|oh|please|pls|then|go ahead and) )*(?:sign (?:me|us) up|count me in|i'?m in"
    r"|add me|i want in|opt me in"
    r"|put me (?:down|on)(?: for (?:it|this|that))?|(?:i'?d|i would) (?:like|love) (?:to do this|to|that"
    r"|this|it)"
    r"|sounds (?:good|great)|go ahead)(?: please| pls| thanks| ta)*$"
)


def answer_to_offer(folded: str, asked: WordsAsked, reading: Reading) -> Literal["optin", "optout", ""]:
    """Tell whether a reply takes what the message offers, or refuses to have more of it.

    Parameters
    ----------
    folded : str
        The reply as `reply_phrases.normal` gives it.
    asked : WordsAsked
        What the answered message asks.
    reading : Reading
        The phrases of the reply.

    Returns
    -------
    str
        "optin", "optout", or empty where the message offers nothing, or the reply is neither.
    """
    if asked.gone or not (asked.join or asked.stays or asked.leaves):
        return ""
    yes, no = _begins(folded, _YES, _UNSPACED_YES), _begins(folded, _NO, _UNSPACED_NO)
    if asked.leaves:
        return "optout" if yes else "optin" if no and reading.marks.isdisjoint("AXUC") else ""
    if asked.stays and no:
        return "optout"
    stays = asked.stays and _STAYS.search(folded)
    if (stays or _takes_plainly(folded, asked.join)) and reading.marks.isdisjoint("AXUC"):
        return "optin"
    if "?" in folded or reading.plain or reading.marred or not reading.marks.isdisjoint(_AGAINST):
        return ""
    return "optin" if yes or _takes(folded, asked.join) else ""


def _begins(folded: str, words: frozenset[str], unspaced: tuple[str, ...]) -> bool:
    said = words_of(folded)
    return (bool(said) and said[0] in words) or folded.lstrip().startswith(unspaced)


def _takes_plainly(folded: str, join: frozenset[str]) -> bool:
    """Tell whether one clause is nothing but the word to send, or words of joining: "Go please"."""
    polite = lexicon().bare["Z"]
    for clause in own_clauses(folded) if join else ():
        said = " ".join(word for word in words_of(clause) if skeleton(word) not in polite)
        if (named_in(said, join) and said not in _YES | _NO) or _ACCEPTS.search(" ".join(words_of(clause))):
            return True
    return False


def _takes(folded: str, join: frozenset[str]) -> bool:
    """Tell whether a reply begins with the word to send: "BABY 14 June", "I'm ready"."""
    said = [word for word in words_of(folded) if word not in {"i'm", "im", "i", "am", "we're"}]
    return bool(said) and any(named_in(word, join) for word in (said[0], " ".join(said[:2])))


def may_come_back(folded: str, asked: WordsAsked) -> bool:
    """Tell whether an opt-in that is only likely can be meant: of few words only where texts are offered."""
    if asked.gone or asked.join or asked.stays:
        return True
    return len(words_of(folded)) >= _ENOUGH_WORDS and not _AT_AN_HOUR.search(folded)
