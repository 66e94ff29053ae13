"""Ten years of honest forecasts, one call for each snapshot, beside one call for each name and week."""

import argparse
import time
from datetime import date, timedelta
from functools import partial

import numpy as np
import torch
from forecasting_parts.material import MODELS, noise, random_version
from torch import Tensor

from learnfinance_dagster.calendar import mondays_between, week_of
from learnfinance_dagster.forecasting import chosen, lstm, patchtst
from learnfinance_dagster.forecasting.forecaster import Predictor
from learnfinance_dagster.forecasting.panel import Panel
from learnfinance_dagster.forecasting.versions import SNAPSHOT, snapshot_name
from learnfinance_dagster.forecasting.walk_forward import plan, walk_forward_rows
from learnfinance_dagster.forecasting.windows import Windows, windows_at
from learnfinance_dagster.ports import ModelFiles
from learnfinance_dagster.values import Week

FIRST = date(2016, 1, 4)


def loaded(model: str, files: ModelFiles, version: str) -> tuple[Predictor, date]:
    predictor = chosen([model])[0].implementation().load(files, "cpu")
    return predictor, date.fromisoformat(version.removeprefix(SNAPSHOT))


def answer(predictor: Predictor, past: Tensor) -> Tensor:
    """The network alone, on windows that are scaled already."""
    if isinstance(predictor, lstm.Reader):
        return predictor.network.head(predictor.network.read(past.transpose(0, 1))[-1])
    assert isinstance(predictor, patchtst.Reader)
    return predictor.network(past).prediction_outputs


def seconds_one_by_one(predictor: Predictor, windows: Windows, sample: int) -> float:
    """Of one forecast, with the better number of threads; only the network's call, neither fetching nor scaling."""
    rows = np.random.default_rng(1).integers(0, len(windows), sample)
    past = torch.from_numpy(windows[rows].inputs(windows.panel.values))
    before, took = torch.get_num_threads(), []
    with torch.inference_mode():
        for threads in {1, before}:
            torch.set_num_threads(threads)
            answer(predictor, past[:1])
            began = time.perf_counter()
            for each in past:
                answer(predictor, each[None]).numpy()
            took.append((time.perf_counter() - began) / sample)
    torch.set_num_threads(before)
    return min(took)


def compare(model: str, panel: Panel, weeks: list[Week], sample: int) -> None:
    files, names = random_version(model, panel), {week.key: panel.symbols for week in weeks}
    ends = sorted({date(week.monday.year - 1, 12, 31) for week in weeks})
    planned = plan(weeks, ends[0], [snapshot_name(end) for end in ends], "error", model)
    began, used = time.perf_counter(), time.process_time()
    rows = walk_forward_rows(model, planned, names, panel, partial(loaded, model, files))
    wall, cpu = time.perf_counter() - began, time.process_time() - used
    assert len(rows) == len(weeks) * len(panel.symbols)
    assert rows["weekly_return"].notna().all()
    windows = windows_at(panel, weeks, with_targets=False)
    single = seconds_one_by_one(loaded(model, files, snapshot_name(ends[0]))[0], windows, sample)
    apart = single * len(rows)
    print(
        f"{model:<12} walk-forward {len(weeks)} weeks x {len(panel.symbols)} names, {len(planned)} snapshots"
        f"  one call a snapshot {wall:.1f} s ({cpu:.1f} s of CPU)   one call a name and week {apart:.0f} s,"
        f" extrapolated from {sample}: {single * 1000:.2f} ms each   ratio {apart / wall:.1f}"
    )


def walk_forward(options: argparse.Namespace) -> None:
    last = FIRST + timedelta(weeks=options.weeks - 1)
    panel = noise(options.asked, FIRST - timedelta(days=120), last)
    weeks = [week_of(monday) for monday in mondays_between(FIRST, last)]
    for model in MODELS:
        compare(model, panel, weeks, options.sample)
