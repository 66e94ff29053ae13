"""What frames inside the house have in common."""

import pandera.pandas as pa
from pandera.api.pandas.model_config import BaseConfig
from pandera.typing import Series


class Frame(pa.DataFrameModel):
    """Base: exactly the declared columns, in any order; empty frames keep their columns."""

    class Config(BaseConfig):
        """No column may come or go unnoticed."""

        strict = True
        coerce = True


class ArtifactFrame(Frame):
    """Base of what weekly assets store."""

    week: Series[str] = pa.Field(description="Monday of the decision, e.g. 2025-12-29")
