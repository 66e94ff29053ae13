"""Everything that a training depends on, and the hash that names it."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import date, timedelta
from typing import Any

import numpy as np

from learnfinance_dagster.calendar import mondays_between, week_of
from learnfinance_dagster.fingerprints import fingerprint
from learnfinance_dagster.forecasting.card import Card, card_of, plain
from learnfinance_dagster.forecasting.forecaster import (
    METADATA,
    Forecaster,
    Predictor,
    Progress,
    Trained,
    TrainingOrder,
)
from learnfinance_dagster.forecasting.panel import Panel
from learnfinance_dagster.forecasting.versions import code_hash, data_hash
from learnfinance_dagster.forecasting.windows import Split, split_by_date, windows_at
from learnfinance_dagster.parameters import ForecastParameters
from learnfinance_dagster.ports import Checkpoints, ModelFiles, ModelStore, TrialRegister
from learnfinance_dagster.symbols import is_index
from learnfinance_dagster.values import Week

PLACEBO_SEED = 1
"""Added to the seed of a placebo's shuffle and training."""
WARM = {"epochs": 3, "patience": 2}
"""What a training gets that begins with the weights of the year before: little is new, so little is to be learned."""
WARM_RATE = 0.3
"""Share of the learning rate that it gets."""
WARMED = {*WARM, "learning_rate"}


def _load(forecaster: Forecaster, files: ModelFiles, device: str) -> Predictor:
    return forecaster.implementation().load(files, device)


@dataclass(frozen=True, slots=True)
class Workshop:
    """Where versions are made and kept."""

    store: ModelStore
    register: TrialRegister
    """Every training is recorded there before its version is stored."""
    checkpoints: Checkpoints
    software: Mapping[str, str]
    """Commit and library versions, for the card."""
    device: str
    say: Callable[[str, Progress], None] = lambda _training, _progress: None
    """Told the name of a training and how far it is."""
    load: Callable[[Forecaster, ModelFiles, str], Predictor] = _load
    """Makes a version ready to predict."""


@dataclass(frozen=True, slots=True)
class Material:
    """What a version is trained on."""

    panel: Panel
    """Nothing in it is later than what was known."""
    extras: ModelFiles = field(default_factory=dict)
    """Further files of the version: what filled the gaps of its signals."""

    @property
    def hash(self) -> str:
        """Of all of it."""
        return fingerprint({"panel": data_hash(self.panel), **{name: text.hex() for name, text in self.extras.items()}})


def training_weeks(panel: Panel) -> list[Week]:
    """The decisions whose last session the panel holds; of several with one last session, the newest."""
    first, last = panel.sessions[0].item(), panel.sessions[-1].item()
    weeks = [week_of(monday) for monday in mondays_between(first + timedelta(days=7), last + timedelta(days=7))]
    by_session = {week.last_session: week for week in weeks if first <= week.last_session <= last}
    return list(by_session.values())


