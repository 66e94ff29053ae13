"""Frames of learned allocators. Null is not known; what stands in for it is decided by the policy's own observer."""

import pandera.pandas as pa
from pandera.typing import Series

from learnfinance_dagster.schemas.signals import StateFeatures


class PolicyHistory(StateFeatures):
    """One row per past Monday and name: what a policy could have seen then, and what the holding week brought."""

    monday: Series[object] = pa.Field(description="Monday of the decision; `week` is the Monday that training serves")
    rank: Series[int] = pa.Field(ge=0, description="rank in that Monday's screened universe")
    lstm_forecast: Series[float] = pa.Field(gt=-1, nullable=True, description="walk-forward forecast by `lstm`")
    patchtst_forecast: Series[float] = pa.Field(gt=-1, nullable=True, description="walk-forward forecast by `patchtst`")
    holding_return: Series[float] = pa.Field(
        ge=-1,
        nullable=True,
        description="simple total return from the open of the week's first session to that of the next week's, a name"
        " that does not trade there being worth its newest close; null while that is not known",
    )
    close_return: Series[float] = pa.Field(
        ge=-1, nullable=True, description="the same until the last close before the next Monday's decision"
    )
    tradable: Series[bool] = pa.Field(
        description="it traded in the week's first session; where it did not, nobody could buy or sell it then"
    )
    hrp_weight: Series[float] = pa.Field(ge=0, le=1, nullable=True, description="what `hrp` would hold; null: not run")
