"""Other processes: nothing is imported in them, and nothing is in their memory."""

import os
import resource
import subprocess
import sys
from pathlib import Path

BENCHMARKS = Path(__file__).resolve().parents[1]
STATUS = Path("/proc/self/status")


def in_a_fresh_process(code: str) -> str:
    """Run Python; what it printed."""
    path = os.pathsep.join([str(BENCHMARKS), str(BENCHMARKS.parent)])
    done = subprocess.run(  # noqa: S603 - our own code
        [sys.executable, "-c", code],
        check=True,
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": path},
    )
    return done.stdout


def peak() -> float:
    """MiB that this process has held at most.

    Where Linux tells, of this program alone: `ru_maxrss` of a fresh process begins with what its parent held.
    """
    if STATUS.is_file():
        (line,) = (line for line in STATUS.read_text().splitlines() if line.startswith("VmHWM"))
        return int(line.split()[1]) / 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
