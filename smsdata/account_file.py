"""Many accounts in one file, ``accounts.toml``: names, keys, where each secret comes from; never a secret.

Owns the file: what may stand in it, who may read and write it, and how accounts are added to it. A secret
comes from an environment variable, this machine's keyring or a command, when it is needed and not before.
Imports `settings`, `machine` and `errors`.
"""

from __future__ import annotations

import json
import os
import re
import secrets
import stat
import subprocess
import tomllib
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from smsdata.errors import ApiError, StoreError, UsageError
from smsdata.machine import require_plain
from smsdata.settings import Settings, expanded, settings

DEFAULT_FILE = "accounts.toml"
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")
_VARIABLE = re.compile(r"[A-Z][A-Z0-9]*(_[A-Z0-9]+)+")
_KEY_FROM = ("key", "key_env", "key_keyring")
_SECRET_FROM = ("secret_env", "secret_keyring", "secret_command")
_PLAIN = ("base_url", "rate", "share", "store", "client_id")
_PATIENCE = 60.0  # s, for a command that gives a secret: somebody may have to touch a key
_LARGEST = 1_000_000
_CLOSED = stat.S_IWGRP | stat.S_IROTH | stat.S_IWOTH


@dataclass(frozen=True, slots=True)
class AccountEntry:
    """One account of the file. `facts` are its lines, checked; they hold no secret."""

    name: str
    facts: Mapping[str, Any]

    @property
    def store(self) -> Path:
        """The folder of its store: ``data/NAME`` where the file names none."""
        return expanded(self.facts.get("store", f"data/{self.name}"))

    @property
    def secret_from(self) -> str:
        """Where its secret comes from, in words."""
        if "secret_env" in self.facts:
            return f"environment variable {self.facts['secret_env']}"
        if "secret_keyring" in self.facts:
            return f"keyring, entry {self.name}.secret of smsdata"
        return f"command {Path(self.facts['secret_command'][0]).name}"

    def settings(self, *, secret: bool = True, **given: Any) -> Settings:
        """The settings of this account; what `given` names beats the file, the file beats the environment.

        Parameters
        ----------
        secret
            Whether key and secret are looked up; what only reads a store needs neither.
        **given
            As `smsdata.settings.settings` takes them; None counts as not given.

        Raises
        ------
        UsageError
            A value cannot be used.
        ApiError
            Key or secret are not where the file says.
        """
        key, word = (self._key(), self._secret()) if secret else ("", "")
        named = {name: self.facts[name] for name in ("base_url", "rate", "share") if name in self.facts}
        named |= {"store": self.store, "key": key, "secret": word}
        named |= {name: value for name, value in given.items() if value is not None}
        chosen = settings(**named)
        own = {name: f"account {self.name}" for name in named if given.get(name) is None}
        return replace(chosen, sources={**chosen.sources, **own})

    @property
    def asks_a_command(self) -> bool:
        """Whether its secret comes from a command, which may take a while."""
        return "secret_command" in self.facts

    def _key(self) -> str:
        if "key" in self.facts:
            return str(self.facts["key"])
        if "key_env" in self.facts:
            return self._of_variable(self.facts["key_env"], "key")
        return self._of_keyring("key")

    def _secret(self) -> str:
        if "secret_env" in self.facts:
            return self._of_variable(self.facts["secret_env"], "secret")
        if "secret_keyring" in self.facts:
            return self._of_keyring("secret")
        return self._of_command(self.facts["secret_command"])

    def _of_variable(self, variable: str, what: str) -> str:
        word = os.environ.get(variable)
        if not word:
            raise self._lacks(what, f"set {variable}")
        return word

    def _of_keyring(self, what: str) -> str:
        try:
            import keyring  # an optional extra
        except ImportError:
            raise self._lacks(
                what, "it is in a keyring, for which there is an extra: pip install 'smsdata[keyring]'"
            ) from None
        try:
            word = keyring.get_password("smsdata", f"{self.name}.{what}")
        except Exception as error:  # every backend has errors of its own; their texts are not ours to show
            raise self._lacks(what, f"the keyring cannot be read ({type(error).__name__})") from None
        if not word:
            raise self._lacks(what, f"run `keyring set smsdata {self.name}.{what}`")
        return str(word)

    def _of_command(self, words: list[str]) -> str:
        program = f"the command {Path(words[0]).name}"
        try:
            done = subprocess.run(  # noqa: S603 - a command of the owner's own file, without a shell
                words, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
                timeout=_PATIENCE, check=False,
            )  # fmt: skip
        except subprocess.TimeoutExpired:
            raise self._lacks("secret", f"{program} gave none within {_PATIENCE:.0f} s") from None
        except OSError as error:
            raise self._lacks("secret", f"{program} cannot be run ({error.strerror})") from None
        word = done.stdout.decode(errors="replace").split("\n")[0].rstrip("\r")
        if done.returncode or not word:
            raise self._lacks("secret", f"{program} ended with {done.returncode} and gave none")
        return word

    def _lacks(self, what: str, advice: str) -> ApiError:
        return ApiError(f"account {self.name} has no {what}: {advice}.", code="AUTH_FAILED_NO_DATA")


