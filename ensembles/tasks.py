"""Tasks: classification or regression, who decides, and what follows for the targets."""

from __future__ import annotations

import warnings
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from sklearn.base import is_classifier, is_regressor
from sklearn.utils import ClassifierTags, RegressorTags, column_or_1d, get_tags
from sklearn.utils.class_weight import compute_sample_weight
from sklearn.utils.validation import check_array

from ensembles.parameters import (
    check_one_label,
    distinct_labels,
    has_missing,
    refuse_masked,
)

__all__ = [
    "CLASSIFICATION",
    "REGRESSION",
    "check_class_weight",
    "check_labels",
    "check_values",
    "infer_task",
    "tags_of",
    "task_of",
    "tell_task",
    "weights_by_class",
]

Task = Literal["classification", "regression"]
CLASSIFICATION: Task = "classification"
REGRESSION: Task = "regression"

MOST_CLASSES = 20
"""Whole numbers with more distinct values than this are taken for a regression target."""


def task_of(estimator: Any) -> Task | None:
    """Return the task of an estimator; None for None and for one that does not say."""
    if estimator is None:
        return None
    kind = getattr(estimator, "_estimator_type", None)
    if kind == "classifier" or (hasattr(estimator, "fit") and _says(is_classifier, estimator)):
        return CLASSIFICATION
    if kind == "regressor" or (hasattr(estimator, "fit") and _says(is_regressor, estimator)):
        return REGRESSION
    return None


def tags_of(estimator: Any) -> Any:
    """Tags of an estimator; None where it has none."""
    try:
        return get_tags(estimator)
    except (AttributeError, TypeError):
        return None


def tell_task(tags: Any, task: Task | None) -> None:
    """Write into scikit-learn's tags what an estimator is, or may be while its task is unknown."""
    if task != REGRESSION:
        tags.classifier_tags = tags.classifier_tags or ClassifierTags()
    if task != CLASSIFICATION:
        tags.regressor_tags = tags.regressor_tags or RegressorTags()
    if task is not None:
        tags.estimator_type = "classifier" if task == CLASSIFICATION else "regressor"


def _says(question: Any, estimator: Any) -> bool:
    try:
        return bool(question(estimator))
    except (AttributeError, TypeError):
        return False


def infer_task(y: Any) -> Task:
    """Infer the task from the targets.

    Text, booleans and categories are classes. Numbers are classes when they are whole and have at
    most 20 distinct values; otherwise, and when there are several columns, they are a quantity.
    Several columns of 0 and 1 may be labels: they are a quantity with a warning.
    """
    if str(getattr(y, "dtype", "")).lower().startswith(("category", "categorical", "enum")):
        return CLASSIFICATION
    values = np.asarray(y)
    if values.dtype.kind not in "iuf":
        numeric = values.dtype.kind == "O" and all(_is_number(value) for value in values.ravel())
        if not numeric:
            return CLASSIFICATION
        values = values.astype(float)
    if values.ndim > 1 and values.shape[1] > 1:
        _warn_of_labels(values)
        return REGRESSION
    whole = values.dtype.kind in "iu" or bool(np.all(values == np.floor(values)))
    return CLASSIFICATION if whole and len(np.unique(values)) <= MOST_CLASSES else REGRESSION


def _warn_of_labels(values: NDArray[Any]) -> None:
    """Warn where several columns, taken for a quantity, look like labels."""
    if ((values == 0) | (values == 1)).all():
        warnings.warn(
            "y has several columns of 0 and 1, which are learned as numbers. If they are, "
            "task='regression' says so; if they are labels, use "
            "sklearn.multioutput.MultiOutputClassifier.",
            UserWarning,
            stacklevel=3,
        )


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float | np.number) and not isinstance(value, bool)


def _present(y: Any, estimator: Any) -> None:
    if y is None:
        raise ValueError(
            f"{type(estimator).__name__} requires y to be passed, but the target y is None"
        )


