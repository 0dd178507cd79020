"""What a text says in the words of its language: the lexicon, and the phrases that are made of its concepts.

Owns reply_lexicon.txt: words of some forty languages, each standing for a concept ("stop", "send", "not",
"messages"). A text becomes one string of concept letters per language, in which a phrase is a short pattern:
"stop sending" and "hören Sie auf zu schreiben" are both ``SV``. Imports nothing of smsdata.
"""

from __future__ import annotations

import re
import unicodedata
from collections import defaultdict
from dataclasses import dataclass
from functools import cache, lru_cache
from pathlib import Path

_LEXICON = Path(__file__).with_name("reply_lexicon.txt")
_BARE = "KZB"  # sets of words to compare a whole reply with; the others are looked for inside texts
RETURN = "Ij"  # words of coming back: they overlap with the others and are read on their own
_TOLD = (
    "lgrinsqpbd"  # what messages say and offer: how to leave, that one has left, ...; read on their own too
)
WISHES = "kt"  # words of wishing to be on a list, for replies; read on their own too
_ALONE = frozenset(RETURN + _TOLD + WISHES)
_UNSPACED = frozenset({"th", "zh", "ja"})  # languages that write no spaces between words
_UNSPACED_LETTERS = re.compile(r"[\u0e00-\u0e7f\u3040-\u30ff\u3400-\u9fff]")
_LETTERS = str.maketrans(
    {"’": "'", "‘": "'", "ʼ": "'", "ı": "i", "ł": "l", "ø": "o", "æ": "ae", "đ": "d", "ð": "d"}
    | {"ى": "ي", "ی": "ي", "ة": "ه", "ک": "ك", "ہ": "ه", "ھ": "ه", "ۃ": "ه", "ے": "ي", "_": " "}
)
# Letters that look alike in capitals or small, and signs written for letters; both sides are compared so.
_LOOKALIKES = str.maketrans(
    "авсенкмортхуѕіјαβεζηικμνορτυχԁ0134578$@€l|", "abcehkmoptxysijabezhikmnoptyxdoieastbsaeii"
)
_WORD = re.compile(r"[^\W_]+(?:['\-:/][^\W_]+)*")
_SPELLED_OUT = re.compile(r"(?<!\S)[^\W\d_](?: [^\W\d_]){2,}(?!\S)")
_CLAUSE = re.compile(r"[.!?;,\n。！？、，；…()\"؟،۔।|]+|\s[-–—]+\s")


class Stripped(dict[int, str | None]):
    """A table for `str.translate`, filled as letters come: some left out, digits of any script as 0 to 9."""

    def __init__(self, *categories: str) -> None:
        super().__init__()
        self._left_out = categories

    def __missing__(self, code: int) -> str | None:
        character = chr(code)
        left_out = unicodedata.category(character).startswith(self._left_out)
        self[code] = None if left_out else str(unicodedata.decimal(character, character))
        return self[code]


def listed(*lines: str) -> frozenset[str]:
    """Give the words and phrases of lines that part them by commas."""
    return frozenset(word.strip() for line in lines for word in line.split(","))


_BARE_LETTERS = Stripped("M", "Cf")


@lru_cache(maxsize=4096)  # each text is asked for a few times in a row
def normal(text: str) -> str:
    """Give the text in lower case without accents, invisible characters and variants of letters.

    Parameters
    ----------
    text : str
        Any text.

    Returns
    -------
    str
        The text, in which spellings compare.

    Examples
    --------
    >>> normal("ARRÊTEZ"), normal("Désabonner")
    ('arretez', 'desabonner')
    """
    if text.isascii():
        return text.lower()
    parts = unicodedata.normalize("NFKD", text.casefold()).casefold()
    return unicodedata.normalize("NFC", parts.translate(_BARE_LETTERS)).translate(_LETTERS)


@lru_cache(maxsize=65536)  # of words above all, and they come again
def skeleton(folded: str) -> str:
    """Give a word of `normal` with each letter as the Latin one that it looks like: "$top", "st0p"."""
    return folded.translate(_LOOKALIKES)


