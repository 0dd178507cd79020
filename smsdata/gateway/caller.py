"""One call: credentials, HTTPS, throttle, deadline, retry, and what an answer means.

Owns the way from a call's name and parameters to a checked answer, and nothing above one page. An
answer counts only when all of it is right: HTTP status 200, code ``SUCCESS``, the key that should be
there, the page that was asked for. Everything else is an `ApiError`. Imports `throttle`, `frames`
(to parse), `endpoints`, `settings` and `errors`.
"""

from __future__ import annotations

import contextlib
import json
import logging
import math
import re
import threading
import time
from collections import Counter
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from functools import cached_property
from numbers import Integral
from types import TracebackType
from typing import Any, Self, TypeVar
from urllib.parse import urlencode

import httpx
import orjson
import stamina

from smsdata.errors import ApiError, SafetyError, UsageError
from smsdata.gateway.endpoints import CALLS, ERROR_CODES, Call, Endpoint
from smsdata.gateway.throttle import Throttle
from smsdata.schema.frames import Row
from smsdata.settings import Settings, settings
from smsdata.times import instant

logging.getLogger("stamina").addHandler(logging.NullHandler())  # retries are told in our own errors

T = TypeVar("T")

PAGE_SIZE = 100
_TRIES = 8
_ASKS = 3
_TRIES_SECONDS = 300.0
_CALL_SECONDS = 60.0
_BODY_BYTES = 64 * 2**20
_LONGEST_WAIT = 120.0
_TIMEOUT = httpx.Timeout(30.0, connect=10.0)
_PERSONAL = frozenset({"msisdn", "mobile", "number"})  # kept out of URLs, which end up in logs


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


