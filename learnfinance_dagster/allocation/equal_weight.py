"""Equal weight: the baseline that every other allocator must beat."""

from learnfinance_dagster.allocation.allocator import AllocationInputs, Allocator, RawAllocation
from learnfinance_dagster.parameters import AllocationParameters


def equal_weight(inputs: AllocationInputs, _parameters: AllocationParameters) -> RawAllocation:
    """One over n for each screened name."""
    return RawAllocation(dict.fromkeys(inputs.symbols, 1 / len(inputs.symbols)) if inputs.symbols else {})


EQUAL_WEIGHT = Allocator(
    name="equal_weight",
    summary="The same share of every screened name: the baseline that the others must beat.",
    reads=("screened_universe",),
    method=equal_weight,
)
