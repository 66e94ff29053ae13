import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from resources.files import sweep, write_atomic

CHILD = """
import os, sys
from pathlib import Path
import resources.files as files
files.os.fsync = lambda _: os._exit(9)
files.write_atomic(Path(sys.argv[1]), b"new")
"""


def test_a_file_is_replaced_whole_in_folders_made_for_it(tmp_path):
    path = tmp_path / "a" / "b" / "file.json"
    for content in (b"old", b"new"):
        write_atomic(path, content)
        assert path.read_bytes() == content
    assert [found.name for found in path.parent.iterdir()] == ["file.json"]
    assert path.stat().st_mode & 0o777 == 0o644


@pytest.mark.parametrize("point", ["fsync", "replace"])
def test_a_writer_that_is_interrupted_leaves_the_old_file_and_nothing_else(tmp_path, monkeypatch, point):
    path = tmp_path / "file.json"
    write_atomic(path, b"old")

    def interrupted(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr(os if point == "fsync" else Path, point, interrupted)
    with pytest.raises(KeyboardInterrupt):
        write_atomic(path, b"new")
    monkeypatch.undo()

    assert path.read_bytes() == b"old"
    assert [found.name for found in tmp_path.iterdir()] == ["file.json"]


def test_a_writer_that_is_killed_leaves_the_old_file_and_a_trace_that_is_swept(tmp_path):
    path = tmp_path / "file.json"
    write_atomic(path, b"old")
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(filter(None, sys.path))}

    died = subprocess.run([sys.executable, "-c", CHILD, str(path)], env=environment, check=False)

    assert died.returncode == 9
    assert path.read_bytes() == b"old"
    assert len(list(tmp_path.iterdir())) == 2
    assert sweep(tmp_path, time.time() - 3600) == 0, "its writer may live"
    assert sweep(tmp_path, time.time() + 1) == 1
    assert [found.name for found in tmp_path.iterdir()] == ["file.json"]


def test_sweeping_leaves_everything_else_alone(tmp_path):
    for name in ("file.json", ".hidden", "notes.tmp"):
        (tmp_path / name).write_text("kept")
    assert sweep(tmp_path, time.time() + 1) == 0
    assert sweep(tmp_path / "nowhere", time.time() + 1) == 0
    assert len(list(tmp_path.iterdir())) == 3
