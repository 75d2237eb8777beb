"""Members: clone a learner, seed it, fit it on a draw, ask it.

The only room that knows joblib, ``sample_weight``, class alignment, threads and progress bars.
"""

from __future__ import annotations

import multiprocessing
import os
import sys
import threading
import warnings
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass, field, replace
from functools import cache, lru_cache, partial
from itertools import pairwise
from time import perf_counter, sleep
from typing import Any, NamedTuple

import joblib
import numpy as np
from numpy.typing import NDArray
from sklearn import get_config
from sklearn.base import clone
from sklearn.dummy import DummyClassifier
from sklearn.pipeline import Pipeline
from sklearn.utils.metadata_routing import get_routing_for_object
from sklearn.utils.parallel import Parallel, delayed
from sklearn.utils.validation import has_fit_parameter
from threadpoolctl import ThreadpoolController

from ensembles.resampling import Draws, Rows, generator
from ensembles.stopping import validation_arguments
from ensembles.tables import container_of, take
from ensembles.tasks import REGRESSION, task_of

__all__ = [
    "Crew",
    "Member",
    "Recipe",
    "answers_of_forest",
    "as_workers_finish",
    "ask",
    "ask_forest",
    "ask_forest_held_out",
    "ask_held_out",
    "call",
    "class_votes",
    "cloned",
    "copy_of",
    "crew",
    "decisions",
    "explained",
    "fit_and_ask",
    "fit_members",
    "fit_or_none",
    "fit_seeded",
    "forest_answers_held_out",
    "holding_threads",
    "inner_threads",
    "innermost",
    "labels",
    "log_probabilities",
    "may_write",
    "medians_of_forest",
    "n_blas_threads",
    "n_seeds",
    "n_workers",
    "of_rows",
    "one_blas_thread",
    "own_table",
    "pack",
    "predicted_codes",
    "prepare",
    "probabilities",
    "progress",
    "ready",
    "releases_gil",
    "run",
    "sampling_for",
    "seed_in_turn",
    "shares_rounds",
    "sums_of_forest",
    "takes_weights",
    "twin",
    "values",
    "wants_codes",
    "weight_argument",
    "within_budget",
]

FOR_SEEDS, FOR_COLUMNS, FOR_SHUFFLES = 1, 2, 3
"""Third words of an address: (seed, i) is draw i, (seed, i, FOR_SEEDS) the seeds of member i."""

THREADS = ("n_jobs", "nthread", "num_threads", "thread_count")
"""What learners call their number of threads."""

WORTH_BLOCKS = 1_000_000
"""Rows times members of a forest below which threads cost more than they save."""

WATCH = 1.0
"""Seconds between a worker's looks after its parent."""

WORTH_THREADS = 0.05
"""Seconds of work left below which threads cost more than they save."""


class Member(NamedTuple):
    """One fitted learner, the columns it looks at and the classes it knows.

    ``columns`` is None for all columns, in their order; ``classes`` are codes of the ensemble's
    classes, in the order of the learner's own output, and None in a regression; ``coded`` tells
    that the learner was given the places of labels in ``classes`` in the place of labels.
    """

    estimator: Any
    columns: NDArray[np.intp] | None
    classes: NDArray[np.intp] | None
    coded: bool = False


# ---------------------------------------------------------------------------------------------
# Running: the one place that is parallel


def n_workers(n_jobs: int | None) -> int:
    """Return how many workers ``n_jobs`` means here and now."""
    return int(joblib.effective_n_jobs(n_jobs))


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


def _pools_of(learner: Any) -> ThreadpoolController:
    return _thread_pools(os.getpid(), _library(learner))


def one_blas_thread(learner: Any) -> AbstractContextManager[Any]:
    """Give linear algebra one thread, here as in every worker.

    A sum over two threads differs from a sum over one in its last bits, so a member's result would
    depend on how many members are fitted beside it.
    """
    if _needs_no_pools(learner):
        return nullcontext()
    return _OneBlasThread(_pools_of(learner))


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


def _in_worker(function: Callable[[Any], Any], learner: Any, threads: int, item: Any) -> Any:
    """Run one item with the worker's share of threads."""
    if _needs_no_pools(learner):
        return function(item)
    with one_blas_thread(learner), _pools_of(learner).limit(limits=threads, user_api="openmp"):
        return function(item)


def n_blas_threads() -> int:
    """Return how many threads linear algebra uses in this process."""
    pools = _thread_pools(os.getpid(), "numpy").info()
    return max((pool["num_threads"] for pool in pools if pool["user_api"] == "blas"), default=1)


@contextmanager
def holding_threads(learner: Any, *, blas: int, openmp: int) -> Iterator[None]:
    """Hold the pools of this process to so many threads of linear algebra and of OpenMP."""
    if _needs_no_pools(learner):
        yield
        return
    pools = _pools_of(innermost(learner))
    with pools.limit(limits=blas, user_api="blas"), pools.limit(limits=openmp, user_api="openmp"):
        yield


