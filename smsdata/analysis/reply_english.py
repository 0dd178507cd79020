"""How English leaves a list without a keyword: refusals, hints and threats.

Owns the grammar of verb, object and politeness that the lexicon's one letter per word cannot hold. Each
pattern stands under the words of which a reply must have one, so that most replies meet few of them. Imports
of smsdata only reply_otherwise and reply_phrases.
"""

from __future__ import annotations

import re
from functools import lru_cache

from smsdata.analysis.reply_otherwise import MESSAGES_SENT
from smsdata.analysis.reply_phrases import fits_any, indexed, words_of

_NOT = (
    r"(?:do ?n'?t|do not|dnt|donot|does ?n'?t|does not|did ?n'?t|did not|never|no longer|wo ?n'?t|will not"
    r"|not|would ?n'?t|ca ?n'?t|cannot|neither)"
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
    rf"(?:receive|receiving|recieve|recieving|get|getting) {_SOME}{MESSAGES_SENT}\b",
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
        rf"\b{_NOT} (?:\w+ )?(?:keen|fond|fan) (?:on|of) {_SOME}(?:{MESSAGES_SENT}|these|this|being texted)\b"
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
        rf"^(?:\W*\w+)?\W*(?:block|cancel) (?:it|them|this|these|{_SOME}{MESSAGES_SENT})\b(?=.*\b(?:fed up"
        rf"|sick"
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
        rf"\b{MESSAGES_SENT} (?:\w+ )?(?:wake|wakes|upset|upsets|upsetting|disturb|disturbs|annoy"
        rf"|annoys) (?:me"
        rf"|us|my|her|him)\b"
    ),
    "rude intrusive invasive insensitive disrespectful disgusting inappropriate creepy": (
        r"\b(?:rude|intrusive|invasive|insensitive|disrespectful|disgusting|inappropriate|creepy)\b.{0,25}"
        rf"\b(?:{MESSAGES_SENT}|sending|texting|messaging|to text|to message)\b"
    ),
    "because": (
        rf"\b(?:left|leaving|quit|unfollowed|switched|changed \w+) because of {_SOME}(?:{MESSAGES_SENT}|this"
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
        rf"\b(?:contact|text|messag|list|receiv|get (?:them|these|it)|them|these|{MESSAGES_SENT})"
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
        rf"(?:{MESSAGES_SENT}|\b(?:these|this|list)\b)|\b(?:text|messag|spam|contact|send|bother|harass"
        rf"|bug)\w* (?:me|us|this|my))"
    ),
    "part": r"\bw(?:hat|hich) part of\b",
    "appreciate like enjoy read care know use want need needs wants asked ask": (
        rf"\b{_NOT} (?:\w+ )?(?:appreciate|like|enjoy|read|care (?:for|about)|use|want|need|ask for"
        rf"|asked for)s?"
        rf" (?:\w+ )?{_SOME}(?:{MESSAGES_SENT}|these|getting (?:these|this|texts)|being (?:texted|contacted"
        rf"|spammed))\b(?! to be)"
        r"|\b(?:do ?n'?t|do not) (?:even )?know (?:you|u|any of you|who (?:you are|this is|u r"
        r"|u are))\W*(?:$|[.,!]|and)"
        rf"|\b(?:we|i|she|he|they|nobody|mum|mom) (?:do ?n'?t|does ?n'?t|do not|does not) want (?:them"
        rf"|this|these|any|no|nothing)\b"
        rf"|(?:^|[.!,;] ?)(?:do ?n'?t|do not) want (?:no|any|them|nothing)\b"
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
        r".{0,20}(?:\b(?:ad|one|of these|junk|spam|of this)\b|" + MESSAGES_SENT + r")"
        rf"|\b(?:one|1) more (?:of these|{MESSAGES_SENT}|time)\b.{{0,25}}\b(?:and|or|i'?ll|i will|im|i'?m"
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
    "how": (
        r"\bhow (?:do|can|does|would|could|to) ?(?:i|you|u|we|one|ye)? (?:\w+ )?(?:opt out|unsub\w*|unsign"
        r"|make (?:it|this|these|them|you) stop|(?:get|come|be taken) off|get out of|turn (?:this|these|it"
        r"|them|\w+) ?off"
        r"|get rid of (?:this|these|you|it|them|the)|(?:stop|end|cancel|block) (?:this|these|them|your|ur"
        r"|getting"
        r"|receiving|the (?:texts|messages|spam)))\b"
        r"|\bhow many (?:more )?times (?:do|must|have|should|did|are|will)\b(?! i (?:take|need|use|eat))"
    ),
    "stop quit stahp": (
        r"\b(?:stop|quit) (?:telling|asking|reminding|pushing|inviting|notifying|selling|offering|nagging"
        r"|hounding"
        r"|begging|badgering|chasing|following|hassling|targeting|sending|giving|showing|bothering) (?:me"
        r"|us|this)\b"
        r"|^\W*(?:no+|nah|nope|please|pls|just|ok|omg)?\W*(?:stop|quit) it\W*(?:please|pls|now|already"
        r"|thanks)?\W*$"
        r"|\b(?:do|have|had) (?:i|we) (?:\w+ )?(?:have |need )?to (?:say|text|send|write|type"
        r"|tell you(?: to)?) stop\b"
        r"|\b(?:already|still) (?:said|told you|texted|sent|wrote|asked)(?: you)?(?: to)? stop\b"
    ),
    "put add sign place": (
        r"\b(?:do ?n'?t|do not|never) (?:you )?(?:put|add|sign|place|keep) (?:me|us|my \w+|this number)"
        r"(?: (?:down|up|on|in|to|for|back))*\b(?!.*\b(?:order|table|bill|tab|waitlist|schedule)\b)"
    ),
    "use": r"\b(?:do ?n'?t|do not|stop|quit) (?:us(?:e|ing)) (?:my|this) (?:\w+ )?(?:number|phone|cell"
    r"|mobile)\b",
    "off": (
        r"\b(?:take|get|drop|strike|cross|knock) (?:me|us|him|her|them|it|this(?: number)?|my \w+)"
        r" off (?:of )?(?:the|your|ur|all|these|this|any)? ?(?:\w+ ){0,2}(?:reminders?|recalls?|alerts?"
        r"|texts?|promos?"
        r"|specials|newsletters?|updates?|notifications?|campaigns?|database|records|files?|books|system)\b"
    ),
    "need needed want required": (
        r"\b(?:do ?n'?t|do not|no longer|never) (?:need|want|require) (?:this|these|the|your|that"
        r"|any)(?: \w+){0,3}"
        r" (?:ones?|reminders?|alerts?|texts?|notices?|updates?|ads?) ?(?:any ?more|now|thanks|please)?"
        r"|\bnot (?:needed|required|wanted|necessary)\W*(?:thanks|thank you|ta|cheers|anymore|any more)?\W*$"
    ),
    "interested interest": r"\b(?:not|n'?t|never|no longer|zero|isn'?t|aren'?t) (?:\w+ )?(?:interest"
    r"|interested)\b",
    "died dead deceased crossed passed": (
        r"\b(?:he|she|my \w+|our \w+|the (?:cat|dog|pet)|^\w+) (?:has |have |just |sadly )*(?:died|passed"
        r"|is dead|crossed (?:over )?the rainbow)\b"
    ),
    "closed cancelled left": (
        r"\b(?:i|we|ive|i've|we've)(?: have)?(?: already| just| since)? (?:closed|cancelled|canceled|ended"
        r"|left"
        r"|quit) (?:my|our|the|your|ur|that|this) (?:account|membership|gym|club|school|bank|practice"
        r"|church|plan)\b"
    ),
    "elsewhere another different new already": (
        r"\b(?:joined|enrolled|gone|going|found|went|switched|using|got|have|chose\w*"
        r"|go) (?:\w+ ){0,2}(?:elsewhere"
        r"|somewhere else|(?:another|a different|a new) (?:\w+ )?(?:dentist|doctor|vet|gym|school|bank"
        r"|provider"
        r"|supplier|company|garage|salon|barber|agent|lender|job))\b|\bgot a job\b"
    ),
    "bother waste time": (
        r"\b(?:do ?n'?t|do not|dont) (?:even )?bother\W*(?:$|[.!,]|me|us|again|with)"
        r"|\bwast(?:e|ing) (?:your|of|my|ur) (?:breath|time|money)\b"
    ),
    "have own": (
        r"^(?:\W*\w+)?\W*(?:i |we )?(?:do ?n'?t|do not|dont|no longer) (?:even )?(?:have|own) (?:a|an|any"
        r"|that|this|the)"
        r" (?:car|dog|cat|pet|kids?|child|children|house|vehicle|property|account|phone plan|loan"
        r"|card)\b(?! (?:with me|on))"
    ),
    "turned switched shut": r"\bcan (?:these|they|this|it|those|the texts) be (?:turned|switched|shut) off\b",
    "off out": r"^(?:off|out) please\b|[.!,;?] ?(?:off|out) (?:please|pls|plz)\W*$",
    "much": rf"\b(?:{MESSAGES_SENT}|they) (?:are|r|is) (?:\w+ )?too much\b",
    "end": (
        r"(?:^|[.!,;?] ?)(?:please |pls |just )?end (?:it|the (?:\w+ )?program\w*|this|them)\W*"
        r"(?:please|pls|lol|now|thanks)?\W*$"
    ),
    "number comot name": (
        r"\b(?:take|remove|get|comot) (?:his|her|their|him|my) (?:number|name|phone|details) (?:off|out"
        r"|please"
        r"|down)\b|\bcomot my\b"
    ),
    "keep": (
        r"\b(?:do ?n'?t|do not|stop|(?:would|did|could) ?n'?t) keep (?:asking|coming back|texting|sending)\b"
        r"|\bkeep it that way\b"
    ),
    "told": r"\b(?:thought )?i told (?:you|ya|u|yous)(?: people| guys| lot| all)? (?:i|we|i'm|that)\b",
    "dun don una": r"\b(?:dun|don) (?:send|text|msg|message|sms|disturb|want)\b|\buna (?:no dey|don start)\b",
    "giving gave gives": r"\bwho (?:keeps |is |'s )?(?:giving|gave|gives|give) (?:out |you )?my (?:number"
    r"|no|details)\b",
    "good": r"\b(?:stop|stopped|off|out|gone|done) for good\W*$",
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
        rf"|\b(?:these|this|it|{MESSAGES_SENT}) (?:really )?(?:has to|have to|must|needs? to|gotta|got to"
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
        rf"|down)) (?:with|on) {_SOME}{MESSAGES_SENT}\b"
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

# The contrary: "don't ever stop sending these".
_KEEPS = re.compile(
    r"\b(?:do ?n'?t|do not|never|wo ?n'?t|ca ?n'?t) (?:ever |you |u )?(?:stop (?:send|text|these|the|it"
    r"|them|doing"
    r"|bringing)|unsub|remove|delete|cancel|opt)"
)
_BARE = re.compile(
    r"^(?:please |pls |plz |just )*(?P<word>out|off|exit|leave|un-?follow|un-?join|un-?register"
    r"|de-?register|delist"
    r"|unlist|unfriend|unsign|begone|disconnect|block)(?: me)?(?: (?:please|pls|plz|now|thanks|thx))*\W*$"
)


_PLAIN_BY_WORD, _LIKELY_BY_WORD = indexed(_PLAIN), indexed(_LIKELY)


@lru_cache(maxsize=4096)
def leaves_plainly(folded: str) -> bool:
    """Tell whether an English reply refuses the messages in so many words: "never want to hear from you"."""
    return fits_any(_PLAIN_BY_WORD, folded)


@lru_cache(maxsize=4096)
def leaves_likely(folded: str) -> bool:
    """Tell whether an English reply hints that no messages are wanted: "one more text and I report it"."""
    return fits_any(_LIKELY_BY_WORD, folded) and not _KEEPS.search(folded)


def leaves_in_english(folded: str, answered: str) -> bool:
    """Tell whether a person should read an English reply as a wish to leave; both texts as by `normal`."""
    return leaves_plainly(folded) or leaves_likely(folded) or leaves_barely(folded, answered)


def leaves_barely(folded: str, answered: str) -> bool:
    """Tell whether a reply is a word of leaving that is no keyword, and that the message does not have."""
    word = _BARE.search(folded) if len(folded) < 40 else None
    return word is not None and word["word"] not in words_of(answered)
