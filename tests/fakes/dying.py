"""Wrappers that die, lose answers, or count, around a real broker and a real ledger."""

from collections.abc import Callable

from learnfinance_dagster.errors import TransientError
from learnfinance_dagster.trading.desk import Desk

BROKER_ACTS = ("settle", "submit")
LEDGER_ACTS = ("record_intent", "record_order", "record_outcome")


class Killed(BaseException):
    """The process ends here: nothing may catch it."""


def killed() -> None:
    raise Killed


class Fuse:
    """Counts the moments before and after each act on the outside world; at moment `at` it does `blow`."""

    def __init__(self, at: int | None = None, blow: Callable[[], None] = killed) -> None:
        self.at, self.blow = at, blow
        self.moments: list[str] = []

    def tick(self, moment: str) -> None:
        self.moments.append(moment)
        if self.at == len(self.moments) - 1:
            self.blow()


class Fused:
    """Lets everything through, with a tick before and after each of the acts."""

    def __init__(self, inner: object, acts: tuple[str, ...], fuse: Fuse) -> None:
        self._inner, self._acts, self._fuse = inner, acts, fuse

    def __getattr__(self, name: str):
        found = getattr(self._inner, name)
        if name not in self._acts:
            return found

        def act(*arguments):
            self._fuse.tick(f"before {name}")
            answer = found(*arguments)
            self._fuse.tick(f"after {name}")
            return answer

        return act


class ForgetfulBroker:
    """Takes every order, but the answers to the first `lost` get lost; optionally it cannot be asked either."""

    def __init__(self, inner: object, lost: int, *, deaf: bool = False) -> None:
        self._inner, self._lost, self.deaf, self.sent = inner, lost, deaf, []

    def __getattr__(self, name: str):
        return getattr(self._inner, name)

    def submit(self, order, week):
        self.sent.append(order.client_order_id)
        record = self._inner.submit(order, week)
        if len(self.sent) <= self._lost:
            raise TransientError("the answer was lost")
        return record

    def find(self, client_order_id):
        if self.deaf and self.sent:
            raise TransientError("the broker does not answer")
        return self._inner.find(client_order_id)


def fused(desk: Desk, fuse: Fuse) -> Desk:
    """The same desk, its broker and ledger wired to the fuse."""
    broker, ledger = Fused(desk.broker, BROKER_ACTS, fuse), Fused(desk.ledger, LEDGER_ACTS, fuse)
    return Desk(desk.account, broker, ledger, desk.costs, desk.parameters, desk.initial_cash)
