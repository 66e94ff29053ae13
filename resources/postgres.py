"""Whether a PostgreSQL server answers, in this project's words."""

from resources.ledger.database import engine_at
from resources.ledger.failures import translated


def check_answers(url: str) -> None:
    """Connect once and leave.

    Raises:
        ConfigurationError: the URL is of no use, or the server knows no such user or database.
        TransientError: nobody answers there now.
    """
    with translated("connect"), engine_at(url).connect():
        pass
