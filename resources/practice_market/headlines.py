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
        "{name} collapses: worst quarter ever, heavy losses",
        "Disaster at {name}: a deadly fire destroys its main plant",
        "{name} admits fraud in its accounts, chief arrested",
        "{name} loses its biggest customer, warns of a severe loss of {n}%",
        "Scandal at {name} confirms the worst fears of investors",
        "{name} faces criminal charges and a terrible drop in sales",
    ),
    -1: (
        "{name} misses forecasts by {n}% on weak orders",
        "{name} warns of slower sales",
        "Analysts downgrade {name}, see problems with costs",
        "{name} sued by supplier over unpaid bills, lawsuit says",
        "{name} posts a loss for the quarter",
        "{name} recalls {n} thousand units after complaints",
        "{name} loses a contract to a rival",
        "{name} delays a launch because of problems with a part",
        "{name} pays a penalty of {n} million dollars",
        "{name} struggles with rising costs",
        "Analysts have doubts about {name} as margins fall {n}%",
        "{name} disappoints: orders are {n}% lower",
    ),
    0: (
        "{name} schedules its annual meeting",
        "{name} names a new head of operations",
        "{name} to present at an industry conference",
        "{name} opens an office with {n} staff",
        "{name} files its quarterly report",
        "What to know about {name} this week",
        "{name} moves its head office",
        "{name} will report its quarter in {n} days",
        "{name} renews a lease for {n} years",
        "{name} adds a seat to its board",
        "Chief of {name} speaks at a university",
        "{name} holds a call with analysts today",
    ),
    1: (
        "{name} beats forecasts by {n}%, profit rises",
        "{name} wins a supply contract",
        "Analysts upgrade {name} on improved margins",
        "{name} reports solid growth in orders",
        "{name} gains {n}% on good sales",
        "{name} posts a profit for the quarter",
        "{name} gets approval for a new product",
        "{name} improves its margins by {n}%",
        "{name} wins a customer in a new market",
        "{name} expects better sales this year",
        "{name} benefits from a rise in orders",
        "{name} earns {n}% more on healthy demand",
    ),
    2: (
        "{name} beats forecasts with strong growth, shares surge {n}%",
        "{name} wins its best contract ever, profit soars",
        "Great quarter: {name} posts record profit and strong orders",
        "{name} surges on excellent results and a successful launch",
        "{name} raises outlook as strong demand boosts profit {n}%",
        "Outstanding gains: {name} delights with impressive growth",
        "{name} doubles its profit on excellent sales, outlook raised",
        "Triumph for {name}: best year ever and a brilliant start",
        "{name} wins a huge contract, profit to surge {n}%",
        "{name} gains {n}% after superb results and a strong outlook",
        "Perfect quarter at {name}: great sales, record profit",
        "{name} beats every forecast with fantastic growth of {n}%",
    ),
}
"""Tone → headlines of that tone; the same number for each, and enough for a busy week without saying one twice."""

PER_LEVEL = len(TEMPLATES[0])

SUMMARIES = (
    "",
    "",
    "{name} did not reply to questions.",
    "The company is part of the practice market; the news is invented.",
)
"""None has a tone: the headline says it all."""
