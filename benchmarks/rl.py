"""How fast and how well policies learn: `python benchmarks/rl.py [PART ...]`; default: all parts.

`environment`: weeks a second of the batch beside a plain loop, and that both agree. `rewards`: how large the two parts
of the reward are beside each other. `trainers`: seconds of full trainings and fine-tunes, and of a decision. All of it
is of a made-up past: it tells nothing of real markets.
"""

import argparse
import sys
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(REPOSITORY))

from rl_parts.environment import environment  # noqa: E402 - the path comes first
from rl_parts.rewards import rewards  # noqa: E402
from rl_parts.trainers import trainers  # noqa: E402

PARTS = {"environment": environment, "rewards": rewards, "trainers": trainers}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("parts", nargs="*", metavar="PART", help=f"of {', '.join(PARTS)}")
    parser.add_argument("--names", type=int, default=15, help="slots of a week")
    parser.add_argument("--batch", type=int, default=256, help="portfolios of `environment`")
    parser.add_argument("--bursts", type=int, default=5, help="rounds in which the batch and the loop take turns")
    parser.add_argument("--seconds", type=float, default=1.0, help="of a burst")
    options = parser.parse_args()
    unknown = set(options.parts) - set(PARTS)
    if unknown:
        parser.error(f"no such part: {', '.join(sorted(unknown))}; there are {', '.join(PARTS)}")
    for name in options.parts or PARTS:
        PARTS[name](options)
        sys.stdout.flush()


if __name__ == "__main__":
    main()
