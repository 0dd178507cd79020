"""Whether a reply asks to be put back on the list: after leaving by mistake, or with another mind.

Owns the words of coming back that are read as a phrase; single keywords ("START") are those of reply_words.
Imports of smsdata only reply_asked, reply_phrases and reply_spellings.
"""

from __future__ import annotations

import re

from smsdata.analysis.reply_asked import WordsAsked, named_in
from smsdata.analysis.reply_phrases import (
    RETURN,
    WISHES,
    Reading,
    concepts,
    languages_of,
    lexicon,
    listed,
    normal,
    own_clauses,
    skeleton,
    speaks_of_return,
    unspaced_told,
    wants_back,
    words_of,
)
from smsdata.analysis.reply_spellings import near_word, squeezed


def _either(*patterns: str) -> re.Pattern[str]:
    return re.compile("|".join(patterns))


# Keywords that people write of other things too.
_ALSO_OF_OTHERS = listed("end, cancel, quit, remove, revoke, block, td, alto, pare, delete")
_PLAIN_RETURN = listed("start, unstop, subscribe, resubscribe, subscribe me, resubscribe me, opt in, optin")
# After "you get no more messages": a yes, but not an "ok".
_ASSENT = re.compile(
    r"^(?:yes|y|yep|yeah|yup|si|oui|ja|sim|da|tak|ano|igen|taip|nai|evet|oo|opo|ya|ndiyo|haan|ναι|да|так"
    r"|نعم|بله|כן|हां|はい|네|ใช|是的)(?:$|[\s.,!])"
)
_REFUSED_RETURN = re.compile(
    r"\b(?:no|not|don'?t|ne|nie|nem|non|nao|nicht|nicht mehr|не|لا) (?:\w+ )?(?:vuelv|volv|back)"
    r"|\b(?:never|do ?n'?t|do not|stop)\W+(?:\w+\W+){0,2}again\b"
)


def _answers_with_return(folded: str, asked: WordsAsked) -> bool:
    """Tell whether a short reply has the word that the message named for coming back: "START please"."""
    words = words_of(folded)
    if (
        not asked.join
        or len(words) > (8 if asked.gone else 4)
        or any("N" in code for code in concepts(folded).values())
    ):
        return False
    unspaced = [name for name in map(normal, asked.join) if not name.isascii() and len(name) > 1]
    return any(named_in(word, asked.join) for word in words) or any(folded.startswith(n) for n in unspaced)


_STAYS = re.compile(
    r"\b(?:do ?n'?t|do not|never) (?:\w+ )?"
    r"(?:stop|remove|delete|unsubscribe|drop|cut|opt|take (?:me|us) off)\b"
)


def _regrets(reading: Reading, folded: str, gone: bool) -> bool:
    """Tell whether someone who has left says so by mistake, or with another mind: "I changed my mind"."""
    stays = reading.kept and _STAYS.search(folded)
    if not gone or (not reading.marks.isdisjoint("AX") and "H" not in reading.marks and not stays):
        return False
    return bool(not reading.marks.isdisjoint("Hm") or stays or wants_back(folded))


