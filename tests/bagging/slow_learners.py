"""Learners for tests of workers: one takes its time, or dies; one counts its threads."""

import os
import signal
import time
from pathlib import Path

import numpy as np
from sklearn.base import BaseEstimator, ClassifierMixin


class Slow(ClassifierMixin, BaseEstimator):
    """Takes its time; the first of those that share a ``grave`` kills its own process."""

    def __init__(self, seconds=0.0, grave=None, random_state=None):
        self.seconds = seconds
        self.grave = grave
        self.random_state = random_state

    def fit(self, X, y):
        self.classes_ = np.unique(y)
        self.seen_ = float(np.sum(X))
        end = time.monotonic() + self.seconds
        while time.monotonic() < end:
            time.sleep(0.01)
        if self.grave is not None and not Path(self.grave).exists():
            Path(self.grave).touch()
            os.kill(os.getpid(), signal.SIGKILL)
        return self

    def predict(self, X):
        return np.full(len(X), self.classes_[0])


class Threads(ClassifierMixin, BaseEstimator):
    """Notes how many threads it was left, and its own parameter n_jobs."""

    def __init__(self, n_jobs=None, random_state=None):
        self.n_jobs = n_jobs
        self.random_state = random_state

    def fit(self, X, y):
        from threadpoolctl import threadpool_info

        self.classes_ = np.unique(y)
        self.pools_ = {pool["user_api"]: pool["num_threads"] for pool in threadpool_info()}
        return self

    def predict(self, X):
        return np.full(len(X), self.classes_[0])
