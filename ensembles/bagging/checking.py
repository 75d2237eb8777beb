"""Checks of what the user gave, made before any work is done."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ensembles.bagging.core import Core
from ensembles.parameters import (
    check_flag,
    check_learner,
    check_n_jobs,
    check_option,
    check_real,
    check_verbose,
    check_whole,
    is_real,
    is_whole,
)
from ensembles.resampling import (
    check_size,
)
from ensembles.scoring import check_scoring
from ensembles.tasks import (
    CLASSIFICATION,
    REGRESSION,
    check_labels,
    check_values,
    infer_task,
    task_of,
    weights_by_class,
)


class Checking(Core):
    """Checks of parameters and arguments: each error names parameter, rule and value."""

    def _check_parameters(self) -> None:
        check_learner(self.estimator)
        check_whole("n_estimators", self.n_estimators)
        for flag in ("bootstrap", "bootstrap_features", "warm_start", "early_stopping"):
            check_flag(flag, getattr(self, flag))
        if not (isinstance(self.oob_score, bool | np.bool_ | str) or callable(self.oob_score)):
            raise ValueError(
                "oob_score must be True, False, a scorer's name or a callable; "
                f"got {self.oob_score!r}."
            )
        check_scoring("oob_score", self.oob_score)
        check_n_jobs(self.n_jobs)
        check_verbose(self.verbose)
        if self.n_iter_no_change is not None:
            check_whole("n_iter_no_change", self.n_iter_no_change)
        check_real("tol", self.tol, 0.0)
        self._check_resampling()

    def _check_resampling(self) -> None:
        check_size("max_samples", self.max_samples, np.iinfo(np.int64).max, 1.0, 1)
        if self.resampling is None:
            return
        for name, default in (("max_samples", None), ("bootstrap", True)):
            if getattr(self, name) is not default:
                raise ValueError(
                    f"{name} must be left at {default} when resampling is given, which says how "
                    f"rows are drawn; got {name}={getattr(self, name)!r}."
                )
        folds = is_whole(self.resampling) and self.resampling >= 2
        splits = hasattr(self.resampling, "split") or hasattr(self.resampling, "__iter__")
        if isinstance(self.resampling, str) or not (folds or splits):
            raise ValueError(
                "resampling must be a splitter, a number of folds >= 2, an iterable of (train, "
                f"test) pairs or None; got {self.resampling!r}."
            )

    def _check_targets(self, X: Any, y: Any) -> NDArray[Any]:
        """Settle the task, and return the targets as members will see them."""
        if self._pinned is None:
            self._settle_task(y)
        else:
            self._check_pinned()
            self.task_ = self._pinned
        if self.task_ == REGRESSION:
            if self.class_weight is not None:
                raise ValueError(
                    f"class_weight must be None in a regression; got {self.class_weight!r}."
                )
            self.__dict__.pop("classes_", None)
            self.__dict__.pop("n_classes_", None)
            return check_values(y, self)
        y, self.classes_, _ = check_labels(y, self)
        self.n_classes_ = len(self.classes_)
        return y

    def _check_pinned(self) -> None:
        own = task_of(self.estimator)
        if own is not None and own != self._pinned:
            raise ValueError(
                f"estimator must be for {self._pinned}, the task of {type(self).__name__}; got "
                f"{type(self.estimator).__name__}, which is for {own}."
            )

    def _settle_task(self, y: Any) -> None:
        task = getattr(self, "task", None)
        if task is not None:
            check_option("task", task, (CLASSIFICATION, REGRESSION), also=" or None")
        own = task_of(self.estimator)
        if task and own and task != own:
            raise ValueError(
                f"task must agree with the estimator; got task={task!r} and "
                f"{type(self.estimator).__name__}, which is for {own}."
            )
        self.__dict__.pop("task_", None)
        if task is None and own is None and y is None:
            check_values(y, self)
        self.task_ = task or own or infer_task(y)

    def _row_weights(self, weights: NDArray[np.float64] | None, y: NDArray[Any]) -> Any:
        """Weights that rows are drawn in proportion to: the user's times those of the classes."""
        if weights is not None and not self.bootstrap:
            warnings.warn(
                f"When fitting {type(self).__name__} with sample_weight it is recommended to use "
                f"bootstrap=True, got {self.bootstrap}.",
                UserWarning,
                stacklevel=5,
            )
        if self.class_weight is None:
            return weights
        by_class = weights_by_class(self.class_weight, self.classes_, y)
        total = len(y) if weights is None else weights.sum()
        combined = by_class if weights is None else by_class * weights
        if not combined.any():
            raise ValueError(
                "class_weight must leave some row a weight > 0; got "
                f"class_weight={self.class_weight!r}."
            )
        return combined * (total / combined.sum())

    def _n_drawn_columns(self) -> int:
        n_columns, size = self.n_features_in_, self.max_features
        if is_whole(size) and 1 <= size <= n_columns:
            return int(size)
        if is_real(size) and not is_whole(size) and 0 < size <= 1:
            return max(1, int(size * n_columns))
        raise ValueError(
            f"max_features must be <= n_features: an integer in [1, {n_columns}] or a float in "
            f"(0, 1]; got {size!r}."
        )
