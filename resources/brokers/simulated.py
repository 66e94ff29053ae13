"""A simulated account kept as one JSON file: readable, whole at any time, changed by one process at a time."""

import fcntl
from collections.abc import Generator
from contextlib import contextmanager
from decimal import Decimal
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from learnfinance_dagster.documents import from_json
from learnfinance_dagster.errors import DataError
from learnfinance_dagster.trading.simulation import SimulatedAccount
from resources.files import write_atomic

if TYPE_CHECKING:
    from pydantic import TypeAdapter

_Stamp = tuple[int, int, int]


class FileAccountStore:
    """`AccountStore` on a file; the account opens with its initial cash when the file does not exist."""

    def __init__(self, path: Path, initial_cash: Decimal) -> None:
        """Keep the account at `path`."""
        self._path, self._initial_cash = path, initial_cash
        self._read: tuple[_Stamp, SimulatedAccount] | None = None
        """What the file held when it looked like that: an account of ten years is asked for often and takes long to
        parse."""

    def load(self) -> SimulatedAccount:
        """The state as last saved; callers copy it before they change it.

        Raises:
            DataError: the file is no account; the message names the fields.
        """
        stamp = self._stamp()
        if stamp is None:
            return SimulatedAccount(cash=self._initial_cash)
        if self._read is None or self._read[0] != stamp:
            self._read = stamp, from_json(SimulatedAccount, self._path.read_text(encoding="utf-8"))
        return self._read[1]

    @contextmanager
    def change(self) -> Generator[SimulatedAccount]:
        """The state under an exclusive lock; saved when the block ends well, else forgotten."""
        self._path.parent.mkdir(parents=True, exist_ok=True)
        with self._path.with_suffix(".lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            state = self.load()
            self._read = None
            yield state
            write_atomic(self._path, _text(state, self._path))
            stamp = self._stamp()
            self._read = (stamp, state) if stamp else None

    def _stamp(self) -> _Stamp | None:
        """Changes whenever the file does: each save is another file."""
        try:
            found = self._path.stat()
        except FileNotFoundError:
            return None
        return found.st_ino, found.st_mtime_ns, found.st_size


def _text(state: SimulatedAccount, path: Path) -> bytes:
    """What `from_json` reads. Not by `to_json`: that is thirty times as slow, and every order rewrites all of them."""
    odd = [name for name, amount in {"cash": state.cash, **state.positions}.items() if not amount.is_finite()]
    if odd:
        msg = f"{path.name}: {', '.join(odd)} is no finite number"
        raise DataError(msg)
    return _adapter().dump_json(state, indent=1) + b"\n"


@cache
def _adapter() -> "TypeAdapter[SimulatedAccount]":
    from pydantic import TypeAdapter

    return TypeAdapter(SimulatedAccount)
