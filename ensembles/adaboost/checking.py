"""Checks of what the user gave, made before any work is done."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from ensembles import members
from ensembles.adaboost.core import ALIASES, CLASSIFIERS, LEAST_SQUARES, REGRESSORS, Core
from ensembles.adaboost.rounds import LOSSES
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
from ensembles.scoring import check_scoring, refuse_loss
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
        check_real("learning_rate", self.learning_rate, 0.0, np.inf, open_ends=True)
        self._check_algorithm()
        check_flag("warm_start", self.warm_start)
        for flag in ("resample", "early_stopping"):
            if getattr(self, flag) is not None:
                check_flag(flag, getattr(self, flag))
        self._check_stopping()
        trimming, share = self.weight_trimming, self.max_weight_share
        if not (is_real(trimming) and 0 <= trimming < 1):
            raise ValueError(f"weight_trimming must be a number in [0, 1); got {trimming!r}.")
        if share is not None and not (is_real(share) and 0 < share <= 1):
            raise ValueError(f"max_weight_share must be a number in (0, 1]; got {share!r}.")
        check_n_jobs(self.n_jobs)
        check_verbose(self.verbose)

    def _check_algorithm(self) -> None:
        options = {
            CLASSIFICATION: (*CLASSIFIERS, *ALIASES),
            REGRESSION: REGRESSORS,
            None: (*CLASSIFIERS, *ALIASES, *REGRESSORS),
        }[self._pinned]
        if self.algorithm is not None or self._pinned is not None:
            check_option("algorithm", self.algorithm, options)
        if hasattr(self, "loss"):
            check_option("loss", self.loss, LOSSES)
            check_real("threshold", self.threshold, 0.0, np.inf, open_ends=True)
            check_whole("power", self.power, 1, 3)

    def _check_stopping(self) -> None:
        fraction = self.validation_fraction
        if is_whole(fraction):
            check_whole("validation_fraction", fraction)
        else:
            check_real("validation_fraction", fraction, 0.0, 1.0, open_ends=True)
        check_whole("n_iter_no_change", self.n_iter_no_change)
        check_real("tol", self.tol, 0.0)
        if self.max_generalization_gap is not None:
            check_real("max_generalization_gap", self.max_generalization_gap, 0.0)
        if self.scoring is not None and not (
            isinstance(self.scoring, str) or callable(self.scoring)
        ):
            raise ValueError(
                f"scoring must be None, a scorer's name or a callable; got {self.scoring!r}."
            )
        check_scoring("scoring", self.scoring)
        refuse_loss(self.scoring)

    def _check_targets(self, y: Any) -> tuple[NDArray[Any], NDArray[Any]]:
        """Settle the task; return the targets as the user gave them, and as codes or floats."""
        self._settle_task(y)
        self._check_base()
        if self.task_ == REGRESSION:
            if getattr(self, "class_weight", None) is not None:
                raise ValueError(
                    f"class_weight must be None in a regression; got {self.class_weight!r}."
                )
            self.__dict__.pop("classes_", None)
            self.__dict__.pop("n_classes_", None)
            values = self._one_target(check_values(y, self), "y")
            return values, values.astype(np.float64)
        labels, self.classes_, codes = check_labels(y, self, least=1)
        self.n_classes_ = len(self.classes_)
        return labels, codes

    def _one_target(self, values: NDArray[Any], name: str) -> NDArray[Any]:
        if values.ndim > 1:
            raise ValueError(
                f"{name} must hold one number for each row; got an array of shape {values.shape}."
            )
        return values

    def _settle_task(self, y: Any) -> None:
        task = getattr(self, "task", None)
        if task is not None:
            check_option("task", task, (CLASSIFICATION, REGRESSION), also=" or None")
        self.__dict__.pop("task_", None)
        known = self._known_task()
        for source, own in (
            (f"algorithm={self.algorithm!r}", self._task_of_algorithm()),
            (f"estimator={type(self.estimator).__name__}", self._task_of_base()),
        ):
            if known and own and known != own:
                raise ValueError(
                    f"{source.partition('=')[0]} must be for {known}, the task of "
                    f"{type(self).__name__}; got {source}, which is for {own}."
                )
        if known is None and y is None:
            check_values(y, self)
        self.task_ = known or infer_task(y)

    def _check_base(self) -> None:
        """Refuse a learner that cannot answer what the algorithm asks."""
        if self.estimator is None:
            return
        algorithm, name = self._algorithm(), type(self.estimator).__name__
        if algorithm in LEAST_SQUARES and task_of(self.estimator) == CLASSIFICATION:
            raise ValueError(
                f"estimator must be a regressor for algorithm={algorithm!r}, whose members are "
                f"least-squares fits; got {name}."
            )
        if algorithm == "real" and not hasattr(self.estimator, "predict_proba"):
            raise ValueError(
                f"estimator must have predict_proba for algorithm='real'; got {name}. "
                "algorithm='SAMME' needs predict alone."
            )
        if self.resample is False and members.weight_argument(self.estimator) is None:
            raise ValueError(
                f"resample must be None or True with an estimator that takes no sample_weight: "
                f"{name} doesn't support sample_weight; got resample=False."
            )

    def _resamples(self) -> bool:
        """Whether members learn from rows drawn by weight, and not from the weights."""
        if self.resample is not None:
            return bool(self.resample)
        return self._algorithm() == "R2" or members.weight_argument(self._template()) is None

    def _start_weights(self, weights: Any, labels: NDArray[Any]) -> NDArray[np.float64]:
        """The rows' weights before the first round: the user's times those of the classes."""
        start = np.ones(len(labels)) if weights is None else weights
        class_weight = getattr(self, "class_weight", None)
        if class_weight is None:
            return start
        start = start * weights_by_class(class_weight, self.classes_, labels)
        if not start.any():
            raise ValueError(
                f"class_weight must leave some row a weight > 0; got class_weight={class_weight!r}."
            )
        return start