def as_workers_finish(
    function: Callable[[Any], Any],
    items: Iterable[Any],
    *,
    n_jobs: int | None = None,
    prefer: str | None = None,
    pre_dispatch: int | str = "2 * n_jobs",
    verbose: int = 0,
    doing: str = "",
) -> Iterator[tuple[int, Any]]:
    """Yield ``(place, function(item))`` for every item as soon as it is done, in any order.

    Holds no thread pools: that is up to the function. The items that worker processes took with
    them when they died are run again in new ones, once.
    """
    items = list(items)
    left = dict(enumerate(items))
    if min(n_workers(n_jobs), len(items)) <= 1:
        results: Iterator[Any] = ((place, function(item)) for place, item in left.items())
    else:
        options = {"n_jobs": n_jobs, "prefer": prefer, "pre_dispatch": pre_dispatch}
        results = _in_parallel_unordered(function, left, options)
    return _with_progress(results, len(items), verbose, doing)


def _placed(function: Callable[[Any], Any], place: int, item: Any) -> tuple[int, Any]:
    return place, function(item)


def _in_parallel_unordered(
    function: Callable[[Any], Any], items: dict[int, Any], options: dict[str, Any]
) -> Iterator[tuple[int, Any]]:
    left = dict(items)
    for deaths in (1, 2):
        try:
            pool = _pool(options, return_as="generator_unordered")
            placed = delayed(partial(_under_watch, os.getpid(), partial(_placed, function)))
            calls = [placed(place, item) for place, item in left.items()]
            for place, result in pool(calls):
                del left[place]
                yield place, result
            return
        except BrokenProcessPool as death:
            if deaths == 2:
                raise RuntimeError(
                    f"worker processes died twice, with {len(left)} of {len(items)} items left: "
                    "the machine may be out of memory; use fewer n_jobs."
                ) from death
            warnings.warn(
                f"a worker process died; running {len(left)} items again.",
                RuntimeWarning,
                stacklevel=4,
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
    if _needs_no_pools(learner):
        yield from map(function, items)
        return
    for item in items:
        with one_blas_thread(learner):
            result = function(item)
        yield result


def _in_parallel(
    function: Callable[[Any], Any], items: Sequence[Any], options: dict[str, Any]
) -> Iterator[Any]:
    done, deaths = 0, 0
    while done < len(items):
        try:
            pool = _pool(options)
            watched = delayed(partial(_under_watch, os.getpid(), function))
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
                stacklevel=4,
            )


def _under_watch(caller: int, function: Callable[..., Any], *arguments: Any) -> Any:
    """Do a piece of work for the process ``caller``, and end with it where it is the parent."""
    if os.name == "posix" and os.getpid() != caller:
        _end_with(caller, os.getpid())
    return function(*arguments)


@cache
def _end_with(caller: int, process: int) -> None:
    """Let this worker process end soon after the one that started it, once and for all.

    A parent that is killed cannot tell joblib's workers to stop: they would work on what they have,
    and then wait for more. Processes that something else started, such as dask, are left alone. A
    thread asks, since the system's own signal (PR_SET_PDEATHSIG) comes already when that thread of
    the parent ends which happened to start the worker.
    """
    worker = multiprocessing.current_process()
    of_loky = "loky" in type(worker).__module__  # whose parent, if it is not the caller, has died
    of_pool = "PoolWorker" in worker.name and os.getppid() == caller
    if of_loky or of_pool:
        threading.Thread(target=_wait_for_end_of, args=(caller,), daemon=True).start()


def _wait_for_end_of(parent: int) -> None:
    while os.getppid() == parent:
        sleep(WATCH)
    os._exit(1)


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


# ---------------------------------------------------------------------------------------------
# Fitting


@dataclass(frozen=True)
class Recipe:
    """How members are made of one learner.

    Attributes
    ----------
    learner : estimator
        Cloned for every member, never fitted.
    seed : int
        First word of every address.
    sampling : {"index", "weight", "unique"}
        How a draw reaches the learner: see `sampling_for`.
    n_columns, n_drawn_columns : int
        Columns of the table, and how many of them a member is given.
    repeat_columns : bool
        Whether columns are drawn with replacement.
    classes : array of shape (n_classes,) or None
        The ensemble's classes; None in a regression.
    arguments : dict
        Further arguments of ``fit``; those with one value per row are cut like the rows.
    early_stopping : bool
        Whether members stop early on the rows held out from them.
    prepared : object or None
        What all members share, from the learner's own ``prepare``; None where it has none.
    """

    learner: Any
    seed: int
    sampling: str
    n_columns: int
    n_drawn_columns: int
    repeat_columns: bool = False
    classes: NDArray[Any] | None = None
    arguments: dict[str, Any] = field(default_factory=dict)
    early_stopping: bool = False
    prepared: Any = None

    @property
    def all_columns(self) -> bool:
        """Whether every member is given every column, as it stands."""
        return self.n_drawn_columns == self.n_columns and not self.repeat_columns

    def columns(self, i: int) -> NDArray[np.intp] | None:
        """Columns that member ``i`` is given; None for all of them, in their order."""
        if self.all_columns:
            return None
        rng = generator(self.seed, i, FOR_COLUMNS)
        return rng.choice(self.n_columns, self.n_drawn_columns, replace=self.repeat_columns)


def takes_weights(learner: Any) -> bool:
    """Tell whether the learner takes weights: in ``fit``, if routing lets them, or in a draw."""
    if shares_preparation(learner):
        return True
    if get_config()["enable_metadata_routing"]:
        return bool(get_routing_for_object(learner).consumes("fit", ("sample_weight",)))
    return bool(has_fit_parameter(learner, "sample_weight"))


