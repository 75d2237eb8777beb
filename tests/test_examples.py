"""The examples, run as a newcomer runs them."""

import re
import subprocess
import sys
import time
from pathlib import Path

EXAMPLES = Path(__file__).parents[1] / "examples"


def test_the_quickstart_shows_that_bagging_helps_in_under_a_minute():
    start = time.monotonic()
    done = subprocess.run(
        [sys.executable, str(EXAMPLES / "quickstart.py")],
        capture_output=True,
        text=True,
        check=True,
        cwd=EXAMPLES.parent,
        env={"PYTHONPATH": str(EXAMPLES.parent), "PATH": ""},
    )
    assert time.monotonic() - start < 60
    gains = [float(gain) for gain in re.findall(r"The bag does ([+-]\d\.\d+) better", done.stdout)]
    assert len(gains) == 3
    assert min(gains) > 0
    foreseen = re.findall(r"foresaw (\d\.\d+);\s+it got (\d\.\d+)", done.stdout)
    assert all(abs(float(out_of_bag) - float(held_out)) < 0.03 for out_of_bag, held_out in foreseen)
    assert len(foreseen) == 3
