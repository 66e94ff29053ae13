"""PPO (Schulman et al. 2017) through stable-baselines3, with one network that reads every name alike."""

from collections.abc import Callable, Mapping
from typing import Any

import torch
from stable_baselines3 import PPO
from stable_baselines3.common.distributions import DiagGaussianDistribution, Distribution
from stable_baselines3.common.policies import ActorCriticPolicy
from stable_baselines3.common.vec_env import VecEnv
from torch import Tensor, nn

from learnfinance_dagster.allocation.rl.networks import Actor, Encoder, Names

ACTIVATION = nn.Tanh
ACTOR = "actor."
"""Below this prefix a version keeps the part that serves."""


class PpoPolicy(ActorCriticPolicy):
    """Actor and critic; the noise has one size for names and one for cash."""

    def __init__(self, *args: Any, width: int, log_std: float, **kwargs: Any) -> None:
        """`width` units a layer; noise of exp(`log_std`) logits to begin with."""
        self.width, self.first_log_std = width, log_std
        super().__init__(*args, **kwargs)

    def _build(self, lr_schedule: Callable[[float], float]) -> None:
        """Instead of the library's networks, whose inputs are bound to slots."""
        self.actor = Actor(self.width, ACTIVATION)
        self.encoder = Encoder(self.width, ACTIVATION)
        self.value_net = nn.Linear(self.width, 1)
        self.log_std = nn.Parameter(torch.full((2,), self.first_log_std))
        self.gaussian = DiagGaussianDistribution(_length(self.action_space.shape))
        self.optimizer = self.optimizer_class(self.parameters(), lr=lr_schedule(1), **self.optimizer_kwargs)  # pyright: ignore[reportCallIssue] - every optimizer has it

    def get_distribution(self, obs: Any) -> Distribution:
        """Of actions."""
        mean = self.actor(obs)
        noise = torch.cat([self.log_std[:1].expand(mean.shape[1] - 1), self.log_std[1:]])
        return self.gaussian.proba_distribution(mean, noise)

    def predict_values(self, obs: Any) -> Tensor:
        """(B, 1) values of states."""
        return self.value_net(self.encoder(Names(obs))[1])

    def forward(self, obs: Tensor, deterministic: bool = False) -> tuple[Tensor, Tensor, Tensor]:  # noqa: FBT001, FBT002 - the library's signature
        """Actions, values, log-probabilities."""
        found = self.get_distribution(obs)
        actions = found.get_actions(deterministic=deterministic)
        return actions, self.predict_values(obs), found.log_prob(actions)

    def evaluate_actions(self, obs: Any, actions: Tensor) -> tuple[Tensor, Tensor, Tensor | None]:
        """Values, log-probabilities and entropies."""
        found = self.get_distribution(obs)
        return self.predict_values(obs), found.log_prob(actions), found.entropy()


def make(env: VecEnv, numbers: Mapping[str, Any], seed: int, device: str) -> PPO:
    """A learner with fresh weights."""
    return PPO(
        PpoPolicy,
        env,
        learning_rate=numbers["learning_rate"],
        n_steps=numbers["rollout"],
        batch_size=numbers["batch"],
        n_epochs=numbers["epochs"],
        gamma=numbers["gamma"],
        gae_lambda=numbers["gae_lambda"],
        clip_range=numbers["clip"],
        ent_coef=numbers["entropy"],
        vf_coef=numbers["value"],
        max_grad_norm=numbers["max_grad"],
        policy_kwargs={"width": numbers["width"], "log_std": numbers["log_std"]},
        seed=seed,
        device=device,
    )


def logits_of(mean: Tensor, limit: float) -> Tensor:
    """Deterministic logits: the mean, within the limits of the action space."""
    return mean.clamp(-limit, limit)


def _length(shape: tuple[int, ...] | None) -> int:
    return shape[0] if shape else 0
