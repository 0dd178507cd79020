"""What was asked for: settings, where they came from, and the pace that they allow.

Imports nothing of smsdata but `errors`.
"""

from __future__ import annotations

import hashlib
import hmac
import ipaddress
import math
import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from smsdata.errors import UsageError

DEFAULT_BASE_URL = "https://api.transmitsms.com/"

_ENVIRONMENT = {
    "key": "SMSDATA_API_KEY",
    "secret": "SMSDATA_API_SECRET",
    "base_url": "SMSDATA_BASE_URL",
    "rate": "SMSDATA_RATE",
    "share": "SMSDATA_SHARE",
    "store": "SMSDATA_STORE",
    "store_owner": "SMSDATA_STORE_OWNER",
    "store_group": "SMSDATA_STORE_GROUP",
    "pseudonym_key": "SMSDATA_PSEUDONYM_KEY",
    "forget_key": "SMSDATA_FORGET_KEY",
    "ca_bundle": "SMSDATA_CA_BUNDLE",
    "proxy": "SMSDATA_PROXY",
}
_DEFAULTS = {
    "base_url": DEFAULT_BASE_URL, "rate": 2.0, "share": 0.5, "store": "data/store",
    "ca_bundle": "", "proxy": "", "store_owner": "", "store_group": "",
    "pseudonym_key": "~/.config/smsdata/pseudonym.key", "forget_key": "~/.config/smsdata/forget.key",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Pace:
    """How fast calls may go: our `share` of the `rate` that the account may make, calls a second.

    With R calls a second of our own (`per_second`), a burst of ``r = max(1, floor(R))`` calls (`burst`) may
    go in every ``r / R`` seconds (`period`).

    Examples
    --------
    >>> pace = Pace(rate=2, share=0.25)
    >>> pace.per_second, pace.burst, pace.period, pace.minutes(60)
    (0.5, 1, 2.0, 2.0)
    >>> print(pace)
    0.5 of 2 calls/s
    """

    rate: float
    share: float

    @property
    def per_second(self) -> float:
        """Calls a second of our own, perhaps a fraction."""
        return self.rate * self.share

    @property
    def burst(self) -> int:
        """How many calls may go within one period."""
        return max(1, math.floor(self.per_second))

    @property
    def period(self) -> float:
        """In how many seconds a burst of calls may go."""
        return self.burst / self.per_second

    def minutes(self, calls: int) -> float:
        """How many minutes so many calls take."""
        return calls / self.per_second / 60

    def __str__(self) -> str:
        return f"{self.per_second:g} of {self.rate:g} calls/s"


class Secret:
    """A word that nothing shows: not repr, str or format, not asdict, pickle or a traceback.

    Examples
    --------
    >>> Secret("word"), f"{Secret('word')}", Secret("word").reveal()
    (***, '***', 'word')
    """

    __slots__ = ("_word",)

    def __init__(self, word: str) -> None:
        self._word = word

    def reveal(self) -> str:
        """Give the word itself, to whoever has to send it."""
        return self._word

    def __repr__(self) -> str:
        return "***" if self._word else "not set"

    def __bool__(self) -> bool:
        return bool(self._word)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Secret) and hmac.compare_digest(self._word.encode(), other._word.encode())

    def __hash__(self) -> int:
        return hash(Secret)

    def __copy__(self) -> Secret:
        return self

    def __deepcopy__(self, _memo: Any) -> Secret:
        return self

    def __reduce__(self) -> Any:
        raise TypeError(
            "settings with a secret are not pickled: make a Client in the other process; it reads "
            "SMSDATA_API_SECRET or the keyring."
        )


NO_SECRET = Secret("")
"""Stands where no secret is set."""


