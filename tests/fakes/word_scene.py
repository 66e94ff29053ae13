"""A letter that is put into words outside the graph: the writer, the folder of evidence, and what a run may do."""

import gzip
import json
import logging
from types import SimpleNamespace

from assets.narration import Occasion, worded
from learnfinance_dagster.orchestration.handles import Writer
from learnfinance_dagster.parameters import LanguageParameters
from resources.raw_evidence import RawFolder

RUN = "paper:2025-12-29"


def run_context():
    """What `worded` needs of Dagster's."""
    return SimpleNamespace(log=logging.getLogger("words"), retry_number=0)


def put_into_words(letter, door, folder, *, may_ask=True, is_final=False, earlier=None, **prices):
    """The outcome of one run."""
    writer = Writer(door, RawFolder(folder), LanguageParameters(**prices))
    occasion = Occasion(RUN, may_ask=may_ask, is_final=is_final, earlier=lambda: earlier)
    return worded(run_context(), writer, lambda: letter, occasion)


def evidence(folder):
    """File → content of everything that was kept."""
    return {
        str(path.relative_to(folder)): json.loads(gzip.decompress(path.read_bytes()))
        for path in sorted(folder.rglob("*.json.gz"))
    }


def honest_reply(letter):
    """What a model answers that has read the rules: the template's words with a beginning of its own."""
    return {outline.key: outline.draft for outline in letter.outlines}
