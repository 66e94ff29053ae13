"""Frames of the stage forecasting. Null is no forecast, and its reason stands beside it; a number is never a guess."""

import pandera.pandas as pa
from pandera.typing import Series

from learnfinance_dagster.schemas.frame import ArtifactFrame

DAY = "log return of the {} session after the decision, close to close, dividends included"


class Forecast(ArtifactFrame):
    """One row per screened name: next week's return as one forecaster sees it."""

    symbol: Series[str] = pa.Field(description="name")
    weekly_return: Series[float] = pa.Field(
        gt=-1, nullable=True, description="exp(Σ of the five days) - 1, from the last close before the decision"
    )
    day_1: Series[float] = pa.Field(nullable=True, description=DAY.format("first"))
    day_2: Series[float] = pa.Field(nullable=True, description=DAY.format("second"))
    day_3: Series[float] = pa.Field(nullable=True, description=DAY.format("third"))
    day_4: Series[float] = pa.Field(nullable=True, description=DAY.format("fourth"))
    day_5: Series[float] = pa.Field(nullable=True, description=DAY.format("fifth"))
    direction: Series[str] = pa.Field(
        isin=["UP", "FLAT", "DOWN", ""], description="beyond ±0.1 % a week, or FLAT; empty without a forecast"
    )
    history_used: Series[int] = pa.Field(ge=0, le=60, description="sessions with a bar among the 60 looked at")
    data_end_date: Series[object] = pa.Field(nullable=True, description="last session with a bar of the name")
    model_version: Series[str] = pa.Field(description="which model; empty when there was none")
    reason: Series[str] = pa.Field(description="why there is no forecast; empty when there is one")


class WalkForward(ArtifactFrame):
    """One row per forecaster and name: what the yearly snapshot before that week would have said."""

    forecaster: Series[str] = pa.Field(description="name of the forecaster")
    symbol: Series[str] = pa.Field(description="name")
    weekly_return: Series[float] = pa.Field(gt=-1, nullable=True, description="forecast of next week's simple return")
    source: Series[str] = pa.Field(
        description="the snapshot's version, or `momentum`: the last four weeks' mean weekly return"
    )
    reason: Series[str] = pa.Field(description="why there is no forecast; empty when there is one")
