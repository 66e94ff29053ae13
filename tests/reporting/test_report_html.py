import re
from dataclasses import replace
from decimal import Decimal
from html.parser import HTMLParser

import pytest

from learnfinance_dagster.reporting import html, plots, wording
from learnfinance_dagster.reporting.fates import fates, tally
from learnfinance_dagster.reporting.html import render_html, render_markup
from learnfinance_dagster.reporting.weights import weight_table
from learnfinance_dagster.values import Fill, Mode, NotSent, OrderStatus, Side

HOSTILE = '<script>alert("x")</script>'


class Reader(HTMLParser):
    """Sees what a reader sees: words in the body, and every tag with its attributes."""

    def __init__(self, page):
        super().__init__()
        self.words, self.tags, self._hidden = [], [], 0
        self.feed(page)

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))
        self._hidden += tag in {"head", "style", "title"}

    def handle_endtag(self, tag):
        self._hidden -= tag in {"head", "style", "title"}

    def handle_data(self, data):
        if data.strip() and not self._hidden:
            self.words.append(" ".join(data.split()))

    @property
    def text(self):
        return " ".join(self.words)


def test_the_first_visible_line_of_a_practice_report_says_that_it_is_invented(make_report):
    assert Reader(render_html(make_report())).words[0] == "Practice market: invented prices, nothing here happened"


def test_the_first_visible_line_of_a_real_report_names_the_market(make_report):
    report = make_report()
    real = replace(report, market=replace(report.market, name="US equities, Yahoo", is_practice=False))
    page = Reader(render_html(real))
    assert page.words[0] == "Market: US equities, Yahoo"
    assert "invented" not in page.text


def test_the_sections_come_in_the_order_in_which_they_are_read(make_report, failed_account, make_section):
    text = Reader(render_html(make_report(make_section(), failed_account))).text
    marks = (
        "Week of 29 Dec 2025",
        "something missing",
        "Read with care",
        "At a glance",
        "Since the start",
        "What each allocator wants",
        "What the news and the books say",
        "Halal screen",
        "What the forecasters expect",
        "How good such guesses were",
        "hrp: orders and their fate",
        "Who could be held",
        "Where this comes from",
        "Paper trading only. Not financial advice.",
        "Run ID: paper:2025-12-29",
    )
    place = 0
    for mark in marks:
        place = text.find(mark, place)
        assert place >= 0, mark


def test_the_week_is_told_in_both_cities_and_from_open_to_open(make_report):
    text = Reader(render_html(make_report())).text
    assert "Mon 29 Dec 2025, 18:00 in India (IST), 07:30 in New York" in text
    assert "from the open of Mon 29 Dec 2025 to the open of Mon 5 Jan 2026" in text


def test_every_account_shows_its_numbers(make_report):
    report = make_report()
    text = Reader(render_html(report)).text
    for section in report.accounts:
        assert wording.signed_percent(section.week_return).replace("\xa0", " ") in text
        assert wording.percent(section.drawdown(report.initial_cash)).replace("\xa0", " ") in text
        assert wording.usd(section.nav) in text
        assert wording.orders_line(tally(fates(section))) in text


def test_returns_and_drawdown_follow_from_the_marks(make_section):
    section = make_section(weeks=3)
    navs = (Decimal(90_000), Decimal(99_000), Decimal(98_010))
    section = replace(
        section, marks=tuple(replace(mark, nav=nav) for mark, nav in zip(section.marks, navs, strict=True))
    )
    assert section.week_return == pytest.approx(-0.01)
    assert section.total_return(Decimal(100_000)) == pytest.approx(-0.0199)
    assert section.drawdown(Decimal(100_000)) == pytest.approx(0.10)


def test_a_return_over_two_years_is_never_called_a_week(make_report, make_section):
    """Somebody who trades single Mondays years apart read of the `better week: +61.68 %`."""
    section = make_section(weeks=3)
    first, _, last = section.marks
    section = replace(section, marks=(replace(first, nav=Decimal(50_000)), replace(last, nav=Decimal(100_000))))
    assert section.week_return is None
    assert section.since_last_mark == pytest.approx(1.0)
    text = Reader(render_html(make_report(section))).text
    assert "+100.00 % since the mark of" in text.replace("\xa0", " ")
    assert "the better week" not in text