@lru_cache(maxsize=4096)  # each text is asked for a few times in a row
def words_of(folded: str) -> tuple[str, ...]:
    """Give the words of a text of `normal`; letters that are spelled out one by one become one word."""
    return _words_in(folded)


def _words_in(folded: str) -> tuple[str, ...]:
    tokens = tuple(_WORD.findall(folded))
    if len(tokens) < 2 or [len(token) for token in tokens].count(1) < min(3, len(tokens)):
        return tokens
    if all(len(token) == 1 for token in tokens) and not _UNSPACED_LETTERS.search(folded):
        return ("".join(tokens),)
    joined = _SPELLED_OUT.sub(lambda run: run[0].replace(" ", ""), " ".join(tokens))
    return tuple(joined.split())


@dataclass(frozen=True, slots=True)
class _Entry:
    language: str
    words: tuple[str, ...]
    open_end: bool
    concept: str
    rank: int

    def second(self) -> str | None:
        """Give the second word if it has to stand as it is."""
        begins_only = self.open_end and len(self.words) == 2
        return None if begins_only or len(self.words) < 2 else self.words[1]

    def fits(self, tokens: tuple[str, ...], start: int) -> bool:
        """Tell whether the words stand at this place."""
        end = start + len(self.words)
        if not self.open_end:
            return tokens[start:end] == self.words
        whole = end <= len(tokens) and tokens[start : end - 1] == self.words[:-1]
        return whole and tokens[end - 1].startswith(self.words[-1])


@dataclass(frozen=True, slots=True)
class _Lexicon:
    bare: dict[str, frozenset[str]]
    exact: dict[str, tuple[_Entry, ...]]
    stems: dict[str, tuple[_Entry, ...]]
    unspaced: dict[str, tuple[re.Pattern[str], dict[str, str]]]
    unspaced_told: dict[str, frozenset[str]]


@cache
def lexicon() -> _Lexicon:
    """Read the lexicon, once."""
    bare: dict[str, set[str]] = {concept: set() for concept in _BARE}
    exact: dict[str, list[_Entry]] = defaultdict(list)
    stems: dict[str, list[_Entry]] = defaultdict(list)
    unspaced: dict[str, dict[str, str]] = defaultdict(dict)
    told: dict[str, set[str]] = {concept: set() for concept in _TOLD + WISHES}
    for rank, (language, concept, word) in enumerate(_entries()):
        tokens = words_of(word.rstrip("*"))
        if not tokens:
            continue
        if concept in bare:
            bare[concept].add(" ".join(skeleton(token) for token in tokens))
        elif language in _UNSPACED and concept in told:
            told[concept].add("".join(tokens))
        elif language in _UNSPACED and _UNSPACED_LETTERS.search(word):
            unspaced[language].setdefault("".join(tokens), concept)
        else:
            entry = _Entry(language, tuple(tokens), word.endswith("*"), concept, rank)
            (stems if entry.open_end and len(tokens) == 1 else exact)[tokens[0]].append(entry)
    patterns = {
        language: (re.compile("|".join(map(re.escape, sorted(words, key=len, reverse=True)))), words)
        for language, words in unspaced.items()
    }
    return _Lexicon(
        {concept: frozenset(words) for concept, words in bare.items()},
        {word: tuple(entries) for word, entries in exact.items()},
        {word: tuple(entries) for word, entries in stems.items()},
        patterns,
        {concept: frozenset(words) for concept, words in told.items()},
    )


def _entries() -> list[tuple[str, str, str]]:
    language, entries = "", []
    for line in _LEXICON.read_text(encoding="utf-8").splitlines():
        if line.startswith("["):
            language = line.strip("[]")
        elif line and not line.startswith("#"):
            concept, *words = line.split()
            entries += [(language, concept, normal(word)) for word in words]
    return entries


