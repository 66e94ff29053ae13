"""What is found of one model, from plain values: its card, its files, bars, stored forecasts, equity marks."""

from collections.abc import Mapping, Sequence
from datetime import date, timedelta
from decimal import Decimal

import numpy as np
import pandas as pd

from learnfinance_dagster.allocation.rl.card import OBSERVER, PolicyCard
from learnfinance_dagster.allocation.rl.observation import READ, Observer
from learnfinance_dagster.errors import DataError
from learnfinance_dagster.evaluation.bootstrap import block_indexes, interval
from learnfinance_dagster.evaluation.drift import DriftFinding, InputMoments, input_finding, skill_finding
from learnfinance_dagster.forecasting.card import Card
from learnfinance_dagster.forecasting.forecaster import SCALER
from learnfinance_dagster.forecasting.panel import Panel
from learnfinance_dagster.forecasting.scaler import Scaler
from learnfinance_dagster.forecasting.skill import weekly_rank_ic
from learnfinance_dagster.forecasting.windows import INPUT, windows_at
from learnfinance_dagster.model_files import document
from learnfinance_dagster.parameters import PolicyParameters
from learnfinance_dagster.ports import ModelFiles
from learnfinance_dagster.values import Week

FLAGS = ("insufficient_news", "news_unknown")
"""Features that are 0 for nearly everybody: their spread follows from their mean."""
CONSTANT = 1.0
"""What scalers and observers write as the standard deviation of an input that never varied."""


# Forecasters.


def forecaster_skill(
    card: Card, realised: Sequence[float | None], parameters: PolicyParameters, seed: int
) -> DriftFinding:
    """Realised weekly rank IC against the lower end of the block-bootstrap interval of its held-out mean.

    Few names are screened, and held-out weeks rank all of them, so a realised week is noisier: with twice the spread
    4.1 % of weeks are critical without a reason, and not 2.7 % (52 held-out weeks, as in `skill_finding`).

    Raises:
        DataError: the version was never judged, or on fewer weeks than two blocks hold.
    """
    if card.evaluation is None:
        msg = f"{card.version} was never judged: there is nothing to compare with"
        raise DataError(msg)
    held_out = np.array(list(card.evaluation.weekly_rank_ic.values()))
    drawn = block_indexes(len(held_out), parameters.block_weeks, parameters.resamples, seed)
    low = interval(held_out.mean(), held_out[drawn].mean(axis=1)).low
    return skill_finding(
        card.forecaster, card.version, realised, low, parameters.bad_weeks, measure="realised weekly rank IC"
    )


def realised_rank_ic(panel: Panel, weeks: Sequence[Week], forecasts: pd.DataFrame, version: str) -> list[float | None]:
    """How well the names were ranked, week by week.

    Args:
        panel: bars that are known now. A week whose five sessions after the decision it does not hold is not known.
        weeks: decisions.
        forecasts: rows of `schemas.forecasts.Forecast`, of any weeks and versions.
        version: only what it said counts; a week that another one answered is not known.
    """
    held = [week for week in weeks if np.datetime64(week.last_session, "D") >= panel.sessions[0]]
    windows = windows_at(panel, held, with_targets=True)
    said = forecasts[forecasts["model_version"] == version].set_index(["week", "symbol"])["weekly_return"]
    keys = pd.MultiIndex.from_arrays([windows.monday.astype(str), np.array(panel.symbols)[windows.name]])
    forecast = said.reindex(keys).to_numpy(float)
    judged = ~np.isnan(forecast)
    mondays, ranked = weekly_rank_ic(forecast[judged], windows[judged].weekly_returns(), windows.monday[judged])
    found = dict(zip(mondays.astype(str).tolist(), ranked.tolist(), strict=True))
    return [found.get(week.key) for week in weeks]


