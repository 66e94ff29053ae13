"""The jobs of learned allocators: trained on Sundays, certified once, labelled when a week is over."""

from collections.abc import Sequence
from typing import Any

import dagster as dg

from learnfinance_dagster.allocation.rl.algorithm import PolicySpec
from learnfinance_dagster.orchestration.job_names import TRAINING_JOB
from learnfinance_dagster.orchestration.jobs import IN_PROCESS
from learnfinance_dagster.orchestration.sensors import rewards_job


def policy_jobs(specs: Sequence[PolicySpec]) -> dict[str, Any]:
    """Every job of learned allocators, by name; none where no allocator learns."""
    if not specs:
        return {}
    certificates = [f"{name}_certificate" for name in dict.fromkeys(spec.algorithm.name for spec in specs)]
    policies = ["policy_history", *(f"{spec.name}_policy" for spec in specs)]
    jobs = [
        rewards_job([spec.name for spec in specs]),
        dg.define_asset_job(
            TRAINING_JOB,
            selection=dg.AssetSelection.assets(*certificates, *policies, "training_summary", "training_mail"),
            executor_def=IN_PROCESS,
            description=(
                "For the Monday to come: gathers history, fine-tunes every policy (or trains its first version), judges"
                " each beside the version in use and the baselines, puts the better ones in use, and writes the"
                " training e-mail, which is mailed where settings say so. It trades nothing."
            ),
        ),
        dg.define_asset_job(
            "certify",
            selection=dg.AssetSelection.assets(*certificates),
            executor_def=IN_PROCESS,
            description="Tries the trainers in worlds whose answer is known; once for each code and configuration.",
        ),
        dg.define_asset_job(
            "policies",
            selection=dg.AssetSelection.assets(*certificates, *policies),
            executor_def=IN_PROCESS,
            description=(
                "Trains policies for a Monday on demand; with the config `full: true` from random weights on all"
                " history."
            ),
        ),
    ]
    return {job.name: job for job in jobs}
