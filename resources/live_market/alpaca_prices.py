"""Alpaca's daily bars as traded, many names a request, page by page, and the corporate actions beside them."""

from bisect import bisect_left
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import date, timedelta
from itertools import groupby
from typing import TYPE_CHECKING, Any

import pandas as pd

from learnfinance_dagster.calendar import NEW_YORK
from learnfinance_dagster.errors import ConfigurationError, DataError
from learnfinance_dagster.symbols import is_index
from resources.alpaca_data import NO_CREDENTIALS, PRICES_A_MINUTE, URL
from resources.credentials import secret
from resources.http import PatientSession
from resources.live_market.alpaca_actions import Events, Key, events_of
from resources.live_market.as_traded import Action, mended
from resources.live_market.fetched import Prices, Want, actions_of, frame_of

if TYPE_CHECKING:
    from resources.live_market.alpaca_client import PatientActionsClient, PatientBarsClient

GROUP = 100
"""Names a request, and names whose bars are kept at once."""
PAGE, ACTIONS_PAGE = 10_000, 1000
"""Rows a page; Alpaca gives no more."""
PROCESSED = timedelta(days=180)
"""Alpaca finds actions by the day on which they are processed: for a dividend the day of payment, long after its
ex-date."""
_FIELDS = {"o": "open", "h": "high", "l": "low", "c": "close", "v": "volume"}


class AlpacaPrices:
    """`PriceSource` of Alpaca."""

    name = "alpaca"

    def __init__(self, url: str = URL, feed: str = "sip", session: PatientSession | None = None) -> None:
        """Nothing is asked yet; the credentials are read when something is."""
        self._url, self._feed = url.rstrip("/"), feed
        self._session = session or PatientSession(a_minute=PRICES_A_MINUTE)

    def prices(self, wants: Sequence[Want], through: date) -> Iterator[Prices]:
        """See `PriceSource.prices`."""
        indices = {want.symbol: "Alpaca has no indices" for want in wants if is_index(want.symbol)}
        if indices:
            yield Prices(frame_of([]), actions_of([]), indices)
        asked = sorted((want for want in wants if want.symbol not in indices), key=lambda want: want.since)
        bars_client, actions_client = self._clients() if asked else (None, None)
        for since, same in groupby(asked, key=lambda want: want.since):
            names = [want.symbol for want in same]
            for start in range(0, len(names), GROUP):
                yield self._group(names[start : start + GROUP], since, through, bars_client, actions_client)

    def _group(
        self,
        names: list[str],
        since: date,
        through: date,
        bars_client: "PatientBarsClient | None",
        actions_client: "PatientActionsClient | None",
    ) -> Prices:
        span = {"symbols": ",".join(names), "sort": "asc"}
        bars = {
            "timeframe": "1Day",
            "start": since.isoformat(),
            "end": (through + timedelta(days=1)).isoformat(),
            "adjustment": "raw",
            "feed": self._feed,
            "asof": through.isoformat(),  # a renamed company's older bars come under its new ticker
            "limit": PAGE,
        }
        rows: dict[str, list[Any]] = {name: [] for name in names}
        for page in _pages(bars_client, span | bars, "bars"):
            for name, found in page.items():
                rows.get(name, []).extend(found)
        actions = {"start": since.isoformat(), "end": (through + PROCESSED).isoformat(), "limit": ACTIONS_PAGE}
        events = events_of(_pages(actions_client, span | actions, "corporate_actions"), through)
        return _told(rows, events, since, through)

    def _clients(self) -> "tuple[PatientBarsClient, PatientActionsClient]":
        from resources.live_market.alpaca_client import PatientActionsClient, PatientBarsClient

        key, hidden = secret("ALPACA_API_KEY"), secret("ALPACA_API_SECRET")
        if not key or not hidden:
            raise ConfigurationError(NO_CREDENTIALS)
        place = (key, hidden, self._url, self._session)
        return PatientBarsClient(*place), PatientActionsClient(*place)


