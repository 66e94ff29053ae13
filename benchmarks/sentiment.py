"""How well a sentiment model reads labelled tweets: `python benchmarks/sentiment.py [--model vader|finbert]`.

Reads `text,label` (0 bearish, 1 bullish, 2 neutral) from every CSV in `--data`. The baseline, in the same table: a
reader who always says the commonest label.
"""

import argparse
import sys
import time
from pathlib import Path

import numpy as np
import pandas as pd

REPOSITORY = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(REPOSITORY))

from learnfinance_dagster.settings import Settings  # noqa: E402 - the repository is found first
from resources.sentiment.finbert import FinbertModel  # noqa: E402
from resources.sentiment.vader import VaderModel  # noqa: E402

TONES = {0: "negative", 1: "positive", 2: "neutral"}
NAMES = list(TONES.values())


def confusion(truth: pd.Series, said: pd.Series) -> pd.DataFrame:
    """Counts: a row per true tone, a column per tone that was said."""
    return pd.crosstab(truth.to_numpy(), said.to_numpy()).reindex(index=NAMES, columns=NAMES, fill_value=0)


def table(counts: pd.DataFrame) -> pd.DataFrame:
    """Precision, recall and F1 of each tone; what is never said has precision 0."""
    hits = np.diag(counts)
    precision = hits / np.maximum(counts.sum(axis=0), 1)
    recall = hits / np.maximum(counts.sum(axis=1), 1)
    harmonic = 2 * precision * recall / np.maximum(precision + recall, 1e-12)
    return pd.DataFrame({"texts": counts.sum(axis=1), "precision": precision, "recall": recall, "F1": harmonic})


def headline(name: str, counts: pd.DataFrame) -> str:
    accuracy = np.trace(counts) / counts.to_numpy().sum()
    return f"{name:<24} accuracy {accuracy:.4f}   macro-F1 {table(counts)['F1'].mean():.4f}"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, default=REPOSITORY.parent / "shared" / "data" / "sentiment")
    settings = Settings.from_environment()
    parser.add_argument("--model", choices=["vader", "finbert"], default=settings.sentiment)
    options = parser.parse_args()
    files = sorted(options.data.glob("*.csv"))
    if not files:
        print(f"skipped: no labelled texts in {options.data.name} (--data names another folder)")
        return
    labelled = pd.concat([pd.read_csv(file) for file in files], ignore_index=True)
    truth = labelled["label"].map(TONES)
    model = VaderModel() if options.model == "vader" else FinbertModel(settings.finbert)
    name = str(model.identity)
    began = time.perf_counter()
    said = model.score(labelled["text"].tolist())["label"]
    took = time.perf_counter() - began
    counts = confusion(truth, said)
    commonest = pd.Series([truth.mode()[0]] * len(truth))
    print(headline(name, counts), f"  {len(truth) / took:,.0f} texts/s")
    print(headline(f"always {commonest[0]}", confusion(truth, commonest)))
    print(table(counts).round(4).to_string())
    print("said (columns) of what was true (rows)")
    print(counts.to_string())


if __name__ == "__main__":
    main()