_STOPPED_BEFORE = re.compile(r"^\W*(?:stop|unsubscribe)\b.{0,12}\b(?:said|again|already|means)\b")
_SHUT_OUT = re.compile(
    r"\b(?:dnc|suppression|blacklist|black list|block ?list|(?:do[ -]not|no)[ -](?:call|contact|text"
    r"|disturb)s?)\b"
)
# Back in a queue, a class, a room: back on no list of messages.
_BACK_ELSEWHERE = re.compile(
    r"\bback (?:in|into|on|onto|to|for) (?:the|my|that|our|a) (?!(?:\w+ ){0,3}(?:list|texts?|sms"
    r"|messages|messaging|mailing|alerts"
    r"|program\w*|loop|group|notifications|updates|deals|offers|club|database|system|chain|thread))"
)
# What looks like coming back: a refusal of it, a question, someone who will be back at work.
_STAYS_AWAY = re.compile(
    r"^(?!.*\bwhy\b).*\b(?:do ?n'?t|do not|never|wo ?n'?t|will not|not)(?: (?:you|ever|want|wish|to"
    r"|gonna|going|be|let|them))*"
    r" (?:come|coming|be|go|returning|return|joining|join) ?back\b|\b(?:wo ?n'?t|not"
    r"|never) (?:be )?(?:returning|rejoining)\b"
    r"|\b(?:do ?n'?t|do not|never|wo ?n'?t|not|nor)\b(?: \w+){0,2} (?:re-?start|start again|start (?:this"
    r"|it|up|sending|texting) again|sign me|put me (?:back|on)|add me|re-?subscribe|re-?join|resume)\b"
    r"|\b(?:have ?n'?t|have not|not|never) (?:\w+ )?changed? my mind\b|\bsubscribe to (?:enough|too many)\b"
    r"|\b(?:make sure|ensure)\b.{0,40}(?:n't|\bnot\b|\bnever\b)|\bmoney back\b|\bstart again from\b"
    r"|^(?:if|what time|when)\b(?!.{0,40}\b(?:texts|messages|alerts|sign|list)\b)|\bwill i still\b"
    r"|\bin-person\b|\b(?:i'?ll|i will|we'?ll) (?:be |come |pop )?back (?:in|on|at|by|from|to)\b"
    r"|\b(?:turn|switch|put|turned) (?:the |my )?(?:heating|heat|water|power|light|lights|tv|gas"
    r"|electric\w*|boiler|oven|alarm|car|internet|wifi|phone)\b.{0,5}\bback\b"
    r"|\b(?:deleted|removed|lost|broke|ordered|paid|booked|sent|left|took|bought) (?:\w+ )?(?:app|photo"
    r"|order|ticket|appointment|twice|item|file|form|date|time|one|key|keys|money|email)\b"
)
# By someone who has left: a refusal, and no regret ("I didn't mean to", "don't leave me out").
_GLAD_TO_BE_OFF = re.compile(
    r"^(?!.*\b(?:mean|meant|ignore|keep em|keep them|second thought|(?:do ?n'?t|do not|never) (?:go"
    r"|take me|remove|delete|stop|leave me|drop|cut)|mistake|accident\w*|error|wrong|oops|sorry|undo|why"
    r"|didn'?t|did not|wasn'?t|haven'?t|mind|back|want (?:to miss|them|it|the"
    r"|your|to (?:stay|get|keep|receive|be))|stop (?:them|sending|it)|remove me|leave me off)\b)"
    r".*(?:\bfinally\b|\babout time\b|\bgood riddance\b|\bthank (?:god|goodness|heavens)\b|\bat last\b"
    r"|\b(?:do ?n'?t|do not|never|wo ?n'?t|make sure|leave me alone|stay away|keep it that way|no thanks?)\b)"
)
_CHILD_SENT = re.compile(
    r"\b(?:kid|kids|son|daughter|toddler|baby|cat|dog|child|grandson|granddaughter|nephew|niece|husband"
    r"|wife|brother|sister|friend|mate"
    r"|someone|autocorrect|phone|pocket)\b(?: \w+){0,2} (?:sent|texted|typed|hit|pressed|replied|wrote"
    r"|send|said|tapped|clicked)"
    r" (?:the |that |a |you )?[\"']?(?:stop|unsubscribe|unsub|opt ?out)\b.{0,60}"
    r"\b(?:undo|sorry|ignore|fix|back|mistake|accident|disregard|cancel (?:it|that)|restart|start"
    r"|still want|resume|please turn|re-?add)"
)
# Without one of these words no pattern of those below fits.
_UNDOING = listed(
    "stop, unsubscribe, unsubscribed, unsubscribing, unsub, opt, optout, opt-out, opted, undo, cancel,"
    " ignore, unstop, un-stop, un, disregard",
    "mind, blocked, unblocked, unblock, mean, leave, quit, stopping, stopped, mistake",
)
# Without one of these no pattern of _JOINS fits.
_MAY_JOIN = re.compile(
    r"text|messag|msg|sms|alert|updat|list|letter|you|deal|offer|promo|coup|speci|notif|remind|join|sign"
    r"|subscri|add|put|these|those|them"
)
_AGAIN = listed(
    "again, back, turn, switch, send, let, keep, stay, subscribed, also, too, happy, go, text, sending,"
    " receiving",
    "changed",
    "start, restart, re-start, resume, begin, reactivate, re-activate, unstop, subscribe, optin, opt",
    "resubscribe, re-subscribe, resubscribing, re-subscribing, resubscribed, rejoining, re-joining,"
    " signing, bring, allow, enable",
    "re-enable, reenable, re-added, readded, add, include, put, load, register",
)
_TEXTS = (
    r"(?:texts|text messages|messages|msgs|sms|alerts|updates|list|newsletter|from you|deals|offers|promos"
    r"|coupons|specials|notifications|reminders|promo|promotions|the vip list|text (?:subscription|club"
    r"|alerts|list|program\w*))\b"
)
_JOINS = _either(
    rf"\b(?:sign|put|add|opt|get|include|enrol+|pop|keep) (?:me|us|my (?:new )?number|this number)\b"
    rf".{{0,25}}{_TEXTS}",
    rf"\b(?:want|like|love|can i|could i|may i|how (?:do|can) i|please)\b.{{0,20}}"
    rf"\b(?:get|getting|receive|receiving|recieve|recieving|recive|receve|hear|join|sign up"
    rf"|subscribe)\b.{{0,25}}{_TEXTS}",
    rf"{_TEXTS}.{{0,30}}\b(?:get|have|want) (?:them|those|it) (?:back|again)\b|\bmiss (?:the|your|ur"
    rf"|those|my|getting) {_TEXTS}",
    rf"{_TEXTS}.{{0,30}}\b(?:add|include|put|sign) (?:me|us)(?: (?:too|on|up|in|back|again|as well"
    rf"|please|pls))*\W*$",
    rf"\b(?:start|begin|resume|restart|renew|enable|turn on|switch on)\b.{{0,20}}{_TEXTS}",
    rf"^(?:please )?join\b.{{0,15}}(?:{_TEXTS}|\bclub\b)",
    r"\b(?:like|want|wish|how (?:do|can) i) (?:to )?(?:sign up|join|subscribe)(?: again| please| pls)*\W*$",
    rf"\b(?:(?:send|text)\b.{{0,15}}{_TEXTS}.{{0,5}}\bagain|resend {_TEXTS})",
    rf"^(?:yes |pls |please )*i (?:do |really )?want (?:your|ur|the|these|those|all) (?:\w+ )?{_TEXTS}",
    r"\b(?:can|could|may|might) (?:i|we|ye|you|u)(?: please| also| pls)? (?:be added|be put|put me|sign me"
    r"|add me)\b"
    r"(?! .*\b(?:order|table|class|waitlist|team|appointment|book)\b)",
    rf"\b(?:can|could|may) (?:i|we) (?:also |please )?(?:get|have|receive) (?:these|those|them"
    rf"|the (?:\w+ )?{_TEXTS})"
    rf"(?=.*\b(?:too|also|as well|please|pls|for|on my|at my)\b)",
    rf"\b(?:get|getting|be) signed up (?:for|to)\b.{{0,25}}(?:{_TEXTS}|\bchain\b)|\bsign me up for (?:these"
    rf"|those|your)\b",
    rf"\btext(?:ing)? this number (?:for|to get)\b.{{0,20}}{_TEXTS}",
    rf"\b(?:send|text) (?:my|the|these|all|those) (?:{_TEXTS}) (?:here|to this|on this|instead)",
    rf"\b(?:consent|agree|happy) to (?:get|getting|receive|receiving)\b.{{0,25}}{_TEXTS}",
)
_UNDOES_STOP = _either(
    r"\b(?:cancel|undo|reverse|ignore|disregard|retract|(?:take|took|taking) back) (?:(?:my|that|the"
    r"|last) ){0,2}(?:stop|opt[ -]?out|unsub\w*)\b",
    r"\b(?:stop|unsub\w*|opt[ -]?out)\b.{0,12}\b(?:for|to) (?:someone|somebody|another|the wrong"
    r"|something|a different) ?(?:else|\w+)?\b",
    r"\b(?:did ?n'?t|did not|never) (?:mean|intend|want) (?:(?:that|the|my|to (?:text|send|say|type"
    r"|write|reply)) )*[\"']?(?:stop|unsub\w*)\b",
    r"\b(?:trying|meant|wanted) to (?:stop|unsubscribe from|opt out of) (?:another|a different"
    r"|someone else|other)\b.*\bnot (?:you|this|yours)\b",
    r"\b(?:ignore|disregard|mistake|sorry)\b.*\b(?:do ?n'?t|do not) want to (?:unsubscribe|opt out"
    r"|be (?:removed|taken off|unsubscribed))\b",
    r"\b(?:stop|unsubscribe|opt ?out)\b.{0,25}\b(?:was ?n'?t (?:for you|me|meant)|not meant|not for you)",
    r"\b(?:stop|unsubscribe|opt ?out)\b.{0,25}\b(?:by (?:mistake|accident)|a mistake|an accident|in error)",
    r"^\W*un[ -]?stop\b",
    r"\b(?:kindly|please|pls|plz|now) unblock\b(?! (?:the|my) (?:card|sim|account|drain|sink|toilet))",
    r"\bchanged my mind about (?:stopping|leaving|unsub\w*)",
    r"\b(?:un)?block(?:ed)? (?:you|u|ur|your|this|these|the)\b.{0,20}\bby (?:mistake|accident)\b",
    r"\b(?:opted out|unsubscribed|opt out|unsubscribe)\b.{0,25}\b(?:by (?:mistake|accident)|accidental)",
    r"\b(?:did ?n'?t|did not|never) mean to (?:\w+ )?(?:stop|unsub\w*|leave|opt ?out|quit)\b",
)
_IN_AGAIN = _either(
    r"\b(?:count me in|i want in|opt(?: me)? ?in|let me (?:back )?(?:on|in))\b.{0,20}\bagain\b",
    r"\blet me back (?:on|in|into|onto)\b.{0,12}\b(?:list|texts?)\b|\bbe re[ -]?added\b",
    r"(?<!don't )(?<!not )(?<!dont )(?<!never )\b(?:keep me|stay) subscribed\b",
    r"^\W*(?:yes )?(?:start|begin|resume|restart)(?: sending| texting)?(?: (?:them|texts))? again\b.{0,12}$",
    r"\b(?:start|begin|resume|restart) (?:sending|texting)\b.{0,20}\bagain\b",
    r"^\W*(?:i (?:do )?|pl(?:ea)?se? )?(?:want )?back in\W*(?:please|pls|plz)?\W*$",
    r"^\W*re-?activate(?: me)?(?: again)?\W*$",
    r"^(?!.*\b(?:gym|class|team|club|job|course|session)\b).*\b(?:re-?subscribing|re-?subscribed"
    r"|re-?joining|signing (?:back up|up again)|opting (?:back )?in)\W*(?:please|pls|plz|now|again"
    r"|thanks)*\W*$",
    r"\b(?:load|include|register|enter|list|add|put|sign) me (?:up |in |on )?again\b(?! (?:for|to|on|at)\b)",
    r"\b(?:opt|go|sign) back (?:in|on|up)\b(?!.{0,25}\b(?:to|for|at) (?:the )?(?:gym|class|work|school"
    r"|hospital|doctor))",
    rf"\b(?:go|be|get) (?:back )?on (?:to )?(?:the|your|ur|that|this) (?:\w+ ){{0,2}}(?:{_TEXTS})",
    r"\b(?:go ahead and |please |pls )?start (?:it |them |up |texting |sending )?again\W*(?:please|pls"
    r"|thanks|now)?\W*$",
    r"\b(?:send|text|message) (?:(?:these|those|them|it|the \w+|your \w+) )?(?:to me|me) (?:also|too"
    r"|as well)\b",
    r"(?<!need to )\bbe (?:sending|texting|receiving) (?:me|it|them|these|the|your)\b.{0,20}\b(?:too|also"
    r"|as well|texts|messages|again|price)\b",
    r"\b(?:that|your|the|this) (?:\w+ )?(?:text |sms |mailing |messaging )?list\b.{0,15}\badd me\b"
    r"|\bcan add me\b",
    r"\bi have changed (?:the|my) number\b.*\b(?:send|text|this)\b|\b(?:include|use"
    r"|add) (?:\w+ )?my new number\b",
    rf"\bhappy to (?:get|receive|have) (?:the|your|these|ur) (?:\w+ )?{_TEXTS}|\bput me (?:on"
    rf"|down) for (?:those|these|them|that)\b",
    r"\bbe (?:put|added|signed) back (?:on|in|up)\W*(?:please|pls)?\W*$",
    rf"\bbring (?:back )?(?:my |the |those |your |ur )?{_TEXTS}|\b(?:allow|re-?enable|enable) {_TEXTS}",
    rf"\b(?:turn|switch|put) (?:the |my |those |your |ur )?{_TEXTS} (?:back )?on\b",
    rf"\b(?:add|include|put|load|register) (?:my|this) .{{0,40}}\b(?:to|for|on|in) .{{0,15}}{_TEXTS}",
    rf"\bsend (?:me )?(?:\w+ )?{_TEXTS} to (?:this|my new)\b",
    r"\b(?:sms|texts|messages|alerts|offers)\b.{0,25}\b(?:not coming|not getting"
    r"|stopped coming)\b.{0,40}\b(?:restart|resume|start|re-?activate)\b",
    r"\b(?:txt|text|message|msg) me again\W*(?:please|pls|plz)\W*$|\bhow (?:do|can|to) (?:i )?(?:opt in"
    r"|re-?subscribe|sign back up)\b",
    r"^\W*(?:ok|okay|yes|yeah|yep|sure|alright|fine|hi|hello)\W+(?:please |pls |just )?(?:re-?start"
    r"|start|unstop|re-?subscribe"
    r"|subscribe|opt(?: me)?(?: back)? in|resume)\W*(?:me|please|pls|plz|again|now)?\W*$",
)
_AROUND_START = listed("me, again, back, please, pls, plz, up, it, now, texts, text, msgs, messages, sms")
# By someone who has left: what was wanted was less, or the messages were welcome.
_LEFT_TOO_MUCH = _either(
    r"\b(?:only|just) (?:wanted|meant|asked|cancelled|stopped|needed)\b(?! to cancel)(?!.*\b(?:everything"
    r"|it all)\b)",
    r"\bkeep (?:on )?(?:sending|texting)\b|\bkeep (?:me|us) (?:on|in|posted|subscribed)\b|\bkeep (?:em"
    r"|them) coming\b",
    rf"(?<!n't )(?<!not )(?<!nt )\b(?:need|love|like|loved|enjoy|miss|rely on|depend on|read)"
    rf" (?:(?:the|your|ur|those|these|my|every|all) )?(?:\w+ )?{_TEXTS}",
    r"\b(?:maybe|think|perhaps) i was too (?:quick|hasty|fast)\b"
    r"|\bkicking myself\b|\bi (?:do )?use (?:those|them|these)\b",
    r"\bi'?ll miss (?:them|you|these|those|it)\b|\bi (?:really |do )?(?:need|miss) (?:them|these|those)\b",
    r"\b(?:did ?n'?t|did not|never) (?:send|text|say|ask|reply|type|press|write)(?: (?:any|the|a|that|you|to"
    r"|for))* (?:stop|unsub\w*|be (?:removed|taken off)|opt ?out)\b",
    r"\b(?:did ?n'?t|did not) (?:mean|want) (?:that|it|this|for ?ever|to|all)\b|\bi (?:did ?n'?t|did not"
    r"|never) unsub\w*",
    r"\b(?:do ?n'?t|do not) (?:take|remove|drop|delete|cut) me\b|\bmeant for (?:another|a different"
    r"|someone else)\b",
    r"\b(?:dont|don't|do not) want to miss\b|\bsubscribe me\b",
)
# "My son texted stop, I still want them": what stopped is missed.
_MISSES = re.compile(
    r"\b(?:still|do) want (?:them|these|the|your|to get|to receive)\b"
    r"|\b(?:how come|why|what happened)\b.{0,12}\b(?:do ?n'?t|do not|not|no longer|have ?n'?t"
    r"|never) (?:\w+ )?(?:get|getting|receive|receiving|got|had|gotten)"
    r" (?:the|your|ur|any|my|those) ?(?:\w+ )?(?:texts|messages|msgs|sms|alerts|specials|deals|offers"
    r"|coupons|promos)\b"
    r"|\bhave ?n'?t (?:got|gotten|had|received|seen) (?:a|any|one|your|ur) (?:\w+ )?(?:text|message|msg"
    r"|reminder|alert)s?"
    r" (?:from|in|since|for)\b|\bmake sure (?:i'?m|i am|we'?re) (?:still )?on the list\b"
    r"|\b(?:would|'d) (?:really )?(?:like|love) (?:to get |to have )?(?:them|those) (?:again|back)\b"
    r"|\bstopped these\b.*\bkeep (?:em|them) coming\b|\bam i still on (?:there|the list|your list)\b"
    r"|\bi want them\b(?! (?:to )?(?:stop|gone|off))|\bwant your (?:texts|messages|msgs|sms|alerts)\b"
    r"|\b(?:how|why|when)\b.{0,25}\b(?:texts|messages) stop\b|\bdid i stop (?:getting|receiving)\b"
    r"|\bstopped (?:getting|receiving) (?:your |the |my )?(?:texts|messages|alerts)\b|\bunblocked you\b"
)
_MISSES_NOT = re.compile(r"\b(?:no longer|not|never) want\b|n'?t want\b|\bgood\b|\bfinally\b|\bthank")
_OF_ANOTHER_TIME = re.compile(
    r"\d ?(?:am|pm|h|uhr)\b|\b(?:mon|tues|wednes|thurs|fri|satur|sun)day\b"
    r"|\b(?:tomorrow|schedule|gym|roster|squad|team)\b"
)
_RESTARTS = re.compile(
    r"\b(?:restart|resume|re-?activate|re-?enable|re-?instate|resub\w*|re-?join|re-?enrol+)\b"
)
_ANOTHER_CANCELLED = re.compile(r"^\W*cancel\b")  # "Cancel it. I still want the reminders": no list was left
_JOINS_NOT = _either(
    r"\b(?:no|not|never|stop\w*|without|un\w+|off|out|less|fewer|waiting|wait|nobody|none|quit|cease"
    r"|gone|away)\b|n't\b|\b(?:do|does|did|wo|ca|is|was)nt\b|\d"
)
_CONSENT_GONE = re.compile(r"\b(?:withdraw\w*|withdrew|revok\w+|retract\w*|cancel\w*|rescind\w*)\b")
# By someone who has left: of others a JOIN may be for another list, and must clear no opt-out.
_JOINING = listed(
    "join, join me, resume, re subscribe, begin, undo, continue, restart, sign me up, sign up, turn on",
    "back in, back on, i'm in, im in, add me, keep me",
)
# By someone who has left.
_SIGNING_UP = listed("join, sign up, add me, join list, join the list, i want in, let me in")
# By someone who writes of their own accord, or has left; no keyword of another list, as a bare JOIN may be.
_COMING_BACK = listed(
    "count me back in, let me back in, can i come back, i want to come back, i want back, add me again",
    "sign me up, sign me on",
)
# Only what has stopped can be resumed: these need no message that says so.
_RESUMING = listed(
    "resume, unstop, un stop, unstop it, unstop me, restart, re start, re subscribe, start texts, start msgs",
    "resume texts, turn on texts, unblock, unblock me, begin sending again, enable notifications",
    "let me back on",
)
# To want to receive messages, or, where the verb comes last, messages that are wanted.
_GETS = re.compile(r"W.{0,3}R|R.{0,4}W|M.{0,3}W.?$")
_WISH_AGAIN = frozenset({"da", "no", "sv", "nl", "de", "it", "fr", "es", "pt"})
"""Languages that say "no more" with another word than "again"."""


