"""Trainings of policies so small that they take moments, and what surrounds them."""

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import date, timedelta

import numpy as np
import pandas as pd
from memory_models import MemoryCheckpoints, MemoryModelStore
from memory_trials import MemoryTrialRegister
from policy_cards import policy_card
from policy_world import COSTS, RULES, made_up, played

from learnfinance_dagster.allocation.allocator import PolicyInUse
from learnfinance_dagster.allocation.rl import algorithm as real
from learnfinance_dagster.allocation.rl.algorithm import Algorithm, PolicySpec
from learnfinance_dagster.allocation.rl.card import CONFIG, METADATA, OBSERVER, WEIGHTS
from learnfinance_dagster.allocation.rl.episodes import Noise
from learnfinance_dagster.allocation.rl.history import NOBODY, PolicyHistory
from learnfinance_dagster.allocation.rl.observation import Observer
from learnfinance_dagster.allocation.rl.state import FEATURES, PolicyState
from learnfinance_dagster.documents import to_json
from learnfinance_dagster.parameters import PolicyParameters

SMALL = {"width": 8, "variants": 2, "envs": 4, "learning_rate": 3e-3}
PPO_NUMBERS = real.PPO_NUMBERS | SMALL | {"steps": 150, "leg": 52, "rollout": 13, "batch": 26, "epochs": 2}
SAC_NUMBERS = (
    real.SAC_NUMBERS | SMALL | {"steps": 120, "leg": 40, "warm_up": 30, "batch": 16, "updates": 1, "buffer": 80}
)
FINE_TUNE = {"steps": 80, "leg": 50, "learning_rate": 1e-3}
PPO = replace(
    real.PPO,
    configurations={"quick": PPO_NUMBERS, "full": PPO_NUMBERS | {"width": 6}},
    fine_tune=FINE_TUNE,
    certificate_steps=100,
)
SAC = replace(
    real.SAC,
    configurations={"quick": SAC_NUMBERS, "full": SAC_NUMBERS | {"width": 6}},
    fine_tune=FINE_TUNE,
    certificate_steps=60,
)
TINY = {"ppo": PPO, "sac": SAC}
"""They learn next to nothing, in three legs."""
SETTINGS = PolicyParameters(
    profile="quick",
    held_out_weeks=24,
    fine_tune_weeks=8,
    min_training_weeks=30,
    min_judged_weeks=8,
    block_weeks=2,
    resamples=200,
)


class Killed(BaseException):
    """The process ends here: nothing may catch it."""


@dataclass
class DyingCheckpoints(MemoryCheckpoints):
    """Dies after so many saves."""

    after: int = 0

    def __post_init__(self) -> None:
        super().__init__()

    def save(self, key, content):
        super().save(key, content)
        if len(self.saved) == self.after:
            raise Killed


class Dying:
    """Lets everything through, and dies before or after the first call of one method."""

    def __init__(self, inner: object, act: str, *, before: bool) -> None:
        self._inner, self._act, self._before = inner, act, before

    def __getattr__(self, name: str):
        found = getattr(self._inner, name)
        if name != self._act:
            return found

        def act(*arguments, **named):
            if not self._before:
                found(*arguments, **named)
            raise Killed

        return act


def an_order(algorithm: Algorithm, history: PolicyHistory | None = None, *, seed: int = 7, **changes):
    """A training on 40 weeks of six names."""
    from learnfinance_dagster.allocation.rl.training import Order

    history = history or made_up(40)
    observer = changes.pop("observer", None) or Observer.fit(history)
    numbers = dict(algorithm.configurations["quick"]) | changes.pop("numbers", {})
    usual = {
        "algorithm": algorithm,
        "numbers": numbers,
        "world": played(history, observer, noise=Noise(numbers["noise"], numbers["variants"], seed)),
        "clear": played(history, observer),
        "observer": observer,
        "seed": seed,
        "key": "a-training",
        "checkpoints": MemoryCheckpoints(),
    }
    return Order(**(usual | changes))


def learner_of(order):
    """As `train` makes it."""
    from learnfinance_dagster.allocation.rl.environment import PortfolioVecEnv

    env = PortfolioVecEnv(order.world, order.numbers["envs"], order.seed)
    return order.algorithm.module().make(env, order.numbers, order.seed, "cpu")


def as_bytes(trained) -> bytes:
    """Everything that a training made."""
    from safetensors.torch import save

    return save(trained.weights) + repr((trained.curve, trained.reward_parts)).encode()


def untrained(algorithm: Algorithm, seed: int = 7, gain: float = 1.0, width: int = 8):
    """The serving part of a policy that never learned, by its stored names; `gain` makes its logits lively."""
    import torch

    from learnfinance_dagster.allocation.rl.networks import Actor

    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        actor = Actor(width, algorithm.module().ACTIVATION)
        for layer in (actor.logits.name, actor.logits.cash):
            torch.nn.init.normal_(layer.weight, std=gain)
    return {f"{algorithm.module().ACTOR}{name}": tensor for name, tensor in actor.state_dict().items()}


def reader(algorithm: Algorithm, channel: str, gain: float = 3.0, width: int = 8):
    """Weights of a policy that buys where one channel is high, and reads nothing else."""
    import torch

    from learnfinance_dagster.allocation.rl.networks import Actor
    from learnfinance_dagster.allocation.rl.observation import CHANNELS

    actor = Actor(width, algorithm.module().ACTIVATION)
    with torch.no_grad():
        for tensor in actor.parameters():
            tensor.zero_()
        first, second = actor.encoder.name[0], actor.encoder.name[2]
        first.weight[0, CHANNELS.index(channel)], first.weight[1, CHANNELS.index(channel)] = 0.2, -0.2
        second.weight[0, 0] = second.weight[1, 1] = 1.0
        actor.logits.name.weight[0, 0], actor.logits.name.weight[0, 1] = gain, -gain
        actor.logits.cash.bias[0] = -3.0
    return {f"{algorithm.module().ACTOR}{name}": tensor for name, tensor in actor.state_dict().items()}


