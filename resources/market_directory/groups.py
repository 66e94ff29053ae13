"""Rows of one name stand together, so that a question about a name is a slice."""

import numpy as np
import numpy.typing as npt
import pandas as pd


def rows_by_name(symbols: pd.Series, *keys: npt.NDArray) -> tuple[npt.NDArray[np.int64], dict[str, slice]]:
    """Sort rows by name and then by keys.

    Args:
        symbols: name of each row; rows without one are left out.
        keys: the least important first, as `numpy.lexsort` takes them.

    Returns:
        Row numbers in their new order (equal rows keep theirs), and where in it each name's rows stand.
    """
    code, names = pd.factorize(symbols)
    order = np.lexsort((*keys, code))
    order = order[code[order] >= 0]
    edges = np.searchsorted(code[order], np.arange(len(names) + 1))
    starts_and_stops = zip(edges[:-1].tolist(), edges[1:].tolist(), strict=True)
    return order, {str(name): slice(*edge) for name, edge in zip(names, starts_and_stops, strict=True)}
