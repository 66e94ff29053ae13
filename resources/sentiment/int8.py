"""Eight-bit arithmetic for linear layers, row by row. Imports torch: import this lazily.

torch's own dynamic quantisation takes one scale for a whole batch, so that a text's score depends on its neighbours.
Here each token has its own, and a product of whole numbers is exact in whatever company it is computed.
"""

from copy import deepcopy

import torch
from torch import nn

STEPS = 127
"""Of an int8 on each side of zero."""
TINIEST = 1e-30
"""Keeps a row of zeros from being divided by zero."""


class Int8Linear(nn.Module):
    """A linear layer with one scale per output (its weights) and one per token (what comes in)."""

    def __init__(self, linear: nn.Linear) -> None:
        """Round the weights of `linear`."""
        super().__init__()
        weight = linear.weight.detach()
        scale = weight.abs().amax(dim=1).clamp_(min=TINIEST) / STEPS
        self.weight = torch.round(weight / scale[:, None]).to(torch.int8).t()
        self.scale = scale
        self.bias = torch.zeros(linear.out_features) if linear.bias is None else linear.bias.detach()

    def forward(self, values: torch.Tensor) -> torch.Tensor:
        """(…, inputs) → (…, outputs)."""
        rows = values.reshape(-1, values.shape[-1])
        # twice as quick as abs().amax(), and many times as quick as aminmax, which is not vectorised by row
        largest = torch.maximum(rows.amax(dim=1, keepdim=True), -rows.amin(dim=1, keepdim=True))
        scale = largest.clamp_(min=TINIEST) / STEPS
        rounded = torch.mul(rows, 1 / scale).round_().to(torch.int8)
        product = torch.ops.aten._int_mm(rounded, self.weight).float()  # noqa: SLF001 - torch has no public name for it
        product.mul_(scale).mul_(self.scale).add_(self.bias)
        return product.view(*values.shape[:-1], -1)


def in_int8(network: nn.Module) -> nn.Module:
    """A copy of a classifier whose body computes in int8; its last layer, a thousandth of the work, does not."""
    copy = deepcopy(network)
    _replace(getattr(copy, "base_model", copy))
    return copy


def _replace(module: nn.Module) -> None:
    for name, child in module.named_children():
        if isinstance(child, nn.Linear):
            setattr(module, name, Int8Linear(child))
        else:
            _replace(child)