def shares_preparation(learner: Any) -> bool:
    """Tell whether the learner prepares a table once for all members.

    Such a learner has a ``random_state``; ``prepare(X, y)``, which returns what members share;
    ``fit_draw(prepared, rows, counts, weights, features)``, which learns from some of its rows and
    columns; and ``pack``, which makes of fitted members one forest that answers for all of them at
    once.
    """
    return all(hasattr(learner, method) for method in ("prepare", "fit_draw", "pack"))


def prepare(
    recipe: Recipe, X: Any, y: NDArray[Any], sample_weight: NDArray[np.float64] | None = None
) -> Recipe:
    """Return the recipe with what its members share, where the learner shares anything."""
    if not shares_preparation(recipe.learner):
        return recipe
    return replace(recipe, prepared=clone(recipe.learner).prepare(X, y, sample_weight))


def announce(learner: Any) -> None:
    """Let a learner whose first use takes long say so, from now on."""
    if hasattr(learner, "announce_compiling"):
        learner.announce_compiling()


def sampling_for(learner: Any, draws: Draws) -> str:
    """Choose the cheapest way that a draw can reach the learner without changing what it learns.

    Returns
    -------
    "weight"
        The draws carry weights of their own: their rows, with these weights.
    "unique"
        The distinct rows of the draw, with their counts as weights: rows of weight zero never ride
        along, and a row drawn three times is copied once.
    "index"
        The rows of the draw, repeats included: for learners that take no weights, and for draws
        without repeats.
    """
    if not takes_weights(learner):
        return "index"
    if draws.weights(0) is not None:
        return "weight"
    return "unique" if draws.repeats else "index"


def fit_members(
    recipe: Recipe,
    X: Any,
    y: NDArray[Any],
    draws: Draws,
    numbers: Iterable[int],
    *,
    n_jobs: int | None = None,
    verbose: int = 0,
) -> Iterator[Member]:
    """Yield the members with these numbers, in order.

    Member ``i`` is the same whichever others are fitted, in whatever order, by however many
    workers.
    """
    recipe = _for_workers(recipe, n_jobs)
    table = None if recipe.prepared is not None else X
    fit = partial(_fit_member, recipe, table, y, draws)
    return _run_fits(fit, recipe, numbers, n_jobs, verbose)


def fit_and_ask(
    recipe: Recipe,
    X: Any,
    y: NDArray[Any],
    draws: Draws,
    numbers: Iterable[int],
    ask: Callable[[Member, int], Any],
    *,
    n_jobs: int | None = None,
    verbose: int = 0,
) -> Iterator[Any]:
    """Yield ``ask(member, i)`` for every number i, in order, and keep no member.

    For validation, which wants what members say and not the members: each is asked where it was
    fitted, and forgotten.
    """
    recipe = _for_workers(recipe, n_jobs)
    table = None if recipe.prepared is not None else X
    one = partial(_fit_and_ask, recipe, table, y, draws, ask)
    return _run_fits(one, recipe, numbers, n_jobs, verbose)


def _fit_and_ask(
    recipe: Recipe, X: Any, y: NDArray[Any], draws: Draws, ask: Callable[[Member, int], Any], i: int
) -> Any:
    return ask(_fit_member(recipe, X, y, draws, i), i)


def _for_workers(recipe: Recipe, n_jobs: int | None) -> Recipe:
    """The recipe with the learner's own threads held to a worker's share."""
    workers = n_workers(n_jobs)
    if recipe.prepared is not None or workers == 1:
        return recipe
    return replace(recipe, learner=within_budget(recipe.learner, inner_threads(workers)))


def _run_fits(
    one: Callable[[int], Any],
    recipe: Recipe,
    numbers: Iterable[int],
    n_jobs: int | None,
    verbose: int,
) -> Iterator[Any]:
    return run(
        one,
        numbers,
        learner=recipe.learner,
        n_jobs=n_jobs,
        prefer="threads" if releases_gil(recipe.learner) else None,
        verbose=verbose,
        doing=f"fitting {type(recipe.learner).__name__}",
    )


def within_budget(learner: Any, threads: int) -> Any:
    """Clone the learner with its own thread counts capped, or return it if none is too high.

    None means one thread to scikit-learn and all cores to everyone else.
    """
    capped = {}
    for name, value in learner.get_params().items():
        if name.rpartition("__")[2] in THREADS:
            everything = value is None and name in THREADS and _library(learner) != "sklearn"
            greedy = isinstance(value, int) and (value < 0 or value > threads)
            if everything or greedy:
                capped[name] = threads
    return clone(learner).set_params(**capped) if capped else learner


def _library(learner: Any) -> str:
    return type(learner).__module__.partition(".")[0]


def _is_sklearn_tree(learner: Any) -> bool:
    """Ask without importing scikit-learn's trees: whoever made one has done so."""
    trees = sys.modules.get("sklearn.tree")
    known = trees is not None and isinstance(learner, trees.BaseDecisionTree)
    return known and _library(learner) == "sklearn"


def _needs_no_pools(learner: Any) -> bool:
    """Trees use neither linear algebra nor OpenMP."""
    return releases_gil(learner)


def releases_gil(learner: Any) -> bool:
    """Tell whether fitting the learner lets other threads run."""
    return _is_sklearn_tree(learner) or shares_preparation(learner)


