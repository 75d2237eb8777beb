"""Workers: the same bits whoever does the work, and no harm done when it is cut short."""

import multiprocessing
import os
import signal
import subprocess
import sys
import textwrap
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import joblib
import numpy as np
import psutil
import pytest
from sklearn.base import clone
from sklearn.datasets import make_classification
from sklearn.linear_model import LogisticRegression
from sklearn.tree import DecisionTreeClassifier, DecisionTreeRegressor
from threadpoolctl import threadpool_info

from ensembles import BaggingClassifier, BaggingRegressor
from ensembles.members import asking, running

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE))

from slow_learners import Slow, Threads  # noqa: E402

X, Y = make_classification(400, 12, n_informative=6, n_classes=3, random_state=0)


def everything(kind, base, **settings):
    """All numbers of a bag: predictions and out-of-bag predictions."""
    bag = kind(base, 30, random_state=0, oob_score=True, max_features=0.7, **settings).fit(X, Y)
    if kind is BaggingRegressor:
        return np.concatenate([bag.predict(X), bag.oob_prediction_, [bag.oob_score_]])
    return np.concatenate([bag.predict_proba(X).ravel(), bag.oob_decision_function_.ravel()])


BAGS = {
    "default": (BaggingClassifier, None),
    "default regression": (BaggingRegressor, None),
    "trees": (BaggingClassifier, DecisionTreeClassifier()),
    "regression trees": (BaggingRegressor, DecisionTreeRegressor()),
    "linear": (BaggingClassifier, LogisticRegression(max_iter=200)),
}


@pytest.fixture(scope="module")
def serial():
    return {name: everything(kind, base, n_jobs=1) for name, (kind, base) in BAGS.items()}


@pytest.mark.parametrize("n_jobs", [2, 5, -1])
@pytest.mark.parametrize("name", BAGS)
def test_the_same_bits_for_every_n_jobs(serial, name, n_jobs):
    np.testing.assert_array_equal(everything(*BAGS[name], n_jobs=n_jobs), serial[name])


@pytest.mark.parametrize("backend", ["loky", "threading", "multiprocessing"])
@pytest.mark.parametrize("name", BAGS)
def test_the_same_bits_for_every_backend(serial, name, backend):
    with joblib.parallel_config(backend, n_jobs=2):
        np.testing.assert_array_equal(everything(*BAGS[name]), serial[name])


@pytest.mark.parametrize("max_features", [0.7, 1.0])
@pytest.mark.parametrize("kind", [BaggingClassifier, BaggingRegressor])
def test_the_same_bits_from_read_only_maps(kind, max_features):
    """Processes are handed maps of what is larger than ``max_nbytes``: here, of every array."""
    bag = kind(n_estimators=4, max_features=max_features, random_state=0)
    here = clone(bag).fit(X, Y).predict(X)
    with joblib.parallel_config("loky", n_jobs=2, max_nbytes=1):
        np.testing.assert_array_equal(bag.fit(X, Y).predict(X), here)


@pytest.mark.parametrize("name", BAGS)
@pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::UserWarning")
def test_the_same_bits_on_a_dask_cluster(serial, name):
    distributed = pytest.importorskip("distributed")
    with (
        distributed.Client(
            processes=False, n_workers=2, threads_per_worker=1, dashboard_address=None
        ),
        joblib.parallel_config("dask"),
    ):
        np.testing.assert_array_equal(everything(*BAGS[name]), serial[name])


def test_memory_maps_reach_the_members_writable():
    """joblib maps what is larger than ``max_nbytes`` read-only (scikit-learn #25935)."""
    with joblib.parallel_config("loky", n_jobs=2, max_nbytes=1):
        whole = BaggingClassifier(WritesToX(), 4, bootstrap=False, random_state=0).fit(X, Y)
        drawn = BaggingClassifier(WritesToX(), 4, random_state=0).fit(X, Y)
    assert len(whole) == len(drawn) == 4


class WritesToX(Slow):
    def fit(self, X, y):
        X *= 2.0
        return super().fit(X, y)


def test_a_dead_worker_s_members_are_fitted_again(tmp_path):
    bag = BaggingClassifier(Slow(grave=str(tmp_path / "grave")), 6, n_jobs=2, random_state=0)
    with joblib.parallel_config("loky"), pytest.warns(RuntimeWarning, match="worker process died"):
        bag.fit(X, Y)
    alone = BaggingClassifier(Slow(), 6, random_state=0).fit(X, Y)
    assert [member.seen_ for member in bag] == [member.seen_ for member in alone]


