"""Nothing of people and no credential in any log: all at DEBUG while an account is synced and calls back."""

from __future__ import annotations

import logging
import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from smsdata import Client, Store, sync
from smsdata.errors import RowError
from smsdata.ingest.callbacks import ingest_callbacks
from smsdata.receiver.addresses import Addresses
from smsdata.receiver.application import CallbackApplication, Rules
from smsdata.receiver.server import receiving_in_thread
from smsdata.settings import Secret
from smsdata.simulator import Account, Faults, Gateway, running
from smsdata.simulator.courier import carry
from smsdata.simulator.outbox import SIGNATURE
from smsdata.store.spool import Spool, spool_folder
from tests.support.callers import fire, reply

KEY, SECRET = "CANARY-KEY", "CANARY-SECRET"
FAULTS = {"reset": 0.05, "error500": 0.05, "html502": 0.03, "odd_row": 0.1, "truncate": 0.03}


@contextmanager
def all_logged() -> Iterator[list[str]]:
    """Every record of every logger, with its traceback, whoever made it and on whichever thread."""
    lines: list[str] = []
    shape = logging.Formatter("%(name)s %(levelname)s %(message)s")
    lock = threading.Lock()

    class Keeping(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            with lock:
                lines.append(shape.format(record) + repr(record.args))

    root, handler = logging.getLogger(), Keeping(logging.DEBUG)
    loggers = [
        root,
        *(one for one in logging.Logger.manager.loggerDict.values() if isinstance(one, logging.Logger)),
    ]
    before = [(one, one.level, one.propagate, one.disabled) for one in loggers]
    for one in loggers:
        one.setLevel(logging.DEBUG)
        one.propagate, one.disabled = True, False
    root.addHandler(handler)
    try:
        yield lines
    finally:
        root.removeHandler(handler)
        for one, level, propagate, disabled in before:
            one.setLevel(level)
            one.propagate, one.disabled = propagate, disabled


def canaries(account: Account, addresses: Addresses) -> set[str]:
    """What must show nowhere: numbers, texts, names of people, credentials, tokens, signatures."""
    people = {str(number) for number in account.recipients["msisdn"].tolist()}
    people |= {str(one.msisdn) for one in account.state.inbox.replies}
    people |= {str(number) for target in account.contacts.lists.values() for number in target.members}
    texts = {send.text for send in account.sends} | {one.text for one in account.state.inbox.replies}
    signatures = {told.call.headers[SIGNATURE] for told in account.outbox.told}
    words = {piece for text in texts for piece in re.split(r"[\n\r]", text) if len(piece) > 7}
    assert min(len(people), len(words), len(signatures)) > 20
    return people | words | signatures | {KEY, SECRET, addresses.token()}


def shown(lines: list[str], secrets: set[str]) -> dict[str, int]:
    """How many kinds of canary stand in how many lines; the canaries themselves are not told."""
    hit = [line for line in lines if any(one in line for one in secrets)]
    return dict.fromkeys((line.split(" ")[0] for line in hit), len(hit))


def test_no_log_at_debug_holds_a_person_or_a_credential(tmp_path: Path) -> None:
    """Sync over HTTP through faults, callbacks of all kinds, and requests that are refused."""
    account = Account(seed=3, campaigns=6, recipients=30, singles=4, inbound=10, reply_rate=0.3)
    gateway = Gateway(account, limiter=None, key=KEY, secret=SECRET, faults=Faults(FAULTS, seed=3))
    store = Store(tmp_path / "store")
    folder = spool_folder(store.private)
    addresses = Addresses(folder)
    application = CallbackApplication(addresses, Rules(Secret(SECRET)), lambda: float(account.now))
    account.outbox.secret, account.outbox.post = SECRET, carry
    account.schedule(days=4, campaigns=4, recipients=30, singles=3, inbound=10)
    with (
        all_logged() as lines,
        running(gateway) as base_url,
        receiving_in_thread(application, Spool(folder)) as base,
    ):
        account.outbox.set(**addresses.urls(base))
        urls = addresses.urls(base)
        for _ in range(2):
            account.advance(days=2)
            with Client(key=KEY, secret=SECRET, base_url=base_url, rate=1e6, share=1) as client:
                sync(client, store)
                with suppress(RowError):  # a row that a fault spoilt
                    client.contact_history(msisdn=str(account.recipients["msisdn"][0]))
        member = next(iter(account.contacts.lists[3_100_001].present()))
        account.contacts.delete_member(member.msisdn, 3_100_001)
        fields = reply(5, 7, member.msisdn, "2026-11-25 00:00:00", account.sends[0].text)
        assert fire(urls["reply"], fields, x_transmitsms_signature=SECRET) == 403
        assert fire(f"{base}/{addresses.token()}x/reply", fields) == 404
        assert fire(f"{base}/{member.msisdn}/reply", fields, form=True) == 404
        assert fire(urls["reply"], {**fields, "datetime_entry": str(member.msisdn)}) == 200
        counts, _ = ingest_callbacks(store, secret=Secret(SECRET), now=account.time)
    assert {told.call.kind for told in account.outbox.told} >= {"dlr", "reply", "list"}
    assert all(told.accepted for told in account.outbox.told)
    assert counts.odd
    written = "\n".join(lines)
    for word in ("get-sms-sent", "reply 200", "dlr 200", "reply 403", "404"):  # else it would prove nothing
        assert word in written
    assert shown(lines, canaries(account, addresses)) == {}


def test_a_canary_in_a_log_is_found() -> None:
    account = Account(seed=3, campaigns=1, singles=0, inbound=0)
    with all_logged() as lines:
        logging.getLogger("anybody").debug("a number: %s", account.recipients["msisdn"][0])
        logging.getLogger("anybody").debug("nothing")
    assert shown(lines, {str(account.recipients["msisdn"][0])}) == {"anybody": 1}
