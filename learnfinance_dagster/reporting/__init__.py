"""The weekly report: what it says (`content`), and the ways to say it (`html`, `text`, `eml`)."""