class Caller:
    """Makes calls to one account.

    Parameters
    ----------
    key, secret, base_url, rate, share
        As in `smsdata.settings.settings`; the environment fills what is not given.
    transport
        An httpx transport to use instead of the network.
    clock, sleep
        A monotonic clock in seconds and how to wait, for tests.
    now
        The instant to take as now, instead of the gateway's clock.
    """

    def __init__(
        self,
        *,
        key: str | None = None,
        secret: str | None = None,
        base_url: str | None = None,
        rate: float | None = None,
        share: float | None = None,
        transport: httpx.BaseTransport | None = None,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
        now: str | datetime | None = None,
    ) -> None:
        self.settings: Settings = settings(key=key, secret=secret, base_url=base_url, rate=rate, share=share)
        self.calls_of: Counter[str] = Counter()  # by table, or by name of a single call
        self._lock = threading.Lock()  # the first calls come from several threads at once
        self._clock = clock
        self._fixed_now = instant(now, "now") if now is not None else None
        self._server: tuple[datetime, float] | None = None
        self._transport = transport
        per_second = self.settings.rate * self.settings.share
        self.threads = _in_flight(per_second)
        self.throttle = Throttle(
            rate=self.settings.rate,
            share=self.settings.share,
            account=self.settings.account,
            clock=clock,
            sleep=sleep,
        )

    @property
    def _http(self) -> httpx.Client:
        with self._lock:
            return self._http_client

    @cached_property
    def _http_client(self) -> httpx.Client:
        if not (self.settings.key and self.settings.secret):
            raise ApiError(
                "no credentials were given (`smsdata demo` needs none)",
                code="AUTH_FAILED_NO_DATA",
            )
        return httpx.Client(
            base_url=self.settings.base_url,
            auth=(self.settings.key, self.settings.secret),
            headers={"Accept": "application/json", "Cache-Control": "no-store", "User-Agent": "smsdata"},
            timeout=_TIMEOUT,
            follow_redirects=False,
            trust_env=False,  # no ~/.netrc and no proxy that nobody named
            transport=self._transport,
        )

    @property
    def pool(self) -> ThreadPoolExecutor:
        """The threads that keep calls in flight, so that latency does not cost rate."""
        with self._lock:
            return self._call_pool

    @cached_property
    def _call_pool(self) -> ThreadPoolExecutor:
        return ThreadPoolExecutor(self.threads, thread_name_prefix="smsdata-call")

    def close(self) -> None:
        """Let go of connections and threads."""
        pool, http = self.__dict__.pop("_call_pool", None), self.__dict__.pop("_http_client", None)
        if pool:
            pool.shutdown(cancel_futures=True)
        if http:
            http.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.settings!r})"

    @property
    def calls(self) -> int:
        """How many calls were made, tries included."""
        return self.calls_of.total()

    def now(self) -> datetime:
        """The present by the gateway's clock (its last ``Date`` header), else by this machine's."""
        if self._fixed_now:
            return self._fixed_now
        if self._server is None:
            return datetime.now(UTC).replace(microsecond=0)
        told, at = self._server
        return told + timedelta(seconds=int(self._clock() - at))

    def ask_now(self) -> datetime:
        """The present by the gateway's clock; asks for something small when it has not told it yet."""
        for _ in range(_ASKS):
            if self._fixed_now is None and self._server is None:
                with contextlib.suppress(ApiError):  # any answer tells the time
                    self._answer("get-balance", "get-balance", "GET", {}, error_block=True)
        return self.now()

    def call(self, name: str, **parameters: Any) -> dict[str, Any]:
        """Make one of the calls that answer with one thing.

        Parameters
        ----------
        name
            The call's name on the wire, such as ``"get-balance"``.
        **parameters
            Its parameters.

        Returns
        -------
        dict
            The answer as parsed from JSON.

        Raises
        ------
        UsageError
            For an unknown call, a missing or an unknown parameter.
        ApiError
            When the gateway refuses, or no usable answer comes. A call that changes the account is
            never repeated: with ``retryable`` true it may or may not have been carried out.
        """
        entry = _entry(name, parameters)
        tries = 1 if entry.changes else _TRIES
        method = "POST" if entry.changes or _PERSONAL & set(parameters) else "GET"

        def check(answer: dict[str, Any], _status: int) -> dict[str, Any]:
            if entry.answer and entry.answer not in answer:
                raise ApiError(f"{name}: the answer has no {entry.answer!r}.", code="FORMAT", retryable=True)
            return answer

        return self._tried(
            name, tries, lambda: check(*self._answer(name, name, method, parameters, True)[:2])
        )

    def page(self, endpoint: Endpoint, parameters: Mapping[str, Any], number: int, before: int = 0) -> Page:
        """Read one page of a paginated call; `before` is how many rows the pages before it hold.

        Raises
        ------
        ApiError
            When the gateway refuses, or every try brought something that is not the page asked for.
        """
        asked = dict(endpoint.fixed) | dict(parameters) | {"page": number, "max": PAGE_SIZE}
        method = "POST" if _PERSONAL & set(asked) else "GET"
        where = f"{endpoint.name} page {number}"

        def once() -> Page:
            answer, _, body, seen_at = self._answer(
                endpoint.name, endpoint.call, method, asked, endpoint.error_block
            )
            return read_page(endpoint, number, answer, body, seen_at, before)

        return self._tried(where, _TRIES, once)

    def _tried(self, where: str, tries: int, once: Callable[[], T]) -> T:
        """Try a call until it succeeds, its error is final, or the tries are used up."""
        began = self._clock()
        attempt = 0
        try:
            for context in stamina.retry_context(
                on=_worth_another_try, attempts=tries, timeout=_TRIES_SECONDS, wait_initial=0.2, wait_max=10.0
            ):
                with context:
                    attempt = context.num
                    return once()
        except ApiError as error:
            raise _placed(error, where, attempt, self._clock() - began) from None
        raise AssertionError("unreachable")

    def _answer(
        self, what: str, name: str, method: str, parameters: Mapping[str, Any], error_block: bool
    ) -> tuple[dict[str, Any], int, bytes, datetime]:
        _refuse_every_list(name, parameters)
        try:
            with self.throttle.slot():
                with self._lock:
                    self.calls_of[what] += 1
                status, headers, body = self._exchange(name, method, parameters)
        except httpx.TimeoutException as error:
            raise ApiError(
                f"no answer in time ({type(error).__name__})", code="TIMEOUT", retryable=True
            ) from None
        except (httpx.TransportError, httpx.DecodingError) as error:
            raise ApiError(
                f"the connection failed ({type(error).__name__})", code="NETWORK", retryable=True
            ) from None
        seen_at = self._told(headers)
        try:
            return checked(status, headers, body, error_block), status, body, seen_at
        except ApiError as error:
            if error.code == "OVER_LIMIT":
                self.throttle.throttled()
            error.args = (self._masked(str(error)),)
            raise

    def _masked(self, text: str) -> str:
        """Nothing that the gateway says may carry the credentials into an error."""
        for credential in (self.settings.secret, self.settings.key):
            text = text.replace(credential, "***")
        return text

    def _exchange(
        self, name: str, method: str, parameters: Mapping[str, Any]
    ) -> tuple[int, httpx.Headers, bytes]:
        deadline = self._clock() + _CALL_SECONDS
        url = f"{self.settings.base_url}{name}.json"  # whole: httpx parses what it has to join three times
        words = urlencode(parameters)
        asked = {"url": f"{url}?{words}"} if method == "GET" else {"url": url, "data": parameters}
        with self._http.stream(method, **asked) as response:
            body = bytearray()
            for chunk in response.iter_bytes():
                body += chunk
                if len(body) > _BODY_BYTES:
                    raise ApiError("the answer is too large", code="FORMAT", status=response.status_code)
                if self._clock() > deadline:
                    raise httpx.ReadTimeout("deadline")
            return response.status_code, response.headers, bytes(body)

    def _told(self, headers: httpx.Headers) -> datetime:
        with contextlib.suppress(KeyError, ValueError, OverflowError):
            self._server = (_http_date(headers["date"]), self._clock())
        return self.now()


