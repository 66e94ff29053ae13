"""Where a training stands, as safetensors: no pickle is ever read."""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field

import torch
from safetensors import SafetensorError
from safetensors.torch import load, save
from torch import Tensor, nn

from learnfinance_dagster.errors import DataError
from learnfinance_dagster.forecasting.forecaster import EpochLosses

HEADER = 8


@dataclass(frozen=True, slots=True)
class Standing:
    """What is known after some epochs."""

    history: tuple[EpochLosses, ...] = ()
    best_epoch: int = 0
    best_weights: dict[str, Tensor] = field(default_factory=dict)

    def after(self, losses: EpochLosses, network: nn.Module) -> "Standing":
        """One epoch later."""
        best = min((each.validation for each in self.history), default=float("inf"))
        history = (*self.history, losses)
        if losses.validation < best or not self.best_weights:
            return Standing(history, losses.epoch, copied(network))
        return Standing(history, self.best_epoch, self.best_weights)


def copied(network: nn.Module) -> dict[str, Tensor]:
    """The network's weights and buffers as they are now, on the CPU."""
    return {name: tensor.detach().cpu().clone() for name, tensor in network.state_dict().items()}


def write_standing(standing: Standing, network: nn.Module, optimizer: torch.optim.Optimizer) -> bytes:
    """Everything that the next epoch depends on. Randomness is not in it: each epoch is seeded by its number."""
    tensors = {f"network/{name}": tensor for name, tensor in copied(network).items()}
    tensors |= {f"best/{name}": tensor for name, tensor in standing.best_weights.items()}
    for index, state in optimizer.state_dict()["state"].items():
        tensors |= {f"adam/{index}/{name}": value.detach().cpu().clone() for name, value in state.items()}
    told = {"best_epoch": standing.best_epoch, "history": [asdict(losses) for losses in standing.history]}
    return save(tensors, metadata={"standing": json.dumps(told)})


def read_standing(content: bytes | None, network: nn.Module, optimizer: torch.optim.Optimizer) -> Standing:
    """Put network and optimizer where `write_standing` left them; a fresh start without `content`.

    Raises:
        DataError: it is no checkpoint, or one of another network.
    """
    if content is None:
        return Standing()
    try:
        tensors, told = load(content), json.loads(_metadata(content)["standing"])
        network.load_state_dict(_below("network/", tensors))
    except (SafetensorError, KeyError, RuntimeError) as error:
        msg = f"not a checkpoint of this network: {error}"
        raise DataError(msg) from error
    state: dict[int, dict[str, Tensor]] = {}
    for name, tensor in _below("adam/", tensors).items():
        index, part = name.split("/")
        state.setdefault(int(index), {})[part] = tensor
    optimizer.load_state_dict({**optimizer.state_dict(), "state": state})
    history = tuple(EpochLosses(**losses) for losses in told["history"])
    return Standing(history, told["best_epoch"], _below("best/", tensors))


def _below(prefix: str, tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    return {name.removeprefix(prefix): tensor for name, tensor in tensors.items() if name.startswith(prefix)}


def _metadata(content: bytes) -> dict[str, str]:
    """The format's header: its length in eight bytes, then JSON."""
    size = int.from_bytes(content[:HEADER], "little")
    return json.loads(content[HEADER : HEADER + size])["__metadata__"]
