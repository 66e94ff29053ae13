"""How long the practice market takes to make, and how much memory: `python benchmarks/practice_market.py [--large]`."""

import argparse
import resource
import sys
import tempfile
import time
from datetime import date
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(REPOSITORY))

from learnfinance_dagster.calendar import sessions_between  # noqa: E402 - the repository is found first
from resources.practice_market import PracticeSpec, generate  # noqa: E402
from resources.practice_market.write import ensure  # noqa: E402

FIRST, LAST = date(2010, 1, 4), date(2025, 12, 31)


def measure(symbols: int) -> None:
    spec = PracticeSpec(seed=7, symbols=symbols, first=FIRST, last=LAST, signal_strength=0.15)
    start = time.perf_counter()
    market = generate(spec)
    generated = time.perf_counter() - start
    rows, headlines = len(market["bars"]), len(market["news"])
    del market
    with tempfile.TemporaryDirectory() as folder:
        start = time.perf_counter()
        ensure(Path(folder) / "market", spec)
        ensured = time.perf_counter() - start
        size = sum(path.stat().st_size for path in (Path(folder) / "market").iterdir())
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(
        f"{symbols:>5} names  {rows:>9,} bars  {headlines:>9,} headlines"
        f"  generate {generated:6.2f} s  generate and write {ensured:6.2f} s"
        f"  {rows / ensured:>9,.0f} bars/s  {size / 2**20:6.1f} MiB on disk  peak RSS {peak:,.0f} MiB"
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--large", action="store_true", help="500 names instead of 60")
    arguments = parser.parse_args()
    start = time.perf_counter()
    sessions_between(FIRST, LAST)
    print(f"exchange calendar {time.perf_counter() - start:.2f} s (once a process)")
    measure(500 if arguments.large else 60)


if __name__ == "__main__":
    main()
