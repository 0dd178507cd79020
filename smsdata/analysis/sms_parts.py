"""The SMS parts that a text travels in: GSM-7 or UCS-2, how many, and which characters are to blame.

Owns the tables of characters. Pure functions of one text; the frames that use them hand over distinct texts.
Imports of smsdata only reply_words, for the folding of accents.
"""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass

from smsdata.analysis.reply_words import fold

# 3GPP TS 23.038, section 6.2.1: the default alphabet and its extension table, without the escape itself.
_GSM_BASIC = (
    "@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞÆæßÉ !\"#¤%&'()*+,-./0123456789:;<=>?"
    "¡ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§¿abcdefghijklmnopqrstuvwxyzäöñüà"
)
_GSM_EXTENDED = "\f^{}\\[~]|€"
_NOT_GSM = re.compile(f"[^{re.escape(_GSM_BASIC + _GSM_EXTENDED)}]")
_EXTENDED = re.compile(f"[{re.escape(_GSM_EXTENDED)}]")
_BESIDE_A_FRACTION = re.compile("(?<=[0-9¼½¾⅐-⅞])(?=[¼½¾⅐-⅞])|(?<=[¼½¾⅐-⅞])(?=[0-9])")
_UNSEEN = re.compile("[\u034f\u115f\u1160\u17b4\u17b5\u2800\u3164\ufe00-\ufe0f\uffa0\u0300-\u036f]")
_OUTSIDE_BASIC = re.compile("[\U00010000-\U0010ffff]")
_ALIKE = {
    "‘": "'", "’": "'", "‚": ",", "‛": "'", "′": "'", "‹": "'", "›": "'", "`": "'", "´": "'", "ʼ": "'",
    "“": '"', "”": '"', "„": '"', "″": '"', "«": '"', "»": '"', "−": "-", "…": "...", "•": "*", "·": "*",
    "×": "x", "✕": "x", "÷": "/", "⁄": "/", "→": "->", "←": "<-", "⇒": "=>", "≤": "<=", "≥": ">=", "≠": "!=",
    "±": "+/-", "≈": "~", "№": "No.", "™": "(TM)", "®": "(R)", "©": "(C)", "✓": "yes", "✔": "yes",
    "\t": " ", "\u2028": "\n", "\u2029": "\n",
}  # fmt: skip
"""Another spelling of the same meaning."""

_DECORATION = {"So", "Sk", "Cf", "Cc", "Mn", "Me", "Co", "Cn", "Cs"}
"""Categories of characters whose loss changes no meaning: emoji, joiners, marks over letters."""

_MEANING = set("✗✘❌✖☒☑✅❎°∞℅℃℉↑↓↗↘")
"""Symbols that are words."""


@dataclass(frozen=True)
class Segments:
    """How one text travels.

    Attributes
    ----------
    encoding : str
        ``"GSM-7"`` or ``"UCS-2"``.
    units : int
        Septets of GSM-7 (a character of the extension table takes two) or 16-bit units of UCS-2 (a character
        outside the basic plane, like most emoji, takes two).
    parts : int
        SMS parts: 160 units alone and 153 each when joined in GSM-7; 70 and 67 in UCS-2. 0 for an empty text.
    culprits : str
        The distinct characters that GSM-7 does not have, in order of appearance; empty for GSM-7.
    """

    encoding: str
    units: int
    parts: int
    culprits: str


def _parts_of(widths: list[int], per_part: int) -> int:
    parts, used = 1, 0
    for width in widths:
        if used + width > per_part:
            parts, used = parts + 1, 0
        used += width
    return parts