def _wishes_texts_again(reading: Reading, folded: str) -> bool:
    """Tell whether someone wants messages again, in a language where that is no way to say "no more"."""
    wishes = (
        "W" in reading.marks and not reading.marks.isdisjoint("RM") and reading.marks.isdisjoint("NFCXSE")
    )
    return wishes and not _WISH_AGAIN.isdisjoint(concepts(folded, only="I"))


_NOT_START = listed(
    "star, tart, stat, stadt, stary, starr, starts, smart, stark, stars, staat, stare, stairt"
)


def _near_joining(word: str) -> bool:
    """Tell whether a word is "start", "unstop" or "subscribe" misspelt, and not "unsubscribe"."""
    if " " in word or not word:
        return False
    if word.startswith("u"):
        return near_word(word, "unstop")
    near_start = squeezed(word) == "start" or (word not in _NOT_START and near_word(word, "start"))
    return near_start or any(near_word(word, whole) for whole in ("subscribe", "resubscribe"))


_ACCEPTS = re.compile(
    r"^\W*(?:(?:yes|yep|yeah|ok|okay|sure|please|pls|ja|hi|oh)\W+)*(?:please |pls |just )?(?:sign (?:me"
    r"|us) up|add me|i want in|count me in"
    r"|i'?m in|let me in|opt me in|join me|put me (?:down|on)|subscribe me|enrol+ me|i want (?:the|these"
    r"|to (?:join|get|receive))"
    r"|i'?d like to (?:join|get|receive|sign)|keep me in|include me)\b|\badd me(?: please| pls"
    r"| too)?\W*$|\bsign me up\W*$"
)


