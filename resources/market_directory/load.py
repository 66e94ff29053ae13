"""Read a market directory, check all of it, and only then hand it over."""

from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from learnfinance_dagster.errors import DataError
from learnfinance_dagster.ports import MarketInfo, PriceBasis
from learnfinance_dagster.schemas.market import MARKET_FILES
from resources.market_directory.checks import check_keys, check_shape, check_values
from resources.market_directory.manifest import FILE, Manifest, describe, read_manifest
from resources.market_directory.rules import (
    check_actions,
    check_adjustment,
    check_interval,
    check_prices,
    check_sessions,
    check_spans,
)
from resources.market_directory.sheet import Sheet, read_sheet


@dataclass(frozen=True, slots=True)
class MarketFrames:
    """The files of a market directory, as `learnfinance_dagster.schemas.market` describes them; None where absent."""

    info: MarketInfo
    bars: pd.DataFrame
    actions: pd.DataFrame | None = None
    holdings: pd.DataFrame | None = None
    membership: pd.DataFrame | None = None
    news: pd.DataFrame | None = None
    news_coverage: pd.DataFrame | None = None
    fundamentals: pd.DataFrame | None = None
    notes: pd.DataFrame | None = None


def load(directory: Path) -> MarketFrames:
    """Read and check a market directory. Nothing is returned unless everything is right.

    Raises:
        DataError: the first fault, always looked for in the same order: `market.json`, then the files in the order
            of `MARKET_FILES`; within a file names, dtypes, nulls, values, keys, and the rules between rows and files.
    """
    if not directory.is_dir():
        msg = f"there is no folder {directory}"
        raise DataError(msg)
    for path in sorted(directory.glob("*.parquet")):
        if path.stem not in MARKET_FILES:
            msg = f"{path.name} is unknown; the files of a market directory are {', '.join(MARKET_FILES)}"
            raise DataError(msg)
    manifest = read_manifest(directory)
    sheets: dict[str, Sheet] = {}
    for stem, spec in MARKET_FILES.items():
        path = directory / f"{stem}.parquet"
        if stem == "bars" or path.exists():
            sheets[stem] = _check(stem, read_sheet(path, spec), sheets, manifest.price_basis)
        if stem == "actions":
            _check_dividends_known(sheets, manifest)
        if stem == "news_coverage":
            _check_news_there(sheets)
    frames = {stem: sheet.table.to_pandas(ignore_metadata=True) for stem, sheet in sheets.items()}
    return MarketFrames(describe(manifest, frames["bars"], frames.get("membership")), **frames)


def _check(stem: str, sheet: Sheet, sheets: dict[str, Sheet], basis: PriceBasis) -> Sheet:
    sheet = check_shape(sheet)
    check_values(sheet)
    if stem == "bars":
        check_bars(sheet, basis)
        return sheet
    check_keys(sheet)
    if stem == "actions":
        check_actions(sheet, sheets["bars"], basis)
    if stem == "membership":
        check_interval(sheet, "start_date", "end_date")
    if stem == "news_coverage":
        check_spans(sheet)
    if stem == "fundamentals":
        check_interval(sheet, "fiscal_date_ending", "available_on")
    return sheet


def check_bars(sheet: Sheet, basis: PriceBasis) -> None:
    """Check the rows of bars whose columns are right already.

    Raises:
        DataError: no rows, impossible prices, doubled or unsorted rows, no session, a negative dividend.
    """
    if not len(sheet.table):
        msg = f"{sheet.file} has no rows"
        raise DataError(msg)
    check_prices(sheet)
    check_keys(sheet)
    check_sessions(sheet, "date")
    if basis is PriceBasis.SPLIT_ADJUSTED and "adj_close" in sheet.table.column_names:
        check_adjustment(sheet)


def _check_dividends_known(sheets: dict[str, Sheet], manifest: Manifest) -> None:
    """Prices without dividends would pass for returns without a word."""
    if "actions" in sheets:
        return
    if manifest.price_basis is PriceBasis.AS_TRADED:
        msg = f"actions.parquet is missing: {FILE} says as_traded, so it is needed; it may have no rows"
        raise DataError(msg)
    if "adj_close" not in sheets["bars"].table.column_names:
        msg = "bars.parquet: column adj_close is missing: it is needed where there is no actions.parquet"
        raise DataError(msg)


def _check_news_there(sheets: dict[str, Sheet]) -> None:
    """Spans without headlines would make every day one without news."""
    if "news_coverage" in sheets and "news" not in sheets:
        msg = "news.parquet is missing: news_coverage.parquet says for which days it is complete; it may have no rows"
        raise DataError(msg)
