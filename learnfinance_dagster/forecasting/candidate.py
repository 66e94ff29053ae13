"""A candidate: trained for a Monday, judged beside the version in use, and put in use if it deserves it."""

from dataclasses import dataclass, field, replace

import numpy as np

from learnfinance_dagster.fingerprints import version_name
from learnfinance_dagster.forecasting.card import Card, Evaluation, card_of
from learnfinance_dagster.forecasting.forecaster import Forecaster, Trained, weekly_return
from learnfinance_dagster.forecasting.in_use import promoted_for
from learnfinance_dagster.forecasting.promotion import Judged, decide
from learnfinance_dagster.forecasting.recipe import Material, Recipe, Workshop
from learnfinance_dagster.forecasting.skill import (
    SkillTable,
    placebo,
    placebo_check,
    skill_check,
    skill_table,
    weekly_rank_ic,
)
from learnfinance_dagster.forecasting.trials import trial_of
from learnfinance_dagster.forecasting.windows import Windows
from learnfinance_dagster.in_use import put_in_use, unfinished
from learnfinance_dagster.parameters import ForecastParameters
from learnfinance_dagster.ports import Checkpoints, ModelFiles, TrialKind
from learnfinance_dagster.trials import record
from learnfinance_dagster.values import Week


@dataclass(frozen=True, slots=True)
class Made:
    """A version, and whether it was there already."""

    card: Card
    is_cached: bool


@dataclass(frozen=True, slots=True)
class _Kept:
    """Checkpoints of finished trainings stay until the version is stored: killed in its placebo, it is not lost."""

    inner: Checkpoints
    finished: list[str] = field(default_factory=list)

    def load(self, key: str) -> bytes | None:
        return self.inner.load(key)

    def save(self, key: str, content: bytes) -> None:
        self.inner.save(key, content)

    def discard(self, key: str) -> None:
        """Not yet."""
        self.finished.append(key)

    def forget(self) -> None:
        """Now."""
        for key in self.finished:
            self.inner.discard(key)


def make_model(  # noqa: PLR0913 - what a version depends on
    forecaster: Forecaster,
    material: Material,
    week: Week,
    parameters: ForecastParameters,
    seed: int,
    workshop: Workshop,
) -> Made:
    """Train, judge, decide, record, store. The same inputs are not trained again; what was decided then is shown.

    Args:
        forecaster: which network.
        material: bars of sessions up to the week's last one, and no later ones.
        week: the Monday that it will serve first.
        parameters: profile, split, margin.
        seed: of the house.
        workshop: where versions are.

    Raises:
        DataError: too little history.
    """
    store, name = workshop.store, forecaster.name
    recipe = Recipe.of(forecaster, parameters, material, seed, parameters.held_out_weeks)
    version = version_name(week.monday, recipe.fingerprint)
    if store.has(name, version):
        card = card_of(store.read(name, version))
        if workshop.checkpoints.load(unfinished(name, version)) is not None:
            with store.deciding(name):
                put_in_use(store, workshop.checkpoints, name, card, card_of)
        return Made(card, is_cached=True)
    current = promoted_for(store, name, week)
    checkpoints = _Kept(workshop.checkpoints)
    keeping = replace(workshop, checkpoints=checkpoints)
    trained = recipe.train(version, keeping)
    judged = _judged(recipe, trained, current.version if current else "", version, keeping)
    with store.deciding(name):
        now = promoted_for(store, name, week)
        if now != current:  # another training put its version in use meanwhile
            table = _table_of(forecaster, now.version, recipe.split.held_out, keeping) if now else None
            judged = replace(judged, current_version=now.version if now else "", current=table)
        decision = decide(
            Judged(version, judged.skill),
            Judged(judged.current_version, judged.current) if judged.current else None,
            parameters.promotion_margin,
            skill=(judged.skill_passed, judged.skill_told),
            placebo=(judged.placebo_passed, judged.placebo_told),
        )
        card = replace(recipe.card(version, week.monday, trained, workshop), evaluation=judged, decision=decision)
        workshop.checkpoints.save(unfinished(name, version), b"")
        record(trial_of(card, TrialKind.TRAINING, recipe.config_hash), workshop.register)
        store.write(name, version, recipe.files(trained, card))
        checkpoints.forget()
        put_in_use(store, workshop.checkpoints, name, card, card_of)
    return Made(card, is_cached=False)


def _judged(recipe: Recipe, trained: Trained, current: str, version: str, workshop: Workshop) -> Evaluation:
    """The candidate, the version in use and a placebo, on the same held-out weeks."""
    held_out, model = recipe.split.held_out, recipe.forecaster
    forecast = _forecast(model, trained.files, held_out, workshop)
    table = skill_table(model.name, forecast, held_out)
    skill_passed, skill_told = skill_check(table)
    shuffled = recipe.placebo()
    idle = shuffled.train(f"{version} placebo", workshop)
    measured = placebo(_forecast(model, idle.files, shuffled.split.held_out, workshop), shuffled.split.held_out)
    placebo_passed, placebo_told = placebo_check(measured)
    weeks, ranked = weekly_rank_ic(forecast, held_out.weekly_returns(), held_out.monday)
    return Evaluation(
        skill=table,
        skill_passed=skill_passed,
        skill_told=skill_told,
        placebo=measured,
        placebo_passed=placebo_passed,
        placebo_told=placebo_told,
        current_version=current,
        current=_table_of(model, current, held_out, workshop) if current else None,
        weekly_rank_ic=dict(zip(weeks.astype(str).tolist(), ranked.tolist(), strict=True)),
    )


def _table_of(model: Forecaster, version: str, windows: Windows, workshop: Workshop) -> SkillTable:
    return skill_table(
        model.name, _forecast(model, workshop.store.read(model.name, version), windows, workshop), windows
    )


def _forecast(model: Forecaster, files: ModelFiles, windows: Windows, workshop: Workshop) -> np.ndarray:
    return weekly_return(workshop.load(model, files, workshop.device).predict(windows))
