"""Two cores for one training: each takes half of every batch.

Torch would share out single steps and wait for both cores after each; these steps are too small for that. There are two
halves whatever the machine, so a training gives the same bytes on one core as on many.
"""

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Executor, ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor
from torch.autograd import Function, grad

HALVES = 2


@contextmanager
def two_hands() -> Iterator[Executor]:
    """For `together`: two threads in which torch computes without help."""
    with ThreadPoolExecutor(HALVES, initializer=torch.set_num_threads, initargs=(1,)) as hands:
        yield hands


def together(hands: Executor, weights: Sequence[Tensor], parts: Sequence[Callable[[], Tensor]]) -> Tensor:
    """The sum of some losses, computed at the same time: a scalar for `backward`.

    Args:
        hands: of `two_hands`.
        weights: what the losses depend on and is learned.
        parts: give one loss each. They run beside each other, so what they change must not be shared.
    """
    return _Together.apply(hands, parts, *weights)


class _Together(Function):
    """The slopes are found with the losses: a backward pass of its own would run in one thread."""

    @staticmethod
    def forward(ctx: Any, hands: Executor, parts: Sequence[Callable[[], Tensor]], *weights: Tensor) -> Tensor:
        """The sum, added up in the order of `parts`."""
        losses, slopes = zip(*hands.map(lambda part: _loss_and_slopes(part, weights), parts), strict=True)
        ctx.save_for_backward(*(torch.stack(each).sum(dim=0) for each in zip(*slopes, strict=True)))
        return torch.stack(losses).sum()

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor | None, ...]:
        """Of the weights only."""
        return None, None, *(gradients[0] * slope for slope in ctx.saved_tensors)


def _loss_and_slopes(part: Callable[[], Tensor], weights: Sequence[Tensor]) -> tuple[Tensor, tuple[Tensor, ...]]:
    with torch.enable_grad():
        loss = part()
    return loss.detach(), grad(loss, weights)
