"""One request: credentials, HTTPS, throttle, deadline, retry, and nothing that an error may not show.

Owns the way from a call's name and parameters to its answer, and nothing above one page; what the answer
means is decided in `answers`, how it comes over the network in `wire`. Imports both, `throttle`, `endpoints`,
`settings`, `times`, `machine` and `errors`.
"""

from __future__ import annotations

import contextlib
import logging
import math
import threading
import time
import weakref
from collections import Counter
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from functools import cached_property
from numbers import Integral
from types import TracebackType
from typing import Any, Self, TypeVar
from urllib.parse import urlsplit

import httpx
import stamina

from smsdata.errors import ApiError, SafetyError, UsageError
from smsdata.gateway.answers import Page, checked, http_date, read_page, refuse_misfit, without_secret_keys
from smsdata.gateway.endpoints import CALLS, ERROR_CODES, PAGE_SIZE, Call, Endpoint
from smsdata.gateway.throttle import Throttle
from smsdata.gateway.wire import ConnectFaults, NetworkFaults, Timeouts, Wire, credentials_of, unreachable
from smsdata.machine import in_forked_children
from smsdata.settings import Settings, is_loopback, settings
from smsdata.times import instant

# our own errors say how often a call was tried
logging.getLogger("stamina").addHandler(logging.NullHandler())

T = TypeVar("T")

_CALL_TRIES = 8
_MISFITS = 4  # so often an answer about something else is asked for again, each time on a fresh connection
_ASKS = 3
_TRIES_SECONDS = 300.0
SKEW = timedelta(minutes=5)  # a Date further off from this machine's clock is not believed
_FIRST_TRIES = 3  # of a gateway that has never answered: a wrong address does not become right
_PERSONAL = frozenset({"msisdn", "mobile", "number"})  # kept out of URLs, which end up in logs


