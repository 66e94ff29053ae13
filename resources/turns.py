"""Manners towards vendors: no more requests a second than they allow, and no waiting for who is not there."""

import time
from collections import deque
from collections.abc import Callable
from threading import Lock


class Turns:
    """Turns with a least distance between them, shared by threads."""

    def __init__(
        self,
        per_second: float,
        sleep: Callable[[float], None] = time.sleep,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """The first turn is free; `sleep` and `clock` (monotonic seconds) are replaced in tests."""
        self._gap, self._sleep, self._clock = 1 / per_second, sleep, clock
        self._next, self._lock = float("-inf"), Lock()

    def wait(self) -> None:
        """Come back when it is this caller's turn."""
        with self._lock:
            now = self._clock()
            turn = max(now, self._next)
            self._next = turn + self._gap
        if turn > now:
            self._sleep(turn - now)


class Budget:
    """Turns at any pace, but no more than so many in any stretch of time; shared by threads."""

    def __init__(
        self,
        count: int,
        seconds: float,
        sleep: Callable[[float], None] = time.sleep,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """`count` turns within `seconds`, at most."""
        self._seconds, self._sleep, self._clock = seconds, sleep, clock
        self._taken: deque[float] = deque(maxlen=count)
        self._lock = Lock()

    def wait(self) -> None:
        """Come back when it is this caller's turn."""
        with self._lock:
            now = self._clock()
            full = len(self._taken) == self._taken.maxlen
            turn = max(now, self._taken[0] + self._seconds) if full else now
            self._taken.append(turn)
        if turn > now:
            self._sleep(turn - now)
