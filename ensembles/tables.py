"""Tables: arrays, sparse matrices and DataFrames, checked once and cut by row and column.

pandas and polars frames stay frames, so that names, categories and missing values reach whoever
learns from them. Everything else becomes a numpy array or a CSR / CSC matrix.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable
from datetime import date, time, timedelta
from decimal import Decimal
from numbers import Real
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.utils import assert_all_finite, check_consistent_length, get_tags
from sklearn.utils.validation import validate_data

__all__ = [
    "as_fitted",
    "check_missing",
    "check_rows",
    "check_table",
    "container_of",
    "framed",
    "is_frame",
    "kind_of_times",
    "missing_columns",
    "take",
]

NUMBERS = (Real, Decimal, np.bool_)
"""What is a number among objects."""

TIMES = (date, time, timedelta, np.datetime64, np.timedelta64)

BLOCK = 4096
"""Rows gathered at a time where gathering also converts."""


def container_of(X: Any) -> str | None:
    """Name the library whose DataFrame ``X`` is: "pandas", "polars", or None for no frame."""
    for library in ("pandas", "polars"):
        module = sys.modules.get(library)
        if module is not None and isinstance(X, getattr(module, "DataFrame", ())):
            return library
    return None


def is_frame(X: Any) -> bool:
    """Tell whether ``X`` is a pandas or polars DataFrame."""
    return container_of(X) is not None


def framed(X: Any) -> Any:
    """Turn a Table or a RecordBatch of Arrow into a pandas DataFrame, which keeps its names.

    As an array a missing category of a dictionary would be some other category.
    """
    arrow = hasattr(X, "to_pandas") and hasattr(X, "schema") and not is_frame(X)
    return X.to_pandas() if arrow else X


def check_table(estimator: Any, X: Any, *, reset: bool, allow_nd: bool = False) -> Any:
    """Check ``X`` for ``estimator``: its shape, its names, and at predict that they are the same.

    Parameters
    ----------
    estimator : estimator
        Gets ``n_features_in_`` and ``feature_names_in_`` when ``reset``; else is compared with.
    X : array-like, sparse matrix, DataFrame or Arrow table of shape (n_rows, n_columns)
        The masked cells of a numpy masked array are missing values.
    reset : bool
        True at fit.
    allow_nd : bool
        Whether an array may have more than two axes, as a base estimator may take it.

    Returns
    -------
    The frame itself, or an array or CSR / CSC matrix of any dtype, NaN and infinity included.
    """
    if not reset and _as_at_fit(estimator, X):
        return X
    if reset and _is_plain(X):
        for stale in ("feature_names_in_", "_numbered_columns"):
            estimator.__dict__.pop(stale, None)
        estimator.n_features_in_ = X.shape[1]
        return X
    X = framed(X)
    if not is_frame(X):
        _check_in_memory(X)
        if reset:
            estimator.__dict__.pop("_numbered_columns", None)
        return validate_data(
            estimator,
            _unmasked(X),
            accept_sparse=["csr", "csc"],
            dtype=None,
            ensure_all_finite=False,
            allow_nd=allow_nd,
            reset=reset,
        )
    _check_columns(X)
    _check_not_empty(X)
    validate_data(estimator, X, skip_check_array=True, reset=reset)
    _check_numbered(estimator, X, reset=reset)
    return X


def kind_of_times(values: Iterable[Any]) -> str | None:
    """Name the type of dates, times or spans of time among objects; None where there are none.

    Such a column is neither one of numbers nor of categories, since no two rows need have the same,
    and only its user can say what to make of it.
    """
    for kind in sorted(set(map(type, values)), key=str):
        if kind.__name__ == "Period" or (issubclass(kind, TIMES) and kind.__name__ != "NaTType"):
            return kind.__name__
    return None


def _check_numbered(estimator: Any, frame: Any, *, reset: bool) -> None:
    """Refuse columns in another order than at fit whose names are numbers or tuples.

    scikit-learn remembers names that are text, and takes the others as they come.
    """
    if reset:
        estimator.__dict__.pop("_numbered_columns", None)
        if not hasattr(estimator, "feature_names_in_"):
            estimator._numbered_columns = list(frame.columns)
        return
    known, given = estimator.__dict__.get("_numbered_columns"), list(frame.columns)
    if known and given != known and set(given) == set(known):
        raise ValueError(f"X must have its columns in the order of fit, {known}; got {given}.")


def check_rows(X: Any, y: Any) -> None:
    """Refuse targets that are not one for every row of a table in memory."""
    if isinstance(y, str):
        raise ValueError(
            f"y must hold a target for every row, not the name of a column; got {y!r}."
        )
    if not is_frame(X):
        _check_in_memory(X)
    check_consistent_length(X, y)


def _check_in_memory(X: Any) -> None:
    """Refuse a path and a query that was not run, which scikit-learn would take for a number."""
    if isinstance(X, str | os.PathLike):
        raise ValueError(f"X must be a table that is in memory; got the path {os.fspath(X)!r}.")
    if hasattr(X, "collect_schema"):
        raise ValueError(
            f"X must be a table that is in memory; got a {type(X).__name__}: call its collect()."
        )


def _is_plain(X: Any) -> bool:
    """Tell at a glance that an array is a table of numbers, of a row at least and a column."""
    return type(X) is np.ndarray and X.ndim == 2 and X.dtype.kind in "fiub" and X.size > 0


def _as_at_fit(estimator: Any, X: Any) -> bool:
    """Tell at a glance that a table has the columns of fit; False means to look closer.

    For a few rows scikit-learn's own checks take as long as an ensemble's answer.
    """
    names = getattr(estimator, "feature_names_in_", None)
    if type(X) is np.ndarray:
        return names is None and _is_plain(X) and X.shape[1] == estimator.n_features_in_
    if names is None or not is_frame(X):
        return False
    return len(X) > 0 and list(X.columns) == names.tolist()


def _unmasked(X: Any) -> Any:
    """Write NaN where a masked array hides what lies below, which conversion would uncover."""
    if not np.ma.isMaskedArray(X) or not np.ma.is_masked(X):
        return X
    return np.ma.filled(X.astype(np.result_type(X.dtype, np.float16)), np.nan)


def _check_columns(frame: Any) -> None:
    names, counts = np.unique([str(name) for name in frame.columns], return_counts=True)
    repeated = names[counts > 1].tolist()
    if repeated:
        raise ValueError(f"X must not have two columns of one name; got {repeated} repeated.")


def _check_not_empty(frame: Any) -> None:
    n_rows, n_columns = frame.shape
    if n_rows < 1:
        raise ValueError(
            f"Found array with 0 sample(s) (shape=({n_rows}, {n_columns})) while a minimum of 1 is "
            "required."
        )
    if n_columns < 1:
        raise ValueError(
            f"Found array with 0 feature(s) (shape=({n_rows}, {n_columns})) while a minimum of 1 "
            "is required."
        )


def as_fitted(X: Any, container: str | None, names: Any) -> Any:
    """Put a checked table into the container that was fitted on.

    Members fitted on a frame are asked with a frame, members fitted on an array with an array, so
    that no member warns of names that its ensemble has checked already.
    """
    if container_of(X) == container:
        return X
    if container is None:
        return np.asarray(X)
    if hasattr(X, "toarray"):
        X = X.toarray()
    columns = [str(name) for name in names] if names is not None else None
    if container == "pandas":
        import pandas as pd

        if is_frame(X):
            return X.to_pandas()
        return pd.DataFrame(X, columns=columns)
    import polars as pl

    if is_frame(X):
        return pl.from_pandas(X)
    return pl.DataFrame(np.asarray(X), schema=columns, orient="row")


def take(
    X: Any,
    rows: NDArray[np.intp] | None = None,
    columns: NDArray[np.intp] | None = None,
    dtype: Any = None,
) -> Any:
    """Copy some rows and columns of a table; None means all of them.

    Parameters
    ----------
    dtype : optional
        Dense arrays are converted while they are copied, a block at a time, so that no second copy
        of the whole ever exists.
    """
    if isinstance(X, np.ndarray):
        return _take_array(X, rows, columns, dtype)
    container = container_of(X)
    if container == "pandas":
        return _take_pandas(X, rows, columns)
    if container == "polars":
        return _take_polars(X, rows, columns)
    X = X if rows is None else _take_rows(X, rows)
    return X if columns is None else X[:, columns]


def _take_rows(X: Any, rows: NDArray[np.intp]) -> Any:
    """Rows of a sparse matrix, a Series, a list, an Arrow table or whatever can be indexed."""
    if isinstance(X, list | tuple):
        return [X[row] for row in rows]
    return X.take(rows) if hasattr(X, "take") and not hasattr(X, "tocsr") else X[rows]


def _take_pandas(X: Any, rows: Any, columns: Any) -> Any:
    if rows is not None:
        X = X.take(rows)
    if columns is None:
        return X
    return X.iloc[:, columns].set_axis(_distinct(X.columns[columns]), axis=1)


def _take_polars(X: Any, rows: Any, columns: Any) -> Any:
    if rows is not None:
        X = X[rows]
    if columns is None:
        return X
    names = _distinct(X.columns[column] for column in columns)
    return X.select(
        X.get_column(X.columns[column]).alias(name)
        for column, name in zip(columns, names, strict=True)
    )


def _distinct(names: Any) -> list[Any]:
    """Number the further copies of a column that a bootstrap of columns drew twice."""
    names = list(names)
    taken, seen, distinct = set(names), dict[Any, int](), []
    for name in names:
        seen[name] = seen.get(name, 0) + 1
        distinct.append(name if seen[name] == 1 else _free_name(name, seen, taken))
        taken.add(distinct[-1])
    return distinct


def _free_name(name: Any, seen: dict[Any, int], taken: set[Any]) -> Any:
    if not isinstance(name, str):
        return max(other for other in taken if not isinstance(other, str)) + 1
    while f"{name}__{seen[name]}" in taken:
        seen[name] += 1
    return f"{name}__{seen[name]}"


def _take_array(X: NDArray[Any], rows: Any, columns: Any, dtype: Any) -> NDArray[Any]:
    if dtype is None or X.dtype == dtype:
        return _gather(X, rows, columns)
    with np.errstate(over="ignore"):
        if rows is None:
            return _gather(X, rows, columns).astype(dtype)
        width = X.shape[1] if columns is None else len(columns)
        out = np.empty((len(rows), width), dtype=dtype)
        for start in range(0, len(rows), BLOCK):
            block = slice(start, start + BLOCK)
            out[block] = _gather(X, rows[block], columns)
    return out


def _gather(X: NDArray[Any], rows: Any, columns: Any) -> NDArray[Any]:
    if rows is None:
        return X if columns is None else X[:, columns]
    if columns is not None:
        return X[np.ix_(rows, columns)]
    # take is several times faster, and copies the whole of an array in any other order first
    return X.take(rows, axis=0) if X.flags.c_contiguous else X[rows]


def _n_missing(column: Any) -> int:
    """Nulls of a polars column, and NaN where it holds floats."""
    absent = int(column.null_count())
    return absent + int(column.is_nan().sum()) if column.dtype.is_float() else absent


def missing_columns(X: Any) -> list[str]:
    """Name the columns of a DataFrame that hold missing values, with how many."""
    if container_of(X) == "pandas":
        counts = X.isna().sum().items()
    else:
        counts = ((column.name, _n_missing(column)) for column in X.get_columns())
    return [f"{name!r} ({int(count)})" for name, count in counts if count]


def check_missing(learner: Any, X: Any) -> None:
    """Refuse missing values before any work, where scikit-learn's own learner cannot take them."""
    if not type(learner).__module__.startswith("sklearn.") or _wraps(learner):
        return
    if get_tags(learner).input_tags.allow_nan:
        return
    name = type(learner).__name__
    if is_frame(X):
        missing = missing_columns(X)
        if missing:
            raise ValueError(
                f"X must not hold missing values, because {name} cannot take them (Input X "
                f"contains NaN); got some in {', '.join(missing)}."
            )
        return
    try:
        assert_all_finite(X, estimator_name=name, input_name="X")
    except ValueError as error:
        fault = str(error).replace("Input contains", "Input X contains")
        raise ValueError(
            f"X must hold finite numbers, because {name} cannot take others: {fault}"
        ) from None


def _wraps(learner: Any) -> bool:
    """Tell whether a learner hands its table on to others, whose tags say more than its own."""
    return hasattr(learner, "steps") or any(
        hasattr(value, "fit") for value in learner.get_params().values()
    )