def segment_text(text: str) -> Segments:
    """Tell in which encoding, how many units and how many SMS parts a text travels.

    Parameters
    ----------
    text : str
        The message as the recipient gets it, variables filled in.

    Returns
    -------
    Segments
        Encoding, units, parts and the characters that forced UCS-2.

    Notes
    -----
    3GPP TS 23.038 (alphabets) and TS 23.040 (concatenation with a 6-byte header). A character of two units is
    never split between two parts, so 153 units can spill over early.

    Examples
    --------
    >>> segment_text("See you at 5")
    Segments(encoding='GSM-7', units=12, parts=1, culprits='')
    >>> segment_text("See you at 5 🎉")
    Segments(encoding='UCS-2', units=15, parts=1, culprits='🎉')
    >>> segment_text("€" * 80).parts, segment_text("€" * 81).parts
    (1, 2)
    """
    culprits = "".join(dict.fromkeys(_NOT_GSM.findall(text)))
    if culprits:
        encoding, single, joined = "UCS-2", 70, 67
        units = len(text.encode("utf-16-le", "surrogatepass")) // 2
    else:
        encoding, single, joined = "GSM-7", 160, 153
        units = len(text) + len(_EXTENDED.findall(text))
    if units <= single:
        return Segments(encoding, units, min(units, 1), culprits)
    wide = _OUTSIDE_BASIC if culprits else _EXTENDED
    widths = [1 + bool(wide.match(c)) for c in text]
    return Segments(encoding, units, _parts_of(widths, joined), culprits)


def visible(characters: str) -> str:
    r"""Write characters so that a person sees them: what is invisible as its code point.

    Parameters
    ----------
    characters : str
        Such as the culprits of a text.

    Examples
    --------
    >>> print(visible("“\u200b\t🎉"))
    “ U+200B U+0009 🎉
    """
    words = [c if c.isprintable() and not _UNSEEN.match(c) else f" U+{ord(c):04X} " for c in characters]
    return re.sub(" +", " ", "".join(words)).strip()


def _gsm_alike(character: str) -> str | None:
    """Give a character in GSM-7: nothing for decoration, None where its meaning would be lost."""
    if not _NOT_GSM.match(character):
        return character
    category = unicodedata.category(character)
    alike = _ALIKE.get(character) or {"Zs": " ", "Pd": "-"}.get(category) or _compatible(character)
    if alike is not None and not _NOT_GSM.search(alike):
        return alike
    bare = fold(character)
    if bare.isalpha() and not _NOT_GSM.search(bare):
        return bare.upper() if character.isupper() else bare
    return "" if category in _DECORATION and character not in _MEANING else None


def _compatible(character: str) -> str | None:
    """Give the plain form of digits, fractions, full-width and circled characters; none of superscripts."""
    plain = unicodedata.normalize("NFKC", character).replace("⁄", "/")
    kind = unicodedata.decomposition(character).partition(">")[0]
    if kind in ("<super", "<sub", ""):
        digit = unicodedata.decimal(character, None)
        return None if digit is None else str(digit)
    if kind == "<circle":
        return f"({plain})"  # beside a digit it would be another number
    return plain if plain != character else None


def gsm_text(text: str) -> str | None:
    r"""Write the text in GSM-7: look-alikes for what has one, no emoji and symbols.

    Parameters
    ----------
    text : str
        The message as sent.

    Returns
    -------
    str or None
        Composed letters (NFC), curly quotes straight, dashes short, accents off where GSM-7 has no such
        letter, emoji gone; the times sign as "x", fractions as "1/2". None if meaning would be lost: letters
        as in Chinese or Arabic, signs as in "10²" or "20 °C".

    Examples
    --------
    >>> gsm_text("Don\u2019t miss it \u2013 today only 🎉")
    "Don't miss it - today only "
    >>> gsm_text("5\u00d74 = 20, 2\u00bd kg"), gsm_text("谢谢") is None
    ('5x4 = 20, 2 1/2 kg', True)
    """
    text = _BESIDE_A_FRACTION.sub(" ", unicodedata.normalize("NFC", text))
    alike = {c: _gsm_alike(c) for c in set(text)}
    if None in alike.values():
        return None
    return "".join(alike[c] or "" for c in text)