class Caller:
    """Makes calls to one account.

    Parameters
    ----------
    key, secret, base_url, rate, share, ca_bundle, proxy
        As in `smsdata.settings.settings`; the environment fills what is not given.
    transport
        An httpx transport to use instead of the network.
    clock, sleep
        A monotonic clock in seconds and how to wait, for tests.
    now
        The instant to take as now, instead of the gateway's clock.
    wall
        This machine's clock, for tests.
    """

    def __init__(
        self,
        *,
        key: str | None = None,
        secret: str | None = None,
        base_url: str | None = None,
        rate: float | None = None,
        share: float | None = None,
        ca_bundle: str | None = None,
        proxy: str | None = None,
        transport: httpx.BaseTransport | None = None,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
        now: str | datetime | None = None,
        wall: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self.settings: Settings = settings(
            key=key,
            secret=secret,
            base_url=base_url,
            rate=rate,
            share=share,
            ca_bundle=ca_bundle,
            proxy=proxy,
        )
        self.calls_of: Counter[str] = Counter()  # by table, or by name of a single call
        self._lock = threading.Lock()  # the first calls come from several threads at once
        self._clock = clock
        self._fixed_now = instant(now, "now") if now is not None else None
        self._server: tuple[datetime, float] | None = None
        self._knocks = 0  # at a gateway that has never answered
        self._spoke = False  # whether an answer was ever good
        self._wall = wall
        self._twin = is_loopback(str(urlsplit(self.settings.base_url).hostname))  # which has its own time
        self.is_at_another_time = self._fixed_now is not None and not self._twin
        self._skews = [timedelta(0), timedelta(0)]  # how far the Date was behind and ahead at most
        self._transport = transport
        self._stopped = False
        self._left_alone: list[Wire] = []  # whose connections brought answers about something else
        self.threads = _in_flight(self.settings.pace.per_second)
        self.throttle = Throttle(
            rate=self.settings.rate,
            share=self.settings.share,
            account=self.settings.account,
            clock=clock,
            sleep=sleep,
        )
        _CALLERS.add(self)

    @cached_property
    def _wire(self) -> Wire:
        if not (self.settings.key and self.settings.secret):
            raise ApiError(
                "no credentials were given (`smsdata demo` needs none)",
                code="AUTH_FAILED_NO_DATA",
            )
        return Wire(self.settings, self._transport, self._clock)

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
        pool, wire = self.__dict__.pop("_call_pool", None), self.__dict__.pop("_wire", None)
        if pool:
            pool.shutdown(cancel_futures=True)
        for one in filter(None, [wire, *self._left_alone]):
            one.close()
        self._left_alone.clear()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if kind is not None and not issubclass(kind, Exception):  # Ctrl-C waits for nobody
            break_off(self)
        self.close()

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.settings!r})"

    @property
    def calls(self) -> int:
        """How many calls were made, tries included."""
        return self.calls_of.total()

    def now(self) -> datetime:
        """The present by the gateway's clock (its last ``Date`` header), else by this machine's.

        A ``Date`` more than 5 minutes off this machine's clock is not believed, but on loopback, where a twin
        has its own time.
        """
        if self._fixed_now:
            return self._fixed_now
        here = self._wall().replace(microsecond=0)
        if self._server is None:
            return here
        moment, at = self._server
        there = moment + timedelta(seconds=int(self._clock() - at))
        return there if self._twin or abs(there - here) <= SKEW else here

    def clocks(self) -> tuple[datetime, datetime]:
        """The present by the earlier and by the later of the two clocks, as far as they ever disagreed."""
        now = self.now()
        if self._fixed_now or self._twin:
            return now, now
        here = self._wall().replace(microsecond=0)
        return min(now, here + self._skews[0]), max(now, here + self._skews[1])

    def ask_now(self) -> datetime:
        """The present by the gateway's clock; asks for something small when no answer has come yet."""
        for _ in range(_ASKS):
            if self._fixed_now is None and self._server is None:
                with contextlib.suppress(ApiError):  # any answer has a date
                    self._answer("get-balance", "get-balance", "GET", {}, error_block=True)
        return self.now()

    def is_there(self, refused: bool) -> bool:
        """Whether the gateway answers something small now.

        With `refused` it need not have that call: any refusal of its own, not about the account, will do.
        """
        for _ in range(_ASKS):
            try:
                self._answer("get-balance", "get-balance", "GET", {}, error_block=True)
            except ApiError as error:
                if refused and error.code in {"NOT_IMPLEMENTED", "NO_ACCESS"}:
                    return True
                continue
            return True
        return False

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
        entry = _single_call(name, parameters)
        tries = 1 if entry.changes else _CALL_TRIES
        method = "POST" if entry.changes or _PERSONAL & set(parameters) else "GET"

        def once() -> dict[str, Any]:
            answer, *_ = self._answer(name, name, method, parameters, error_block=True)
            if entry.answer and entry.answer not in answer:
                raise ApiError(f"{name}: the answer has no {entry.answer!r}.", code="FORMAT", retryable=True)
            refuse_misfit(entry.echoes, parameters, answer)
            return answer

        return self._tried(name, tries, once)

    def answer_of(self, name: str, **parameters: Any) -> dict[str, Any]:
        """Make a reading call and give its answer as it came, whatever it looks like, without any secret.

        Raises UsageError for the name of a call that does not read, and ApiError as `call` does.
        """
        if not (name.startswith("get-") or name == "format-number"):
            raise UsageError(f"{name} is no reading call.")
        method = "POST" if _PERSONAL & set(parameters) else "GET"
        return self._tried(
            name,
            _CALL_TRIES,
            lambda: self._answer(name, name, method, parameters, error_block=False)[0],
        )

    def page(self, endpoint: Endpoint, parameters: Mapping[str, Any], number: int, before: int = 0) -> Page:
        """Read one page of a paginated call; `before` is how many rows the pages before it hold.

        Raises
        ------
        ApiError
            When the gateway refuses, or every try brought something that is not the page asked for.
        """
        sent = dict(endpoint.fixed) | dict(parameters) | {"page": number, "max": PAGE_SIZE}
        method = "POST" if _PERSONAL & set(sent) else "GET"
        where = f"{endpoint.name} page {number}"

        def once() -> Page:
            answer, body, seen_at = self._answer(
                endpoint.name, endpoint.call, method, sent, error_block=endpoint.error_block
            )
            return read_page(endpoint, number, answer, body, seen_at, before, sent)

        return self._tried(where, _CALL_TRIES, once)

    def _tried(self, where: str, tries: int, once: Callable[[], T]) -> T:
        """Try a call until it succeeds, its error is final, or the tries are used up.

        The first try is made without `stamina`, whose bookkeeping costs a fifth of a call; few need more.
        """
        began = self._clock()
        attempt = 1
        try:
            return self._on_own_connection(once, attempt)
        except ApiError as error:
            failed = error
        try:
            for context in stamina.retry_context(
                on=_worth_another_try, attempts=tries, wait_initial=0.2, wait_max=10.0,
                timeout=max(1.0, _TRIES_SECONDS - (self._clock() - began)),
            ):  # fmt: skip
                with context:
                    attempt = context.num
                    if attempt == 1:
                        raise failed
                    return self._on_own_connection(once, attempt)
        except ApiError as error:
            raise _placed(error, where, attempt, self._clock() - began) from None
        raise AssertionError("unreachable")

    def _on_own_connection(self, once: Callable[[], T], attempt: int) -> T:
        """Make one try; after an answer about something else, the next one gets a fresh connection.

        Kept-alive connections of which the answers are mixed up stay so; calls under way finish on theirs.
        What a few fresh ones do not cure is no mix-up.
        """
        try:
            return once()
        except ApiError as error:
            if error.code == "MISFIT":
                with self._lock:
                    self._left_alone += filter(None, [self.__dict__.pop("_wire", None)])
                error.retryable = attempt < _MISFITS
            raise

    def _answer(
        self, what: str, name: str, method: str, parameters: Mapping[str, Any], *, error_block: bool
    ) -> tuple[dict[str, Any], bytes, datetime]:
        """Make one try: the answer, its body and when it came; `what` is whose call it is in `calls_of`."""
        _refuse_every_list(name, parameters)
        try:
            with self.throttle.slot():
                if self._stopped:
                    raise ApiError("interrupted", code="INTERRUPTED")
                with self._lock:
                    self.calls_of[what] += 1
                    wire = self._wire
                status, headers, body = wire.exchange(method, name, parameters)
                body = _without_credentials(self.settings, body)
        except Timeouts as error:
            raise ApiError(
                f"no answer in time from {self.settings.base_url} ({type(error).__name__})",
                code="TIMEOUT",
                retryable=self._worth_knocking(),
            ) from None
        except NetworkFaults as error:
            again = not isinstance(error, ConnectFaults) or self._worth_knocking()
            raise unreachable(self.settings, error, again) from None
        with contextlib.suppress(KeyError, ValueError, OverflowError):
            self._server = (http_date(headers["date"]), self._clock())
            if not (self._twin or self._fixed_now):
                skew = self._server[0] - self._wall().replace(microsecond=0)
                self._skews = [min(self._skews[0], skew), max(self._skews[1], skew)]
        seen_at = self.now()
        try:
            answer = checked(status, headers, body, error_block)
        except ApiError as error:
            if error.code == "OVER_LIMIT":
                self.throttle.throttled()
            if (error.code, status) == ("FORMAT", 404) and not self._spoke:
                raise ApiError(
                    f"there is no gateway at {self.settings.base_url}; check SMSDATA_BASE_URL",
                    code="FORMAT",
                    status=404,
                ) from None
            error.args = (_without_secrets(self.settings, str(error)),)
            raise
        self._spoke = True
        return *without_secret_keys(answer, body), seen_at

    def _worth_knocking(self) -> bool:
        """Whether to try once more: a gateway that never answered is soon taken for a wrong address."""
        with self._lock:
            self._knocks += 1
            return self._server is not None or self._knocks < _FIRST_TRIES


