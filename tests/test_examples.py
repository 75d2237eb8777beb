"""The examples, run as a newcomer runs them."""

import os
import re
import subprocess
import sys
from pathlib import Path

EXAMPLES = Path(__file__).parents[1] / "examples"


def seconds_of_children() -> float:
    """The CPU time of the processes started so far: what else the machine does is not counted."""
    spent = os.times()
    return spent.children_user + spent.children_system


def test_the_quickstart_shows_that_bagging_helps_in_under_a_minute():
    start = seconds_of_children()
    done = subprocess.run(
        [sys.executable, str(EXAMPLES / "quickstart.py")],
        capture_output=True,
        text=True,
        check=True,
        cwd=EXAMPLES.parent,
        env={"PYTHONPATH": str(EXAMPLES.parent), "PATH": ""},
    )
    assert seconds_of_children() - start < 60
    gains = [float(gain) for gain in re.findall(r"The bag does ([+-]\d\.\d+) better", done.stdout)]
    assert len(gains) == 3
    assert min(gains) > 0
    foreseen = re.findall(r"foresaw (\d\.\d+);\s+it got (\d\.\d+)", done.stdout)
    assert all(abs(float(out_of_bag) - float(held_out)) < 0.03 for out_of_bag, held_out in foreseen)
    assert len(foreseen) == 3


def test_the_readme_s_code_runs_on_what_the_plain_install_brings():
    """No pandas, polars, matplotlib or dask: those are extras."""
    code = """
import doctest, sys
class Absent:
    def find_spec(self, name, path=None, target=None):
        if name in ("pandas", "polars", "matplotlib", "dask", "distributed", "pyarrow", "lightgbm"):
            raise ModuleNotFoundError(name=name)
sys.meta_path.insert(0, Absent())
print(doctest.testfile("README.md", False, optionflags=doctest.NORMALIZE_WHITESPACE))
"""
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", code],
        capture_output=True,
        text=True,
        check=True,
        cwd=EXAMPLES.parent,
        env={"PYTHONPATH": str(EXAMPLES.parent), "PATH": ""},
    )
    assert re.search(r"failed=0, attempted=\d\d", done.stdout), done.stdout
