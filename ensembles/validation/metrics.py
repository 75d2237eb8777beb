"""Names of metrics, and what each is as a function of weighted rows."""

from __future__ import annotations

import inspect
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn import metrics as theirs
from sklearn.metrics import get_scorer, get_scorer_names

from ensembles.scoring import LOSS_OF, Answers, score_answers, score_range, takes_estimator
from ensembles.validation.checking import (
    check_labels_alike,
    check_numbers,
    check_positives,
    shortened,
)
from ensembles.validation.losses import (
    absolute_loss,
    brier_loss,
    log_loss_of_rows,
    squared_loss,
)
from ensembles.validation.weighted import (
    Area,
    AveragePrecision,
    Called,
    Counts,
    Share,
    Statistic,
    Sums,
    mean_of_sums,
)

__all__ = ["METRICS", "Rows", "statistic_of"]

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Rows:
    """What a metric is computed from: the truth, and how rows are weighted and drawn."""

    truth: NDArray[Any]
    weights: Floats | None
    codes: NDArray[np.intp] | None
    n_units: int
    labels: NDArray[Any] | None
    pos_label: Any

    def sums(
        self,
        parts: list[Any],
        of_sums: Callable[[Any], Any],
        low: float = -np.inf,
        high: float = np.inf,
    ) -> Sums:
        """A function of sums of ``parts``, each of shape (n_rows,)."""
        table = np.column_stack([np.asarray(part, dtype=np.float64) for part in parts])
        if self.weights is not None:
            table *= self.weights[:, None]
        if self.codes is None:
            return Sums(table, of_sums, low, high)
        by_unit = [np.bincount(self.codes, column, self.n_units) for column in table.T]
        return Sums(np.column_stack(by_unit), of_sums, low, high)

    def classes(self) -> NDArray[Any]:
        """The classes: those given as ``labels``, or those among the rows."""
        present = np.unique(self.truth)
        if self.labels is None:
            return present
        if len(set(self.labels.tolist())) != len(self.labels):
            raise ValueError(f"labels must be distinct; got {self.labels.tolist()}.")
        strangers = np.setdiff1d(present, self.labels)
        if len(strangers):
            raise ValueError(
                f"labels must name every class of y_true; {strangers[:5].tolist()} are not among "
                f"{self.labels.tolist()}."
            )
        return self.labels

    def positive(self) -> NDArray[np.bool_]:
        """Which rows are of the positive class, of two."""
        if self.labels is not None and len(self.labels) == 2 and self.pos_label is None:
            return np.asarray(self.truth == self.labels[1])
        return check_positives(self.truth, self.pos_label)

    def positive_column(self) -> int:
        """The positive class' place among two classes: the last, or that of ``pos_label``."""
        known = self.classes().tolist()
        if self.pos_label is not None and self.pos_label not in known:
            raise ValueError(f"pos_label must be one of {known}; got {self.pos_label!r}.")
        return 1 if self.pos_label is None else known.index(self.pos_label)


# ---------------------------------------------------------------------------------------------
# What is asked of predictions


def predicted_labels(rows: Rows, given: Any) -> NDArray[Any]:
    """Labels, or the likeliest ones where probabilities are given."""
    if rows.truth.ndim != 1:
        raise ValueError(f"y_true must be 1D for this metric; got shape {rows.truth.shape}.")
    predicted = np.asarray(given)
    if predicted.ndim == 2:
        return np.asarray(rows.classes()[np.argmax(class_probabilities(rows, given), axis=1)])
    if predicted.dtype.kind == "f" and np.isnan(predicted).any():
        raise ValueError(
            f"y_pred must not hold NaN; got {int(np.isnan(predicted).sum())} of them, the first in "
            f"row {int(np.argmax(np.isnan(predicted)))}. Leave these rows out of y_true and y_pred."
        )
    if predicted.dtype.kind == "f" and np.any(predicted != np.floor(predicted)):
        raise ValueError(
            "y_pred must hold labels for this metric; got fractions such as "
            f"{predicted[predicted != np.floor(predicted)][0]}. Give labels, or probabilities of "
            "shape (n_rows, n_classes)."
        )
    check_labels_alike(y_true=rows.truth, y_pred=predicted)
    return predicted


