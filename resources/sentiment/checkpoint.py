"""Getting a text classifier: its words, its weights, which label is which, and which version it is."""

import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from learnfinance_dagster.errors import ConfigurationError
from learnfinance_dagster.parameters import FinbertParameters
from resources.sentiment.frames import LABELS

MEANINGFUL = frozenset({".safetensors", ".bin", ".json", ".txt", ".model"})
"""Suffixes of the files that decide what a model answers: weights, labels and words."""
KNOWN_WORDS = "profit rises and shares fall as the company reports"


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """A classifier in float32 on the CPU, and who it is."""

    tokenizer: Any
    network: Any
    places: tuple[int, ...]
    """Where the network's output has each of `LABELS`."""
    name: str
    revision: str
    """The hub's commit, or a hash of the folder's files."""


def fetch(parameters: FinbertParameters) -> Checkpoint:
    """Load from a folder, the hub's cache or the hub; `HF_HUB_OFFLINE` and `HF_HOME` work as everywhere.

    Raises:
        ConfigurationError: it cannot be had, is incomplete, or does not tell good, bad and neutral apart.
    """
    from transformers import AutoModelForSequenceClassification, AutoTokenizer

    model, folder = parameters.model, Path(parameters.model)
    try:
        if folder.is_dir():
            name, revision, commit = folder.resolve().name, _hash_of(folder), "main"
        else:
            name, revision = model, _commit_of(model, parameters.revision)
            commit = revision
        tokenizer = AutoTokenizer.from_pretrained(model, revision=commit)
        network, report = AutoModelForSequenceClassification.from_pretrained(
            model, revision=commit, output_loading_info=True
        )
    except Exception as error:  # the libraries raise a dozen kinds, and all of them are for a person
        msg = (
            f"the sentiment model {model} (revision {parameters.revision}) cannot be loaded: {_first_line(error)}."
            f" Get it once with `hf download {model} --revision {parameters.revision}`, or set"
            " LEARNFINANCE_FINBERT__MODEL to a folder that holds it, or LEARNFINANCE_SENTIMENT=vader"
        )
        raise ConfigurationError(msg) from error
    _refuse_incomplete(model, tokenizer, report)
    return Checkpoint(tokenizer, network.eval(), _places(model, network.config.id2label), name, revision)


def _commit_of(model: str, revision: str) -> str:
    """The commit that a branch or tag means now: words and weights are then of the same one."""
    from huggingface_hub import hf_hub_download

    return Path(hf_hub_download(model, "config.json", revision=revision)).parent.name


def _hash_of(folder: Path) -> str:
    total = hashlib.sha256()
    for path in sorted(folder.iterdir()):
        if path.suffix in MEANINGFUL:
            with path.open("rb") as stream:
                total.update(path.name.encode() + hashlib.file_digest(stream, "sha256").digest())
    return total.hexdigest()[:12]


def _refuse_incomplete(model: str, tokenizer: Any, report: dict[str, Any]) -> None:
    """What is missing is made up at random by the loader, in silence or with a warning."""
    absent = sorted(report["missing_keys"]) + [str(key) for key in report["mismatched_keys"]]
    if absent:
        msg = f"the sentiment model {model} lacks weights ({', '.join(absent[:3])}): take one trained for sentiment"
        raise ConfigurationError(msg)
    ids = tokenizer(KNOWN_WORDS, add_special_tokens=False)["input_ids"]
    if not ids or ids.count(tokenizer.unk_token_id) * 2 > len(ids):
        msg = f"the sentiment model {model} knows no words: its vocabulary file (vocab.txt, tokenizer.json) is missing"
        raise ConfigurationError(msg)


def _places(model: str, names: dict[int, str]) -> tuple[int, ...]:
    found = {str(name).lower(): place for place, name in names.items()}
    if len(names) != len(LABELS) or set(found) != set(LABELS):
        msg = (
            f"the sentiment model {model} has the labels {', '.join(map(str, names.values()))}; it needs"
            f" {', '.join(LABELS)} (id2label in its config.json)"
        )
        raise ConfigurationError(msg)
    return tuple(int(found[label]) for label in LABELS)


def _first_line(error: Exception) -> str:
    return (str(error).strip() or type(error).__name__).splitlines()[0].rstrip(".")
