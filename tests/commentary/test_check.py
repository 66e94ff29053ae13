"""The check takes what is true of the facts, and nothing that a language model makes up."""

import re
import string
import unicodedata

import pytest
from hostile_prose import FRAME, GROUPS, HARMLESS
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from prose import BAD_WEEK, GOOD_WEEK, HONEST, outline_of

from learnfinance_dagster.commentary import lexicon
from learnfinance_dagster.commentary.check import objection
from learnfinance_dagster.commentary.clauses import SLOT, UnreadableError, sentences
from learnfinance_dagster.commentary.facts import Claim
from learnfinance_dagster.commentary.filling import filled
from learnfinance_dagster.commentary.prompting import rules

HRP = outline_of(GOOD_WEEK, "account_hrp")
HOSTILE = [(group, *case) for group, cases in GROUPS.items() for case in cases]
WILD = settings(max_examples=200, deadline=None)


def why_not(draft, outline=HRP, letter=GOOD_WEEK):
    return objection(draft, outline, letter.names)


@pytest.mark.parametrize(("letter", "key", "draft"), HONEST, ids=range(len(HONEST)))
def test_an_honest_paragraph_is_taken(letter, key, draft):
    outline = outline_of(letter, key)
    assert objection(draft, outline, letter.names) == ""
    assert "{" not in filled(draft, outline)


def test_there_are_enough_of_both_kinds_to_mean_something():
    assert len({draft for _, _, draft in HONEST}) >= 30
    assert len({(key, draft) for _, _, key, draft in HOSTILE}) >= 500
    assert why_not(FRAME.format(HARMLESS)) == "", "the frame is honest, so only the fault in it is refused"


@pytest.mark.parametrize("group", GROUPS)
def test_no_hostile_paragraph_is_taken(group):
    taken = [
        draft for letter, key, draft in GROUPS[group] if not objection(draft, outline_of(letter, key), letter.names)
    ]
    assert taken == []


@pytest.mark.parametrize("letter", [GOOD_WEEK, BAD_WEEK])
def test_the_templates_own_prose_of_accounts_and_evidence_would_pass(letter):
    held = [each for each in letter.outlines if not each.key.startswith("forecaster")]
    assert {each.key: objection(each.draft, each, letter.names) for each in held} == dict.fromkeys(
        (each.key for each in held), ""
    )


@pytest.mark.parametrize(
    ("draft", "reason"),
    [
        ("{hrp.name} gained {hrp.week_return} this week, or 3 of it after costs.", "it holds a numeral"),
        ("{hrp.name} gained {hrp.week_return} this week, twice that of others.", "it holds a number in words"),
        ("{hrp.name} lost {hrp.week_return} over the week after costs.", "it claims what no fact beside it says"),
        ("{hrp.name} gained {hrp.wealth} over the week after costs.", "it holds an unknown slot"),
        ("AAPL and {hrp.name} gained {hrp.week_return} over the week.", "it holds a name outside a slot"),
        ("You see that {hrp.name} gained {hrp.week_return} this week.", "it advises, or speaks to somebody"),
        ("{hrp.name} has {hrp.turnover} after a week of orders.", "it tells a figure without saying what it is"),
        (
            "{hrp.name} gained {hrp.week_return} this week, <b>after</b> costs.",
            "it holds markup, a link or a broken slot",
        ),
        ("{hrp.name} gained {hrp.week_return} this week. It was a quiet week.", "a sentence of it tells no fact"),
    ],
)
def test_the_reason_says_what_is_wrong(draft, reason):
    assert why_not(draft) == reason


def test_a_ticker_that_is_spelled_like_a_word_is_refused_where_it_is_in_the_universe():
    draft = "{hrp.name} gained {hrp.week_return} this week in a quiet market."
    assert objection(draft, HRP, {"AAPL"}) == ""
    assert objection(draft, HRP, {"AAPL", "QUIET"}) == "it holds a name outside a slot"
    assert objection(draft, HRP, {"IN", "A"}) == "", "small words stay words"
    assert objection(draft.replace("in a", "in A"), HRP, {"A"}) == "it holds a name outside a slot"


