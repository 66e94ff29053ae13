import re
from dataclasses import replace
from datetime import UTC, date, datetime
from html.parser import HTMLParser

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from learnfinance_dagster.documents import from_json, to_json
from learnfinance_dagster.errors import DataError
from learnfinance_dagster.reporting import evidence_rows, formats, halal_rows, html
from learnfinance_dagster.reporting.content import WeeklyReport
from learnfinance_dagster.reporting.formats import MINUS
from learnfinance_dagster.reporting.html import render_html, render_markup
from learnfinance_dagster.reporting.text import render_text
from learnfinance_dagster.reporting.weights import weight_table

TITLE, NEXT = "What the news and the books say", "What the forecasters expect"
EN_DASH = "\N{EN DASH}"
HOSTILE = (
    "<script>alert(1)</script>",
    '"><img src=x onerror=alert(1)>',
    "</td></tr></table><h1>Buy now</h1>",
    "<!-- <style>body{display:none}</style>",
    "{{ 7 * 7 }}{% include 'x' %}",
    "&lt;b&gt; &#60;script&#62;",
)


class Tags(HTMLParser):
    """Every tag with its attributes, and every word."""

    def __init__(self, page):
        super().__init__()
        self.tags, self.words = [], []
        self.feed(page)

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, attrs))

    def handle_data(self, data):
        self.words += data.split()

    @property
    def text(self):
        return " ".join(self.words)


def letter(report):
    """What the letter says of news, filings and screen."""
    text = Tags(render_markup(report, {})).text
    return text[text.index(TITLE) : text.index(NEXT)]


def twin(report):
    """The same of the plain text."""
    text = render_text(report)
    return text[text.index(TITLE.upper()) : text.index(NEXT.upper())]


@pytest.fixture
def one(make_report, make_section, make_evidence):
    """A report in which `hrp` holds nothing but the one name given."""

    def build(known, **changes):
        section = make_section(orders=0)
        section = replace(section, weights=replace(section.weights, weights={known.symbol: 0.2}, excluded={}))
        return make_report(section, evidence=replace(make_evidence(), **{"names": (known,)} | changes))

    return build


@pytest.fixture
def tame_tags(one, make_known):
    return Tags(render_markup(one(make_known()), {})).tags


def test_a_name_shows_its_weight_its_news_and_its_books_in_one_row(one, make_known):
    report = one(make_known())
    assert "AAPL 20.0 +0.42 25.3 1.41 30 Oct 14 articles" in letter(report)
    (line,) = [line for line in twin(report).splitlines() if line.startswith("AAPL ")]
    assert line.split() == [
        "AAPL",
        "20.0",
        "+0.42",
        "14",
        "46.7",
        "30.2",
        "25.3",
        "1.07",
        "1.41",
        "2025-10-30",
        "0.7",
        "pass",
    ]


def test_rows_come_in_the_order_of_the_table_of_weights(largest_report):
    wanted = [row.symbol for row in weight_table(largest_report.accounts, top=1000).rows]
    found = re.findall(r"<tr align=\"right\"><td align=\"left\"><b>(\w+)</b>", render_markup(largest_report, {}))
    assert [symbol for symbol in found if symbol in wanted] == wanted
    assert len(wanted) == 35


def test_two_allocators_stand_side_by_side_and_more_show_their_range(make_report, make_section, failed_account):
    hrp, equal = make_section("hrp", names=2), make_section("equal_weight", names=2)
    pair = [
        replace(s, weights=replace(s.weights, weights={"AAPL": w, "MSFT": 0.1})) for s, w in ((hrp, 0.3), (equal, 0.05))
    ]
    assert "AAPL 30.0 5.0 " in letter(make_report(*pair))
    only = replace(pair[0], name="sac", weights=replace(pair[0].weights, weights={"NVDA": 0.123, "MSFT": 0.1}))
    three = letter(make_report(*pair, only))
    assert f"AAPL 0{EN_DASH}30.0 " in three
    assert f"NVDA 0{EN_DASH}12.3 " in three
    assert "MSFT 10.0 " in three
    assert f"AAPL 5.0{EN_DASH}30.0 " in letter(make_report(*pair, failed_account)), "who failed gave no zero"


