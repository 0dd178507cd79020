"""What all commands share: the app, the common options, exit codes, printing.

Words and progress go to stderr; stdout holds the result, and with ``--json`` exactly one JSON object.
Exit codes: 0 done; 1 error; 2 wrong usage; 3 done, but something needs a look; 4 the store is locked;
5 refused by a safety rule; 130 interrupted. Imports `completing`, `log_lines`,
`settings`, `gateway`, `store` and `schema`; the files of the commands import it, and it none of them.
"""

from __future__ import annotations

import importlib.metadata
import inspect
import json
import logging
import os
import sys
import traceback
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, fields
from functools import cache, wraps
from pathlib import Path
from types import MappingProxyType
from typing import Annotated, Any, cast

import typer
from stamina.instrumentation import set_on_retry_hooks
from typer.exceptions import Abort, TyperException

from smsdata.account_file import DEFAULT_FILE, account_entry
from smsdata.cli.completing import account_names
from smsdata.cli.log_lines import LogFormat, close_streams, log_to_stderr, log_words, stderr_if_read
from smsdata.errors import ApiError, SmsDataError, UsageError
from smsdata.gateway.client import Client
from smsdata.schema.memory import collect_seldom, share_arenas
from smsdata.settings import Settings, settings
from smsdata.store.store import Store, existing_store

app = typer.Typer(
    name="smsdata",
    help="Turn an SMS account into DataFrames you can trust.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,  # its tracebacks show local variables, and so credentials
)

NEEDS_ATTENTION = 3
INTERRUPTED = 130


@dataclass(frozen=True)
class CommonOptions:
    """The options that every command takes."""

    base_url: Annotated[str | None, typer.Option(help="Address of the gateway [SMSDATA_BASE_URL].")] = None
    rate: Annotated[str | None, typer.Option(help="Calls a second the account may make [SMSDATA_RATE].")] = (
        None
    )
    share: Annotated[str | None, typer.Option(help="Share of that rate to use, up to 1 [SMSDATA_SHARE].")] = (
        None
    )
    store: Annotated[str | None, typer.Option(help="Folder of the store [SMSDATA_STORE].")] = None
    ca_bundle: Annotated[
        str | None,
        typer.Option(help="Certificates to trust, beside the usual ones [SMSDATA_CA_BUNDLE]."),
    ] = None
    proxy: Annotated[str | None, typer.Option(help="Proxy on the way to the gateway [SMSDATA_PROXY].")] = None
    account: Annotated[
        str | None,
        typer.Option(help="The account of this name, of the file of accounts.", autocompletion=account_names),
    ] = None
    accounts_file: Annotated[str, typer.Option(help="The file of accounts.")] = DEFAULT_FILE
    now: Annotated[str | None, typer.Option(help="Take this instant as now, for tests.")] = None
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object and nothing else.")] = False
    quiet: Annotated[bool, typer.Option("--quiet", help="Say nothing on exit 0, and why on any other.")] = (
        False
    )
    log_format: Annotated[
        LogFormat, typer.Option(help="How stderr is written: text, or json, one object a line.")
    ] = "text"
    given = cast(
        Mapping[str, str], MappingProxyType({})
    )  # no option itself: what the command line names: parameter, option
    held = cast(list[str], ())  # no option either: the lines of a quiet command
    afterwards = cast(list[Callable[[int], None]], ())  # nor this: what is done once the exit code is known

    def refuse_ignored(self, because: str, *names: str) -> None:
        """Refuse options of the command line that would do nothing; `because` says what makes them idle."""
        idle = [option for name, option in self.given.items() if name in names]
        if idle:
            verb, them = ("does", "it") if len(idle) == 1 else ("do", "them")
            raise UsageError(f"{', '.join(idle)} {verb} nothing here: {because}. Leave {them} out.")

    def refuse_empty(self, values: Mapping[str, Any]) -> None:
        """Refuse options of the command line without a value, as a variable that is not set gives them."""
        for name, option in self.given.items():
            value = values.get(name)
            texts = value if isinstance(value, list | tuple) else [value]
            if name in _NONE_IF_EMPTY or not option.startswith("-"):
                continue
            if any(isinstance(one, str) and not one.strip(" ,") for one in texts):
                raise UsageError(
                    f"{option} is empty, as a shell's variable that is not set makes it: set the variable, "
                    f"or leave {option} out."
                )

    def settings(self, *, secret: bool = True) -> Settings:
        """The settings in force; without `secret` those that need neither key nor secret of an account."""
        given = {
            "base_url": self.base_url, "rate": self.rate, "share": self.share, "store": self.store,
            "ca_bundle": self.ca_bundle, "proxy": self.proxy,
        }  # fmt: skip
        if self.account is None:
            return settings(**given)
        return account_entry(self.accounts_file, self.account).settings(secret=secret, **given)

    def client(self) -> Client:
        """The account."""
        chosen = self.settings()
        require_credentials(chosen)
        return client_of(chosen, self.now)

    def open_store(self) -> Store:
        """The store."""
        return Store(self.settings(secret=False).store)

    def existing_store(self) -> Store:
        """The store, for commands that only read it."""
        return existing_store(self.settings(secret=False).store)

    def say(self, *lines: str, account: str = "") -> None:
        """Print lines for a person, to stderr; `account` is whose they are, where several are at it."""
        if not self.quiet:
            log_words(*lines, account=account)

    def look(self, *lines: str, account: str = "") -> None:
        """Print lines that say why an exit code is not 0, to stderr, also when all else is quiet."""
        log_words(*lines, level=logging.WARNING, account=account)

    def show(self, result: dict[str, Any], *lines: str) -> None:
        """Print the result to stdout: as JSON, or as lines, which when quiet wait for a code not 0."""
        if self.as_json:
            _print_out(json.dumps(result, default=str))
        elif self.quiet:
            self.held.extend(lines)
        else:
            _print_out(*lines)