@dataclass(frozen=True, slots=True)
class Recipe:
    """One training, before it is done."""

    forecaster: Forecaster
    parameters: ForecastParameters
    configuration: Mapping[str, Any]
    material: Material
    split: Split
    seed: int
    start: str = ""
    """The version whose weights it begins with; empty: random ones."""
    start_fingerprint: str = ""

    @classmethod
    def of(
        cls, forecaster: Forecaster, parameters: ForecastParameters, material: Material, seed: int, held_out_weeks: int
    ) -> "Recipe":
        """The recipe that settings and material give."""
        configuration = configuration_of(forecaster, parameters)
        split = _split(material.panel, configuration, parameters, held_out_weeks)
        return cls(forecaster, parameters, configuration, material, split, seed)

    @property
    def splitting(self) -> dict[str, int]:
        """How the windows are cut."""
        return {
            "validation_weeks": self.parameters.validation_weeks,
            "held_out_weeks": len(np.unique(self.split.held_out.anchor)),
            "embargo_sessions": self.parameters.embargo_sessions,
        }

    @property
    def fingerprint(self) -> str:
        """The same fingerprint is the same training."""
        return fingerprint(
            {
                "forecaster": self.forecaster.name,
                "configuration": plain(self.configuration),
                "splitting": self.splitting,
                "margin": self.parameters.promotion_margin,
                "seed": self.seed,
                "start": self.start_fingerprint,
                "data": self.material.hash,
                "code": code_hash(),
            }
        )

    @property
    def config_hash(self) -> str:
        """Of what a person chose: all of the training but its data, its code and its seed."""
        return fingerprint(
            {
                "configuration": plain(self.configuration),
                "splitting": self.splitting,
                "margin": self.parameters.promotion_margin,
                "start": self.start_fingerprint,
            }
        )

    def warm(self, before: str, store: ModelStore) -> "Recipe":
        """The same, beginning with an earlier snapshot, where there is one of this configuration."""
        if not store.has(self.forecaster.name, before):
            return self
        card = card_of(store.read(self.forecaster.name, before))
        if (
            _cold(card.configuration) != _cold(plain(self.configuration))
            or card.channels != self.material.panel.channels
        ):
            return self
        numbers = self.configuration
        shorter = {name: min(value, numbers[name]) for name, value in WARM.items()}
        rate = {"learning_rate": numbers["learning_rate"] * WARM_RATE}
        warmed = {**numbers, **shorter, **rate}
        return replace(self, configuration=warmed, start=before, start_fingerprint=card.fingerprint)

    def placebo(self) -> "Recipe":
        """The same on shuffled targets. They are dealt out before the cut: a window that stood in two parts by mistake
        would have one target in both, and the placebo would remember it.
        """  # noqa: D205 - one thought
        rng = np.random.default_rng([self.seed, PLACEBO_SEED])
        held_out_weeks = self.splitting["held_out_weeks"]
        shuffled = _split(self.material.panel, self.configuration, self.parameters, held_out_weeks, rng)
        return replace(self, split=shuffled, seed=self.seed + PLACEBO_SEED)

    def train(self, name: str, workshop: Workshop) -> Trained:
        """Do it; `name` is told with its progress."""
        model = self.forecaster.name
        order = TrainingOrder(
            split=self.split,
            configuration=self.configuration,
            seed=self.seed,
            key=f"{model}-{name}-{self.fingerprint[:12]}".replace(" ", "-"),
            checkpoints=workshop.checkpoints,
            device=workshop.device,
            start=workshop.store.read(model, self.start) if self.start else None,
            say=lambda progress: workshop.say(f"{model} {name}", progress),
        )
        return self.forecaster.implementation().train(order)

    def card(self, version: str, serves: date, trained: Trained, workshop: Workshop) -> Card:
        """What is known of the version before it is judged."""
        panel, split = self.material.panel, self.split
        return Card(
            forecaster=self.forecaster.name,
            version=version,
            serves=serves,
            first_session=panel.sessions[0].item(),
            known_until=panel.sessions[-1].item(),
            last_training_session=panel.sessions[split.last_training_session].item(),
            windows={"train": len(split.train), "validation": len(split.validation), "held_out": len(split.held_out)},
            symbols=tuple(panel.symbols[row] for row in np.unique(split.train.name)),
            channels=panel.channels,
            configuration=plain(self.configuration),
            splitting=self.splitting,
            seed=self.seed,
            device=workshop.device,
            start=self.start,
            data_hash=self.material.hash,
            code_hash=code_hash(),
            fingerprint=self.fingerprint,
            history=trained.history,
            best_epoch=trained.best_epoch,
            evaluation=None,
            decision=None,
            software=dict(workshop.software),
        )

    def files(self, trained: Trained, card: Card) -> ModelFiles:
        """All files of the version."""
        return {**trained.files, **self.material.extras, METADATA: card.content()}


def configuration_of(forecaster: Forecaster, parameters: ForecastParameters) -> dict[str, Any]:
    """The profile's numbers, with those that settings change."""
    numbers = {**forecaster.configurations[parameters.profile]}
    told = {"index": parameters.index, "transfer": parameters.transfer, "channels": parameters.channels}
    numbers |= {name: value for name, value in told.items() if name in numbers}
    if parameters.max_epochs:
        numbers["epochs"] = min(numbers["epochs"], parameters.max_epochs)
    return numbers


def _cold(configuration: Mapping[str, Any]) -> dict[str, Any]:
    """What must agree for one training to begin where another ended."""
    return {name: value for name, value in configuration.items() if name not in WARMED}


def _split(
    panel: Panel,
    configuration: Mapping[str, Any],
    parameters: ForecastParameters,
    held_out_weeks: int,
    placebo: np.random.Generator | None = None,
) -> Split:
    """Windows in their parts. Only a forecaster with an `index` learns from one, and nobody is judged on it."""
    windows = windows_at(panel, training_weeks(panel), with_targets=True)
    index = np.array([is_index(symbol) for symbol in panel.symbols])[windows.name]
    if "index" not in configuration:
        windows, index = windows[~index], index[~index]
    if placebo is not None:
        windows = windows.shuffled(placebo)
    split = split_by_date(windows, parameters.validation_weeks, held_out_weeks, parameters.embargo_sessions)
    judged = ~np.array([is_index(symbol) for symbol in panel.symbols])[split.held_out.name]
    return Split(split.train, split.validation, split.held_out[judged])
