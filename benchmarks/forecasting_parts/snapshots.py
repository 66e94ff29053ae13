"""What a back-fill of yearly snapshots costs, and what beginning with the year before does to their skill."""

import argparse
import tempfile
import time
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path

import numpy as np
from forecasting_parts.material import SEED, NoCheckpoints, NoRegister, market

from learnfinance_dagster.forecasting import chosen
from learnfinance_dagster.forecasting.card import Card
from learnfinance_dagster.forecasting.forecaster import Forecaster, weekly_return
from learnfinance_dagster.forecasting.panel import Panel
from learnfinance_dagster.forecasting.recipe import Material, Workshop, training_weeks
from learnfinance_dagster.forecasting.skill import Skill, mse_difference, skill
from learnfinance_dagster.forecasting.snapshot import make_snapshot
from learnfinance_dagster.forecasting.versions import snapshot_name
from learnfinance_dagster.forecasting.windows import Windows, windows_at
from learnfinance_dagster.parameters import ForecastParameters
from resources.models.local import LocalModelStore


@dataclass(slots=True)
class Line:
    """One way of making all snapshots: costs and forecasts by year."""

    forecaster: Forecaster
    panel: Panel
    parameters: ForecastParameters
    windows: list[int] = field(default_factory=list)
    cpu: list[float] = field(default_factory=list)
    forecasts: list[np.ndarray] = field(default_factory=list)

    def make(self, end: date, store: LocalModelStore) -> None:
        """Make a snapshot and let it forecast the year after; it begins with the one before, if `store` has that."""
        name, workshop = self.forecaster.name, Workshop(store, NoRegister(), NoCheckpoints(), {}, "cpu")
        used = time.process_time()
        card = make_snapshot(self.forecaster, Material(self.panel), end, self.parameters, SEED, workshop).card
        self.cpu.append(time.process_time() - used)
        self.windows.append(windows_learned(card))
        predictor = workshop.load(self.forecaster, store.read(name, snapshot_name(end)), "cpu")
        self.forecasts.append(weekly_return(predictor.predict(held_out(self.panel, end.year + 1))))

    def same(self, other: "Line") -> None:
        """What the other way made first."""
        self.windows, self.cpu, self.forecasts = other.windows[:1], other.cpu[:1], other.forecasts[:1]


def windows_learned(card: Card) -> int:
    """Over all epochs."""
    an_epoch, most = card.windows["train"], card.configuration.get("windows")
    return len(card.history) * (min(an_epoch, most) if isinstance(most, int) else an_epoch)


def held_out(panel: Panel, year: int) -> Windows:
    """The decisions of a year."""
    weeks = [week for week in training_weeks(panel) if week.monday.year == year]
    return windows_at(panel, weeks, with_targets=True)


def told(found: Skill, zero: float) -> str:
    ranked = "n/a" if found.rank_ic is None else f"{found.rank_ic:+.4f} ± {found.rank_ic_se:.4f}"
    return f"MSE / MSE of zero {found.mse / zero:.4f}  rank IC {ranked}"


def back_fill(forecaster: Forecaster, panel: Panel, years: list[int], profile: str, folder: Path) -> None:
    parameters = ForecastParameters.model_validate({"profile": profile})
    cold, warm = Line(forecaster, panel, parameters), Line(forecaster, panel, parameters)
    once = parameters.model_copy(update={"max_epochs": 1})  # what a process does once is no part of the first snapshot
    Line(forecaster, panel, once).make(date(years[0], 12, 31), LocalModelStore(folder / "once"))
    store = LocalModelStore(folder / "warm")
    for year in years:
        end, alone = date(year, 12, 31), LocalModelStore(folder / f"cold-{year}")
        cold.make(end, alone)
        if year == years[0]:  # nothing to begin with: both ways are the same
            store.write(forecaster.name, snapshot_name(end), alone.read(forecaster.name, snapshot_name(end)))
            warm.same(cold)
        else:
            warm.make(end, store)
    name = f"{forecaster.name:<12}"
    print(
        f"{name} {len(years)} snapshots, {profile} profile, in units of the newest trained from random weights:"
        f"  warm {sum(warm.windows) / cold.windows[-1]:.2f} of windows, {sum(warm.cpu) / cold.cpu[-1]:.2f} of CPU"
        f"  all from random weights {sum(cold.windows) / cold.windows[-1]:.2f}, {sum(cold.cpu) / cold.cpu[-1]:.2f}"
        f"  (one unit: {cold.windows[-1]:,} windows, {cold.cpu[-1]:.1f} s of CPU)"
    )
    judge(name, cold.forecasts[1:], warm.forecasts[1:], [held_out(panel, year + 1) for year in years[1:]])


def judge(name: str, cold: list[np.ndarray], warm: list[np.ndarray], windows: list[Windows]) -> None:
    """Both ways on the years after each snapshot but the first, which they share."""
    if not windows:
        return
    actual = np.concatenate([each.weekly_returns() for each in windows])
    monday = np.concatenate([each.monday for each in windows])
    begun, anew = np.concatenate(warm), np.concatenate(cold)
    zero = skill(np.zeros(len(actual)), actual, monday).mse
    print(f"{name} the years after, {len(actual):,} forecasts: warm    {told(skill(begun, actual, monday), zero)}")
    print(f"{name} the years after, {len(actual):,} forecasts: random  {told(skill(anew, actual, monday), zero)}")
    apart = mse_difference(begun, anew, actual, monday)
    print(f"{name} MSE of warm less MSE of random, / MSE of zero: {apart.mean / zero:+.5f} ± {apart.se / zero:.5f}")


def snapshots(options: argparse.Namespace) -> None:
    panel = market(options)
    last = panel.sessions[-1].item().year
    years = list(range(last - options.years, last))
    for forecaster in chosen(options.forecasters):
        with tempfile.TemporaryDirectory() as folder:
            back_fill(forecaster, panel, years, "full" if options.full else "quick", Path(folder))
