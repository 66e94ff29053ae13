"""A training as the trial register remembers it: recorded before its version is stored."""

from learnfinance_dagster.forecasting.card import Card
from learnfinance_dagster.forecasting.skill import SkillTable
from learnfinance_dagster.ports import Trial, TrialKind


def trial_of(card: Card, kind: TrialKind, config_hash: str) -> Trial:
    """The trial that made a version; a version that nobody judged has no result."""
    return Trial(
        model=card.forecaster,
        version=card.version,
        kind=kind,
        serves=card.serves,
        config_hash=config_hash,
        data_hash=card.data_hash,
        code_hash=card.code_hash,
        seeds=(card.seed,),
        result=_result(card.evaluation.skill) if card.evaluation else {},
        promoted=card.promoted,
        reason=card.decision.reason if card.decision else "",
    )


def _result(table: SkillTable) -> dict[str, float]:
    """What the held-out weeks said; a figure that is not defined is left out."""
    figures, zero = table.model, dict(table.rows)["zero"].mse
    told = {
        "mse": figures.mse,
        "mse_to_zero": figures.mse / zero if zero else None,
        "rank_ic": figures.rank_ic,
        "rank_ic_se": figures.rank_ic_se,
        "hit_rate": figures.hit_rate,
        "hit_rate_se": figures.hit_rate_se,
        "weeks": float(figures.weeks),
    }
    return {name: value for name, value in told.items() if value is not None}
