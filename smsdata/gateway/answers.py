"""What an answer means: a body -> a checked page, about the thing that was asked.

Owns all that makes one answer count: HTTP status 200, code ``SUCCESS``, each key once, the key that should be
there, the page that was asked for, and nothing that contradicts what was asked.
Everything else is an `ApiError`. Makes no calls. Imports `endpoints`, `schema` and
`errors`.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from functools import lru_cache
from typing import Any

import orjson

from smsdata.errors import ApiError
from smsdata.gateway.endpoints import ERROR_CODES, Echo, Endpoint
from smsdata.schema.frames import Row
from smsdata.schema.kinds import numbered

_LONGEST_WAIT = 120.0  # s; however long the gateway asks to wait


@dataclass(frozen=True, slots=True)
class Page:
    """One page of a paginated call.

    `count` and `total` are what the gateway claims (pages, rows), None where it says nothing; `beside`
    is the rest of the answer; `body` the bytes as they came; `seen_at` when they came, by the gateway's
    clock.
    """

    number: int
    rows: tuple[Row, ...]
    count: int | None
    total: int | None
    beside: Mapping[str, Any]
    body: bytes
    seen_at: datetime


def checked(status: int, headers: Mapping[str, str], body: bytes, error_block: bool = True) -> dict[str, Any]:
    """Parse an answer and make sure that it says success.

    Raises
    ------
    ApiError
        With the gateway's code, or ``REDIRECT`` or ``FORMAT`` where there is none.
    """
    if 300 <= status < 400:
        raise ApiError("the gateway redirects; check SMSDATA_BASE_URL", code="REDIRECT", status=status)
    try:
        answer = parse_json(body)
    except ValueError:
        answer = None
    if not isinstance(answer, dict):
        raise _failed("no JSON came", "OVER_LIMIT" if status == 429 else "FORMAT", status, headers)
    error = answer.get("error")
    code = error.get("code") if isinstance(error, dict) else None
    if status == 200 and (
        code == "SUCCESS" or (code is None and error is None and _vouched_by_page_block(answer, error_block))
    ):
        if _says_a_key_twice(body, answer):
            raise _failed("an object of the answer holds the same key twice", "FORMAT", status, headers)
        return answer
    if status == 429:
        raise _failed("throttled", "OVER_LIMIT", status, headers)
    if not isinstance(code, str) or not re.fullmatch(r"[A-Z][A-Z0-9_]{1,40}", code) or code == "SUCCESS":
        raise _failed("the answer says neither success nor an error", "FORMAT", status, headers)
    raise _failed(_error_text(error), code, status, headers)


_SECRET_WORDS = ("secret", "password", "passwd", "apikey")


def without_secret_keys(answer: dict[str, Any], body: bytes) -> tuple[dict[str, Any], bytes]:
    """Drop what stands under a key that names a secret, however deep and however it is spelt.

    The body of such an answer is not kept either. Texts that only speak of secrets stay.

    >>> without_secret_keys({"client": {"API-Secret": "s", "name": "n"}}, b'{"client": {"API-Secret": ...')
    ({'client': {'name': 'n'}}, b'')
    """
    keys: set[str] = set().union(*_objects_of(answer, body))
    return (_without_secret_keys(answer), b"") if any(map(_names_a_secret, keys)) else (answer, body)


@lru_cache(maxsize=1000)
def _names_a_secret(key: str) -> bool:
    plain = re.sub(r"[\W_]", "", key).lower()
    return any(word in plain for word in _SECRET_WORDS)


def _without_secret_keys(value: Any) -> Any:
    if isinstance(value, list):
        return [_without_secret_keys(one) for one in value]
    if not isinstance(value, dict):
        return value
    return {key: _without_secret_keys(one) for key, one in value.items() if not _names_a_secret(key)}


def _vouched_by_page_block(answer: Mapping[str, Any], error_block: bool) -> bool:
    """The reseller calls may answer without an error block; their page block then vouches for them."""
    return not error_block and isinstance(answer.get("page"), dict)


def _error_text(error: Any) -> str:
    text = " ".join(str(error.get("description") or "").split())
    printable = "".join(character for character in text if character.isprintable())
    return re.sub(r"\+?\d(?:[\s().-]*\d){5,}", "...", printable)[:200]  # it may quote somebody's number


def _failed(text: str, code: str, status: int, headers: Mapping[str, str]) -> ApiError:
    transient = status == 429 or status >= 500
    retryable = transient or ERROR_CODES.get(code, (True, ""))[0]
    error = ApiError(text, code=code, status=status, retryable=retryable)
    error.retry_after = _retry_after(headers) if transient else None
    return error


def _retry_after(headers: Mapping[str, str]) -> float | None:
    text = headers.get("retry-after", "")
    if re.fullmatch(r"\d{1,9}", text, re.ASCII):
        return min(float(text), _LONGEST_WAIT)
    try:
        wait = (http_date(text) - http_date(headers["date"])).total_seconds()
    except (KeyError, ValueError, OverflowError):
        return None
    return min(max(wait, 0.0), _LONGEST_WAIT)


@lru_cache(maxsize=8)  # many answers come within a second
def http_date(text: str) -> datetime:
    """Read a ``Date`` header.

    Raises
    ------
    ValueError
        When it is no date.

    >>> http_date("Sun, 22 Nov 2026 11:00:00 +1100").isoformat()
    '2026-11-22T00:00:00+00:00'
    """
    moment = parsedate_to_datetime(text)
    return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)


def read_page(
    endpoint: Endpoint,
    number: int,
    answer: Mapping[str, Any],
    body: bytes,
    seen_at: datetime,
    before: int = 0,
    asked: Mapping[str, Any] | None = None,
) -> Page:
    """Make a `Page` of a checked answer; `asked` are the parameters that were sent.

    Raises
    ------
    ApiError
        When it is another page than was asked for, about another thing (``MISFIT``), or rows should be there
        and are not.
    """
    rows = _rows_of_answer(endpoint, answer)
    refuse_misfit(endpoint.echoes, asked or {}, answer, rows)
    _refuse_another_slice(endpoint, asked or {}, number, rows)
    claims = _claims_of(endpoint, answer)
    block = answer.get("page")
    if isinstance(block, dict):
        _check_number(whole(block.get("number")), number, rows, claims)
    elif rows or number > 1:
        raise _misfit("the answer has no page block", "FORMAT")
    if not rows and _rows_due(endpoint, answer, number, before, asked or {}):
        lists = [key for key, value in answer.items() if isinstance(value, list) and value]
        there = f"; lists there: {', '.join(lists)}" if lists else ""
        wanted = endpoint.rows or "rows"
        counted = _claims_text(claims)
        raise _misfit(f"{wanted!r} holds no rows where the gateway counts {counted}{there}", "NO_ROWS")
    beside = {key: value for key, value in answer.items() if not isinstance(value, list)}
    return Page(number, rows, claims.count, claims.total, beside, body, seen_at)


@dataclass(frozen=True, slots=True)
class Claims:
    """How many rows and pages an answer says there are; None where it says nothing."""

    total: int | None
    count: int | None


def _claims_text(claims: Claims) -> str:
    rows = "no total" if claims.total is None else f"{claims.total} rows"
    return rows if claims.count is None else f"{rows} on {claims.count} pages"


def _misfit(text: str, code: str, *, retryable: bool = True) -> ApiError:
    return ApiError(text, code=code, status=200, retryable=retryable)


def _check_number(named: int | None, number: int, rows: tuple[Row, ...], claims: Claims) -> None:
    """Refuse another page than the one asked for; behind the last page there is none to wait for."""
    if named == number or (number == 1 and not rows):
        return
    beyond = claims.count is not None and number > claims.count
    raise _misfit(f"the answer is page {named}", "WRONG_PAGE", retryable=not beyond)


def _rows_of_answer(endpoint: Endpoint, answer: Mapping[str, Any]) -> tuple[Row, ...]:
    key = endpoint.rows or _only_list(endpoint, answer)
    rows = answer.get(key)
    if rows is None or rows == {}:
        return ()
    rows = numbered(rows) or rows
    if not isinstance(rows, list):
        raise _misfit(f"{key!r} holds no list of rows", "FORMAT")
    return tuple(rows)


def _only_list(endpoint: Endpoint, answer: Mapping[str, Any]) -> str:
    """The key of the answer's only list of objects, where nobody documents its name."""
    lists = [
        k
        for k, v in answer.items()
        if numbered(v) or (v and isinstance(v, list) and all(isinstance(r, dict) for r in v))
    ]
    if len(lists) > 1:
        text = f"{endpoint.call} has several lists of rows: {', '.join(lists)}"
        raise _misfit(text, "FORMAT", retryable=False)
    return lists[0] if lists else ""