def client_of(chosen: Settings, now: str | None = None) -> Client:
    """The account of these settings."""
    return Client(
        key=chosen.key, secret=chosen.secret.reveal(), base_url=chosen.base_url, rate=chosen.rate,
        share=chosen.share, now=now, ca_bundle=chosen.ca_bundle, proxy=chosen.proxy,
    )  # fmt: skip


def _print_out(*lines: str) -> None:
    """Print to stdout at once."""
    try:
        print("\n".join(lines), flush=True)
    except BrokenPipeError:
        raise
    except OSError as error:  # what is buffered must not fail again at the end of the process
        close_streams()
        raise SmsDataError(f"the result cannot be written to stdout: {error.strerror}.") from None


_NONE_IF_EMPTY = ("proxy", "ca_bundle")
"""The options that say by an empty value that what the environment names is not to be used."""
ACCOUNT = ("base_url", "rate", "share", "ca_bundle", "proxy", "now")
"""The common options that only a command uses which asks the gateway."""


def require_credentials(chosen: Settings) -> None:
    """Refuse to go on without key and secret, before their account is compared with a store's."""
    missing = [
        variable
        for variable, value in (("SMSDATA_API_KEY", chosen.key), ("SMSDATA_API_SECRET", chosen.secret))
        if not value
    ]
    if missing:
        raise ApiError(
            f"there are no credentials: set {' and '.join(missing)}; `smsdata config` shows what is set.",
            code="AUTH_FAILED_NO_DATA",
        )


def _named_options(context: typer.Context) -> dict[str, str]:
    sources = {one.name or "": context.get_parameter_source(one.name or "") for one in context.command.params}
    return {
        one.name or "": one.opts[0]
        for one in context.command.params
        if getattr(sources[one.name or ""], "name", "") == "COMMANDLINE"
    }


def command(name: str) -> Callable[[Callable[..., int | None]], Callable[..., None]]:
    """Make a command of a function that takes `CommonOptions` and options of its own.

    The function gives the exit code, or None for 0.
    """

    def register(function: Callable[..., int | None]) -> Callable[..., None]:
        own = [
            p for p in inspect.signature(function, eval_str=True).parameters.values() if p.name != "common"
        ]
        kinds = inspect.get_annotations(CommonOptions, eval_str=True)
        shared = [
            inspect.Parameter(
                f.name, inspect.Parameter.KEYWORD_ONLY, default=f.default, annotation=kinds[f.name]
            )
            for f in fields(CommonOptions)
        ]
        context = inspect.Parameter(
            "context", inspect.Parameter.POSITIONAL_OR_KEYWORD, annotation=typer.Context
        )

        @wraps(function)
        def run(context: typer.Context, **given: Any) -> None:
            common = CommonOptions(**{f.name: given.pop(f.name) for f in fields(CommonOptions)})
            object.__setattr__(common, "given", _named_options(context))  # no options of their own
            object.__setattr__(common, "held", [])
            object.__setattr__(common, "afterwards", [])
            log_to_stderr(common.log_format)

            def work() -> int | None:
                common.refuse_empty({**vars(common), **given})
                if common.account is None and name != "accounts" and not given.get("all_accounts"):
                    common.refuse_ignored("it says where --account is looked up", "accounts_file")
                return function(common, **given)

            # a bar among JSON objects could not be read, and where little is to be said it is much
            with _without_bars(common.as_json or common.quiet or common.log_format == "json"):
                code = _exit_code(common, name, work)
            for do in common.afterwards:
                do(code)
            raise typer.Exit(code)

        # Typer reads the options from the signature: give it one that holds the common options too.
        parameters = [context, *own, *shared]
        run.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
        run.__annotations__ = {p.name: p.annotation for p in parameters}
        app.command(name)(run)
        return run

    return register


@contextmanager
def _without_bars(without: bool) -> Iterator[None]:
    before = os.environ.get("SMSDATA_PROGRESS")
    if without:
        os.environ["SMSDATA_PROGRESS"] = "0"
    try:
        yield
    finally:
        if without and before is None:
            del os.environ["SMSDATA_PROGRESS"]
        elif without and before is not None:
            os.environ["SMSDATA_PROGRESS"] = before


_WHEN_INTERRUPTED = {
    "sync": "; what was read is kept, run it again to go on",
    "clean": "; a change under way may have been made: the same command looks and goes on from there",
}


