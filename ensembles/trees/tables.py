"""Read a table as it is, a column or a block of rows at a time: no copy of the whole is ever
made.
"""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ensembles.tables import NUMBERS, is_frame, kind_of_times

Array = NDArray[Any]
BLOCK_CELLS = 1 << 17
"""Cells that are turned into float64 at a time."""


def is_sparse(X: Any) -> bool:
    """Tell whether X is a scipy sparse matrix or array."""
    return hasattr(X, "tocsc")


def is_text(X: Any) -> bool:
    """Tell whether X is an array whose elements are Python objects or strings."""
    return isinstance(X, np.ndarray) and X.dtype.kind in "OUST"


def by_blocks(X: Any) -> bool:
    """Tell whether X is read in blocks of rows, being one array of numbers."""
    return isinstance(X, np.ndarray) and not is_text(X)


def column(X: Any, j: int) -> Any:
    """Return column j of any table, as the table keeps it; a sparse one, in CSC format, is made
    dense.
    """
    if is_frame(X):
        return X.iloc[:, j] if hasattr(X, "iloc") else X[X.columns[j]]
    return dense_column(X, j) if is_sparse(X) else X[:, j]


def dense_column(X: Any, j: int) -> Array:
    """Return column j of a CSC matrix as an array; entries given twice add up.

    scipy would take a hundred times as long to cut it out.
    """
    values, own = np.zeros(X.shape[0], X.dtype), slice(X.indptr[j], X.indptr[j + 1])
    np.add.at(values, X.indices[own], X.data[own])
    return values


def blocks(X: Array) -> Iterator[tuple[slice, NDArray[np.float64], int]]:
    """Yield (rows, values, n): the block's values as float64, one row of `values` a column, of
    which n are set.
    """
    n_rows, n_columns = X.shape
    size = max(64, BLOCK_CELLS // max(1, n_columns))
    values = np.empty((n_columns, min(size, max(1, n_rows))))
    for start in range(0, n_rows, size):
        rows = slice(start, min(start + size, n_rows))
        n = rows.stop - start
        values[:, :n] = X[rows].T
        yield rows, values, n


def numbers(series: Any) -> NDArray[np.float64]:
    """Return a column as float64, missing values as NaN.

    Integers beyond 2^53 are rounded to the nearest float64, as everywhere in scikit-learn.
    """
    if isinstance(series, np.ndarray):
        if series.dtype.kind == "O":
            series = [np.nan if is_null(value) else value for value in series]
        return np.ascontiguousarray(series, np.float64)
    if hasattr(series, "iloc"):
        return np.ascontiguousarray(series.to_numpy(dtype=np.float64, na_value=np.nan))
    import polars

    whole = series.cast(polars.Float64).fill_null(float("nan"))
    return np.ascontiguousarray(whole.to_numpy())


NOT_NUMBERS = ("date", "time", "duration", "period", "interval", "complex", "list", "struct")
"""How the names of those types begin that could be cast to float, but not with meaning."""
CATEGORIES = ("category", "categorical", "enum", "string", "str", "large_string", "dictionary")


def type_of(series: Any) -> str:
    """Name a column's type in small letters, as its library does."""
    return str(series.dtype).lower()


def holds_categories(series: Any, name: str) -> bool:
    """Tell whether a column holds categories: `category`, `Enum`, text.

    An array has one type for all of its columns, so that beside a column of names numbers come as
    text: where all of a column reads as numbers it holds numbers. In a frame text is text.
    """
    if isinstance(series, np.ndarray):
        return series.dtype.kind in "OUST" and not (
            holds_numbers(series, name) or reads_as_numbers(series)
        )
    kind = type_of(series)
    if kind == "object":
        return not holds_numbers(np.asarray(series), name)
    return kind.startswith(CATEGORIES) and not kind.startswith("struct")


def holds_numbers(values: Array, name: str) -> bool:
    """Tell whether an array of objects is really one of numbers, None and NaN missing ones; refuse
    dates and the like.
    """
    if values.dtype.kind in "UST":
        return False
    if (times := kind_of_times(values)) is not None:
        raise TypeError(
            f"column {name} holds {times}s, and an argument must be a string or a real number: "
            "turn them into real numbers, a date say into days since the first."
        )
    for value in values:
        if isinstance(value, str | bytes):
            return False
        if not (is_null(value) or isinstance(value, NUMBERS)):
            raise TypeError(
                f"column {name} must hold numbers or strings, an argument must be a string or a "
                f"real number; got {value!r} of type {type(value).__name__}."
            )
    return True


def reads_as_numbers(values: Array) -> bool:
    """Tell whether an array of text is that of numbers."""
    if values.dtype.kind == "S" or any(isinstance(value, bytes) for value in values):
        return False
    try:
        values.astype(np.float64)
    except (TypeError, ValueError):
        return False
    return True


def is_null(value: Any) -> bool:
    """Tell whether a value stands for a missing one: None, NaN, pandas' NA and NaT."""
    return (
        value is None
        or type(value).__name__ in ("NAType", "NaTType")
        or (isinstance(value, float | np.floating | Decimal) and bool(value != value))
    )


def levels(series: Any) -> tuple[list[Any], NDArray[np.intp]]:
    """Return the distinct values of a column and the place of each row's value among them, -1 for
    missing.
    """
    if hasattr(series, "cat") and hasattr(series, "iloc"):
        return list(series.cat.categories), np.asarray(series.cat.codes, np.intp)
    values = series.to_numpy() if hasattr(series, "to_numpy") else np.asarray(series)
    if values.dtype.kind != "O":
        distinct, places = np.unique(values, return_inverse=True)
        kept = distinct == distinct if distinct.dtype.kind == "f" else np.ones(len(distinct), bool)
        return distinct[kept].tolist(), np.where(kept[places], places, -1).astype(np.intp)
    found: dict[Any, int] = {}
    places = np.empty(len(values), np.intp)
    for row, value in enumerate(values):
        places[row] = -1 if is_null(value) else found.setdefault(value, len(found))
    return list(found), places
