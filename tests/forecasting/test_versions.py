import hashlib
import shutil
import subprocess
import sys
from dataclasses import replace
from datetime import date, timedelta
from types import MappingProxyType

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from learnfinance_dagster.errors import DataError
from learnfinance_dagster.fingerprints import fingerprint, version_name
from learnfinance_dagster.forecasting.panel import OHLCV, Panel
from learnfinance_dagster.forecasting.versions import (
    PACKAGE,
    SHARED,
    code_hash,
    data_hash,
    newest_before,
    snapshot_name,
    year_end_before,
)
from resources.models.rules import checked_name

MONDAY = date(2025, 12, 29)
JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text()
    | st.dates(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)
PARTS = st.dictionaries(st.text(max_size=5), JSON, max_size=4)
DAYS = st.dates(date(2010, 1, 1), date(2039, 12, 31))


@given(parts=PARTS, data=st.data())
def test_the_order_of_keys_does_not_matter(parts, data):
    shuffled = {key: parts[key] for key in data.draw(st.permutations(sorted(parts)))}
    assert fingerprint(shuffled) == fingerprint(parts)
    assert fingerprint({"nested": [shuffled]}) == fingerprint({"nested": (MappingProxyType(parts),)})


@given(parts=PARTS, name=st.text(max_size=5), value=st.integers())
def test_another_value_is_another_fingerprint(parts, name, value):
    assert fingerprint(parts | {name: value}) != fingerprint(parts | {name: value + 1})


def test_a_fingerprint_is_the_hash_of_the_shortest_json_with_sorted_keys():
    parts = {
        "rate": 1e-3,
        "epochs": 50,
        "end": date(2019, 12, 31),
        "names": ("A", "B"),
        "none": None,
        "ratio": 0.1 + 0.2,
    }
    told = '{"end":"2019-12-31","epochs":50,"names":["A","B"],"none":null,"rate":0.001,"ratio":0.30000000000000004}'
    assert fingerprint(parts) == hashlib.sha256(told.encode()).hexdigest()


@pytest.mark.parametrize(
    "value", [float("nan"), float("inf"), {1: "one"}, [{2.0: 1}], {1, 2}, b"bytes", Ellipsis, np.float32(1)], ids=str
)
def test_what_cannot_be_written_down_exactly_is_refused(value):
    with pytest.raises(DataError, match="not to be hashed"):
        fingerprint({"value": value})


def panel(seed: int = 0) -> Panel:
    rng = np.random.default_rng(seed)
    sessions = np.arange("2024-01-01", "2024-01-11", dtype="datetime64[D]")
    values = rng.normal(size=(2, 10, 5)).astype(np.float32)
    return Panel(sessions, ("AAA", "BBB"), OHLCV, values, np.ones((2, 10), bool), np.zeros((2, 10), bool))


def test_equal_data_has_one_hash_however_it_lies_in_memory():
    original = panel()
    elsewhere = replace(original, values=np.asfortranarray(original.values))
    assert data_hash(elsewhere) == data_hash(panel())
    assert data_hash(replace(original, values=original.values[:, ::2])) == data_hash(
        replace(original, values=original.values[:, ::2].copy())
    )


def changed_panels() -> dict[str, Panel]:
    base = panel()
    value, traded, over = base.values.copy(), base.traded.copy(), base.over.copy()
    value[1, 3, 3] = np.nextafter(value[1, 3, 3], np.float32(9))
    traded[0, 4] = False
    over[1, 9] = True
    return {
        "one bit of one number": replace(base, values=value),
        "a halt": replace(base, traded=traded),
        "a delisting": replace(base, over=over),
        "another name": replace(base, symbols=("AAA", "BBC")),
        "names joined otherwise": replace(base, symbols=("AAAB", "BB")),
        "another channel": replace(base, channels=(*OHLCV[:4], "turnover")),
        "other days": replace(base, sessions=base.sessions + 1),
        "one session less": base.until(date(2024, 1, 9)),
        "another shape of the same bytes": replace(base, values=base.values.reshape(2, 5, 10)),
        "another precision": replace(base, values=base.values.astype(np.float64)),
    }