def _only_total(answer: Mapping[str, Any]) -> int | None:
    totals = [value for key, value in answer.items() if key == "total" or key.endswith("_total")]
    return whole(totals[0]) if len(totals) == 1 else None


def _rows_due(
    endpoint: Endpoint, answer: Mapping[str, Any], number: int, before: int, asked: Mapping[str, Any]
) -> bool:
    """Whether a page that came without rows should have had some, by what its own answer says."""
    claims = _claims_of(endpoint, answer)
    total, count = claims.total, claims.count
    if not endpoint.total_counts_rows:
        others = asked.get("members") in {"inactive", "none"}  # of whom the count of the active says nothing
        active = 0 if others else whole(answer.get("members_active"))
        return number == 1 and (bool(active) or (count or 0) > 1)
    if number == 1:
        counted = total is not None or endpoint.rows in answer or not endpoint.rows
        return bool(total) or (count or 0) > 1 or not counted
    claimed = [total > before] if total is not None else []
    claimed += [number <= count] if count is not None else []
    return bool(claimed) and all(claimed)


def _claims_of(endpoint: Endpoint, answer: Mapping[str, Any]) -> Claims:
    total = whole(answer.get(endpoint.total)) if endpoint.total else _only_total(answer)
    block = answer.get("page")
    return Claims(total, whole(block.get("count")) if isinstance(block, dict) else None)


