"""What `make monday` does after the run where a broker lives on the wall clock: it goes round until all is sent."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from learnfinance_dagster.orchestration.follow import Seen
from learnfinance_dagster.trading.following import Standing
from learnfinance_dagster.trading.guard import GRACE
from learnfinance_dagster.values import Week

FIRST_WAIT = 5.0
LONGEST_WAIT = 60.0
BEFORE_OPEN = 600.0
"""Seconds between two looks while nothing can be filled yet."""
GIVE_UP = timedelta(minutes=5)
"""After the window for orders, that an account which does not answer is still asked."""


@dataclass(frozen=True, slots=True)
class World:
    """What the round needs of the world outside; tests bring their own."""

    clock: Callable[[], datetime]
    sleep: Callable[[float], None]
    say: Callable[[str], None]
    look: Callable[[Sequence[str]], Seen]
    """How accounts stand; one that fails keeps no other waiting."""
    act: Callable[[Standing], bool]
    """Run the job for an account; whether it went well."""


def follow_until_sent(world: World, week: Week, accounts: Sequence[str]) -> bool:
    """Go round until every recorded order of these accounts is sent or given up; whether it came to that.

    Waits are short after something happened and double while nothing does. A step that was done is not done again; one
    that failed is tried again on the next round.
    """
    if week.first_open is None:
        return True
    pending, done, told, pause = list(accounts), set[str](), dict[str, str](), FIRST_WAIT
    end = week.first_open + GRACE + GIVE_UP
    while pending:
        seen, moved = world.look(pending), False
        for account, line in _lines(seen).items():
            if told.get(account) != line:
                told[account] = line
                world.say(f"  {world.clock():%H:%M} UTC  {account}: {line}")
        for each in seen.standings:
            if each.due and each.step not in done and world.act(each):
                done.add(each.step)
                moved = True
        finished = {each.account for each in seen.standings if each.is_over or not (each.unsent or each.due)}
        pending = [account for account in pending if account not in finished]
        if not pending or (world.clock() > end and not moved):
            break
        pause = FIRST_WAIT if moved else min(2 * pause, LONGEST_WAIT)
        world.sleep(_wait(world.clock(), week.first_open, pause, moved=moved))
    for account in pending:
        world.say(f"  {account}: not everything could be sent or given up; `make monday` or the sensor goes on")
    return not pending


def _lines(seen: Seen) -> dict[str, str]:
    """Account → how it stands, in words."""
    standing = {each.account: each.due or each.told for each in seen.standings}
    return standing | {account: f"does not answer: {why}" for account, why in seen.failures.items()}


def _wait(now: datetime, first_open: datetime, pause: float, *, moved: bool) -> float:
    """Before the open nothing is filled, so there is nothing to hurry for; but the open is not slept through."""
    if now >= first_open or moved:
        return pause
    return max(min((first_open - now).total_seconds(), BEFORE_OPEN), FIRST_WAIT)
