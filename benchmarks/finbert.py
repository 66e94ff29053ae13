"""How fast FinBERT reads, and the cache answers: `python benchmarks/finbert.py [--rounds N] [--threads N]`.

The network has FinBERT's true size (BERT base) and random weights, so speed is true and tones mean nothing. The
baseline, in the same run: the transformers pipeline, one headline at a time. Each figure is the best of some rounds in
which all take turns, so that a busy moment of the machine strikes no one alone. On a machine that others use,
`--threads 1` and the seconds of CPU tell more than the clock.
"""

import argparse
import os
import random
import string
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd

REPOSITORY = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(REPOSITORY))

from learnfinance_dagster.parameters import FinbertParameters  # noqa: E402 - the repository is found first
from resources.practice_market.headlines import TEMPLATES  # noqa: E402
from resources.sentiment.finbert import FinbertModel  # noqa: E402
from resources.sentiment.score_cache import CachedModel  # noqa: E402

PRECISIONS = ("float32", "bfloat16", "int8")
SYLLABLES = ("ba", "ce", "dor", "fin", "gal", "hen", "kar", "lo", "mar", "nor", "pel", "ra", "sto", "ver")
FULL = {"vocab_size": 30_522}
TINY = {"vocab_size": 2_000, "hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 2}


def headlines(count: int, seed: int = 1) -> list[str]:
    """Different texts of our own, of one to four sentences, as a wire sends them."""
    draw, found = random.Random(seed), {}  # noqa: S311 - no secrets are drawn
    templates = [template for level in TEMPLATES.values() for template in level]
    while len(found) < count:
        name = "".join(draw.choices(SYLLABLES, k=draw.randint(2, 4))).title()
        said = draw.sample(templates, draw.choices((1, 2, 3, 4), (4, 3, 2, 1))[0])
        found[". ".join(one.format(name=name, n=draw.randint(2, 40)) for one in said)] = None
    return list(found)


def save_model(folder: Path, texts: list[str], **size: Any) -> str:
    """A random BERT, its words and its labels, as the hub would give them."""
    import torch
    from transformers import BertConfig, BertForSequenceClassification

    plain = "".join(letter if letter.isalnum() else " " for letter in " ".join(texts).lower())
    words = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *string.printable.strip(), *SYLLABLES]
    words += [f"##{piece}" for piece in (*string.ascii_lowercase, *string.digits, *SYLLABLES)]
    words = list(dict.fromkeys([*words, *sorted(set(plain.split()))]))[: size["vocab_size"]]
    words += [f"[unused{n}]" for n in range(size["vocab_size"] - len(words))]
    torch.manual_seed(1)
    labels = {0: "positive", 1: "negative", 2: "neutral"}
    config = BertConfig(id2label=labels, label2id={label: n for n, label in labels.items()}, **size)
    BertForSequenceClassification(config).save_pretrained(folder)
    (folder / "vocab.txt").write_text("\n".join(words), encoding="utf-8")
    return str(folder)


def one_by_one(model: str) -> Callable[[list[str]], list[Any]]:
    """The pipeline as its documentation shows it."""
    from transformers import pipeline

    classify: Any = pipeline("text-classification", model=model, top_k=None)
    return lambda texts: [classify(text) for text in texts]


def seconds(work: Callable[[], Any]) -> tuple[float, float, Any]:
    """By the clock, of CPU, and what was found."""
    began, used = time.perf_counter(), time.process_time()
    found = work()
    return time.perf_counter() - began, time.process_time() - used, found


def throughput(folder: Path, count: int, rounds: int, tokens: int) -> None:
    texts = headlines(count)
    model = save_model(folder / "base", texts, **FULL)
    readers: dict[str, Callable[[list[str]], Any]] = {"pipeline": one_by_one(model)}
    for precision in PRECISIONS:
        chosen: Any = precision
        readers[precision] = FinbertModel(
            FinbertParameters(model=model, precision=chosen, tokens_per_batch=tokens)
        ).score
    for reader in readers.values():
        reader(texts[:4])
    took: dict[str, list[tuple[float, float]]] = {name: [] for name in readers}
    scored: dict[str, pd.DataFrame] = {}
    for _ in range(rounds):
        for name, reader in readers.items():
            elapsed, used, scored[name] = seconds(lambda reader=reader: reader(texts))
            took[name].append((elapsed, used))
    print(f"{count} headlines, {tokens} tokens a batch, load {os.getloadavg()[0]:.1f} on {os.cpu_count()} cores")
    whole, best = scored["float32"], {name: pd.DataFrame(times).min() for name, times in took.items()}
    for name, (elapsed, used) in best.items():
        gain = best["pipeline"] / best[name]
        line = (
            f"{name:<9} {elapsed:7.2f} s {count / elapsed:7.1f}/s x {gain[0]:5.2f}   CPU {used:7.2f} s x {gain[1]:5.2f}"
        )
        if name in PRECISIONS:
            off = (scored[name]["score"] - whole["score"]).abs().max()
            line += f"  largest difference to float32 {off:.4f} (float32 spreads over {whole['score'].std():.4f})"
        print(line)


def warm_cache(folder: Path, count: int) -> None:
    texts = headlines(count, seed=2)
    model = FinbertModel(FinbertParameters(model=save_model(folder / "tiny", texts[:500], **TINY), precision="float32"))
    loading, _, _ = seconds(lambda: model.identity)
    cached = CachedModel(model, folder / "scores.sqlite")
    cold, _, first = seconds(lambda: cached.score(texts))
    warm, _, second = seconds(lambda: cached.score(texts))
    assert first.equals(second)
    print(f"{count} headlines with a tiny model  load {loading:.2f} s  cache cold {cold:.2f} s  warm {warm:.2f} s")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--headlines", type=int, default=320)
    parser.add_argument("--rounds", type=int, default=2)
    parser.add_argument("--tokens", type=int, default=FinbertParameters().tokens_per_batch)
    parser.add_argument("--threads", type=int, help="of torch; default: one per core")
    options = parser.parse_args()
    if options.threads:
        import torch

        torch.set_num_threads(options.threads)
    with tempfile.TemporaryDirectory() as folder:
        warm_cache(Path(folder), 10_000)
        throughput(Path(folder), options.headlines, options.rounds, options.tokens)


if __name__ == "__main__":
    main()