LEAVES_INPUT_ALONE = ("catboost", "ensembles", "lightgbm", "sklearn", "xgboost")
"""Libraries whose learners write into no table that they were not told to write into."""


def may_write(learner: Any) -> bool:
    """Tell whether the learner, or a step inside it, may write into a table that it is handed.

    As scikit-learn's do with ``copy=False``, and as the user's own code often does: of that
    nothing is known.
    """
    given = learner.get_params() if hasattr(learner, "get_params") else {}
    parts = [learner, *(part for part in given.values() if hasattr(part, "fit"))]
    if any(_library(part) not in LEAVES_INPUT_ALONE for part in parts):
        return True
    if any(type(part).__name__ == "FunctionTransformer" for part in parts):
        return True
    copies = (name for name in given if name.rpartition("__")[2] in ("copy", "copy_X", "copy_x"))
    return any(given[name] is False for name in copies)


def own_table(X: Any, learner: Any) -> Any:
    """Return the table, or a copy of it for a learner that may write into it."""
    return copy_of(X) if may_write(learner) else X


def copy_of(X: Any) -> Any:
    """Copy a table of any kind."""
    if container_of(X) == "polars":
        return X.clone()
    return X.copy() if hasattr(X, "copy") else X


def _fit_member(recipe: Recipe, X: Any, y: NDArray[Any], draws: Draws, i: int) -> Member:
    try:
        return _fitted(recipe, X, y, draws, i)
    except Exception as error:
        rows = draws.train(i)
        message = (
            f"member {i} ({type(recipe.learner).__name__}) could not be fitted on draw {i} "
            f"({len(rows)} rows, {len(np.unique(rows))} of them distinct): {error}"
        )
        fuller = explained(error, message)
        if fuller is None:
            error.add_note(message)
            raise
        raise fuller from error


def explained(error: Exception, message: str) -> Exception | None:
    """Return an error of the same type with a fuller message, where the type allows it."""
    try:
        fuller = type(error)(message)
    except Exception:
        return None
    return fuller if str(fuller) == message else None


def _fitted(recipe: Recipe, X: Any, y: NDArray[Any], draws: Draws, i: int) -> Member:
    rows, weights = _rows_and_weights(recipe.sampling, draws, draws.train(i), i)
    if recipe.prepared is not None:
        return _fitted_on_prepared(recipe, rows, weights, i)
    whole = len(rows) == draws.n_rows and np.array_equal(rows, np.arange(len(rows)))
    columns = recipe.columns(i)
    cut = partial(take, columns=columns, dtype=_own_dtype(recipe.learner))
    learner = _seeded(clone(recipe.learner), recipe.seed, i)
    targets, classes = _targets(recipe, y[rows])
    arguments = _arguments_of_rows(recipe, rows, draws.n_rows)
    if weights is not None:
        arguments["sample_weight"] = np.asarray(weights, np.float64)
    if recipe.early_stopping:
        arguments |= _validation(recipe, learner, cut, X, y, draws.test(i), classes)
    if whole and recipe.all_columns:
        table = _own_copy(X, learner)
    else:
        table = cut(X, None if whole else rows)
    estimator = fit_or_none(learner, table, targets, arguments, only_class=_only(classes))
    if estimator is None:
        stand_in = DummyClassifier(strategy="prior").fit(np.zeros((len(rows), 1)), y[rows])
        return Member(stand_in, columns, classes)
    coded = recipe.classes is not None and wants_codes(recipe)
    return Member(estimator, columns, _classes_of(estimator, classes, recipe), coded)


def _fitted_on_prepared(recipe: Recipe, rows: Rows, weights: Any, i: int) -> Member:
    learner = twin(recipe.learner)
    learner.random_state = _seed(generator(recipe.seed, i, FOR_SEEDS))
    columns = recipe.columns(i)
    learner.fit_draw(
        recipe.prepared,
        rows,
        counts=weights if recipe.sampling == "unique" else None,
        weights=weights if recipe.sampling == "weight" else None,
        features=columns,
    )
    classes = None if recipe.classes is None else np.arange(len(recipe.classes))
    return Member(learner, columns, classes)


def _rows_and_weights(sampling: str, draws: Draws, drawn: Rows, i: int) -> tuple[Rows, Any]:
    if sampling == "unique":
        counts = np.bincount(drawn, minlength=draws.n_rows)
        (rows,) = counts.nonzero()
        return rows, counts.take(rows)
    return drawn, draws.weights(i) if sampling == "weight" else None


def _own_dtype(learner: Any) -> Any:
    """What the learner converts arrays to; converting while gathering saves it a copy."""
    return np.float32 if _is_sklearn_tree(learner) else None


def _own_copy(X: Any, learner: Any) -> Any:
    """A copy of the whole table for a learner that may write into it; trees only read."""
    return X if releases_gil(learner) else copy_of(X)


def twin(learner: Any) -> Any:
    """Copy an unfitted learner and share its parameters: what `clone` comes to, at no cost."""
    copied: Any = object.__new__(type(learner))
    vars(copied).update(vars(learner))
    return copied


def _seeded(learner: Any, seed: int, i: int) -> Any:
    """Give every ``random_state`` of the learner, nested ones too, a seed of its own."""
    rng = generator(seed, i, FOR_SEEDS)
    names = _seeds_of(learner)
    if not names and _library(learner) == "catboost":  # it names only what was set
        names = ["random_seed"]
    return learner.set_params(**{name: _seed(rng) for name in names})


