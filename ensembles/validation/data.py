"""Data: what every fold of a cross-validation is cut from."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.utils import get_tags

from ensembles.tables import take
from ensembles.tasks import CLASSIFICATION, REGRESSION, Task, infer_task, task_of

__all__ = ["Data", "check_estimator", "is_pairwise", "kind_of_labels", "n_rows_of", "task_for"]


def n_rows_of(X: Any) -> int:
    """Return the number of rows of anything that holds rows."""
    return int(X.shape[0]) if hasattr(X, "shape") else len(X)


@dataclass(frozen=True)
class Data:
    """Tables, targets and whatever else has one value per row; nothing here is ever changed.

    Attributes
    ----------
    X, y, X_test
        As the user gave them; ``y`` and ``X_test`` may be None.
    sample_weight : array of shape (n_rows,) or None
    fit_arguments, score_arguments : dict
        Further arguments of ``fit`` and of scorers; those with one value per row are cut like it.
    """

    X: Any
    y: Any = None
    X_test: Any = None
    groups: Any = None
    sample_weight: NDArray[np.float64] | None = None
    fit_arguments: dict[str, Any] = field(default_factory=dict)
    score_arguments: dict[str, Any] = field(default_factory=dict)

    @property
    def n_rows(self) -> int:
        """Rows of ``X``."""
        return n_rows_of(self.X)

    def table(self, learner: Any, rows: NDArray[np.intp], against: NDArray[np.intp]) -> Any:
        """Rows of ``X``; of a kernel matrix, their columns ``against`` the training rows."""
        if self._is_square and is_pairwise(learner):
            return self.X[np.ix_(rows, against)]
        return take(self.X, rows)

    @property
    def _is_square(self) -> bool:
        shape: tuple[int, ...] = getattr(self.X, "shape", ())
        return len(shape) == 2 and shape[0] == shape[1]

    def targets(self, rows: NDArray[np.intp]) -> Any:
        """Targets of some rows, in the container they came in."""
        return None if self.y is None else take(self.y, rows)

    def classes_for(self, task: Task) -> NDArray[Any] | None:
        """Return the classes in ``y``, sorted; None in a regression and for several outputs."""
        return self._labels[0] if task == CLASSIFICATION else None

    def codes(self, rows: NDArray[np.intp]) -> NDArray[np.intp]:
        """Return the places of some rows' labels among the classes."""
        return self._labels[1][rows]

    @cached_property
    def _labels(self) -> tuple[NDArray[Any] | None, NDArray[np.intp]]:
        """The classes and all rows' places among them: sorted out once, and not for every fold."""
        nothing = None, np.empty(0, dtype=np.intp)
        if self.y is None or np.ndim(self.y) != 1:
            return nothing
        labels = np.asarray(self.y)
        try:
            classes = np.unique(labels)
        except TypeError:  # labels without an order: the learner will say what it makes of them
            return nothing
        return (classes, np.searchsorted(classes, labels)) if len(classes) > 1 else nothing

    def weights(self, rows: NDArray[np.intp]) -> NDArray[np.float64] | None:
        """Weights of some rows."""
        return None if self.sample_weight is None else self.sample_weight[rows]

    def cut(self, arguments: dict[str, Any], rows: NDArray[np.intp]) -> dict[str, Any]:
        """Those arguments that have one value per row cut to ``rows``, the others as they are."""
        return {name: self._of_rows(value, rows) for name, value in arguments.items()}

    def _of_rows(self, value: Any, rows: NDArray[np.intp]) -> Any:
        if value is None or isinstance(value, str | bytes | dict) or not hasattr(value, "__len__"):
            return value
        if not np.shape(value) or n_rows_of(value) != self.n_rows:
            return value
        return take(value.tocsr() if hasattr(value, "tocsr") else value, rows)


def check_estimator(estimator: Any, called: str = "") -> None:
    """Refuse what cannot be fitted, and a class in the place of an instance of it."""
    if isinstance(estimator, type):
        raise ValueError(f"estimator must be an instance, not a class; got {estimator!r}{called}.")
    if not hasattr(estimator, "fit"):
        several = isinstance(estimator, list | tuple)
        hint = (
            " Several models are handed over as a dict of names to estimators." if several else ""
        )
        raise ValueError(f"estimator must have the method fit; got {estimator!r}{called}.{hint}")


def is_pairwise(learner: Any) -> bool:
    """Tell whether the learner wants a square matrix of kernels or distances between rows."""
    try:
        return bool(get_tags(learner).input_tags.pairwise)
    except (AttributeError, TypeError):
        return False


def task_for(learner: Any, y: Any) -> Task:
    """Return the learner's task; inferred from ``y`` where the learner follows it."""
    known = task_of(learner)
    if known is not None or y is None:
        return known or REGRESSION
    follows = hasattr(learner, "predict_proba") or hasattr(learner, "task")
    return infer_task(y) if follows else REGRESSION


def kind_of_labels(task: Task, y: Any) -> str:
    """Tell labels that are one for each row ("single") from several, of 0 and 1 or of other kinds.

    Returns
    -------
    {"single", "multilabel", "several"}
    """
    if task != CLASSIFICATION or y is None or np.ndim(y) != 2 or np.shape(y)[1] == 1:
        return "single"
    values = y.toarray() if hasattr(y, "toarray") else np.asarray(y)
    plain = values.dtype.kind in "biuf" and bool(np.isin(values, (0, 1)).all())
    return "multilabel" if plain else "several"
