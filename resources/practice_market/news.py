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

HEADLINES_A_WEEK = (0.5, 1.9)
"""Mean number per name, by name."""
AGREEMENT = 0.9
"""Correlation of one headline's tone with the week's hidden tone: two headlines know more than one."""
BOUNDS = (-1.2, -0.45, 0.45, 1.2)
"""Of the five tones, on the scale of a standard normal."""
FIDELITY = 0.89
"""Measured correlation of a week's mean tone with its hidden tone. The planted correlation is divided by it, so that
`signal_strength` is what a reader of the headlines can find."""
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
    template = rng.integers(0, PER_LEVEL, len(week))
    number = rng.integers(2, 15, len(week))
    summary = rng.integers(0, len(SUMMARIES), len(week))
    # The market's files say nothing before its first day or after its last.
    inside = (published >= line.days[0]) & (published < line.days[-1] + 1)
    order = np.lexsort((name, published))
    order = order[inside[order]]
    rows = list(zip(name[order], level[order], template[order], number[order], summary[order], strict=True))
    return pd.DataFrame(
        {
            "published_at": pd.DatetimeIndex(published[order], tz="UTC"),
            "symbol": pd.array(np.array(names.symbols, dtype=object)[name[order]], dtype="str"),
            "headline": pd.array(
                [TEMPLATES[v][k].format(name=names.names[i], n=n) for i, v, k, n, _ in rows], dtype="str"
            ),
            "summary": pd.array([SUMMARIES[s].format(name=names.names[i]) for i, *_, s in rows], dtype="str"),
            "source": pd.array(np.full(len(rows), "practice wire", dtype=object), dtype="str"),
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
    mean = rng.uniform(*HEADLINES_A_WEEK, len(names))
    count = rng.poisson(mean, listed.shape) * listed
    week, name = np.nonzero(count)
    return np.repeat(week, count[week, name]), np.repeat(name, count[week, name])


def _levels(rng: np.random.Generator, tone: np.ndarray) -> np.ndarray:
    """Each headline's own tone, one of `LEVELS`."""
    heard = AGREEMENT * tone + np.sqrt(1 - AGREEMENT**2) * rng.standard_normal(len(tone))
    return np.array(LEVELS)[np.digitize(heard, BOUNDS)]


def _published(rng: np.random.Generator, line: Timeline, week: np.ndarray) -> np.ndarray:
    """Times as datetime64[us], UTC, to the second, between two decisions."""
    mondays = [*line.mondays, line.mondays[-1] + timedelta(days=7)]
    opened = np.array([decision_time(m - timedelta(days=7)).replace(tzinfo=None) for m in mondays], "datetime64[us]")
    day = rng.choice(7, len(week), p=DAY_SHARES)
    seconds = rng.integers(60, BUSY_SECONDS, len(week))
    return opened[week] + (day * 86_400 + seconds).astype("timedelta64[s]")