def lively(algorithm: Algorithm, observer: Observer, seed: int = 7, gain: float = 1.0):
    """A policy that never learned, but reads its inputs."""
    from learnfinance_dagster.allocation.rl.policy import policy_of

    return policy_of(algorithm, observer, untrained(algorithm, seed, gain), 8)


def version_files(spec: PolicySpec, observer: Observer, **changes):
    """The files of a version that nobody trained."""
    from safetensors.torch import save

    card = policy_card(spec.name, configuration={"width": 8}, **changes)
    config = {"algorithm": spec.algorithm.name, "forecaster": spec.forecaster, "width": 8}
    return {
        WEIGHTS: save(untrained(spec.algorithm)),
        OBSERVER: to_json(observer.to_document()).encode(),
        CONFIG: to_json(config).encode(),
        METADATA: card.content(),
    }


def in_use(spec: PolicySpec, observer: Observer | None = None, **changes) -> PolicyInUse:
    """A version that nobody trained, ready to decide."""
    files = version_files(spec, observer or Observer.fit(made_up(60)), **changes)
    return PolicyInUse(policy_card(spec.name, configuration={"width": 8}, **changes), files)


def a_state(symbols, weights=None) -> PolicyState:
    """What is known of some names, which does not depend on their order."""
    drawn = {name: np.random.default_rng([*name.encode()]).normal(size=len(FEATURES) + 1).tolist() for name in symbols}
    return PolicyState(
        symbols=tuple(symbols),
        features={name: tuple(values[:-1]) for name, values in drawn.items()},
        forecast={name: 0.01 * values[-1] for name, values in drawn.items()},
        weights=weights or {},
    )


def rows_of(history: PolicyHistory, week: date, *, before: int = 14) -> pd.DataFrame:
    """A history as stored for the Monday `week`: its newest Monday is `before` days earlier."""
    there = history.name != NOBODY
    at, slot = np.nonzero(there)
    first = week - timedelta(days=before + 7 * (len(history) - 1))
    columns = {name: history.features[at, slot, n] for n, name in enumerate(FEATURES)}
    forecast = history.forecast[at, slot]
    return pd.DataFrame(
        {
            "week": pd.array([week.isoformat()] * len(at), dtype="str"),
            "symbol": pd.array(np.array(history.symbols)[history.name[at, slot]], dtype="str"),
            **columns,
            "monday": pd.Series([first + timedelta(days=7 * int(n)) for n in at], dtype=object),
            "rank": slot,
            "lstm_forecast": forecast,
            "patchtst_forecast": forecast[::-1],
            "holding_return": history.returns[at, slot],
            "close_return": history.closes[at, slot],
            "tradable": ~history.halted[at, slot],
            "hrp_weight": history.hrp[at, slot],
        }
    )


@dataclass
class House:
    """A model store behind its register, and policies made in it."""

    inner: MemoryModelStore = field(default_factory=MemoryModelStore)
    register: MemoryTrialRegister = field(default_factory=MemoryTrialRegister)
    checkpoints: MemoryCheckpoints = field(default_factory=MemoryCheckpoints)
    heard: list[str] = field(default_factory=list)
    seams: dict[str, Callable] = field(default_factory=dict)
    """Part of the workshop → what is put in front of it."""

    @property
    def store(self):
        """Stores nothing that has no trial."""
        from resources.models.registered import RegisteredModels

        return RegisteredModels(self.inner, self.register)

    @property
    def workshop(self):
        """Where versions are made."""
        from learnfinance_dagster.allocation.rl.workshop import PolicyWorkshop

        parts = {"store": self.store, "register": self.register, "checkpoints": self.checkpoints}
        parts = {name: self.seams.get(name, lambda part: part)(part) for name, part in parts.items()}
        return PolicyWorkshop(
            **parts, software={"torch": "2"}, device="cpu", say=lambda name, _progress: self.heard.append(name)
        )

    def everything(self, model: str) -> dict[str, dict[str, bytes]]:
        """Every file of every version."""
        return {version: dict(self.inner.read(model, version)) for version in self.inner.versions(model)}

    def certify(
        self, algorithm: Algorithm, settings: PolicyParameters = SETTINGS, *, passed: bool = True, seed: int = 7
    ) -> str:
        """A certificate that nobody earned."""
        from learnfinance_dagster.allocation.rl.certificate import certificate_version
        from learnfinance_dagster.allocation.rl.certified import CERTIFICATE, model_of

        version = certificate_version(algorithm, settings, RULES, COSTS, seed)
        found = certificate(algorithm.name, version, passed=passed)
        self.inner.write(model_of(algorithm), found.version, {CERTIFICATE: to_json(found).encode()})
        return found.version


def certificate(algorithm: str, version: str, *, passed: bool):
    """Of a trainer that learns, or of one that does not."""
    from learnfinance_dagster.allocation.rl.card import Behaviour
    from learnfinance_dagster.allocation.rl.certified import Certificate, Excess
    from learnfinance_dagster.evaluation.gate import Condition

    return Certificate(
        algorithm=algorithm,
        version=version,
        profile="quick",
        config_hash="c" * 64,
        code_hash="d" * 64,
        seed=7,
        clairvoyant=Excess(0.004 if passed else 0.0, 1e-4),
        blind=Excess(0.0, 1e-4),
        behaviour=Behaviour(0.8, 0.3, 0.2, {"equal_weight": 0.3}),
        checks=(Condition("learns what is there", passed, "0.0 ± 1.0 bp a week when it is told the future"),),
    )
