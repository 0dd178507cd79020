"""How English leaves a list without a keyword: refusals, hints, threats; and what only looks like leaving.

Owns the grammar of verb, object and politeness that the lexicon's one letter per word cannot hold. Each
pattern stands under the words of which a reply must have one, so that most replies meet few of them. Imports
of smsdata only reply_phrases.
"""

from __future__ import annotations

import re
from collections import defaultdict
from functools import lru_cache

from smsdata.analysis.reply_phrases import words_of

_NOT = (
    r"(?:do ?n'?t|do not|dnt|donot|does ?n'?t|does not|did ?n'?t|did not|never|no longer|wo ?n'?t|will not"
    r"|not|would ?n'?t|ca ?n'?t|cannot|neither)"
)
_TEXTS = (
    r"(?:texts?|txts?|sms(?:es)?|msgs?|messages?|notifications?|alerts|promos?|promotions?|marketing|ads"
    r"|adverts?"
    r"|advertising|spam|newsletters?|texting|messaging|crap|junk|comms|communications?|correspondence|blasts"
    r"|solicit\w+|telemarket\w+)"
)
_SOME = (
    r"(?:(?:all|the|these|this|those|that|my|your|ur|any|of|future|further|more|such|marketing"
    r"|promotional|promo"
    r"|text|sms|daily|weekly|automated|stupid|dumb|damn|bloody|random|political|campaign|anymore) ){0,4}"
)
_SEND = (
    r"(?:text|txt|message|msg|contact|call|sms|email|e-mail|spam|bother|ping|harass|disturb|pester|bug|annoy)"
)
_ME = (
    r"(?:me|us|him|her|here|(?:my|our|this|his|her) (?:number|phone|cell|mobile|line|device|house|home|wife"
    r"|husband|mum|mom|mother|dad|father|son|daughter|kids?|child|family|parents|gran\w*|partner|inbox))"
)
_LIST = (
    r"(?:list|lists|group|database|system|program|programme|thread|campaign|chain|register|records|chat"
    r"|channel)"
)
_OFF = (
    r"(?:taken off|took off|removed|unsubscribed|opted out|struck off|excluded|dropped|deleted|unlisted|off)"
)
_ASKS = (
    r"(?:can|could|may|would|want|wants|wanted|wish|wishes|like|need|needs|ask|asks|asked|asking|please"
    r"|pls|plz"
    r"|request|requested|let|get|have|how|prefer)"
)
_OTHER_LIST = (
    r"(?! (?:from|off|out of|on) (?:the|that|my|our)? ?(?!(?:\w+ ){0,2}(?:list|texts?|sms|database"
    r"|system|messages|mailing)))"
)

