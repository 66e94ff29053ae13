"""Made-up rows of daily sentiment."""

from datetime import date, timedelta

import numpy as np
import pandas as pd

from learnfinance_dagster.schemas.signals import DailySentiment


def days(week, symbol, states, sentiment=0.5, model="vader@1"):
    """One row for each day before the Monday."""
    monday = date.fromisoformat(week)
    covered = [state == "articles" for state in states]
    frame = pd.DataFrame(
        {
            "week": week,
            "date": [monday - timedelta(days=len(states) - n) for n in range(len(states))],
            "symbol": symbol,
            "state": list(states),
            "sentiment": [sentiment if each else np.nan for each in covered],
            "article_count": [int(each) for each in covered],
            "confidence": [0.9 if each else np.nan for each in covered],
            "p_pos": [0.8 if each else np.nan for each in covered],
            "p_neg": [0.1 if each else np.nan for each in covered],
            "model": model,
            "reason": ["no key" if state == "not_fetched" else "" for state in states],
        }
    )
    return DailySentiment.validate(frame)