def break_off(caller: Caller) -> None:
    """End the calls that are under way, and have no thread make another."""
    caller._stopped = True
    pool, wire = caller.__dict__.pop("_call_pool", None), caller.__dict__.get("_wire")
    if pool:
        pool.shutdown(wait=False, cancel_futures=True)
    for one in filter(None, [wire, *caller._left_alone]):
        one.break_off()


def _drop_connections() -> None:
    """A child process opens connections of its own: on shared ones, answers would be mixed up."""
    for caller in list(_CALLERS):
        caller._lock = threading.Lock()
        caller._left_alone = []
        for name in ("_wire", "_call_pool"):
            caller.__dict__.pop(name, None)


_CALLERS: weakref.WeakSet[Caller] = weakref.WeakSet()
in_forked_children(_drop_connections)


def _in_flight(per_second: float) -> int:
    """How many calls to keep under way, so that answers that take a third of a second do not cost rate.

    Only a server on this machine takes more than some hundred a second: a few threads then do most.
    """
    return 4 if per_second > 300 else min(24, math.ceil(per_second * 0.35) + 1)


def _single_call(name: str, parameters: Mapping[str, Any]) -> Call:
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
    is_int = isinstance(list_id, Integral) and not isinstance(list_id, bool)
    if "list_id" in parameters and not (is_int and list_id > 0):
        raise UsageError(f"{name}: list_id does not name one list: give its id, a positive int.")


_LONG_ENOUGH = (
    8  # letters; a shorter key or secret would be taken out of words that have nothing to do with it
)


def _without_credentials(chosen: Settings, body: bytes) -> bytes:
    """An answer that repeats the credentials, without them: nothing of it gets further."""
    for credential in credentials_of(chosen):
        for written in {credential, credential.replace("/", "\\/")}:
            word = written.encode()
            if len(word) >= _LONG_ENOUGH and word in body:
                body = body.replace(word, b"***")
    return body


def _without_secrets(chosen: Settings, text: str) -> str:
    """Nothing that the gateway says may carry the credentials into an error."""
    for credential in credentials_of(chosen):
        text = text.replace(credential, "***")
    return text


def _worth_another_try(error: Exception) -> bool | float:
    if not (isinstance(error, ApiError) and error.retryable):
        return False
    return error.retry_after or True


def _placed(error: ApiError, where: str, tries: int, seconds: float) -> ApiError:
    """Say where it happened, how often it was tried and what to do."""
    http = f" (HTTP {error.status})" if error.status else ""
    after = f" after {tries} tries in {seconds:.0f} s" if tries > 1 else ""
    reason = f": {error}" if str(error) else ""
    advice = ERROR_CODES.get(
        error.code, (True, "The gateway or the way to it is at fault; try again later.")
    )[1]
    placed = ApiError(
        f"{where}: {error.code}{http}{after}{reason.rstrip('.')}. {advice}",
        code=error.code,
        status=error.status,
        retryable=error.retryable,
    )
    placed.retry_after = error.retry_after
    return placed