def _http_date(text: str) -> datetime:
    told = parsedate_to_datetime(text)
    return told.replace(tzinfo=UTC) if told.tzinfo is None else told.astimezone(UTC)


def _in_flight(per_second: float) -> int:
    """How many calls to keep under way, so that answers that take a third of a second do not cost rate.

    Only a server on this machine takes more than some hundred a second: a few threads then do most.
    """
    return 4 if per_second > 300 else min(24, math.ceil(per_second * 0.35) + 1)


def _entry(name: str, parameters: Mapping[str, Any]) -> Call:
    if name not in CALLS:
        raise UsageError(f"unknown call {name!r}. Calls: {', '.join(CALLS)}.")
    entry = CALLS[name]
    missing = [p for p in entry.required if parameters.get(p) is None]
    unknown = sorted(set(parameters) - set(entry.required) - set(entry.optional))
    if missing or unknown:
        wrong = f"needs {', '.join(missing)}" if missing else f"does not take {', '.join(unknown)}"
        raise UsageError(f"{name} {wrong}.")
    return entry


def _refuse_every_list(name: str, parameters: Mapping[str, Any]) -> None:
    """Stop a change that names no list, and a read of list 0: to the gateway that means every list.

    It stands where every request passes, so that no way of making a call gets around it.
    """
    list_id: Any = parameters.get("list_id")
    if name in CALLS and CALLS[name].changes and (type(list_id) is not int or list_id <= 0):
        raise SafetyError(f"{name}: list_id does not name one list; nothing was sent.")
    whole = isinstance(list_id, Integral) and not isinstance(list_id, bool)
    if "list_id" in parameters and not (whole and list_id > 0):
        raise UsageError(f"{name}: list_id does not name one list: give its id, a positive int.")


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
        code == "SUCCESS" or (code is None and error is None and _bare(answer, error_block))
    ):
        return answer
    if status == 429:
        raise _failed("throttled", "OVER_LIMIT", status, headers)
    if not isinstance(code, str) or not re.fullmatch(r"[A-Z][A-Z0-9_]{1,40}", code) or code == "SUCCESS":
        raise _failed("the answer says neither success nor an error", "FORMAT", status, headers)
    raise _failed(_described(error), code, status, headers)


def _bare(answer: Mapping[str, Any], error_block: bool) -> bool:
    """The reseller calls may answer without an error block; their page block then vouches for them."""
    return not error_block and isinstance(answer.get("page"), dict)


def _described(error: Any) -> str:
    text = " ".join(str(error.get("description") or "").split())
    printable = "".join(character for character in text if character.isprintable())
    return re.sub(r"\+?\d(?:[\s().-]*\d){5,}", "...", printable)[:200]  # it may quote somebody's number


def _failed(said: str, code: str, status: int, headers: Mapping[str, str]) -> ApiError:
    transient = status == 429 or status >= 500
    retryable = transient or ERROR_CODES.get(code, (True, ""))[0]
    error = ApiError(said, code=code, status=status, retryable=retryable)
    error.retry_after = _retry_after(headers) if transient else None
    return error


def _retry_after(headers: Mapping[str, str]) -> float | None:
    text = headers.get("retry-after", "")
    if re.fullmatch(r"\d{1,9}", text, re.ASCII):
        return min(float(text), _LONGEST_WAIT)
    try:
        wait = (_http_date(text) - _http_date(headers["date"])).total_seconds()
    except (KeyError, ValueError, OverflowError):
        return None
    return min(max(wait, 0.0), _LONGEST_WAIT)


def _worth_another_try(error: Exception) -> bool | float:
    if not (isinstance(error, ApiError) and error.retryable):
        return False
    return error.retry_after or True


def _placed(error: ApiError, where: str, tries: int, seconds: float) -> ApiError:
    """Say where it happened, how often it was tried and what to do."""
    http = f" (HTTP {error.status})" if error.status else ""
    after = f" after {tries} tries in {seconds:.0f} s" if tries > 1 else ""
    said = f": {error}" if str(error) else ""
    advice = ERROR_CODES.get(
        error.code, (True, "The gateway or the way to it is at fault; try again later.")
    )[1]
    placed = ApiError(
        f"{where}: {error.code}{http}{after}{said.rstrip('.')}. {advice}",
        code=error.code,
        status=error.status,
        retryable=error.retryable,
    )
    placed.retry_after = error.retry_after
    return placed