@pytest.mark.parametrize("name", changed_panels())
def test_no_change_of_the_data_goes_unseen(name):
    assert data_hash(changed_panels()[name]) != data_hash(panel())


WINDOWS = """'''Windows.'''

INPUT = 60
'''Sessions looked at.'''


class Windows:
    '''What was known.'''

    channels = ("open", "close")
    '''In that order.'''

    def __len__(self):
        '''How many.'''
        return len(self.anchor)  # one for each
"""


@pytest.fixture
def package(tmp_path):
    """A small package with what decides what a training gives."""
    files = {"forecasting/windows.py": WINDOWS, "returns.py": "RATE = 1.0\n", "calendar.py": "HOUR = 18\n"}
    files |= {"machine.py": "CORES = 1\n", "model_files.py": "WEIGHTS = 'weights'\n"}
    (tmp_path / "package" / "forecasting").mkdir(parents=True)
    for name, text in files.items():
        (tmp_path / "package" / name).write_text(text)
    return tmp_path / "package"


def edited(package, name, old, new):
    """A copy of the package with one file changed."""
    copy = package.with_name("edited")
    shutil.copytree(package, copy)
    text = (copy / name).read_text(encoding="utf-8")
    assert old in text
    (copy / name).write_text(text.replace(old, new), encoding="utf-8")
    return copy


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("INPUT = 60", "# sixty\n\nINPUT  =  60  # sessions"),
        ("'''Windows.'''", ""),
        ("Sessions looked at", "Days looked at"),
        ("What was known", "What one knew"),
        ("In that order", "In this order"),
        ("    '''How many.'''\n", ""),
    ],
    ids=["comment and spaces", "module", "constant", "class", "field", "method"],
)
def test_words_change_no_version(package, old, new):
    assert code_hash(edited(package, "forecasting/windows.py", old, new)) == code_hash(package)


@pytest.mark.parametrize(
    ("name", "old", "new"),
    [
        ("forecasting/windows.py", "60", "61"),
        ("forecasting/windows.py", "60", "60.0"),
        ("forecasting/windows.py", '"open", "close"', '"close", "open"'),
        ("forecasting/windows.py", "return len(self.anchor)", "return len(self.name)"),
        ("returns.py", "1.0", "1.5"),
        ("calendar.py", "HOUR", "HOURS"),
    ],
)
def test_a_changed_constant_or_name_changes_the_version(package, name, old, new):
    assert code_hash(edited(package, name, old, new)) != code_hash(package)


def test_a_new_or_renamed_module_changes_the_version(package):
    before = code_hash(package)
    added = package.with_name("added")
    shutil.copytree(package, added)
    (added / "forecasting" / "zeros.py").write_text("ZERO = 0\n")
    renamed = package.with_name("renamed")
    shutil.copytree(added, renamed)
    (renamed / "forecasting" / "zeros.py").rename(renamed / "forecasting" / "noughts.py")
    assert len({before, code_hash(added), code_hash(renamed)}) == 3


def test_in_this_project_code_counts_wherever_a_training_is_decided_and_comments_nowhere(tmp_path):
    copy = tmp_path / "copy"
    shutil.copytree(PACKAGE / "forecasting", copy / "forecasting", ignore=shutil.ignore_patterns("__pycache__"))
    for name in SHARED:
        shutil.copy(PACKAGE / name, copy / name)
    uncached = code_hash.__wrapped__
    seen = {uncached(copy)}
    for path in copy.rglob("*.py"):
        path.write_text(f"# a comment\n{path.read_text(encoding='utf-8')}", encoding="utf-8")
    assert {uncached(copy)} == seen
    decisive = ("forecasting/windows.py", "forecasting/training.py", *SHARED)
    for name in decisive:
        with (copy / name).open("a", encoding="utf-8") as module:
            module.write("\nADDED = 1\n")
        seen.add(uncached(copy))
    assert len(seen) == 1 + len(decisive)


