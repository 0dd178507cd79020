"""Many requests, one fsync: callbacks that come together become durable together.

One thread writes; requests wait for it. Imports `store.spool` and `errors`.
"""

from __future__ import annotations

import asyncio
import threading

from smsdata.errors import StoreError
from smsdata.store.spool import Spool

MOST_WAITING = 20_000


class GroupCommit:
    """Puts callbacks into a spool, in groups; start it within the event loop of the requests.

    Parameters
    ----------
    spool
        Open for receiving.
    """

    def __init__(self, spool: Spool) -> None:
        self.durable = True
        """Whether the last group could be written."""
        self._spool = spool
        self._loop = asyncio.get_running_loop()
        self._waiting: list[tuple[bytes, asyncio.Future[bool]]] = []
        self._wake = threading.Condition()
        self._ending = False
        self._thread = threading.Thread(target=self._write_groups, name="spool", daemon=True)
        self._thread.start()

    async def put(self, line: bytes) -> bool:
        """Wait until a line is durable; gives False when it is not known to be."""
        done: asyncio.Future[bool] = self._loop.create_future()
        with self._wake:
            if self._ending or len(self._waiting) >= MOST_WAITING:
                return False
            self._waiting.append((line, done))
            self._wake.notify()
        return await done

    def close(self) -> None:
        """Write what waits, and end the thread."""
        with self._wake:
            self._ending = True
            self._wake.notify()
        self._thread.join()

    def _write_groups(self) -> None:
        while True:
            with self._wake:
                if not self._waiting and not self._ending:
                    self._wake.wait(1.0)
                group, self._waiting = self._waiting, []
                if not group and self._ending:
                    return
            self._write(group)

    def _write(self, group: list[tuple[bytes, asyncio.Future[bool]]]) -> None:
        durable = False
        try:
            if group:
                self._spool.append([line for line, _ in group])
            durable = True
            self._spool.seal_when_old()
        except StoreError:
            pass
        finally:  # whatever went wrong: nobody waits for ever, and nobody is told that it is there
            if group:
                self.durable = durable
                self._loop.call_soon_threadsafe(_settle_all, [done for _, done in group], durable)


def _settle_all(futures: list[asyncio.Future[bool]], durable: bool) -> None:
    for one in futures:
        if not one.done():  # its client may have left
            one.set_result(durable)
