"""Texts that are one template with other names filled in, and merge fields that nobody filled.

Pure functions of texts. Imports nothing of smsdata.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Iterator
from typing import NamedTuple

GAP = "[...]"
"""What stands in a template where its texts differ."""

_GREETING = (
    "hi|hello|hey|dear|hallo|liebe[rs]?|beste|hej|hei|hola|estimad[oa]|bonjour|ch[eè]re?|ciao|ol[aá]|привет"
    "|здравствуйте|مرحبا|good (?:morning|afternoon|evening)|guten (?:tag|morgen|abend)"
)
_UNFILLED_FIELD = (
    r"\{\{?[^{}]{0,40}\}?\}|\[(?:first|last|full)?[ _-]?name\d?\]|<<[^<>]{1,40}>>|%%?[A-Za-z_]{2,30}%%?"
    r"|\$\{[^{}]{0,40}\}|\*\|[^|]{1,40}\|\*"
)
_UNFILLED = re.compile(_UNFILLED_FIELD, re.IGNORECASE)
_EMPTY = re.compile(
    rf"(?:^|[.!?\n]\s{{0,3}})(?:{_GREETING})\s+[,!:;.]"  # "Hi , we miss you"
    r"|^\s*[,;:]\s*\w+"  # ", we miss you"
    rf"|(?:^|[.!?\n]\s{{0,3}})(?:{_GREETING})\s+none\b(?=[,!:;.])"  # "Hi None, we miss you"
    r"|\b(?:nan|null|undefined)\b(?=[,!:;.])"  # "Hi null, we miss you"
    r"|\b\w+ (?:[,;](?=\s)|\.(?=\s|$))"  # "your order , is here", "your code is ."
    r"|\b\w+[^\S\n]{2,}\w+",  # "your  is ready"
    re.IGNORECASE,
)

_STOP = ",،，、!?.:;\n"
_SPEAKS = (
    re.compile(rf"^(?!(?i:{_GREETING})\b)(?P<who>[^{_STOP}]{{0,40}})(?=[,،，、])"),  # "Kim, we miss you"
    re.compile(
        rf"(?:^|[.!?\n]\s{{0,3}})(?i:{_GREETING})[^\S\n]+(?P<who>[^{_STOP}]{{0,40}})"
    ),  # "Hi Kim, ..."
    re.compile(rf",[^\S\n]+(?P<who>[^{_STOP}]{{1,40}})(?=[!.?]?$)"),  # "We miss you, Kim!"
)
"""Where a message speaks to a person by name."""

_ADDRESSED = re.compile(
    r"\b(?:(?<!for )(?:you|u|yours?|ur|you['’](?:re|ve|ll))|du|(?<!für )(?:dich|dir|ihnen)|deine?[rmns]?"
    r"|ihre?[rmns]?|(?<!pour )(?:vous|toi)|votre|vos|tu|tes|ton|(?<!para )(?:ti|usted|você)|tus|tú|te|seus?"
    r"|suas?|tuo|tua|tuoi|je|jou|jouw|uw|dig|deg|din|ditt|dine|вы|вас|вам|ваш\w{0,3}|ты|тебя|тебе"
    r"|тво\w{1,3})\b|[你您]|様|さん|\w{2}ك\b",
    re.IGNORECASE,
)
"""What a sentence says to somebody; not "for you", which offers say of goods."""

_HEADLINE = re.compile(
    "reminder|notice|update|news|alert|warning|attention|important|urgent|sale|offers?|deals?|hurry"
    "|last chance|erinnerung|achtung|wichtig|hinweis|angebot|rappel|promo|soldes|aviso|recordatorio|oferta"
    "|atención|promemoria|avviso|offerta|lembrete|herinnering|aanbieding",
    re.IGNORECASE,
)
"""Words that announce, and are nobody's name."""

_SENTENCE_ENDS = re.compile(r"[.!?\n]")
_SMALL = "van|von|der|den|de|la|las|los|del|della|di|da|dos|do|du|zu|ten|ter|bin|ibn|bint|al|el|le|y|e|af"
"""Words of a name that may be small: "van der Berg"."""