# ---- reading ---------------------------------------------------------------------------------------


def read_accounts(path: str | Path) -> dict[str, AccountEntry]:
    """Read the accounts of a file, by their names, in the order of the file.

    Raises
    ------
    UsageError
        There is no file, it is no TOML, or something in it is wrong: a secret, an unknown line, two accounts
        with one store. No value of the file stands in the message.
    StoreError
        Others can write to the file, or read it.
    """
    path = expanded(path)
    try:
        raw = tomllib.loads(_own_text(path))
    except FileNotFoundError:
        raise UsageError(
            f"there is no {path}: write it (docs/many-accounts.md), or name another with --accounts-file."
        ) from None
    except tomllib.TOMLDecodeError as error:
        at = re.search(r"\(at [^)]*\)", str(error))  # the rest may quote a value
        raise UsageError(f"{path} is not TOML {at[0] if at else ''}: correct it there.") from None
    listed = raw.pop("accounts", {})
    if raw or not isinstance(listed, dict):
        raise UsageError(f"{path}: only tables such as [accounts.sydney] may stand in it.")
    entries = {name: AccountEntry(name, _checked_facts(path, name, facts)) for name, facts in listed.items()}
    _refuse_doubles(path, entries.values())
    return entries


def account_entry(path: str | Path, name: str) -> AccountEntry:
    """Look up one account of a file; see `read_accounts`."""
    entries = read_accounts(path)
    if name not in entries:
        raise UsageError(f"{path} has no account {name!r:.80}. Accounts: {', '.join(entries) or 'none'}.")
    return entries[name]


def _own_text(path: Path) -> str:
    """The text of a file that nobody else can write or read: commands in it are run."""
    try:
        handle = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
        with os.fdopen(handle, "rb") as file:
            require_plain(handle)
            facts = os.fstat(handle)
            _refuse_open_file(path, facts)
            content = file.read(_LARGEST + 1)
        if len(content) > _LARGEST:
            raise UsageError(f"{path} is larger than a file of accounts can be.")
        return content.decode()
    except FileNotFoundError:
        raise
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or "it is no text in UTF-8"
        raise UsageError(f"{path} cannot be read: {reason}.") from None


def _refuse_open_file(path: Path, facts: os.stat_result) -> None:
    folder = path.absolute().parent.stat()
    if facts.st_uid not in {os.geteuid(), 0}:
        raise StoreError(
            f"{path} belongs to another user, and commands in it would be run: use one of your own."
        )
    if facts.st_mode & _CLOSED:
        raise StoreError(
            f"{path} can be read or written by others, and it says where secrets are: run `chmod 600 {path}`."
        )
    if folder.st_mode & stat.S_IWOTH and not folder.st_mode & stat.S_ISVTX:
        raise StoreError(
            f"{path.absolute().parent} can be written to by everybody: put {path.name} elsewhere."
        )


def _checked_facts(path: Path, name: str, facts: Any) -> dict[str, Any]:
    where = f"{path}: account {name if _NAME.fullmatch(name) else '(its name)'}"
    if not _NAME.fullmatch(name) or not isinstance(facts, dict):
        raise UsageError(f"{where}: a name is letters, digits, . _ and -, such as [accounts.sydney].")
    unknown = sorted(set(facts) - {*_KEY_FROM, *_SECRET_FROM, *_PLAIN})
    if any(re.search("secret|password|passwd|token", one.lower()) for one in unknown):
        raise UsageError(
            f"{where} holds a secret itself. Take it out, change it if others have seen the file, and say "
            "where it comes from: secret_env, secret_keyring or secret_command."
        )
    if unknown:
        known = ", ".join((*_KEY_FROM, *_SECRET_FROM, *_PLAIN))
        shown = ", ".join(one for one in unknown if _NAME.fullmatch(one))
        raise UsageError(f"{where} has unknown lines ({shown}). Known: {known}.")
    _refuse_shapes(where, facts)
    try:
        AccountEntry(name, facts).settings(secret=False)
    except UsageError as error:
        raise UsageError(f"{where}: {error}") from None
    return dict(facts)