def test_the_headline_that_moved_the_score_has_its_publisher_its_day_and_its_own_score(one, make_known):
    report = one(make_known(headline="A  new\nproduct", headline_at=datetime(2025, 12, 29, 2, tzinfo=UTC)))
    assert "“A new product” Daily Ledger, 28 Dec, +0.81" in letter(report), "the evening before, in New York"
    assert "- AAPL: “A new product” Daily Ledger, 28 Dec, +0.81" in twin(report)


def test_a_score_of_few_articles_is_told_to_be_hardly_a_signal_and_has_no_colour(one, make_known):
    few = make_known(articles=2, insufficient_news=True)
    assert evidence_rows.tone(few) == "flat"
    assert evidence_rows.tone(make_known()) == "up"
    assert evidence_rows.tone(make_known(sentiment=-0.42)) == "down"
    assert "2 articles, hardly a signal" in letter(one(few))
    assert "few articles" in twin(one(few))


def test_a_score_of_a_week_with_holes_says_how_many_days_are_missing(one, make_known):
    report = one(make_known(days_missing=3))
    assert "14 articles; 3 of 7 days not fetched" in letter(report)
    assert "3 of 7 days not fetched" in twin(report)


@pytest.mark.parametrize(
    ("failed", "days_missing", "why"),
    [(False, 0, "no articles"), (False, 7, "not fetched"), (True, 0, "not scored"), (False, 3, "no articles")],
)
def test_no_score_is_never_a_neutral_number_and_says_why_in_two_words(one, nameless_news, failed, days_missing, why):
    report = one(replace(nameless_news("AAPL", days_missing), scoring_failed=failed))
    short = {"no articles": "none"}.get(why, why)
    assert f"AAPL 20.0 {short} 25.3 1.41 30 Oct" in letter(report)
    (line,) = [line for line in twin(report).splitlines() if line.startswith("AAPL ")]
    assert line.split()[2] == "n/a"
    assert why in line
    assert "0.00" not in letter(report) + line
    assert ("days not fetched" in letter(report)) == (days_missing == 3), "and none is told twice"
    assert "None" not in letter(report) + twin(report)


@pytest.mark.parametrize(
    ("reason", "words"),
    [
        ("", "no filing"),
        ("no public filing is known", "no filing"),
        ("the directory holds no filing that was public then", "no filing"),
        ("this market has no filings", "not fetched"),
        ("www.sec.gov: answers 503", "not fetched"),
    ],
)
def test_a_name_whose_filings_were_not_fetched_is_not_said_to_have_filed_nothing(one, without_filing, reason, words):
    report = one(without_filing("AAPL", reason))
    assert f"AAPL 20.0 +0.42 n/a n/a {words}" in letter(report)
    assert re.search(rf"^AAPL .* {words} ", twin(report), re.MULTILINE)
    assert "None" not in letter(report) + twin(report)


def test_words_in_a_narrow_column_do_not_break_in_two(one, without_filing, nameless_news):
    missing = replace(without_filing("AAPL", "answers 503"), sentiment=None, days_missing=7)
    page = render_markup(one(missing), {}).replace("&nbsp;", "\N{NO-BREAK SPACE}")
    assert page.count(">not\N{NO-BREAK SPACE}fetched<") == 2
    assert ">not fetched<" not in page
    assert ">none</td>" in render_markup(one(nameless_news("AAPL")), {})


def test_the_text_tells_a_reason_that_many_names_share_once(one, make_known, without_filing):
    long = "no contact for the SEC: set LEARNFINANCE_CONTACT to your e-mail address"
    names = (
        *(without_filing(f"N{number:02}", long) for number in range(15)),
        without_filing("OLD", "no public filing is known"),
        make_known("OTT", screen="unknown", screen_reason="total_debt of 2025-09-30 is missing"),
    )
    text = " ".join(twin(one(names[0], names=names)).split())
    assert text.count(long) == 1
    assert f"WHY A FILING OR A VERDICT IS MISSING - 15 names: {long} - OLD: no public filing is known" in text
    assert "- OTT: total debt of 30 Sep 2025 was not reported" in text


def test_it_is_told_whose_weights_know_nothing_of_the_news_and_the_books(make_report, make_section, make_evidence):
    accounts = [make_section(name, orders=0) for name in ("hrp", "equal_weight", "sac")]

    def both_say(words, readers):
        report = make_report(*accounts, evidence=make_evidence(readers=readers))
        assert words in letter(report)
        assert words in " ".join(twin(report).split())

    both_say("No allocator reads this: it shows what they did not know.", ())
    both_say("hrp and equal_weight read none of this: it shows what they did not know.", ("sac",))
    both_say("hrp reads none of this: it shows what it did not know.", ("sac", "equal_weight"))
    everyone = make_report(*accounts, evidence=make_evidence(readers=("hrp", "equal_weight", "sac")))
    assert "it shows what" not in letter(everyone) + " ".join(twin(everyone).split())