@pytest.mark.parametrize("backend", ["loky", "threading", "multiprocessing"])
def test_an_interrupt_leaves_no_worker_and_no_half_fitted_bag(backend):
    """SIGINT to the main process alone, which is what a notebook sends."""
    program = textwrap.dedent(
        f"""
        import sys, time, joblib, numpy as np, psutil
        sys.path.insert(0, {str(HERE)!r})
        from slow_learners import Slow
        from ensembles import BaggingClassifier

        bag = BaggingClassifier(Slow(seconds=0.5), 40)
        X, y = np.zeros((50, 2)), np.arange(50) % 2
        with joblib.parallel_config({backend!r}, n_jobs=2):
            BaggingClassifier(Slow(), 2).fit(X, y)  # start the workers
            print("fitting", flush=True)
            try:
                bag.fit(X, y)
            except KeyboardInterrupt:
                print("interrupted", flush=True)
        time.sleep(1.0)
        working = [
            child.pid
            for child in psutil.Process().children(recursive=True)
            if "tracker" not in " ".join(child.cmdline())
        ]
        print("fitted" if hasattr(bag, "estimators_") else "unfitted", len(working), flush=True)
        """
    )
    with subprocess.Popen(
        [sys.executable, "-c", program], stdout=subprocess.PIPE, text=True, start_new_session=True
    ) as process:
        assert process.stdout.readline() == "fitting\n"
        time.sleep(1.2)
        asked = time.monotonic()
        os.kill(process.pid, signal.SIGINT)
        assert process.stdout.readline() == "interrupted\n"
        assert time.monotonic() - asked < 5
        assert process.stdout.readline() == "unfitted 0\n"
        assert process.wait(timeout=30) == 0


def test_workers_times_threads_stay_within_the_cores():
    cores = joblib.cpu_count()
    for backend in ("loky", "threading"):
        with joblib.parallel_config(backend, n_jobs=2):
            bag = BaggingClassifier(Threads(n_jobs=-1), 4).fit(X, Y)
        for member in bag:
            assert member.n_jobs * 2 <= max(cores, 2)
            assert member.pools_.get("blas", 1) == 1
            assert member.pools_.get("openmp", 1) * 2 <= max(cores, 2)


@pytest.mark.parametrize("name", BAGS)
def test_several_threads_may_ask_one_bag_at_once(name):
    kind, base = BAGS[name]
    bag = kind(base, 10, n_jobs=2, random_state=0).fit(X, Y)
    expected = bag.predict(X)
    before = [pool["num_threads"] for pool in threadpool_info()]
    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda _: bag.predict(X), range(40)))
    for answer in answers:
        np.testing.assert_array_equal(answer, expected)
    assert [pool["num_threads"] for pool in threadpool_info()] == before


def test_one_worker_leaves_the_learner_its_threads():
    member = BaggingClassifier(Threads(n_jobs=-1), 1).fit(X, Y)[0]
    assert member.n_jobs == -1


def test_a_learner_of_another_library_is_told_how_many_threads_it_has():
    """None means one thread to scikit-learn and all of them to XGBoost and LightGBM."""
    lightgbm = pytest.importorskip("lightgbm")
    learner = lightgbm.LGBMClassifier(n_estimators=2, verbose=-1)
    with joblib.parallel_config("threading", n_jobs=2):
        bag = BaggingClassifier(learner, 2).fit(X, Y)
    assert bag[0].n_jobs == max(1, joblib.cpu_count() // 2)


def test_small_predictions_are_not_sent_to_workers(monkeypatch):
    bag = BaggingClassifier(DecisionTreeClassifier(), 10, n_jobs=2).fit(X, Y)
    monkeypatch.setattr(running, "_in_parallel", lambda *_: pytest.fail("sent to workers"))
    bag.predict_proba(X[:10])


def test_large_predictions_are_sent_to_workers(monkeypatch):
    bag = BaggingClassifier(DecisionTreeClassifier(), 10, n_jobs=2).fit(X, Y)
    monkeypatch.setattr(asking, "WORTH_THREADS", 0.0)
    sent = []
    monkeypatch.setattr(running, "_in_parallel", lambda *asked: sent.append(asked) or iter(()))
    bag.predict_proba(X)
    assert len(sent) == 1


def test_verbose_shows_a_bar_over_the_members(capsys):
    BaggingClassifier(DecisionTreeClassifier(), 7, verbose=1).fit(X, Y)
    shown = capsys.readouterr().err
    assert "7/7" in shown
    assert "DecisionTreeClassifier" in shown


def test_no_process_of_these_tests_is_left_working():
    """Workers that loky keeps for later are idle: they use no processor time."""
    joblib.externals.loky.get_reusable_executor().shutdown(wait=True, kill_workers=True)
    assert not multiprocessing.active_children()
    left = [
        child
        for child in psutil.Process().children(recursive=True)
        if "tracker" not in " ".join(child.cmdline())
    ]
    assert not left