def _accepts(folded: str, asked: WordsAsked) -> bool:
    """Tell whether someone whom the message invites to its texts says yes in words of joining."""
    return bool(asked.join) and _ACCEPTS.search(folded) is not None and not _JOINS_NOT.search(folded)


def _starts_misspelt(folded: str) -> bool:
    """Tell whether a text is "start me", "subscibe again": a misspelt word of coming back and little else."""
    words = words_of(folded)
    rest = [word for word in words if word not in _AROUND_START]
    return 1 < len(words) < 5 and len(rest) == 1 and (rest[0] == "optin" or _near_joining(rest[0]))


def _joins_unasked(reading: Reading, folded: str, asked: WordsAsked, answered: str) -> bool:
    """Tell whether a reply asks for the messages in words that need no "again": "add me to your texts"."""
    if not reading.marks.isdisjoint("OGSUDFCX"):
        return False
    not_these = (_JOINS_NOT, _CONSENT_GONE, _OF_ANOTHER_TIME)
    joins = _MAY_JOIN.search(folded) and _JOINS.search(folded)
    if joins and not any(pattern.search(folded) for pattern in not_these):
        return True
    said = " ".join(word for word in words_of(folded) if skeleton(word) not in lexicon().bare["Z"])
    if said in asked.leave:
        return False
    if said in _RESUMING or _near_joining(said):
        return True
    if (
        (not _AGAIN.isdisjoint(words_of(folded)) and _IN_AGAIN.search(folded))
        or _starts_misspelt(folded)
        or (said in _COMING_BACK and not answered)
    ):
        return True
    leaver_says = _JOINING | _SIGNING_UP | _COMING_BACK
    return asked.gone and (said in leaver_says or near_word(said, "start"))