def whole(value: Any) -> int | None:
    """A count as the gateway writes it, number or text; None for anything else."""
    if isinstance(value, str) and re.fullmatch(r"\d{1,15}", value, re.ASCII):
        return int(value)
    return value if type(value) is int and value >= 0 else None


# ---- what was asked, and what the answer is about ----------------------------------------------------


def refuse_misfit(
    echoes: Iterable[Echo], asked: Mapping[str, Any], answer: Mapping[str, Any], rows: Sequence[Row] = ()
) -> None:
    """Compare what an answer repeats of the question with what was asked.

    What it does not say contradicts nothing.

    Raises
    ------
    ApiError
        With the code ``MISFIT``: the answer, or one of its rows, is about something else.
    """
    for echo in echoes:
        value = asked.get(echo.parameter)
        if value is None or (echo.kind == "word" and value not in echo.words):
            continue
        shown = "the number" if echo.kind == "phone" else f"{echo.parameter}={value}"
        if echo.beside and _contradicts(echo, value, _at(answer, echo.beside), there=False):
            raise _misfit(f"asked about {shown}, the answer is about another", "MISFIT")
        if echo.row:
            foreign = _foreign_rows(echo, value, rows)
            if foreign:
                text = f"asked about {shown}, {foreign} of {len(rows)} rows of the answer are about another"
                raise _misfit(text, "MISFIT")


def _foreign_rows(echo: Echo, asked: Any, rows: Sequence[Row]) -> int:
    """How many rows contradict; each value that occurs is looked at once."""
    said = [row[echo.row] for row in rows if isinstance(row, dict) and echo.row in row]
    by_text = {repr(value): value for value in said}
    verdicts = {text: _contradicts(echo, asked, value, there=True) for text, value in by_text.items()}
    return sum(verdicts[repr(value)] for value in said) if any(verdicts.values()) else 0


def _at(answer: Any, path: tuple[str, ...]) -> Any:
    for key in path:
        answer = answer.get(key) if isinstance(answer, dict) else None
    return answer


def _contradicts(echo: Echo, asked: Any, said: Any, *, there: bool) -> bool:
    """Whether what an answer says is something else than what was asked; an odd value says nothing."""
    if echo.kind == "word":
        return re.sub(r"[\s_-]", "", str(said).lower()) in echo.words[asked]
    if said in (None, 0, "0", ""):
        return there and echo.none_differs
    if type(said) not in {int, str}:
        return False
    if echo.kind == "phone":
        return not _same_number(str(asked), str(said))
    return str(said).isdigit() and str(said).lstrip("0") != str(asked).lstrip("0")


