"""Yahoo's daily bars, as yfinance gets them: one request a name, one after the other, in small groups."""

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import date
from functools import cached_property
from typing import TYPE_CHECKING

from learnfinance_dagster.errors import DataError, RefusedError, SilentError, TransientError
from learnfinance_dagster.symbols import is_index
from resources.live_market.as_traded import Action, OneName, as_traded
from resources.live_market.fetched import Prices, Want, actions_of, frame_of
from resources.turns import Turns

if TYPE_CHECKING:
    import pandas as pd

    from resources.live_market.yahoo_client import YahooMarketClient

URL = "https://finance.yahoo.com"
GROUP = 50
"""Names whose bars are kept at once."""
TRIES = 3
"""Times that a name is asked for, and failures in a row after which nobody else is."""
PAUSE = 5.0
"""Seconds before the second try, twice that before the third. Yahoo does not say how long it wants to be left alone."""
NOBODY = 5
"""So many names without any bar, and none with, is no accident of theirs."""


@dataclass(slots=True)
class _Group:
    """What was found of the names of one group."""

    bars: "list[pd.DataFrame]" = field(default_factory=list)
    actions: list[Action] = field(default_factory=list)
    missing: dict[str, str] = field(default_factory=dict)
    odd: list[str] = field(default_factory=list)

    def add(self, name: OneName) -> None:
        self.bars.append(name.bars)
        self.actions += name.actions
        self.odd += name.odd

    def told(self) -> Prices:
        return Prices(frame_of(self.bars), actions_of(self.actions), dict(self.missing), tuple(self.odd))


class YahooPrices:
    """`PriceSource` of Yahoo."""

    name = "yahoo"

    def __init__(
        self,
        url: str = URL,
        turns: Turns | None = None,
        timeout: tuple[float, float] | None = None,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        """Nothing is asked yet.

        Args:
            url: one other than Yahoo's stands for all hosts of Yahoo.
            turns: spread the requests; by default four a second.
            timeout: seconds to connect, and then for an answer.
            sleep: waits between the tries of a name; for tests.
        """
        self._url, self._turns, self._timeout, self._sleep = url, turns or Turns(4.0), timeout, sleep

    def prices(self, wants: Sequence[Want], through: date) -> Iterator[Prices]:
        """See `PriceSource.prices`."""
        failures = found = 0
        for start in range(0, len(wants), GROUP):
            group = _Group()
            for want in wants[start : start + GROUP]:
                try:
                    self._add(want, through, group)
                    failures, found = 0, found + 1
                except SilentError:
                    yield group.told()
                    raise
                except TransientError as error:
                    failures += 1
                    group.missing[want.symbol] = str(error)
                    if failures == TRIES:
                        yield group.told()
                        raise
                except (DataError, RefusedError) as error:
                    group.missing[want.symbol] = str(error)
            yield group.told()
            if not found and len(group.missing) >= NOBODY:
                why = next(iter(group.missing.values()))
                msg = f"Yahoo gave no bars for any of {len(group.missing)} names: {why}"
                raise TransientError(msg)

    def _add(self, want: Want, through: date, group: _Group) -> None:
        """Ask for one name.

        Raises:
            TransientError: Yahoo is busy, again and again.
            DataError: there are no bars, or none that can be used; so much as a reason.
        """
        table = self._table(want)
        name = as_traded(want.symbol, table, through)
        if name.bars.empty:
            msg = f"Yahoo has no bars from {want.since} to {through}"
            raise DataError(msg)
        group.add(name)

    def _table(self, want: Want) -> "pd.DataFrame":
        for attempt in range(1, TRIES + 1):
            try:
                return self._client.daily(wire(want.symbol), want.since)
            except SilentError:
                raise
            except TransientError:
                if attempt == TRIES:
                    raise
                self._sleep(PAUSE * attempt)
        raise AssertionError

    @cached_property
    def _client(self) -> "YahooMarketClient":
        from resources.live_market.yahoo_client import YahooMarketClient

        return YahooMarketClient(self._turns, self._url, self._timeout)


def wire(symbol: str) -> str:
    """Yahoo writes share classes with a hyphen."""
    return symbol if is_index(symbol) else symbol.replace(".", "-")
