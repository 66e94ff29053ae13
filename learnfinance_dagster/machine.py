"""What a training asks of the machine: its memory back at once, and one thread."""

import ctypes
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache

M_TRIM_THRESHOLD, M_TOP_PAD, M_MMAP_MAX = -1, -2, -4
"""Names of glibc's `mallopt`."""
MOST = 2**31 - 1
AHEAD = 2**26


@cache
def keep_memory() -> bool:
    """Tell glibc to reuse large blocks instead of mapping fresh pages for each; True where that is possible.

    A training step allocates the same few hundred blocks again and again. Measured on two cores: 1.5 to 2 times as many
    steps a second. Results do not depend on it.
    """
    if not sys.platform.startswith("linux"):
        return False
    try:
        mallopt = ctypes.CDLL(None).mallopt
    except AttributeError:  # a C library without it
        return False
    return all(mallopt(*option) for option in ((M_MMAP_MAX, 0), (M_TRIM_THRESHOLD, MOST), (M_TOP_PAD, AHEAD)))


@contextmanager
def one_thread() -> Iterator[None]:
    """Let torch compute in one thread: the steps of these networks are too small to be shared.

    Measured on two cores, windows a second of a full `lstm`: 9 200 with one thread and 1 000 with two, and beside
    another process 3 300 and 800. Besides, the number of cores of a machine no longer changes what a training gives.
    """
    import torch

    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)
