"""What the archive says to SQLite."""

VERSION = 2
TABLES = (
    """CREATE TABLE IF NOT EXISTS articles (
        source TEXT NOT NULL, article_id TEXT NOT NULL, symbol TEXT NOT NULL, day TEXT NOT NULL,
        published_at TEXT NOT NULL, headline TEXT NOT NULL, summary TEXT NOT NULL, publisher TEXT NOT NULL,
        url TEXT NOT NULL, raw TEXT NOT NULL, PRIMARY KEY (source, article_id, symbol, day))""",
    "CREATE INDEX IF NOT EXISTS articles_by_day ON articles (source, symbol, day)",
    """CREATE TABLE IF NOT EXISTS coverage (
        source TEXT NOT NULL, symbol TEXT NOT NULL, day TEXT NOT NULL, state TEXT NOT NULL, fetched_at TEXT NOT NULL,
        PRIMARY KEY (source, symbol, day)) WITHOUT ROWID""",
    """CREATE TABLE IF NOT EXISTS progress (
        source TEXT NOT NULL, batch TEXT NOT NULL, token TEXT NOT NULL, undated TEXT NOT NULL,
        PRIMARY KEY (source, batch))""",
    """CREATE TABLE IF NOT EXISTS skipped (
        source TEXT NOT NULL, batch TEXT NOT NULL, day TEXT NOT NULL, symbol TEXT NOT NULL, told TEXT NOT NULL,
        PRIMARY KEY (source, batch, day, symbol, told))""",
    f"PRAGMA user_version = {VERSION}",
)
COLUMNS = ("day", "symbol", "published_at", "headline", "summary", "publisher", "url", "article_id", "raw")
ADD_ARTICLE = """
    INSERT OR IGNORE INTO articles
        (source, day, symbol, published_at, headline, summary, publisher, url, article_id, raw)
    VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"""
COVER = """
    INSERT OR IGNORE INTO coverage (source, symbol, day, state, fetched_at)
    SELECT :source, :symbol, :day, CASE WHEN EXISTS (
        SELECT 1 FROM articles WHERE source = :source AND symbol = :symbol AND day = :day
    ) THEN :articles ELSE :nothing END, :now"""
ARTICLES = """
    SELECT day, symbol, published_at, headline, summary, publisher, url, article_id, raw FROM articles
    WHERE source = ? AND symbol IN (SELECT value FROM json_each(?)) AND day BETWEEN ? AND ? AND published_at <= ?
    ORDER BY symbol, published_at, article_id"""
COVERED = """
    SELECT day, symbol, state FROM coverage
    WHERE source = ? AND symbol IN (SELECT value FROM json_each(?)) AND day BETWEEN ? AND ?"""
SKIPPED = """
    SELECT DISTINCT day, told FROM skipped
    WHERE source = ? AND symbol IN (SELECT value FROM json_each(?)) AND day BETWEEN ? AND ?
    ORDER BY day, told"""
FORGET_SKIPPED = """
    DELETE FROM skipped WHERE source = ? AND batch <> ?
    AND day IN (SELECT value FROM json_each(?)) AND symbol IN (SELECT value FROM json_each(?))"""
