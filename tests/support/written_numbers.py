"""One number in the many ways in which it may stand in a text."""

from __future__ import annotations


def digits_from(zero: int) -> str:
    """The number within its country, in the digits that follow a zero."""
    return "".join(chr(zero + int(one)) for one in "0491570156")


WRITTEN = {
    "in full": "61491570156",
    "dialled": "+61 491 570 156",
    "with a hint": "+61 (0) 491 570 156",
    "within its country": "0491 570 156",
    "without its 0": "491570156",
    "no-break spaces": "0491\u00a0570\u00a0156",
    "no-break hyphens": "0491\u2011570\u2011156",
    "zero-width spaces": "0491\u200b570\u200b156",
    "a narrow space and a byte order mark": "0491\u202f570\ufeff156",
    "full width": "\uff10\uff14\uff19\uff11\uff15\uff17\uff10\uff11\uff15\uff16",
    "Arabic digits": "\u0660\u0664\u0669\u0661\u0665\u0667\u0660\u0661\u0665\u0666",
    "low lines": "0491_570_156",
    "two lines": "0491 570\n156",
    "in a link": "https://l.example/?p=0491%20570%20156",
    "in HTML": "0491&nbsp;570&nbsp;156",
    "HTML by numbers": "0491&#160;570&#xa0;156",
    "after a code of a link": "%200491570156",
    "after an escape of two digits": r"\x200491570156",
    "after an escape of zeros": r"\x0061491570156",
    "after an escape of eight digits": r"\U0000002061491570156",
    "in escapes of two digits": r"0491\x35\x370156",
    "with escaped blanks": r"61491\xa0570\xa0156",
    "square brackets": "[0491] 570 156",
    "curly brackets": "{0491} 570 156",
    "brackets of East Asia": "\u30140491\u3015 \u3010570\u3011 156",
    "pointed quotes": "\u00ab0491\u00bb 570 156",
    **{
        f"parted by {ord(one):x}": f"0491{one}570 {one} 156"
        for one in "\ufe63\uff0d\u2014_,:|\u2022\u30fb~*=\u2044\u2032;#"
    },
    **{f"digits from {zero:x}": digits_from(zero) for zero in (0xE50, 0x9E6, 0x1D7CE, 0x966, 0x6F0, 0x2080)},
    "raised": "\u2070\u2074\u2079\u00b9\u2075\u2077\u2070\u00b9\u2075\u2076",
    "circled": "0491570156".translate({48: 0x24EA, **{48 + n: 0x245F + n for n in range(1, 10)}}),
    "circled from ten up": "0\u32be\u2460\u2464\u2466\u24ea\u246e\u2465",
    "bracketed from ten up": "0\u32be \u2482\u324e \u2496\u2465",
    "Roman": "0\u2163\u2168\u2160\u2164\u2166\u24ea\u2160\u2164\u2165",
    "Chinese": "\u3007\u56db\u4e5d\u4e00\u4e94\u4e03\u96f6\u4e00\u4e94\u516d",
    "Hangzhou": "\u3007\u3024\u3029\u3021\u3025 \u3027\u3007\u3021\u3025\u3026",
    "keycaps": "".join(f"{one}\ufe0f\u20e3" for one in "0491570156"),
}
