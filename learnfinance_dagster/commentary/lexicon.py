"""The words that a language model's prose may be made of, and what those of direction and comparison claim.

A list of what is allowed is short; a list of all ways to write a number, a ticker, advice or an order is not.
Base forms of verbs are left out where they can be: without them nothing can be told to do anything.
"""

from functools import cache
from importlib.resources import files

from learnfinance_dagster.commentary.facts import Claim


def _set(*texts: str) -> frozenset[str]:
    return frozenset(" ".join(texts).split())


_UP = """gain gains gained gaining rise rises rose rising risen climb climbs climbed climbing advance advances advanced
advancing grow grows grew growing growth increase increases increased increasing profit profits up upward upwards earns
earned adds added"""
_UP_STATES = """positive profitable improved improves improving rebounded recovered strong strength solid good warm
friendly bright optimistic favourable favorable healthy"""
_DOWN = """lose loses lost losing loss losses fall falls fell falling fallen drop drops dropped dropping decline
declines declined declining decrease decreases decreased decreasing slid slides sliding slip slips slipped slipping sank
sinks shrank shrinks retreat retreats retreated dip dips dipped down downward downwards suffered suffers"""
_DOWN_STATES = """negative weak weakness weakened poor bad harsh gloomy cold pessimistic unfavourable unfavorable
worsened worsens setback"""
_AHEAD = "outperform outperforms outperformed outperforming beat beats beaten ahead surpassed surpasses exceeded"
_BEHIND = "underperform underperforms underperformed underperforming behind trailed trails trailing lagged lags lagging"

FAMILIES: dict[Claim, frozenset[str]] = {
    Claim.UP: _set(_UP, _UP_STATES),
    Claim.DOWN: _set(_DOWN, _DOWN_STATES),
    Claim.FLAT: _set("flat unchanged steady"),
    Claim.AHEAD: _set(_AHEAD),
    Claim.BEHIND: _set(_BEHIND),
    Claim.BEST: _set("best strongest leader leading led leads highest warmest friendliest widest"),
    Claim.WORST: _set("worst weakest lowest harshest coldest thinnest narrowest"),
    Claim.LARGEST: _set("largest biggest heaviest"),
}
"""Claim → the words that make it."""
CLAIMS = {word: claim for claim, words in FAMILIES.items() for word in words}
"""Word → what it claims of the figures beside it."""
CARRIES_SIGN = _set(_UP, _DOWN, _AHEAD, _BEHIND)
"""Beside these a figure is written without its sign: `lost 1.20 %`, but `a negative return of -1.20 %`."""
BREAKS = _set("and but while whereas although though which yet however")
"""Words at which another clause begins."""
NOT_BEFORE_FIGURES = _set("over under about around above below beyond past toward towards up down")
BEFORE_TO = _set("up down")
"""So do these with a `to`: `up to 3 %`."""
"""Before a figure these make another one of it: `over 3 %`."""
FUNCTION = _set(
    """a an the of in on at by for from to with as and but while whereas although though which that this these those it
    its their they them is are was were be been being has have had did also after before during over under about around
    between among within since until through into out other same such own where when who whose there so still yet
    however"""
)
"""Words that stay words where a company's ticker is spelled like one, e.g. SO or ON."""
LABELS = _set(
    """filled average others median cash turnover peak deepest risk volatility momentum debt equity start beginning
    inception"""
)
"""Beside a figure each of these says which one it is, so it must be that figure's own word (`Fact.beside`)."""
SOMEBODY_ELSE = _set("each another other others some")
"""Whoever these mean has no figure here, unless a figure says so itself."""
SINCE_START, WEEK = "start", _set("week weekly")
"""A figure since the start is none of the week's."""
MARKET = _set("market markets stock stocks company companies fund funds universe")
OURS = _set("account accounts it allocator forecaster")
"""The first may surround a figure, but a clause that speaks of nobody else before it makes it the market's."""
PERIODS = _set("day days month months year years session sessions")
"""A figure of a week is none of these."""
STILL_TO_COME = _set("next expect expects expected expecting expectation expectations forecast forecasts guess guesses")
"""What happened is no forecast."""
COMMANDS = _set(
    """order test list place limit move change open end start return record report fund run screen rule mix line value
    cost amount balance rank weight share name exposure range shape trend shift level put set let gain rise climb
    advance grow increase profit lose fall drop decline decrease slip dip retreat beat lead reserve spread sit input
    figure mark match result group check outperform underperform position side picture mood narrow even tell rest
    reading cover differ belong remain stand come show lie vary reach say make take keep give speak price
    process desk tool stretch balanced issue"""
)
"""Where a clause begins with one of these, it may tell somebody to do something."""
NUMBER_WORDS = _set(
    """zero nil naught nought null one two three four five six seven eight nine ten eleven twelve thirteen fourteen
    fifteen sixteen seventeen eighteen nineteen twenty thirty forty fifty sixty seventy eighty ninety hundred thousand
    million billion trillion dozen score scores pair couple single double triple quadruple twice thrice once first
    second third fourth fifth sixth seventh eighth ninth tenth half halves halved halving quarter quarters fold twofold
    threefold tenfold doubled doubling tripled percent percentage percents pct cent cents bp bps basis points minus
    plus both dual twin solo trio decade century fortnight gross brace many few several most majority all none every
    times multiple k bn mn"""
)
"""For the reason that is told; the list of allowed words holds none of them."""
ADVICE = _set(
    """buy sell hold should must ought recommend recommends recommended recommendation consider advise advice suggest
    avoid invest you your we our i us please need will would could might may can"""
)
"""Likewise."""


@cache
def vocabulary() -> frozenset[str]:
    """Every word that may stand outside a slot, in lower case."""
    text = files("learnfinance_dagster.commentary").joinpath("words.txt").read_text(encoding="utf-8")
    return _set(*(line.partition("#")[0] for line in text.splitlines())) | FUNCTION | set(CLAIMS)