def _seed(rng: np.random.Generator) -> int:
    return int(rng.integers(2**31 - 1))


def _arguments_of_rows(recipe: Recipe, rows: Rows, n_rows: int) -> dict[str, Any]:
    return {name: of_rows(value, rows, n_rows) for name, value in recipe.arguments.items()}


def of_rows(value: Any, rows: Rows, n_rows: int) -> Any:
    """Return the part of an argument of ``fit`` that belongs to ``rows``; itself if not by row."""
    if isinstance(value, str | bytes | dict) or _length(value) != n_rows:
        return value
    return take(value, rows) if getattr(value, "ndim", 1) > 1 else np.asarray(value)[rows]


def _length(value: Any) -> int | None:
    if hasattr(value, "shape"):
        return int(value.shape[0]) if value.shape else None
    return len(value) if hasattr(value, "__len__") else None


def _targets(recipe: Recipe, y: NDArray[Any]) -> tuple[Any, NDArray[np.intp] | None]:
    """Targets as the learner can take them, and the codes of the classes among them."""
    if recipe.classes is None:
        return y, None
    present, codes = np.unique(y, return_inverse=True)
    classes = np.searchsorted(recipe.classes, present)
    return (codes if wants_codes(recipe) else y), classes


def wants_codes(recipe: Recipe) -> bool:
    """Tell whether the learner must be given codes in the place of labels.

    XGBoost's classifiers know the labels 0, 1, 2, ... alone, LightGBM's validation too.
    """
    libraries = _libraries(type(innermost(recipe.learner)))  # type: ignore[arg-type]
    return "xgboost" in libraries or (recipe.early_stopping and "lightgbm" in libraries)


@lru_cache(maxsize=128)
def _libraries(kind: type) -> frozenset[str]:
    """Libraries that a class and those it is made of come from."""
    return frozenset(base.__module__.partition(".")[0] for base in kind.__mro__)


def innermost(learner: Any) -> Any:
    """Return the learner that does the work inside pipelines, searches and other wrappers."""
    while True:
        if isinstance(learner, Pipeline):
            learner = learner.steps[-1][1]
        elif hasattr(getattr(learner, "estimator", None), "fit"):
            learner = learner.estimator
        else:
            return learner


def _only(classes: NDArray[np.intp] | None) -> bool:
    return classes is not None and len(classes) == 1


def fit_or_none(
    learner: Any, X: Any, y: Any, arguments: dict[str, Any], *, only_class: bool
) -> Any:
    """Fit the learner; None if its rows are of one class and it cannot learn from one class.

    Boosting libraries refuse such rows or, worse, answer with a second class.
    """
    if only_class and _library(innermost(learner)) in ("catboost", "lightgbm", "xgboost"):
        return None
    try:
        fitted = learner.fit(X, y, **arguments)
    except Exception:
        if only_class:
            return None
        raise
    return fitted if hasattr(fitted, "predict") else learner


def _validation(
    recipe: Recipe,
    learner: Any,
    cut: Callable[..., Any],
    X: Any,
    y: NDArray[Any],
    rows: Rows,
    classes: NDArray[np.intp] | None,
) -> dict[str, Any]:
    """The held-out rows as arguments of ``fit``: those whose class the member knows."""
    targets = y[rows]
    if classes is not None and recipe.classes is not None:
        known = recipe.classes[classes]
        rows = rows[np.isin(targets, known)]
        targets = y[rows]
        if wants_codes(recipe):
            targets = np.searchsorted(known, targets)
    return validation_arguments(learner, cut(X, rows), targets) if len(rows) else {}


def _classes_of(estimator: Any, drawn: NDArray[np.intp] | None, recipe: Recipe) -> Any:
    """Codes of the estimator's classes in the order of its own output."""
    if recipe.classes is None or wants_codes(recipe) or not hasattr(estimator, "classes_"):
        return drawn
    return np.searchsorted(recipe.classes, np.asarray(estimator.classes_))


# ---------------------------------------------------------------------------------------------
# One after the other: boosting


def weight_argument(learner: Any) -> str | None:
    """Name the argument of ``fit`` that takes row weights; None where there is none.

    The weights of a boosting round are the ensemble's own, so no metadata request is needed. A
    pipeline hands them to its last step.
    """
    if isinstance(learner, Pipeline):
        if get_config()["enable_metadata_routing"]:
            return "sample_weight" if takes_weights(learner) else None
        name, last = learner.steps[-1]
        inner = weight_argument(last)
        return None if inner is None else f"{name}__{inner}"
    return "sample_weight" if has_fit_parameter(learner, "sample_weight") else None


def cloned(learner: Any) -> Any:
    """Clone a learner."""
    return clone(learner)


def shares_rounds(learner: Any) -> bool:
    """Tell whether the learner grows member after member on one preparation.

    Such a learner shares its preparation, and has ``rounds(prepared)``: see `trees.boosting`.
    """
    return shares_preparation(learner) and hasattr(learner, "rounds")


def _seeds_of(learner: Any) -> list[str]:
    words = ("random_state", "random_seed")
    return sorted(n for n in learner.get_params() if n.rpartition("__")[2] in words)