# Plain enough to act upon.
_PLAIN = {
    "hear": rf"\b{_NOT} (?:\w+ ){{0,2}}(?:want|wanna|wish|need|care|like"
    rf"|expect)s? (?:\w+ ){{0,2}}hear (?:\w+ )?from "
    r"(?:you|u|ya|yall|y'all|ya'll|your|ur|this|these)\b",
    "receive get receiving getting recieve recieving": rf"\b(?:no (?:interest|desire|wish|need) (?:in|to|for)"
    rf"|{_NOT} (?:\w+ ){{0,2}}(?:want|wish|need|care|like|interested)s?(?: \w+){{0,2}}) "
    rf"(?:receive|receiving|recieve|recieving|get|getting) {_SOME}{_TEXTS}\b",
    "contacted texted messaged called bothered spammed": r"\b(?:not|n'?t|never|no longer)(?: \w+){0,3} "
    r"(?:contacted|texted|messaged|bothered|spammed)(?: (?:again|further|by|any ?more|in future|at all"
    r"|via|on))",
    "list group database system program programme thread": rf"\b(?:{_NOT} (?:\w+ )?(?:want|wish|need"
    rf"|like|care)s?(?: \w+){{0,2}} "
    rf"be |(?:not|no longer|n'?t|never) (?:be )?)(?:on|in|part of) (?:your|ur|the|this|any"
    rf"|a) (?:\w+ )?{_LIST}\b",
    "dnc suppression blacklist do-not-call block blocklist call contact text disturb register": (
        r"\b(?:put|add|place|register|include)\b.{0,30}\b(?:on|to|in|onto) (?:(?:the|your|ur"
        r"|a) )?(?:\w+ )?(?:dnc"
        r"|suppression|blacklist|black list|block ?list|do[ -]not[ -](?:call|contact|text|disturb)"
        r"|no[ -](?:call|contact|text)s?)\b"
    ),
    "cancel end kill disable deactivate discontinue terminate cease halt": (
        r"(?<!n't )(?<!not )(?<!nt )\b(?:cancel|end|kill|disable|deactivate|discontinue|terminate|cease"
        r"|halt) "
        rf"{_SOME}(?:texts?|txts?|sms|msgs?|messages?|notifications?|alerts|spam|messaging|texting"
        r"|communications?)\b(?! (?:about|that|i sent|saying))"
    ),
    "stop quit": (
        rf"\bif (?:you|u|ye|ya|yall|y'all|they|this|these|ur|your) (?:\w+ )?(?:do ?n'?t|does ?n'?t"
        rf"|wo ?n'?t|not) (?:stop|quit)"
        rf" (?:{_SEND}(?:ing)?|texting|sending|messaging|bombarding)\b"
    ),
    "nothing": r"\bwant nothing (?:more )?(?:to do with|from) (?:you|u|ya|yall|y'all|your)\b",
    "better dare can't cant shouldn't mustn't allowed right permission business authorized": (
        r"\b(?:you|u|ya|yall|y'all)(?: \w+)? (?:better not|dare|can ?n?'?t|cannot|should ?n'?t|must ?n'?t"
        r"|are ?n'?t (?:allowed|authori[sz]ed) to|are not (?:allowed|authori[sz]ed) to|not allowed to"
        r"|have no (?:right|business|permission)(?: to)?) "
        rf"(?:be )?(?:ever |keep )?{_SEND}(?:ing)? {_ME}\b(?! (?:at|on|before|until|when|if))"
    ),
    "dare u you ever": rf"\b(?:do ?n'?t|never) (?:you|u|ever)(?: (?:dare|ever))* {_SEND} {_ME}\b",
}

