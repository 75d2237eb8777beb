"""Run a function over items, in order or as workers finish, with progress and one retry."""

from __future__ import annotations

import os
import warnings
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures.process import BrokenProcessPool
from functools import partial
from typing import Any

from sklearn.utils.parallel import Parallel, delayed

from ensembles.members.carrying import carried
from ensembles.members.threads import (
    inner_threads,
    n_workers,
    needs_no_pools,
    one_blas_thread,
    pools_of,
)
from ensembles.members.watching import under_watch


def _in_worker(function: Callable[[Any], Any], learner: Any, threads: int, item: Any) -> Any:
    """Run one item with the worker's share of threads."""
    if needs_no_pools(learner):
        return function(item)
    with one_blas_thread(learner), pools_of(learner).limit(limits=threads, user_api="openmp"):
        return function(item)


def as_workers_finish(
    function: Callable[[Any, Any], Any],
    items: Iterable[Any],
    known: Iterable[Any],
    *,
    n_jobs: int | None = None,
    prefer: str | None = None,
    pre_dispatch: int | str = "2 * n_jobs",
    verbose: int = 0,
    doing: str = "",
) -> Iterator[tuple[int, Any]]:
    """Yield ``(place, function(item, known))`` for every item as soon as it is done, in any order.

    Holds no thread pools: that is up to the function. The items that worker processes took with
    them when they died are run again in new ones, once. Every item is a task of its own: joblib
    would hand out several quick ones at once, and one of two workers would do six of ten.

    Parameters
    ----------
    items, known : iterables of one length
        What is to be done, of which worker processes are given all at once, and what is known of
        each, which goes with its own task alone.
    """
    items, known = list(items), list(known)
    if min(n_workers(n_jobs), len(items)) <= 1:
        pairs = enumerate(zip(items, known, strict=True))
        results: Iterator[Any] = ((place, function(*pair)) for place, pair in pairs)
    else:
        options = {"n_jobs": n_jobs, "prefer": prefer, "pre_dispatch": pre_dispatch}
        options["batch_size"] = 1
        results = _in_parallel_unordered(function, items, known, options)
    return _with_progress(results, len(items), verbose, doing)


def _of_all(
    function: Callable[[Any, Any], Any], items: Sequence[Any], place: int, known: Any
) -> tuple[int, Any]:
    return place, function(items[place], known)


def _of_one(
    function: Callable[[Any, Any], Any], place: int, item: Any, known: Any
) -> tuple[int, Any]:
    return place, function(item, known)


def _in_parallel_unordered(
    function: Callable[[Any, Any], Any],
    items: Sequence[Any],
    known: Sequence[Any],
    options: dict[str, Any],
) -> Iterator[tuple[int, Any]]:
    """Send places of items to where all items are, or else each item in its own task."""
    of_all = partial(_of_all, function, items)
    with carried(of_all, _pool(options)) as call:
        parts: Iterable[tuple[Any, ...]] = zip(known, strict=True)
        if call is of_all:
            call, parts = partial(_of_one, function), zip(items, known, strict=True)
        yield from _placed(call, dict(enumerate(parts)), options)


def _placed(
    call: Callable[..., Any], left: dict[int, Any], options: dict[str, Any]
) -> Iterator[tuple[int, Any]]:
    n_tasks = len(left)
    watched = delayed(partial(under_watch, os.getpid(), call))
    for deaths in (1, 2):
        try:
            pool = _pool(options, return_as="generator_unordered")
            tasks = [watched(place, *arguments) for place, arguments in left.items()]
            for place, result in pool(tasks):
                del left[place]
                yield place, result
            return
        except BrokenProcessPool as death:
            if deaths == 2:
                raise RuntimeError(
                    f"worker processes died twice, with {len(left)} of {n_tasks} items left: "
                    "the machine may be out of memory; use fewer n_jobs."
                ) from death
            warnings.warn(
                f"a worker process died; running {len(left)} items again.",
                RuntimeWarning,
                stacklevel=5,
            )


def run(
    function: Callable[[Any], Any],
    items: Iterable[Any],
    *,
    learner: Any,
    n_jobs: int | None = None,
    prefer: str | None = None,
    require: str | None = None,
    verbose: int = 0,
    doing: str = "",
) -> Iterator[Any]:
    """Yield ``function(item)`` for every item, in the order of the items.

    Parameters
    ----------
    learner : estimator
        What the function fits or asks; decides which thread pools are held to their share.
    n_jobs : int or None
        joblib's meaning; the backend is whatever ``joblib.parallel_config`` names.
    prefer, require : str or None
        As in joblib: a preference where no backend was named, a demand on any backend.
    verbose, doing : int, str
        A progress bar titled ``doing`` if verbose.

    Raises
    ------
    RuntimeError
        When worker processes died twice. After the first time the items that were lost are run
        again in new ones.
    """
    items = list(items)
    workers = min(n_workers(n_jobs), max(1, len(items)))
    if workers == 1:
        results = _serially(function, items, learner)
    else:
        one = partial(_in_worker, function, learner, inner_threads(workers))
        options = {"n_jobs": n_jobs, "prefer": prefer, "require": require}
        results = _in_parallel(one, items, options)
    return _with_progress(results, len(items), verbose, doing)


def _serially(function: Callable[[Any], Any], items: Sequence[Any], learner: Any) -> Iterator[Any]:
    one_thread = one_blas_thread(learner)
    for item in items:
        with one_thread:
            result = function(item)
        yield result


def _in_parallel(
    function: Callable[[Any], Any], items: Sequence[Any], options: dict[str, Any]
) -> Iterator[Any]:
    with carried(function, _pool(options)) as carried_function:
        yield from _in_order(carried_function, items, options)


def _in_order(
    function: Callable[[Any], Any], items: Sequence[Any], options: dict[str, Any]
) -> Iterator[Any]:
    done, deaths = 0, 0
    watched = delayed(partial(under_watch, os.getpid(), function))
    while done < len(items):
        try:
            pool = _pool(options)
            for result in pool(watched(item) for item in items[done:]):
                yield result
                done += 1
        except BrokenProcessPool as death:
            deaths += 1
            if deaths == 2:
                raise RuntimeError(
                    f"worker processes died twice, the last time at item {done} of {len(items)}: "
                    "the machine may be out of memory; use fewer n_jobs."
                ) from death
            warnings.warn(
                f"a worker process died; running items {done} to {len(items) - 1} again.",
                RuntimeWarning,
                stacklevel=5,
            )


def _pool(options: dict[str, Any], return_as: str = "generator") -> Any:
    """Results as they come where the backend can, so that bars move and sums need no list."""
    try:
        return Parallel(return_as=return_as, **options)
    except ValueError:
        return Parallel(**options)


def _with_progress(results: Iterator[Any], total: int, verbose: int, doing: str) -> Iterator[Any]:
    if not verbose:
        return results
    from tqdm.auto import tqdm

    return iter(tqdm(results, total=total, desc=doing))


def progress(total: int, verbose: int, doing: str) -> Any:
    """Return a progress bar: ``update(1)`` moves it, ``close()`` ends it; shown if verbose."""
    if not verbose:
        return _NoBar()
    from tqdm.auto import tqdm

    return tqdm(total=total, desc=doing)


class _NoBar:
    def update(self, n: int) -> None:
        pass

    def close(self) -> None:
        pass