def _same_number(asked: str, said: str) -> bool:
    """Whether two ways to write it can be one number: the national form lacks the country's digits."""
    asked, said = (re.sub(r"[^0-9]", "", text).lstrip("0") for text in (asked, said))
    return not said or said.endswith(asked) or asked.endswith(said)


_NEAR = timedelta(hours=1)  # so far a gateway may bound by another instant than the one it shows
_MANY = 5


def _refuse_another_slice(
    endpoint: Endpoint, asked: Mapping[str, Any], number: int, rows: Sequence[Row]
) -> None:
    """Refuse a page whose rows belong to another slice of time.

    Single rows outside are named where rows are counted; here the page as a whole is judged: most of its rows
    lie far outside, or none lies inside.
    """
    start, end = asked.get("start"), asked.get("end")
    wire = next((c.wire for c in endpoint.table.columns if c.name == endpoint.table.time), "")
    if not (start and end and wire and rows):
        return
    times = [row.get(wire) for row in rows if isinstance(row, dict)]
    texts = [text.replace("T", " ") for text in times if isinstance(text, str) and len(text) >= 19]
    if not texts or (start <= min(texts) and max(texts)[:19] <= end):
        return
    outside = [text for text in texts if not start <= text[:19] <= end]
    low, high = _moved(start, -_NEAR), _moved(end, _NEAR)
    far = sum(not low <= text[:19] <= high for text in outside)
    none_inside = len(outside) == len(rows) and (number == 1 or len(rows) >= _MANY)
    if none_inside or 2 * far > len(rows):
        text = f"asked about {start} to {end}, {len(outside)} of {len(rows)} rows of the answer lie outside"
        raise _misfit(text, "MISFIT")


def _moved(wire_time: str, by: timedelta) -> str:
    return f"{datetime.fromisoformat(wire_time) + by:%Y-%m-%d %H:%M:%S}"


# ---- JSON --------------------------------------------------------------------------------------------


def _says_a_key_twice(body: bytes, answer: dict[str, Any]) -> bool:
    """Whether an object of a body holds a key twice, of which a parser keeps the last without a word.

    As a rule there are as many keys as ``":`` in the body; only where the counts differ is it read with care.
    """
    keys = sum(map(len, _objects_of(answer, body)))
    marks = body.count(b'":') + body.count(b'" :')
    if keys == marks or keys == marks - body.count(b'\\":'):
        return False
    try:
        json.loads(body, object_pairs_hook=_each_once)
    except _TwiceError:
        return True
    except (ValueError, RecursionError):
        return False  # it was read once already
    return False


class _TwiceError(Exception):
    """An object holds a key twice."""


def _each_once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    made = dict(pairs)
    if len(made) < len(pairs):
        raise _TwiceError
    return made


def _objects_of(answer: dict[str, Any], body: bytes) -> list[dict[str, Any]]:
    """All objects of an answer, itself included; as a rule only its rows and what stands beside them."""
    objects = [answer]
    for value in answer.values():
        if type(value) is list:
            objects += [row for row in value if type(row) is dict]
        elif type(value) is dict:
            objects.append(value)
    return objects if len(objects) == body.count(b"{") else _nested_objects(answer)


def _nested_objects(answer: dict[str, Any]) -> list[dict[str, Any]]:
    """All objects of an answer, however deep."""
    objects, left = [], [answer]
    while left:  # no recursion: an answer may be nested deeper than calls may be
        one: Any = left.pop()
        if type(one) is dict:
            objects.append(one)
            one = one.values()
        left += [inner for inner in one if type(inner) in (dict, list)]
    return objects


def parse_json(body: bytes) -> Any:
    """Parse a body; one odd reply must not cost the page.

    A lone surrogate makes orjson refuse the whole body: the standard library reads such a page, and
    the odd row is set aside when it is typed.

    Raises
    ------
    ValueError
        When the body is no JSON.
    """
    try:
        return orjson.loads(body)
    except orjson.JSONDecodeError:
        try:
            return json.loads(body, parse_constant=_refuse_constant)
        except RecursionError:
            raise ValueError("nested too deep") from None


def _refuse_constant(name: str) -> Any:
    raise ValueError(f"{name} is no JSON")