# For a person's eye.
_LIKELY = {
    "last final": (
        r"\b(?:better|let|make|should|hope|that's it|thats it|is|be)\b.{0,14}\b(?:last|final) (?:text"
        r"|message|msg|one"
        r"|sms|time)\b(?! i\b(?! (?:get|hear|receive|see)))|\b(?:last|final) (?:text|message|msg|sms|time) "
        r"(?:(?:you|u) (?:\w+ )?(?:send|text|will|ever|get|better|message)|i get|i want|ever)\b"
    ),
    "more mair": (
        r"\b(?:no|nae|nomore) (?:more|mair)(?: (?:please|pls|plz|and|thank you|thanks|thx|ty|ta|now|ok"
        r"|okay|cheers|mate|love|sir|already"
        r"|from (?:you|u)|of (?:this|these|it|that|em|your|ur)))*\W*(?:$|[.!,;?])|\bnae mair\b"
        r"|\bif (?:i get |there'?s |you send |i see |i receive )?(?:one|1) more\b"
    ),
    "enough": r"(?:^|[.!?,;]\s*)(?:that'?s |that is |ok |just )?enough\W*(?:$|[.!?]|already|now|please)",
    "keen fond fan": (
        rf"\b{_NOT} (?:\w+ )?(?:keen|fond|fan) (?:on|of) {_SOME}(?:{_TEXTS}|these|this|being texted)\b"
    ),
    "can": (
        r"\b(?:you|u|yall|y'all) can stop(?: (?:now|texting|sending|messaging|these|this|right|please"
        r"|pls|already|with))*\W*(?:$|[.?!,])"
    ),
    "alone peace": (
        r"\bleft (?:alone|in peace)\b|\bleave (?:\w+ ){1,3}(?:alone|in peace)\b(?! (?:with|at|in|on))"
    ),
    "worry bother need": (
        r"\b(?:do ?n'?t|do not|no need to|needn'?t) (?:worry about |bother )?(?:letting (?:us|me) know"
        r"|texting|telling (?:us|me)"
        r"|sending|reminding|messaging|remind(?:ing)? (?:us|me)|text|message|notify(?:ing)? (?:us"
        r"|me))\b.{0,25}"
        r"(?:any ?more|again|\W*$)"
    ),
    "off down": (
        r"\b(?:turn|switch|shut|knock) (?:it|this|these|them|'?em|that|all this|all these) (?:off"
        r"|down)\b(?! (?:and|then|for|at|when))"
    ),
    "block cancel": (
        rf"^(?:\W*\w+)?\W*(?:block|cancel) (?:it|them|this|these|{_SOME}{_TEXTS})\b(?=.*\b(?:fed up|sick"
        rf"|tired|annoy|na|now|please)\b)"
        rf"|^\W*(?:please |pls |just )?cancel {_SOME}(?:marketing|promotions?|promos?|ads|adverts|spam"
        rf"|newsletters?)\b"
    ),
    "away out": (
        r"\btake (?:me|us|my \w+) away from\b|\b(?:like|want|wants|wanna|let me"
        r"|get me) (?:right )?out\b\W*(?:$|of (?:this|these|it|your))"
    ),
    "family us mum mom husband wife dad": (
        r"\btake (?:us|our (?:family|\w+)|my (?:family|\w+)|them) off\W*(?:$|please|pls|now|[.,!])"
    ),
    "shit crap nonsense bs bullshit rubbish madness garbage pish foolishness carry-on": (
        r"\b(?:stop|quit|cease|cut|drop|end|enough of) (?:with )?(?:this|that|the|all (?:this|the)|your"
        r"|ur) (?:\w+ )?(?:shit|crap|nonsense"
        r"|bs|bullshit|rubbish|madness|garbage|pish|foolishness|carry-on)\b"
    ),
    "seriously every everyday daily": (
        r"^\W*(?:\w+ )?(?:seriously|every ?day|every (?:single )?day|daily)\W*\?+\W*$"
    ),
    "wake wakes upset upsets upsetting disturb disturbs annoy annoys": (
        rf"\b{_TEXTS} (?:\w+ )?(?:wake|wakes|upset|upsets|upsetting|disturb|disturbs|annoy|annoys) (?:me"
        rf"|us|my|her|him)\b"
    ),
    "rude intrusive invasive insensitive disrespectful disgusting inappropriate creepy": (
        r"\b(?:rude|intrusive|invasive|insensitive|disrespectful|disgusting|inappropriate|creepy)\b.{0,25}"
        rf"\b(?:{_TEXTS}|sending|texting|messaging|to text|to message)\b"
    ),
    "because": (
        rf"\b(?:left|leaving|quit|unfollowed|switched|changed \w+) because of {_SOME}(?:{_TEXTS}|this"
        rf"|these)\b"
    ),
    "reminder text message one msg": (
        r"\b(?:\d+(?:nd|rd|th)|second|third|fourth|fifth|sixth|seventh|tenth|hundredth) (?:reminder|text"
        r"|message|msg|sms)"
        r" (?:this|today|in|already|from|about|now)\b"
    ),
    "last": r"\blast (?:\w+ )?(?:you|u)(?:'ll| will)(?: ever)? (?:get|hear) (?:from|out of) me\b",
    "ensure sure": (
        r"\b(?:ensure|make sure)\b.{0,40}(?:\b(?:not|never|removed|no (?:more|further|longer)|get"
        r"|receive)\b|n'?t\b).{0,20}"
        rf"\b(?:contact|text|messag|list|receiv|get (?:them|these|it)|them|these|{_TEXTS})"
    ),
    "taken took removed unsubscribed opted struck excluded dropped deleted off": (
        rf"\b{_ASKS} (?:\w+ ){{0,4}}(?:be|get|gets) {_OFF}\b{_OTHER_LIST}"
        rf"|\b(?:take|get) (?:it|this|that|her|him|them|mine|my \w+|this \w+) off\W*(?:$|please|pls|ur"
        rf"|your|now|this|list)"
        r"|\bto get off\W*$|\bwant(?:s|ed)? off\b"
    ),
    "why": (
        r"\bwhy (?:am|are|is|do|does|did|would|was|the hell|tf|on earth|in)\b(?!.{0,25}(?:\bnot\b|n'?t\b"
        r"|\bno longer\b))"
        r".{0,25}(?:\b(?:i|me|my|mum|mom)\b.{0,20}\b(?:getting|on|receiving|get)\b.{0,12}"
        rf"(?:{_TEXTS}|\b(?:these|this|list)\b)|\b(?:text|messag|spam|contact|send|bother|harass"
        rf"|bug)\w* (?:me|us|this|my))"
    ),
    "part": r"\bw(?:hat|hich) part of\b",
    "appreciate like enjoy read care know use want need needs wants asked ask": (
        rf"\b{_NOT} (?:\w+ )?(?:appreciate|like|enjoy|read|care (?:for|about)|use|want|need|ask for"
        rf"|asked for)s?"
        rf" (?:\w+ )?{_SOME}(?:{_TEXTS}|these|getting (?:these|this|texts)|being (?:texted|contacted"
        rf"|spammed))\b(?! to be)"
        r"|\b(?:do ?n'?t|do not) (?:even )?know (?:you|u|any of you|who (?:you are|this is|u r"
        r"|u are))\W*(?:$|[.,!]|and)"
        rf"|\b(?:we|i|she|he|they|nobody|mum|mom) (?:do ?n'?t|does ?n'?t|do not|does not) want (?:them"
        rf"|this|these|any|no|nothing)\b"
        rf"|^(?:do ?n'?t|do not) want (?:no|any|them|nothing)\b"
    ),
    "buzz buzzing ding dinging beep beeping blow blowing ping pinging vibrating ringing": (
        r"\b(?:phone|mobile|cell)\b.{0,20}\b(?:buzz|ding|beep|blow|ping|vibrat|ring)\w*"
    ),
    "woke waking wakes wake interrupt interrupting interrupted interrupts": (
        r"\b(?:you|u|your|ur|this|texts?|messages?|phone|thanks for|way to|stop)\b.{0,25}\b(?:woke"
        r"|waking|wakes|wake) (?:me|us|my|the|up)\b|\binterrupt\w* (?:my|our|me|dinner)\b"
    ),
    "another more": (
        r"\b(?:great|joy|yay|brilliant|lovely|wonderful|fantastic|good|wow|ugh|oh)\b.{0,8}\b(?:another"
        r"|more|yet another)\b"
        r".{0,20}(?:\b(?:ad|one|of these|junk|spam|of this)\b|" + _TEXTS + r")"
        rf"|\b(?:one|1) more (?:of these|{_TEXTS}|time)\b.{{0,25}}\b(?:and|or|i'?ll|i will|im|i'?m"
        rf"|report|block)"
        rf"|\b{_NOT} (?:\w+ )?(?:want|need|send) (?:me )?(?:any|no) more\b"
    ),
    "three four two five six before": (
        r"\b(?:two|three|four|five|six|seven|ten|\d+) (?:texts|messages|msgs|reminders|sms) (?:before"
        r"|since|by|overnight)\b"
    ),
    "needed wanted": r"\bjust what (?:i|we|everyone) (?:always )?(?:needed|wanted)\b",
    "texts messages msgs": (
        r"\b(?:\d+|two|three|four|five|six|ten|so many) (?:texts|messages|msgs) (?:in|a|per|this|today"
        r"|already)\b(?! \w+ but)(?!.*\?)"
        r"|\bso many (?:texts|messages|msgs)\b"
        r"|\b(?:texts|messages|msgs) (?:are|r) (?:\w+ )?(?:annoying|useless|unwanted|pointless|rude"
        r"|a nuisance|unwelcome|irritating)\b"
    ),
    "much often": r"\bway too (?:much|often)\W*$|\btoo (?:much|often)\W*$",
    "time": (
        r"\b(?:second|third|fourth|fifth|umpteenth|hundredth|millionth|\d+(?:nd|rd|th)) time (?:asking"
        r"|telling|i|i've|ive"
        r"|i'm|im|saying|now|requesting)\b(?!.*\?)"
    ),
    "relevant applicable target audience demographic": (
        r"\b(?:not|no longer|n'?t|hardly)\b.{0,14}\b(?:relevant|applicable|target|audience|demographic)\b"
    ),
    "forget spare": (
        r"^(?:\w+ )?(?:just )?(?:forget|spare) (?:about )?(?:me|us)\b|\bforget (?:about me|i exist"
        r"|you have my)"
    ),
    "pass": r"\bhard pass\b|\b(?:i'?ll|gonna|will) pass on (?:the|these|your|all)\b|^pass\W*$",
    "without": (
        r"\b(?:can|could|rather|prefer to|happy to) (?:do|live|go) without (?:these|your|the|this|them"
        r"|ur)\b"
    ),
    "done": (
        r"\b(?:we'?re|we are|i'?m|i am) (?:so )?done\W*(?:$|with (?:you|this|these|ur|your|the (?:texts"
        r"|spam)))"
    ),
    "stopped gone stop end cease ended": (
        r"\bwants? (?:this|these|them|the (?:texts|messages|spam)|texts|\w+ texts) (?:\w+ )?(?:stopped"
        r"|gone|ended|to (?:stop|end|cease))\b"
        rf"|\b(?:these|this|it|{_TEXTS}) (?:really )?(?:has to|have to|must|needs? to|gotta|got to"
        rf"|better|should|ends?|stops?)"
        r" (?:stop|end|cease|now|today|here|immediately)\b"
    ),
    "leave exit group chat": (
        r"^(?:please |pls |i want to |let me |how do i )*(?:leave|exit|quit) (?:the |this |ur "
        r"|your )?(?:\w+ )?"
        r"(?:group|list|chat|thread|channel|chain|program)\b"
    ),
    "phone number line landline mobile cell": (
        r"\b(?:this|it'?s|its|is|on) (?:(?:phone|number|line|is|belongs|to|a|an|my|our|the|cell|mobile) )*"
        r"(?:kid'?s?|child'?s?|children'?s|minor|\d+ ?-?(?:yr|year)s?|work|business|company|office"
        r"|hospital|emergency|police"
        r"|landline|land line|fax|son'?s|daughter'?s)\b(?!.*\b(?:ok|okay|fine|instead|call|ring"
        r"|appointment)\b)"
    ),
    "next": (
        r"\bnext (?:text|message|one|time|msg|sms)\b.{0,30}\b(?:report|lawyer|solicitor|court|fcc|block"
        r"|police|bill"
        r"|invoice|charge|goes to|gets|legal)"
    ),
    "lost lose losing": (
        r"\b(?:lost|lose|losing) (?:a|my|me as a|our|this) (?:\w+ )?(?:customer|client|business|vote"
        r"|custom|voter|donor|member)\b"
    ),
    "customer client member subscriber voter resident donor supporter": (
        r"\b(?:no longer|not|n'?t|never|haven'?t|ain'?t|nor)\b (?:\w+ ){0,3}(?:customer|client|member"
        r"|subscriber|voter"
        r"|resident|donor|supporter)s?\b(?! yet)"
    ),
    "moved relocated": (
        r"\b(?:we|i|ive|i've|we've)(?: have)? (?:since |now |just )?(?:moved|relocated)\W*"
        r"(?:$|away|out|overseas|interstate|abroad|states|years|ages|months|from|to (?!\d)\w+\W*$"
        r"|no longer|last year|long ago)"
    ),
    "sold": (
        r"\b(?:i|we|he|she|i've|ive|we've)(?: have| had)? (?:since )?sold (?:the|that|my|our"
        r"|it) ?\w* ?(?:years|ages|months|a while|long|last|already|\W*$)"
    ),
    "anymore any ages years": (
        rf"\b{_NOT} (?:even )?(?:(?:live|shop|work|bank|eat|train|go|attend|vote|be)\w* (?:there|here|at"
        rf"|with|in|to|near|for|from)|own|have|drive|support)\b.{{0,25}}"
        r"\b(?:any ?more|in (?:years|ages))\b|\bhaven'?t been\b.{0,25}\b(?:in|for) (?:\w+ )?(?:years|ages)\b"
    ),
    "live": rf"\b{_NOT} (?:even )?live (?:there|here|near|in|anywhere)\b",
    "withdrawing withdraw withdrawn": (
        r"\bwithdraw\w*\b.{0,25}\b(?:consent|permission|texts?|sms|messag|program|list|me|my number)"
    ),
    "dementia alzheimers blind deaf elderly": (
        r"\b(?:dementia|alzheimers|elderly|deaf)\b.{0,40}\b(?:text|messag|list|contact|these|remove|off|sms)"
    ),
    "privacy": r"\b(?:respect|value|invasion of|invading|invade|violat\w+|breach of) (?:my |our )?privacy\b",
    "preference preferences": (
        r"\b(?:set|change|update|amend|adjust) my (?:\w+ )?preferences?\b.{0,30}\b(?:no|none|not|only"
        r"|off|zero)\b"
    ),
    "chill easy ease calm lay tone dial": (
        rf"\b(?:chill|go easy|ease (?:up|off)|calm down|lay off|easy|tone it down|dial it (?:back"
        rf"|down)) (?:with|on) {_SOME}{_TEXTS}\b"
    ),
    "no": (
        r"\bno (?:\w+ )?(?:promos|promotions|ads|marketing|texts|sms|soliciting|solicitations?"
        r"|solicitors|telemarketing"
        r"|advertising|texting|spam|messages)\b(?! (?:came|yet|from|so far|today|since|received|arrived"
        r"|on my))"
        r"|\bno (?:dey |de |go )?(?:text|send|call|message|disturb)(?: \w+)? me\b"
    ),
    "not": (
        rf"\bnot to (?:{_SEND}|send)\b(?: \w+)? (?:{_ME}|anything|again|any ?more)\b"
        r"|^\W*(?:oh |ugh |no |omg |argh )*not (?:this|these|you) (?:again|lot)\b"
    ),
    "am morning": (
        r"^\W*(?:\w+ )?(?:it'?s|it is) (?:\d{1,2}|one|two|three|four|five|six) ?(?:am"
        r"|in the morning)(?: here)?\W*$"
    ),
    "know": r"\bdo you (?:even )?know what time it is\b",
    "thanks thank": (
        r"\bthank(?:s| you) for (?:the (?:ad|spam|interruption|wake up)|waking|spamming|disturbing"
        r"|nothing)\b"
    ),
    "7726": r"\b(?:forward\w*|report\w*|sent|sending|send)\b.{0,25}\b7726\b",
    "delete deleted bin trash": (
        r"\b(?:just|always|keep) delet(?:e|ing) (?:them|these|all|it)\b"
        r"|\bdeleted? (?:\w+ )?(?:without reading|unread)\b"
        r"|\bstraight (?:to|in|into) the (?:bin|trash)\b"
    ),
    "liked loyal customer used happier": (
        rf"\b(?:liked|loyal|used to|happier)\b.{{0,30}}\b(?:before|till|until) {_SOME}(?:texts|messages"
        rf"|spam|ads)\b"
    ),
    "crying cheek nerve": (
        r"^\W*(?:\w+ ){0,3}(?:for crying out loud|bloody cheek|the cheek of it|(?:a|the|some) nerve)\W*$"
    ),
    "authorised authorized right": (
        r"\bwho authori[sz]ed (?:this|you|these)\b|\bwhat gives you the right\b|\bno right to (?:text"
        r"|contact|message)"
    ),
    "fill enough": (
        r"\b(?:had (?:my|our) fill|enough) of (?:these|this|you|your|ur|them|the (?:texts|messages"
        r"|spam))\b"
    ),
    "cost costs costing paying pay": (
        r"\bcost(?:s|ing)? me\b.{0,20}\b(?:money|every|each|per)\b|\bpay(?:ing)? (?:for|per) (?:these"
        r"|this|every text|each text|text)\b"
    ),
    "going goes": r"\bphone (?:keeps )?(?:going|goes) off\b(?!.*\?)",
    "told asked emailed": (
        r"\b(?:told|asked|texted|emailed) (?:you|u|yall|y'all|you guys|ye|you people|you lot) (?:already"
        r"|twice|to stop|(?:so )?many times"
        r"|\w+ times|(?:last week|yesterday|last month|before)\W*$)\b"
    ),
    "email post instead": (
        r"\b(?:email|e-mail|post|mail) (?:only|me instead|instead)\b.{0,20}\b(?:no|not|don'?t|stop)\b"
    ),
}

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
        rf"(?! (?:\w+ ){{0,3}}{_TEXTS}\b)(?! (?:same|damn|thing))"
    ),
    " ".join(_AMBIGUOUS): (
        r"^\W*(?=(?:\S+\s+){3})(?!.*\b(?:you|u|ya|your|ur|this|these|texts?|texting|messag\w+|msgs?|sms"
        r"|spam|number|as|lawyer"
        r"|next|more|stop\w*|remove|list|contact\w*|fcc|acma|ico|illegal|going to|gonna|will)\b)"
    ),
    "scam spam real legit legal phishing": r"^(?:is|are) (?:this|that|it|these|you)\b.{0,40}\?\W*$",
    "getting": r"\bwhy am i getting (?:charged|billed|a bill|an? error|two|an? invoice|someone|double)\b",
    "interested": (
        r"\bnot interested in (?!(?:\w+ ){0,2}"
        + _TEXTS
        + r"\b)(?!(?:you|your|ur|these|this|any|it|that|receiving|being|getting"
        r"|what|hearing|a|buying|selling|anything)\b)(?!.*\b(?:do ?n'?t|stop|remove|bother|text\w*)\b)"
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
        r"\bi(?:'ll|'d| will| had to| have to)(?: \w+)? stop\b(?! (?:your|ur|these|those|the (?:texts"
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
        rf"\bwhy do i (?:keep )?get(?:ting)? (?!(?:\w+ ){{0,3}}{_TEXTS})(?!these|this|so many|it|them"
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
        r"|alerts|notifications|program\w*|group|thing|marketing|spam|service|chain|offers|deals|updates)\b)"
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
    rf"|recieve|be|see|deal|talk|have))(?!.*\b(?:{_TEXTS}|these|this|list|contact\w*|stop|remove|you|u"
    rf"|your|number|phone)\b)"
)