def _only_polite(folded: str) -> bool:
    """Tell whether a reply is thanks and nothing else: "tak", "cảm ơn nhé"."""
    said, polite = [skeleton(word) for word in words_of(folded)], lexicon().bare["Z"]
    return " ".join(said) in polite or all(word in polite for word in said)


def _comes_back(folded: str, answered: str) -> bool:
    """Tell whether someone who has left speaks of coming back, in the language of the message, or agrees."""
    if "?" in folded or _only_polite(folded):
        return False
    return speaks_of_return(folded, languages_of(normal(answered))) or bool(_ASSENT.search(folded))


def _refuses(folded: str) -> bool:
    """Tell whether one language has a "not" before the wish to be put back, in one clause."""
    codes = (code for clause in own_clauses(folded) for code in concepts(clause).values())
    return any(re.search("N.?J", code) for code in codes)


def _of_messages(folded: str) -> bool:
    """Tell whether it may be messages that someone wants back: "put me back", but not on the 9am."""
    if _OF_ANOTHER_TIME.search(folded) or _refuses(folded):
        return False
    codes = [code for clause in own_clauses(folded) for code in concepts(clause).values()]
    return any("J" in code and "O" not in code and "o" not in code for code in codes)


def _names_return(folded: str) -> bool:
    """Tell whether one language has both a mistake and a word of coming back."""
    mistaken = {language for language, code in concepts(folded).items() if "H" in code}
    return not mistaken.isdisjoint(concepts(folded, only=RETURN))


