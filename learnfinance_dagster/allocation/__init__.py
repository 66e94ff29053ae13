"""Allocators: from the same universe, evidence and money to weights. Adding one is a file and a line here."""

from collections.abc import Iterable

from learnfinance_dagster.allocation.allocator import Allocator
from learnfinance_dagster.allocation.equal_weight import EQUAL_WEIGHT
from learnfinance_dagster.allocation.hrp import HRP
from learnfinance_dagster.allocation.learned import PPO_LSTM, PPO_PATCHTST, SAC_LSTM, SAC_PATCHTST
from learnfinance_dagster.errors import ConfigurationError

ALLOCATORS: tuple[Allocator, ...] = (HRP, PPO_LSTM, PPO_PATCHTST, SAC_LSTM, SAC_PATCHTST, EQUAL_WEIGHT)
BASELINES = (HRP, EQUAL_WEIGHT)


def chosen(names: Iterable[str]) -> tuple[Allocator, ...]:
    """The records of those names, in the registry's order; all of them when there are no names.

    Raises:
        ConfigurationError: there is no such allocator, or a baseline is missing: everything is judged by them.
    """
    wanted = set(names)
    if wanted and (missing := [each.name for each in BASELINES if each.name not in wanted]):
        msg = f"LEARNFINANCE_ALLOCATORS lacks {' and '.join(missing)}: the others are judged by the baselines"
        raise ConfigurationError(msg)
    unknown = wanted - {allocator.name for allocator in ALLOCATORS}
    if unknown:
        known = ", ".join(allocator.name for allocator in ALLOCATORS)
        msg = f"no such allocator: {', '.join(sorted(unknown))}; there are {known}"
        raise ConfigurationError(msg)
    return tuple(allocator for allocator in ALLOCATORS if not wanted or allocator.name in wanted)
