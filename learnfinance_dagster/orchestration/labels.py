"""Which weeks of learned allocators can be labelled, and what they wait for. The sensor and Sunday ask the same."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime

from learnfinance_dagster.allocation.rl.experience import Experience, Reward
from learnfinance_dagster.allocation.rl.state import PolicyState
from learnfinance_dagster.calendar import last_closed_session, monday_of, week_of
from learnfinance_dagster.errors import DataError
from learnfinance_dagster.orchestration.handles import Artifacts
from learnfinance_dagster.ports import Ledger, MarketInfo
from learnfinance_dagster.values import Week


def experience_name(account: str) -> str:
    """The asset that holds an account's experience."""
    return f"{account}_experience"


def reward_name(account: str) -> str:
    """The asset that holds its labels."""
    return f"{account}_reward"


def newest_known(now: datetime, market: MarketInfo) -> date:
    """The newest session that a label may know: closed by the wall clock, and held by the market source."""
    return min(last_closed_session(now), market.last_session)


@dataclass(frozen=True, slots=True)
class Records:
    """What was stored of learned allocators, and what the ledger remembers of their accounts."""

    artifacts: Artifacts
    ledger: Ledger

    def experience(self, account: str, week: Week) -> Experience | None:
        """As it is stored, if it is."""
        asset = experience_name(account)
        return self.artifacts.read(asset, [week.key]) if self.artifacts.has(asset, week.key) else None

    def reward(self, account: str, week: Week) -> Reward | None:
        """As it is stored, if it is; it may be pending."""
        asset = reward_name(account)
        return self.artifacts.read(asset, [week.key]) if self.artifacts.has(asset, week.key) else None

    def damage(self, account: str, week: Week) -> str:
        """What cannot be read of a stored week; empty when all of it can."""
        try:
            self.experience(account, week)
            self.reward(account, week)
        except DataError as error:
            return str(error)
        return ""

    def next_state(self, account: str, week: Week) -> tuple[PolicyState | None, str]:
        """The state of the Monday that ends the holding week, and why it is not there yet.

        A label never changes, so it waits for that Monday. When the account has lived through it without deciding,
        there will be no state, and the label goes without.
        """
        following = week_of(monday_of(week.next_session))
        found = self.experience(account, following)
        if found is not None and found.state is not None:
            return found.state, ""
        newest = self.ledger.latest_traded(account)
        if newest is not None and newest >= following.monday:
            return None, ""
        return None, f"the Monday {following.key} was not decided yet, and its state belongs to the label"


def unlabelled(records: Records, accounts: Sequence[str], known: date) -> list[tuple[str, Week]]:
    """Weeks that were traded, whose holding week is over, and that have no label.

    Also weeks whose experience is still pending although the ledger knows by now how they went, and weeks of which
    something that is stored cannot be read: whoever labels them says what.

    Args:
        records: what is stored.
        accounts: of learned allocators.
        known: the newest session that may be looked at (`newest_known`).
    """
    return [
        (account, week)
        for account in accounts
        for mark in records.ledger.marks(account, known)
        if (week := week_of(mark.monday)).next_session <= known and _is_due(records, account, week)
    ]


def _is_due(records: Records, account: str, week: Week) -> bool:
    try:
        return _waits_for_its_label(records, account, week)
    except DataError:
        return True


def _waits_for_its_label(records: Records, account: str, week: Week) -> bool:
    reward = records.reward(account, week)
    if (reward is not None and not reward.pending) or records.experience(account, week) is None:
        return False
    attempt = records.ledger.latest_attempt(account, week.run_id)
    if attempt is None or attempt.plan.skipped:
        return False
    return not records.next_state(account, week)[1]
