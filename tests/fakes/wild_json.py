"""Anything that JSON can say, for property tests of parsers."""

from hypothesis import strategies as st

SCALARS = (
    st.none()
    | st.booleans()
    | st.integers(-(10**20), 10**20)
    | st.floats()
    | st.text(max_size=20)
    | st.sampled_from(
        [
            "\ud800", "a\x00b", "2024-05-06T10:00:00Z", "2024-05-06", "9999-12-31T23:59:59-14:00",
            "0001-01-01T00:00:00+14:00", "<b></b>", "&nbsp;", "javascript:alert(1)", 1715000000, 1e18, -1e18,
        ]
    )
)  # fmt: skip
ANYTHING = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=10), inner, max_size=3),
    max_leaves=8,
)


def disturbed(plain: dict, extra: dict | None = None):
    """Copies of an item in which some fields are gone, or hold anything."""
    gone = object()
    fields = {
        name: st.just(value) | ANYTHING | st.just(gone) | (extra or {}).get(name, st.nothing())
        for name, value in plain.items()
    }
    return st.fixed_dictionaries(fields).map(
        lambda item: {name: value for name, value in item.items() if value is not gone}
    )
