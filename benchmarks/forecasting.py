"""How fast forecasters learn and answer: `python benchmarks/forecasting.py [PART ...]`; default: all parts.

`lstm`, `patchtst`: windows a second of a full training beside a straightforward loop. `snapshots`: what warm starts
save, and whether they cost skill. `walk_forward`: ten years in one call a source, and one call a name and week.
`monday`: one Monday's forecasts. `memory`: the peak of a full training. All numbers are of random weights or of an
invented market: they tell of speed, not of skill on real ones; see `--market`.
"""

import argparse
import sys
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(REPOSITORY))

from forecasting_parts.memory import memory  # noqa: E402 - the path comes first
from forecasting_parts.monday import monday  # noqa: E402
from forecasting_parts.pace import lstm_pace, patchtst_pace  # noqa: E402
from forecasting_parts.snapshots import snapshots  # noqa: E402
from forecasting_parts.walk_forward import walk_forward  # noqa: E402

PARTS = {
    "lstm": lstm_pace,
    "patchtst": patchtst_pace,
    "snapshots": snapshots,
    "walk_forward": walk_forward,
    "monday": monday,
    "memory": memory,
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("parts", nargs="*", metavar="PART", help=f"of {', '.join(PARTS)}")
    parser.add_argument("--market", type=Path, help="a market directory to learn from; default: a practice market")
    parser.add_argument("--names", type=int, default=40, help="of the practice market, at least 12")
    parser.add_argument("--bursts", type=int, default=3, help="rounds in which a training and its baseline take turns")
    parser.add_argument("--seconds", type=float, default=1.5, help="of a burst")
    parser.add_argument("--years", type=int, default=3, help="snapshots to back-fill")
    parser.add_argument("--forecasters", nargs="*", default=["lstm", "patchtst"], help="whose snapshots")
    size = parser.add_mutually_exclusive_group()
    size.add_argument("--quick", action="store_true", help="snapshots of the quick profile: the default")
    size.add_argument("--full", action="store_true", help="snapshots of the full profile: hours on a large market")
    parser.add_argument("--asked", type=int, default=100, help="names in walk_forward and monday")
    parser.add_argument("--weeks", type=int, default=520, help="of walk_forward")
    parser.add_argument("--sample", type=int, default=200, help="forecasts that walk_forward makes one by one")
    parser.add_argument("--batches", type=int, default=6, help="that the training of `memory` learns from")
    parser.add_argument("--large", type=int, nargs=2, default=(160, 16), help="names and years of `memory`")
    options = parser.parse_args()
    unknown = set(options.parts) - set(PARTS)
    if unknown:
        parser.error(f"no such part: {', '.join(sorted(unknown))}; there are {', '.join(PARTS)}")
    if options.market and not (options.market / "bars.parquet").is_file():
        print(f"skipped: there is no market in {options.market}")
        return
    for name in options.parts or PARTS:
        PARTS[name](options)
        sys.stdout.flush()


if __name__ == "__main__":
    main()
