"""Signs in the letters of a reply that a person should read it: hints of leaving, and the wrong person.

Owns those patterns, each with the letters of which a text must have some to fit, so that most texts meet
none. Imports of smsdata only reply_asked and reply_phrases.
"""

from __future__ import annotations

import re

from smsdata.analysis.reply_asked import TEXT_NOUNS
from smsdata.analysis.reply_phrases import Guarded

_HINT = Guarded(
    rf"\bno more (?:\w+ ){{1,3}}{TEXT_NOUNS}\b|(?:^|[.,!;]\s*)no more\s*[.,!;]",
    r"^\W*no[ -]?more\W*(?:please|pls|thanks|thx|ty)?\W*$|^(?:stop){2,}\W*$",
    r"\b(?:please|pls|plz|kindly) remove\W*$",
    r"\bremove me\b|\b(?:remove|delete) my (?:number|details)\b|\b(?:delete|take|get) me (?:off|from)\b",
    r"\b(?:do not|do ?n'?t|never|stop|quit|no more) (?:ever )?(?:text|messag|contact|sms|send|spamm"
    r"|call)\w*",
    rf"\b(?:do not|do ?n'?t|no longer) (?:wish|want)\b.{{0,25}}\b(?:{TEXT_NOUNS}|these|receive)\b",
    r"\bno more of (?:this|these)\b",
    r"\bmy (?:consent|permission) (?:to|for) (?:(?:these|your) )?(?:text|messag|contact|sms)\w*",
    r"\bleave me alone\b|\blose my number\b|\bgo away\b|\b(?:piss|bugger|fuck) off\b|\bspam\b",
    r"\bno me (?:envien|escriban|manden)\b|\bno quiero recibir\b|\bborren?me\b",
    r"\bdej(?:a|e|en) de (?:escrib|envi|mand)",
    r"\bm'envoyez plus\b|\barretez de\b|^plus de (?:messages|sms)\b",
    r"\bkeine (?:sms|nachrichten)\b|\bnicht mehr\b",
    r"\bnon (?:scrivetemi|mandatemi|inviatemi)\b|\bcancella(?:te)?mi\b",
    r"\bnao quero mais\b|\bme tir[ae]\b|\bpar(?:a|e|em) de (?:me )?(?:mand|envi)ar\b",
    r"\bgeen (?:sms|berichten)\b|\bstuur (?:me |mij )?(?:niks|niets)\b|\bverwijder\b|\bdung (?:nhan"
    r"|gui)\b",
    r"لا ترسل|不要再|别再|別再|送らない[でて]",
    needs=(
        "no more|no-more|nomore|stopstop| remove|remove me|remove my |delete my | me off| me from|"
        "do not |n't |dont |do nt |never |stop |quit |no longer |my consent |my permission |"
        "leave me alone|lose my number|go away|piss off|bugger off|fuck off|spam|no me |"
        "no quiero recibir|borre|deja de |deje de |dejen de |m'envoyez plus|arretez de|plus de |"
        "keine |nicht mehr|scrivetemi|mandatemi|inviatemi|cancella|nao quero mais|me tir|para de |"
        "pare de |parem de |geen |stuur |verwijder|dung nhan|dung gui|لا ترسل|不要再|别再|別再|送らない"
    ),
)
_NTH = Guarded(
    rf"\b\d+(?:st|nd|rd|th) (?:one|time|{TEXT_NOUNS})\b",
    needs="st |nd |rd |th ",
)
_WRONG_PERSON = Guarded(
    r"\bwrong (?:number|no|person|guy|one)\b(?! of)|\bnew phone,? who\b",
    r"\bpassed away\b|\bdeceased\b|\bhas died\b",
    r"\b(?:no ?one|there is no|there's no) (?:called |named )?\w+ here\b|\bno ?one (?:called|named)\b",
    r"\b(?:does not|doesn'?t) have this (?:number|phone)\b|\bphone any ?more\b",
    r"\bi (?:do not|do ?n'?t) have (?:a |any )?(?:\w+ )?(?:at|with) you",
    r"\bequivocado\b|\bequivoco de numero\b|\bmauvais numero\b|\btrompez de numero\b|\bfalsche nummer\b",
    r"\bsbagliato numero\b|\bnumero errado\b|\bverkeerd nummer\b|\bnham so\b|发错|打错|الرقم خطا",
    needs=(
        "wrong |new phone|passed away|deceased|has died|no one |noone |there is no |there's no |"
        "have this |phone any|t have |equivoc|mauvais numero|trompez|falsche nummer|sbagliato|"
        "numero errado|verkeerd|nham so|发错|打错|الرقم خطا"
    ),
)
_NOT_THAT_NAME = re.compile(r"\b(?:[Tt]his is not|[Tt]his isn'?t|I'?m not|I am not) [A-Z][a-z]+\b")


def hints_at_leaving(folded: str) -> bool:
    """Tell whether a text of `fold` has words that few write who want the messages: "remove me"."""
    return _HINT.fits(folded) or _NTH.fits(folded)


def of_wrong_person(text: str, folded: str) -> bool:
    """Tell whether a reply, and the same as `fold` gives it, says that the number is somebody else's."""
    return _WRONG_PERSON.fits(folded) or _NOT_THAT_NAME.search(text.replace("’", "'")) is not None
