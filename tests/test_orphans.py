"""Workers end with the process that they work for, however it ends."""

import contextlib
import multiprocessing
import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from ensembles.members.watching import under_watch

pytestmark = pytest.mark.skipif(os.name != "posix", reason="processes are told apart otherwise")

SLOW = """
import os, sys, time
from pathlib import Path
import numpy as np
from sklearn.base import BaseEstimator, RegressorMixin

class Slow(RegressorMixin, BaseEstimator):
    "Says in which process it is fitted, and takes its time: in C, which lets other threads run."
    def fit(self, X, y):
        Path(sys.argv[1], str(os.getpid())).touch()
        until = time.monotonic() + 60
        while time.monotonic() < until:
            np.sort(np.random.default_rng(0).normal(size=100_000))
        return self

    def predict(self, X):
        return np.zeros(len(X))

X = np.zeros((200_000, 2)); y = np.zeros(200_000)
"""
WORK = {
    "cross_validate": """
from ensembles import cross_validate
cross_validate(Slow(), X, y, cv=4, n_jobs=2)
""",
    "bagging": """
from ensembles import Bagging
Bagging(Slow(), n_estimators=4, n_jobs=2).fit(X, y)
""",
}


def started(parent, folder):
    """Processes that fit, as soon as there are two."""
    while parent.poll() is None:
        found = [int(path.name) for path in folder.iterdir()]
        if len(found) == 2:
            return found
        time.sleep(0.05)
    raise AssertionError("the parent ended before two workers began")


def lives(pid):
    """Whether a process is there and more than a line in its parent's list."""
    with contextlib.suppress(OSError):
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    if Path("/proc/self/stat").exists():
        return False
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, 0)
        return True
    return False


@pytest.mark.parametrize(
    ("work", "how", "backend"),
    [
        ("cross_validate", signal.SIGKILL, "loky"),
        ("bagging", signal.SIGTERM, "loky"),
        ("cross_validate", signal.SIGKILL, "multiprocessing"),
    ],
)
def test_workers_of_a_killed_process_end_and_leave_no_files(work, how, backend, tmp_path):
    """They computed on, and waited for more, for minutes."""
    fitting, files = tmp_path / "fitting", tmp_path / "files"
    fitting.mkdir(), files.mkdir()
    program = (
        f"{SLOW}\nfrom joblib import parallel_config\nwith parallel_config({backend!r}):\n"
        + "".join(f"    {line}\n" for line in WORK[work].strip().splitlines())
    )
    script = tmp_path / "work.py"
    script.write_text(program)
    root = Path(__file__).parents[1]
    paths = {"PYTHONPATH": str(root), "JOBLIB_TEMP_FOLDER": str(files)}
    parent = subprocess.Popen([sys.executable, str(script), str(fitting)], env=os.environ | paths)
    workers = []
    try:
        workers = started(parent, fitting)
        assert parent.pid not in workers
        assert list(files.iterdir())
        parent.send_signal(how)
        parent.wait()
        until = time.monotonic() + 10
        while time.monotonic() < until and (any(map(lives, workers)) or any(files.iterdir())):
            time.sleep(0.05)
        assert not [pid for pid in workers if lives(pid)]
        assert not list(files.iterdir())
    finally:
        parent.kill()
        for pid in workers:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)


def _watched(pipe):
    """What runs in a process of the user's own: a piece of work that somebody else sent."""
    before = threading.active_count()
    under_watch(os.getppid(), list)
    pipe.send(threading.active_count() - before)


def test_processes_of_the_users_own_are_left_alone():
    """Dask's workers, say, which may outlive the one that gave them the work."""
    mine, theirs = multiprocessing.get_context("spawn").Pipe()
    process = multiprocessing.get_context("spawn").Process(target=_watched, args=(theirs,))
    process.start()
    assert mine.recv() == 0
    process.join()
    before = threading.active_count()
    under_watch(os.getppid(), list)
    assert threading.active_count() == before
