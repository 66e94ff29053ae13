"""What a share of an old filing is worth today."""

import pandas as pd


def prices_at_filing(bars: pd.DataFrame, filings: pd.DataFrame) -> "pd.Series[float]":
    """The last close of each name, on the share basis of its newest filing.

    Statements count shares as of the day they become public, splits up to then included (SEC Staff Accounting Bulletin,
    topic 4.C). After a 4-for-1 split later on each of them is four, so the close is multiplied by the splits since
    then. Splits before the window of `bars` are not seen: a newest filing that old is stale anyway.

    Args:
        bars: as-traded bars known at the decision: date, symbol, close, split_ratio; sorted by symbol, date.
        filings: symbol, available_on; the newest counts.

    Returns:
        USD per share of the filing, by symbol; names without a bar or a filing are absent.
    """
    public = filings.dropna(subset="available_on").groupby("symbol")["available_on"].max()
    since = bars["symbol"].map(public)
    known = bars[since.notna()]
    later = known[known["date"].astype(object) > since[since.notna()].astype(object)]
    factor = later.groupby("symbol")["split_ratio"].prod()
    close = known.groupby("symbol")["close"].last()
    return close * factor.reindex(close.index, fill_value=1.0)
