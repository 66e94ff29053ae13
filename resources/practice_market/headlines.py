"""The words of the practice wire: plain English whose tone a word list can see."""

LEVELS = (-2, -1, 0, 1, 2)
"""Tones, from very bad to very good."""

TEMPLATES: dict[int, tuple[str, ...]] = {
    -2: (
        "{name} plunges after a heavy loss and weak demand",
        "{name} faces fraud lawsuit, shares plunge {n}%",
        "{name} warns of worse losses as crisis hits sales",
        "{name} misses badly: terrible quarter, outlook cut",
        "{name} hit by failed product and disappointing orders",
        "Bankruptcy fears grow at {name} after a bad default",
    ),
    -1: (
        "{name} misses forecasts by {n}% on weak orders",
        "{name} warns of slower sales",
        "Analysts downgrade {name}, see problems with costs",
        "{name} sued by supplier over unpaid bills, lawsuit says",
        "{name} posts a loss for the quarter",
        "{name} recalls {n} thousand units after complaints",
    ),
    0: (
        "{name} schedules its annual meeting",
        "{name} names a new head of operations",
        "{name} to present at an industry conference",
        "{name} opens an office with {n} staff",
        "{name} files its quarterly report",
        "What to know about {name} this week",
    ),
    1: (
        "{name} beats forecasts by {n}%, profit rises",
        "{name} wins a supply contract",
        "Analysts upgrade {name} on improved margins",
        "{name} reports solid growth in orders",
        "{name} gains {n}% on good sales",
        "{name} posts a profit for the quarter",
    ),
    2: (
        "{name} beats forecasts with strong growth, shares surge {n}%",
        "{name} wins its best contract ever, profit soars",
        "Great quarter: {name} posts record profit and strong orders",
        "{name} surges on excellent results and a successful launch",
        "{name} raises outlook as strong demand boosts profit {n}%",
        "Outstanding gains: {name} delights with impressive growth",
    ),
}
"""Tone → headlines of that tone; the same number for each."""

PER_LEVEL = len(TEMPLATES[0])

SUMMARIES = (
    "",
    "",
    "{name} did not reply to questions.",
    "The company is part of the practice market; the news is invented.",
)
"""None has a tone: the headline says it all."""