def _names_keyword(folded: str) -> bool:
    """Tell whether a text has a keyword of leaving, of any language: "I sent BAJA by mistake"."""
    named = [skeleton(word) for word in words_of(folded) if len(word) > 2 and word not in _ALSO_OF_OTHERS]
    return not lexicon().bare["K"].isdisjoint(named) or any(word.startswith("stop") for word in named)


_BUT = re.compile(
    r"\b(?:but|pero|mais|aber|mas|porem|maar|men|mutta|ale|fakat|tapi|lekin|magar|ali|vendar|но|але|ама|μα"
    r"|αλλα|ala|alla)\b|لكن|بس|ولي|اما|ليكن|אבל|लेकिन|मगर|কিন্তু|ஆனால்|แต่|但|けど|が、|지만"
)
# Short words that mean "but" in one language and something else in others.
_BUT_IN = {
    "hu": re.compile(r"\b(?:de|csak)\b"),
    "it": re.compile(r"\bma\b"),
    "ro": re.compile(r"\bdar\b"),
    **dict.fromkeys(["lt", "lv"], re.compile(r"\bbet\b")),
    "tr": re.compile(r"\bama\b"),
    **dict.fromkeys(["hr", "sl", "sr"], re.compile(r"\b(?:pa|па)\b")),
}

