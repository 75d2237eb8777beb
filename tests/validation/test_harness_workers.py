"""What workers hold: rows of their folds and no copy of the table; threads within one budget."""

import os
import tracemalloc
from pathlib import Path

import joblib
import numpy as np
import pandas as pd
import pytest
from lightgbm import LGBMClassifier
from scipy.sparse import csr_matrix
from sklearn.base import BaseEstimator, RegressorMixin
from sklearn.calibration import CalibratedClassifierCV
from sklearn.ensemble import RandomForestClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from threadpoolctl import threadpool_info, threadpool_limits
from xgboost import XGBClassifier

from ensembles import cross_validate, members

N_ROWS, SHARE = 100_000, 10_000
RNG = np.random.default_rng(0)
TABLE = RNG.normal(size=(N_ROWS, 25))
TARGET = TABLE[:, 0].copy()
PAIRS = [(np.arange(k, N_ROWS, 10), np.arange(k + 1, N_ROWS, 10)) for k in range(4)]
on_linux = pytest.mark.skipif(not Path("/proc/self/maps").exists(), reason="needs Linux's /proc")


def of_its_own():
    """Bytes of memory that this process shares with no file."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) * 1024 for line in lines if line.startswith("RssAnon"))


def mapped():
    """Bytes of joblib's files that are mapped into this process."""
    total = 0
    for line in Path("/proc/self/maps").read_text().splitlines():
        if "joblib" in line:
            start, end = (int(address, 16) for address in line.split()[0].split("-"))
            total += end - start
    return total


class Weighed(RegressorMixin, BaseEstimator):
    """Writes down what its process holds while it is fitted; on few rows, what it starts from."""

    start = 0

    def fit(self, X, y):
        if len(y) < SHARE:
            type(self).start = of_its_own()
        self.grown_, self.mapped_, self.pid_ = of_its_own() - self.start, mapped(), os.getpid()
        self.mean_ = float(np.mean(y))
        return self

    def predict(self, X):
        return np.full(X.shape[0], self.mean_)


def weighed(X, few):
    """Fit in two processes that were there before, which have weighed themselves."""
    small = [(np.arange(50), np.arange(50, 100)), (np.arange(50, 100), np.arange(50))] * 2
    with joblib.parallel_config("loky"):
        cross_validate(Weighed(), few, TARGET[:100], cv=small, n_jobs=2)
        return cross_validate(Weighed(), X, TARGET, cv=PAIRS, n_jobs=2).models_


@on_linux
@pytest.mark.parametrize(
    "container", [np.asarray, np.asfortranarray, pd.DataFrame, csr_matrix], ids=lambda f: f.__name__
)
@pytest.mark.filterwarnings("ignore:.*judged on rows that their models learned from")
def test_processes_map_the_table_and_hold_their_folds_rows_alone(container):
    table = container(TABLE)
    for model in weighed(table, table[:100]):
        assert model.pid_ != os.getpid()
        assert model.mapped_ >= TABLE.nbytes
        assert model.grown_ < 0.6 * TABLE.nbytes  # rows of two folds at most, and what is free


@pytest.mark.parametrize("order", ["C", "F", "strided"])
@pytest.mark.parametrize("n_jobs", [1, 2])
def test_threads_and_one_worker_copy_nothing_but_their_folds_rows(n_jobs, order):
    class Held(Weighed):
        def fit(self, X, y):
            self.mean_, self.shape_, self.kind_ = float(np.mean(y)), X.shape, type(X)
            return self

    strided = np.repeat(TABLE, 2, axis=0)[::2]
    table = strided if order == "strided" else np.asarray(TABLE, order=order)
    tracemalloc.start()
    with joblib.parallel_config("threading"):
        result = cross_validate(Held(), table, TARGET, cv=PAIRS, n_jobs=n_jobs)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert {model.shape_ for model in result.models_} == {(SHARE, 25)}
    assert {model.kind_ for model in result.models_} == {np.ndarray}
    rows = 2 * SHARE * 25 * 8  # to learn from and held out
    assert peak < n_jobs * rows + 0.2 * TABLE.nbytes  # out-of-fold answers, counts, row numbers


