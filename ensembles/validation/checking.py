"""Checks of what is validated: targets, predictions, scores, groups."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from ensembles.parameters import check_groups, check_real, has_missing
from ensembles.tables import is_frame

__all__ = [
    "alike",
    "as_table",
    "check_group_codes",
    "check_labels_alike",
    "check_level",
    "check_numbers",
    "check_positives",
    "check_same_length",
    "one_column",
    "shortened",
]


def check_numbers(name: str, values: Any, ndim: int = 1) -> NDArray[np.float64]:
    """Return ``values`` as an array of finite numbers with ``ndim`` dimensions, not empty."""
    if np.iscomplexobj(values):
        raise ValueError(f"{name} must hold real numbers; got complex ones.")
    try:
        numbers = np.asarray(values, dtype=np.float64)
    except (TypeError, ValueError):
        raise ValueError(f"{name} must hold numbers; got {shortened(values)}.") from None
    if numbers.ndim != ndim or numbers.size == 0:
        raise ValueError(
            f"{name} must have {ndim} dimension{'s' * (ndim > 1)} and not be empty; "
            f"got shape {numbers.shape}."
        )
    fault = ~np.isfinite(numbers)
    if fault.any():
        place = np.argwhere(fault)[0].tolist()
        raise ValueError(
            f"{name} must hold finite numbers; got {numbers[tuple(place)]} at {place} "
            f"({int(fault.sum())} in all)."
        )
    return numbers


def shortened(values: Any) -> str:
    """Return what is printed of ``values``, on one line of at most a hundred characters or so."""
    said = " ".join(repr(values).split())
    return said if len(said) <= 100 else f"{said[:100]}..."


def alike(numbers: NDArray[np.float64]) -> bool:
    """Tell whether numbers are equal, but for what rounding has left of them."""
    return bool(np.ptp(numbers) <= 1e-12 * np.max(np.abs(numbers)))


def one_column(values: Any) -> NDArray[Any]:
    """Return an array, 1D where it has one column: as networks answer, and frames hold targets."""
    array = np.asarray(values)
    return array[:, 0] if array.ndim == 2 and array.shape[1] == 1 else array


def check_same_length(**arrays: Any) -> int:
    """Return the number of rows that all arrays have; those that are None do not count."""
    lengths = {name: len(array) for name, array in arrays.items() if array is not None}
    if len(set(lengths.values())) != 1:
        listed = ", ".join(f"{name} has {length}" for name, length in lengths.items())
        raise ValueError(f"{' and '.join(lengths)} must have equally many rows; {listed}.")
    return next(iter(lengths.values()))


def check_level(confidence_level: Any) -> float:
    """Return the confidence level if it is a number in (0, 1)."""
    return check_real("confidence_level", confidence_level, 0.0, 1.0, open_ends=True)


def check_labels_alike(**labels: NDArray[Any]) -> None:
    """Refuse missing labels, and text or probabilities beside numbers: they would never agree.

    The first is the truth that the others are held against.
    """
    (true_name, truth), *others = labels.items()
    for name, given in labels.items():
        if has_missing(given):
            raise ValueError(f"{name} must hold a label for every row; got None or NaN.")
    for name, given in others:
        if len(given) and _is_text(given) != _is_text(truth):
            raise ValueError(
                f"{name} must hold labels of the kind that {true_name} holds; got "
                f"{given[:1].tolist()} where {true_name} has {truth[:1].tolist()}."
            )
        fractions = given[given != np.floor(given)] if given.dtype.kind == "f" else given[:0]
        if not np.isin(fractions, truth).all():
            raise ValueError(
                f"{name} must hold labels; got fractions such as {fractions[0]}, which no row of "
                f"{true_name} has."
            )


def _is_text(labels: NDArray[Any]) -> bool:
    return labels.dtype.kind in "US" or (
        labels.dtype.kind == "O" and all(isinstance(label, str) for label in labels.ravel()[:20])
    )


def check_positives(y_true: Any, pos_label: Any = None) -> NDArray[np.bool_]:
    """Tell which rows are positive: of ``pos_label``, or of the label that sorts last.

    Raises
    ------
    ValueError
        When there are not exactly two classes among the rows.
    """
    labels = np.asarray(y_true)
    if labels.ndim != 1 or len(labels) == 0:
        raise ValueError(f"y_true must be 1D and not be empty; got shape {labels.shape}.")
    if has_missing(labels):
        raise ValueError("y_true must hold a class for every row; got None or NaN.")
    classes = np.unique(labels)
    if len(classes) != 2:
        raise ValueError(
            f"y_true must hold exactly 2 classes; got {len(classes)}: {classes[:5].tolist()}."
        )
    if pos_label is None:
        pos_label = classes[1]
    elif pos_label not in classes.tolist():
        raise ValueError(f"pos_label must be one of {classes.tolist()}; got {pos_label!r}.")
    return np.asarray(labels == pos_label)


def check_group_codes(groups: Any, n_rows: int) -> tuple[NDArray[np.intp], int]:
    """Return the number of every row's group, and how many groups there are: at least two."""
    distinct, codes = np.unique(check_groups(groups, n_rows, least=2), return_inverse=True)
    return codes.astype(np.intp), len(distinct)


def as_table(X: Any) -> Any:
    """Return ``X`` with a shape: frames and arrays as they are, lists as arrays, sparse as CSR."""
    if is_frame(X):
        return X
    if hasattr(X, "tocsr"):
        return X.tocsr()
    table = np.asarray(X)
    if table.ndim == 0 or len(table) == 0:
        raise ValueError(f"X must be a table of rows and not be empty; got shape {table.shape}.")
    return table