_WHY = re.compile(
    r"\b(?:why|warum|wieso|weshalb|por que|porque|perche|pourquoi|hvorfor|varfor|waarom|dlaczego|czemu"
    r"|proc|preco|zasto|zakaj|de ce|miert|miksi|kodel|kapec|miks|neden|niye|kyon|kyun|kenapa|mengapa"
    r"|bakit|tai sao|per que|quien|rouge|защо|почему|зачем|чому|зашто|γιατι)\b"
    r"|لماذا|ليش|ليه|چرا|كيوں|क्यों|কেন|ஏன்|למה|ทำไม|为什么|為什麼|なぜ|왜"
)
# Whoever would like to leave wishes for no messages, whatever else the sentence names.
_WISHES_TO_LEAVE = re.compile(
    r"\b(?:prestan|prestat|stamat|σταματ|perua|perut|lopet|cikmak|cikar|cikay|remov|kuacha|kujitoa|kuondo"
    r"|deixar|dejar|afhaal|afgehaal|ophou|borr|salir|sair|smett|toglie|tolto|tolgan|arret|retir|quitar"
    r"|slippe|slippa|avslut|rezygn|przesta|wypis|odhlas|odjav|odjaw|отпис|відпис|перест|отказ|прекрат"
    r"|leirat|dezabon|renunt|scoate|berhenti|stop|keluar|hapus|batal|itigil|tanggal|huy|ngung|ngưng"
    r"|cancel|annul|atsisak|atteik|loobu|diagra|διαγρ|ald[ie]r|iptal)|نياد|نيايد|نفرست|حذف|لغو|الغ|توقف"
    r"|הפסיק|להסיר|退|取消|停止|解除|거부|그만|해지|ยกเลิก|बंद|बन्द|বন্ধ|நிறுத்த"
)
# "Zet me van de lijst af": from a list, not on one.
_OFF = re.compile(
    r"\b(?:aus|raus|runter|ab|af|uit|vanaf|fra|fran|ud|ut|vaek|vekk|bort|off|out|fuori|fuera|hors|iz"
    r"|van (?:de|die|jullie|uw|je)|von (?:der|eurer|ihrer|deiner)|de baja)\b"
)


def _signs_up(reading: Reading, folded: str, *, unasked: bool) -> bool:
    """Tell whether one clause wishes to receive messages, in any language: "chcę dostawać wasze promocje".

    `unasked`: nothing else is talked about, so that a wish to be put on a list needs no "again".
    """
    if reading.plain or not reading.marks.isdisjoint("XCw"):
        return False
    receives = "W" in reading.marks and not reading.marks.isdisjoint("RM")
    hopes = receives or (concepts(folded, only=RETURN + WISHES).keys() - {"en"}) or unspaced_told(folded)
    spoken, whole = languages_of(folded) if hopes else {"en"}, concepts(folded)
    if spoken == {"en"} or any("O" in whole[language] for language in spoken):  # English has its own phrases
        return False
    if _WHY.search(folded) or _WISHES_TO_LEAVE.search(folded):
        return False
    clauses = [part for clause in own_clauses(folded) for part in _BUT.split(clause) if part.strip()]
    return any(_signs_up_by(clause, unasked=unasked) for clause in clauses)


def _signs_up_by(clause: str, *, unasked: bool) -> bool:
    for language in concepts(clause, only=RETURN + WISHES) | concepts(clause):
        if language == "en":  # English has phrases of its own
            continue
        parts = _BUT_IN[language].split(clause) if language in _BUT_IN else [clause]
        if any(_wishes_in(language, part, unasked=unasked) for part in parts):
            return True
    return unasked and _wishes_unspaced(clause)