def _exit_code(common: CommonOptions, name: str, work: Callable[[], int | None]) -> int:
    try:
        code = work() or 0
        if code and common.held:
            _print_out(*common.held)
    except KeyboardInterrupt:
        log_words(f"smsdata: interrupted{_WHEN_INTERRUPTED.get(name, '')}.", level=logging.ERROR)
        return INTERRUPTED
    except BrokenPipeError:
        close_streams()
        return 1
    except Exception as error:
        if not isinstance(error, SmsDataError | OSError) and os.environ.get("SMSDATA_TRACEBACK"):
            raise
        return _say_failure(common.as_json, failure_of(error))
    return code


@dataclass(frozen=True)
class WhyFailed:
    """Why something failed: in one line, with a code and the exit code that follows."""

    text: str
    exit_code: int = 1
    code: str = ""
    status: int | None = None

    def as_json(self) -> dict[str, Any]:
        """What stands under ``error`` with --json."""
        return {"code": self.code, "status": self.status, "message": self.text}


def failure_of(error: Exception) -> WhyFailed:
    """Say why something failed, without a word that may be somebody's number."""
    if isinstance(error, SmsDataError):
        return WhyFailed(str(error), error.exit_code, error.code, error.status)
    if isinstance(error, OSError):
        where = f"{error.filename}: " if error.filename else ""
        return WhyFailed(f"{where}{error.strerror or error}. Correct that and run it again.")
    at = traceback.extract_tb(error.__traceback__)[-1]  # a fault of ours
    text = (
        f"unexpected {type(error).__name__} in {Path(at.filename).name} line {at.lineno}, a fault of "
        "smsdata: please report it. SMSDATA_TRACEBACK=1 shows all of it, which may hold phone numbers."
    )
    return WhyFailed(text, code="UNEXPECTED")


def _say_failure(as_json: bool, failure: WhyFailed) -> int:
    """Say why a command failed: in one line, and with --json in one object too."""
    if as_json:
        with suppress(OSError):
            print(json.dumps({"error": failure.as_json()}), flush=True)
    facts = {"code": failure.code, "status": failure.status, "exit_code": failure.exit_code}
    log_words(f"smsdata: {failure.text}", level=logging.ERROR, **facts)
    return failure.exit_code


def _print_version(asked: bool) -> None:
    if asked:
        print(f"smsdata {importlib.metadata.version('smsdata')}")
        raise typer.Exit


@app.callback()
def without_command(
    _version: Annotated[
        bool,
        typer.Option(
            "--version", callback=_print_version, is_eager=True, help="Show the version of smsdata and exit."
        ),
    ] = False,
) -> None:
    """Hold the options that stand before a command; their own callbacks do the work."""


@cache
def _built() -> Callable[..., Any]:
    """The commands as Typer builds them: once, for building takes longer than most command lines."""
    return typer.main.get_command(app)


def run(arguments: Sequence[str]) -> int:
    """Run one command line; gives its exit code."""
    try:
        return int(_built()(list(arguments), standalone_mode=False, windows_expand_args=False) or 0)
    except TyperException as error:
        if "--json" in arguments:
            wrong = {"code": "USAGE", "status": None, "message": error.format_message()}
            _print_out(json.dumps({"error": wrong}))
        _show_usage(error, arguments)
        return error.exit_code
    except Abort:
        return INTERRUPTED


def _show_usage(error: TyperException, arguments: Sequence[str]) -> None:
    """Say what is wrong with a command line that was not understood, in the format that it asks for."""
    if "--log-format json" in " ".join(arguments).replace("=", " "):
        log_to_stderr("json")
        log_words(error.format_message(), level=logging.ERROR, code="USAGE", exit_code=error.exit_code)
        return
    show = getattr(error, "show", None)
    if show is not None:
        with stderr_if_read():
            show(sys.stderr)


def main() -> None:
    """Run the command line."""
    share_arenas()
    collect_seldom()
    for handle in range(3):  # one that is closed would be given to a file of the store, and be written to
        with suppress(OSError):
            os.fstat(handle)
            continue
        os.open(os.devnull, os.O_RDWR)
    for name, mode in (("stdin", "r"), ("stdout", "w"), ("stderr", "w")):
        if getattr(sys, name) is None:  # closed by whoever started us: print would take the other one
            setattr(sys, name, open(os.devnull, mode))  # noqa: SIM115, PTH123 - it lives as long as we do
    set_on_retry_hooks(())  # with structlog installed they would print to stdout
    try:
        code = run(sys.argv[1:])
        sys.stdout.flush()
        sys.stderr.flush()
    except (OSError, SmsDataError) as error:  # help or an error that nobody takes: a closed pipe, a full disk
        close_streams()
        if not isinstance(error, BrokenPipeError):
            log_to_stderr("text")
            log_words(f"smsdata: {error}", level=logging.ERROR)
        code = 1
    if code == INTERRUPTED:  # a call under way may hang: nobody waits for its thread
        with suppress(OSError, ValueError):
            sys.stderr.flush()
        os._exit(INTERRUPTED)
    sys.exit(code)