def check_labels(
    y: Any, estimator: Any, *, least: int = 2
) -> tuple[NDArray[Any], NDArray[Any], NDArray[np.intp]]:
    """Check class labels.

    Parameters
    ----------
    y : array-like of shape (n_rows,)
        Labels of any sortable kind.
    least : int
        How many distinct ones there must be.

    Returns
    -------
    labels : array of shape (n_rows,)
        As the user gave them.
    classes : array of shape (n_classes,)
        The distinct labels, sorted.
    codes : array of shape (n_rows,)
        The place of each label in ``classes``.
    """
    _present(y, estimator)
    refuse_masked("y", y)
    check_one_label(y, "A classifier" if estimator is None else type(estimator).__name__)
    labels = column_or_1d(np.asarray(y) if hasattr(y, "to_numpy") else y, warn=True)
    if has_missing(labels):
        raise ValueError("Input y contains NaN: y must hold a class for every row.")
    if labels.dtype.kind == "O":
        labels = _plain(labels)
    classes, codes = distinct_labels(labels)
    if len(classes) < least:
        raise ValueError(
            f"y must hold at least {least} classes to learn from; got 1 class: {classes.tolist()}."
        )
    return labels, classes, codes


def _plain(labels: NDArray[Any]) -> NDArray[Any]:
    """Labels given as objects, as numbers where all are; an error where they have no order."""
    if all(_is_number(label) for label in labels.tolist()):
        return np.asarray(labels.tolist())
    try:
        sorted(set(labels.tolist()))
    except TypeError as error:
        raise ValueError(f"y must hold labels that can be sorted: {error}.") from None
    return labels


def check_class_weight(class_weight: Any, classes: NDArray[Any]) -> None:
    """Check a ``class_weight``: "balanced", or finite weights >= 0 of labels among the classes."""
    if isinstance(class_weight, dict):
        strangers = set(class_weight) - set(classes.tolist())
        if strangers:
            raise ValueError(
                f"class_weight must name classes among {classes.tolist()}; "
                f"got {sorted(strangers, key=str)}."
            )
        for label, weight in class_weight.items():
            real = isinstance(weight, int | float | np.number) and not isinstance(weight, bool)
            if not (real and 0 <= weight < np.inf):
                raise ValueError(
                    "class_weight must give every class a finite number >= 0; got "
                    f"{weight!r} for {label!r}."
                )
    elif not isinstance(class_weight, str) or class_weight != "balanced":
        raise ValueError(f"class_weight must be None, 'balanced' or a dict; got {class_weight!r}.")


def weights_by_class(class_weight: Any, classes: NDArray[Any], y: NDArray[Any]) -> Any:
    """Return the weight that the class of each row has, shape (n_rows,).

    Parameters
    ----------
    class_weight : dict or "balanced"
        By label; a label that is not named has weight one.
    classes : array of shape (n_classes,)
    y : array of shape (n_rows,)
        Labels.
    """
    check_class_weight(class_weight, classes)
    return compute_sample_weight(class_weight, y)


def check_values(y: Any, estimator: Any) -> NDArray[Any]:
    """Check the values of a regression target: numbers, shape (n_rows,) or (n_rows, n_outputs)."""
    _present(y, estimator)
    refuse_masked("y", y)
    try:
        values = check_array(y, ensure_2d=False, dtype=None, input_name="y", estimator=estimator)
        if values.dtype.kind == "O":
            values = values.astype(np.float64)
    except ValueError as error:
        if "could not convert" not in str(error):
            raise
        raise ValueError(f"y must hold numbers for a regression: {error}.") from None
    if values.dtype.kind not in "iufb":
        raise ValueError(
            f"y must hold numbers for a regression; got {values.ravel()[:1].tolist()}."
        )
    single = values.ndim == 2 and values.shape[1] == 1
    return np.asarray(column_or_1d(values, warn=True) if single else values)
