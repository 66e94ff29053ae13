"""Invented tickers and company names: pronounceable, deterministic, and not those of well-known companies."""

import numpy as np

FIRST = "BDFGJKLMNPRSTVZ"
VOWELS = "AEIOU"
LAST = "AIOU"
MIDDLE = "JKNRVXZ"
END = "JKVXZ"

SECTORS = (
    ("Software", "Systems", "Networks"),
    ("Pharma", "Therapeutics", "Diagnostics"),
    ("Foods", "Apparel", "Stores"),
    ("Machinery", "Motors", "Tools"),
    ("Materials", "Chemicals", "Metals"),
    ("Logistics", "Railways", "Shipping"),
)
"""Six sectors, each with the second words that its companies' names take. None of the words has a tone."""

REAL = """
BAX BEV BIRK BOX DANA DAVA DOV DOX DUK FARO FIX FOX FOXA GEV GEVO JAVA KEX KIRK KORU LAVA LAZ LEVI LIVE LUNA LUV MARA
MARK MAX MUX NARI NAV NAVI NOV NOVA NOVO PARA PEKO RARE REV REX REZI RIOT ROK ROKU SIRI SONA SONO SOV SOX SUZO TAK TAXI
TEK TEVA TEX TIVO TORO TUNA VERI VERU VIV VRNA ZIVO
"""
"""Tickers and brands that a reader would take for the company."""
WORDS = """
BAKA BORA FAV GAZA GURU HERO JUNK KAKA KAKI KAKO KAKU KARA KIKE MARI MARU MAXI NAZI NINA NIX NONA PEZ PUK RAVI SARA SEX
SOK SUK SUKA SUKI TARA TAX ZERO ZIKA
"""
"""Words with a meaning of their own, some of them rude."""
REFUSED = frozenset((REAL + WORDS).split())
RUDE = ("FUK", "FUX", "KUK", "SUX", "SEX")


def pool() -> list[str]:
    """Every ticker that may be used: 3 or 4 letters, in a fixed order."""
    short = [a + b + c for a in FIRST for b in VOWELS for c in END]
    long = [a + b + c + d for a in FIRST for b in VOWELS for c in MIDDLE for d in LAST]
    return [ticker for ticker in (*short, *long) if ticker not in REFUSED and not ticker.startswith(RUDE)]


def draw(rng: np.random.Generator, count: int) -> list[str]:
    """`count` different tickers, sorted."""
    candidates = pool()
    return sorted(candidates[i] for i in rng.permutation(len(candidates))[:count])


def company_name(ticker: str, sector: int, pick: int) -> str:
    """E.g. `KEVO` → `Kevo Systems`."""
    words = SECTORS[sector]
    return f"{ticker.capitalize()} {words[pick % len(words)]}"
