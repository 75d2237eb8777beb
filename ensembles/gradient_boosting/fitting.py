"""Fitting: check, hold rows out, let XGBoost grow the trees, keep."""

from __future__ import annotations

from dataclasses import dataclass, replace
from types import SimpleNamespace
from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ensembles.gradient_boosting import partitions
from ensembles.gradient_boosting.asking import Asking
from ensembles.gradient_boosting.boosting import Grown, Job, Judged, Rows, grow, rounds_again
from ensembles.gradient_boosting.columns import Columns, learn_columns
from ensembles.gradient_boosting.devices import choose_device
from ensembles.gradient_boosting.gpu import on_host, take_rows
from ensembles.gradient_boosting.labels import (
    Targets,
    check_targets,
    class_weights,
    codes_of,
    row_weights,
    smoothed,
)
from ensembles.gradient_boosting.objectives import (
    Objective,
    check_base_score,
    check_own_gradient,
    check_range,
    objective_of,
)
from ensembles.gradient_boosting.rounds import (
    Yardstick,
    check_unweighted,
    holds_out,
    most_rounds,
    stops,
    validation_rows,
    yardstick_of,
)
from ensembles.gradient_boosting.scales import check_level, measure_of, warn_of_scales
from ensembles.gradient_boosting.settings import check_settings, settings_of
from ensembles.gradient_boosting.starting import (
    boosters_from,
    check_start,
    check_start_columns,
    renamed,
)
from ensembles.parameters import (
    check_groups,
    check_option,
    check_validation_arguments,
    unchanged_on_error,
)
from ensembles.resampling import generator, seed_of
from ensembles.tables import check_rows
from ensembles.tasks import CLASSIFICATION, REGRESSION, infer_task

__all__ = ["Fitting"]

FOR_SPLIT, FOR_SEEDS, FOR_ROUNDS = 1, 2, 5
"""Second words of an address: the stream that rows are held out by, that the seeds of further
boosters come from, and those of further rounds."""

OF_VALIDATION = (
    "evals_result_",
    "generalization_gap_",
    "best_iteration_",
    "best_score_",
    "validation_rows_",
)
"""What an earlier fit may have left."""


@dataclass(frozen=True)
class Given:
    """What a fit was given, checked: a table not coded yet, targets, weights."""

    X: Any
    targets: Targets
    weights: NDArray[np.float64] | None
    rows: NDArray[np.intp]
    groups: NDArray[Any] | None = None

    def __len__(self) -> int:
        return len(self.targets.values)

    def some(self, rows: NDArray[np.intp]) -> Given:
        """Return some of the rows."""
        weights = None if self.weights is None else self.weights[rows]
        groups = None if self.groups is None else self.groups[rows]
        targets = self.targets._replace(values=self.targets.values[rows])
        return Given(take_rows(self.X, rows), targets, weights, self.rows[rows], groups)