@dataclass(frozen=True)
class Settings:
    """The settings in force. The secret is a `Secret`, which shows nowhere.

    `sources` tells for each setting where its value came from: ``"argument"``, the name of an
    environment variable, ``"keyring"`` or ``"default"``.
    """

    key: str
    secret: Secret
    base_url: str
    rate: float
    share: float
    store: Path
    sources: Mapping[str, str]
    ca_bundle: str = ""
    proxy: str = ""
    store_owner: str = ""
    store_group: str = ""
    pseudonym_key: str = ""
    forget_key: str = ""

    def __repr__(self) -> str:
        return f"Settings(base_url={self.base_url!r}, rate={self.rate:g}, share={self.share:g})"

    @property
    def pace(self) -> Pace:
        """How fast calls may go."""
        return Pace(self.rate, self.share)

    @property
    def account(self) -> str:
        """A fingerprint of API key and base URL: which account this is, without saying its key."""
        return hashlib.sha256(f"{self.key}\n{canonical_url(self.base_url)}".encode()).hexdigest()[:32]


def settings(**given: Any) -> Settings:
    """Put the settings together: arguments beat the environment, the environment beats the defaults.

    Parameters
    ----------
    **given
        `key`, `secret`, `base_url`, `rate` (calls a second of the account), `share` (of that rate, above
        0 and at most 1), `store` (a folder), `ca_bundle` (a file of certificates to trust beside the usual
        ones) and `proxy` (its address); ``None`` counts as not given.

    Raises
    ------
    UsageError
        When a value cannot be used, for example ``http://`` to a host that is not this machine.

    Examples
    --------
    >>> settings(key="demo", secret="demo", base_url="http://127.0.0.1:8025").rate
    2.0
    """
    values: dict[str, Any] = {}
    sources: dict[str, str] = {}
    for name, variable in _ENVIRONMENT.items():
        values[name], sources[name] = _lookup(name, given.get(name), variable)
    return Settings(
        key=values["key"],
        secret=Secret(values["secret"]),
        base_url=_checked_url(values["base_url"]),
        rate=_positive("rate", values["rate"]),
        share=_positive("share", values["share"], most=1.0),
        store=_named_folder(values["store"]),
        sources=sources,
        ca_bundle=_existing_file("ca_bundle", values["ca_bundle"]),
        proxy=_checked_proxy(values["proxy"]),
        store_owner=values["store_owner"],
        store_group=values["store_group"],
        pseudonym_key=values["pseudonym_key"],
        forget_key=values["forget_key"],
    )


def store_sharing() -> tuple[str, str]:
    """Which other owner of a store is accepted, and with which group a store is shared; empty for none.

    These two are facts of a machine, not of a call: they are taken from the environment alone.
    """
    owner, _ = _lookup("store_owner", None, _ENVIRONMENT["store_owner"])
    group, _ = _lookup("store_group", None, _ENVIRONMENT["store_group"])
    return owner, group


def _lookup(name: str, given: Any, variable: str) -> tuple[Any, str]:
    if given is not None:
        return given, "argument"
    if os.environ.get(variable):
        return os.environ[variable], variable
    if name in _DEFAULTS:
        return _DEFAULTS[name], "default"
    return _from_keyring(name)


def _from_keyring(name: str) -> tuple[str, str]:
    try:
        import keyring  # an optional extra: most machines that run exports have none
        from keyring.errors import KeyringError
    except ImportError:
        return "", "not set"
    try:
        value = keyring.get_password("smsdata", name)
    except KeyringError:  # no screen, no session, no backend: as good as no keyring
        value = None
    return (value, "keyring") if value else ("", "not set")


def _positive(name: str, value: Any, most: float = 1e9) -> float:
    try:
        number = float(value)
    except (TypeError, ValueError):
        raise UsageError(f"{name} is {value!r}, which is not a number.") from None
    if not 0 < number <= most:
        limit = f"above 0 and at most {most:g}" if most == 1.0 else "above 0"
        raise UsageError(f"{name} is {number:g}; it must be {limit}.")
    return number