@dataclass(frozen=True, slots=True)
class _Begun:
    """The entries whose first word is, or begins, one token: the longest and then the first named first.

    Those of several words stand under the second of them (`unsure`: where that is not known), so that most
    are never looked at; of those of one word, the first of each language.
    """

    several: dict[str, tuple[_Entry, ...]]
    unsure: tuple[_Entry, ...]
    alone: tuple[tuple[str, str, int], ...]

    def fitting(self, tokens: tuple[str, ...], start: int) -> list[tuple[str, str, int]]:
        """Give language, concept and width of the entries that stand at this place."""
        following = tokens[start + 1] if start + 1 < len(tokens) else ""
        several = self.several.get(following, self.unsure)
        fitting = [(e.language, e.concept, len(e.words)) for e in several if e.fits(tokens, start)]
        return [*fitting, *self.alone]


@lru_cache(maxsize=100_000)  # a word takes kilobytes
def _begun_by(token: str, only: str) -> _Begun:
    """Look up the entries of a token, of these concepts only."""
    words = lexicon()
    entries = list(words.exact.get(token, ()))
    for length in range(2, len(token) + 1):
        entries += words.stems.get(token[:length], ())
    entries = [entry for entry in entries if (entry.concept in only if only else entry.concept not in _ALONE)]
    entries.sort(key=lambda e: (-len(e.words), e.open_end, -len(e.words[-1]), e.rank))
    several = [entry for entry in entries if len(entry.words) > 1]
    alone: dict[str, str] = {}
    for entry in entries[len(several) :]:
        alone.setdefault(entry.language, entry.concept)
    seconds = {second for entry in several if (second := entry.second()) is not None}
    return _Begun(
        {second: tuple(e for e in several if e.second() in (second, None)) for second in seconds},
        tuple(entry for entry in several if entry.second() is None),
        tuple((language, concept, 1) for language, concept in alone.items()),
    )


@lru_cache(maxsize=4096)  # each clause is asked for a few times in a row; nobody changes what is given
def concepts(folded: str, *, only: str = "") -> dict[str, str]:
    """Give the concepts of a text of `normal` in the order of its words, by language.

    Parameters
    ----------
    folded : str
        A text, or one clause of it.
    only : str
        Look for these concepts, of those that overlap with the others and are looked for on their own; empty:
        for all others.

    Returns
    -------
    dict
        Language to one letter per word, "." where the language does not know the word; only languages that
        know one.

    Examples
    --------
    >>> concepts("please stop asking me")["en"]
    '.SVP'
    """
    codes = concepts_of_words(words_of(folded), only)
    if not only and is_unspaced(folded):
        codes |= _unspaced_codes(folded)
    return codes


def concepts_of_words(tokens: tuple[str, ...], only: str = "") -> dict[str, str]:
    """Give what `concepts` gives for a text of these words, but for languages that write no spaces."""
    codes: dict[str, str] = {}
    ends: dict[str, int] = {}
    for start, token in enumerate(tokens):
        begun = _begun_by(token, only)
        many = begun.several or begun.unsure
        for language, concept, width in begun.fitting(tokens, start) if many else begun.alone:
            end = ends.get(language, 0)
            if end <= start:
                codes[language] = codes.get(language, "") + "." * (start - end) + concept
                ends[language] = start + width
    for language, end in ends.items():
        codes[language] += "." * (len(tokens) - end)
    return codes


def is_unspaced(folded: str) -> bool:
    """Tell whether a text has letters of a language that writes no spaces between words."""
    return _UNSPACED_LETTERS.search(folded) is not None


def telling_words(folded: str) -> tuple[str, ...]:
    """Give of each word of a text of `normal` what the lexicon knows of it: names and numbers become "".

    Texts with the same telling words have the same concepts.

    >>> telling_words("hi zebulon, please stopped")
    ('hi', '', 'please', 'stopped')
    """
    return tuple(map(_telling_word, _words_in(folded)))  # texts that differ are many: none is kept