class Counting(Weighed):
    """Writes down the threads that it may use."""

    def __init__(self, n_jobs=-1):
        self.n_jobs = n_jobs

    def fit(self, X, y):
        pools = threadpool_info()
        for kind in ("blas", "openmp"):
            own = [pool["num_threads"] for pool in pools if pool["user_api"] == kind]
            setattr(self, f"{kind}_", max(own, default=1))
        self.told_, self.mean_ = self.n_jobs, float(np.mean(y))
        return self


@pytest.mark.parametrize("backend", ["threading", "loky", "multiprocessing"])
@pytest.mark.parametrize("callers", [1, 2])
def test_workers_times_threads_are_within_the_budget(backend, callers):
    """Linear algebra alone has the caller's threads, on which its last bits depend."""
    share = max(1, joblib.cpu_count() // 2)
    with threadpool_limits(callers, user_api="blas"), joblib.parallel_config(backend):
        result = cross_validate(Counting(), TABLE[:200], TARGET[:200], cv=4, n_jobs=2)
        allowed = members.n_blas_threads()
    for model in result.models_:
        assert model.told_ == members.inner_threads(2) == share
        assert model.openmp_ <= share
        assert model.blas_ == allowed == callers
        assert model.n_jobs == -1


def threads_of(learner, threads):
    """What counts of threads a learner is held to, by their names."""
    given = members.within_budget(learner, threads).get_params()
    return {name: given[name] for name in given if name.rpartition("__")[2] in members.THREADS}


def test_learners_in_pipelines_are_held_to_their_share_too():
    """Where nothing was said a booster takes all cores, which two workers did at once."""
    boosters = LGBMClassifier(), XGBClassifier()
    for booster in boosters:
        assert threads_of(booster, 1) == {"n_jobs": 1}
        pipeline = make_pipeline(StandardScaler(), booster)
        assert list(threads_of(pipeline, 3).values()) == [3]
        wrapped = CalibratedClassifierCV(make_pipeline(booster))
        assert threads_of(wrapped, 1).pop("n_jobs") is None
        assert sum(count == 1 for count in threads_of(wrapped, 1).values()) == 1
    assert threads_of(make_pipeline(LGBMClassifier(n_jobs=2)), 3) == {"lgbmclassifier__n_jobs": 2}
    forest = make_pipeline(RandomForestClassifier())
    assert members.within_budget(forest, 1) is forest


def test_catboost_is_held_to_its_share_where_it_names_none():
    catboost = pytest.importorskip("catboost")
    assert threads_of(catboost.CatBoostClassifier(), 2) == {"thread_count": 2}
    assert threads_of(catboost.CatBoostClassifier(thread_count=1), 2) == {"thread_count": 1}
    model = catboost.CatBoostClassifier(iterations=2, verbose=0, allow_writing_files=False)
    pipeline = make_pipeline(model)
    assert threads_of(pipeline, 2) == {"catboostclassifier__thread_count": 2}
    with joblib.parallel_config("threading"):
        result = cross_validate(pipeline, TABLE[:200], TARGET[:200] > 0, cv=4, n_jobs=2)
    alone = cross_validate(pipeline, TABLE[:200], TARGET[:200] > 0, cv=4)
    np.testing.assert_array_equal(result.oof_prediction_, alone.oof_prediction_)


def test_every_fold_is_a_task_of_its_own(monkeypatch):
    """joblib would hand six quick folds of ten to one of two workers, four to the other."""
    sizes = []

    batched = joblib.parallel.BatchedCalls

    def counted(calls, *arguments, **named):
        sizes.append(len(calls))
        return batched(calls, *arguments, **named)

    monkeypatch.setattr(joblib.parallel, "BatchedCalls", counted)
    with joblib.parallel_config("loky"):
        done = members.as_workers_finish(max, range(60), range(60), n_jobs=2)
        assert sorted(done) == [(place, place) for place in range(60)]
    assert sizes == [1] * 60
