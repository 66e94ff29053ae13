"""What language models write: honest paragraphs about invented weeks, and what a broken or hostile one may answer."""

from weekly_reports import report, usual

from learnfinance_dagster.commentary.weekly import weekly_letter

GOOD_WEEK, BAD_WEEK = weekly_letter(usual()), weekly_letter(report())
"""In the first `hrp` gained and was behind the others; in the second it lost, and was behind again."""


def outline_of(letter, key):
    return next(each for each in letter.outlines if each.key == key)


_GAINED = (
    "{hrp.name} gained {hrp.week_return} over the week, and since the start it has gained {hrp.total_return}.",
    "Over the week {hrp.name} rose {hrp.week_return}. It was behind the average of the others by {hrp.lead}.",
    "The account trailed the average of the others by {hrp.lead}, although it gained {hrp.week_return} this week.",
    (
        "{hrp.name} is worth {hrp.worth}. It keeps {hrp.cash} in cash; its largest position is {hrp.largest.name} at a"
        " weight of {hrp.largest.weight}."
    ),
    "The week ended with a gain of {hrp.week_return}. The deepest fall from a peak was {hrp.deepest_fall}.",
    "Of {hrp.orders} orders, {hrp.filled} were filled. The turnover of the week was {hrp.turnover}.",
    "This week's return was {hrp.week_return}. Since the start the account has earned {hrp.total_return} after costs.",
    "{hrp.name} holds {hrp.names} names. The biggest position is {hrp.largest.name} with {hrp.largest.weight}.",
    "From {week.start} to {week.end} the account climbed {hrp.week_return} in a quiet week.",
    "With {hrp.week_return} the week was strong, but the account lagged the average of the others by {hrp.lead}.",
    "The account's value is {hrp.worth}, and {hrp.cash} of it is cash. Its turnover was {hrp.turnover}.",
)
_LOST = (
    "{hrp.name} lost {hrp.week_return} over the week, while since the start it has gained {hrp.total_return}.",
    "The week brought a loss of {hrp.week_return}. The account is worth {hrp.worth} after it.",
    "It fell {hrp.week_return} this week, and was behind the average of the others by {hrp.lead}.",
    "{hrp.name} had a weak week at {hrp.week_return}. It sent {hrp.orders} orders, of which {hrp.filled} were filled.",
    "The weekly return was negative at {hrp.week_return}, and {hrp.cash} is kept in cash.",
    "After a decline of {hrp.week_return} over the week, the account holds {hrp.names} names.",
)
_OVERALL = (
    "{best.name} did best this week with {best.week_return}, and {worst.name} was weakest with {worst.week_return}.",
    "On average the accounts gained {accounts.average_return}. Strongest this week was {best.name}.",
    "Since the start {leader.name} leads with {leader.total_return}. The record covers {accounts.weeks} weeks.",
    (
        "The accounts sent {accounts.orders} orders, of which {accounts.filled} were filled. The leader of the week is"
        " {best.name} with {best.week_return}."
    ),
    "For {accounts.count} accounts there were {accounts.candidates} candidates, decided on {week.decided}.",
)
_FORECASTER = (
    "It expects {lstm.top.name} to rise {lstm.top.forecast} and {lstm.bottom.name} to fall {lstm.bottom.forecast}.",
    "The median of {lstm.names} names is {lstm.median}. Of its skill the record says {lstm.verdict}.",
    (
        "The version {lstm.version} speaks of {lstm.names} names. The highest forecast is that of {lstm.top.name} with"
        " {lstm.top.forecast}."
    ),
    "It was tested over the {lstm.weeks} weeks of its record, which says {lstm.verdict}.",
)
_NEWS = (
    "The warmest tone belongs to {kindest.name} with {kindest.tone}, and its headline reads {kindest.headline}.",
    "In the news, {harshest.name} had the coldest tone at {harshest.tone}; the headline was {harshest.headline}.",
    "The {news.articles} articles cover {news.scored} of {news.names} names. Of this {news.missing} is missing.",
    "On average the tone of the articles was good at {news.average}, drawn from {news.articles} articles.",
)
_BOOKS = (
    "Filings are here for {books.filed} of {books.names} names. The median of the margins is {books.median_margin}.",
    "The widest margin has {widest.name} with {widest.margin}. The thinnest has {thinnest.name}.",
    "The halal screen passes {books.passed} names. On {books.differing} the screen differs from the funds.",
    "{thinnest.name} has a negative margin of {thinnest.margin}, which is known from {books.source}.",
)
HONEST = [
    *((GOOD_WEEK, "account_hrp", draft) for draft in _GAINED),
    *((BAD_WEEK, "account_hrp", draft) for draft in _LOST),
    *((GOOD_WEEK, "overall", draft) for draft in _OVERALL),
    *((GOOD_WEEK, "forecaster_lstm", draft) for draft in _FORECASTER),
    *((GOOD_WEEK, "news", draft) for draft in _NEWS),
    *((GOOD_WEEK, "fundamentals", draft) for draft in _BOOKS),
]
"""Letter, paragraph, and prose that a reader would call true of it."""
