"""One file per revision, oldest first. A revision that has been released is never edited."""