# The contrary: "don't ever stop sending these".
_KEEPS = re.compile(
    r"\b(?:do ?n'?t|do not|never|wo ?n'?t|ca ?n'?t) (?:ever |you |u )?(?:stop (?:send|text|these|the|it"
    r"|them|doing"
    r"|bringing)|unsub|remove|delete|cancel|opt)"
)
_ASKS_WHEN = re.compile(r"^(?:what time|when|where|which|how (?:much|long|often|late|early)|what day)\b")
_BARE = re.compile(
    r"^(?:please |pls |plz |just )*(?P<word>out|off|exit|leave|un-?follow|un-?join|un-?register"
    r"|de-?register|delist"
    r"|unlist|unfriend|unsign|begone|disconnect|block)(?: me)?(?: (?:please|pls|plz|now|thanks|thx))*\W*$"
)


def _indexed(patterns: dict[str, str]) -> dict[str, tuple[re.Pattern[str], ...]]:
    """Give the patterns under each of their words."""
    index: dict[str, list[re.Pattern[str]]] = defaultdict(list)
    for words, pattern in patterns.items():
        for word in words.split():
            index[word].append(re.compile(pattern))
    return {word: tuple(found) for word, found in index.items()}


_PLAIN_BY_WORD, _LIKELY_BY_WORD, _ELSE_BY_WORD = map(_indexed, (_PLAIN, _LIKELY, _ELSE))