def n_seeds(learner: Any) -> int:
    """Return how many numbers `seed_in_turn` takes from its tape."""
    return len(_seeds_of(learner))


def seed_in_turn(learner: Any, tape: np.random.RandomState) -> Any:
    """Give every ``random_state`` of the learner the next number of a tape.

    As scikit-learn's sequential ensembles do, so that equal seeds grow equal members.
    """
    most = np.iinfo(np.int32).max
    return learner.set_params(**{name: int(tape.randint(most)) for name in _seeds_of(learner)})


def fit_seeded(
    recipe: Recipe,
    X: Any,
    y: NDArray[Any],
    learner: Any,
    *,
    rows: Rows | None = None,
    weights: NDArray[np.float64] | None = None,
) -> Member:
    """Fit a clone that has its seed already, the next member of a sequence.

    Parameters
    ----------
    rows : array of shape (n_drawn,), optional
        The rows to learn from, repeats included; all when None.
    weights : array of shape (n_drawn,), optional
        Their weights, adding up to one.
    """
    n_rows = len(y)
    table = _own_copy(X, learner)
    if rows is not None:
        table = take(X, rows, dtype=_own_dtype(recipe.learner))
    given = np.arange(n_rows) if rows is None else rows
    targets, classes = _targets(recipe, y if rows is None else y[rows])
    arguments = _arguments_of_rows(recipe, given, n_rows)
    if weights is not None:
        arguments[str(weight_argument(learner))] = weights * _weight_unit(learner, len(given))
    with one_blas_thread(learner):
        estimator = fit_or_none(learner, table, targets, arguments, only_class=_only(classes))
    if estimator is None:
        stand_in = DummyClassifier(strategy="prior").fit(np.zeros((len(given), 1)), y[given])
        return Member(stand_in, None, classes)
    coded = recipe.classes is not None and wants_codes(recipe)
    return Member(estimator, None, _classes_of(estimator, classes, recipe), coded)


def _weight_unit(learner: Any, n_rows: int) -> float:
    """What weights of sum one are multiplied by.

    Boosting libraries have rules for the weight of a leaf, and regressors penalties, that mean rows
    of weight one. scikit-learn's AdaBoost gives classifiers weights of sum one, and regressors
    none; to a tree the unit makes no difference.
    """
    worker = innermost(learner)
    regresses = task_of(worker) == REGRESSION and not _is_sklearn_tree(worker)
    return float(n_rows) if regresses or _boosts(worker) else 1.0


def _boosts(learner: Any) -> bool:
    """Tell whether a learner is a boosting library's, or our own over XGBoost."""
    modules = [kind.__module__ for kind in type(learner).__mro__]
    return any(
        module.partition(".")[0] in ("catboost", "lightgbm", "xgboost")
        or module.startswith("ensembles.gradient_boosting")
        for module in modules
    )


# ---------------------------------------------------------------------------------------------
# Asking


def ask(
    question: Callable[[Member, Any], Any],
    members: Sequence[Member],
    X: Any,
    *,
    n_jobs: int | None = None,
    verbose: int = 0,
) -> Iterator[Any]:
    """Yield every member's answer about ``X``, in the order of the members.

    Members are asked in threads of this process, and only when what is left to do after the first
    of them is worth it: so asking in parallel is never slower than asking one by one.

    Parameters
    ----------
    question : callable
        ``question(member, table)``, one of `probabilities`, `class_votes`, `values`, ...
    """
    yield from _ask(partial(_answer, question), members, X, n_jobs, verbose)


def ask_held_out(
    question: Callable[[Member, Any], Any],
    members: Sequence[Member],
    X: Any,
    draws: Draws,
    *,
    first: int = 0,
    n_jobs: int | None = None,
    verbose: int = 0,
) -> Iterator[tuple[Rows, Any]]:
    """Yield, for every member, the rows held out from it and its answer about them.

    ``members[0]`` learned from draw ``first``. A member from which nothing was held out is not
    asked, and passed over.
    """
    one = partial(_answer_held_out, question, draws, first)
    for rows, answer in _ask(one, members, X, n_jobs, verbose):
        if len(rows):
            yield rows, answer


def _ask(one: Any, members: Sequence[Member], X: Any, n_jobs: int | None, verbose: int) -> Any:
    if not members:
        return
    learner = members[0].estimator
    one = partial(one, members, ready(learner, X))
    start = perf_counter()
    with one_blas_thread(learner):
        answer = one(0)
    left = (perf_counter() - start) * (len(members) - 1)
    yield answer
    yield from run(
        one,
        range(1, len(members)),
        learner=learner,
        n_jobs=min(n_workers(n_jobs), joblib.cpu_count()) if left > WORTH_THREADS else 1,
        require="sharedmem",
        verbose=verbose,
        doing=f"asking {type(learner).__name__}",
    )


def pack(members: Sequence[Member]) -> Any:
    """Make one forest of members that can answer together; None where they cannot."""
    kinds = {type(member.estimator) for member in members}
    if len(kinds) != 1 or not shares_preparation(members[0].estimator):
        return None
    return kinds.pop().pack(
        [member.estimator for member in members], [member.columns for member in members]
    )


