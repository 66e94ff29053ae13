"""`<algorithm>_certificate`: whether a trainer learns what there is, and nothing where there is nothing."""

import dagster as dg

from assets.policies.shared import workshop
from learnfinance_dagster.allocation.rl.algorithm import Algorithm
from learnfinance_dagster.allocation.rl.certified import Certificate
from learnfinance_dagster.calendar import week_from_key
from learnfinance_dagster.orchestration.failures import translated
from learnfinance_dagster.orchestration.handles import Parameters, Training
from learnfinance_dagster.orchestration.partitions import TRAINING
from learnfinance_dagster.orchestration.tables import markdown, stored_type

TRUSTED = "trusted"
"""Name of the check."""


def certificate_asset(algorithm: Algorithm) -> dg.AssetsDefinition:
    """The asset of one algorithm."""
    name = f"{algorithm.name}_certificate"

    @dg.asset(
        name=name,
        description=(
            f"Whether the trainer {algorithm.title} can be trusted, tried in two made-up worlds whose answer is known."
            " Told next week's returns it must beat equal weight by far; told nothing but noise it must earn nothing"
            " beyond it. Besides, its policy must read its inputs and be no gamble and no copy. Without a certificate"
            " of exactly this code, configuration and seed nothing that it trains is put in use. Made once and kept."
        ),
        partitions_def=TRAINING,
        group_name="training",
        owners=["team:policies"],
        kinds={"torch", "json"},
        dagster_type=stored_type("Certificate", Certificate),
        check_specs=[dg.AssetCheckSpec(TRUSTED, asset=name)],
    )
    def certificate(
        context: dg.AssetExecutionContext,
        training: dg.ResourceParam[Training],
        parameters: dg.ResourceParam[Parameters],
    ) -> dg.MaterializeResult:
        from learnfinance_dagster.allocation.rl.certificate import make_certificate

        week, p = week_from_key(context.partition_key), parameters
        with translated(context), workshop(context, training, parameters) as where:
            found, is_cached = make_certificate(algorithm, week, p.policies, p.allocation, p.costs, p.seed, where)
        rows = [(check.name, "yes" if check.passed else "NO", check.told) for check in found.checks]
        told = "; ".join(f"{each.name}: {each.told}" for each in found.checks if found.passed or not each.passed)
        return dg.MaterializeResult(
            value=found,
            metadata={
                "version": found.version,
                "cached": is_cached,
                "passed": found.passed,
                "profile": found.profile,
                "checks": markdown(["check", "passed", "found"], rows),
                "code_hash": found.code_hash[:12],
            },
            check_results=[
                dg.AssetCheckResult(check_name=TRUSTED, asset_key=name, passed=found.passed, description=told)
            ],
        )

    return certificate