_DAYS = (
    "monday|tuesday|wednesday|thursday|friday|saturday|sunday|montag|dienstag|mittwoch|donnerstag|freitag"
    "|samstag|sonntag|lundi|mardi|mercredi|jeudi|vendredi|samedi|dimanche|lunes|martes|miércoles|jueves"
    "|viernes|sábado|domingo|today|tomorrow|tonight|heute|morgen|aujourd'hui|demain|hoy|mañana"
)
_A_DAY, _A_SMALL_ONE = re.compile(_DAYS, re.IGNORECASE), re.compile(_SMALL)
_MONTH = r"(?i:jan|feb|mar|mär|apr|may|mai|jun|jul|aug|sep|oct|okt|nov|dec|dez)[^\W\d_]{0,6}"
_CAPITALS = "".join(c for c in map(chr, range(0x2000)) if c.isupper())
_TELLING = re.compile(
    rf"(?P<blank>(?i:{_UNFILLED_FIELD}))"
    r"|(?P<link>\bhttps?://\S{1,500}|\bwww\.\S{1,500}|\b[\w.+-]{1,60}@[\w.-]{1,100})"
    r"|(?P<percent>\b\d[\d.,]{0,20}\s?[%٪])"
    r"|(?P<money>[$£€¥₹]\s?\d[\d.,]{0,20}|\b\d[\d.,]{0,20}\s?[$£€¥₹])"
    rf"|(?P<day>\b\d{{1,2}}(?:st|nd|rd|th|\.)?\s{_MONTH}|\b{_MONTH}\s\d{{1,2}}\b|\b(?i:{_DAYS})\b)"
    r"|(?P<number>#?\b\w{0,40}\d(?:[\w:/.\-]{0,60}\w)?)"
    rf"|(?P<name>\b[{_CAPITALS}]\w*(?:['’\-]\w+)*)"
)
"""All that may be filled in, and what would be taken for it."""

_CLOCK = re.compile(
    r"\d{1,2}[:.h]\d{2}(?:[ap]m)?|\d{1,2}[ap]m|\d{1,4}[/.-]\d{1,2}[/.-]\d{1,4}|\d{1,2}/\d{1,2}", re.IGNORECASE
)
_YEAR = re.compile(r"(?:19|20)\d\d")

SURE, BACKED, LOOSE = "sure", "backed", "loose"
"""How sure it is that what stands here is filled in: a name one is greeted by, a time, a link, a long number;
a day, a number or an amount, if something sure differs too; any other name or number, if there are many."""

_MANY, _SEVERAL = 8, 4
"""So many values make a field of what is not sure: with nothing else filled in, and beside something."""

_LONGEST = 5
"""Words of a name."""

_COMMON = 2
"""The words that texts of one template have in common, at least."""


class _Field(NamedTuple):
    """A stretch of a text that may have been filled in."""

    text: str
    kind: str


def empty_field(text: str) -> str | None:
    """Give the first place where a merge field was left empty or was not filled in; None where there is none.

    Parameters
    ----------
    text : str
        The message as the recipient gets it.

    Examples
    --------
    >>> empty_field("Hi , we miss you"), empty_field(", we miss you"), empty_field("Hi {{name}}, hello")
    ('Hi ,', ', we', '{{name}}')
    >>> empty_field("Hi Kim, we miss you") is None
    True
    """
    hit = _UNFILLED.search(text) or _EMPTY.search(text)
    return hit[0].strip() if hit else None