def read_page(
    endpoint: Endpoint,
    number: int,
    answer: Mapping[str, Any],
    body: bytes,
    seen_at: datetime,
    before: int = 0,
) -> Page:
    """Make a `Page` of a checked answer.

    Raises
    ------
    ApiError
        When it is another page than was asked for, or rows should be there and are not.
    """
    rows = _rows(endpoint, answer)
    claims = _claims(endpoint, answer)
    block = answer.get("page")
    if isinstance(block, dict):
        _check_number(whole(block.get("number")), number, rows, claims)
    elif rows or number > 1:
        raise _misfit("the answer has no page block", "FORMAT")
    if not rows and _rows_due(endpoint, answer, number, before):
        there = [key for key, value in answer.items() if isinstance(value, list) and value]
        found = f"; lists there: {', '.join(there)}" if there else ""
        wanted = endpoint.rows or "rows"
        raise _misfit(f"{wanted!r} holds no rows where the gateway counts {_said(claims)}{found}", "NO_ROWS")
    beside = {key: value for key, value in answer.items() if not isinstance(value, list)}
    return Page(number, rows, claims.count, claims.total, beside, b"" if endpoint.secret else body, seen_at)


@dataclass(frozen=True, slots=True)
class _Claims:
    """What an answer claims there is: rows in all, and pages; None where it says nothing."""

    total: int | None
    count: int | None


def _said(claims: _Claims) -> str:
    rows = "no total" if claims.total is None else f"{claims.total} rows"
    return rows if claims.count is None else f"{rows} on {claims.count} pages"


def _misfit(said: str, code: str, *, retryable: bool = True) -> ApiError:
    return ApiError(said, code=code, status=200, retryable=retryable)


def _check_number(told: int | None, number: int, rows: tuple[Row, ...], claims: _Claims) -> None:
    """Refuse another page than the one asked for; behind the last page there is none to wait for."""
    if told == number or (number == 1 and not rows):
        return
    beyond = claims.count is not None and number > claims.count
    raise _misfit(f"the answer is page {told}", "WRONG_PAGE", retryable=not beyond)


def _rows(endpoint: Endpoint, answer: Mapping[str, Any]) -> tuple[Row, ...]:
    key = endpoint.rows or _only_list(endpoint, answer)
    rows = answer.get(key)
    if rows is None or rows == {}:
        return ()
    if not isinstance(rows, list):
        raise _misfit(f"{key!r} holds no list of rows", "FORMAT")
    if endpoint.secret:
        return tuple(_without(endpoint.secret, row) for row in rows)
    return tuple(rows)


def _without(secret: tuple[str, ...], row: Any) -> Any:
    """A row without the keys that nothing may see, however they are spelt."""
    if not isinstance(row, dict):
        return None
    return {key: value for key, value in row.items() if re.sub(r"[\W_]", "", key).lower() not in secret}


def _only_list(endpoint: Endpoint, answer: Mapping[str, Any]) -> str:
    """The key of the answer's only list of objects, where nobody documents its name."""
    found = [
        k for k, v in answer.items() if v and isinstance(v, list) and all(isinstance(r, dict) for r in v)
    ]
    if len(found) > 1:
        said = f"{endpoint.call} has several lists of rows: {', '.join(found)}"
        raise _misfit(said, "FORMAT", retryable=False)
    return found[0] if found else ""


def _only_total(answer: Mapping[str, Any]) -> int | None:
    found = [value for key, value in answer.items() if key == "total" or key.endswith("_total")]
    return whole(found[0]) if len(found) == 1 else None


def _rows_due(endpoint: Endpoint, answer: Mapping[str, Any], number: int, before: int) -> bool:
    """Whether a page that came without rows should have had some, by what its own answer says."""
    claims = _claims(endpoint, answer)
    total, count = claims.total, claims.count
    if not endpoint.total_counts_rows:
        return number == 1 and (bool(whole(answer.get("members_active"))) or (count or 0) > 1)
    if number == 1:
        said = total is not None or endpoint.rows in answer or not endpoint.rows
        return bool(total) or (count or 0) > 1 or not said
    claimed = [total > before] if total is not None else []
    claimed += [number <= count] if count is not None else []
    return bool(claimed) and all(claimed)


def _claims(endpoint: Endpoint, answer: Mapping[str, Any]) -> _Claims:
    total = whole(answer.get(endpoint.total)) if endpoint.total else _only_total(answer)
    block = answer.get("page")
    return _Claims(total, whole(block.get("count")) if isinstance(block, dict) else None)


def whole(value: Any) -> int | None:
    """A count as the gateway writes it, number or text; None for anything else."""
    if isinstance(value, str) and re.fullmatch(r"\d{1,15}", value, re.ASCII):
        return int(value)
    return value if type(value) is int and value >= 0 else None


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
