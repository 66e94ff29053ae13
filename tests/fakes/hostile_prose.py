"""Paragraphs that must not be taken, by what is wrong with them; they are honest but for one fault."""

import re
from pathlib import Path

from prose import BAD_WEEK, GOOD_WEEK

from learnfinance_dagster.commentary.facts import Claim
from learnfinance_dagster.commentary.lexicon import FAMILIES

FRAME = "The week brought {} to {{hrp.name}} after costs, and the account is worth {{hrp.worth}}."
HARMLESS = "orders"
"""In the frame it passes: whatever fails there fails for itself."""


def _fragments():
    """Group → fragments, of the file beside this one."""
    text = (Path(__file__).parent / "hostile_fragments.txt").read_text(encoding="utf-8")
    groups = {}
    for line in text.splitlines():
        if line.startswith("## "):
            groups[line.removeprefix("## ")] = []
        elif line and not line.startswith("#"):
            groups[list(groups)[-1]].append(re.sub(r"\\u([0-9a-f]{4})", lambda code: chr(int(code[1], 16)), line))
    return groups


FRAGMENTS = _fragments()
MEANING = (
    ("overall", "{best.name} did best this week with {worst.week_return} after costs."),
    ("overall", "{worst.name} did best this week with {best.week_return} after costs."),
    ("overall", "{worst.name} did best this week with {worst.week_return} after costs."),
    ("overall", "{best.name} was weakest this week with {best.week_return} after costs."),
    ("overall", "The week was led by {best.name}, which gained {worst.week_return} after costs."),
    ("overall", "{best.name} kept its money in cash and gained {worst.week_return} this week."),
    ("overall", "This week {worst.week_return} was the return of {best.name}, after costs."),
    ("overall", "{best.name} returned {accounts.average_return}, the average of the accounts."),
    ("overall", "The accounts of {best.name} and {worst.name} led with {best.week_return} this week."),
    ("overall", "{leader.name} gained {leader.total_return} over the week, after costs and orders."),
    ("account_hrp", "{hrp.largest.name} gained {hrp.week_return} over the week after costs."),
    ("account_hrp", "{hrp.name} has {hrp.turnover} in cash after a week of orders."),
    ("account_hrp", "{hrp.name} gained {hrp.turnover} over the week after costs."),
    ("account_hrp", "{hrp.name} gained {hrp.total_return} over the week after costs."),
    ("account_hrp", "{hrp.name} gained {hrp.week_return} after costs, which is known to the account."),
    ("account_hrp", "The biggest position of {hrp.name} has a weight of {hrp.cash} in cash."),
    ("account_hrp", "{hrp.name} rose, and {hrp.week_return} is what it returned this week."),
    ("account_hrp", "{hrp.name} gained and lost {hrp.week_return} over the week after costs."),
    ("account_hrp", "The profit of {hrp.name} was {hrp.cash} of cash, after a week of trading."),
    ("account_hrp", "{hrp.name} outperformed with {hrp.week_return} over the week after costs."),
    ("account_hrp", "{hrp.name} was ahead of the average of the others by {hrp.lead}."),
    ("account_hrp", "Order {hrp.largest.name} at the open of the week, with the cash of the account."),
    ("account_hrp", "Keep {hrp.largest.name} at the open of the week, with the cash of the account."),
    ("account_hrp", "After a quiet week, put the cash into {hrp.largest.name} at the open."),
    ("news", "The warmest tone belongs to {harshest.name} with {harshest.tone}, as its headline says."),
    ("news", "The warmest tone belongs to {kindest.name} with {harshest.tone}, as its headline says."),
    ("news", "The tone of {harshest.name} was good at {harshest.tone} over the whole week."),
    ("fundamentals", "The widest margin is that of {thinnest.name} with {thinnest.margin} of all that is known."),
    ("fundamentals", "{thinnest.name} has a positive margin of {thinnest.margin}, as the filings show."),
    ("forecaster_lstm", "{lstm.name} expects {lstm.bottom.name} to rise {lstm.bottom.forecast} over the week."),
    ("forecaster_lstm", "{lstm.name} expects {lstm.top.name} to fall {lstm.top.forecast} over the week."),
)

