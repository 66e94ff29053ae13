"""Training summaries of invented policies, as like to real ones as tests need."""

from dataclasses import replace
from datetime import date

import policy_cards as cards

from learnfinance_dagster.calendar import week_of
from learnfinance_dagster.ports import MarketInfo, PriceBasis
from learnfinance_dagster.reporting.training import (
    Behaved,
    ForecasterTraining,
    NewPolicy,
    PolicyTraining,
    TrainingSummary,
)

MARKET = MarketInfo(
    name="practice market (seed 7)",
    is_practice=True,
    price_basis=PriceBasis.AS_TRADED,
    first_session=date(2010, 1, 4),
    last_session=date(2025, 12, 31),
)
BEHAVED = Behaved(entropy=0.91, turnover=0.123, sensitivity=0.184, closest="equal_weight", distance=0.211)
STANDING = ForecasterTraining(
    name="lstm",
    in_use=cards.CURRENT,
    known_until=date(2025, 11, 28),
    last_version=cards.CURRENT,
    last_serves=date(2025, 12, 1),
    promoted=True,
    reason=f"{cards.CURRENT} is promoted: its mean squared error 0.00158 on 52 held-out weeks is below the 0.00161",
    tried=5,
)
NEVER = ForecasterTraining(
    name="patchtst",
    in_use="",
    known_until=None,
    last_version="",
    last_serves=None,
    promoted=False,
    reason="",
    tried=0,
)


def new_policy(card=None, **changes) -> NewPolicy:
    """What a summary tells of a card."""
    card = card or cards.policy_card()
    whole = NewPolicy(
        version=card.version,
        kind=card.kind,
        known_until=card.known_until,
        begun_with=card.start,
        first_week=card.trained_on.first,
        last_week=card.trained_on.last,
        is_cached=False,
        certificate=card.certificate,
        behaviour=BEHAVED,
        decision=card.decision,
    )
    return replace(whole, **changes)


def a_policy(name="ppo_lstm", new=None, **changes) -> PolicyTraining:
    """A full training that was judged and not promoted, but for the changes."""
    whole = PolicyTraining(
        name=name,
        summary=f"{name}: learns weights from news, books and forecasts",
        new=new or new_policy(),
        failure="",
        in_use=cards.CURRENT,
        trials={"training": 1},
    )
    return replace(whole, **changes)


def promoted(name="ppo_lstm", **changes) -> PolicyTraining:
    """The twelfth version, a fine-tune that took over."""
    trials = {"training": 3, "fine_tune": 9}
    return a_policy(name, new_policy(cards.fine_tune()), **{"in_use": cards.CANDIDATE, "trials": trials, **changes})


def not_made(name="sac_patchtst", reason="the history has 20 weeks, and 156 are needed", **changes) -> PolicyTraining:
    """One that failed."""
    return replace(a_policy(name), **{"new": None, "failure": reason, "in_use": "", "trials": {}, **changes})


def a_summary(*policies, **changes) -> TrainingSummary:
    """One promoted, two not, one failed; or those that are given."""
    shrinking = cards.decision(score="cagr", effect=-0.021, p_value=0.64, weekly_excess=cards.measured(-0.0007, 0.0014))
    usual = (
        promoted("ppo_lstm"),
        a_policy("ppo_patchtst", new_policy(is_cached=True)),
        a_policy("sac_lstm", new_policy(cards.fine_tune(decision=shrinking))),
        not_made("sac_patchtst"),
    )
    whole = TrainingSummary(
        week=week_of(cards.MONDAY),
        market=MARKET,
        policies=policies or usual,
        forecasters=(STANDING, NEVER),
        provenance=(("Software", "torch 2.13"),),
    )
    return replace(whole, **changes)