def _checked_url(url: str) -> str:
    """Refuse an address to which credentials must not go, before anything is sent."""
    try:
        parts = urlsplit(url)
        host, port = parts.hostname or "", parts.port
    except ValueError:  # a port or an IPv6 address that is none
        host, port = "", 0
    odd = re.search(r"[\s\\\x00-\x1f]|\][^:/]", url)
    if not host or port == 0 or odd or parts.scheme not in {"http", "https"}:
        raise UsageError(
            f"base URL {without_credentials(url)!r} is not an address such as {DEFAULT_BASE_URL}."
        )
    if parts.username or parts.password or parts.query or parts.fragment:
        raise UsageError("the base URL must hold no credentials and no query: set SMSDATA_API_KEY instead.")
    if parts.scheme == "http" and not is_loopback(host):
        raise UsageError(
            f"base URL http://{host} would send the credentials in clear: use https:// "
            "(http:// is for this machine only)."
        )
    return url if url.endswith("/") else url + "/"


def canonical_url(url: str) -> str:
    """One spelling of a base URL, by which accounts, budgets of calls and stores know the gateway.

    >>> canonical_url("HTTPS://API.transmitsms.com:443/"), canonical_url("http://localhost:8025/v1/")
    ('https://api.transmitsms.com/', 'http://127.0.0.1:8025/v1/')
    """
    parts = urlsplit(url)
    host = (parts.hostname or "").removesuffix(".")
    host = "127.0.0.1" if host == "localhost" else f"[{host}]" if ":" in host else host
    port = "" if parts.port in {None, {"http": 80, "https": 443}.get(parts.scheme)} else f":{parts.port}"
    path = parts.path if parts.path.endswith("/") else parts.path + "/"
    return f"{parts.scheme}://{host}{port}{path}"


def _existing_file(name: str, value: Any) -> str:
    if value and not expanded(value).is_file():
        raise UsageError(f"{name} is {str(value)!r}; there is no such file.")
    return str(expanded(value)) if value else ""


def _named_folder(path: str | Path) -> Path:
    """The store's folder: an empty name, of a variable that is not set, would mean the folder one is in."""
    if not str(path).strip():
        raise UsageError("store is empty: name a folder; . is the one that you are in.")
    return expanded(path)


def expanded(path: str | Path) -> Path:
    """A path as it was given, its ``~`` or ``~user`` taken for a home as a shell takes it.

    Raises
    ------
    UsageError
        There is no home that ``~`` could mean.

    Examples
    --------
    >>> expanded("data/store").as_posix(), expanded("~/sms").is_absolute()
    ('data/store', True)
    """
    try:
        return Path(path).expanduser()
    except RuntimeError:
        if Path(path).parts[0] != "~":  # a user whom nobody knows: a name like any other
            return Path(path)
        raise UsageError(
            f"{path}: ~ means nothing here, for HOME is not set. Write the whole path."
        ) from None


def _checked_proxy(url: str) -> str:
    """Refuse what is no address of a proxy; its own user and password may stand in it."""
    try:
        parts = urlsplit(url)
        good = not url or (parts.scheme in {"http", "https"} and bool(parts.hostname) and parts.port != 0)
    except ValueError:
        good = False
    if not good:
        raise UsageError(
            f"proxy {without_credentials(url)!r} is not an address such as http://proxy.example:3128."
        )
    return url


def without_credentials(url: str) -> str:
    """An address as it may be shown.

    >>> without_credentials("http://user:word@proxy.example:3128")
    '***@proxy.example:3128'
    """
    return re.sub(r"(//)?[^\s@]*@", r"\1***@", url)


def is_loopback(host: str) -> bool:
    """Tell whether a host name can only mean this machine."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def mask(secret: str) -> str:
    """Show that a secret is there, and nothing of it.

    >>> mask("s3cr3t"), mask("")
    ('********', '')
    """
    return "********" if secret else ""
