"""Allocators: from the same universe, evidence and money to weights. Adding one is a file and a line here."""

from learnfinance_dagster.allocation.allocator import Allocator
from learnfinance_dagster.allocation.equal_weight import EQUAL_WEIGHT
from learnfinance_dagster.allocation.hrp import HRP

ALLOCATORS: tuple[Allocator, ...] = (HRP, EQUAL_WEIGHT)