@lru_cache(maxsize=20_000)
def _telling_word(word: str) -> str:
    """The word if an entry has it; else the longest beginning of it that an entry has, with a "*"."""
    whole, beginnings = _words_and_beginnings()
    if word in whole:
        return word
    return next(
        (word[:length] + "*" for length in range(len(word), 0, -1) if word[:length] in beginnings), ""
    )


@cache
def _words_and_beginnings() -> tuple[frozenset[str], frozenset[str]]:
    """What stands in the entries of the lexicon: whole words, and what words begin with."""
    words = lexicon()
    entries = [entry for of_word in words.exact.values() for entry in of_word]
    later = {word for entry in entries for word in entry.words[1:]}
    open_ends = {entry.words[-1] for entry in entries if entry.open_end}
    return frozenset(later | set(words.exact)), frozenset(open_ends | set(words.stems))


def _unspaced_codes(folded: str) -> dict[str, str]:
    joined = "".join(folded.split())
    codes = {}
    for language, (pattern, words) in lexicon().unspaced.items():
        code, end = [], 0
        for match in pattern.finditer(joined):
            code.append("." * min(match.start() - end, 4) + words[match[0]])
            end = match.end()
        if code:
            codes[language] = "".join(code) + "." * min(len(joined) - end, 4)
    return codes


# -- phrases: patterns of concepts, each plain enough to act upon --

_PLAIN = {
    "whole request": re.compile(r"A"),
    "stop + send": re.compile(r"(?<!N)S[^NGO?]{0,2}[VX](?:[^GO]{0,2}[PMEL]|$)"),
    "stop + messages": re.compile(r"(?<!N)S[^NGO?]{0,3}M"),
    "send + stop": re.compile(r"[VM][^NGO?]{0,2}S.?$"),
    "do not + send": re.compile(r"N[^SGO]{0,2}V[^GO]{0,3}[PMEL].?$|[EP].?N.?V.{0,2}$|N.?V.?[PME](?!\.\.)"),
    "do not send": re.compile(r"X[^GO]{0,3}[MEPL]|[MEPL][^GO]{0,2}X|^.?X.?$"),
    "do not want + messages": re.compile(r"N[^SGO]{0,2}W[^GO]{0,3}[MR]|N[^SGO]?R[^GO]{0,2}[ME]"),
    "messages + do not want": re.compile(r"M[^GO]{0,2}NW|MW[^GO]?N"),
    "no more + messages": re.compile(r"N.{0,2}M.?E|N.?E.?M"),
    "remove + number": re.compile(r"(?<!N)D[.P]?L|[PL][^NGO]{0,2}L?[^NGO]{0,2}D|L[^NGO]{0,2}D"),
    "unsubscribe": re.compile(
        r"^(?=[^.]*\.?[^.]*$)[^NGOJ]{0,3}U[^NGOJ]{0,3}$|W[^NGOJ]{0,2}U.{0,2}$|(?<!N)U[^NGOJ]{0,2}[PML]"
    ),
}
_LIKELY = {
    "remove + me": re.compile(r"(?<!N)D.?P.?$|^.{0,2}P.?D.?$|(?<!N)D[^NGO]{0,3}L"),
    "stop + send": re.compile(r"(?<!N)S[^NGO?]{0,2}[VX]"),
    "complaint": re.compile(r"C"),
    "sent away": re.compile(r"^[^GOVS]?F[NEZF.]{0,2}$|^(?:S|SE|ES)$"),
    "unsubscribe": re.compile(r"^[^NGOJ]{0,3}U[^NGOJ]{0,3}$|W[^NGOJ]{0,2}U"),
}
_NEEDED = frozenset("ASXNDUCF")
"""Concepts without any of which there is none of these phrases."""
_NEGATED = re.compile(r"N.?[SUD]|N[.P]{2}S")


