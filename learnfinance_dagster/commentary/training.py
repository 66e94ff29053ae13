"""The paragraphs of a training summary: overall, each forecaster, each learning algorithm, and what comes next."""

from collections.abc import Mapping, Sequence

from learnfinance_dagster.commentary.facts import Fact, called, count, day, lead, quote, version
from learnfinance_dagster.commentary.paragraphs import Letter, Outline
from learnfinance_dagster.reporting.training import ForecasterTraining, PolicyTraining, TrainingSummary
from learnfinance_dagster.reporting.training_words import verdict

KIND = "training"
LONGEST_REASON = 160


def training_letter(summary: TrainingSummary, algorithms: Mapping[str, str]) -> Letter:
    """What may be said of a Sunday's trainings, and how the template says it.

    Args:
        summary: what came of them.
        algorithms: policy → the algorithm that trained it, e.g. `ppo_lstm` → `ppo`.
    """
    week = (day("week.serves", summary.week.monday), day("week.data_until", summary.week.last_session))
    groups: dict[str, list[PolicyTraining]] = {}
    for policy in summary.policies:
        groups.setdefault(algorithms.get(policy.name, policy.name), []).append(policy)
    outlines = (
        _overall(summary, week),
        *(_forecaster(each, week) for each in summary.forecasters),
        *(_algorithm(name, members, week) for name, members in groups.items()),
        _next(summary, week),
    )
    names = {*algorithms, *groups, *(each.name for each in (*summary.policies, *summary.forecasters))}
    return Letter(KIND, outlines, names)


def _overall(summary: TrainingSummary, week: tuple[Fact, ...]) -> Outline:
    facts = (
        *week,
        count("policies.count", len(summary.policies), "policies", "policy"),
        count("policies.new", len(summary.promoted), "version", "versions", "use"),
        count("policies.without", len(summary.failed), "version", "versions", "trained"),
        *_list("policies.promoted", summary.promoted),
    )
    draft = (
        "For the week of {week.serves}, on data up to {week.data_until}, {policies.new} of {policies.count} policies"
        " have a new version in use."
    )
    if summary.promoted:
        draft += " The new versions belong to {policies.promoted}."
    if summary.failed:
        draft += " Of the others, {policies.without} could not be trained."
    about = "what came of the trainings: how many policies have a new version in use, how many have none"
    return Outline("overall", "The trainings", about, "policies", facts, draft)


def _forecaster(one: ForecasterTraining, week: tuple[Fact, ...]) -> Outline:
    name = one.name
    facts = [*week, called(f"{name}.name", name), count(f"{name}.tried", one.tried, "version", "versions")]
    if one.in_use:
        facts.append(version(f"{name}.version", one.in_use))
        if one.known_until:
            facts.append(day(f"{name}.known_until", one.known_until))
        draft = f"{{{name}.name}} works with the version {{{name}.version}}"
        draft += f", trained on data up to {{{name}.known_until}}." if one.known_until else "."
    else:
        draft = f"{{{name}.name}} has no version in use."
    said = quote(f"{name}.reason", one.reason, length=LONGEST_REASON)
    if said:
        draft += f" Of its latest training the record says {{{name}.reason}}."
    about = f"which version of the forecaster {name} is in use, and how its latest training ended"
    return Outline(f"forecaster_{name}", f"Forecaster {name}", about, name, (*facts, *said), draft)


def _algorithm(name: str, members: Sequence[PolicyTraining], week: tuple[Fact, ...]) -> Outline:
    facts, said = list(week), []
    for policy in members:
        own, line = _policy(policy)
        facts += own
        said.append(line)
    about = f"the policies that {name} trained: what was decided of each new version, and against equal weight"
    return Outline(f"algorithm_{name}", f"Policies of {name}", about, "", tuple(facts), " ".join(said))


def _policy(policy: PolicyTraining) -> tuple[list[Fact], str]:
    """Its facts, and a sentence."""
    name = policy.name
    facts = [
        called(f"{name}.name", name),
        called(f"{name}.verdict", verdict(policy)),
        count(f"{name}.tried", policy.tried, "version", "versions"),
    ]
    if policy.failure:
        facts += quote(f"{name}.trouble", policy.failure, length=LONGEST_REASON)
        return facts, f"{{{name}.name}} was not trained: {{{name}.trouble}}."
    line = f"The new version of {{{name}.name}} was judged, and the verdict is {{{name}.verdict}}"
    if policy.new and policy.new.decision:
        excess = lead(f"{name}.excess", policy.new.decision.weekly_excess.value, "yardstick")
        facts.append(excess)
        where = {"ahead": "ahead of", "behind": "behind"}.get(next(iter(excess.claims)), "level with")
        line += f"; {{{name}.name}} was {where} the yardstick by {{{name}.excess}} a week"
    if policy.in_use:
        facts.append(version(f"{name}.version", policy.in_use))
    return facts, f"{line}."


def _next(summary: TrainingSummary, week: tuple[Fact, ...]) -> Outline:
    unused = [policy for policy in summary.policies if not policy.in_use]
    facts = (
        *week,
        count("policies.unused", len(unused), "policies", "policy", "version"),
        *_list("policies.failing", summary.failed),
        *_list("policies.idle", unused),
    )
    draft = "These trainings serve the week of {week.serves}."
    if summary.failed:
        draft += " Look first at {policies.failing}: they could not be trained, and the reasons stand below."
    if unused:
        draft += " Accounts without a version in use are left alone: {policies.idle}."
    if not summary.failed and not unused:
        draft += " Every policy has a version in use; {policies.unused} are without."
    about = "what a person may look at next: policies that could not be trained, accounts without a version"
    return Outline("next", "What to look at", about, "policies", facts, draft)


def _list(name: str, policies: Sequence[PolicyTraining]) -> list[Fact]:
    return [called(name, ", ".join(policy.name for policy in policies))] if policies else []