def class_probabilities(rows: Rows, given: Any) -> Floats:
    """Probabilities of shape (n_rows, n_classes); of the positive class alone, where 1D."""
    shape = np.shape(given)
    probabilities = check_numbers("y_pred", given, ndim=len(shape) if len(shape) in (1, 2) else 2)
    if probabilities.min() < 0 or probabilities.max() > 1:
        raise ValueError(
            "y_pred must hold probabilities in [0, 1] for this metric; got values in "
            f"[{probabilities.min():g}, {probabilities.max():g}]."
        )
    if np.asarray(given).dtype == np.float32:
        probabilities = probabilities.astype(np.float32)
    n_classes = len(rows.classes())
    if n_classes < 2:
        raise ValueError(
            f"y_true must hold at least 2 classes; got {rows.classes().tolist()} alone. Name all "
            "classes by labels."
        )
    if probabilities.ndim == 1:
        if n_classes != 2:
            raise ValueError(
                f"y_pred must have shape (n_rows, {n_classes}), one column for each class; got "
                f"shape {shape}."
            )
        both = [1 - probabilities, probabilities]
        return np.column_stack(both if rows.positive_column() == 1 else both[::-1])
    if probabilities.shape[1] != n_classes:
        raise ValueError(
            f"y_pred must have one column for each of {n_classes} classes; got "
            f"{probabilities.shape[1]}. Name all classes by labels where y_true misses some."
        )
    _warn_of_sums(probabilities)
    return probabilities


def _warn_of_sums(probabilities: Floats) -> None:
    sums = probabilities.sum(axis=1)
    wrong = np.abs(sums - 1) > 1e-3
    if wrong.any():
        warnings.warn(
            f"y_pred holds probabilities that do not sum to one in {int(wrong.sum())} rows (to "
            f"{sums[wrong][0]:.4g} in row {int(np.argmax(wrong))}); they are taken as they are.",
            UserWarning,
            stacklevel=2,
        )


def class_codes(rows: Rows) -> NDArray[np.intp]:
    """The place of every row's class among the columns."""
    classes = rows.classes()
    order = np.argsort(classes, kind="stable")
    return np.asarray(order[np.searchsorted(classes, rows.truth, sorter=order)])


def ranking_scores(rows: Rows, given: Any) -> Floats:
    """Scores of the positive class: themselves, or its column of two."""
    if np.ndim(given) == 2 and np.shape(given)[1] == 2:
        given = np.asarray(given)[:, rows.positive_column()]
    if np.ndim(given) != 1:
        raise ValueError(
            "y_pred must be 1D or have two columns for 'roc_auc'; got shape "
            f"{np.shape(given)}. For more classes use 'roc_auc_ovr' or 'roc_auc_ovo'."
        )
    return check_numbers("y_pred", given)


def values_of(rows: Rows, given: Any) -> tuple[Floats, Floats]:
    """Targets and predictions of a regression."""
    ndim = rows.truth.ndim
    truth = check_numbers("y_true", rows.truth, ndim=ndim)
    predicted = check_numbers("y_pred", given, ndim=np.ndim(given) or 1)
    if predicted.shape != truth.shape and predicted.size == truth.size:
        predicted = predicted.reshape(truth.shape)
    if predicted.shape != truth.shape:
        raise ValueError(
            f"y_pred must have the shape of y_true, {truth.shape}; got {predicted.shape}."
        )
    return truth, predicted


# ---------------------------------------------------------------------------------------------
# Metrics


def _mean_loss(rows: Rows, losses: Floats, high: float = np.inf) -> Sums:
    return rows.sums([losses, np.ones(len(losses))], mean_of_sums, 0.0, high)


def _share(rows: Rows, hits: Any) -> Sums:
    plain = rows.weights is None and rows.codes is None
    return Share(hits) if plain else _mean_loss(rows, hits, 1.0)


def accuracy(rows: Rows, given: Any) -> Statistic:
    """Share of right labels."""
    return _share(rows, rows.truth == predicted_labels(rows, given))


def zero_one(rows: Rows, given: Any) -> Statistic:
    """Share of wrong labels."""
    return _share(rows, rows.truth != predicted_labels(rows, given))


def log_loss(rows: Rows, given: Any) -> Statistic:
    """Mean of -log p(y)."""
    probabilities = class_probabilities(rows, given)
    return _mean_loss(rows, log_loss_of_rows(class_codes(rows), probabilities))


