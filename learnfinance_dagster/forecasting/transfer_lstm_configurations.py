"""The record of `transfer_lstm` and its numbers: known without torch."""

from collections.abc import Mapping
from typing import Any

from learnfinance_dagster.forecasting.forecaster import Forecaster, Implementation
from learnfinance_dagster.forecasting.lstm_configurations import FULL as LSTM_FULL
from learnfinance_dagster.forecasting.lstm_configurations import QUICK as LSTM_QUICK

TRANSFER: Mapping[str, Any] = {
    "index": "^GSPC",  # learned first, where the panel holds it
    "transfer": "full",  # what a group then retrains: everything, or with `freeze` the head alone
    "index_batch": 1,  # stretches: one name has few
    "tuning_rate": 2e-4,  # learning rate of `full`; a new head learns at the usual one
}


def _implementation() -> Implementation:
    from learnfinance_dagster.forecasting import transfer_lstm

    return transfer_lstm


TRANSFER_LSTM = Forecaster(
    name="transfer_lstm",
    summary="The network of `lstm` learns the index first, and is then fine-tuned for calm, middling and wild names.",
    configurations={"full": {**LSTM_FULL, **TRANSFER}, "quick": {**LSTM_QUICK, **TRANSFER}},
    implementation=_implementation,
)