class Fitting(Asking):
    """The flow of `fit`."""

    def fit(
        self,
        X: Any,
        y: Any = None,
        sample_weight: ArrayLike | None = None,
        *,
        X_val: Any = None,
        y_val: Any = None,
        sample_weight_val: ArrayLike | None = None,
        eval_set: Any = None,
        groups: ArrayLike | None = None,
        init_model: Any = None,
    ) -> Self:
        """Fit the trees.

        Parameters
        ----------
        X : array-like, sparse matrix, DataFrame, path or iterable
            A table of shape (n_rows, n_columns): numbers, and in DataFrames text and categories
            too. In a DataFrame text is categories, whatever it says; in an array a column of text
            that reads as numbers throughout is numbers. NaN is missing; what a sparse matrix does
            not store is missing, as XGBoost has it. An array on a GPU stays there, as does a cudf
            DataFrame of numbers; one with text or categories comes to the host. For data larger
            than memory: the path of a Parquet file, or an iterable of DataFrames, of Arrow's record
            batches, of (X, y) or of (X, y, sample_weight). For data larger than a machine: a dask
            DataFrame or array.
        y : array-like of shape (n_rows,) or (n_rows, n_outputs), or str
            Labels of any sortable kind, or numbers. With a path or an iterable of DataFrames, the
            name of the target's column.
        sample_weight : array-like of shape (n_rows,) or str, optional
            The weight of every row. A row of weight zero might as well not be there.
        X_val, y_val, sample_weight_val : optional
            Rows to judge the rounds by, in the place of rows held out from ``X``. The model never
            learns from them, with ``refit`` neither.
        eval_set : list of (X, y) or of (X, y, sample_weight), optional
            The same, as XGBoost has it: all are evaluated, the last decides.
        groups : array-like of shape (n_rows,), optional
            The group of every row: rows are held out by whole groups.
        init_model : estimator, xgboost.Booster or path, optional
            A model to go on from, with ``n_estimators`` further rounds.

        Returns
        -------
        self

        Raises
        ------
        ValueError
            When a parameter or an argument breaks its rule. The estimator is then what it was
            before.
        MemoryError
            When the memory of the GPU that was asked for is too small.
        """
        with unchanged_on_error(self):
            settings = settings_of(self)
            check_settings(settings)
            self._seed = seed_of(settings.random_state)
            device = choose_device(settings.device, X)
            validation = _pairs(X_val, y_val, sample_weight_val, eval_set)
            given = [sample_weight, settings.class_weight, *(one[2] for one in validation.values())]
            check_unweighted(settings.scoring, any(one is not None for one in given))
            elsewhere = self._source(X)
            if elsewhere is not None:
                return elsewhere(
                    self, settings, device, X, y, sample_weight, validation, groups, init_model
                )
            y, sample_weight, groups = map(on_host, (y, sample_weight, groups))
            return self._fit(settings, device, X, y, sample_weight, validation, groups, init_model)

    def _source(self, X: Any) -> Any:
        """Return the room that fits what is no table in memory, None for a table."""
        from ensembles.gradient_boosting import distributed, sources

        if partitions.is_collection(X):
            return distributed.fit
        return sources.fit if sources.is_source(X) else None

    def _fit(
        self,
        settings: SimpleNamespace,
        device: str,
        X: Any,
        y: Any,
        sample_weight: Any,
        validation: dict[str, Any],
        groups: Any,
        init_model: Any,
    ) -> Any:
        start = self._start(settings, init_model)
        X = self._checked_table(X, reset=True)
        self._check_start_columns(start)
        settings.n_cells = X.shape[0] * X.shape[1]
        check_rows(X, y)
        targets = self._targets(y, start)
        by_class = class_weights(settings.class_weight, targets.classes, targets.counts)
        weights = row_weights(sample_weight, by_class, targets.values, settings.normalize_weights)
        if groups is not None:
            groups = check_groups(groups, len(targets.values))
        everything = np.arange(len(targets.values))
        given = _without_zeros(Given(X, targets, weights, everything, groups))
        objective = self._objective_for(settings, targets.values.shape, start)
        check_range(objective, given.targets.values)
        measure = measure_of(given.targets.values, given.weights)
        check_level(measure, settings, objective.name, start)
        warn_of_scales(measure, settings.min_child_weight, objective.name)
        if settings.check_gradient:
            values = given.targets.values
            check_own_gradient(settings.objective, values, objective.n_outputs(values.shape))
        yardstick = yardstick_of(settings.scoring, objective)
        outside = self._checked_validation(settings, validation, given, by_class, objective)
        self._grow(settings, objective, device, given, outside, yardstick, start)
        return self

    def _grow(
        self,
        settings: SimpleNamespace,
        objective: Objective,
        device: str,
        given: Given,
        outside: dict[str, Given],
        yardstick: Yardstick,
        start: Any,
    ) -> None:
        stop = stops(settings, len(given), bool(outside))
        inside = holds_out(settings, stop, bool(outside))
        everything = given
        if inside:
            given, held_out = self._hold_out(settings, given)
            outside = {"validation": held_out}
        columns = self._learnt(settings, given.X, start)
        n_rounds = self._n_rounds(settings, start, stop)
        job = self._job(settings, objective, columns, device, start)
        judged = None
        if outside:
            coded = {name: _rows(job, one) for name, one in outside.items()}
            judged = Judged(coded, yardstick, stop)
        job, grown = grow(job, _training_rows(job, given), judged, n_rounds)
        self._forget()
        self._keep_scores(grown[0], judged, start)
        if inside:
            self.validation_rows_ = held_out.rows
            if settings.refit:
                job, grown = self._again(job, everything, len(given), grown, start)
        self._keep(job, grown)

    def _again(
        self, job: Job, everything: Given, n_learnt: int, grown: list[Grown], start: Any
    ) -> tuple[Job, list[Grown]]:
        """Train on all rows, with the rounds that were found, scaled to the larger data."""
        columns = self._learnt(job.settings, everything.X, start)
        job = replace(job, columns=columns)
        n_rounds = rounds_again(grown, len(everything), n_learnt)
        return grow(job, _training_rows(job, everything), None, n_rounds)

    def _learnt(self, settings: SimpleNamespace, X: Any, start: Any) -> Columns:
        """Decide how the table becomes numbers, as it was decided where the model goes on."""
        if start is None or start.columns is None:
            return learn_columns(X, self._names(), settings.min_category_count)
        return start.columns

    def _objective_for(
        self, settings: SimpleNamespace, shape: tuple[int, ...], start: Any
    ) -> Objective:
        """Settle the objective, and refuse what does not go with it.

        Parameters
        ----------
        shape : tuple
            That of the targets.
        """
        classes = getattr(self, "classes_", None)
        objective = objective_of(settings, self.task_, 0 if classes is None else len(classes))
        n_outputs = objective.n_outputs(shape)
        check_base_score(settings.base_score, objective, n_outputs)
        check_start(start, objective, n_outputs)
        return objective

    def _job(
        self,
        settings: SimpleNamespace,
        objective: Objective,
        columns: Columns,
        device: str,
        start: Any,
    ) -> Job:
        """Put together what there is to train; with ``warm_start`` boosters end level."""
        return Job(
            settings,
            objective,
            columns,
            getattr(self, "classes_", None),
            device,
            self._seeds(settings, start),
            renamed(start, columns),
            level=start is not None and start.counted,
        )

    def _hold_out(self, settings: SimpleNamespace, given: Given) -> tuple[Given, Given]:
        held_out = validation_rows(
            len(given),
            settings.validation_fraction,
            generator(self._seed, FOR_SPLIT),
            codes=given.targets.values if self.task_ == CLASSIFICATION else None,
            groups=given.groups,
            latest=settings.validation_split == "latest",
        )
        learnt = np.setdiff1d(np.arange(len(given)), held_out)
        return given.some(learnt), given.some(held_out)

    # -----------------------------------------------------------------------------------------
    # Checks

    def _targets(self, y: Any, start: Any) -> Targets:
        """Settle the task, and return the targets as XGBoost takes them."""
        self._settle_task(y)
        if start is not None and self.task_ == CLASSIFICATION and start.classes is not None:
            codes = codes_of(y, start.classes, self, "y", start.name)
            targets = Targets(codes, start.classes)
        else:
            targets = check_targets(y, self.task_, self)
        self._keep_classes(targets.classes)
        return targets

    def _keep_classes(self, classes: NDArray[Any] | None) -> None:
        """Let these be the classes, or let there be none: it is a regression."""
        for stale in ("classes_", "n_classes_"):
            self.__dict__.pop(stale, None)
        if classes is not None:
            self.classes_, self.n_classes_ = classes, len(classes)

    def _settle_task(self, y: Any) -> None:
        task = getattr(self, "task", None)
        if task is not None:
            check_option("task", task, (CLASSIFICATION, REGRESSION), also=" or None")
        self.__dict__.pop("task_", None)
        if y is None:
            check_targets(y, REGRESSION, self)
        self.task_ = self._pinned or task or self._task_of_objective() or infer_task(y)

    def _task_of_objective(self) -> Any:
        """A quantile is asked of a quantity, "logistic" of classes, whatever ``y`` looks like."""
        from ensembles.gradient_boosting.objectives import TABLES

        if self.quantiles is not None:
            return REGRESSION
        for task, table in TABLES.items():
            if self.objective in [*table, *(one.name for one in table.values())]:
                return task
        return None

    def _checked_validation(
        self,
        settings: SimpleNamespace,
        validation: dict[str, Any],
        given: Given,
        by_class: NDArray[np.float64] | None,
        objective: Objective,
    ) -> dict[str, Given]:
        """Check the rows that rounds are judged by as those that are learned from."""
        checked = {}
        for name, (X, *others) in validation.items():
            y, weights = map(on_host, others)
            X = self._checked_table(X, reset=False)
            check_rows(X, y)
            if given.targets.classes is None:
                targets = check_targets(y, REGRESSION, self)
                check_range(objective, targets.values)
            else:
                codes = codes_of(y, given.targets.classes, self, f"the labels of {name}")
                targets = Targets(codes, given.targets.classes)
            weighted = row_weights(weights, by_class, targets.values, settings.normalize_weights)
            checked[name] = Given(X, targets, weighted, np.arange(len(targets.values)))
        return checked

    # -----------------------------------------------------------------------------------------
    # Rounds, seeds, models to go on from

    def _start(self, settings: SimpleNamespace, init_model: Any) -> Any:
        """Return the model to go on from, or None."""
        if init_model is not None:
            return boosters_from(init_model, settings.n_seeds)
        if settings.warm_start and hasattr(self, "boosters_"):
            start = boosters_from(self, settings.n_seeds)
            return start._replace(name="the model of warm_start", counted=True)
        return None

    def _check_start_columns(self, start: Any) -> None:
        names = getattr(self, "feature_names_in_", None)
        check_start_columns(start, self.n_features_in_, names)

    def _n_rounds(self, settings: SimpleNamespace, start: Any, stop: bool) -> int:
        """Return how many rounds to add: with ``warm_start``, ``n_estimators`` is the total."""
        most = most_rounds(settings, stop)
        if start is None or not start.counted:
            return most
        there = start.most_rounds
        if most < there:
            raise ValueError(
                f"n_estimators must be >= {there}, the rounds there are, with warm_start; "
                f"got {most}."
            )
        return int(most - there)

    def _seeds(self, settings: SimpleNamespace, start: Any) -> list[int]:
        """Return a seed for each booster: others where rounds are there, which used up their own.

        Otherwise each round that is added would learn from the very rows of an earlier one.
        """
        seeds = [self._seed]
        if settings.n_seeds > 1:
            further = generator(self._seed, FOR_SEEDS).integers(2**31, size=settings.n_seeds - 1)
            seeds += further.tolist()
        if start is None:
            return seeds
        return [int(generator(seed, FOR_ROUNDS, start.n_rounds).integers(2**31)) for seed in seeds]

    # -----------------------------------------------------------------------------------------
    # Keeping

    def _forget(self) -> None:
        for stale in OF_VALIDATION:
            self.__dict__.pop(stale, None)

    def _keep_scores(self, grown: Grown, judged: Judged | None, start: Any) -> None:
        if judged is None:
            return
        watch = grown.watch
        before = start.n_rounds if start else 0
        self.evals_result_ = {
            rows: {metric: list(values) for metric, values in log.items()}
            for rows, log in grown.log.items()
        }
        best = max(watch.best, 0)
        self.best_iteration_ = before + best
        self.best_score_ = float(watch.scores[best])
        self.generalization_gap_ = float(watch.gaps[grown.n_rounds - 1])

    def _keep(self, job: Job, grown: list[Grown]) -> None:
        self.boosters_ = [one.booster for one in grown]
        named = hasattr(self, "feature_names_in_")
        for booster in self.boosters_:
            booster.feature_names = job.columns.names if named else None
            if job.device != "cpu":
                booster.set_param({"device": "cpu"})  # until it is asked on a GPU
        self.device_ = job.device
        self._columns, self._objective = job.columns, job.objective
        self._missing = job.settings.missing