def _pages(client: Any, parameters: dict[str, Any], what: str) -> Iterator[dict[str, list[Any]]]:
    """Every page. Where the token's field is missing, nobody knows whether that was all.

    Raises:
        DataError: an answer that is no page, or the same page again.
    """
    token, seen = None, set()
    while True:
        answer = client.one_page(parameters | ({"page_token": token} if token else {}))
        page = answer.get(what) if isinstance(answer, dict) else None
        is_page = page is None or (isinstance(page, dict) and all(isinstance(rows, list) for rows in page.values()))
        if not isinstance(answer, dict) or not {what, "next_page_token"} <= answer.keys() or not is_page:
            msg = f"Alpaca's {what.replace('_', ' ')} cannot be read: no {what} by name, or no next_page_token"
            raise DataError(msg)
        yield page or {}
        token = answer["next_page_token"]
        if not token:
            return
        if token in seen:
            msg = f"Alpaca's {what.replace('_', ' ')} go round in circles: a page token came twice"
            raise DataError(msg)
        seen.add(token)


def _told(rows: dict[str, list[Any]], events: Events, since: date, through: date) -> Prices:
    bars: list[pd.DataFrame] = []
    actions: list[Action] = []
    missing, odd = {}, list(events.odd)
    for name, found in rows.items():
        try:
            one = mended(name, _table(name, found, events), through)
        except DataError as error:
            missing[name] = str(error)
            continue
        if one.bars.empty:
            missing[name] = f"Alpaca has no bars from {since} to {through}"
            continue
        bars.append(one.bars)
        actions += [*_before(name, events, one.bars["date"].min()), *one.actions]
        odd += one.odd
    return Prices(frame_of(bars), actions_of(actions), missing, tuple(odd))


def _table(name: str, rows: Iterable[Any], events: Events) -> pd.DataFrame:
    """Rows of one name in the terms of `mended`.

    Raises:
        DataError: a row that is none, or a day twice.
    """
    try:
        table = pd.DataFrame(
            [{"date": _day(row["t"])} | {ours: float(row[theirs]) for theirs, ours in _FIELDS.items()} for row in rows],
            columns=pd.Index(["date", *_FIELDS.values()]),
        )
    except (KeyError, TypeError, ValueError) as error:
        msg = f"{name}: Alpaca's bars cannot be read ({type(error).__name__})"
        raise DataError(msg) from None
    if table["date"].duplicated().any():
        msg = f"{name} {table['date'][table['date'].duplicated()].iloc[0]}: two rows for the same day"
        raise DataError(msg)
    table = table.sort_values("date", ignore_index=True)
    split, dividend, days = [1.0] * len(table), [0.0] * len(table), table["date"].tolist()
    for place, value in _placed(name, events.splits, days):
        split[place] *= value
    for place, value in _placed(name, events.dividends, days):
        dividend[place] += value
    return table.assign(split=split, dividend=dividend)


def _placed(name: str, events: Mapping[Key, float], days: list[date]) -> Iterator[tuple[int, float]]:
    """The row at which each event of a name takes effect: after a halt the session of its return."""
    for (symbol, day), value in events.items():
        at = bisect_left(days, day)
        if symbol == name and at < len(days) and day >= days[0]:
            yield at, value


def _before(name: str, events: Events, first: date) -> Iterator[Action]:
    """Events of sessions before the bars: whoever keeps those bars may not have been told of them yet."""
    for kind, known in (("split", events.splits), ("dividend", events.dividends)):
        yield from (
            (name, day, kind, round(value, 6))
            for (symbol, day), value in known.items()
            if symbol == name and day < first
        )


def _day(text: str) -> date:
    """Alpaca stamps a day with its midnight in New York."""
    return pd.Timestamp(text).tz_convert(NEW_YORK).date()
