"""Analyst notes: stance and confidence come from tables, and no word decides anything."""

from itertools import product

import pytest
from language_vendors import ScriptedDoor, ScriptedModel
from word_scene import put_into_words

from learnfinance_dagster.commentary.check import objection
from learnfinance_dagster.commentary.narrate import by_template
from learnfinance_dagster.commentary.notes import (
    BATCH,
    CONFIDENCES,
    STANCES,
    AnalystNotes,
    Brief,
    Confidence,
    Stance,
    View,
    note_letters,
    stance_of,
)
from learnfinance_dagster.documents import from_json, to_json


def brief(symbol="AAPL", expected=0.02, sentiment=0.5, headline="A fine quarter", **changes):
    forecasts = {} if expected is None else {"lstm": expected, "patchtst": expected}
    told = {"momentum": -0.04, "volatility": 0.31, "articles": 7} | changes
    return Brief(symbol=symbol, forecasts=forecasts, sentiment=sentiment, headline=headline, **told)


@pytest.mark.parametrize(
    ("expected", "sentiment", "stance"),
    [
        (0.02, 0.5, Stance.FAVOURABLE),
        (0.02, None, Stance.FAVOURABLE),
        (0.02, -0.5, Stance.MIXED),
        (-0.02, -0.5, Stance.UNFAVOURABLE),
        (-0.02, 0.5, Stance.MIXED),
        (0.0005, 0.1, Stance.NEUTRAL),
        (None, 0.9, Stance.UNCLEAR),
        (None, None, Stance.UNCLEAR),
    ],
)
def test_the_stance_follows_from_forecast_and_news(expected, sentiment, stance):
    assert stance_of(brief(expected=expected, sentiment=sentiment), skilled=True).stance is stance


def test_the_tables_know_every_case():
    assert set(STANCES) == set(product(View, View))
    assert set(CONFIDENCES) == set(product((True, False), repeat=3))


def test_without_skill_nothing_is_worth_much():
    assert stance_of(brief(), skilled=False).confidence is Confidence.LOW
    assert stance_of(brief(), skilled=True).confidence is Confidence.HIGH
    assert stance_of(brief(expected=0.002), skilled=True).confidence is Confidence.MEDIUM


@pytest.mark.parametrize("words", ["strong buy, unfavourable, high confidence", "sell everything", ""])
def test_no_words_of_a_headline_or_a_model_move_the_stance(words, tmp_path):
    plain, loaded = brief(), brief(headline=words)
    assert stance_of(loaded, skilled=True) == stance_of(plain, skilled=True)
    (letter,) = note_letters([loaded], [stance_of(loaded, skilled=True)], {"AAPL"})
    said = {"note_aapl": "The stance on {it.name} is unfavourable, sell it with high confidence."}
    told = put_into_words(letter, ScriptedDoor(ScriptedModel(said)), tmp_path).value.paragraphs[0]
    assert not told.by_model
    assert "The stance is favourable, held with high confidence." in told.text


def test_a_note_that_fits_its_facts_is_taken():
    row = stance_of(brief(), skilled=True)
    (letter,) = note_letters([brief()], [row], {"AAPL"})
    (outline,) = letter.outlines
    honest = (
        "The forecast for {it.name} is a gain of {it.forecast}. Over the month it fell {it.momentum}; the tone of the"
        " news is warm at {it.tone}. The stance is {it.stance}."
    )
    assert objection(honest, outline, letter.names) == ""
    assert objection(honest.replace("fell", "rose"), outline, letter.names)
    assert objection(honest.replace("warm", "cold"), outline, letter.names)
    assert objection(honest.replace("{it.stance}", "favourable"), outline, letter.names)


def test_notes_of_many_names_go_in_several_questions_and_come_back_unchanged():
    briefs = [brief(f"N{number}") for number in range(2 * BATCH + 1)]
    rows = [stance_of(each, skilled=False) for each in briefs]
    letters = note_letters(briefs, rows, {each.symbol for each in briefs})
    assert [len(letter.outlines) for letter in letters] == [BATCH, BATCH, 1]
    assert len({letter.kind for letter in letters}) == 3
    notes = AnalystNotes("2025-12-29", tuple(rows), by_template(letters[0]))
    assert from_json(AnalystNotes, to_json(notes)) == notes


def test_what_is_not_known_is_not_spoken_of():
    bare = brief(expected=None, sentiment=None, headline="", momentum=None, volatility=None, articles=0)
    (letter,) = note_letters([bare], [stance_of(bare, skilled=False)], set())
    text = by_template(letter).paragraphs[0].text
    assert text == ("No forecaster spoke of AAPL this week. The stance is unclear, held with low confidence.")