def ask_forest(
    forest: Any, X: Any, *, hard: bool = False, n_jobs: int | None = None, learner: Any
) -> NDArray[np.float64]:
    """Return the mean answer of a forest, or its shares of the vote, block of rows by block."""
    ask_rows = forest.votes if hard else forest.mean
    answers = _by_blocks(partial(_of_block, ask_rows, X), X.shape[0], forest, n_jobs, learner)
    answer = np.concatenate(answers)
    return answer / forest.n_members if hard else answer


def sums_of_forest(
    forest: Any, X: Any, *, n_jobs: int | None = None, learner: Any
) -> NDArray[np.float64]:
    """Return the sum of a forest's answers, block of rows by block."""
    one = partial(_of_block, forest.sums, X)
    return np.concatenate(_by_blocks(one, X.shape[0], forest, n_jobs, learner))


def medians_of_forest(
    forest: Any,
    weights: NDArray[np.float64],
    X: Any,
    *,
    n_jobs: int | None = None,
    learner: Any,
) -> NDArray[np.float64]:
    """Return the weighted median of a forest's answers, block of rows by block."""
    one = partial(_of_block, partial(forest.weighted_median, weights=weights), X)
    return np.concatenate(_by_blocks(one, X.shape[0], forest, n_jobs, learner))


def ask_forest_held_out(
    forest: Any, prepared: Any, draws: Draws, *, hard: bool, n_jobs: int | None, learner: Any
) -> tuple[NDArray[np.float64], NDArray[np.intp]]:
    """Return, for each row, the sum of the answers of members not shown it, and their number."""
    shown = np.stack([_marks(draws, i) for i in range(forest.n_members)])
    ask_rows = partial(forest.held_out, in_bag=shown, hard=hard)
    held_out = _by_blocks(
        partial(_of_block, ask_rows, prepared), draws.n_rows, forest, n_jobs, learner
    )
    sums = np.concatenate([block.sums for block in held_out])
    return sums, np.concatenate([block.n_members for block in held_out]).astype(np.intp)


def answers_of_forest(forest: Any, X: Any, *, hard: bool = False) -> Iterator[NDArray[np.float64]]:
    """Yield every member's answer, or its vote, (n_rows, n_values), in the order of the members."""
    for answer in forest.members(X):
        if hard:
            yield np.eye(answer.shape[1])[np.argmax(answer, axis=1)]
        else:
            yield answer


def forest_answers_held_out(
    members: Sequence[Member], prepared: Any, draws: Draws, first: int, *, hard: bool
) -> Iterator[tuple[Rows, NDArray[np.float64]]]:
    """Yield the rows held out from each member of a forest, and what it says of them."""
    for i, member in enumerate(members, start=first):
        rows = draws.test(i)
        if len(rows):
            yield rows, next(answers_of_forest(pack([member]), prepared, hard=hard))[rows]


def _marks(draws: Draws, i: int) -> NDArray[np.uint8]:
    """One bit for each row: set unless draw ``i`` holds it out."""
    shown = np.ones(draws.n_rows, dtype=bool)
    shown[draws.test(i)] = False
    return np.packbits(shown, bitorder="little")


def _by_blocks(one: Any, n_rows: int, forest: Any, n_jobs: int | None, learner: Any) -> list[Any]:
    worth = n_rows * forest.n_members > WORTH_BLOCKS
    workers = min(n_workers(n_jobs), joblib.cpu_count()) if worth else 1
    ends = np.linspace(0, n_rows, workers + 1).astype(int).tolist()
    return list(run(one, pairwise(ends), learner=learner, n_jobs=workers, require="sharedmem"))


def _of_block(ask_rows: Any, X: Any, block: tuple[int, int]) -> Any:
    return ask_rows(X, start=block[0], stop=block[1])


def _answer(question: Any, members: Sequence[Member], X: Any, i: int) -> Any:
    member = members[i]
    if member.columns is None:
        return question(member, _own_copy(X, member.estimator))
    return question(member, take(X, None, member.columns))


def _answer_held_out(
    question: Any, draws: Draws, first: int, members: Sequence[Member], X: Any, i: int
) -> tuple[Rows, Any]:
    rows = draws.test(first + i)
    if len(rows) == 0:
        return rows, None
    return rows, question(members[i], take(X, rows, members[i].columns))


def ready(learner: Any, X: Any) -> Any:
    """Convert once for all members what each would convert for itself."""
    dtype = _own_dtype(learner)
    if dtype is None or not isinstance(X, np.ndarray) or X.dtype.kind not in "iufb":
        return X
    with np.errstate(over="ignore"):
        return np.ascontiguousarray(X, dtype=dtype)


def _n_asked(X: Any) -> int:
    return int(X.shape[0]) if hasattr(X, "shape") else len(X)


def values(member: Member, X: Any, **arguments: Any) -> NDArray[np.float64]:
    """Predicted values, shape (n_rows,) or (n_rows, n_outputs)."""
    answer = np.asarray(member.estimator.predict(X, **arguments), dtype=np.float64)
    return answer.ravel() if answer.ndim == 2 and answer.shape[1] == 1 else answer


def class_votes(
    member: Member, X: Any, *, classes: NDArray[Any], **arguments: Any
) -> NDArray[np.float64]:
    """One for the class the member predicts, zero for the others: shape (n_rows, n_classes)."""
    codes = predicted_codes(member, X, classes, arguments)
    votes = np.zeros((len(codes), len(classes)))
    votes[np.arange(len(codes)), codes] = 1.0
    return votes