def test_the_same_words_are_true_in_one_week_and_false_in_another():
    draft = "Over the week {hrp.name} gained {hrp.week_return} after costs."
    assert why_not(draft) == ""
    assert why_not(draft, outline_of(BAD_WEEK, "account_hrp"), BAD_WEEK) != ""


def test_a_return_beside_a_word_that_carries_its_sign_is_written_without_it():
    bad = outline_of(BAD_WEEK, "account_hrp")
    assert "lost 2.85" in filled("{hrp.name} lost {hrp.week_return} this week.", bad)
    assert "at \N{MINUS SIGN}2.85" in filled("A weak week for {hrp.name} at {hrp.week_return}.", bad)


def test_no_allowed_word_is_a_number_or_advice_or_a_negation():
    allowed = lexicon.vocabulary()
    assert not allowed & (lexicon.NUMBER_WORDS | lexicon.ADVICE)
    negations = "no not never nor neither without hardly barely nearly almost than because"
    assert allowed.isdisjoint(negations.split(" "))
    assert all(re.fullmatch("[a-z]+", word) for word in allowed)


def test_every_allowed_word_is_told_to_the_model():
    told = set(re.findall(r"[a-z]+", rules()))
    assert lexicon.vocabulary() <= told


@WILD
@given(st.text(), st.characters(categories=["Nd", "Nl", "No"]), st.text())
def test_nothing_with_a_numeral_of_any_script_is_taken(before, numeral, after):
    assert why_not(FRAME.format(f"{before}{numeral}{after}".replace("{", "").replace("}", ""))) != ""


@WILD
@given(st.text(string.ascii_letters, min_size=1))
def test_no_word_is_taken_that_is_not_on_the_list(word):
    assume(word.lower() not in lexicon.vocabulary())
    assert why_not(FRAME.format(word)) != ""


@WILD
@given(st.text(min_size=1).filter(lambda text: not text.isascii()))
def test_nothing_outside_plain_letters_is_taken(text):
    draft = FRAME.format("orders").replace("orders", text)
    assert why_not(draft) != ""


WORDS = st.sampled_from(sorted(lexicon.vocabulary()))
PIECES = st.one_of(WORDS, WORDS, st.sampled_from([fact.slot for fact in HRP.facts]), st.sampled_from([",", "."]))


@settings(max_examples=400, deadline=None)
@given(st.lists(PIECES, min_size=4, max_size=25))
def test_whatever_is_taken_holds_no_figure_that_is_not_a_facts(pieces):
    draft = re.sub(r" ([,.])", r"\1", " ".join(pieces).strip(" ,.")) + "."
    draft = draft[:1].upper() + draft[1:]
    if why_not(draft):
        return
    rest = SLOT.sub("", draft)
    assert not any(unicodedata.numeric(char, None) is not None for char in rest)
    for sentence in sentences(draft):
        for clause in sentence:
            claims = {lexicon.CLAIMS[part] for part in clause.parts if part in lexicon.CLAIMS}
            figures = [HRP.by_name[name] for name in clause.slots if HRP.by_name[name].kind.is_figure]
            directions = claims & {Claim.UP, Claim.DOWN, Claim.FLAT}
            assert all(directions <= fact.claims for fact in figures)


@WILD
@given(WORDS, WORDS)
def test_no_word_turns_a_gain_into_a_loss(first, second):
    draft = f"{{hrp.name}} {first} {second} {{hrp.week_return}} over the week after costs."
    if why_not(draft) == "":
        assert {first, second}.isdisjoint(lexicon.FAMILIES[Claim.DOWN] | lexicon.FAMILIES[Claim.FLAT])


def test_a_paragraphs_clauses_make_up_the_paragraph():
    for _, _, draft in HONEST:
        assert "".join(clause.text for sentence in sentences(draft) for clause in sentence) == draft
    with pytest.raises(UnreadableError, match="numeral"):
        sentences("a 5")
