"""A policy that serves: the same object decides in evaluation, in the gate and on a Monday."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor

from learnfinance_dagster.allocation.rl.action import LOGIT, raw_weights
from learnfinance_dagster.allocation.rl.algorithm import ALGORITHMS, Algorithm
from learnfinance_dagster.allocation.rl.card import CONFIG, OBSERVER
from learnfinance_dagster.allocation.rl.networks import Actor
from learnfinance_dagster.allocation.rl.observation import Observer
from learnfinance_dagster.allocation.rl.state import PolicyState
from learnfinance_dagster.errors import DataError
from learnfinance_dagster.model_files import document, fill, tensors
from learnfinance_dagster.ports import ModelFiles


class Policy:
    """Observer and actor, without noise."""

    def __init__(self, algorithm: Algorithm, observer: Observer, actor: Actor) -> None:
        """From its parts."""
        self.algorithm, self.observer, self.actor = algorithm, observer, actor.eval()

    def logits(self, observations: np.ndarray) -> np.ndarray:
        """(B, K + 1) float64 of (B, size) float32: deterministic."""
        with torch.inference_mode():
            mean = self.actor(torch.from_numpy(observations))
            return self.algorithm.module().logits_of(mean, LOGIT).numpy().astype(np.float64)

    def raw_weights(self, state: PolicyState) -> dict[str, float]:
        """Symbol → fraction that the policy asks for before the common constraints; the rest is cash.

        Raises:
            DataError: the state is of another layout.
        """
        if not state.symbols:
            return {}
        found = raw_weights(self.logits(self.observer.state(state)), np.ones((1, len(state.symbols)), dtype=bool))[0]
        return dict(zip(state.symbols, found.tolist(), strict=True))


def policy_of(algorithm: Algorithm, observer: Observer, weights: Mapping[str, Tensor], width: int) -> Policy:
    """From the weights of a training, of which only the actor's are needed."""
    module = algorithm.module()
    with torch.random.fork_rng(devices=[]):  # fresh weights are drawn, only to be filled
        actor = Actor(width, module.ACTIVATION)
    own = {name.removeprefix(module.ACTOR): each for name, each in weights.items() if name.startswith(module.ACTOR)}
    fill(actor, own)
    return Policy(algorithm, observer, actor)


def load_policy(files: ModelFiles, algorithms: Sequence[Algorithm] = ALGORITHMS) -> Policy:
    """Make a version ready to decide.

    Raises:
        DataError: the files are not those of a policy.
    """
    config: dict[str, Any] = document(files, CONFIG)
    algorithm = next((each for each in algorithms if each.name == config.get("algorithm")), None)
    if algorithm is None or not isinstance(config.get("width"), int):
        msg = f"{CONFIG}: names no algorithm and width that there are"
        raise DataError(msg)
    observer = Observer.from_document(document(files, OBSERVER))
    return policy_of(algorithm, observer, tensors(files), config["width"])
