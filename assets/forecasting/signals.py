"""The configuration `signals`: what a forecaster reads besides prices, and what stands in for what is missing."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import timedelta

import numpy as np
import pandas as pd

from learnfinance_dagster.calendar import mondays_between, week_from_key
from learnfinance_dagster.errors import ConfigurationError
from learnfinance_dagster.forecasting.forecaster import Forecaster, Predictor
from learnfinance_dagster.forecasting.panel import Panel
from learnfinance_dagster.forecasting.recipe import Material, Recipe
from learnfinance_dagster.forecasting.signal_channels import with_signals
from learnfinance_dagster.forecasting.windows import Windows
from learnfinance_dagster.orchestration.handles import Artifacts, Parameters
from learnfinance_dagster.ports import ModelFiles
from learnfinance_dagster.signals.imputation import Imputation
from learnfinance_dagster.signals.state import FEATURES

IMPUTATION = "imputation.json"
"""File of a version that reads signals."""


def reads_signals(forecaster: Forecaster, parameters: Parameters) -> bool:
    """Whether settings let it read more than prices."""
    return parameters.forecasting.channels == "signals" and "channels" in forecaster.configurations["full"]


def material_of(
    forecaster: Forecaster, panel: Panel, parameters: Parameters, artifacts: Artifacts, held_out_weeks: int
) -> Material:
    """What a version is trained on. The imputation is fitted on weeks of training windows alone, and stored with it.

    Raises:
        ConfigurationError: no signals of those weeks were ever stored; the message says what to run.
    """
    if not reads_signals(forecaster, parameters):
        return Material(panel)
    split = Recipe.of(forecaster, parameters.forecasting, Material(panel), parameters.seed, held_out_weeks).split
    learned = panel.sessions[split.last_training_session].item()
    state = _stored(artifacts, panel)
    known = state[[week_from_key(week).last_session <= learned for week in state["week"]]]
    if known.empty:
        msg = (
            f"{forecaster.name} is to read signals, and no state_features up to {learned} are stored: materialize"
            " halal_universe, news_articles, news_coverage, news_sentiment, filings, fundamentals and state_features of"
            " those weeks first, or set LEARNFINANCE_FORECASTING__CHANNELS=ohlcv"
        )
        raise ConfigurationError(msg)
    imputation = Imputation.fit(known, FEATURES)
    extras = {IMPUTATION: json.dumps(imputation.to_document(), sort_keys=True).encode()}
    return Material(_filled(panel, state, imputation), extras)


def loaded(forecaster: Forecaster, files: ModelFiles, device: str, artifacts: Artifacts) -> Predictor:
    """A version, ready to be asked about panels of prices: if it reads signals, it finds them itself."""
    predictor = forecaster.implementation().load(files, device)
    if IMPUTATION not in files:
        return predictor
    return _ReadsSignals(predictor, Imputation.from_document(json.loads(files[IMPUTATION])), artifacts)


@dataclass(frozen=True, slots=True)
class _ReadsSignals:
    """Adds the stored signals to the panel that it is asked about."""

    predictor: Predictor
    imputation: Imputation
    artifacts: Artifacts

    def predict(self, windows: Windows) -> np.ndarray:
        """As the version itself answers."""
        panel = windows.panel
        if set(self.imputation.features) <= set(panel.channels):
            return self.predictor.predict(windows)
        full = _filled(panel, _stored(self.artifacts, panel), self.imputation)
        return self.predictor.predict(replace(windows, panel=full))


def _stored(artifacts: Artifacts, panel: Panel) -> pd.DataFrame:
    """The signals of the weeks that the panel's sessions belong to, as far as they were ever made."""
    first, last = panel.sessions[0].item(), panel.sessions[-1].item()
    mondays = mondays_between(first + timedelta(days=7), last + timedelta(days=7))
    weeks = [monday.isoformat() for monday in mondays if artifacts.has("state_features", monday.isoformat())]
    return artifacts.read("state_features", weeks) if weeks else pd.DataFrame(columns=["week", "symbol", *FEATURES])


def _filled(panel: Panel, state: pd.DataFrame, imputation: Imputation) -> Panel:
    values, _ = imputation.apply(state[["week", "symbol", *imputation.features]])
    features = pd.concat(
        [
            state[["week", "symbol"]].reset_index(drop=True),
            pd.DataFrame(values, columns=list(imputation.features)),
        ],
        axis=1,
    )
    fills: Mapping[str, float] = dict(zip(imputation.features, imputation.fills, strict=True))
    return with_signals(panel, features, fills)