@dataclass(frozen=True, slots=True)
class Reading:
    """What the phrases of a text say.

    Attributes
    ----------
    plain : str
        The name of a phrase that is plainly an opt-out; empty if there is none.
    marred : str
        The name of such a phrase that something speaks against: a question, another object, a condition.
    kept : bool
        Whether a phrase says the contrary ("don't stop"), or uses the words for something else.
    marks : frozenset of str
        The concepts and phrases that occur, whatever the language.
    """

    plain: str
    marred: str
    kept: bool
    marks: frozenset[str]


_WITH_DIGIT = re.compile(r"[a-z][013457][a-z]")


def _clauses(folded: str) -> list[str]:
    """Give the clauses of a text, and as one what has stops between: "Take. Me. Off."."""
    clauses = _CLAUSE.split(folded)
    short = [clause.strip() for clause in clauses if 0 < len(clause.split()) < 2]
    if len(short) > 1:
        clauses.append(" ".join(short))
    if _WITH_DIGIT.search(folded):
        clauses.append(skeleton(folded))
    return clauses


@lru_cache(maxsize=4096)
def read_phrases(folded: str) -> Reading:
    """Look for phrases, clause by clause, in every language that knows a word of the text."""
    plain = marred = ""
    marks: set[str] = set()
    kept = False
    asks = "?" in folded or "؟" in folded
    for clause in _clauses(folded):
        for language, found in concepts(clause).items() if clause.strip() else ():
            told = _told_by(found)
            marks |= told.marks
            if told.known:
                marks.add(f"{language[:2]} known")
            kept |= told.against
            if told.plain and not asks:
                plain = plain or told.named
            elif told.named and not told.against:
                marred = marred or told.named
    undone = kept or not marks.isdisjoint("HJ")
    return Reading("" if undone else plain, marred or (plain if undone else ""), kept, frozenset(marks))


@dataclass(frozen=True, slots=True)
class _Told:
    """What a string of concepts tells: its marks, its first phrase and whether that one is plain.

    `known`: it has some words more than two; `against`: it says the contrary.
    """

    marks: frozenset[str]
    named: str
    plain: bool
    known: bool
    against: bool


@lru_cache(maxsize=65536)  # clauses of different words have the same concepts
def _told_by(found: str) -> _Told:
    code = found.replace("o", "O")
    named, likely = _phrases_in(code)
    against = "G" in code or (_NEGATED.search(code) is not None and "A" not in code)
    other = "O" in code or "H" in code or "J" in code
    return _Told(
        marks=frozenset({*found, *named} - {"."}),
        named=(*named, *likely, "")[0],
        plain=bool(named) and not against and not other and _mostly_known(code),
        known=len(code.strip(".")) > 2,
        against=against,
    )


def _phrases_in(code: str) -> tuple[list[str], list[str]]:
    """Give the names of the plain phrases in a string of concepts, and of those that are only likely."""
    if _NEEDED.isdisjoint(code):
        return [], []
    plain = [name for name, pattern in _PLAIN.items() if pattern.search(code)]
    return plain, [name for name, pattern in _LIKELY.items() if pattern.search(code)]


def _mostly_known(code: str) -> bool:
    """Tell whether a phrase is what the clause says, not two words of another language that happen to fit."""
    return "A" in code or code.count(".") <= 4 + len(code) // 2


@lru_cache(maxsize=4096)  # each text is asked for a few times in a row
def own_clauses(folded: str) -> tuple[str, ...]:
    """Give the clauses of a text of `normal` that have letters."""
    return tuple(clause for clause in _CLAUSE.split(folded) if any(map(str.isalnum, clause)))


_BACK = re.compile(r"j.{0,5}I|I.{0,4}j")


@lru_cache(maxsize=4096)
def wants_back(folded: str) -> bool:
    """Tell whether a text has the words "put ... back", "sign up again", in one clause of one language."""
    codes = (code for clause in _CLAUSE.split(folded) for code in concepts(clause, only=RETURN).values())
    return any(_BACK.search(code) for code in codes)


