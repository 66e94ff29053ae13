"""Headlines whose tone leads the next holding week's idiosyncratic return a little.

The returns exist first, and the tone is drawn given them: that has the same joint law as returns that react to an
earlier tone, and it keeps the bars the same for every signal strength.
"""

from datetime import timedelta

import numpy as np
import pandas as pd

from learnfinance_dagster.calendar import decision_time
from resources.practice_market.headlines import LEVELS, PER_LEVEL, SUMMARIES, TEMPLATES
from resources.practice_market.roster import Roster
from resources.practice_market.spec import Part, PracticeSpec, stream
from resources.practice_market.timeline import Timeline

HEADLINES_A_WEEK = (0.8, 8.0)
"""Mean number per name, by name: half of the name-weeks have three or more, and a few names hardly ever have."""
AGREEMENT = 0.9
"""Correlation of one headline's tone with the week's hidden tone: two headlines know more than one."""
BOUNDS = (-1.2, -0.45, 0.45, 1.2)
"""Of the five tones, on the scale of a standard normal."""
FIDELITY = 0.926
"""Correlation of a week's mean tone with its hidden tone, over the name-weeks that have headlines. Measured: 0.9257 ±
0.0007 from market to market (20 markets of 60 names and 16 years); 0.86 where there is one headline, 0.96 where there
are three or more. The planted correlation is divided by it, so that `signal_strength` is what a reader of the headlines
can find. Measure it anew when anything above changes."""
NUMBERS = (2, 15)
"""From and to, the end excluded, of the number that some headlines have."""
DAY_SHARES = (0.2, 0.2, 0.2, 0.2, 0.16, 0.02, 0.02)
"""Of the headlines of a week, Monday to Sunday."""
BUSY_SECONDS = 11 * 3600
"""Headlines come in the eleven hours after 12:30 UTC: New York's morning to its evening."""


def news(spec: PracticeSpec, line: Timeline, names: Roster, surprise: np.ndarray) -> pd.DataFrame:
    """Headlines as in `learnfinance_dagster.schemas.market.News`, sorted by time and symbol.

    A headline that leads the week of a Monday is published in the seven days before that Monday's decision time.

    Args:
        spec: seed and signal strength.
        line: the sessions.
        names: the roster; a name has news while it is listed.
        surprise: (W, N) standardised idiosyncratic returns of the holding weeks.
    """
    rng = stream(spec, Part.NEWS)
    tone = _hidden_tone(rng, spec.signal_strength, surprise)
    week, name = _who_is_in_the_news(rng, line, names)
    level = _levels(rng, tone[week, name])
    published = _published(rng, line, week)
    # The market's files say nothing before its first day or after its last.
    inside = (published >= line.days[0]) & (published < line.days[-1] + 1)
    order = np.lexsort((name, published))
    order = order[inside[order]]
    name, level, published = name[order], level[order], published[order]
    template = _templates(rng, name, level, len(names))
    number = rng.integers(*NUMBERS, len(name))
    told = np.array([[text.format(name=company) for text in SUMMARIES] for company in names.names], dtype=object)
    summary = told[name, rng.integers(0, len(SUMMARIES), len(name))]
    return pd.DataFrame(
        {
            "published_at": pd.DatetimeIndex(published, tz="UTC"),
            "symbol": pd.array(np.array(names.symbols, dtype=object)[name], dtype="str"),
            "headline": pd.array(_headlines(names, name, level, template, number), dtype="str"),
            "summary": pd.array(summary, dtype="str"),
            "source": pd.array(np.full(len(name), "practice wire", dtype=object), dtype="str"),
        }
    )


def news_coverage(line: Timeline) -> pd.DataFrame:
    """The days for which every headline is there, as in `learnfinance_dagster.schemas.market.NewsSpans`: one span.

    A news day begins at 12:30 UTC of the day before. The files begin at midnight UTC of the first session, so the first
    session's own day lacks its beginning; they end at midnight UTC after the last session, so the day after it lacks
    its end.
    """
    first, last = line.sessions[0] + timedelta(days=1), line.sessions[-1]
    return pd.DataFrame({"symbol": pd.array(["*"], dtype="str"), "first_day": [first], "last_day": [last]})


def _hidden_tone(rng: np.random.Generator, strength: float, surprise: np.ndarray) -> np.ndarray:
    """(W+1, N) with variance one; the last row is for the week after the market's end, which nobody knows."""
    planted = min(strength / FIDELITY, 1.0)
    ahead = np.vstack([surprise, np.zeros_like(surprise[:1])])
    return planted * ahead + np.sqrt(1 - planted**2) * rng.standard_normal(ahead.shape)


def _who_is_in_the_news(rng: np.random.Generator, line: Timeline, names: Roster) -> tuple[np.ndarray, np.ndarray]:
    """(week, name) of every headline."""
    opens = np.append(line.opens_week, len(line))[:, None]
    listed = (opens >= names.listed) & (opens <= names.delisted)
    rarely, often = HEADLINES_A_WEEK
    # Spread evenly over the names, so that a small market has quiet names and busy ones too.
    share = (rng.permutation(len(names)) + 0.5) / len(names)
    mean = rarely * (often / rarely) ** share
    count = rng.poisson(mean, listed.shape) * listed
    week, name = np.nonzero(count)
    return np.repeat(week, count[week, name]), np.repeat(name, count[week, name])


def _levels(rng: np.random.Generator, tone: np.ndarray) -> np.ndarray:
    """Each headline's own tone, as a place in `LEVELS`."""
    heard = AGREEMENT * tone + np.sqrt(1 - AGREEMENT**2) * rng.standard_normal(len(tone))
    return np.digitize(heard, BOUNDS)


def _templates(rng: np.random.Generator, name: np.ndarray, level: np.ndarray, count: int) -> np.ndarray:
    """Every name goes through the sentences of a tone in an order of its own, and repeats none before their end.

    `name` and `level` are in the order of time.
    """
    orders = rng.permuted(np.tile(np.arange(PER_LEVEL), (count, len(LEVELS), 1)), axis=2)
    turn = pd.DataFrame({"name": name, "level": level}).groupby(["name", "level"]).cumcount().to_numpy()
    return orders[name, level, turn % PER_LEVEL]


def _headlines(
    names: Roster, name: np.ndarray, level: np.ndarray, template: np.ndarray, number: np.ndarray
) -> np.ndarray:
    """The texts. A long history says most things many times, so each is written once."""
    shape = (len(names), len(LEVELS), PER_LEVEL, NUMBERS[1])
    codes, places = np.unique(np.ravel_multi_index((name, level, template, number), shape), return_inverse=True)
    said = zip(*(part.tolist() for part in np.unravel_index(codes, shape)), strict=True)
    texts = [TEMPLATES[LEVELS[v]][k].format(name=names.names[i], n=n) for i, v, k, n in said]
    return np.array(texts, dtype=object)[places]


def _published(rng: np.random.Generator, line: Timeline, week: np.ndarray) -> np.ndarray:
    """Times as datetime64[us], UTC, to the second, between two decisions."""
    mondays = [*line.mondays, line.mondays[-1] + timedelta(days=7)]
    opened = np.array([decision_time(m - timedelta(days=7)).replace(tzinfo=None) for m in mondays], "datetime64[us]")
    day = rng.choice(7, len(week), p=DAY_SHARES)
    seconds = rng.integers(60, BUSY_SECONDS, len(week))
    return opened[week] + (day * 86_400 + seconds).astype("timedelta64[s]")
