"""How long the house takes to wake up, to live through a Monday, and to back-fill: `python benchmarks/monday.py`.

Each figure stands beside a baseline of the same run: the import beside Dagster's and pandas' own, a range of weeks in
one run beside the same weeks one by one.
"""

import subprocess
import sys
import tempfile
import time
from datetime import date, timedelta
from pathlib import Path

import dagster as dg

REPOSITORY = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(REPOSITORY))

from learnfinance_dagster.commands.running import QUIET, run_monday  # noqa: E402 - the path comes first
from learnfinance_dagster.definitions import build  # noqa: E402
from learnfinance_dagster.settings import Settings  # noqa: E402
from learnfinance_dagster.wiring import market_door  # noqa: E402

FIRST = date(2024, 3, 4)
EVIDENCE = ("daily_bars", "halal_universe", "screened_universe", "hrp_weights")


def seconds_to_import(module: str, tries: int = 5) -> float:
    """The quickest of some fresh processes."""
    took = []
    for _ in range(tries):
        began = time.perf_counter()
        subprocess.run([sys.executable, "-c", f"import {module}"], check=True, env={}, cwd=REPOSITORY)  # noqa: S603
        took.append(time.perf_counter() - began)
    return min(took)


def evidence(settings: Settings, first: date, weeks: int) -> float:
    """Seconds to materialize the path-independent assets over `weeks` weeks in one run."""
    job = dg.Definitions.merge(build(settings)).resolve_implicit_global_asset_job_def()
    last = first + timedelta(days=7 * (weeks - 1))
    tags = {
        "dagster/asset_partition_range_start": first.isoformat(),
        "dagster/asset_partition_range_end": last.isoformat(),
    }
    began = time.perf_counter()
    with dg.DagsterInstance.ephemeral() as instance:
        result = job.execute_in_process(
            instance=instance, asset_selection=[dg.AssetKey(name) for name in EVIDENCE], tags=tags, run_config=QUIET
        )
    assert result.success
    return time.perf_counter() - began


def main() -> None:
    """Measure and print."""
    base, ours = seconds_to_import("dagster, pandas"), seconds_to_import("learnfinance_dagster.definitions")
    print(f"import       code location {ours:.2f} s   dagster and pandas alone {base:.2f} s   ratio {ours / base:.2f}")
    with tempfile.TemporaryDirectory() as folder:
        settings = Settings(data=Path(folder))
        market_door(settings).open()
        job = build(settings).resolve_job_def("monday")
        took = []
        with dg.DagsterInstance.ephemeral() as instance:
            for week in (FIRST, FIRST + timedelta(days=7), FIRST + timedelta(days=7)):
                began = time.perf_counter()
                assert not run_monday(job, instance, week.isoformat()).failures
                took.append(time.perf_counter() - began)
        print(
            f"Monday       with history {took[0]:.1f} s   next one {took[1]:.1f} s   again, read-only {took[2]:.1f} s"
        )
    with tempfile.TemporaryDirectory() as one, tempfile.TemporaryDirectory() as many:
        ranged, single = Settings(data=Path(one)), Settings(data=Path(many))
        for settings in (ranged, single):
            market_door(settings).open()
            evidence(settings, FIRST, 1)
        start = FIRST + timedelta(days=7)
        together = evidence(ranged, start, 26)
        # five are measured, 26 would take too long
        apart = sum(evidence(single, start + timedelta(days=7 * n), 1) for n in range(5)) / 5 * 26
        ratio = apart / together
        print(f"evidence     26 weeks in one run {together:.1f} s   one by one {apart:.1f} s   ratio {ratio:.1f}")


if __name__ == "__main__":
    main()
