"""Plain text in lines, bullets and columns; foreign words lose what could steer a terminal."""

from collections.abc import Iterable, Sequence
from textwrap import fill

from learnfinance_dagster.reporting.formats import plain

WIDTH = 78


def bullets(heading: str, items: Iterable[str]) -> str:
    """A heading in capitals and a line for each item; empty without items."""
    lines = [fill(plain(item), WIDTH, initial_indent="- ", subsequent_indent="  ") for item in items]
    return "\n".join([heading.upper(), *lines]) if lines else ""


def paragraphs(*sentences: str) -> str:
    """Each sentence on its own lines; empty ones are left out."""
    return "\n".join(fill(plain(sentence), WIDTH) for sentence in sentences if sentence)


def table(header: Sequence[str], rows: Iterable[Sequence[str]], left: set[int]) -> str:
    """Columns as wide as their widest cell; those in `left` are words, the others numbers."""
    grid = [tuple(plain(cell) for cell in row) for row in (header, *rows)]
    widths = [max(len(row[column]) for row in grid) for column in range(len(header))]

    def line(row: Sequence[str]) -> str:
        cells = (
            cell.ljust(width) if column in left else cell.rjust(width)
            for column, (cell, width) in enumerate(zip(row, widths, strict=True))
        )
        return "  ".join(cells).rstrip()

    first, *rest = grid
    return "\n".join([line(first), "-" * len(line(first)), *map(line, rest)])
