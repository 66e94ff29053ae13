"""From a spec to the frames of a market directory."""

import pandas as pd

from resources.practice_market.actions import apply_actions
from resources.practice_market.bars import bars
from resources.practice_market.filings import filings
from resources.practice_market.holdings import holdings
from resources.practice_market.membership import membership
from resources.practice_market.news import news, news_coverage
from resources.practice_market.returns import returns
from resources.practice_market.roster import roster
from resources.practice_market.spec import PracticeSpec
from resources.practice_market.timeline import timeline

FILES = ("bars", "actions", "holdings", "membership", "news", "news_coverage", "fundamentals")
"""What a practice market has of `MARKET_FILES`: it learns nothing late, so there is nothing to note."""


def generate(spec: PracticeSpec) -> dict[str, pd.DataFrame]:
    """Make a market in memory: the same spec gives the same frames.

    Returns:
        File stem → frame, shaped as `learnfinance_dagster.schemas.market.MARKET_FILES` asks.

    Raises:
        DataError: the exchange calendar does not reach that far.
    """
    line = timeline(spec)
    names = roster(spec, len(line))
    history = returns(spec, line, names)
    levels, actions = apply_actions(spec, line, names, history)
    return {
        "bars": bars(spec, line, names, history, levels),
        "actions": actions,
        "holdings": holdings(spec, line, names, levels),
        "membership": membership(line, names, levels),
        "news": news(spec, line, names, history.surprise),
        "news_coverage": news_coverage(line),
        "fundamentals": filings(spec, line, names, levels),
    }
