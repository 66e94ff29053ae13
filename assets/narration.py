"""Letters into words: who is asked, what is kept of it, and what is shown again. Never in the way of anything."""

from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from typing import Any

import dagster as dg

from learnfinance_dagster.commentary.narrate import TEMPLATE, by_model, by_template, drafts_in, told_again
from learnfinance_dagster.commentary.paragraphs import Letter
from learnfinance_dagster.commentary.prompting import hash_of, prompt_for
from learnfinance_dagster.errors import LearnFinanceError
from learnfinance_dagster.orchestration.failures import Outcome, isolated
from learnfinance_dagster.orchestration.handles import Writer
from learnfinance_dagster.orchestration.tables import markdown
from learnfinance_dagster.ports import Completion, Prompt
from learnfinance_dagster.values import Narration

MILLION = 1_000_000


@dataclass(frozen=True)
class Occasion:
    """What a run may do about a letter's words."""

    run_id: str
    """Names the folder of evidence, e.g. `paper:2025-12-29`."""
    may_ask: bool
    """A language model may be asked, and paid."""
    is_final: bool
    """What was written before stands, whatever would be asked today: the week was traded."""
    earlier: Callable[[], Narration | None]
    """What is stored."""


def worded(
    context: dg.AssetExecutionContext, writer: Writer, letter: Callable[[], Letter], occasion: Occasion
) -> Outcome[Narration]:
    """The letter's words, whatever happens; even a bug in it stops nobody, and is told."""
    return isolated(
        context,
        lambda: _narrated(context, writer, letter(), occasion),
        lambda failure: Narration((), writer.language.name, failure, asked=occasion.may_ask),
    )


def _narrated(context: dg.AssetExecutionContext, writer: Writer, letter: Letter, occasion: Occasion) -> Narration:
    who = writer.language.name
    try:
        earlier = occasion.earlier()
        prompt = prompt_for(letter, writer.parameters.max_tokens)
        question = hash_of(prompt, who)
        if earlier and earlier.asked and (occasion.is_final or (earlier.question == question and not earlier.failure)):
            return told_again(letter, earlier)
        if who == TEMPLATE:
            return replace(by_template(letter), asked=occasion.may_ask, question=question)
        if not occasion.may_ask:
            return by_template(letter, writer=who, failure=f"this run may not ask {who}")
        return replace(_asked(writer, letter, prompt, occasion.run_id), asked=True, question=question)
    except LearnFinanceError as error:  # a fallback that the letter tells
        context.log.warning("the template writes: %s", error)
        return by_template(letter, writer=who, failure=str(error))


def _asked(writer: Writer, letter: Letter, prompt: Prompt, run_id: str) -> Narration:
    """The model's words, or the template's with the reason; question and answer are kept either way."""
    who = writer.language.name
    documents: dict[str, dict[str, object]] = {"prompt": {"asked": who, **asdict(prompt)}}
    spent: dict[str, Any] = {}
    try:
        model = writer.language.open()
        if model is None:
            return by_template(letter)
        answer = model.complete(prompt)
        documents["answer"] = dict(asdict(answer))
        spent = _spent(answer, writer)
        told = by_model(letter, drafts_in(answer.text, letter), who)
    except LearnFinanceError as error:
        documents["failure"] = {"kind": type(error).__name__, "told": str(error)}
        told = by_template(letter, writer=who, failure=str(error))
    writer.raw.keep_documents(run_id, f"words-{letter.kind}", documents)
    return replace(told, **spent)


def _spent(answer: Completion, writer: Writer) -> dict[str, Any]:
    prices = writer.parameters.price_in, writer.parameters.price_out
    cost = (answer.input_tokens * prices[0] + answer.output_tokens * prices[1]) / MILLION
    return {
        "input_tokens": answer.input_tokens,
        "output_tokens": answer.output_tokens,
        "cost": round(cost, 6) if any(prices) else None,
    }


def words_metadata(words: Narration) -> dict[str, Any]:
    """What the web UI shows of a letter's words."""
    rows = [(p.heading, "model" if p.by_model else "template", p.reason or "taken", p.text) for p in words.paragraphs]
    return {
        "writer": words.writer,
        "by_model": sum(1 for paragraph in words.paragraphs if paragraph.by_model),
        "rejected": len(words.rejected),
        "failure": words.failure or "none",
        "input_tokens": words.input_tokens,
        "output_tokens": words.output_tokens,
        "cost_usd": words.cost if words.cost is not None else "unknown: no price is set, or nobody was asked",
        "words": markdown(["paragraph", "written by", "not taken because", "text"], rows),
    }
