"""The embedded writer: prose from facts alone, the same for the same facts. It is always there.

Each function writes one paragraph's draft, with slots; what is not known is not spoken of.
"""

from collections.abc import Mapping

from learnfinance_dagster.commentary.facts import Claim, Fact

Facts = Mapping[str, Fact]
NOTHING = "Nothing is known of this."


def overall(facts: Facts, *, closed: bool) -> str:
    """The week of all accounts."""
    if closed:
        return "The exchange has no session this week, so nothing was ordered; it was decided on {week.decided}."
    said = []
    if "worst.name" in facts:
        said.append(
            "{best.name} did best this week with {best.week_return} after costs, and {worst.name} was weakest with"
            " {worst.week_return}."
        )
        average = facts["accounts.average_return"]
        said.append(f"On average the accounts {_did(average)} {{accounts.average_return}}.")
    elif "best.name" in facts:
        said.append(f"{{best.name}} {_did(facts['best.week_return'])} {{best.week_return}} this week after costs.")
    else:
        said.append("No account has a return for this week yet; {accounts.count} accounts were looked at.")
    if "leader.name" in facts:
        weeks = _plural(facts["accounts.weeks"], "week")
        said.append(
            f"Since the start {{leader.name}} leads with {{leader.total_return}}, but the record is {{accounts.weeks}}"
            f" {weeks} long."
        )
    if facts["accounts.orders"].text == "0":
        said.append("The accounts sent no orders.")
    else:
        orders = _plural(facts["accounts.orders"], "order")
        said.append(f"The accounts sent {{accounts.orders}} {orders}, of which {{accounts.filled}} were filled.")
    return " ".join(said)


def account(facts: Facts, name: str) -> str:
    """One allocator's week."""
    own = _Own(facts, name)
    said = [own("What is missing of {.name} this week: {.trouble}.")] if own.has("trouble") else []
    if own.has("week_return"):
        line = f"{{.name}} {_did(own.fact('week_return'))} {{.week_return}} this week after costs"
        if own.has("lead"):
            line += f", and was {_placed(own.fact('lead'))} the average of the others by {{.lead}}"
        said.append(own(f"{line}."))
    if own.has("total_return"):
        line = f"Since the start it {_did(own.fact('total_return'))} {{.total_return}}"
        if own.has("deepest_fall") and Claim.DOWN in own.fact("deepest_fall").claims:
            line += ", and its deepest fall from a peak was {.deepest_fall}"
        said.append(own(f"{line}; it is worth {{.worth}}."))
    else:
        said.append(own("{.name} is worth {.worth}."))
    said += _traded(own)
    return " ".join(said)


def _traded(own: "_Own") -> list[str]:
    said = []
    if own.fact("orders").text != "0":
        orders = _plural(own.fact("orders"), "order")
        said.append(own(f"It sent {{.orders}} {orders}, of which {{.filled}} were filled."))
        said.append(own("By these it traded {.turnover} of its value."))
    elif own.fact("planned").text != "0":
        said.append(own(f"It planned {{.planned}} {_plural(own.fact('planned'), 'order')} and sent none."))
    if own.has("largest.name"):
        said.append(own("Its largest position is {.largest.name} with a weight of {.largest.weight}."))
    return said


def forecaster(facts: Facts, name: str) -> str:
    """One forecaster's word, and its record."""
    own = _Own(facts, name)
    if own.has("trouble"):
        said = [own("{.name} gave no forecast this week: {.trouble}.")]
    elif own.has("top.name"):
        said = [own("{.name} gave a forecast for {.names} names, with a median of {.median}.")]
        line = f"It expects {{.top.name}} to {_do(own.fact('top.forecast'))} {{.top.forecast}}"
        if own.has("bottom.name"):
            line += f" and {{.bottom.name}} to {_do(own.fact('bottom.forecast'))} {{.bottom.forecast}}"
        said.append(own(f"{line}."))
    else:
        said = [own("{.name} gave no forecast this week.")]
    if own.has("weeks") and own.has("verdict"):
        said.append(own("Of its skill, over the {.weeks} weeks of its test, the record says {.verdict}."))
    said.append(own("It is read by {.readers}.") if own.has("readers") else "No account reads it.")
    return " ".join(said)


def news(facts: Facts) -> str:
    """How the articles sounded."""
    if "kindest.name" not in facts:
        said = ["No name has enough articles for a tone; {news.articles} articles were read."]
    else:
        said = [
            "The {news.articles} articles of the week tell the tone of {news.scored} of {news.names} names.",
            "Their average is {news.average}.",
            _heard("kindest", "warmest", facts),
        ]
    if "harshest.name" in facts:
        said.append(_heard("harshest", "coldest", facts))
    if facts["news.missing"].text[:1] != "0":
        said.append("Of the week's news, {news.missing} is missing.")
    return " ".join(said)


def _heard(whose: str, word: str, facts: Facts) -> str:
    line = f"The {word} tone belongs to {{{whose}.name}} with {{{whose}.tone}}"
    return f"{line}, and its headline reads {{{whose}.headline}}." if f"{whose}.headline" in facts else f"{line}."


def books(facts: Facts) -> str:
    """What filings say."""
    if "widest.name" not in facts:
        said = ["Of {books.names} names, no filing tells a margin."]
    else:
        said = [
            "Filings tell the net margin of {books.filed} of {books.names} names; its median is {books.median_margin}.",
            "The widest margin is that of {widest.name} with {widest.margin}.",
        ]
    if "thinnest.name" in facts:
        said.append("The thinnest margin is that of {thinnest.name} with {thinnest.margin}.")
    if "books.passed" in facts:
        said.append("The house's own halal screen passes {books.passed} names and differs on {books.differing}.")
    return " ".join(said)


class _Own:
    """Facts of one subject: `{.cash}` in a line stands for `{hrp.cash}`."""

    def __init__(self, facts: Facts, subject: str) -> None:
        self._facts, self._subject = facts, subject

    def __call__(self, line: str) -> str:
        return line.replace("{.", f"{{{self._subject}.")

    def has(self, name: str) -> bool:
        return f"{self._subject}.{name}" in self._facts

    def fact(self, name: str) -> Fact:
        return self._facts[f"{self._subject}.{name}"]


def _did(fact: Fact) -> str:
    return _by(fact, "gained", "lost", "ended flat at")


def _do(fact: Fact) -> str:
    return _by(fact, "gain", "lose", "stay flat at")


def _placed(fact: Fact) -> str:
    return "ahead of" if Claim.AHEAD in fact.claims else "behind" if Claim.BEHIND in fact.claims else "level with"


def _by(fact: Fact, up: str, down: str, flat: str) -> str:
    return up if Claim.UP in fact.claims else down if Claim.DOWN in fact.claims else flat


def _plural(fact: Fact, noun: str) -> str:
    return noun if fact.text == "1" else f"{noun}s"
