"""Threads: workers times threads stay within the cores, whoever starts the workers."""

import os
import subprocess
import sys
import threading
from functools import partial
from pathlib import Path

import joblib
import numpy as np
import pytest
from sklearn.model_selection import GridSearchCV
from sklearn.model_selection import cross_validate as scikit_learn_cross_validate
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from ensembles import BaggingClassifier, GradientBoostingClassifier, cross_validate

X = np.random.default_rng(0).normal(size=(3000, 20))
Y = X[:, 0] > 0
on_linux = pytest.mark.skipif(not Path("/proc/self/task").exists(), reason="needs Linux's /proc")


def n_threads():
    """Threads that are not Python's own: joblib starts and ends some of those in its workers."""
    return len(os.listdir("/proc/self/task")) - threading.active_count()


class Counted(GradientBoostingClassifier):
    """Counts the threads that its training starts; the one that trains is among them."""

    def fit(self, X, y, sample_weight=None):
        before = n_threads()
        super().fit(X, y, sample_weight)
        self.started_, self.process_ = 1 + n_threads() - before, os.getpid()
        return self


def started(of_the_tests, model, X=None, y=None):
    """Return the threads that a model's training started, in another process than the tests'."""
    model = getattr(model, "steps", [("", model)])[-1][1]
    assert model.process_ != of_the_tests, "it was not fitted in a worker"
    return model.started_


def searched(learner):
    search = GridSearchCV(
        learner,
        {"max_depth": [2, 3]},
        cv=2,
        n_jobs=2,
        scoring=partial(started, os.getpid()),
        refit=False,
    )
    return search.fit(X, Y).cv_results_["mean_test_score"]


def piped(learner):
    pipe = make_pipeline(StandardScaler(), learner)
    scores = scikit_learn_cross_validate(
        pipe, X, Y, cv=4, n_jobs=2, scoring=partial(started, os.getpid())
    )
    return scores["test_score"]


def bagged(learner):
    return [started(os.getpid(), one) for one in BaggingClassifier(learner, 4, n_jobs=2).fit(X, Y)]


def validated(learner):
    return [
        started(os.getpid(), one) for one in cross_validate(learner, X, Y, cv=4, n_jobs=2).models_
    ]


@on_linux
@pytest.mark.parametrize("n_jobs", [None, -1, 64])
@pytest.mark.parametrize("workers", [searched, piped, bagged, validated])
def test_workers_times_threads_stay_within_the_cores_for_boosting(workers, n_jobs):
    with joblib.parallel_config("loky"):
        found = workers(Counted(5, early_stopping=False, n_jobs=n_jobs))
    assert len(found) >= 2
    assert 2 * max(found) <= max(2, joblib.cpu_count())


@on_linux
def test_threads_are_counted_where_there_are_any():
    """The counter above counts: outside of a worker a large table is trained on by all cores."""
    program = (
        "from test_gb_threads import Counted, X, Y; "
        "print(Counted(5, early_stopping=False).fit(X, Y).started_)"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], check=True, capture_output=True, text=True,
        env=os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)},
    )  # fmt: skip
    assert int(done.stdout) >= min(2, joblib.cpu_count())