def test_the_code_that_runs_is_the_code_that_is_hashed():
    assert code_hash() == code_hash(PACKAGE) == code_hash.__wrapped__(PACKAGE)


def test_d27_a_code_fix_or_other_data_is_another_version_and_the_same_inputs_are_the_same_one(package):
    def version(seed: int, code: str) -> str:
        configuration = {"hidden": 64, "layers": 2}
        return version_name(
            MONDAY, fingerprint({"config": configuration, "data": data_hash(panel(seed)), "code": code})
        )

    fixed = code_hash(edited(package, "forecasting/windows.py", "INPUT = 60", "INPUT = 61"))
    first = version(0, code_hash(package))
    assert first == version(0, code_hash(package)), "the same inputs are a cached result"
    assert len({first, version(1, code_hash(package)), version(0, fixed)}) == 3


def test_a_version_names_the_day_before_its_first_monday():
    assert version_name(MONDAY, "0123456789abcdef" * 4) == "v2025-12-28-0123456789ab"


@pytest.mark.parametrize(
    ("day", "digits"),
    [(date(2025, 12, 30), "0" * 64), (MONDAY, "0" * 11), (MONDAY, "G" * 64), (MONDAY, "0" * 12 + "\n")],
)
def test_a_version_needs_a_monday_and_a_fingerprint(day, digits):
    with pytest.raises(DataError, match="no version can be named"):
        version_name(day, digits)


@given(day=DAYS, parts=PARTS)
def test_names_are_safe_for_every_store_and_sort_by_day(day, parts):
    monday = day - timedelta(days=day.weekday())
    name = version_name(monday, fingerprint(parts))
    assert checked_name(name, "version") == name
    assert name < version_name(monday + timedelta(days=7), "0" * 12)
    snapshot = snapshot_name(year_end_before(day))
    assert checked_name(snapshot, "version") == snapshot
    assert snapshot < snapshot_name(date(day.year, 12, 31))


def test_snapshots_are_made_of_whole_years():
    assert snapshot_name(date(2019, 12, 31)) == "snapshot-2019-12-31"
    with pytest.raises(DataError, match="2019-12-30"):
        snapshot_name(date(2019, 12, 30))


SNAPSHOTS = [snapshot_name(date(year, 12, 31)) for year in (2019, 2016, 2018, 2017)]


@pytest.mark.parametrize(
    ("day", "year"),
    [
        (date(2018, 12, 24), 2017),
        (date(2018, 12, 31), 2017),
        (date(2019, 1, 7), 2018),
        (date(2019, 12, 30), 2018),
        (date(2020, 1, 6), 2019),
        (date(2025, 6, 2), 2019),
        (date(2016, 12, 26), None),
    ],
    ids=str,
)
def test_a_week_takes_the_newest_snapshot_strictly_before_its_day_also_where_december_ends(day, year):
    assert newest_before(SNAPSHOTS, day) == (year and f"snapshot-{year}-12-31")


def test_versions_that_are_no_snapshots_are_passed_over():
    others = [
        "v2019-12-30-0123456789ab",
        "snapshot-2019-06-30",
        "snapshot-latest",
        "snapshot-2019-12-31-b",
        "2019-12-31",
    ]
    assert newest_before(others, MONDAY) is None
    assert newest_before([*others, *SNAPSHOTS], MONDAY) == "snapshot-2019-12-31"
    assert newest_before([], MONDAY) is None


@given(day=DAYS)
def test_no_snapshot_ever_knows_its_week(day):
    every = [snapshot_name(date(year, 12, 31)) for year in range(2009, 2041)]
    assert newest_before(every, day) == snapshot_name(year_end_before(day))
    assert year_end_before(day) < day <= date(year_end_before(day).year + 1, 12, 31)


def test_naming_versions_needs_no_torch():
    probe = "import sys, learnfinance_dagster.forecasting.versions; print('torch' in sys.modules)"
    asked = subprocess.run([sys.executable, "-c", probe], capture_output=True, text=True, check=True)
    assert asked.stdout.strip() == "False"
