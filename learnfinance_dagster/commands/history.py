"""`python -m learnfinance_dagster history push|pull`: the history of daily sentiment to Hugging Face, and from it."""

import sys

from learnfinance_dagster.definitions import artifact_store
from learnfinance_dagster.errors import ConfigurationError
from learnfinance_dagster.settings import Settings
from learnfinance_dagster.signals.daily_sentiment import completed, sentiment_gaps
from learnfinance_dagster.wiring import sentiment_history

DAYS, GAPS = "daily_sentiment", "sentiment_gaps"


def push() -> int:
    """Complete the history on the Hub with what is here.

    Raises:
        ConfigurationError: settings keep it on this disk only, or there is none.
    """
    settings = _settings()
    store = artifact_store(settings)
    weeks = store.weeks(DAYS)
    if not weeks:
        raise ConfigurationError("there is no history here yet: launch the job fill_sentiment_gaps")
    sys.stdout.write(f"{sentiment_history(settings).push(store.read(DAYS, weeks))}\n")
    return 0


def pull() -> int:
    """Complete the history here with what is on the Hub; a day that was fetched is never replaced by one that was not.

    Raises:
        ConfigurationError: settings keep it on this disk only.
    """
    settings = _settings()
    there = sentiment_history(settings).pull()
    if there is None:
        sys.stdout.write("there is no history on the Hub yet: history push makes it\n")
        return 0
    store, changed = artifact_store(settings), 0
    for week in sorted(set(there["week"])):
        rows = there[there["week"] == week]
        here = store.read(DAYS, [week]) if store.has(DAYS, week) else None
        merged = rows.reset_index(drop=True) if here is None else completed(here, rows)
        if here is not None and merged.equals(here):
            continue
        store.write_weeks(DAYS, [week], merged)
        store.write_weeks(GAPS, [week], sentiment_gaps(merged))
        changed += 1
    sys.stdout.write(f"{changed} weeks completed, of {there['week'].nunique()} on the Hub\n")
    return 0


def _settings() -> Settings:
    settings = Settings.from_environment()
    if settings.models == "local":
        raise ConfigurationError("the history is kept on this disk only: set STORAGE_BACKEND=hf, see the README")
    return settings