def templates_of(texts: Iterable[str]) -> list[str]:
    """Give for each text the template it is one of: its words, and `GAP` where texts like it have others.

    Texts are of one template if all that differs may have been filled in: the name of whom it speaks to, of
    one word or four, or none; times, links, long numbers. It speaks to somebody if it greets them, or says
    "you" in the sentence that their name begins or ends: "Shoes, now half price" does not. Days, numbers and
    amounts count as filled in where such a name differs too, other names where many do. Small words,
    percentages and round amounts never do: two offers are two templates. A text that is like no other is its
    own template.

    Parameters
    ----------
    texts : iterable of str
        Distinct texts.

    Examples
    --------
    >>> templates_of(["Kim, we miss you", "Mary Jane, we miss you", ", we miss you", "Sale today"])
    ['[...], we miss you', '[...], we miss you', '[...], we miss you', 'Sale today']
    >>> templates_of(["Hi Kim, 20% off hats today", "Hi Lea, 30% off hats today"])
    ['Hi Kim, 20% off hats today', 'Hi Lea, 30% off hats today']
    """
    result = list(texts)
    alike: dict[tuple[str, ...], list[tuple[int, list[str | _Field]]]] = defaultdict(list)
    for place, text in enumerate(result):
        parts = _parts(re.sub(r"[^\S\n]+", " ", text).strip())
        alike[tuple(part if isinstance(part, str) else "\0" for part in parts)].append((place, parts))
    for members in alike.values():
        for group in _of_one_template(members):
            template = _common([parts for _, parts in group])
            for place, _ in group if template else ():
                result[place] = template
    return result


def _parts(text: str) -> list[str | _Field]:
    """Part a text into what is written and what may be filled in; each blank is one space."""
    parts: list[str | _Field] = []
    end = 0
    for start, stop, kind in _spoken_to(text):
        parts += _words_and_fields(text[end:start], begins=end == 0)
        parts.append(_Field(text[start:stop], kind))
        end = stop
    return [*parts, *_words_and_fields(text[end:], begins=end == 0)]


def _spoken_to(text: str) -> list[tuple[int, int, str]]:
    """Where a text names whom it speaks to, in order."""
    found: list[tuple[int, int, str]] = []
    mixed = any(c.islower() or c.isupper() for c in text)
    for place, pattern in enumerate(_SPEAKS):
        greeted = place == 1
        for hit in pattern.finditer(text):
            start, stop = hit.span("who")
            sure = greeted or not hit["who"].strip() or _speaks_to(text, start, stop)
            ends = not greeted or text[stop : stop + 1] in (*_STOP[:6], "\n")
            who = hit["who"].rstrip()
            name = _name_in(who, mixed=mixed or greeted, ends=ends)
            if name is None and greeted and ends and " " not in who:
                found.append((start, start + len(who), LOOSE))  # "Hi there," or "Hi kim,"
            elif name is not None and not any(start < there[1] for there in found):
                found.append((start, start + len(name), SURE if sure else LOOSE))
    return sorted(found)


def _speaks_to(text: str, start: int, stop: int) -> bool:
    """Tell whether the sentence around a word set off by a comma says something to somebody.

    "Kim, your order is ready" does; "Shoes, now half price" announces, as "Kim, now half price" may too:
    there only many values make a field.
    """
    if _HEADLINE.fullmatch(text[start:stop].strip()):
        return False
    sentence = _SENTENCE_ENDS.split(text[stop:])[0] or _SENTENCE_ENDS.split(text[:start])[-1]
    return _ADDRESSED.search(sentence) is not None


def _name_in(who: str, *, mixed: bool, ends: bool) -> str | None:
    """The words that are a name; nothing for an empty field, None where there is no name."""
    if not who or _UNFILLED.fullmatch(who):
        return who if ends else None
    words = who.split(" ")
    like = [_like_a_name(word, mixed=mixed) for word in words]
    if False in like:
        if ends:
            return None
        words = words[: like.index(False)]
    while words and _A_SMALL_ONE.fullmatch(words[-1]):
        words.pop()
    return " ".join(words) if 0 < len(words) <= _LONGEST else None


def _like_a_name(word: str, *, mixed: bool) -> bool:
    if _A_SMALL_ONE.fullmatch(word):
        return True
    first = next((c for c in word if c.isalpha()), "")
    cased = not first or first.isupper() or first.istitle()
    return (cased or (mixed and not first.islower())) and not _A_DAY.fullmatch(word)


