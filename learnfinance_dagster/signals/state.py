"""What learned allocators read of a name: the week's own evidence, joined on week and name, never on position."""

import numpy as np
import pandas as pd

from learnfinance_dagster.errors import DataError
from learnfinance_dagster.schemas.signals import StateFeatures
from learnfinance_dagster.signals.sentiment import DAYS_A_WEEK, FAILED, KEY

FEATURES = tuple(name for name in StateFeatures.to_schema().columns if name not in KEY)
"""In the documented order. An order is part of a trained model: new ones go to the end."""
RENAMED = {
    "sentiment": "news_sentiment",
    "gross_margin_ttm": "gross_margin",
    "operating_margin_ttm": "operating_margin",
    "net_margin_ttm": "net_margin",
}
"""Column of the evidence → feature, where they differ."""


def state_features(sentiment: pd.DataFrame, fundamentals: pd.DataFrame) -> pd.DataFrame:
    """Join the week's signals, for any number of weeks at once.

    Args:
        sentiment: columns of `schemas.signals.NewsSentiment`.
        fundamentals: columns of `schemas.signals.Fundamentals`.

    Returns:
        One row for each (week, symbol) of either, sorted: week, symbol, `FEATURES`. What is not known is null. Nobody
        looked for the news of a name without a row in `sentiment`, or the model failed: insufficient, and all of it
        unknown. That is not the state of a name about which nothing was written.

    Raises:
        DataError: a name twice in a week.
    """
    for title, table in (("news sentiment", sentiment), ("fundamentals", fundamentals)):
        if table.duplicated(KEY).any():
            row = table[table.duplicated(KEY)].iloc[0]
            msg = f"{title}: {row['symbol']} is there twice in the week {row['week']}"
            raise DataError(msg)
    news = sentiment.assign(
        insufficient_news=sentiment["insufficient_news"].astype("float64"),
        news_unknown=np.where(sentiment["reason"].str.startswith(FAILED), 1.0, sentiment["days_missing"] / DAYS_A_WEEK),
    )
    renamed = [table.rename(columns=RENAMED) for table in (news, fundamentals)]
    parts = [table[[*KEY, *(name for name in FEATURES if name in table)]] for table in renamed]
    state = parts[0].merge(parts[1], how="outer", on=KEY)
    state = state.fillna({"insufficient_news": 1.0, "news_unknown": 1.0})
    return state.sort_values(KEY, ignore_index=True)[[*KEY, *FEATURES]]