def _refuse_shapes(where: str, facts: Mapping[str, Any]) -> None:
    for kinds, what in ((_KEY_FROM, "key"), (_SECRET_FROM, "secret")):
        if sum(one in facts for one in kinds) != 1:
            raise UsageError(
                f"{where} needs one line that says where its {what} comes from: {', '.join(kinds)}."
            )
    for field, value in facts.items():
        if not _fits(field, value):
            raise UsageError(f"{where}: {field} is not {_SHAPES[field]}.")


_A_VARIABLE = "the name of an environment variable in capitals with a low line"  # others may be the secret
_SHAPES = {
    "key": "a text without spaces and colons",
    "key_env": f"{_A_VARIABLE}, such as SYDNEY_KEY",
    "secret_env": f"{_A_VARIABLE}, such as SYDNEY_SECRET", "key_keyring": "true",
    "secret_keyring": "true", "secret_command": 'a list of words, such as ["pass", "show", "sms/sydney"]',
    "base_url": "an address", "rate": "a number", "share": "a number", "store": "a folder",
    "client_id": "a whole number",
}  # fmt: skip


def _fits(field: str, value: Any) -> bool:
    if field.endswith("_keyring"):
        return value is True
    if field.endswith("_env"):
        return isinstance(value, str) and _VARIABLE.fullmatch(value) is not None
    if field == "secret_command":
        words = isinstance(value, list) and all(isinstance(one, str) and "\0" not in one for one in value)
        return words and bool(value) and bool(value[0])
    if field in {"rate", "share", "client_id"}:
        kinds = int if field == "client_id" else int | float
        return isinstance(value, kinds) and not isinstance(value, bool)
    return isinstance(value, str) and bool(value) and (field != "key" or not re.search(r"[\s:]", value))


def _refuse_doubles(path: Path, entries: Iterable[AccountEntry]) -> None:
    """Two names for one account, or one store for two, would each be read twice or mixed up."""
    seen: dict[Any, str] = {}
    for entry in entries:
        marks: list[tuple[str, Any]] = [
            ("name", entry.name.lower()),
            ("store", entry.store.absolute().resolve()),
        ]
        if "key" in entry.facts:
            marks.append(("key and base URL", (entry.facts["key"], entry.settings(secret=False).base_url)))
        for what, mark in marks:
            other = seen.setdefault((what, mark), entry.name)
            if other != entry.name:
                raise UsageError(f"{path}: the accounts {other} and {entry.name} have the same {what}.")


# ---- adding ----------------------------------------------------------------------------------------


def add_accounts(path: str | Path, added: Mapping[str, Mapping[str, Any]]) -> None:
    """Add accounts at the end of a file, which is replaced whole and is its owner's alone.

    What stands in it stays as it is, comments too.

    Raises
    ------
    UsageError, StoreError
        The file, or what it would become, is refused; it is then left as it was.
    """
    path = expanded(path)
    before = ""
    with suppress(FileNotFoundError):
        before = _own_text(path)
    pieces = [before.rstrip("\n")] if before.strip() else []
    for name, facts in added.items():
        lines = [f"{field} = {_as_toml(value)}" for field, value in facts.items()]
        pieces.append("\n".join([f"[accounts.{_as_toml(name)}]", *lines]))
    temporary = path.absolute().parent / f".{path.name}.{secrets.token_hex(4)}"
    try:
        handle = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            file.write("\n\n".join(pieces) + "\n")
            file.flush()
            os.fsync(handle)
        with _told_of(temporary, path):
            read_accounts(temporary)
        temporary.replace(path)
    except OSError as error:
        raise StoreError(f"{path} cannot be written: {error.strerror}.") from None
    finally:
        temporary.unlink(missing_ok=True)


@contextmanager
def _told_of(temporary: Path, path: Path) -> Iterator[None]:
    try:
        yield
    except UsageError as error:
        raise UsageError(str(error).replace(str(temporary), str(path))) from None


def _as_toml(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int | float):
        return repr(value)
    return json.dumps(value)  # of ours only: ASCII, where JSON and TOML write alike
