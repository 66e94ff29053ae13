"""Settings with which the whole stage runs in seconds: two epochs, few weeks held out."""

from learnfinance_dagster.parameters import ForecastParameters

TINY = ForecastParameters(profile="quick", max_epochs=1, validation_weeks=8, held_out_weeks=12, device="cpu")
PLAIN = ("hrp", "equal_weight")
"""Allocators that need no training: most tests are about what all accounts share."""
