"""Labels: targets and weights as XGBoost takes them, whatever the user's labels are."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from ensembles.parameters import check_sample_weight
from ensembles.tasks import CLASSIFICATION, Task, check_class_weight, check_labels, check_values

__all__ = [
    "Targets",
    "check_targets",
    "class_weights",
    "codes_of",
    "row_weights",
    "smoothed",
]

SMALLEST, LARGEST = float(np.finfo(np.float32).tiny), float(np.finfo(np.float32).max)


class Targets(NamedTuple):
    """Targets as XGBoost takes them, and the classes they are codes of (None in a regression)."""

    values: NDArray[Any]
    classes: NDArray[Any] | None

    @property
    def n_classes(self) -> int:
        """Number of classes, 0 in a regression."""
        return 0 if self.classes is None else len(self.classes)

    @property
    def counts(self) -> NDArray[np.intp] | None:
        """How many rows each class has, None in a regression."""
        if self.classes is None:
            return None
        return np.bincount(self.values, minlength=len(self.classes))


def check_targets(y: Any, task: Task, estimator: Any) -> Targets:
    """Check labels or values."""
    if task == CLASSIFICATION:
        _, classes, codes = check_labels(y, estimator, least=1)
        return Targets(codes, classes)
    return Targets(check_values(y, estimator), None)


def codes_of(
    y: Any, classes: NDArray[Any], estimator: Any, name: str, whose: str = "y"
) -> NDArray[np.intp]:
    """Return the places of labels among classes that are fixed already.

    A class may be absent; a label that is none of the classes is an error.
    """
    _, found, codes = check_labels(y, estimator, least=1)
    place = {label: i for i, label in enumerate(classes.tolist())}
    strangers = [label for label in found.tolist() if label not in place]
    if strangers:
        raise ValueError(
            f"{name} must hold classes that {whose} holds, {classes.tolist()}; got {strangers}."
        )
    return np.array([place[label] for label in found.tolist()], dtype=np.intp)[codes]


def class_weights(
    class_weight: Any, classes: NDArray[Any] | None, counts: NDArray[np.intp] | None
) -> NDArray[np.float64] | None:
    """Return the weight of each class, None where all weigh the same.

    Parameters
    ----------
    counts : array of shape (n_classes,)
        How many rows each class has; "balanced" gives the classes that are there the same weight.
    """
    if class_weight is None:
        return None
    if classes is None or counts is None:
        raise ValueError(f"class_weight must be None in a regression; got {class_weight!r}.")
    check_class_weight(class_weight, classes)
    if isinstance(class_weight, dict):
        return np.array([class_weight.get(label, 1.0) for label in classes.tolist()], np.float64)
    present = counts > 0
    return np.where(present, counts.sum() / (present.sum() * np.maximum(counts, 1)), 1.0)


def row_weights(
    sample_weight: Any,
    by_class: NDArray[np.float64] | None,
    targets: NDArray[Any],
    normalize: bool,
) -> NDArray[np.float64] | None:
    """Return the weight of each row: the user's times that of its class.

    Parameters
    ----------
    normalize : bool
        Whether to scale them to a mean of 1, so that ``min_child_weight`` and ``reg_lambda`` mean
        the same whatever the unit of the weights.
    """
    weights = check_sample_weight(sample_weight, len(targets))
    if by_class is not None:
        weights = by_class[targets] * (1.0 if weights is None else weights)
        if not weights.any():
            raise ValueError("class_weight must leave some row a weight > 0; it leaves none.")
    if weights is not None and normalize:
        weights = weights / weights.max()
        weights /= weights[weights > 0].mean()
    if weights is not None and not SMALLEST <= weights.max() <= LARGEST:
        raise ValueError(
            "sample_weight must not be zero for every row nor overflow as a 32-bit float; got "
            f"{weights.max():g} as its largest. normalize_weights=True scales the weights."
        )
    return weights


def smoothed(values: NDArray[Any], smoothing: float) -> NDArray[Any]:
    """Move labels of two classes, 0 and 1, towards one half."""
    return values * (1 - smoothing) + smoothing / 2 if smoothing else values
