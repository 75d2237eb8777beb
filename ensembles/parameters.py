"""Checks of parameters: every error names the parameter, the rule and the value."""

from __future__ import annotations

import reprlib
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from numbers import Integral, Real
from typing import Any, TypeGuard

import numpy as np
from numpy.typing import NDArray
from sklearn.utils.multiclass import check_classification_targets

__all__ = [
    "check_flag",
    "check_groups",
    "check_learner",
    "check_n_jobs",
    "check_one_label",
    "check_option",
    "check_real",
    "check_row_numbers",
    "check_sample_weight",
    "check_validation_arguments",
    "check_verbose",
    "check_whole",
    "distinct_labels",
    "has_missing",
    "is_real",
    "is_whole",
    "place_of",
    "proportions",
    "refuse_masked",
    "unchanged_on_error",
]


def is_whole(value: Any) -> TypeGuard[int]:
    """Tell whether ``value`` is an integer; True and False are not."""
    return isinstance(value, Integral) and not isinstance(value, bool | np.bool_)


def is_real(value: Any) -> TypeGuard[float]:
    """Tell whether ``value`` is a number; True and False are not."""
    return isinstance(value, Real) and not isinstance(value, bool | np.bool_)


def check_whole(name: str, value: Any, least: int = 1, most: int | None = None) -> int:
    """Return ``value`` if it is an integer in [least, most]."""
    if is_whole(value) and value >= least and (most is None or value <= most):
        return int(value)
    rule = f">= {least}" if most is None else f"in [{least}, {most}]"
    raise ValueError(f"{name} must be an integer {rule}; got {value!r}.")


def check_real(
    name: str, value: Any, least: float, most: float = np.inf, *, open_ends: bool = False
) -> float:
    """Return ``value`` if it is a number in [least, most], or inside it with ``open_ends``."""
    if is_real(value):
        inside = least < value < most if open_ends else least <= value <= most
        if inside:
            return float(value)
    rule = f"({least:g}, {most:g})" if open_ends else f"[{least:g}, {most:g}]"
    raise ValueError(f"{name} must be a number in {rule}; got {value!r}.")


def check_flag(name: str, value: Any) -> bool:
    """Return ``value`` if it is True or False."""
    if isinstance(value, bool | np.bool_):
        return bool(value)
    raise ValueError(f"{name} must be True or False; got {value!r}.")


def check_learner(estimator: Any) -> None:
    """Check that ``estimator`` can be a member of an ensemble; None stands for our trees."""
    if estimator is None or (hasattr(estimator, "fit") and hasattr(estimator, "predict")):
        return
    raise ValueError(
        f"estimator must have the methods fit and predict, or be None; got {estimator!r}."
    )


def check_option(name: str, value: Any, options: Iterable[str], *, also: str = "") -> str:
    """Return ``value`` if it is one of ``options``; the error suggests the nearest."""
    options = list(options)
    if isinstance(value, str) and value in options:
        return value
    from difflib import get_close_matches

    near = get_close_matches(value, options, n=1) if isinstance(value, str) else []
    hint = f" Did you mean {near[0]!r}?" if near else ""
    listed = ", ".join(repr(option) for option in options)
    raise ValueError(f"{name} must be one of {listed}{also}; got {value!r}.{hint}")


def place_of(name: str, column: Any, columns: Sequence[str]) -> int:
    """Return the number of a column of X that a parameter gives by name or by number."""
    if isinstance(column, str) and column in columns:
        return list(columns).index(column)
    if is_whole(column) and 0 <= column < len(columns):
        return int(column)
    from difflib import get_close_matches

    near = get_close_matches(str(column), columns, n=1)
    hint = f" Did you mean {near[0]!r}?" if near else ""
    raise ValueError(f"{name} must name columns of X; got {column!r}.{hint}")


def check_sample_weight(sample_weight: Any, n_rows: int) -> NDArray[np.float64] | None:
    """Return row weights as an array of shape (n_rows,): finite, none negative, not all zero."""
    if sample_weight is None:
        return None
    refuse_masked("sample_weight", sample_weight)
    try:
        weights = np.asarray(sample_weight)
        if weights.dtype.kind == "c":
            raise TypeError
        weights = weights.astype(np.float64, copy=False)
    except (TypeError, ValueError):
        raise ValueError(
            f"sample_weight must hold numbers; got {reprlib.repr(sample_weight)}."
        ) from None
    if weights.ndim == 0:
        weights = np.full(n_rows, float(weights))
    if weights.ndim != 1:
        raise ValueError(f"Sample weights must be 1D array or scalar; got shape {weights.shape}.")
    if weights.shape != (n_rows,):
        raise ValueError(f"sample_weight.shape == {weights.shape}, expected {(n_rows,)}!")
    negative = " Negative values in data passed to `sample_weight`."
    for fault, rule, note in (
        (~np.isfinite(weights), "finite", ""),
        (weights < 0, ">= 0", negative),
    ):
        if fault.any():
            row = int(np.argmax(fault))
            raise ValueError(
                f"sample_weight must be {rule}; got {weights[row]} in row {row}.{note}"
            )
    if not weights.any():
        raise ValueError("sample_weight must not be zero for every row; got all zeros.")
    return weights


