"""Where a policy's training stands, as safetensors: no pickle is ever read."""

import json
from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

import numpy as np
import torch
from safetensors import SafetensorError
from safetensors.torch import load, save
from torch import Tensor

from learnfinance_dagster.allocation.rl.card import CurvePoint
from learnfinance_dagster.errors import DataError

POLICY = "policy"
BUFFER = ("observations", "next_observations", "actions", "rewards", "dones", "timeouts")
"""Arrays of the library's replay buffer."""


def written(learner: Any, curve: tuple[CurvePoint, ...]) -> bytes:
    """Everything that the next leg depends on. Randomness is not in it: each leg is seeded by its number."""
    found: dict[str, Tensor] = {}
    for part, state in learner.get_parameters().items():
        if part == POLICY:
            found |= {f"{part}/{name}": _apart(tensor) for name, tensor in state.items()}
        else:
            for index, moments in state["state"].items():
                found |= {f"{part}/{index}/{name}": _apart(torch.as_tensor(each)) for name, each in moments.items()}
    found |= {f"extra/{name}": _apart(tensor) for name, tensor in _extra(learner).items()}
    buffer = getattr(learner, "replay_buffer", None)
    told: dict[str, Any] = {"steps": learner.num_timesteps, "curve": [asdict(each) for each in curve]}
    told["updates"] = learner._n_updates  # noqa: SLF001 - the library keeps its count there
    if buffer is not None:
        filled = buffer.size()
        found |= {f"buffer/{name}": torch.from_numpy(getattr(buffer, name)[:filled].copy()) for name in BUFFER}
        told |= {"position": buffer.pos, "full": buffer.full}
    return save(found, metadata={"standing": json.dumps(told)})


def restored(learner: Any, content: bytes) -> tuple[CurvePoint, ...]:
    """Put a learner where `written` left it.

    Raises:
        DataError: it is no checkpoint, or one of another learner.
    """
    try:
        tensors, told = load(content), _told(content)
        parts = learner.get_parameters()
        parts[POLICY] = below(f"{POLICY}/", tensors)
        for part, state in parts.items():
            if part != POLICY:
                state["state"] = _moments(below(f"{part}/", tensors))
        learner.set_parameters(parts)
        for name, tensor in _extra(learner).items():
            tensor.data.copy_(tensors[f"extra/{name}"])
        _refill(learner, below("buffer/", tensors), told)
        learner.num_timesteps, learner._n_updates = told["steps"], told["updates"]  # noqa: SLF001 - as above
        return tuple(CurvePoint(**point) for point in told["curve"])
    except (SafetensorError, KeyError, TypeError, ValueError, RuntimeError) as error:
        msg = f"not a checkpoint of this training: {error}; without it the training begins anew"
        raise DataError(msg) from error


def weights_of(learner: Any) -> dict[str, Tensor]:
    """What a version keeps: networks, and the logarithm of the temperature where there is one."""
    found = {name: _apart(tensor) for name, tensor in learner.get_parameters()[POLICY].items()}
    return found | {f"extra/{name}": _apart(tensor) for name, tensor in _extra(learner).items()}


def begin_with(learner: Any, weights: Mapping[str, Tensor]) -> None:
    """Start from a version's networks, with fresh optimizers.

    The temperature is overwritten in place: its optimizer holds the very tensor, and would never learn another one.

    Raises:
        DataError: they are those of another network.
    """
    extra = below("extra/", weights)
    try:
        learner.policy.load_state_dict({name: each for name, each in weights.items() if not name.startswith("extra/")})
        for name, tensor in _extra(learner).items():
            tensor.data.copy_(extra[name])
    except (KeyError, RuntimeError) as error:
        msg = f"the version to begin with has other networks: {error}"
        raise DataError(msg) from error


def below(prefix: str, tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Those whose names begin with `prefix`, without it."""
    return {name.removeprefix(prefix): each for name, each in tensors.items() if name.startswith(prefix)}


def _extra(learner: Any) -> dict[str, Tensor]:
    temperature = getattr(learner, "log_ent_coef", None)
    return {} if temperature is None else {"log_ent_coef": temperature}


def _apart(tensor: Tensor) -> Tensor:
    return tensor.detach().cpu().clone().contiguous()


def _moments(flat: Mapping[str, Tensor]) -> dict[int, dict[str, Tensor]]:
    out: dict[int, dict[str, Tensor]] = {}
    for name, tensor in flat.items():
        index, moment = name.split("/")
        out.setdefault(int(index), {})[moment] = tensor
    return out


def _refill(learner: Any, arrays: Mapping[str, Tensor], told: Mapping[str, Any]) -> None:
    buffer = getattr(learner, "replay_buffer", None)
    if buffer is None:
        return
    for name in BUFFER:
        stored = arrays[name].numpy()
        np.copyto(getattr(buffer, name)[: len(stored)], stored)
    buffer.pos, buffer.full = told["position"], told["full"]


def _told(content: bytes) -> dict[str, Any]:
    """The format's header: its length in eight bytes, then JSON."""
    length = int.from_bytes(content[:8], "little")
    return json.loads(json.loads(content[8 : 8 + length])["__metadata__"]["standing"])
