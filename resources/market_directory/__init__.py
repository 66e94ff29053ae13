"""A market made of a folder of Parquet files, as `docs/market-directory.md` describes it."""

from resources.market_directory.bars_csv import read_bars_csv
from resources.market_directory.load import MarketFrames, load
from resources.market_directory.market import DirectoryMarket

__all__ = ["DirectoryMarket", "MarketFrames", "load", "read_bars_csv"]