def _any_of(index: dict[str, tuple[re.Pattern[str], ...]], folded: str) -> bool:
    return any(
        pattern.search(folded) for word in dict.fromkeys(words_of(folded)) for pattern in index.get(word, ())
    )


@lru_cache(maxsize=65536)
def leaves_plainly(folded: str) -> bool:
    """Tell whether an English reply refuses the messages in so many words: "never want to hear from you"."""
    return _any_of(_PLAIN_BY_WORD, folded)


@lru_cache(maxsize=65536)
def leaves_likely(folded: str) -> bool:
    """Tell whether an English reply hints that no messages are wanted: "one more text and I report it"."""
    return _any_of(_LIKELY_BY_WORD, folded) and not _KEEPS.search(folded)


@lru_cache(maxsize=65536)
def means_else(folded: str) -> bool:
    """Tell whether an English reply has the words of leaving for something else: "don't call, text me"."""
    return _any_of(_ELSE_BY_WORD, folded)


def wants_no_thing(folded: str) -> bool:
    """Tell whether what an English reply does not want is a thing, and no message: "don't need the ride"."""
    return _ELSE_WANTED.search(folded) is not None


def asks_when(folded: str) -> bool:
    """Tell whether a reply asks for an hour, a place or a number: "what time will you stop selling"."""
    return _ASKS_WHEN.search(folded) is not None


def leaves_in_english(folded: str, answered: str) -> bool:
    """Tell whether a person should read an English reply as a wish to leave; both texts as by `normal`."""
    return leaves_plainly(folded) or leaves_likely(folded) or leaves_barely(folded, answered)


def leaves_barely(folded: str, answered: str) -> bool:
    """Tell whether a reply is a word of leaving that is no keyword, and that the message does not have."""
    word = _BARE.search(folded) if len(folded) < 40 else None
    return word is not None and word["word"] not in words_of(answered)