def brier(rows: Rows, given: Any) -> Statistic:
    """Mean squared distance of the probabilities from the class."""
    probabilities = class_probabilities(rows, given)
    losses = brier_loss(class_codes(rows), probabilities)
    return _mean_loss(rows, losses, 1.0 if probabilities.shape[1] == 2 else 2.0)


def mean_squared(rows: Rows, given: Any) -> Statistic:
    """Mean squared error."""
    return _mean_loss(rows, squared_loss(*values_of(rows, given)))


def mean_absolute(rows: Rows, given: Any) -> Statistic:
    """Mean absolute error."""
    return _mean_loss(rows, absolute_loss(*values_of(rows, given)))


def root_mean_squared(rows: Rows, given: Any) -> Statistic:
    """Root of the mean squared error; of several outputs the mean of their roots."""
    truth, predicted = values_of(rows, given)
    if truth.ndim == 1:
        truth, predicted = truth[:, None], predicted[:, None]
    n_outputs = truth.shape[1]

    def of_sums(sums: Any) -> Any:
        return np.sqrt(sums[..., :n_outputs] / sums[..., n_outputs:]).mean(axis=-1)

    parts = [*((truth - predicted) ** 2).T, np.ones(len(truth))]
    return rows.sums(parts, of_sums, 0.0)


def r2(rows: Rows, given: Any) -> Statistic:
    """One less the squared error over the targets' spread; undefined where they have none."""
    truth, predicted = values_of(rows, given)
    if truth.ndim != 1:
        raise ValueError(f"y_true must be 1D for 'r2'; got shape {truth.shape}.")
    weights = np.ones(len(truth)) if rows.weights is None else rows.weights
    centred = truth - np.average(truth, weights=weights)
    least = len(truth) * np.finfo(np.float64).eps ** 2 * float(np.sum(weights * truth**2))

    def of_sums(sums: Any) -> Any:
        squared, plain, total = sums[..., 1], sums[..., 2], sums[..., 3]
        spread = squared - plain**2 / total
        rounding = 1e-13 * np.abs(squared) + least
        spread = np.where(np.real(spread) > rounding, spread, np.nan)
        return 1 - sums[..., 0] / spread

    parts = [(truth - predicted) ** 2, centred**2, centred, np.ones(len(truth))]
    return rows.sums(parts, of_sums, high=1.0)


def area(rows: Rows, given: Any) -> Statistic:
    """Area under the ROC curve."""
    scores = ranking_scores(rows, given)
    return Area(rows.positive(), scores, rows.weights, rows.codes, rows.n_units)


def average_precision(rows: Rows, given: Any) -> Statistic:
    """Mean precision at the positive rows; undefined where there are none."""
    scores = ranking_scores(rows, given)
    return AveragePrecision(rows.positive(), scores, rows.weights, rows.codes, rows.n_units)


def _confusion(
    rows: Rows, given: Any, of_sums: Callable[[Any], Any], low: float = 0.0
) -> Statistic:
    """A function of true positives, false positives, false negatives and true negatives."""
    truth = rows.positive()
    classes = np.unique(rows.truth) if rows.labels is None else rows.labels
    positive_label = classes[1] if rows.pos_label is None else rows.pos_label
    said = predicted_labels(rows, given) == positive_label
    parts = [truth & said, ~truth & said, truth & ~said, ~truth & ~said]
    return rows.sums(parts, of_sums, low, 1.0)


def f1(rows: Rows, given: Any) -> Statistic:
    """Harmonic mean of precision and recall."""
    return _confusion(
        rows, given, lambda s: 2 * s[..., 0] / (2 * s[..., 0] + s[..., 1] + s[..., 2])
    )


def precision(rows: Rows, given: Any) -> Statistic:
    """Share of the rows said positive that are."""
    return _confusion(rows, given, lambda s: s[..., 0] / (s[..., 0] + s[..., 1]))


def recall(rows: Rows, given: Any) -> Statistic:
    """Share of the positive rows that were said so."""
    return _confusion(rows, given, lambda s: s[..., 0] / (s[..., 0] + s[..., 2]))