def test_a_name_that_is_weighed_and_was_never_asked_about_is_not_shown_as_quiet(
    make_report, make_section, make_known, make_evidence
):
    evidence = replace(make_evidence(), names=(make_known("NOBODY"),))
    report = make_report(make_section(names=1), evidence=evidence)
    assert "AAPL 97.0 not looked up" in letter(report)
    assert re.search(r"^AAPL .* not looked up$", twin(report), re.MULTILINE)


def test_a_week_without_any_evidence_says_that_nothing_is_known(make_report, make_evidence):
    evidence = make_evidence(
        names=(), disagreements=(), passed=0, failed=0, unknown=0, failures=("the source is down",)
    )
    report = make_report(evidence=evidence)
    assert "Nothing is known of any name's news and filings this week." in letter(report)
    assert "The house's own ratio screen was not run." in letter(report)
    assert "News or filings are missing: the source is down" in Tags(render_markup(report, {})).text
    assert "- The house's own ratio screen was not run." in twin(report)


def test_an_old_filing_shows_its_year(one, make_known):
    assert "1.41 Jun 2024" in letter(one(make_known(filed_on=date(2024, 6, 28))))
    assert "1.41 14 Mar" in letter(one(make_known(filed_on=date(2025, 3, 14))))


def test_the_text_tells_of_names_that_nobody_wants_after_those_that_are_wanted(
    make_report, make_section, make_evidence
):
    report = make_report(make_section(names=3), evidence=make_evidence())
    symbols = re.findall(rf"^([A-Z]+) +[\d{EN_DASH}]", twin(report), re.MULTILINE)
    assert len(symbols) == 35
    assert set(symbols[:3]) == {"AAPL", "MSFT", "NVDA"}
    assert symbols[3:] == sorted(symbols[3:])
    assert "ADBE" not in letter(report)


def test_the_text_gives_whole_headlines(one, make_known):
    long = " ".join(f"word{n}" for n in range(60))
    report = one(make_known(headline=long))
    assert long in " ".join(twin(report).split())
    assert long not in letter(report)


@pytest.mark.parametrize("words", HOSTILE)
def test_markup_in_foreign_words_is_shown_and_never_obeyed(one, make_known, words):
    tame = one(make_known(screen="fail", screen_reason="x"), disagreements=(("AAPL", "x"),), failures=("x",), model="x")
    wild = one(
        make_known(headline=words, publisher=words, screen="fail", screen_reason=words),
        disagreements=(("AAPL", words),),
        failures=(words,),
        model=words,
    )
    quiet, loud = Tags(render_html(tame)), Tags(render_html(wild))
    assert loud.tags == quiet.tags
    assert words in loud.text
    assert words in " ".join(render_text(wild).split())


@given(words=st.text(max_size=80))
@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_no_headline_changes_the_page_or_the_lines_around_it(one, make_known, tame_tags, words):
    wild = one(make_known(headline=words, publisher=words))
    assert Tags(render_markup(wild, {})).tags == tame_tags
    assert all(line.isprintable() for line in render_text(wild).split("\n"))


def test_addresses_in_a_headline_are_left_out_so_that_no_mail_program_makes_links_of_them(one, make_known):
    report = one(make_known(headline="Sign in at HTTPS://evil.example/a?b=c or www.evil.example to keep your account"))
    assert "“Sign in at [address] or [address] to keep your account”" in letter(report)
    assert "evil" not in (render_html(report) + render_text(report)).lower()


def test_sixty_names_with_long_headlines_are_not_clipped_and_the_text_lists_them_all(largest_report, make_known):
    symbols = [f"N{number:02}" for number in range(60)]
    long = {"headline": "Exceedingly many words & “quotes” " * 20, "publisher": "The Paper of Long Names " * 5}
    accounts = tuple(
        replace(section, weights=replace(section.weights, weights=dict.fromkeys(symbols, 0.016)))
        for section in largest_report.accounts
    )
    names = tuple(make_known(symbol, **long) for symbol in symbols)
    report = replace(largest_report, accounts=accounts, evidence=replace(largest_report.evidence, names=names))
    page = render_markup(report, {})
    assert len(page.encode()) < html.MOST_BYTES
    assert page.count("14 articles") >= 20
    assert "more names: the plain-text version of this report lists them all" in page
    assert twin(report).count("“Exceedingly") == 60


