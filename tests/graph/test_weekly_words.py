"""The Monday job with a language model: it narrates, it is asked once, and nothing waits for it."""

import json

import pytest
from language_vendors import KEY, PATHS, chat
from vendor_server import Reply, VendorServer

from learnfinance_dagster.parameters import LanguageParameters
from learnfinance_dagster.values import Mode

MINE = "{hrp.name} is worth {hrp.worth}, and keeps {hrp.cash} in cash."


def narrator(request):
    """Answers every question: one paragraph of its own, which is true, one that is not, and leaves the rest out."""
    asked = json.loads(request.body)["response_format"]["json_schema"]["schema"]["required"]
    return chat(json.dumps({key: MINE if key == "account_hrp" else "Buy 5 AAPL." for key in asked if key != "news"}))


@pytest.fixture(scope="module")
def vendor():
    with VendorServer() as server:
        server.answers(PATHS["chat"], narrator)
        yield server


@pytest.fixture(scope="module")
def spoken(traded, build_house, vendor):
    """A Monday with a model and analyst notes, then again, then as research; and what was asked until then."""
    told = LanguageParameters(
        adapter="openai", api="chat", base_url=f"{vendor.url}/v1", analyst_notes=True, price_in=0.15, price_out=0.6
    )
    house, week = build_house(traded.house).with_settings(language=told), traded.next_week
    counts, went, pages = [], [], []
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("OPENAI_API_KEY", KEY)
        for job in ("monday", "monday", "research"):
            went.append(house.run(job, week))
            counts.append(len(vendor.seen))
            pages.append((house.root / "outbox" / f"weekly-{week}.html").read_text(encoding="utf-8"))
    return house, week, went, counts, pages


def test_the_week_is_traded_and_told(spoken):
    house, week, went, _, (page, *_) = spoken
    assert [each.errors for each in went] == [{}, {}, {}]
    assert house.read("hrp_fills", week).mode is Mode.LIVE
    words = house.read("weekly_summary", week)
    assert {each.key for each in words.paragraphs if each.by_model} == {"account_hrp"}
    assert {each.reason for each in words.rejected} >= {"the model left it out", "it is too short"}
    assert "Written by openai gpt-4o-mini" in page
    assert "the model&#39;s was not taken" in page or "the model's was not taken" in page
    assert "Buy 5" not in page


def test_the_model_is_asked_in_the_live_run_only_and_once(spoken):
    _, _, _, (first, second, third), _ = spoken
    assert first >= 2, "the summary, and the notes"
    assert first == second == third


def test_a_second_run_shows_the_same_words(spoken):
    _, _, _, _, pages = spoken
    assert pages[0] == pages[1] == pages[2]


def test_notes_are_in_the_web_ui_and_the_letter_counts_them(spoken):
    house, week, went, _, (page, *_) = spoken
    notes = house.read("analyst_notes", week)
    assert len(notes.rows) == len(notes.words.paragraphs) > 0
    assert f"{len(notes.rows)} analyst notes" in page
    assert "stances" in went[0].metadata["analyst_notes"]
    assert not any(each.text in page for each in notes.words.paragraphs)


def test_tokens_and_cost_are_in_the_metadata(spoken):
    _, _, went, _, _ = spoken
    told = went[0].metadata["weekly_summary"]
    assert (told["input_tokens"].value, told["output_tokens"].value) == (286, 12)
    assert told["cost_usd"].value == pytest.approx(0.00005, abs=1e-6)


def test_question_and_answer_lie_beside_the_raw_news_without_the_key(spoken):
    house, *_ = spoken
    kept = house.files("raw")
    assert any("words-weekly/prompt" in name for name in kept)
    assert any("words-notes-1/answer" in name for name in kept)
    assert all(KEY.encode() not in content for content in house.files("raw", "artifacts", "outbox").values())


def test_a_vendor_that_fails_costs_no_order_and_no_report(traded, build_house, vendor, monkeypatch):
    monkeypatch.setenv("OPENAI_API_KEY", KEY)
    with VendorServer() as closed:
        closed.answers(PATHS["chat"], Reply({"error": {"code": "invalid_api_key", "message": KEY}}, status=401))
        told = LanguageParameters(adapter="openai", api="chat", base_url=f"{closed.url}/v1")
        house = build_house(traded.house).with_settings(language=told)
        went = house.run("monday", traded.next_week)
    assert went.success, went.errors
    assert house.read("hrp_fills", traded.next_week).mode is Mode.LIVE
    page = (house.root / "outbox" / f"weekly-{traded.next_week}.html").read_text(encoding="utf-8")
    assert "Summary written by the template: OpenAI answered 401 (invalid_api_key)" in page
    assert KEY not in page
