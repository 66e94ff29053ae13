"""Settings, forecasts and certificates with which policies are trained in seconds, and put in use."""

from datetime import date

import numpy as np
import pandas as pd
from policy_trainings import certificate
from tiny_forecasts import TINY

from learnfinance_dagster.allocation.rl.algorithm import ALGORITHMS
from learnfinance_dagster.allocation.rl.certificate import certificate_version
from learnfinance_dagster.allocation.rl.certified import CERTIFICATE, model_of
from learnfinance_dagster.calendar import week_from_key
from learnfinance_dagster.documents import to_json
from learnfinance_dagster.parameters import PolicyParameters
from learnfinance_dagster.ports import Trial, TrialKind
from learnfinance_dagster.returns import holding_returns
from learnfinance_dagster.trials import record
from learnfinance_dagster.wiring import parameters, training

LEARNED = ("ppo_lstm", "ppo_patchtst", "sac_lstm", "sac_patchtst")
SMALL = PolicyParameters(
    profile="quick",
    max_steps=200,
    held_out_weeks=12,
    min_training_weeks=8,
    min_judged_weeks=8,
    fine_tune_weeks=4,
    resamples=200,
    significance=0.001,
    first_significance=1,
)
"""They learn next to nothing, which is not asked, and hardly anything is proven against them: their first versions are
put in use."""
LEARNING = {
    "allocators": (),
    "policies": SMALL,
    "forecasting": TINY.model_copy(update={"missing_snapshot": "momentum"}),
}
"""Settings of a house in which all six accounts trade."""
PAST_WEEKS = 22
"""Mondays before the first one that is traded: 8 to learn from, 12 that judge, one between, one that is not over."""


def certify(settings):
    """Vouch for every trainer: tiny ones cannot earn it, and nothing is put in use without."""
    where, told = training(settings), parameters(settings)
    register, store = where.register.open(), where.models.open()
    for algorithm in ALGORITHMS:
        model = model_of(algorithm)
        version = certificate_version(algorithm, told.policies, told.allocation, told.costs, told.seed)
        words = {"config_hash": "", "data_hash": "", "code_hash": "", "seeds": (7,), "result": {}}
        trial = Trial(
            model, version, TrialKind.CERTIFICATE, date(2020, 1, 6), **words, promoted=False, reason="planted"
        )
        record(trial, register)
        found = certificate(algorithm.name, version, passed=True)
        store.write(model, version, {CERTIFICATE: to_json(found).encode()})


def speak(store, weeks):
    """Made-up forecasts instead of the momentum that both share: `lstm` knows something, `patchtst` nothing.

    Otherwise two policies of one algorithm would be copies of each other, and the gate would stop one of them.
    """
    rows = store.read("walk_forward_forecasts", weeks)
    known = holding_returns(store.read("daily_bars", weeks), [week_from_key(week) for week in weeks])
    come = known.set_index(["week", "symbol"])["holding_return"]
    truth = come.reindex(pd.MultiIndex.from_frame(rows[["week", "symbol"]])).fillna(0).to_numpy()
    said = np.random.default_rng(5).normal(0, 0.02, len(rows)) + truth * (rows["forecaster"] == "lstm")
    store.write_weeks("walk_forward_forecasts", weeks, rows.assign(weekly_return=said, source="made up"))