def test_where_the_screen_and_the_funds_disagree_the_ratio_is_named(make_report):
    report = make_report()
    for words in (
        "Limits of FTSE/Yasaar: debt, and cash with interest-bearing securities, below a third of total assets each;",
        "receivables and cash below half.",
        "Of 28 names 22 pass, 2 fail, 4 could not be judged.",
        "The funds decide who may be held; the screen only tells.",
    ):
        assert words in letter(report)
        assert words in " ".join(twin(report).split())
    assert "NVDA weighed debt 41.2 % of total assets" in letter(report)
    assert "- NVDA (weighed): debt 41.2 %" in twin(report)


def test_no_column_name_leaks_from_the_screens_reasons(make_report):
    report = make_report()
    words = "cash and interest-bearing 35.0 % of total assets, limit 33.3 %; net receivables of 30 Sep 2025"
    for text in (letter(report), " ".join(twin(report).split())):
        assert words in text
        assert "net_receivables" not in text
    assert (
        halal_rows.told("receivables and cash 55.2 % of total assets") == "receivables and cash 55.2 % of total assets"
    )
    assert halal_rows.told("total_assets of 2025-09-30 is zero") == "total assets of 30 Sep 2025 is zero"
    assert halal_rows.told("set SOME_KEY of 2025-99-30 is missing") == "set SOME_KEY of 2025-99-30 is missing"
    assert halal_rows.told("x of 2025-99-30 is missing") == "x of 2025-99-30 is missing", "no date"


def test_names_that_are_weighed_come_first_then_those_that_are_held(make_report, make_section, make_evidence):
    odd = tuple((symbol, "debt") for symbol in ("AAA", "BBB", "MSFT", "AAPL"))
    section = make_section(names=2, orders=0)
    section = replace(section, weights=replace(section.weights, weights={"AAPL": 0.2}, excluded={}))
    report = make_report(section, evidence=make_evidence(disagreements=odd))
    found = [(row.symbol, row.mark) for row in halal_rows.differing(report)]
    assert found == [("AAPL", "weighed"), ("MSFT", "held"), ("AAA", ""), ("BBB", "")]
    page = render_markup(report, {})
    assert "AAPL weighed debt MSFT held debt AAA debt BBB debt" in letter(report)
    assert ">AAA</td>" in page
    assert ">MSFT</b>" in page


def test_the_letter_shows_twelve_disagreements_and_the_text_all(make_report, make_evidence):
    odd = tuple((f"Z{number:02}", "debt 50.0 %") for number in range(26))
    report = make_report(evidence=make_evidence(disagreements=odd))
    assert letter(report).count("debt 50.0 %") == 12
    assert "and 14 more: the plain-text version of this report lists them all." in letter(report)
    assert twin(report).count("debt 50.0 %") == 26


def test_a_screen_by_market_value_has_other_limits(make_report, make_evidence):
    report = make_report(evidence=make_evidence(basis="market_value"))
    limits = "below 30 % of market value each; receivables below 49 %."
    assert limits in letter(report)
    assert limits in " ".join(twin(report).split())
    assert "third" not in letter(report)


def test_a_screen_that_agrees_says_so_and_one_name_is_one_name(make_report, make_evidence):
    agreed = make_report(evidence=make_evidence(disagreements=(), failed=0, unknown=0))
    assert "Of 22 names 22 pass, 0 fail." in letter(agreed)
    assert "could not be judged" not in letter(agreed)
    single = make_report(evidence=make_evidence(passed=1, failed=1, unknown=1))
    assert "Of 3 names 1 passes, 1 fails, 1 could not be judged." in letter(single)


def test_a_screen_that_could_judge_nobody_says_so_and_why(make_report, make_known, make_evidence, without_filing):
    nobody = {"passed": 0, "failed": 0, "unknown": 37, "disagreements": ()}

    def said(*names):
        report = make_report(evidence=replace(make_evidence(), names=names, **nobody))
        assert "Of 37 names" not in letter(report)
        return letter(report)

    none = "The screen could judge none of 37 names: "
    assert f"{none}no filing of theirs is known." in said(without_filing("AAPL"), without_filing("MSFT"))
    splits = {"screen": "unknown", "screen_reason": "no market value is known"}
    assert f"{none}no market value is known." in said(make_known("AAPL", **splits), make_known("MSFT", **splits))
    other = make_known("MSFT", screen="unknown", screen_reason="total_debt of 2025-09-30 is missing")
    assert f"{none}each lacks a number that a ratio needs." in said(make_known("AAPL", **splits), other)


