"""What the assets of the stage have in common."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import dagster as dg

from assets.forecasting.shared import device_of
from learnfinance_dagster.evaluation.gate import GateDecision, Measured
from learnfinance_dagster.orchestration.failures import isolated
from learnfinance_dagster.orchestration.handles import Parameters, Training
from learnfinance_dagster.orchestration.policy_progress import PolicyTeller
from learnfinance_dagster.orchestration.tables import markdown, png

if TYPE_CHECKING:
    from learnfinance_dagster.allocation.rl.candidate import MadePolicy
    from learnfinance_dagster.allocation.rl.workshop import PolicyWorkshop


@contextmanager
def workshop(
    context: dg.AssetExecutionContext, training: Training, parameters: Parameters
) -> "Iterator[PolicyWorkshop]":
    """Where policies are made, telling the run's log how far they are."""
    from learnfinance_dagster.allocation.rl.workshop import PolicyWorkshop

    teller = PolicyTeller(context.log.info)
    try:
        yield PolicyWorkshop(
            training.models.open(),
            training.register.open(),
            training.checkpoints,
            training.software(),
            device_of(parameters.policies.device),
            teller,
        )
    finally:
        teller.close()


def policy_metadata(context: dg.AssetExecutionContext, made: "MadePolicy", in_use: str) -> dict[str, Any]:
    """What the web UI shows of every version. A picture that cannot be drawn is told in its place."""
    card, decision = made.card, made.card.decision
    behaviour = card.behaviour
    return {
        "version": card.version,
        "cached": made.is_cached,
        "in_use": in_use,
        "training": card.kind.value,
        "begun_with": card.start or "random weights",
        "trained_on": f"{card.trained_on.first} to {card.trained_on.last}",
        **(_judgement(decision) if decision else {}),
        **{name: _drawn(context, draw) for name, draw in _pictures(made).items()},
        "reward_parts": round(card.reward_parts, 3),
        "certificate": card.certificate or "none",
        **(
            {
                "entropy": round(behaviour.entropy, 4),
                "turnover": round(behaviour.turnover, 4),
                "sensitivity": round(behaviour.sensitivity, 4),
                "distance": markdown(["to", "half-sum"], [(n, f"{d:.2%}") for n, d in behaviour.copies.items()]),
            }
            if behaviour
            else {}
        ),
        "configuration": markdown(["setting", "value"], sorted(card.configuration.items())),
        "data_hash": card.data_hash[:12],
        "code_hash": card.code_hash[:12],
        "software": ", ".join(f"{name} {version}" for name, version in sorted(card.software.items())),
    }


def _pictures(made: "MadePolicy") -> dict[str, Callable[[], bytes]]:
    from learnfinance_dagster.allocation.rl import plots

    card, decision = made.card, made.card.decision
    found: dict[str, Callable[[], bytes]] = {
        "learning_curve": lambda: plots.learning_curve(card.curve),
        "weights_over_time": lambda: plots.weights_over_time(*made.held()),
    }
    return found | ({"gate_picture": lambda: plots.gate_picture(decision)} if decision else {})


def _drawn(context: dg.AssetExecutionContext, draw: Callable[[], bytes]) -> Any:
    """A picture for the UI: by the time it is drawn a version may be in use, which no fault of a picture may hide."""
    return isolated(context, lambda: png(draw()), lambda why: dg.MetadataValue.md(f"not drawn: {why}")).value


def _judgement(decision: GateDecision) -> dict[str, Any]:
    header = ["contender", "weeks", "Sharpe", "CAGR", "max drawdown", "turnover", "hit rate"]
    rows = [
        (
            *(name, str(found.weeks), _cell(found.sharpe, ".2f"), _cell(found.cagr, ".1%")),
            *(_cell(found.max_drawdown, ".1%"), _cell(found.turnover, ".1%"), _cell(found.hit_rate, ".0%")),
        )
        for name, found in decision.rows.items()
    ]
    return {
        "promoted": decision.promoted,
        "decision": decision.reason,
        "judged": f"{decision.first_week} to {decision.last_week}, by {decision.score}",
        "gate": markdown(header, rows),
    }


def _cell(found: Measured, form: str) -> str:
    return f"{found.value:{form}} ({found.low:{form}} … {found.high:{form}})"
