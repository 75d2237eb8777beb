"""How many workers there are, and how many threads each of them may use."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, contextmanager, nullcontext
from functools import cache
from typing import Any, NamedTuple

import joblib
from sklearn.base import clone
from threadpoolctl import ThreadpoolController

from ensembles.members.learners import innermost, library_of, releases_gil

THREADS = ("n_jobs", "nthread", "num_threads", "thread_count")
"""What learners call their number of threads."""


def n_workers(n_jobs: int | None) -> int:
    """Return how many workers ``n_jobs`` means here and now."""
    return int(joblib.effective_n_jobs(n_jobs))


def n_threads(n_jobs: int | None) -> int:
    """Return how many threads of this process ``n_jobs`` means: no more than there are cores."""
    return min(n_workers(n_jobs), int(joblib.cpu_count()))


def inner_threads(workers: int) -> int:
    """Return how many threads each of ``workers`` may use, so that none exceeds the cores."""
    return max(1, int(joblib.cpu_count()) // max(1, workers))


class Crew(NamedTuple):
    """Threads that are kept ready for many small pieces of work; the caller is one of them."""

    n: int
    pool: ThreadPoolExecutor

    def each(self, work: Callable[[Any], None], pieces: Sequence[Any]) -> None:
        """Do the work on every piece, in any order, and return when all is done."""
        others = [self.pool.submit(work, piece) for piece in pieces[1:]]
        work(pieces[0])
        for other in others:
            other.result()


@contextmanager
def crew(n_jobs: int | None) -> Iterator[Crew | None]:
    """Keep ``n_jobs`` threads ready while the context lasts; None if that is one.

    For work that holds no lock and comes in pieces of less than a millisecond, as the columns of
    one round of boosting do: to start a joblib pool takes longer. No thread starts before it has
    something to do.
    """
    n = n_workers(n_jobs)
    if n == 1:
        yield None
        return
    with ThreadPoolExecutor(n - 1) as pool:
        yield Crew(n, pool)


@cache
def _thread_pools(process: int, library: str) -> ThreadpoolController:
    """Find the BLAS and OpenMP pools of this process, again for every new library of learners."""
    return ThreadpoolController()


def pools_of(learner: Any) -> ThreadpoolController:
    """Return the thread pools of this process, those of the learner's library among them."""
    return _thread_pools(os.getpid(), library_of(learner))


def one_blas_thread(learner: Any) -> AbstractContextManager[Any]:
    """Give linear algebra one thread, here as in every worker.

    A sum over two threads differs from a sum over one in its last bits, so a member's result would
    depend on how many members are fitted beside it.
    """
    if needs_no_pools(learner):
        return nullcontext()
    return _OneBlasThread(pools_of(learner))


class _OneBlasThread:
    """Hold the linear algebra of this process to one thread while anyone needs it.

    The setting belongs to the process: of several threads that ask at once the first sets it and
    the last sets it back.
    """

    _lock = threading.Lock()
    _holders = 0
    _limit: Any = None

    def __init__(self, pools: ThreadpoolController) -> None:
        self._pools = pools

    def __enter__(self) -> None:
        shared = _OneBlasThread
        with shared._lock:
            if shared._holders == 0:
                shared._limit = self._pools.limit(limits=1, user_api="blas")
                shared._limit.__enter__()
            shared._holders += 1

    def __exit__(self, *error: object) -> None:
        shared = _OneBlasThread
        with shared._lock:
            shared._holders -= 1
            if shared._holders == 0:
                shared._limit.__exit__(None, None, None)


def n_blas_threads() -> int:
    """Return how many threads linear algebra uses in this process."""
    pools = _thread_pools(os.getpid(), "numpy").info()
    return max((pool["num_threads"] for pool in pools if pool["user_api"] == "blas"), default=1)


@contextmanager
def holding_threads(learner: Any, *, blas: int, openmp: int) -> Iterator[None]:
    """Hold the pools of this process to so many threads of linear algebra and of OpenMP."""
    if needs_no_pools(learner):
        yield
        return
    pools = pools_of(innermost(learner))
    with pools.limit(limits=blas, user_api="blas"), pools.limit(limits=openmp, user_api="openmp"):
        yield


def within_budget(learner: Any, threads: int) -> Any:
    """Clone the learner with its own thread counts capped, or return it if none is too high.

    None means one thread to scikit-learn and all cores to everyone else, at any depth.
    """
    given = learner.get_params()
    capped = {}
    for name, value in {**_counts_unsaid(learner, given), **given}.items():
        owner, _, own = name.rpartition("__")
        if own in THREADS:
            everything = value is None and library_of(given.get(owner, learner)) != "sklearn"
            greedy = isinstance(value, int) and (value < 0 or value > threads)
            if everything or greedy:
                capped[name] = threads
    return clone(learner).set_params(**capped) if capped else learner


def _counts_unsaid(learner: Any, given: dict[str, Any]) -> dict[str, None]:
    """The counts of threads of CatBoost's learners, which name only what was set."""
    inside = [("", learner), *((f"{name}__", value) for name, value in given.items())]
    return {f"{prefix}thread_count": None for prefix, one in inside if _is_catboost(one)}


def _is_catboost(thing: Any) -> bool:
    return library_of(thing) == "catboost" and hasattr(thing, "get_params")


def needs_no_pools(learner: Any) -> bool:
    """Trees use neither linear algebra nor OpenMP."""
    return releases_gil(learner)
