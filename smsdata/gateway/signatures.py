"""The signature of a callback: the provider's recipe, and whether one is right.

The provider takes the parameters as PHP reads them, writes them as PHP writes JSON, in the order in which
they came, and signs that with the API secret (HMAC-SHA256, as hex). Imports nothing of smsdata.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import re
from collections.abc import Iterable

HEADER = "x-transmitsms-signature"


def php_json(pairs: Iterable[tuple[str, str]]) -> str:
    r"""Parameters as the provider's code writes them; empty where it would make something else of them.

    A name that comes twice keeps its place and takes the last value; spaces and dots in names become
    underscores; slashes are escaped, and so is all that is not ASCII.

    >>> php_json([("a b", "1"), ("mobile", "61491570156"), ("response", "ja/né"), ("a b", "2")])
    '{"a_b":"2","mobile":"61491570156","response":"ja\\/n\\u00e9"}'
    """
    fields: dict[str, str] = {}
    for name, value in pairs:
        if "[" in name or not name or "\x00" in name:
            return ""
        fields[re.sub(r"[ .]", "_", name.lstrip(" "))] = value
    if not fields or list(fields) == [str(n) for n in range(len(fields))]:  # PHP would write a list
        return ""
    try:
        text = json.dumps(fields, separators=(",", ":"))
        text.encode()
    except UnicodeEncodeError:
        return ""
    return text.replace("/", r"\/")


def signature_is_right(signature: str, pairs: Iterable[tuple[str, str]], secret: str) -> bool:
    """Whether a signature is that of these parameters. One over no parameters at all is never right.

    >>> signature_is_right("00", [("status", "delivered")], "word")
    False
    """
    signed = php_json(pairs)
    if not signed or not secret:
        return False
    due = hmac.new(secret.encode(), signed.encode(), hashlib.sha256).hexdigest()
    return hmac.compare_digest(due.encode(), signature.strip().lower().encode(errors="replace"))
