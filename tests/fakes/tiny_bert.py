"""A BERT small enough for tests, saved the way FinBERT is: a vocabulary, a configuration, weights, nothing else."""

import json
import string
from pathlib import Path

LABELS = ("positive", "negative", "neutral")
WORDS = ("profit", "loss", "shares", "rise", "fall", "rises", "falls", "and", "the", "company", "reports", "as", "of")
ENDINGS = ("##s", "##ing", "##ed")


def save_tiny_bert(folder, labels=LABELS, seed=1, always=None, without=()) -> Path:
    """Write a randomly initialised classifier to `folder`.

    Args:
        folder: made where it is missing.
        labels: of its outputs, in their order.
        seed: of the weights.
        always: logits that it answers every text with, instead of random weights in its last layer.
        without: "vocabulary" or "head" (the last layer's weights) are left out.
    """
    import torch
    from transformers import BertConfig, BertForSequenceClassification

    words = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *WORDS, *ENDINGS, *string.punctuation]
    letters = [*string.ascii_lowercase, *string.digits]
    words += [*letters, *(f"##{letter}" for letter in letters)]
    words = list(dict.fromkeys(words))
    torch.manual_seed(seed)
    config = BertConfig(
        vocab_size=len(words),
        hidden_size=32,
        num_hidden_layers=2,
        num_attention_heads=2,
        intermediate_size=64,
        initializer_range=0.3,  # the usual 0.02 would answer every text alike
        id2label=dict(enumerate(labels)),
        label2id={label: n for n, label in enumerate(labels)},
    )
    network = BertForSequenceClassification(config)
    if always is not None:
        network.classifier.weight.data.zero_()
        network.classifier.bias.data = torch.tensor(always, dtype=torch.float32)
    weights = network.state_dict()
    if "head" in without:
        weights = {name: values for name, values in weights.items() if not name.startswith("classifier")}
    network.save_pretrained(folder, state_dict=weights)
    if "vocabulary" not in without:
        (folder / "vocab.txt").write_text("\n".join(words), encoding="utf-8")
    (folder / "tokenizer_config.json").write_text(json.dumps({"do_lower_case": True}), encoding="utf-8")
    return folder
