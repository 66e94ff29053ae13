"""Dropout masks that cost no more than a multiplication."""

from math import prod

import numpy as np
import torch
from torch import Tensor

POOL = 2**23
"""Numbers in the pool: 32 MiB, or what a PatchTST of full size drops in three steps."""
STEPS = 2**16
"""Rates are rounded to 1/65536: two random bytes a number."""


class Masks:
    """Random masks, cut one after the other from a pool of random numbers.

    Torch draws masks one number at a time on a CPU, which takes a third of a PatchTST step. The numbers of this pool
    are independent, and so are masks that do not overlap: all of them, until the pool is used up and the next one
    begins at a random place of it. Make new masks for every epoch.
    """

    def __init__(self, rng: np.random.Generator, rate: float, device: str = "cpu") -> None:
        """Fill the pool; a `rate` of 0 drops nothing."""
        self._rng, self._dropped, self._next = rng, round(rate * STEPS), 0
        if self._dropped:
            kept = torch.from_numpy(rng.integers(0, STEPS, POOL, dtype=np.uint16) >= self._dropped)
            self._pool = kept.to(device, torch.float32).mul_(STEPS / (STEPS - self._dropped))

    def __call__(self, values: Tensor) -> Tensor:
        """`values` with some of them dropped, and the others scaled up."""
        return values * self.draw(values.shape) if self._dropped else values

    def draw(self, shape: tuple[int, ...]) -> Tensor:
        """Zeros and scaled ones; a single 1 for all where nothing is dropped.

        Raises:
            ValueError: more than `POOL` numbers are asked for.
        """
        if not self._dropped:
            return torch.ones(())
        count = prod(shape)
        if count > POOL:
            msg = f"a mask of {count} numbers is more than the pool of {POOL} holds: make batches smaller"
            raise ValueError(msg)
        if self._next + count > POOL:
            self._next = int(self._rng.integers(0, POOL - count + 1))
        mask = self._pool[self._next : self._next + count].view(shape)
        self._next += count
        return mask