def labels(member: Member, X: Any, *, classes: NDArray[Any], **arguments: Any) -> NDArray[Any]:
    """Predicted labels, shape (n_rows,)."""
    return np.asarray(classes[predicted_codes(member, X, classes, arguments)])


def predicted_codes(
    member: Member, X: Any, classes: NDArray[Any], arguments: dict[str, Any]
) -> NDArray[np.intp]:
    """Predicted labels as places in ``classes``, shape (n_rows,)."""
    predicted = np.asarray(call(member.estimator, "predict", X, arguments)).ravel()
    if member.coded and member.classes is not None:
        return member.classes[predicted.astype(np.intp)]
    known = classes
    if predicted.dtype.kind in "US" and classes.dtype.kind not in "USOT":
        known = classes.astype(str)  # a learner that answers in text whatever it was told
    order = np.argsort(known, kind="stable")
    place = order[np.minimum(np.searchsorted(known, predicted, sorter=order), len(known) - 1)]
    strangers = known[place] != predicted
    if np.any(strangers):
        raise ValueError(
            f"{type(member.estimator).__name__} predicted {predicted[strangers][0]!r}, which is "
            f"not one of the classes {classes.tolist()}."
        )
    return np.asarray(place)


def call(estimator: Any, method: str, X: Any, arguments: dict[str, Any] | None = None) -> Any:
    """Ask an estimator by the name of a method."""
    if isinstance(estimator, DummyClassifier):  # stands in where a draw held one class
        return getattr(estimator, method)(np.zeros((_n_asked(X), 1)))
    return getattr(estimator, method)(X, **(arguments or {}))


def probabilities(
    member: Member, X: Any, *, classes: NDArray[Any], **arguments: Any
) -> NDArray[np.float64]:
    """Class probabilities aligned to all classes, shape (n_rows, n_classes).

    A class that the member never saw has probability zero.
    """
    known = np.asarray(call(member.estimator, "predict_proba", X, arguments), dtype=np.float64)
    return _aligned(known, member, len(classes), fill=0.0)


def log_probabilities(
    member: Member, X: Any, *, classes: NDArray[Any], **arguments: Any
) -> NDArray[np.float64]:
    """Logarithms of the class probabilities; minus infinity for a class never seen."""
    with np.errstate(divide="ignore"):
        known = call(member.estimator, "predict_log_proba", X, arguments)
    known = np.asarray(known, dtype=np.float64)
    return _aligned(known, member, len(classes), fill=-np.inf)


def _aligned(
    known: NDArray[np.float64], member: Member, n_classes: int, fill: float
) -> NDArray[np.float64]:
    if member.classes is None or len(member.classes) == n_classes:
        return known
    aligned = np.full((len(known), n_classes), fill)
    aligned[:, member.classes] = known
    return aligned


def decisions(
    member: Member, X: Any, *, classes: NDArray[Any], pairwise: bool = False, **arguments: Any
) -> NDArray[np.float64]:
    """Decision values aligned to all classes.

    Shape (n_rows,) for two classes, (n_rows, n_classes) for more, or (n_rows, n_pairs) when the
    learner decides pair by pair (``decision_function_shape="ovo"``). What a member that missed a
    class says of it: no more than of the least likely class it knows; of a pair of which it knows
    one class, +-1 for that class; of a pair of unknown classes, 0. A member that knows one class
    only says +1 for it and -1 for the rest.
    """
    known = member.classes if member.classes is not None else np.arange(len(classes))
    if len(known) == 1:
        return _single_class_decisions(_n_asked(X), int(known[0]), len(classes), pairwise)
    answer = np.asarray(member.estimator.decision_function(X, **arguments), dtype=np.float64)
    if len(known) == len(classes):
        return answer
    if answer.ndim == 1:
        answer = np.column_stack([-answer, answer]) if not pairwise else -answer[:, None]
    return (_aligned_pairs if pairwise else _aligned_decisions)(answer, known, len(classes))


def _single_class_decisions(
    n_rows: int, known: int, n_classes: int, pairwise: bool
) -> NDArray[np.float64]:
    if n_classes == 2:
        return np.full(n_rows, 1.0 if known else -1.0)
    if pairwise:
        return _aligned_pairs(np.empty((n_rows, 0)), np.array([known]), n_classes)
    decided = np.full((n_rows, n_classes), -1.0)
    decided[:, known] = 1.0
    return decided


def _aligned_decisions(
    answer: NDArray[np.float64], known: NDArray[np.intp], n_classes: int
) -> NDArray[np.float64]:
    aligned = np.repeat(answer.min(axis=1, keepdims=True), n_classes, axis=1)
    aligned[:, known] = answer
    return aligned


def _aligned_pairs(
    answer: NDArray[np.float64], known: NDArray[np.intp], n_classes: int
) -> NDArray[np.float64]:
    own = {pair: k for k, pair in enumerate(_pairs(known.tolist()))}
    columns = []
    for first, second in _pairs(range(n_classes)):
        if (first, second) in own:
            columns.append(answer[:, own[first, second]])
        else:
            columns.append(np.full(len(answer), float(first in known) - float(second in known)))
    return np.column_stack(columns)


def _pairs(classes: Iterable[int]) -> list[tuple[int, int]]:
    listed = list(classes)
    return [(a, b) for k, a in enumerate(listed) for b in listed[k + 1 :]]