def _rows(job: Job, given: Given) -> Rows:
    return Rows(job.columns.coded(given.X), given.targets.values, given.weights)


def _training_rows(job: Job, given: Given) -> Rows:
    """Rows to learn from: labels of two classes are smoothed here, of more in the gradients."""
    rows = _rows(job, given)
    return replace(rows, values=smoothed(rows.values, job.smoothing))


def _without_zeros(given: Given) -> Given:
    """Drop the rows of weight zero: nobody shall learn from them, nor be judged by them."""
    if given.weights is None or given.weights.all():
        return given
    return given.some(np.flatnonzero(given.weights))


def _pairs(X_val: Any, y_val: Any, weights: Any, eval_set: Any) -> dict[str, Any]:
    """Return the validation rows by name, the deciding ones last."""
    check_validation_arguments(X_val, y_val, weights)
    if X_val is not None:
        if eval_set is not None:
            raise ValueError("eval_set must be None when X_val is given; got both.")
        return {"validation": (X_val, y_val, weights)}
    if eval_set is None:
        return {}
    sets = [eval_set] if isinstance(eval_set, tuple) else list(eval_set)
    if not sets or not all(isinstance(one, tuple | list) and len(one) in (2, 3) for one in sets):
        raise ValueError(
            "eval_set must be a list of (X, y) or (X, y, sample_weight) pairs; "
            f"got {type(eval_set).__name__}."
        )
    return {f"validation_{i}": (*one, None)[:3] for i, one in enumerate(sets)}