def test_an_account_in_its_first_week_has_no_return_and_no_curve(make_report, make_section):
    page = Reader(render_html(make_report(make_section(weeks=1))))
    assert make_section(weeks=1).week_return is None
    assert "n/a" in page.text
    assert "None" not in page.text
    assert wording.NO_CURVE in page.text
    assert not [attributes for tag, attributes in page.tags if tag == "img"]


def test_an_account_without_any_mark_is_worth_what_the_decision_saw(make_report, make_section):
    section = make_section(weeks=0)
    text = Reader(render_html(make_report(section))).text
    assert wording.usd(section.portfolio.nav) in text
    assert "at the decision's prices" in text
    assert "None" not in text


def test_a_failed_allocator_is_named_with_its_reason_before_the_scoreboard(make_report, make_section, failed_account):
    text = Reader(render_html(make_report(make_section(), failed_account))).text
    reason = "the LSTM forecaster gave no forecast: 3 of 41 names have features"
    assert f"ppo_lstm : {reason}" in text
    assert text.index(reason) < text.index("At a glance")
    assert "n/a" in text[text.index("What each allocator wants") : text.index("orders and their fate")]


def test_a_closed_week_says_that_nothing_is_ordered(closed_report):
    text = Reader(render_html(closed_report)).text
    assert "NYSE is closed all week: nothing is ordered" in text
    assert "no orders" in text
    assert "had the" not in text


def test_orders_show_their_fate_and_why(make_report, make_section):
    text = Reader(render_html(make_report(make_section()))).text
    assert "Buys rejected : insufficient buying power QCOM 52 459.23 468.41 \N{EN DASH} \N{EN DASH}" in text
    assert "Sells expired : the price never came within the limit CSCO 13" in text
    assert "Not sent , change below the dead band of 1 %: TXN (sell $120), LIN (buy $157), INTU (sell $194)" in text
    assert "Not weighed , 41 returns, 60 are needed: BRK.B" in text


def test_a_partial_fill_says_how_much_and_at_what_average(make_section):
    section = make_section(orders=1)
    order = section.plan.orders[0]
    week = section.marks[-1].session
    fills = tuple(
        Fill(order.client_order_id, order.symbol, order.side, Decimal(qty), Decimal(price), Decimal("0.10"), week)
        for qty, price in ((1, "10.00"), (3, "12.00"))
    )
    section = replace(section, fills=replace(section.fills, fills=fills))
    (fate,) = fates(section)
    assert (fate.filled, fate.price, fate.cost) == (Decimal(4), Decimal("11.5"), Decimal("0.20"))
    assert wording.shares(fate) == f"4 of {order.qty}"


def test_a_dry_run_plans_orders_and_sends_none(make_report, make_section):
    section = make_section(mode=Mode.DRY_RUN)
    nothing = replace(section.fills, orders=(), fills=())
    plan = replace(section.plan, mode_reason="trading is off")
    dry = replace(section, plan=plan, fills=nothing, submission=replace(section.submission, accepted=(), refused={}))
    assert {fate.status for fate in fates(dry)} == {OrderStatus.INTENDED}
    text = Reader(render_html(make_report(dry))).text
    assert "14 orders planned, not sent" in text
    assert "Dry run: trading is off" in text
    assert "14 orders sent" not in text


def test_orders_that_the_broker_holds_are_waiting_and_the_reader_is_told(make_report, make_section):
    section = make_section(orders=3)
    waiting = replace(section.fills, orders=(), fills=(), mark=None, pending="the session has not opened yet")
    text = Reader(render_html(make_report(replace(section, fills=waiting, marks=section.marks[:-1])))).text
    assert "3 orders sent: 3 waiting" in text
    assert text.index("the session has not opened yet") < text.index("At a glance")