def matthews(rows: Rows, given: Any) -> Statistic:
    """Matthews' correlation of two binary variables."""

    def of_sums(s: Any) -> Any:
        tp, fp, fn, tn = s[..., 0], s[..., 1], s[..., 2], s[..., 3]
        return (tp * tn - fp * fn) / np.sqrt((tp + fp) * (tp + fn) * (tn + fp) * (tn + fn))

    return _confusion(rows, given, of_sums, low=-1.0)


def balanced_accuracy(rows: Rows, given: Any) -> Statistic:
    """Mean of the classes' recalls; undefined where a class is missing."""
    classes = np.unique(rows.truth)
    right = rows.truth == predicted_labels(rows, given)
    own = [rows.truth == label for label in classes]
    n = len(classes)

    def of_sums(sums: Any) -> Any:
        return (sums[..., :n] / sums[..., n:]).mean(axis=-1)

    return rows.sums([*(mask & right for mask in own), *own], of_sums, 0.0, 1.0)


class Negated(Statistic):
    """Minus a statistic: what scikit-learn calls neg_something."""

    def __init__(self, of: Statistic) -> None:
        self.of, self.n_units = of, of.n_units
        self.low, self.high = -of.high, -of.low

    def values(self, counts: Counts) -> Floats:
        """Return minus the metric."""
        return -self.of.values(counts)

    def gradients(self, counts: Counts) -> Floats:
        """Return minus its derivatives."""
        return -self.of.gradients(counts)


Make = Callable[[Rows, Any], Statistic]


def _negated(make: Make) -> Make:
    return lambda rows, given: Negated(make(rows, given))


METRICS: dict[str, Make] = {
    "accuracy": accuracy,
    "average_precision": average_precision,
    "balanced_accuracy": balanced_accuracy,
    "brier": brier,
    "error": zero_one,
    "f1": f1,
    "log_loss": log_loss,
    "mae": mean_absolute,
    "matthews_corrcoef": matthews,
    "mse": mean_squared,
    "precision": precision,
    "r2": r2,
    "recall": recall,
    "rmse": root_mean_squared,
    "roc_auc": area,
    "neg_brier_score": _negated(brier),
    "neg_log_loss": _negated(log_loss),
    "neg_mean_absolute_error": _negated(mean_absolute),
    "neg_mean_squared_error": _negated(mean_squared),
    "neg_root_mean_squared_error": _negated(root_mean_squared),
}
METRICS |= {loss: METRICS[error] for error, loss in LOSS_OF.items()}
"""Metrics with a fast form, by their names; scikit-learn's scorers keep their own names."""

FUNCTIONS: dict[Callable[..., Any], str] = {
    theirs.accuracy_score: "accuracy",
    theirs.average_precision_score: "average_precision",
    theirs.balanced_accuracy_score: "balanced_accuracy",
    theirs.brier_score_loss: "brier",
    theirs.f1_score: "f1",
    theirs.log_loss: "log_loss",
    theirs.matthews_corrcoef: "matthews_corrcoef",
    theirs.mean_absolute_error: "mae",
    theirs.mean_squared_error: "mse",
    theirs.precision_score: "precision",
    theirs.r2_score: "r2",
    theirs.recall_score: "recall",
    theirs.root_mean_squared_error: "rmse",
    theirs.roc_auc_score: "roc_auc",
    theirs.zero_one_loss: "error",
}
"""scikit-learn's functions that have a fast form here."""


def _fits(name: str, rows: Rows, given: Any) -> bool:
    """Tell whether the fast form means what scikit-learn's function means on such predictions."""
    if name == "average_precision" and rows.truth.ndim != 1:
        return False
    if name in ("roc_auc", "average_precision"):
        return np.ndim(given) == 1 or np.shape(given)[1] == 2
    if name in ("r2", "accuracy", "balanced_accuracy"):
        return rows.truth.ndim == 1
    if name in ("f1", "precision", "recall", "matthews_corrcoef"):
        return len(np.unique(rows.truth)) == 2
    return True


def check_metric(metric: Any) -> None:
    """Refuse what is neither a metric's name, nor a scorer's, nor callable."""
    if callable(metric):
        return
    known = sorted({*METRICS, *get_scorer_names()})
    if not isinstance(metric, str) or metric not in known:
        near = get_close_matches(metric, known, n=1) if isinstance(metric, str) else []
        hint = f" Did you mean {near[0]!r}?" if near else ""
        raise ValueError(
            f"metric must be one of {', '.join(sorted(METRICS))}, the name of a scikit-learn "
            f"scorer or a callable of (y_true, y_pred); got {shortened(metric)}.{hint}"
        )


