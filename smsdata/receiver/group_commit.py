"""Many requests, one fsync: callbacks that come together become durable together.

One thread writes; requests wait for it. Imports `store.spool` and `errors`.
"""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable

from smsdata.errors import StoreError
from smsdata.store.spool import Spool

MOST_WAITING = 20_000
TRIED_EVERY = 5.0
"""How old an answer to whether the disk can be written to may be, in seconds."""
_TRY = b""


class GroupCommit:
    """Puts callbacks into a spool, in groups; start it within the event loop of the requests.

    Parameters
    ----------
    spool
        Open for receiving.
    """

    def __init__(self, spool: Spool, clock: Callable[[], float] = time.monotonic) -> None:
        self._spool = spool
        self._clock = clock
        self._durable = False
        self._tried_at = float("-inf")
        self._loop = asyncio.get_running_loop()
        self._waiting: list[tuple[bytes, asyncio.Future[bool]]] = []
        self._wake = threading.Condition()
        self._ending = False
        self._thread = threading.Thread(target=self._write_groups, name="spool", daemon=True)
        self._thread.start()

    async def is_durable(self) -> bool:
        """Whether what comes can be written: as the last group could, or tried now where that is long ago."""
        if self._clock() - self._tried_at < TRIED_EVERY:
            return self._durable
        return await self.put(_TRY)

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
        durable, lines = False, [line for line, _ in group if line != _TRY]
        try:
            if lines:
                self._spool.append(lines)
            elif group:
                self._spool.try_to_write()
            durable = True
            self._spool.seal_when_old()
        except StoreError:
            pass
        finally:  # whatever went wrong: nobody waits for ever, and nobody is told that it is there
            if group:
                self._durable, self._tried_at = durable, self._clock()
                self._loop.call_soon_threadsafe(_settle_all, [done for _, done in group], durable)


def _settle_all(futures: list[asyncio.Future[bool]], durable: bool) -> None:
    for one in futures:
        if not one.done():  # its client may have left
            one.set_result(durable)