def _wishes_in(language: str, clause: str, *, unasked: bool) -> bool:
    """Tell whether a clause of a language wishes for messages, or asks to be put on a list of them."""
    code = concepts(clause).get(language, "")
    if not set(code).isdisjoint("NSUDXCFAGOo"):
        return False
    returns = concepts(clause, only=RETURN).get(language, "")
    wishes = concepts(clause, only=WISHES).get(language, "")
    offers = "a" in code or "n" in concepts(clause, only="n").get(language, "")
    wants, joins, again = "W" in code or "k" in wishes, "j" in returns, "I" in returns
    puts = "t" in wishes and not _OFF.search(clause)
    if not (offers or "M" in code):
        return unasked and puts and ("L" in code or again)
    if again and (wants or puts):
        return True
    if not unasked:
        return puts and "M" in code
    asks = puts or (joins and not set(code).isdisjoint("PLV"))
    return asks or (wants and (joins or bool(_GETS.search(code))))


def _wishes_unspaced(clause: str) -> bool:
    """Tell the same of a clause that is written without spaces."""
    if any(not set(code).isdisjoint("NSUDXCFAGO") for code in concepts(clause).values()):
        return False
    told = unspaced_told(clause)
    return told >= {"t", "n"} or told >= {"k", "i", "n"}


def _says_start(folded: str, reading: Reading) -> bool:
    """Tell whether one clause of several is a word of coming back: "I changed my mind. Start."."""
    clauses = own_clauses(folded)
    if len(clauses) < 2 or "?" in folded or not reading.marks.isdisjoint("AXUDNFC"):
        return False
    return any(clause.strip() in _PLAIN_RETURN for clause in clauses)


def asks_to_return(reading: Reading, folded: str, asked: WordsAsked, answered: str) -> bool:
    """Tell whether the reply asks to be put back, and does not ask to be left alone.

    Parameters
    ----------
    reading : Reading
        The phrases of the reply.
    folded : str
        The reply as `reply_phrases.normal` gives it.
    asked : WordsAsked
        The words that the answered message names.
    answered : str
        That message; empty if not known.

    Returns
    -------
    bool
        Whether it is an opt-in by a phrase; opt-ins by a keyword are not looked for here.
    """
    return _asks_to_return(reading, folded, asked, answered) and not _stays_away(folded, asked)


def _stays_away(folded: str, asked: WordsAsked) -> bool:
    """Tell whether what looks like coming back is a refusal of it, or of a queue, a class, a block list."""
    if _STOPPED_BEFORE.search(folded) or _SHUT_OUT.search(folded):
        return True
    if _CHILD_SENT.search(folded):
        return False
    if asked.gone and _GLAD_TO_BE_OFF.search(folded):
        return True
    elsewhere = not asked.gone and _BACK_ELSEWHERE.search(folded)
    return bool(elsewhere or _STAYS_AWAY.search(folded))


def _asks_to_return(reading: Reading, folded: str, asked: WordsAsked, answered: str) -> bool:
    gone = asked.gone
    undoes_stop = not _UNDOING.isdisjoint(words_of(folded)) and (
        _UNDOES_STOP.search(folded) or _CHILD_SENT.search(folded)
    )
    if (
        _regrets(reading, folded, gone)
        or undoes_stop
        or _answers_with_return(folded, asked)
        or _accepts(folded, asked)
    ):
        return True
    if _wishes_texts_again(reading, folded) or _joins_unasked(reading, folded, asked, answered):
        return True
    if _signs_up(reading, folded, unasked=gone or not answered or bool(asked.join)):
        return True
    if gone and _LEFT_TOO_MUCH.search(folded) and reading.marks.isdisjoint("AX"):
        return True
    misses = (
        _MISSES.search(folded) and not _MISSES_NOT.search(folded) and not _ANOTHER_CANCELLED.search(folded)
    )
    if misses or _says_start(folded, reading):
        return True
    if not reading.marks.isdisjoint("AXC") or "question" in reading.marks:
        return False
    back = wants_back(folded)
    undoes = "H" in reading.marks and (
        gone or back or not reading.marks.isdisjoint("SUm") or _names_return(folded) or _names_keyword(folded)
    )
    once_more = (
        back
        and (gone or not reading.marks.isdisjoint("LMUP"))
        and (gone or (reading.marks.isdisjoint("NF") and not _OF_ANOTHER_TIME.search(folded)))
    )
    after_leaving = gone and _comes_back(folded, answered)
    restarts = gone and _RESTARTS.search(folded) and reading.marks.isdisjoint("NSUX")
    wishes = (
        gone
        and "W" in reading.marks
        and (len(words_of(folded)) < 6 or not reading.marks.isdisjoint("RMV"))
        and "?" not in folded
        and reading.marks.isdisjoint("NFSD")
    )
    again = "J" in reading.marks and not _REFUSED_RETURN.search(folded) and (gone or _of_messages(folded))
    return bool(again or undoes or once_more or after_leaving or wishes or restarts)
