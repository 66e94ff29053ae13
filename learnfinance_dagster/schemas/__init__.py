"""One pandera model per kind of stored frame; each column's description is the data dictionary."""
