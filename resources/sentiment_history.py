"""The history of daily sentiment on Hugging Face: a private repository of data, one Parquet file a year.

Nobody's rows are lost: what is there is read, completed and stored in one commit upon exactly what was read.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from io import BytesIO
from typing import TYPE_CHECKING

from learnfinance_dagster.calendar import week_from_key
from learnfinance_dagster.errors import ConfigurationError, DataError
from resources.credentials import needed, secret

if TYPE_CHECKING:
    import pandas as pd

    from resources.models.hub_repository import HubRepository, Tree

FILE = re.compile(r"daily_sentiment-(\d{4})\.parquet")
README = "README.md"
PAGE = """---
tags: [finance]
---
# Daily sentiment of news, by name

One row for each news day and name, a file for each year (of the week's Monday). `state` says whether the day was
fetched; the numbers of a day that was not are null. Written by LearnFinance on Dagster.
"""
HERE_ONLY = "kept on this disk only (LEARNFINANCE_MODELS=local)"


@dataclass(frozen=True, slots=True)
class SentimentHistoryDoor:
    """A `ports.SentimentHistory` that is opened when it is used."""

    endpoint: str
    """Of the Hub; empty: the history is kept on this disk only."""
    owner: str
    market: str

    def push(self, days: "pd.DataFrame") -> str:
        """See `ports.SentimentHistory`."""
        return HubHistory(self._repository()).push(days) if self.endpoint else HERE_ONLY

    def pull(self) -> "pd.DataFrame | None":
        """See `ports.SentimentHistory`."""
        return HubHistory(self._repository()).pull() if self.endpoint else None

    def _repository(self) -> "HubRepository":
        from resources.models.hub_repository import HubRepository

        needed("HF_TOKEN")
        if not self.owner:
            raise ConfigurationError("LEARNFINANCE_HUB_OWNER is not set: your user name on Hugging Face")
        name = f"{self.owner}/learnfinance-{self.market}-daily-sentiment"
        return HubRepository(name, self.endpoint, lambda: secret("HF_TOKEN"), private=True, kind="dataset")


@dataclass(frozen=True, slots=True)
class HubHistory:
    """The history in a repository."""

    repository: "HubRepository"

    def push(self, days: "pd.DataFrame") -> str:
        """See `ports.SentimentHistory`."""
        from learnfinance_dagster.signals.daily_sentiment import completed
        from resources.models.hub_repository import MAIN

        ours = dict(_by_year(days))

        def wanted(tree: "Tree") -> dict[str, bytes]:
            there = self._read(tree, [name for name in ours if name in tree.files])
            merged = {name: completed(rows, there.get(name)) for name, rows in ours.items()}
            page = {} if README in tree.files else {README: PAGE.encode()}
            return page | {name: _parquet(rows) for name, rows in merged.items()}

        sent = self.repository.hold(MAIN, wanted, replace=True)
        return f"{len(days)} days of names {'sent to' if sent else 'are there already, in'} {self.repository.name}"

    def pull(self) -> "pd.DataFrame | None":
        """See `ports.SentimentHistory`."""
        import pandas as pd

        from resources.models.hub_repository import MAIN

        tree = self.repository.look(MAIN)
        names = sorted(name for name in tree.files if FILE.fullmatch(name)) if tree else []
        if tree is None or not names:
            return None
        return pd.concat(self._read(tree, names).values(), ignore_index=True)

    def _read(self, tree: "Tree", names: list[str]) -> "dict[str, pd.DataFrame]":
        """Files of a commit as frames that fit the schema and their names."""
        return {
            name: _frame(content, f"{self.repository.name}, {name}")
            for name, content in self.repository.fetch(tree, names).items()
        }


def _by_year(days: "pd.DataFrame") -> "Iterator[tuple[str, pd.DataFrame]]":
    for year, rows in days.groupby(days["week"].str.slice(0, 4)):
        yield f"daily_sentiment-{year}.parquet", rows.reset_index(drop=True)


def _frame(content: bytes, where: str) -> "pd.DataFrame":
    import pyarrow as pa
    import pyarrow.parquet as pq
    from pandera.errors import SchemaError, SchemaErrors

    from learnfinance_dagster.schemas.signals import DailySentiment

    try:
        rows = pq.read_table(BytesIO(content)).to_pandas()
        rows = DailySentiment.validate(rows)
        for week in rows["week"].unique():
            week_from_key(week)
    except (pa.ArrowException, SchemaError, SchemaErrors, KeyError, OSError) as error:
        msg = f"{where}: no history of daily sentiment ({type(error).__name__})"
        raise DataError(msg) from error
    return rows


def _parquet(rows: "pd.DataFrame") -> bytes:
    """Equal frames give equal bytes."""
    from resources.artifacts import parquet

    return parquet(rows)
