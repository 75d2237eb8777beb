"""Asking: predictions, as XGBoost's own to the last bit."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.metrics import accuracy_score, mean_pinball_loss, r2_score
from sklearn.utils.metaestimators import available_if

from ensembles.gradient_boosting import partitions
from ensembles.gradient_boosting.calling import answers_of
from ensembles.gradient_boosting.columns import packed
from ensembles.gradient_boosting.explaining import Explaining
from ensembles.gradient_boosting.gpu import (
    cupy_named,
    gpu_of,
    is_cudf,
    lies_on_gpu,
    on_host,
    place,
)
from ensembles.gradient_boosting.infinity import refuse_infinity
from ensembles.gradient_boosting.storing import Loading, Storing
from ensembles.tables import check_table
from ensembles.tasks import CLASSIFICATION, REGRESSION

__all__ = ["Asking"]


def _classifies(estimator: Any) -> bool:
    if estimator._known_task() == REGRESSION:
        raise AttributeError(f"{type(estimator).__name__} has no classes: its task is regression.")
    return True


def _has_quantiles(estimator: Any) -> bool:
    if estimator.quantiles is None or estimator._known_task() == CLASSIFICATION:
        raise AttributeError(
            "predict_interval needs at least two quantiles, such as quantiles=[0.05, 0.95]."
        )
    return True


class Asking(Explaining, Storing):
    """What a fitted model answers."""

    load_model = Loading()

    def _coded(self, X: Any) -> Any:
        """Check a table and code it as at fit."""
        table = self._columns.coded(self._checked_table(X, reset=False))
        refuse_infinity(table, self._columns.names, self._missing)
        return packed(table)

    def _checked_table(self, X: Any, *, reset: bool) -> Any:
        """Check a table, which stays on a GPU where it holds numbers there."""
        if is_cudf(X):
            numbers = all(getattr(dtype, "kind", "O") in "iufb" for dtype in X.dtypes)
            first = check_table(self, on_host(X.head(1) if numbers else X), reset=reset)
            return X if numbers else first
        if lies_on_gpu(X):
            return self._checked_on_gpu(X, reset=reset)
        return check_table(self, X, reset=reset)

    def _checked_on_gpu(self, X: Any, *, reset: bool) -> Any:
        """Check the shape alone: the array stays where it is."""
        if len(X.shape) != 2 or X.shape[0] < 1 or X.shape[1] < 1:
            raise ValueError(f"X must have rows and columns; got shape {tuple(X.shape)}.")
        if reset:
            self.n_features_in_ = int(X.shape[1])
            for stale in ("feature_names_in_", "_numbered_columns"):
                self.__dict__.pop(stale, None)
        elif X.shape[1] != self.n_features_in_:
            raise ValueError(
                f"X has {X.shape[1]} features, but {type(self).__name__} is expecting "
                f"{self.n_features_in_} features as input."
            )
        return X

    def _mean(self, X: Any, *, margin: bool = False) -> NDArray[np.float32]:
        """Ask every booster, and average over the seeds."""
        return self._mean_of(self._coded(X), margin)

    def _mean_of(self, table: Any, margin: bool, n_rounds: int = 0) -> NDArray[np.float32]:
        """Ask about a coded table after so many rounds; 0 for all there are."""
        if len(self.boosters_) == 1:
            return self._answer(self.boosters_[0], table, margin, n_rounds)
        answers = [
            self._answer(one, table, margin, min(n_rounds, one.num_boosted_rounds()))
            for one in self.boosters_
        ]
        if isinstance(answers[0], np.ndarray):
            return np.mean(np.asarray(answers, dtype=np.float64), axis=0).astype(np.float32)
        return (sum(one.astype(np.float64) for one in answers) / len(answers)).astype(np.float32)

    def _answer(self, booster: Any, table: Any, margin: bool, n_rounds: int) -> Any:
        """Ask a booster about a table where it lies."""
        if lies_on_gpu(table):
            place(booster, gpu_of(table))
            with cupy_named():
                return self._inplace(booster, table, margin, n_rounds)
        place(booster, "cpu")
        if (quick := answers_of(booster, table, margin, n_rounds, self._missing)) is not None:
            return quick
        return self._inplace(booster, table, margin, n_rounds)

    def _inplace(self, booster: Any, table: Any, margin: bool, n_rounds: int) -> Any:
        return booster.inplace_predict(
            table,
            iteration_range=(0, n_rounds),
            predict_type="margin" if margin else "value",
            missing=self._missing,
            validate_features=False,
        )

    def predict(self, X: Any) -> NDArray[Any]:
        """Predict labels or values.

        Parameters
        ----------
        X : {array-like, sparse matrix, DataFrame} of shape (n_rows, n_columns)
            With the columns of `fit`, in their order.

        Returns
        -------
        array of shape (n_rows,), (n_rows, n_outputs) or (n_rows, n_quantiles)
            Quantiles ascend along each row.
        """
        self._must_be_fitted()
        if partitions.is_collection(X):
            return partitions.ask(self, "predict", X)
        return self._chosen(self._mean(X))

    def _chosen(self, answers: Any) -> NDArray[Any]:
        """Turn the boosters' answers into labels or values."""
        if self.task_ == REGRESSION:
            return self._values(answers)
        if len(self.classes_) == 2:
            codes = answers > 0.5 if answers.ndim == 1 else answers.argmax(axis=1)
            return self.classes_.take(on_host(codes))
        return self.classes_[on_host(self._probabilities(answers).argmax(axis=1))]

    def _values(self, answers: Any) -> NDArray[Any]:
        if answers.ndim == 1:
            return answers
        if self._objective.name == "reg:quantileerror":
            return np.sort(answers, axis=1)
        return answers.astype(np.float64)

    @available_if(_classifies)
    def predict_proba(self, X: Any) -> NDArray[np.float32]:
        """Predict class probabilities.

        Returns
        -------
        array of shape (n_rows, n_classes)
            In the order of ``classes_``.
        """
        self._must_be_fitted()
        if partitions.is_collection(X):
            return partitions.ask(self, "predict_proba", X)
        return self._probabilities(self._mean(X))

    def _probabilities(self, answers: Any) -> NDArray[np.float32]:
        if len(self.classes_) == 1:
            return np.ones((len(answers), 1), dtype=np.float32)
        if answers.ndim == 2:
            return answers
        if not isinstance(answers, np.ndarray):
            return _two(answers)
        both = np.empty((len(answers), 2), dtype=np.float32)
        np.subtract(1.0, answers, out=both[:, 0])
        both[:, 1] = answers
        return both

    @available_if(_classifies)
    def predict_log_proba(self, X: Any) -> NDArray[np.float32]:
        """Predict the logarithms of class probabilities."""
        with np.errstate(divide="ignore"):
            return np.log(self.predict_proba(X))

    @available_if(_classifies)
    def decision_function(self, X: Any) -> NDArray[np.float32]:
        """Return the sums of the leaves: log odds of the second class, or one score per class.

        With ``n_seeds``, their mean over the seeds.
        """
        self._must_be_fitted()
        if partitions.is_collection(X):
            return partitions.ask(self, "decision_function", X)
        return self._mean(X, margin=True)

    def _staged(self, X: Any, *, margin: bool = False) -> Iterator[NDArray[np.float32]]:
        self._must_be_fitted()
        if partitions.is_collection(X):
            raise ValueError("X must be a table that is in memory; got a dask collection.")
        table = self._coded(X)
        for n_rounds in range(1, self.n_estimators_ + 1):
            yield self._mean_of(table, margin, n_rounds)

    def staged_predict(self, X: Any) -> Iterator[NDArray[Any]]:
        """Yield the predictions after the first round, the second, and so on.

        The last equals ``predict(X)``, to the bit; of several seeds each speaks with all of its
        rounds where it has fewer. Every stage is asked anew, so that all together
        take time with the square of the rounds.
        """
        yield from map(self._chosen, self._staged(X))

    @available_if(_classifies)
    def staged_predict_proba(self, X: Any) -> Iterator[NDArray[np.float32]]:
        """Yield the class probabilities after the first round, the second, and so on."""
        yield from map(self._probabilities, self._staged(X))

    @available_if(_classifies)
    def staged_decision_function(self, X: Any) -> Iterator[NDArray[np.float32]]:
        """Yield the decision function after the first round, the second, and so on."""
        yield from self._staged(X, margin=True)

    @available_if(_has_quantiles)
    def predict_interval(self, X: Any) -> NDArray[np.float32]:
        """Predict the outermost of the ``quantiles``, which never cross.

        Crossing quantiles are put in order (Chernozhukov, Fernandez-Val and Galichon 2010,
        Quantile and probability curves without crossing, Econometrica 78), which brings them
        nearer to the truth.

        Returns
        -------
        array of shape (n_rows, 2)
        """
        answers = self.predict(X)
        if answers.ndim == 1:
            raise ValueError(
                f"quantiles must hold at least 2 levels for an interval; got {self.quantiles!r}."
            )
        return answers[:, [0, -1]]

    def score(self, X: Any, y: Any, sample_weight: ArrayLike | None = None) -> float:
        """Return the accuracy, R2, or with ``quantiles`` the share of pinball loss explained.

        The last is D2: one minus the mean pinball loss over that of the quantiles of ``y``.
        """
        self._must_be_fitted()
        answers, y, sample_weight = map(on_host, (self.predict(X), y, sample_weight))
        if self.task_ == CLASSIFICATION:
            return float(accuracy_score(y, answers, sample_weight=sample_weight))
        if self._objective.name != "reg:quantileerror":
            return float(r2_score(y, answers, sample_weight=sample_weight))
        return _explained(np.asarray(y, float), answers, self._objective, sample_weight)


def _two(answers: Any) -> Any:
    """Stack two columns where the answers lie, on a GPU: with their own library, XGBoost's cupy."""
    both = type(answers)((len(answers), 2), dtype=answers.dtype)
    both[:, 0] = 1.0 - answers
    both[:, 1] = answers
    return both


def _explained(y: NDArray[Any], answers: NDArray[Any], objective: Any, weights: Any) -> float:
    levels = objective.parameters["quantile_alpha"]
    answers = answers.reshape(len(y), -1)
    lost = constant = 0.0
    for level, column in zip(levels, answers.T, strict=True):
        plain = np.full(len(y), np.quantile(y, level))
        lost += mean_pinball_loss(y, column, alpha=level, sample_weight=weights)
        constant += mean_pinball_loss(y, plain, alpha=level, sample_weight=weights)
    return 1 - lost / constant if constant else float("nan")
