"""What a learning algorithm is: a record, its numbers each with a reason, and a module that needs torch when used."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import ModuleType
from typing import Any

from learnfinance_dagster.errors import ConfigurationError
from learnfinance_dagster.evaluation.gate import Score

Numbers = Mapping[str, bool | int | float | str]


@dataclass(frozen=True, slots=True)
class Algorithm:
    """One way of learning a policy."""

    name: str
    title: str
    score: Score
    """What its candidates are judged by."""
    configurations: Mapping[str, Numbers]
    """Profile → numbers of a training on all history, plain JSON."""
    fine_tune: Numbers
    """What differs when a policy learns on the newest weeks."""
    certificate_steps: int
    """So many show whether it learns at all in a world whose answer is known."""
    module: Callable[[], ModuleType]
    """`make`, `logits_of`, `ACTIVATION` and `ACTOR`; imports torch."""

    def numbers(self, profile: str, max_steps: int, *, fine_tune: bool) -> dict[str, Any]:
        """The profile's numbers, with those that settings change; a short training warms up for a quarter at most.

        Raises:
            ConfigurationError: there is no such profile.
        """
        if profile not in self.configurations:
            msg = f"{self.name} has no profile {profile}; there are {', '.join(self.configurations)}"
            raise ConfigurationError(msg)
        numbers: dict[str, Any] = {**self.configurations[profile]}
        if fine_tune:
            numbers |= self.fine_tune
            if profile == "quick":
                numbers["steps"] = min(numbers["steps"], self.configurations[profile]["steps"])
        if max_steps:
            numbers["steps"] = min(numbers["steps"], max_steps)
        if "warm_up" in numbers:
            numbers["warm_up"] = min(numbers["warm_up"], numbers["steps"] // 4)
        return numbers


def _ppo() -> ModuleType:
    from learnfinance_dagster.allocation.rl import ppo

    return ppo


def _sac() -> ModuleType:
    from learnfinance_dagster.allocation.rl import sac

    return sac


SHARED = {
    "gamma": 0.97,  # a week's action matters for the next weeks only through what trading away from it costs
    "width": 32,  # a name is 28 numbers, and every name is read by the same network
    "noise": 0.3,  # of the inputs, in standard deviations: without exact inputs no week can be remembered
    "variants": 16,
    "envs": 16,
}
PPO_NUMBERS = SHARED | {
    "steps": 100_000,
    "leg": 10_000,  # a checkpoint and a point of the curve
    "learning_rate": 3e-4,
    "rollout": 52,  # an episode is a year
    "batch": 104,
    "epochs": 10,
    "gae_lambda": 0.5,  # with 0.95 the luck of six later weeks drowns an action's own week, and little is found
    "clip": 0.2,
    "entropy": 0.0,  # 0.05 on sixteen logits would outweigh a reward of half a standard deviation
    "value": 0.5,
    "max_grad": 0.5,
    "log_std": -0.7,  # noise of half a logit: tilts of 50 %, no gambles
}
SAC_NUMBERS = SHARED | {
    "steps": 100_000,
    "leg": 10_000,
    "learning_rate": 3e-4,
    "buffer": 10_000,
    "warm_up": 1000,
    "batch": 64,
    "updates": 2,  # per 16 weeks played: more of them learns the buffer by heart
    "tau": 0.005,
    "alpha": 0.2,
    "entropy": -1.0,  # wanted entropy of each squashed logit
    "log_std": -1.0,
}
FINE_TUNE = {
    "steps": 10_000,
    "leg": 5_000,
    "learning_rate": 1e-4,  # a third: half a year of weeks may correct a policy, not replace it
}
QUICK = {"width": 16, "variants": 4, "leg": 5_000}

PPO = Algorithm(
    name="ppo",
    title="PPO",
    score=Score.SHARPE,
    configurations={"full": PPO_NUMBERS, "quick": PPO_NUMBERS | QUICK | {"steps": 20_000, "learning_rate": 1e-3}},
    fine_tune=FINE_TUNE,
    certificate_steps=20_000,
    module=_ppo,
)
SAC = Algorithm(
    name="sac",
    title="SAC",
    score=Score.CAGR,
    configurations={
        "full": SAC_NUMBERS,
        "quick": SAC_NUMBERS | QUICK | {"steps": 6_000, "leg": 3_000, "envs": 4, "learning_rate": 1e-3},
    },
    fine_tune=FINE_TUNE | {"envs": 4},
    certificate_steps=6_000,
    module=_sac,
)
ALGORITHMS = (PPO, SAC)


@dataclass(frozen=True, slots=True)
class PolicySpec:
    """One learned allocator: which algorithm, on whose forecasts."""

    algorithm: Algorithm
    forecaster: str

    @property
    def name(self) -> str:
        """E.g. `ppo_lstm`: of the allocator, its account and its models."""
        return f"{self.algorithm.name}_{self.forecaster}"
