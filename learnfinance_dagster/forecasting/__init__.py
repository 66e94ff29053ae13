"""Forecasts of next week's return of every screened name. A forecaster is a record in `FORECASTERS`."""

from collections.abc import Iterable

from learnfinance_dagster.errors import ConfigurationError
from learnfinance_dagster.forecasting.forecaster import Forecaster
from learnfinance_dagster.forecasting.lstm_configurations import LSTM
from learnfinance_dagster.forecasting.patchtst_record import PATCHTST
from learnfinance_dagster.forecasting.transfer_lstm_configurations import TRANSFER_LSTM

FORECASTERS = (LSTM, PATCHTST, TRANSFER_LSTM)


def chosen(names: Iterable[str]) -> tuple[Forecaster, ...]:
    """The records of those names, in that order.

    Raises:
        ConfigurationError: there is no such forecaster.
    """
    known = {forecaster.name: forecaster for forecaster in FORECASTERS}
    unknown = [name for name in names if name not in known]
    if unknown:
        msg = f"no such forecaster: {', '.join(unknown)}; there are {', '.join(known)}"
        raise ConfigurationError(msg)
    return tuple(known[name] for name in names)
