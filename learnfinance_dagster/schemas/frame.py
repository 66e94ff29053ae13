"""What every frame that a weekly asset stores has in common."""

import pandera.pandas as pa
from pandera.api.pandas.model_config import BaseConfig
from pandera.typing import Series


class ArtifactFrame(pa.DataFrameModel):
    """Base: exactly the declared columns, in any order; empty frames keep their columns."""

    week: Series[str] = pa.Field(description="Monday of the decision, e.g. 2025-12-29")

    class Config(BaseConfig):
        """No column may come or go unnoticed."""

        strict = True
        coerce = True
