"""A constant stream of one request, whatever becomes of the earlier ones: an open model.

A client that waits for an answer before it asks again sends nothing while a service hangs, and so sees one failure where
its users see a hundred. Here a request is sent on every beat. The rate is small: this is a witness, no load test.
"""

from __future__ import annotations

import asyncio
import contextlib
import threading
import time
from typing import Self

from readiness.instruments.poller import Ask, Resolve, Sample, ask_once, where_is

__all__ = ["SteadyLoad"]

#: So many unanswered at once are a service that is away: no more are sent until some have ended, and that is counted.
MOST_UNDER_WAY = 300


class SteadyLoad:
    """Sends for the length of a block, in a thread of its own.

    Args:
        ask: the request, and how long its caller waits.
        resolve: where the entry's port is; asked once.
        per_second: how many.

    Attributes:
        began: monotonic time of the first beat.
        left_out: beats without a request, because too many were under way.
        late_seconds: how late the latest beat was: this machine's doing, not the service's.
    """

    def __init__(self, ask: Ask, *, resolve: Resolve, per_second: float) -> None:
        self._ask, self._resolve, self._per_second = ask, resolve, per_second
        self._samples: list[Sample] = []
        self._ended = threading.Event()
        self._failure: BaseException | None = None
        self._thread = threading.Thread(target=self._run, name="readiness-load", daemon=True)
        self.began = time.monotonic()
        self.left_out = 0
        self.late_seconds = 0.0

    def __enter__(self) -> Self:
        """Begin."""
        self.began = time.monotonic()
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        """Send no more, and wait for those under way."""
        self._ended.set()
        self._thread.join(self._ask.timeout_seconds + 5)

    def samples(self) -> tuple[Sample, ...]:
        """All that have ended, in the order sent.

        Raises:
            RuntimeError: the load has died, which is our bug; the cause is chained.
        """
        if self._failure is not None:
            raise RuntimeError("the load died") from self._failure
        return tuple(sorted(self._samples, key=lambda sample: sample.sent))

    def _run(self) -> None:
        try:
            asyncio.run(self._main())
        except BaseException as error:  # noqa: BLE001  # reported by samples() in the caller's thread
            self._failure = error

    async def _main(self) -> None:
        where = await where_is(self._resolve, self._ask)
        under_way: set[asyncio.Task[None]] = set()

        async def one() -> None:
            self._samples.append(await ask_once(self._ask, where))

        beat = 0
        began = time.monotonic()
        while not self._ended.is_set():
            due = began + beat / self._per_second
            await asyncio.sleep(max(0.0, due - time.monotonic()))
            self.late_seconds = max(self.late_seconds, time.monotonic() - due)
            beat += 1
            if len(under_way) >= MOST_UNDER_WAY:
                self.left_out += 1
                continue
            task = asyncio.create_task(one())
            under_way.add(task)
            task.add_done_callback(under_way.discard)
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(self._ask.timeout_seconds + 1):
                await asyncio.gather(*under_way)
