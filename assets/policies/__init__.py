"""Stage policies: what learned allocators are made of, what they live through, and whether that is still the same."""

from collections.abc import Sequence

import dagster as dg

from assets.policies.certificates import certificate_asset
from assets.policies.drift import drift_asset
from assets.policies.experience import STEPS, experience_assets
from assets.policies.history import policy_history_asset
from assets.policies.models import policy_asset
from assets.policies.summary import training_summary_asset
from learnfinance_dagster.allocation.allocator import Allocator
from learnfinance_dagster.allocation.rl.certified import Certificate
from learnfinance_dagster.allocation.rl.outcome import PolicyOutcome
from learnfinance_dagster.evaluation.drift import DriftReport
from learnfinance_dagster.forecasting.forecaster import Forecaster
from learnfinance_dagster.reporting.training import TrainingSummary


def policies_assets(allocators: Sequence[Allocator], forecasters: Sequence[Forecaster]) -> list[dg.AssetsDefinition]:
    """History, certificates, policies, experience, labels, the training summary, and drift."""
    learned = [each for each in allocators if each.policy is not None]
    specs = [each.policy for each in learned if each.policy is not None]
    algorithms = {spec.algorithm.name: spec.algorithm for spec in specs}
    return [
        policy_history_asset(forecasters),
        *(certificate_asset(algorithm) for algorithm in algorithms.values()),
        *(policy_asset(allocator, spec, specs) for allocator, spec in zip(learned, specs, strict=True)),
        *experience_assets(learned),
        training_summary_asset(learned, forecasters),
        drift_asset(allocators, forecasters),
    ]


def stored_policy_values(allocators: Sequence[Allocator]) -> dict[str, type]:
    """Asset → the dataclass that it stores."""
    learned = [each for each in allocators if each.policy is not None]
    return {
        "training_summary": TrainingSummary,
        "drift": DriftReport,
        **{f"{each.policy.algorithm.name}_certificate": Certificate for each in learned if each.policy},
        **{f"{each.name}_policy": PolicyOutcome for each in learned},
        **{f"{each.name}_{step}": kind for each in learned for step, kind in STEPS.items()},
    }
