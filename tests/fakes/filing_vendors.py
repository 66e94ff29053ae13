"""Documents as the SEC and Alpha Vantage write them, small enough to check by hand."""

from datetime import UTC, datetime

from vendor_server import Reply

AGENT = "A Tester a.tester@example.org"
KEY = "CANARY7KEY"
NOW = datetime(2025, 12, 29, 12, 30, tzinfo=UTC)
TICKERS = {
    "0": {"cik_str": 320193, "ticker": "AAPL", "title": "Apple Inc."},
    "1": {"cik_str": 1067983, "ticker": "BRK-B", "title": "Berkshire"},
    "2": {"cik_str": 1326801, "ticker": "META", "title": "Meta Platforms"},
    "3": {"cik_str": 937966, "ticker": "ASML", "title": "ASML"},
    "4": {"cik_str": 789019, "ticker": "MSFT", "title": "Microsoft"},
}
LIMIT = {"Information": "Our standard API rate limit is 25 requests per day. Please subscribe to a premium plan."}
SLOWER = {
    "Information": "Please consider spreading out your requests more sparingly (1 request per second; 25 per day)."
}


class Clock:
    """A clock that stands where it is put."""

    def __init__(self, now=NOW):
        self.now = now

    def __call__(self):
        return self.now


def filing(number, form, filed, facts, unit="USD"):
    """Facts of a filing: tag → (end, value) or (start, end, value), one or a list."""
    listed = {}
    for tag, given in facts.items():
        shares = "Shares" in tag
        for item in given if isinstance(given, list) else [given]:
            *start, end, value = item
            fact = {"end": end, "val": value, "accn": number, "fy": 2024, "fp": "Q1", "form": form, "filed": filed}
            key = ("dei" if tag.startswith("Entity") else "us-gaap", tag, "shares" if shares else unit)
            listed.setdefault(key, []).append({"start": start[0], **fact} if start else fact)
    return listed


def company(*filings):
    """An answer of `companyfacts` with these filings."""
    document = {"cik": 320193, "entityName": "A Company", "facts": {}}
    for each in filings:
        for (taxonomy, tag, unit), facts in each.items():
            concept = document["facts"].setdefault(taxonomy, {}).setdefault(tag, {"label": tag, "units": {}})
            concept["units"].setdefault(unit, []).extend(facts)
    return document


YEAR = ("2024-01-01", "2024-03-31", "2024-06-30", "2024-09-30", "2024-12-31")
FILED = ("2024-05-02", "2024-08-01", "2024-10-31", "2025-02-14")


def quarterly(n, revenue, number=None, filed=None, form="10-Q", **more):
    """The 10-Q of quarter n (1 to 3): the quarter, the year to date, and the balance sheet."""
    start = {1: YEAR[0], 2: "2024-04-01", 3: "2024-07-01"}[n]
    to_date = [(start, YEAR[n], revenue[n - 1]), (YEAR[0], YEAR[n], sum(revenue[:n]))]
    facts = {"Revenues": to_date if n > 1 else to_date[:1], "Assets": (YEAR[n], 1000 + n), **more}
    return filing(number or f"q{n}", form, filed or FILED[n - 1], facts)


def yearly(total, number="k", filed=FILED[3], form="10-K", **more):
    """The 10-K: the year, and its balance sheet."""
    return filing(number, form, filed, {"Revenues": (YEAR[0], YEAR[4], total), "Assets": (YEAR[4], 1004), **more})


def a_year():
    """Three 10-Qs and a 10-K with quarters of 10, 20, 30 and 40."""
    quarters = [quarterly(n, (10, 20, 30)) for n in (1, 2, 3)]
    return company(*quarters, yearly(100))


def serve_sec(vendor, documents):
    """Script the SEC: CIK → document or `Reply`."""
    vendor.answers("/files/company_tickers.json", Reply(TICKERS))
    for cik, document in documents.items():
        reply = document if isinstance(document, Reply) else Reply(document)
        vendor.answers(f"/api/xbrl/companyfacts/CIK{cik:010d}.json", reply)


def income(end="2025-09-30", **fields):
    amounts = {"totalRevenue": "1000", "grossProfit": "400", "operatingIncome": "300", "netIncome": "200"}
    return {"fiscalDateEnding": end, "reportedCurrency": "USD", **amounts, **fields}


def balance(end="2025-09-30", **fields):
    amounts = {"totalAssets": "5000", "totalCurrentAssets": "2000", "totalCurrentLiabilities": "1000"}
    return {"fiscalDateEnding": end, "reportedCurrency": "USD", **amounts, **fields}


def statement(symbol, function, *rows):
    """An answer of Alpha Vantage."""
    if function == "EARNINGS":
        return {"symbol": symbol, "annualEarnings": [], "quarterlyEarnings": list(rows)}
    return {"symbol": symbol, "annualReports": [], "quarterlyReports": list(rows)}


def usual(symbol, function, ends=("2025-09-30", "2025-06-30")):
    """What Alpha Vantage says of a name without peculiarities: public a month after its quarters."""
    rows = {"INCOME_STATEMENT": income, "BALANCE_SHEET": balance}
    if function in rows:
        return statement(symbol, function, *(rows[function](end) for end in ends))
    dates = {
        "2024-06-30": "2024-08-01",
        "2024-09-30": "2024-10-31",
        "2025-12-31": "2026-01-29",
        "2025-09-30": "2025-10-30",
        "2025-06-30": "2025-07-31",
    }
    return statement(
        symbol, function, *({"fiscalDateEnding": end, "reportedDate": dates[end]} for end in ends if end in dates)
    )


def serve_alpha_vantage(vendor, say=usual):
    """Script Alpha Vantage: `say(symbol, function)` gives an answer or a `Reply`."""

    def reply(request):
        given = say(request.query["symbol"], request.query["function"])
        return given if isinstance(given, Reply) else Reply(given)

    vendor.answers("/query", reply)