def test_hostile_words_are_shown_and_never_obeyed(make_report, make_section):
    section = make_section(HOSTILE, orders=3)
    order = replace(section.plan.orders[0], symbol=HOSTILE)
    section = replace(
        section,
        summary=HOSTILE,
        weights=replace(section.weights, weights={HOSTILE: 0.5}, excluded={HOSTILE: HOSTILE}, failure=HOSTILE),
        plan=replace(
            section.plan, orders=(order,), not_sent=(NotSent(HOSTILE, Side.BUY, Decimal(1), HOSTILE),), skipped=HOSTILE
        ),
    )
    report = make_report(section, warnings=(HOSTILE,), provenance=((HOSTILE, HOSTILE),))
    report = replace(report, universe=replace(report.universe, funds=(HOSTILE,), excluded={HOSTILE: 1}))
    page = Reader(render_html(report))
    assert not [tag for tag, _ in page.tags if tag == "script"]
    assert HOSTILE in page.text


def test_nothing_is_fetched_and_nothing_runs(make_report):
    page = render_html(make_report())
    addresses = [
        value for _, attributes in Reader(page).tags for key, value in attributes.items() if key in {"src", "srcset"}
    ]
    assert len(addresses) == 2
    assert all(address.startswith("data:image/png;base64,") for address in addresses)
    assert not re.search(r"https?://|url\(|@import|<link|<script", page)


def test_the_same_report_gives_the_same_page(make_report):
    assert render_html(make_report()) == render_html(make_report())


def test_the_same_curves_give_the_same_picture_which_names_no_tool_and_no_time(make_report):
    first, second = html.picture(make_report()), html.picture(make_report())
    assert first == second
    assert first is not None
    assert first.startswith(b"\x89PNG")
    assert not any(chunk in first for chunk in (b"tEXt", b"iTXt", b"tIME", b"zTXt", b"atplotlib"))
    assert len(first) < 60_000


def test_the_fullest_report_is_not_clipped_and_hides_no_order(largest_report):
    page = render_markup(largest_report, {})
    assert len(page.encode()) < html.MOST_BYTES
    assert len(re.findall(r">AAPL<", page)) >= 6
    assert "more orders" not in page


def test_a_report_of_endless_reasons_is_cut_short_before_it_is_clipped(largest_report):
    def wordy(section):
        records = tuple(
            replace(record, status=OrderStatus.EXPIRED, reason=f"{number} {'because ' * 60}")
            for number, record in enumerate(section.fills.orders)
        )
        return replace(section, fills=replace(section.fills, orders=records))

    wide = replace(
        largest_report,
        accounts=tuple(map(wordy, largest_report.accounts)),
        warnings=tuple(f"{number} {'careful ' * 60}" for number in range(400)),
    )
    page = render_markup(wide, {})
    assert len(page.encode()) < html.MOST_BYTES
    assert "the plain-text version of this report lists them all" in page


def test_the_side_by_side_table_ends_with_the_rest_and_cash(make_report, make_section):
    table = weight_table(make_report(make_section(names=35), make_section("equal_weight", names=35, seed=2)).accounts)
    tops = [sum(row.weights) for row in table.rows]
    assert tops == sorted(tops, reverse=True)
    assert (len(table.rows), table.more, table.rest.symbol) == (20, 15, "and 15 more")
    for column in range(2):
        total = sum(row.weights[column] for row in (*table.rows, table.rest, table.cash))
        assert total == pytest.approx(1.0)


def test_names_at_the_curves_ends_never_overlap_and_stay_in_the_picture():
    assert plots.spread([0.1, 0.5, 0.9], 0.1) == pytest.approx([0.1, 0.5, 0.9])
    assert plots.spread([0.5, 0.5], 0.1) == pytest.approx([0.45, 0.55])
    crowded = plots.spread([0.98, 0.99, 1.0], 0.1)
    assert crowded == pytest.approx([0.8, 0.9, 1.0])


def test_the_page_reads_in_light_and_in_dark(make_report):
    page = render_html(make_report())
    assert '<meta name="color-scheme" content="light dark">' in page
    assert "prefers-color-scheme:dark" in page
    assert not re.search(r"color:\s*(#000|black)", page)