def forecaster_inputs(card: Card, files: ModelFiles, panel: Panel, names: Sequence[str], week: Week) -> DriftFinding:
    """The newest 60 sessions of the screened names, channel by channel, against the version's scaler.

    Raises:
        DataError: the scaler cannot be read, or reads a channel that the panel does not have.
    """
    training = _of_scaler(files)
    absent = set(training.names) - set(panel.channels)
    if absent:
        msg = f"the bars have no channel {', '.join(sorted(absent))}"
        raise DataError(msg)
    end = panel.position(week.last_session) + 1
    rows = [place for place, symbol in enumerate(panel.symbols) if symbol in set(names)]
    newest = slice(max(0, end - INPUT), end)
    values = panel.values[rows, newest][panel.traded[rows, newest]]  # noqa: PD011 - a panel is no pandas object
    channels = [panel.channels.index(name) for name in training.names]
    only_mean = [name for name in training.names if name in FLAGS]
    return input_finding(card.forecaster, card.version, values[:, channels], training, only_mean=only_mean)


def _of_scaler(files: ModelFiles) -> InputMoments:
    """A scaler's own words. Of several (one for each group of names) the mixture: groups are equally large."""
    stored = document(files, SCALER)
    parts = [stored] if "channels" in stored else [part for name, part in stored.items() if name != "index"]
    scalers = [Scaler.from_document(part) for part in parts]
    if not scalers or len({scaler.channels for scaler in scalers}) > 1:
        msg = f"{SCALER}: no scaler in it, or several of different channels"
        raise DataError(msg)
    means, scales = (np.array([getattr(each, part) for each in scalers]) for part in ("mean", "scale"))
    constant = (scales == CONSTANT).all(axis=0)
    spread = np.sqrt((scales**2).mean(axis=0) + means.var(axis=0))
    return InputMoments(
        scalers[0].channels, tuple(means.mean(axis=0).tolist()), tuple(np.where(constant, 0, spread).tolist())
    )


# Policies.


def policy_skill(card: PolicyCard, realised: Sequence[float | None], weeks: int) -> DriftFinding:
    """Realised weekly net return beyond equal weight, against what the gate measured.

    Args:
        card: of the version in use.
        realised: of each past week, oldest first; None where this version did not hold the account, or nobody knows.
        weeks: bad ones in a row that are critical.

    Raises:
        DataError: the version was never judged.
    """
    if card.decision is None:
        msg = f"{card.version} was never judged: there is nothing to compare with"
        raise DataError(msg)
    low = card.decision.weekly_excess.low
    measure = "weekly net return beyond equal weight"
    return skill_finding(card.allocator, card.version, realised, low, weeks, measure=measure, form="+.2%")


def weekly_excess(
    own: Mapping[date, Decimal], other: Mapping[date, Decimal], mondays: Sequence[date]
) -> list[float | None]:
    """Growth of an account from each Monday to the next, less another account's; None where one of the four is unknown.

    Args:
        own: Monday → worth at the first open, before what that week's trades cost: so a week's growth is net of its own
            trades and of no others.
        other: of the other account.
        mondays: beginnings of weeks.
    """
    grown = [[_growth(worth, monday) for worth in (own, other)] for monday in mondays]
    return [None if mine is None or theirs is None else mine - theirs for mine, theirs in grown]


def _growth(worth: Mapping[date, Decimal], monday: date) -> float | None:
    before, after = worth.get(monday), worth.get(monday + timedelta(days=7))
    return float(after / before) - 1 if before and after is not None else None


def policy_window(screened: pd.DataFrame, features: pd.DataFrame, forecasts: pd.DataFrame) -> np.ndarray:
    """(n, `READ`) what a policy could read of the screened names of some weeks, NaN where nothing was known."""
    kept = screened.loc[screened["kept"], ["week", "symbol"]]
    said = forecasts[["week", "symbol", "weekly_return"]].rename(columns={"weekly_return": "forecast"})
    rows = kept.merge(features, on=["week", "symbol"], how="left").merge(said, on=["week", "symbol"], how="left")
    return rows[list(READ)].to_numpy(float)


def policy_inputs(card: PolicyCard, files: ModelFiles, window: np.ndarray) -> DriftFinding:
    """What it could read lately, against its observer; missing values are filled as the policy fills them.

    Raises:
        DataError: the observer cannot be read, or is of another layout.
    """
    observer = Observer.from_document(document(files, OBSERVER))
    stds = tuple(0.0 if std == CONSTANT else std for std in observer.stds)
    training = InputMoments(READ, observer.means, stds, observer.fills)
    return input_finding(card.allocator, card.version, window, training, only_mean=FLAGS)