@lru_cache(maxsize=4096)
def speaks_of_return(folded: str, languages: frozenset[str]) -> bool:
    """Tell whether a text has any word of coming back: enough once the message says that one has left.

    Only in these languages: "cảm ơn" is thanks, and has a word by which Filipinos ask to be switched on.
    """
    return not languages.isdisjoint(concepts(folded, only=RETURN))


@lru_cache(maxsize=4096)
def languages_of(folded: str) -> frozenset[str]:
    """Give the languages that know half as many words of a text of `normal` as the one that knows most."""
    codes = concepts(folded)
    known = {language: len(code) - code.count(".") for language, code in codes.items()}
    most = max(known.values(), default=0)
    return frozenset(language for language, words in known.items() if words and 2 * words >= most)


@lru_cache(maxsize=4096)
def told_in(folded: str) -> frozenset[str]:
    """Give what a clause of a message says: "l" how to leave, "g" that one has left, "r" how to come back.

    A registration ("b") that is deleted ("d") in one language tells that one has left, too.
    """
    codes = list(concepts(folded, only=_TOLD).values())
    found = set("".join(codes)) - {"."} | unspaced_told(folded)
    return frozenset(found | {"g"} if any({"b", "d"} <= set(code) for code in codes) else found)


def unspaced_told(folded: str) -> set[str]:
    """Give the concepts of messages and of wishes in a clause of a language that writes no spaces."""
    if not _UNSPACED_LETTERS.search(folded):
        return set()
    joined = "".join(words_of(folded))
    told = lexicon().unspaced_told.items()
    return {concept for concept, words in told if any(word in joined for word in words)}


_FOR_OFFERS = re.compile(r"p.?n")
_OFFERS_FOR = re.compile(r"n.?p")
# Languages that put "for" after what it is for.
_PURPOSE_LAST = frozenset({"tr", "hi", "ur", "mr", "bn", "ta", "te", "gu", "pa", "ne", "ko"})


@lru_cache(maxsize=4096)
def offers_texts(folded: str) -> bool:
    """Tell whether a language has both in a clause of a message: to receive, and what comes again and again.

    >>> offers_texts("to get our weekly tips"), offers_texts("to get there")
    (True, False)
    """
    codes = concepts(folded)
    for language, code in concepts(folded, only="inp").items():
        purpose = _OFFERS_FOR if language in _PURPOSE_LAST else _FOR_OFFERS
        texts = "n" in code or "M" in codes.get(language, "")
        if ("i" in code and texts) or purpose.search(code):
            return True
    return bool(_UNSPACED_LETTERS.search(folded)) and told_in(folded) >= {"i", "n"}


def hinted(reading: Reading) -> bool:
    """Tell whether a text has any of the words that opt-outs are made of."""
    return not reading.marks.isdisjoint("AXSUDCFNVMEW")


# -- patterns under the words of which a reply must have one, so that most replies meet few of them --


class Guarded:
    """Patterns that fit no text without one of some letters in a row: those are looked for first."""

    def __init__(self, *patterns: str, needs: str) -> None:
        self.pattern = re.compile("|".join(patterns))
        self.needs = tuple(needs.split("|"))

    def fits(self, folded: str) -> bool:
        """Tell whether one of the patterns is found in a text."""
        for letters in self.needs:
            if letters in folded:
                return self.pattern.search(folded) is not None
        return False


def indexed(patterns: dict[str, str]) -> dict[str, tuple[re.Pattern[str], ...]]:
    """Give the patterns under each of their words."""
    index: dict[str, list[re.Pattern[str]]] = defaultdict(list)
    for words, pattern in patterns.items():
        for word in words.split():
            index[word].append(re.compile(pattern))
    return {word: tuple(found) for word, found in index.items()}


def fits_any(index: dict[str, tuple[re.Pattern[str], ...]], folded: str) -> bool:
    """Tell whether a text of `normal` fits a pattern that stands under one of its words."""
    return any(
        pattern.search(folded) for word in dict.fromkeys(words_of(folded)) for pattern in index.get(word, ())
    )