def _words_and_fields(text: str, *, begins: bool) -> Iterator[str | _Field]:
    """What is written, and the numbers and names in it."""
    shouted = text.isupper()
    name: list[str] = []  # of several words
    end = 0
    for hit in _TELLING.finditer(text):
        between, word, kind = text[end : hit.start()], hit[0], str(hit.lastgroup)
        if kind == "name" and not shouted and not _opens(between, begins and not end):
            if name and _within_a_name(between):
                name += [between, word]
            else:
                yield from (*_full_name(name), between)
                name = [word]
        else:
            how = _how(word, kind)
            yield from (*_full_name(name), between, _Field(word, how) if how else word)
            name = []
        end = hit.end()
    yield from (*_full_name(name), text[end:])


def _full_name(words: list[str]) -> list[str | _Field]:
    return [_Field("".join(words), LOOSE)] if words else []


def _opens(between: str, begins: bool) -> bool:
    """Tell whether a sentence begins behind these signs: a capital says nothing there."""
    written = between.rstrip(" \n\t\"'“‘(*-")
    return written[-1:] in tuple(".!?:") if written else begins or "\n" in between


def _within_a_name(between: str) -> bool:
    return between[:1] == " " == between[-1:] and all(map(_A_SMALL_ONE.fullmatch, between.split()))


def _how(word: str, kind: str) -> str:
    """Tell how sure it is that this is filled in; nothing for what is written."""
    if kind in ("blank", "link"):
        return SURE
    if kind == "day" or (kind == "money" and re.search(r"[.,]\d[1-8]\D*$", word)):
        return BACKED
    return _of_number(word) if kind == "number" else ""


def _of_number(word: str) -> str:
    digits = "".join(c for c in word if c.isdigit())
    if _CLOCK.fullmatch(word) or word[0] == "#":
        return SURE
    if len(digits) < 3 or _YEAR.fullmatch(word):
        return LOOSE
    return SURE if len(digits) > 3 and digits[-1] != "0" else BACKED


_Member = tuple[int, list[str | _Field]]


def _of_one_template(members: list[_Member]) -> Iterator[list[_Member]]:
    """Part texts with the same words by the values that are no fields."""
    places = [place for place, part in enumerate(members[0][1]) if isinstance(part, _Field)]
    if len(members) < 2 or not places:
        return
    columns = {place: [parts[place] for _, parts in members] for place in places}
    sure = {p: {f.text for f in column if f.kind == SURE} for p, column in columns.items()}  # type: ignore[union-attr]
    backed = any(len(values) > 1 for values in sure.values())
    filled = {
        p for p, column in columns.items() if len(sure[p]) > 1 or _left_open(column) or _many(column, backed)
    }
    groups: dict[tuple[str, ...], list[_Member]] = defaultdict(list)
    for member in members:
        groups[tuple(_as_written(member[1][p], backed) for p in places if p not in filled)].append(member)
    yield from (group for group in groups.values() if len(group) > 1)


def _left_open(column: list[str | _Field]) -> bool:
    """Tell whether nothing stands here once, or a placeholder: what else stands here was filled in."""
    return any(isinstance(p, _Field) and (not p.text or _UNFILLED.fullmatch(p.text)) for p in column)


def _many(column: list[str | _Field], backed: bool) -> bool:
    """Tell whether so many values stand here, few of them twice, that somebody filled them in."""
    values = {part.text for part in column if isinstance(part, _Field)}
    return len(values) >= (_SEVERAL if backed else _MANY) and 2 * len(values) >= len(column)


def _as_written(part: str | _Field, backed: bool) -> str:
    filled = isinstance(part, _Field) and backed and part.kind != LOOSE
    return "" if filled or isinstance(part, str) else part.text


def _common(texts: list[list[str | _Field]]) -> str:
    """Write what all have, and `GAP` where they differ; nothing if they have hardly a word in common."""
    words = []
    for column in zip(*texts, strict=True):
        values = {part if isinstance(part, str) else part.text for part in column}
        words.append(values.pop() if len(values) == 1 else GAP)
    common = " ".join(word for word in words if word != GAP)
    known = sum(any(map(str.isalpha, word)) for word in common.split())
    return "".join(words) if known >= _COMMON else ""
