"""Allocators that learned: a policy reads signals, one forecaster and its own account, and says what to hold."""

from learnfinance_dagster.allocation.allocator import AllocationInputs, Allocator, RawAllocation
from learnfinance_dagster.allocation.rl.algorithm import PPO, SAC, PolicySpec
from learnfinance_dagster.errors import DataError
from learnfinance_dagster.parameters import AllocationParameters


def by_policy(inputs: AllocationInputs, _parameters: AllocationParameters) -> RawAllocation:
    """Ask the policy in use.

    Raises:
        DataError: there is no state or no policy, the state is of other names, or there is no forecast of any name: a
            policy is not asked to guess.
    """
    from learnfinance_dagster.allocation.rl.policy import load_policy

    if inputs.state is None or inputs.policy is None:
        raise DataError("a learned allocator needs its state and its policy")
    if set(inputs.state.symbols) != set(inputs.symbols):
        raise DataError("the state is not one of the screened names")
    if inputs.state.symbols and all(forecast is None for forecast in inputs.state.forecast.values()):
        msg = f"{inputs.policy.card.forecaster} gave no forecast of any name: see the reasons in its asset"
        raise DataError(msg)
    card = inputs.policy.card
    return RawAllocation(
        load_policy(inputs.policy.files).raw_weights(inputs.state),
        provenance={"policy": card.version, "trained_for": str(card.serves), "training": card.kind.value},
    )


def learned(spec: PolicySpec) -> Allocator:
    """The registry record of a learned allocator."""
    return Allocator(
        name=spec.name,
        summary=f"{spec.algorithm.title} on the forecasts of {spec.forecaster}: a policy that learned from past weeks.",
        reads=("screened_universe", "state_features", f"{spec.forecaster}_forecast"),
        method=by_policy,
        policy=spec,
    )


PPO_LSTM, PPO_PATCHTST = learned(PolicySpec(PPO, "lstm")), learned(PolicySpec(PPO, "patchtst"))
SAC_LSTM, SAC_PATCHTST = learned(PolicySpec(SAC, "lstm")), learned(PolicySpec(SAC, "patchtst"))
