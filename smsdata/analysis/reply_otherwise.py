"""English words of leaving that are said of something else: an order, an hour, a thing that stops.

Owns those patterns, each under the words of which a reply must have one. Imports of smsdata only
reply_phrases.
"""

from __future__ import annotations

import re
from functools import lru_cache

from smsdata.analysis.reply_phrases import fits_any, indexed

MESSAGES_SENT = (
    r"(?:texts?|txts?|sms(?:es)?|msgs?|messages?|notifications?|alerts|promos?|promotions?|marketing|ads"
    r"|adverts?"
    r"|advertising|spam|newsletters?|texting|messaging|crap|junk|comms|communications?|correspondence|blasts"
    r"|solicit\w+|telemarket\w+)"
)
"""What is sent and not wanted, as a pattern."""

# Words of leaving said of other things, or of the hour and the way of a message that is welcome.
_AMBIGUOUS = (
    *("report", "reporting", "reported", "block", "blocked", "blocking", "police", "court", "legal"),
    *("harassment", "penalty", "junk", "authorities", "solicitor", "lawyer", "attorney"),
)
_ELSE = {
    "before after until till unless when while during tonight tomorrow between yet at past later": (
        r"\b(?:do ?n'?t|do not|dont|never|stop|not) (?:\w+ )?(?:text|txt|call|contact|message|send|ring)\w*"
        r"(?: (?:me|us|anyone|anybody|it|them))?(?: \w+)? (?:before|after|until|till|unless|when|while"
        r"|during|tonight"
        r"|tomorrow|between|yet|later|at (?:work|night|\d)|past \d)\b"
    ),
    "call calls calling ring ringing phone phoning": (
        r"\b(?:do ?n'?t|do not|dont|stop|instead of|rather than|no) (?:\w+ )?(?:call|ring|phon)\w*\b.{0,25}"
        r"(?<!or )(?<!and )(?<!nor )(?<!not )(?<!n't )\b(?:text|txt|message|sms) ?(?:me|us|is|are|works"
        r"|only|instead|please|\W*$)"
        r"|\b(?:text|message|sms) me (?:instead of|rather than) (?:call|ring|phon)\w*"
    ),
    "send sending": (
        rf"\b(?:do ?n'?t|do not|dont|stop) (?:send|sending) (?:the|a|an|my|anyone|anybody|someone"
        rf"|somebody|him|her|out)\b"
        rf"(?! (?:\w+ ){{0,3}}{MESSAGES_SENT}\b)(?! (?:same|damn|thing))"
    ),
    " ".join(_AMBIGUOUS): (
        r"^\W*(?=(?:\S+\s+){3})(?!.*\b(?:you|u|ya|your|ur|this|these|texts?|texting|messag\w+|msgs?|sms"
        r"|spam|number|as|lawyer"
        r"|next|more|stop\w*|remove|list|contact\w*|fcc|acma|ico|illegal|going to|gonna|will)\b)"
    ),
    "scam spam real legit legal phishing": r"^(?:is|are) (?:this|that|it|these|you)\b.{0,40}\?\W*$",
    "getting": r"\bwhy am i getting (?:charged|billed|a bill|an? error|two|an? invoice|someone|double)\b",
    "interested": (
        r"\bnot interested in (?:the \w+ ones?\b|(?:mon|tues|wednes|thurs|fri|satur|sun)day|today\b|tonight\b"
        r"|tomorrow\b|this (?:one|week)\b|\w+ but\b|\d)"
    ),
    "out done": (
        r"\bi'?m (?:out|done)\b.{0,4}(?:can'?t (?:make|come)|tonight|today|at work|for (?:today|the day"
        r"|tonight|now)|of town"
        r"|of the office|at \d|by \d|sorry|eating|cleaning|paying)"
    ),
    "happens does if": (
        r"\b(?:what happens (?:if|when)|what if|does)\b.{0,40}\b(?:stop|unsubscribe|opt(?:ing)? out)\b.*\?"
    ),
    "i'll i'd i will have had": (
        r"\bi(?:'ll|'d| will| had to| have to)(?: (?!say|text|send|write|type|tell)\w+)? stop\b(?! (?:your"
        r"|ur|these|those|the (?:texts"
        r"|messages)|receiving|getting"
        r"|being|you|u|shopping|buying|using|coming|supporting))"
    ),
    "deleted removed erased": (
        r"\b(?:deleted|erased|removed|lost) (?:your|the|my|that|this) (?:last |old )?(?:text|message|msg"
        r"|email|code|link|app)\b"
        r"|\b(?:my|our) (?!number\b|details\b|phone\b)\w+ (?:accidentally )?(?:deleted|removed|erased)\b"
    ),
    "permission": (
        r"\b(?:you have|with|given|gave|has) (?:\w+ )?permission to (?!stop|remove|delete|text|contact"
        r"|message|send|sms)"
    ),
    "why": (
        rf"\bwhy do i (?:keep )?get(?:ting)? (?!(?:\w+ ){{0,3}}{MESSAGES_SENT})(?!these|this|so many|it|them"
        rf"|your|ur|any|ones|\W*$)"
    ),
    "another": r"^\W*another one(?: please| pls| too)\b",
    "needs need has have i": (
        r"\b(?:it|he|she|the \w+|my \w+) (?:needs?|has|have) to stop (?!text|send|messag|contact|call"
        r"|now|it\b|this|these|please)\w"
        r"|\bi stop (?!getting|receiving|these|this|the (?:texts|mess)|all|your|ur|you|messag|msg|sms"
        r"|text|it\b|now|from|please)\w"
    ),
    "stop stopped": (
        r"\b(?:should|shall|can|could|must|do|did|does|will|would|when|where|what time|anywhere"
        r"|if)\b(?: \w+){0,3} "
        r"(?:i|we|it|that|he|she|they|her|him|the \w+|my \w+|a \w+|booster|polls)(?: \w+)? stop(?:ped)?\b"
        r"(?! (?:texting|sending|messag|contact|calling|spam|getting|receiving|recieving|these|this|your"
        r"|ur|the (?:texts|messages|sms|alerts)"
        r"|being|it|them|you|u|from|\W*(?:$|[.!?,]|please|pls)))"
        r"|\b(?:does|did|will) it stop\b(?: too| then| again)?\W*$"
        r"|\bnothing (?:will |can |to |could )?stop(?:s|ped)?\b"
    ),
    "unsubscribed unsubscribe opt opting opted": (
        r"\bnot (?:from )?(?:you|u|yours)\b|\bopt(?:ing|ed)? out of (?:the|my|this|that"
        r"|our) (?!(?:\w+ ){0,2}(?:list|texts?|sms|messag\w+|mailing"
        r"|alerts|notifications|program\w*|group|thing|marketing|spam|service|chain|offers|deals|updates"
        r"|rubbish|crap|shit|nonsense|bs|stuff)\b)"
    ),
    "sim card account road street drain": (
        r"\bblock(?:ed|ing|s)? (?:my|the|a|our) (?:sim|card|account|road|street|drain|car)\b"
    ),
    "number phone": (
        r"(?<!i'll )(?<!have to )(?<!i will )\b(?:change|update|use|switch|replace) (?:to )?(?:my|this"
        r"|the) (?:new |old )?(?:number|phone|mobile)\b(?!.*\b(?:stop|remove"
        r"|text\w*|messag\w*|list|contact\w*)\b)"
    ),
}
# What one does not want that is no message: the model of letters knows too little of it.
_ELSE_WANTED = re.compile(
    r"\b(?:do ?n'?t|do not|no longer|dont) (?:want|need) (?:(?:the|a|an|any|extra|my|that|more) \w+"
    r"|fries|to (?!hear|get|receive"
    rf"|recieve|be|see|deal|talk|have))(?!.*\b(?:{MESSAGES_SENT}|these|this|list|contact\w*|stop|remove|you|u"
    rf"|your|number|phone)\b)"
)

_ASKS_WHEN = re.compile(r"^(?:what time|when|where|which|how (?:much|long|often|late|early)|what day)\b")
_ELSE_BY_WORD = indexed(_ELSE)


@lru_cache(maxsize=4096)
def means_else(folded: str) -> bool:
    """Tell whether an English reply has the words of leaving for something else: "don't call, text me"."""
    return fits_any(_ELSE_BY_WORD, folded)


def wants_no_thing(folded: str) -> bool:
    """Tell whether what an English reply does not want is a thing, and no message: "don't need the ride"."""
    return _ELSE_WANTED.search(folded) is not None


def asks_when(folded: str) -> bool:
    """Tell whether a reply asks for an hour, a place or a number: "what time will you stop selling"."""
    return _ASKS_WHEN.search(folded) is not None
