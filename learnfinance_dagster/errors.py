"""Errors, split by what the reader should do about them.

```
LearnFinanceError
├── TransientError        try again: the other side was busy or unreachable
│   └── SilentError       nobody answered, after every try: whoever has more to ask stops
├── DataError             fix the input: a file, a row, a value; names the place
│   └── LookAheadError    something from after the decision time reached the decision
├── RefusedError          the other side said no, and will say no again
└── ConfigurationError    a person must act: a setting, a credential, a missing back-fill
```

`orchestration/failures.py` is the one seam that translates them for Dagster.
"""


class LearnFinanceError(Exception):
    """Base of every error that this project raises on purpose."""


class TransientError(LearnFinanceError):
    """Trying again later may work."""


class SilentError(TransientError):
    """Nobody answered, after every try. Whoever has more to ask stops: each further silence costs a minute."""


class DataError(LearnFinanceError):
    """The input is wrong; the message names the file, the column and the row."""


class LookAheadError(DataError):
    """A value that became known after the decision reached it. Never to be caught and ignored."""


class RefusedError(LearnFinanceError):
    """The other side understood and declined; trying again changes nothing."""


class ConfigurationError(LearnFinanceError):
    """A person must act before this can work; the message says how."""