def test_the_reader_is_warned_when_much_of_the_news_was_not_fetched(make_report, make_evidence):
    why = "no credentials for Alpaca: set ALPACA_API_KEY and ALPACA_API_SECRET (7 of 7 days of 37 names)"
    report = make_report(evidence=make_evidence(not_fetched_share=0.452, news_failures=(why, why), failures=(why,)))
    warning = (
        "News of 45 % of all names and days was not fetched: no news there does not mean nothing happened."
        f" No{why[2:]}."
    )
    text = Tags(render_markup(report, {})).text
    assert text.index("Read with care") < text.index(warning) < text.index("At a glance")
    assert warning in " ".join(render_text(report).split())
    assert text.count("credentials for Alpaca") == 1, "a fact is told once"


def test_how_much_news_may_be_missing_follows_the_setting(make_evidence):
    assert make_evidence(not_fetched_share=0.2).caveats == ()
    assert make_evidence(not_fetched_share=0.2, most_not_fetched=0.1).caveats
    assert make_evidence(not_fetched_share=0.4, most_not_fetched=0.5).caveats == ()


def test_a_failure_is_told_once_and_only_explained_where_it_does_not_explain_itself(make_evidence):
    found = make_evidence(news_failures=("a.example: answers 503",), failures=("filings of 2 of 9 names: x", "x", "x"))
    assert found.caveats == (
        "News or filings are missing: a.example: answers 503",
        "Filings of 2 of 9 names: x",
        "News or filings are missing: x",
    )


@pytest.mark.parametrize(
    ("source", "model", "told"),
    [
        ("practice news", "lexicon@1.0", "practice news, read by lexicon 1.0"),
        ("market", "vader@3.3.2", "practice market (seed 7), read by vader 3.3.2 (a word list)"),
        ("alpaca", "ProsusAI/finbert@4556d1/int8", "alpaca, read by ProsusAI/finbert 4556d1/int8 (a language model)"),
        ("", "", "none, read by nobody"),
    ],
)
def test_sources_and_model_are_told_where_the_numbers_come_from(make_report, make_evidence, source, model, told):
    report = make_report(evidence=make_evidence(news_source=source, model=model, filings_source="alpha_vantage, sec"))
    assert f"News {told} Filings alpha vantage, sec" in Tags(render_markup(report, {})).text
    assert f"- News: {told}\n- Filings: alpha vantage, sec" in render_text(report)


def test_a_market_that_nobody_named_is_told_by_its_folder(make_report):
    market = replace(make_report().market, name="market directory market", is_practice=False)
    report = make_report(market=market)
    assert render_text(report).startswith("Market: your folder “market”\n")
    assert "- Market: your folder “market”, 2010-01-04 to" in render_text(report)
    assert "market directory" not in render_markup(report, {})


def test_a_report_comes_back_from_storage_as_it_was(make_report, failed_account):
    report = make_report(failed_account)
    assert from_json(WeeklyReport, to_json(report)) == report


def test_a_score_that_is_no_number_cannot_be_stored(one, make_known):
    with pytest.raises(DataError, match=r"evidence\.names\.0\.sentiment"):
        to_json(one(make_known(sentiment=float("nan"))))


@pytest.mark.parametrize("value", [0.0, -0.004, 1.414, -99.9, 213.4, -45_120.0, 1.5e9, -1e300])
def test_no_ratio_is_too_wide_for_a_phone(value):
    assert len(formats.ratio(value)) <= 7
    assert len(formats.margin(value)) <= 7


def test_a_small_ratio_keeps_its_decimals_and_zero_has_no_sign():
    assert formats.ratio(-1.414) == f"{MINUS}1.41"
    assert formats.ratio(213.4) == "213"
    assert formats.margin(0.2534) == "25.3"
    assert formats.score(-0.001) == "0.00"
    assert formats.score(0.42) == "+0.42"
    assert formats.score(float("nan")) == formats.margin(None) == "n/a"