def check_groups(groups: Any, n_rows: int, least: int = 1) -> NDArray[Any]:
    """Return the group of every row, shape (n_rows,): sortable, none missing, at least so many."""
    refuse_masked("groups", groups)
    labels = np.asarray(groups)
    if labels.shape != (n_rows,):
        got = len(labels) if labels.ndim == 1 else f"shape {labels.shape}"
        raise ValueError(f"groups must hold one group for each of the {n_rows} rows; got {got}.")
    if has_missing(labels):
        raise ValueError("groups must not hold missing values; got None or NaN.")
    if labels.dtype.kind != "O" and least < 2:  # nothing that sorting them would find
        return labels
    try:
        distinct = np.unique(labels)
    except TypeError as error:
        raise ValueError(f"groups must hold values that can be sorted: {error}.") from None
    if len(distinct) < least:
        raise ValueError(f"groups must hold at least {least} groups; got {distinct.tolist()}.")
    return labels


def refuse_masked(name: str, values: Any) -> None:
    """Refuse a masked array that hides values, which conversion would uncover."""
    if np.ma.isMaskedArray(values) and np.ma.is_masked(values):
        raise ValueError(
            f"{name} must not hold masked values; got {np.sum(np.ma.getmaskarray(values))} of them."
        )


def check_one_label(y: Any, learner: str) -> None:
    """Refuse several labels a row, and name scikit-learn's way to learn them."""
    shape = np.asarray(y).shape
    if len(shape) == 2 and shape[1] > 1:
        raise ValueError(
            f"{learner} learns one label a row: y should be a 1d array; got y of shape {shape}. "
            "Fit one classifier a label, or use sklearn.multioutput.MultiOutputClassifier."
        )


def distinct_labels(labels: NDArray[Any]) -> tuple[NDArray[Any], NDArray[np.intp]]:
    """Return the distinct labels, sorted, and the place of each label among them, (n_rows,).

    scikit-learn's check whether labels are classes takes longer than a small tree. Whole numbers
    always are; it only warns of them where they are nearly as many as the rows.
    """
    whole = labels.dtype.kind in "biu"
    if not whole:
        check_classification_targets(labels)
    distinct, places = np.unique(labels, return_inverse=True)
    if whole and 2 * len(distinct) > len(labels):
        check_classification_targets(labels)
    return distinct, places


def has_missing(labels: NDArray[Any]) -> bool:
    """Tell whether any label is None, NaN, NaT or pandas' NA."""
    if labels.dtype.kind not in "fOmM":
        return False
    if labels.dtype.kind != "O":
        absent = np.isnan if labels.dtype.kind == "f" else np.isnat
        return bool(absent(labels).any())
    values = labels.ravel().tolist()
    with suppress(TypeError):  # lists, say, of which no set is made: they are refused as labels
        values = list(set(values))
    return any(map(_is_missing, values))


def _is_missing(value: Any) -> bool:
    """Tell None, NaN and NaT, which do not equal themselves, and pandas' NA, which will not say."""
    try:
        return value is None or bool(value != value)
    except TypeError:
        return True


def check_row_numbers(name: str, given: Any, n_rows: int, *, lowest: int = 0) -> NDArray[np.intp]:
    """Return a copy of row numbers that a splitter gave, as such or as a mask of all rows.

    A copy, since the splitter may write its next ones into its own array.
    """
    rows = np.asarray(given)
    if rows.dtype == bool and rows.shape == (n_rows,):
        return np.flatnonzero(rows)
    if rows.size == 0:
        return np.empty(0, dtype=np.intp)
    whole = rows.ndim == 1 and rows.dtype.kind in "iu"
    if not whole or rows.min() < lowest or rows.max() >= n_rows:
        raise ValueError(
            f"{name} must give row numbers in [0, {n_rows}) or masks of {n_rows} rows; "
            f"got {rows!r}."
        )
    return rows.astype(np.intp)


def check_validation_arguments(X_val: Any, y_val: Any, sample_weight_val: Any) -> None:
    """Refuse validation targets or weights without rows, and rows without targets."""
    if (X_val is None) != (y_val is None):
        absent, there = ("X_val", "y_val") if X_val is None else ("y_val", "X_val")
        raise ValueError(f"{absent} must be given together with {there}; got {absent}=None.")
    if sample_weight_val is not None and X_val is None:
        raise ValueError("sample_weight_val must come with X_val; got X_val=None.")


def check_n_jobs(n_jobs: Any) -> None:
    """Refuse an ``n_jobs`` that joblib gives no meaning to."""
    if n_jobs is not None and (not is_whole(n_jobs) or n_jobs == 0):
        raise ValueError(f"n_jobs must be None or an integer other than 0; got {n_jobs!r}.")


def check_verbose(verbose: Any) -> None:
    """Refuse a ``verbose`` that is neither a truth value nor a count."""
    if not (is_whole(verbose) and verbose >= 0) and not isinstance(verbose, bool):
        raise ValueError(f"verbose must be an integer >= 0; got {verbose!r}.")


def proportions(weights: NDArray[np.float64]) -> NDArray[np.float64]:
    """Scale weights by a power of two, so that their sum neither overflows nor underflows.

    No bit of their proportions changes.
    """
    return np.asarray(np.ldexp(weights, -int(np.frexp(weights.max())[1])))


@contextmanager
def unchanged_on_error(estimator: Any) -> Iterator[None]:
    """Leave the estimator's attributes as they were if the block fails or is interrupted."""
    before = dict(vars(estimator))
    try:
        yield
    except BaseException:
        vars(estimator).clear()
        vars(estimator).update(before)
        raise
