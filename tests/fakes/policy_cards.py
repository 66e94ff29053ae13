"""Cards of policies that nobody trained, as like to real ones as tests need."""

from dataclasses import replace
from datetime import date, timedelta

from learnfinance_dagster.allocation.rl.card import Behaviour, CurvePoint, PolicyCard, Span
from learnfinance_dagster.allocation.rl.outcome import PolicyOutcome
from learnfinance_dagster.allocation.rl.state import FEATURES, LAYOUT
from learnfinance_dagster.evaluation.gate import GateDecision, Measured, Performance
from learnfinance_dagster.ports import TrialKind

MONDAY = date(2025, 12, 29)
CURRENT, CANDIDATE = "v2025-11-28-5d4c3b2a1f0e", "v2025-12-26-0a1b2c3d4e5f"
FIRST, LAST = date(2023, 12, 25), date(2025, 12, 15)
LOST = (
    f"{CANDIDATE} is not promoted: on 104 weeks its Sharpe is 0.12 above that of {CURRENT} (p = 0.310),"
    " and chance alone does as well more than once in 20 times"
)
WON = (
    f"{CANDIDATE} is promoted: on 104 weeks its Sharpe is 0.61 above that of {CURRENT} (p = 0.012),"
    " and it is not worse than equal_weight"
)


def measured(value: float, reach: float) -> Measured:
    """With an interval of `reach` to either side."""
    return Measured(value, value - reach, value + reach)


def performance(sharpe: float, *, weeks: int = 104) -> Performance:
    """What goes with such a Sharpe ratio, roughly."""
    return Performance(
        weeks=weeks,
        sharpe=measured(sharpe, 1.31),
        cagr=measured(0.16 * sharpe, 0.214),
        max_drawdown=Measured(0.214 - 0.04 * sharpe, 0.112, 0.341),
        turnover=measured(0.123, 0.0123),
        hit_rate=measured(0.52 + 0.03 * sharpe, 0.091),
    )


def decision(**changes) -> GateDecision:
    """A candidate that was a little better than the version in use, which proves nothing."""
    rows = {"candidate": 0.84, "current": 0.72, "hrp": 0.91, "equal_weight": 0.66}
    whole = GateDecision(
        promoted=False,
        reason=LOST,
        score="sharpe",
        candidate=CANDIDATE,
        current=CURRENT,
        first_week=FIRST.isoformat(),
        last_week=LAST.isoformat(),
        effect=0.12,
        p_value=0.31,
        rows={name: performance(sharpe) for name, sharpe in rows.items()},
        weekly_excess=measured(0.0004, 0.0011),
    )
    return replace(whole, **changes)


def promotion(**changes) -> GateDecision:
    """A candidate that was clearly better."""
    rows = {"candidate": 1.33, "current": 0.72, "hrp": 0.91, "equal_weight": 0.66}
    won = decision(
        promoted=True,
        reason=WON,
        effect=0.61,
        p_value=0.012,
        rows={name: performance(sharpe) for name, sharpe in rows.items()},
        weekly_excess=measured(0.0019, 0.0013),
    )
    return replace(won, **changes)


def curve(points: int = 40) -> tuple[CurvePoint, ...]:
    """A training that learns something and then no more."""
    return tuple(
        CurvePoint(
            step=2500 * (n + 1),
            reward=0.31 - 0.5 * 0.9**n + 0.02 * (-1) ** n,
            train_excess=0.0009 - 0.0018 * 0.93**n + 0.0001 * (-1) ** n,
            entropy=0.55 + 0.43 * 0.95**n,
        )
        for n in range(points)
    )


def policy_card(allocator: str = "ppo_lstm", **changes) -> PolicyCard:
    """A full training of that Monday, judged and not promoted, but for the changes."""
    algorithm, _, forecaster = allocator.partition("_")
    whole = PolicyCard(
        allocator=allocator,
        algorithm=algorithm,
        forecaster=forecaster,
        version=CANDIDATE,
        kind=TrialKind.TRAINING,
        serves=MONDAY,
        known_until=MONDAY - timedelta(days=3),
        trained_on=Span(date(2015, 1, 5), FIRST - timedelta(days=14)),
        seen=(Span(date(2015, 1, 5), FIRST - timedelta(days=14)),),
        layout=LAYOUT,
        features=FEATURES,
        names=15,
        configuration={"learning_rate": 3e-4, "n_steps": 2048},
        seed=7,
        device="cpu",
        start="",
        data_hash="d" * 64,
        code_hash="c" * 64,
        config_hash="f" * 64,
        fingerprint="a" * 64,
        certificate=f"{algorithm}-full-1a2b3c4d5e6f",
        curve=curve(),
        reward_parts=0.6,
        behaviour=Behaviour(0.91, 0.123, 0.184, {"hrp": 0.272, "equal_weight": 0.211, "sac_lstm": 0.305}),
        decision=decision(),
        weekly_excess={FIRST.isoformat(): 0.001, LAST.isoformat(): -0.0002},
        software={"torch": "2.13"},
    )
    return replace(whole, **changes)


def fine_tune(allocator: str = "ppo_lstm", **changes) -> PolicyCard:
    """A fine-tune that was promoted."""
    return policy_card(
        allocator,
        **{
            "kind": TrialKind.FINE_TUNE,
            "start": CURRENT,
            "trained_on": Span(date(2025, 6, 23), LAST),
            "decision": promotion(),
            **changes,
        },
    )


def made(card: PolicyCard, *, is_cached: bool = False) -> PolicyOutcome:
    """A training that came to an end."""
    return PolicyOutcome(card.allocator, card, is_cached, "")


def failed(allocator: str, reason: str = "the history has 20 weeks, and 156 are needed") -> PolicyOutcome:
    """A training that did not."""
    return PolicyOutcome(allocator, None, is_cached=False, failure=reason)
