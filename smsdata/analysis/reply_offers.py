"""What a reply says to a message that offers its texts, or asks whether they are wanted, or really unwanted.

"Reply BABY to get weekly tips" makes BABY an opt-in, "Still want our texts? Reply YES or NO" makes NO an
opt-out, and "Are you sure you want to leave? Reply YES" makes YES one. Imports of smsdata only reply_asked
and reply_phrases.
"""

from __future__ import annotations

from typing import Literal

from smsdata.analysis.reply_asked import WordsAsked, named_in
from smsdata.analysis.reply_phrases import Reading, normal, own_clauses, words_of


def _first_words(line: str) -> frozenset[str]:
    return frozenset(map(normal, line.split()))


_YES = _first_words(
    "yes y yea yeah yep yup ye ok okay okey sure si sí s oui o ouais ja jaa jo j sim claro da tak t ano a igen"
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
_AGAINST = frozenset("AXUSDNFC")


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
    if "?" in folded or not reading.marks.isdisjoint(_AGAINST):
        return ""
    return "optin" if yes or _takes(folded, asked.join) else ""


def _begins(folded: str, words: frozenset[str], unspaced: tuple[str, ...]) -> bool:
    said = words_of(folded)
    return (bool(said) and said[0] in words) or folded.lstrip().startswith(unspaced)


def _takes(folded: str, join: frozenset[str]) -> bool:
    """Tell whether a reply begins with the word to send, or has it in a clause of its own: "I'm ready"."""
    said = words_of(folded)
    openings = {said[0], " ".join(said[:2])} if said else set[str]()
    clauses = {" ".join(words_of(clause)) for clause in own_clauses(folded)}
    return any(named_in(word, join) for word in openings | clauses)
