"""The training summary in plain text: the letter's twin."""

from learnfinance_dagster.reporting import training_words as words
from learnfinance_dagster.reporting.columns import bullets, paragraphs, table
from learnfinance_dagster.reporting.formats import plain
from learnfinance_dagster.reporting.gate_rows import HEADER, gate_rows
from learnfinance_dagster.reporting.in_words import words_text
from learnfinance_dagster.reporting.training import NewPolicy, PolicyTraining, TrainingSummary
from learnfinance_dagster.reporting.wording import FOOTER, first_line


def render_training_text(summary: TrainingSummary) -> str:
    """Everything that the letter says, in 78 columns where words allow."""
    parts = [
        paragraphs(first_line(summary.market)),
        paragraphs(words.title(summary), words.timing(summary), words.lead(summary)),
        bullets("Something is missing", (f"{policy.name}: {policy.failure}" for policy in summary.failed)),
        words_text(summary.words),
        paragraphs(words.RULE),
        *(_policy(policy) for policy in summary.policies),
        bullets("Forecasters", (f"{one.name}: {' '.join(words.forecaster(one))}" for one in summary.forecasters)),
        bullets("Where this comes from", (f"{label}: {value}" for label, value in summary.provenance)),
        FOOTER,
    ]
    return "\n\n".join(part for part in parts if part) + "\n"


def _policy(policy: PolicyTraining) -> str:
    head = f"{plain(policy.name).upper()}: {words.verdict(policy)}"
    if policy.new is None:
        failure = f"No new version: {policy.failure}"
        return "\n".join([head, paragraphs(policy.summary, failure, words.in_use(policy), words.luck(policy))])
    return "\n".join([head, paragraphs(policy.summary, words.made(policy.new)), *_new(policy, policy.new)])


def _new(policy: PolicyTraining, new: NewPolicy) -> list[str]:
    parts = []
    if new.decision is None:
        parts.append(paragraphs(words.judged(new)))
    else:
        parts.append(paragraphs(words.decided(new, new.decision), words.in_use(policy), words.judged(new)))
        if new.decision.rows:
            parts.append(_table(new))
        parts.append(paragraphs(words.effect(new.decision)))
    behaviour = words.behaviour(new.behaviour) if new.behaviour else ""
    return [*parts, paragraphs(behaviour, words.certificate(new), words.luck(policy))]


def _table(new: NewPolicy) -> str:
    rows = gate_rows(new.decision) if new.decision else ()
    body = [(row.label, *(f"{cell.value} ({cell.between})" for cell in row.cells)) for row in rows]
    return table(("", *(head.lower() for head in HEADER)), body, left={0})
