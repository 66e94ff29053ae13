"""The embedded practice market: invented companies, real calendars, a planted signal of known strength.

It lets every part of the house run and be tested without any vendor, and it shows whether an allocator can find a
signal that is really there. Results on it say nothing about real markets.
"""

from resources.practice_market.generate import generate
from resources.practice_market.spec import GENERATOR_VERSION, PracticeSpec
from resources.practice_market.write import ensure

__all__ = ["GENERATOR_VERSION", "PracticeSpec", "ensure", "generate"]