def statistic_of(metric: Any, rows: Rows, given: Any) -> Statistic:
    """Make of a metric and one model's predictions a function of how often rows are counted."""
    check_metric(metric)
    name = metric if isinstance(metric, str) else FUNCTIONS.get(metric)
    if name in METRICS and _fits(name, rows, given):
        return METRICS[name](rows, given)
    if rows.pos_label is not None:
        raise ValueError(
            "pos_label must be None with a scorer or a callable, which knows its own positive "
            f"class; got {rows.pos_label!r} and {metric!r}."
        )
    return Called(_of_rows(metric, rows, given), _units(rows), *score_range(metric))


def _units(rows: Rows) -> list[NDArray[np.intp]]:
    if rows.codes is None:
        return list(np.arange(len(rows.truth))[:, None])
    order = np.argsort(rows.codes, kind="stable")
    return np.split(order, np.cumsum(np.bincount(rows.codes, minlength=rows.n_units))[:-1])


def _of_rows(metric: Any, rows: Rows, given: Any) -> Callable[[Any], float]:
    """The metric as a function of row numbers."""
    predicted = np.asarray(given)
    _refuse_missing(predicted)
    if isinstance(metric, str) or takes_estimator(metric):
        answers = Answers(predicted) if _is_of_values(metric) else _answers(rows, predicted)

        def of_rows(drawn: Any) -> float:
            weights = None if rows.weights is None else rows.weights[drawn]
            return score_answers(metric, answers, drawn, rows.truth[drawn], weights)

        return of_rows
    weighted = rows.weights is not None
    if weighted and "sample_weight" not in inspect.signature(metric).parameters:
        raise ValueError(
            "sample_weight must be None: the metric takes no sample_weight; got weights and "
            f"{metric!r}."
        )

    def called(drawn: Any) -> float:
        weights = {"sample_weight": rows.weights[drawn]} if rows.weights is not None else {}
        value = metric(rows.truth[drawn], predicted[drawn], **weights)
        if np.ndim(value) != 0:
            raise TypeError(
                f"metric must return one number for all rows; {metric!r} returned an array of "
                f"shape {np.shape(value)}."
            )
        try:
            return float(value)
        except TypeError:
            raise TypeError(
                f"metric must return one number for all rows; {metric!r} returned {value!r}."
            ) from None

    return called


def _is_of_values(metric: Any) -> bool:
    """Tell whether a scorer is one of scikit-learn's for regressions."""
    judge = getattr(get_scorer(metric), "_score_func", None)
    return (getattr(judge, "__module__", None) or "").startswith("sklearn.metrics._regression")


def _answers(rows: Rows, predicted: NDArray[Any]) -> Answers:
    """Predictions as an estimator that a scorer can ask."""
    if rows.truth.ndim == 2:
        return Answers(predicted)
    if predicted.ndim == 2:
        return Answers(class_probabilities(rows, predicted), rows.classes())
    classes = rows.classes() if len(np.unique(rows.truth)) <= max(20, len(rows.truth) // 10) else ()
    if len(classes) and np.isin(predicted, classes).all():
        votes = (predicted[:, None] == np.asarray(classes)).astype(np.float64)
        return Answers(votes, np.asarray(classes))
    in_range = predicted.dtype.kind == "f" and 0 <= predicted.min() <= predicted.max() <= 1
    if len(classes) == 2 and in_range:
        return Answers(np.column_stack([1 - predicted, predicted]), np.asarray(classes))
    if len(classes) == 2 and predicted.dtype.kind == "f":  # decision values, for their order
        return Answers(np.column_stack([-predicted, predicted]), np.asarray(classes))
    return Answers(predicted)


def _refuse_missing(predicted: NDArray[Any]) -> None:
    if predicted.dtype.kind == "f" and np.isnan(predicted).any():
        raise ValueError(
            f"y_pred must not hold NaN; got {int(np.isnan(predicted).sum())} of them. Leave these "
            "rows out of y_true and y_pred."
        )
