"""A simulated account kept as one JSON file: readable, whole at any time, changed by one process at a time."""

import fcntl
from collections.abc import Iterator
from contextlib import contextmanager
from decimal import Decimal
from pathlib import Path

from learnfinance_dagster.documents import from_json, to_json
from learnfinance_dagster.trading.simulation import SimulatedAccount
from resources.files import write_atomic


class FileAccountStore:
    """`AccountStore` on a file; the account opens with its initial cash when the file does not exist."""

    def __init__(self, path: Path, initial_cash: Decimal) -> None:
        """Keep the account at `path`."""
        self._path, self._initial_cash = path, initial_cash

    def load(self) -> SimulatedAccount:
        """The state as last saved."""
        if not self._path.exists():
            return SimulatedAccount(cash=self._initial_cash)
        return from_json(SimulatedAccount, self._path.read_text(encoding="utf-8"))

    @contextmanager
    def change(self) -> Iterator[SimulatedAccount]:
        """The state under an exclusive lock; saved when the block ends well."""
        self._path.parent.mkdir(parents=True, exist_ok=True)
        with self._path.with_suffix(".lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            state = self.load()
            yield state
            write_atomic(self._path, to_json(state).encode())