SOLD_AS_ANOTHER = (
    "{hrp.name} made {hrp.week_return} a month, and the week is a part of that in the record.",
    "{hrp.name} made {hrp.total_return} a year since its start, and the record shows it.",
    "{hrp.name} made {hrp.week_return} a week, and this is what the record shows of the account.",
    "{hrp.name} made {hrp.week_return} each day of the week, and this is what the record shows.",
    "{hrp.name} sent {hrp.orders} orders each day, and this is what the record shows of the week.",
    "{hrp.name} sent {hrp.filled} orders, and {hrp.orders} were filled, as the record shows.",
    "The account sent {hrp.planned} orders, which is what the record shows of the week.",
    "Since the start of the week {hrp.name} gained {hrp.total_return}, after the costs of trades.",
    "{hrp.name} was worth {hrp.worth} at the start, and the week took it to where it is today.",
    "The risk of {hrp.name} is {hrp.week_return} in the week, as the record of the account shows.",
    "The average of the others is {hrp.lead}, and {hrp.name} is compared to it in the week.",
    "The week ended on {week.decided}, and {hrp.name} gained {hrp.week_return} over the week.",
)
ANOTHERS = (
    "Each account gained {hrp.week_return} in the week, which is what the record shows of it.",
    "Another account gained {hrp.week_return} in the week, which is what the record shows of it.",
    "Others made {hrp.week_return} in the week, which is what the record shows of the account.",
    "The market made {hrp.week_return} in the week, which is what the record shows of it.",
    "Stocks made {hrp.week_return} in the week, which is what the record shows of them.",
    "The deepest fall of the others from a peak is {hrp.deepest_fall}, as the record shows.",
)
FORETOLD = (
    "The forecast for the next week is {hrp.week_return}, and the account is there already.",
    "The account expects {hrp.week_return} over the next week, as its record shows so far.",
    "{hrp.name} gained {hrp.week_return} this week. The next week of {hrp.name} is expected there.",
)
SOLICITED = (
    "Here is a careful choice for investing money, with {hrp.week_return} in the week.",
    "What follows is simple and investing is the choice, at {hrp.week_return} in the whole week.",
    "The return of {hrp.week_return} in the week came from short positions of the account.",
    "{hrp.name} gained {hrp.week_return} in the week, and real money is kept for it in trading.",
)


def _directions():
    """Every word of direction beside a fact that says the opposite."""
    line = "{{hrp.name}} {} {{hrp.week_return}} over the week after costs."
    for word in sorted(FAMILIES[Claim.DOWN] | FAMILIES[Claim.FLAT]):
        yield GOOD_WEEK, "account_hrp", line.format(word)
    for word in sorted(FAMILIES[Claim.UP] | FAMILIES[Claim.FLAT]):
        yield BAD_WEEK, "account_hrp", line.format(word)
    for word in sorted(FAMILIES[Claim.AHEAD]):
        yield GOOD_WEEK, "account_hrp", f"{{hrp.name}} was {word} the average of the others by {{hrp.lead}}."
    for word in sorted(FAMILIES[Claim.BEST]):
        yield GOOD_WEEK, "overall", f"{{worst.name}} was {word} this week with {{worst.week_return}}."
    for word in sorted(FAMILIES[Claim.WORST]):
        yield GOOD_WEEK, "overall", f"{{best.name}} was {word} this week with {{best.week_return}}."


def _framed(group):
    return [(GOOD_WEEK, "account_hrp", FRAME.format(HARMLESS).replace(HARMLESS, each)) for each in FRAGMENTS[group]]


def _spoken(pattern, group):
    return [(GOOD_WEEK, "account_hrp", pattern.format(each, FRAME.format(HARMLESS))) for each in FRAGMENTS[group]]


GROUPS = {
    **{group: _framed(group) for group in ("a number", "a slot", "a name", "advice", "markup")},
    "speech": _spoken("{1} {0}", "speech"),
    "speech first": _spoken("{0} {1}", "speech"),
    "a negation": _spoken("{{hrp.name}} {0} {{hrp.week_return}} over the week.", "a negation"),
    "a wrong meaning": [(GOOD_WEEK, key, draft) for key, draft in MEANING],
    "a figure sold as another": [(GOOD_WEEK, "account_hrp", draft) for draft in SOLD_AS_ANOTHER],
    "a figure of somebody else": [(GOOD_WEEK, "account_hrp", draft) for draft in ANOTHERS],
    "a forecast of what happened": [(GOOD_WEEK, "account_hrp", draft) for draft in FORETOLD],
    "an offer": [(GOOD_WEEK, "account_hrp", draft) for draft in SOLICITED],
    "a wrong direction": list(_directions()),
    "a wrong length": [
        (GOOD_WEEK, "account_hrp", draft)
        for draft in (
            "",
            ".",
            "{hrp.name}.",
            "{hrp.name} is worth {hrp.worth}.",
            FRAME.format(HARMLESS)[:-1],
            " ".join([FRAME.format(HARMLESS)] * 3),
            FRAME.format(" ".join([HARMLESS] * 200)),
            f"{FRAME.format(HARMLESS)} ",
            f" {FRAME.format(HARMLESS)}",
        )
    ],
}
"""What is wrong → (letter, paragraph, draft)."""
