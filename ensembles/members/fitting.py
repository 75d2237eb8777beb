"""Fit members on draws: clone, seed, cut, fit."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.base import clone
from sklearn.dummy import DummyClassifier

from ensembles.members.learners import (
    copy_of,
    innermost,
    library_of,
    may_write,
    own_copy,
    own_dtype,
    releases_gil,
    shares_preparation,
    twin,
    wants_codes,
    wants_mean_one,
    weight_argument,
)
from ensembles.members.recipes import FOR_SEEDS, Member, Recipe
from ensembles.members.running import run
from ensembles.members.seeding import Mould, seed_of, seeded
from ensembles.members.threads import inner_threads, n_workers, within_budget
from ensembles.resampling import Draws, Rows, generator
from ensembles.stopping import validation_arguments
from ensembles.tables import take


def prepare(
    recipe: Recipe, X: Any, y: NDArray[Any], sample_weight: NDArray[np.float64] | None = None
) -> Recipe:
    """Return the recipe with what its members share, where the learner shares anything."""
    if not shares_preparation(recipe.learner):
        return recipe
    return replace(recipe, prepared=clone(recipe.learner).prepare(X, y, sample_weight))


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
    cut = partial(take, columns=columns, dtype=own_dtype(recipe.learner))
    learner = seeded(clone(recipe.learner), recipe.seed, i)
    targets, classes = _targets(recipe, y[rows])
    arguments = _arguments_of_rows(recipe, rows, draws.n_rows)
    if weights is not None:
        arguments["sample_weight"] = np.asarray(weights, np.float64)
    if recipe.early_stopping:
        arguments |= _validation(recipe, learner, cut, X, y, draws.test(i), classes)
    if whole and recipe.all_columns:
        table = own_copy(X, learner)
    else:
        table = cut(X, None if whole else rows)
    estimator = fit_or_none(learner, table, targets, arguments, only_class=_only(classes))
    return _member(recipe, estimator, columns, classes, y[rows])


def _member(
    recipe: Recipe,
    estimator: Any,
    columns: NDArray[np.intp] | None,
    classes: NDArray[np.intp] | None,
    y: NDArray[Any],
) -> Member:
    """The member that an estimator is, or, where there is none, one that says the class in y."""
    if estimator is None:
        stand_in = DummyClassifier(strategy="prior").fit(np.zeros((len(y), 1)), y)
        return Member(stand_in, columns, classes)
    coded = recipe.classes is not None and _coded(recipe)
    return Member(estimator, columns, _classes_of(estimator, classes, recipe), coded)


def _fitted_on_prepared(recipe: Recipe, rows: Rows, weights: Any, i: int) -> Member:
    learner = twin(recipe.learner)
    learner.random_state = seed_of(generator(recipe.seed, i, FOR_SEEDS))
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
    return (codes if _coded(recipe) else y), classes


def _coded(recipe: Recipe) -> bool:
    return wants_codes(recipe.learner, early_stopping=recipe.early_stopping)


def _only(classes: NDArray[np.intp] | None) -> bool:
    return classes is not None and len(classes) == 1


def fit_or_none(
    learner: Any, X: Any, y: Any, arguments: dict[str, Any], *, only_class: bool
) -> Any:
    """Fit the learner; None if its rows are of one class and it cannot learn from one class.

    Boosting libraries refuse such rows or, worse, answer with a second class.
    """
    if only_class and library_of(innermost(learner)) in ("catboost", "lightgbm", "xgboost"):
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
        if _coded(recipe):
            targets = np.searchsorted(known, targets)
    return validation_arguments(learner, cut(X, rows), targets) if len(rows) else {}


def _classes_of(estimator: Any, drawn: NDArray[np.intp] | None, recipe: Recipe) -> Any:
    """Codes of the estimator's classes in the order of its own output."""
    if recipe.classes is None or _coded(recipe) or not hasattr(estimator, "classes_"):
        return drawn
    return np.searchsorted(recipe.classes, np.asarray(estimator.classes_))


class InTurn:
    """Fits member after member of a sequence to the same rows, of which only weights and targets
    change.

    What does not change is looked at once: how the learner is cloned, what it calls weights, the
    codes of the targets. The table is to be `ready`, and linear algebra held to one thread by
    whoever uses this: see `one_blas_thread`.
    """

    def __init__(self, recipe: Recipe, X: Any, y: NDArray[Any]) -> None:
        self._recipe = recipe
        self._X, self._y = X, y
        self._mould = Mould(recipe.learner)
        self._copies = may_write(recipe.learner)
        self._weights = str(weight_argument(recipe.learner))
        self._of_mean_one = wants_mean_one(recipe.learner)
        self._told, self._classes = _targets(recipe, y)
        self._arguments = _arguments_of_rows(recipe, np.arange(len(y)), len(y))

    @property
    def n_seeds(self) -> int:
        """How many seeds `fit` needs."""
        return len(self._mould.names)

    def fit(
        self,
        seeds: Sequence[int],
        *,
        rows: Rows | None = None,
        weights: NDArray[np.float64] | None = None,
        target: NDArray[np.float64] | None = None,
    ) -> Member:
        """Fit the next member.

        Parameters
        ----------
        seeds : sequence of n_seeds numbers
            For every ``random_state`` of the learner.
        rows : array of shape (n_drawn,), optional
            The rows to learn from, repeats included; all when None.
        weights : array of shape (n_drawn,), optional
            Their weights, adding up to one.
        target : array of shape (n_rows,), optional
            Numbers to learn in place of the targets, in a regression.
        """
        recipe, learner = self._recipe, self._mould.cast(seeds)
        y = self._y if target is None else target
        if rows is None:
            table = copy_of(self._X) if self._copies else self._X
            told, classes = (self._told if target is None else target), self._classes
            arguments = dict(self._arguments)
        else:
            y = y[rows]
            table = take(self._X, rows, dtype=own_dtype(recipe.learner))
            told, classes = _targets(recipe, y)
            arguments = _arguments_of_rows(recipe, rows, len(self._y))
        if weights is not None:
            arguments[self._weights] = weights * (len(weights) if self._of_mean_one else 1.0)
        estimator = fit_or_none(learner, table, told, arguments, only_class=_only(classes))
        return _member(recipe, estimator, None, classes, y)
