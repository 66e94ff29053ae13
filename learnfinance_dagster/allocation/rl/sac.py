"""SAC (Haarnoja et al. 2018) through stable-baselines3, with one network that reads every name alike."""

from collections.abc import Mapping
from typing import Any

import torch
from stable_baselines3 import SAC
from stable_baselines3.common.policies import ContinuousCritic
from stable_baselines3.common.vec_env import VecEnv
from stable_baselines3.sac.policies import Actor as LibraryActor
from stable_baselines3.sac.policies import SACPolicy
from torch import Tensor, nn

from learnfinance_dagster.allocation.rl.action import LOGIT
from learnfinance_dagster.allocation.rl.networks import Actor, Encoder, Logits, Names

ACTIVATION = nn.ReLU
ACTOR = "actor.body."
"""Below this prefix a version keeps the part that serves."""
LOG_STD = (-5.0, 1.0)
"""Limits of the noise's logarithm. A wider one is cut off by tanh anyway."""


class SacActor(LibraryActor):
    """Mean and noise of squashed logits."""

    def __init__(self, *args: Any, width: int, log_std: float, **kwargs: Any) -> None:
        """`width` units a layer; noise of exp(`log_std`) before squashing to begin with."""
        super().__init__(*args, **kwargs)
        del self.latent_pi, self.mu, self.log_std  # the library's networks, whose inputs are bound to slots
        self.body, self.noise = Actor(width, ACTIVATION), Logits(width)
        for layer in (self.noise.name, self.noise.cash):
            nn.init.constant_(layer.bias, log_std)

    def get_action_dist_params(self, obs: Any) -> tuple[Tensor, Tensor, dict[str, Tensor]]:
        """Mean, logarithm of the noise, and nothing else."""
        names = Names(obs)
        found = self.body.encoder(names)
        return self.body.logits(names, *found), self.noise(names, *found).clamp(*LOG_STD), {}


class Worth(nn.Module):
    """(B, 1) value of holding weights: of the state, and what each name adds for its weight, its size and its trade.

    A week's reward is nearly linear in the weights, and so is this by construction.
    """

    def __init__(self, width: int) -> None:
        """Two layers of `width` units."""
        super().__init__()
        self.encoder = Encoder(width, ACTIVATION)
        self.state, self.name = nn.Linear(width, 1), nn.Linear(width, 3)

    def forward(self, names: Names, weights: Tensor) -> Tensor:
        """Of (B, K) weights."""
        each, everything = self.encoder(names)
        held = torch.stack([weights, weights**2, (weights - names.weights).abs()], dim=-1)
        return self.state(everything) + (self.name(each) * held).sum(dim=(1, 2)).unsqueeze(-1)


class SacCritic(ContinuousCritic):
    """Two values of an action, of which the learner believes the smaller."""

    def __init__(self, *args: Any, width: int, **kwargs: Any) -> None:
        """`width` units a layer."""
        super().__init__(*args, **kwargs)
        self.worths = nn.ModuleList(Worth(width) for _ in range(self.n_critics))
        for number in range(self.n_critics):
            delattr(self, f"qf{number}")
        self.q_networks = []  # the library's networks, whose inputs are bound to slots

    def forward(self, obs: Tensor, actions: Tensor) -> tuple[Tensor, ...]:
        """One value by each network."""
        names = Names(obs)
        weights = _weights(names, actions)
        return tuple(worth(names, weights) for worth in self.worths)


def _weights(names: Names, actions: Tensor) -> Tensor:
    """(B, K) weights before constraints of actions in ±1. Dust stays, so that every logit has a slope."""
    there = torch.cat([names.present, torch.ones_like(names.present[:, :1])], dim=1)
    return torch.softmax((actions * LOGIT).masked_fill(there == 0, -torch.inf), dim=1)[:, :-1]


class SacPolicy(SACPolicy):
    """Actor, twin critics and their slow copies."""

    def __init__(self, *args: Any, width: int, log_std: float, **kwargs: Any) -> None:
        """As `SacActor`."""
        self.width, self.first_log_std = width, log_std
        super().__init__(*args, net_arch=[1], **kwargs)

    def make_actor(self, features_extractor: Any = None) -> SacActor:
        """Ours instead of the library's."""
        told = self._update_features_extractor(self.actor_kwargs, features_extractor)
        return SacActor(**told, width=self.width, log_std=self.first_log_std).to(self.device)

    def make_critic(self, features_extractor: Any = None) -> SacCritic:
        """Ours instead of the library's."""
        told = self._update_features_extractor(self.critic_kwargs, features_extractor)
        return SacCritic(**told, width=self.width).to(self.device)


def make(env: VecEnv, numbers: Mapping[str, Any], seed: int, device: str) -> SAC:
    """A learner with fresh weights."""
    actions = env.action_space.shape
    return SAC(
        SacPolicy,
        env,
        learning_rate=numbers["learning_rate"],
        buffer_size=numbers["buffer"],
        learning_starts=numbers["warm_up"],
        batch_size=numbers["batch"],
        tau=numbers["tau"],
        gamma=numbers["gamma"],
        train_freq=1,
        gradient_steps=numbers["updates"],
        ent_coef=f"auto_{numbers['alpha']}",
        target_entropy=numbers["entropy"] * (actions[0] if actions else 0),
        policy_kwargs={"width": numbers["width"], "log_std": numbers["log_std"]},
        seed=seed,
        device=device,
    )


def logits_of(mean: Tensor, limit: float) -> Tensor:
    """Deterministic logits: the squashed mean."""
    return torch.tanh(mean) * limit
