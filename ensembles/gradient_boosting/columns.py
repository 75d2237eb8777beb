"""Columns: how a table becomes numbers, decided once, at fit.

A category is a number that stands for the same level for ever, however later frames are coded.
A level that was not there at fit is missing.
"""

from __future__ import annotations

import warnings
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from ensembles.gradient_boosting.gpu import lies_on_gpu, on_host
from ensembles.tables import NUMBERS, container_of, kind_of_times

__all__ = [
    "Columns",
    "counted",
    "frequent",
    "learn_columns",
    "opened",
    "packed",
    "places",
]


@dataclass(frozen=True)
class Columns:
    """What was decided at fit: the levels of each column of categories, None for numbers."""

    names: list[str]
    levels: list[NDArray[Any] | None]
    sparse: bool = False

    @cached_property
    def plain(self) -> bool:
        """Whether all are numbers."""
        return all(levels is None for levels in self.levels)

    @cached_property
    def types(self) -> list[str] | None:
        """XGBoost's types of the columns; None where none has levels.

        To XGBoost a column without a level is one of numbers, all of them missing.
        """
        kinds = ["q" if levels is None or not len(levels) else "c" for levels in self.levels]
        return kinds if "c" in kinds else None

    def coded(self, X: Any) -> Any:
        """Return the table as XGBoost takes it: the table itself where nothing is to be coded."""
        if isinstance(X, np.ndarray) and not self.sparse:
            return _code_array(X, self)
        if lies_on_gpu(X):
            return X if self.plain else self.coded(on_host(X))
        if sparse.issparse(X):
            return sparse.csr_matrix(X) if self.sparse else X.toarray()
        container = container_of(X)
        table = CODERS[container](X, self)
        if self.sparse:
            return sparse.csr_matrix(_as_array(table))
        return table


def learn_columns(X: Any, names: list[str], least: int = 1) -> Columns:
    """Decide how a checked table becomes numbers.

    Parameters
    ----------
    least : int
        Rows that a level of a column of many levels must have, not to be missing.
    """
    if lies_on_gpu(X):
        return Columns(names, [None] * len(names))
    if sparse.issparse(X):
        return Columns(names, [None] * len(names), sparse=True)
    container = container_of(X)
    if _plain_numbers(X, container):
        return Columns(names, [None] * len(names))
    if container is None and _numbers_throughout(X):
        return Columns(names, [None] * len(names))
    levels: list[NDArray[Any] | None] = [None] * len(names)
    for i in _to_look_at(X, container):
        levels[i] = levels_of(_column(X, i, container), names[i], container, least)
    return Columns(names, levels)


def _plain_numbers(X: Any, container: str | None) -> bool:
    """Tell whether the types alone say that there is nothing to code."""
    if container == "pandas":
        return all(map(_is_plain, X.dtypes))
    return container is None and X.dtype.kind in "iufb"


def _is_plain(dtype: Any) -> bool:
    return isinstance(dtype, np.dtype) and dtype.kind in "iufb"


def _numbers_throughout(X: NDArray[Any]) -> bool:
    """Tell whether objects or text read as numbers, of which every column has one at least."""
    numbers = _as_floats(X)
    return numbers is not None and not np.isnan(numbers).all(axis=0).any()


def _as_array(table: Any) -> NDArray[Any]:
    return np.asarray(table if isinstance(table, np.ndarray) else table.to_numpy(np.float32))


def _as_floats(X: NDArray[Any]) -> NDArray[np.float64] | None:
    """Objects as numbers, None where some are text, dates or the like."""
    if X.dtype.kind in NO_NUMBERS or (X.dtype.kind == "O" and kind_of_times(X.flat)):
        return None
    try:
        return np.asarray(X, dtype=np.float64)
    except (TypeError, ValueError, OverflowError):
        return None


NO_NUMBERS = "mMVSc"
"""Kinds of numpy's time spans, dates, records, bytes and complex numbers."""


def _to_look_at(X: Any, container: str | None) -> Iterable[int]:
    """Return the places of the columns whose type alone does not say that they hold numbers.

    To take a column out of a frame costs pandas as long as to count some thousand rows.
    """
    if container == "pandas":
        return [i for i, dtype in enumerate(X.dtypes) if not _is_plain(dtype)]
    return range(X.shape[1])


def _column(X: Any, i: int, container: str | None) -> Any:
    if container == "pandas":
        return X.iloc[:, i]
    return X.to_series(i) if container == "polars" else X[:, i]


# ---------------------------------------------------------------------------------------------
# Levels


MANY_LEVELS = 64
"""Levels above which a column is taken for one of names: few rows have the same, and some subset of
so many levels fits any noise."""


def frequent(rows: Mapping[Any, int], least: int, name: str) -> NDArray[Any]:
    """Sort the levels of a column, numbers before text: of many, those of rows enough.

    Parameters
    ----------
    rows : dict
        How many rows each level has.
    name : str
        The column's, for the error where levels cannot be sorted.

    Returns
    -------
    array of objects; of text where none is left of a column of text, which stays one.
    """
    least = least if len(rows) > MANY_LEVELS else 1
    kept = [level for level, n_rows in rows.items() if n_rows >= least]
    with named_if_no_levels(name):
        kept.sort(key=lambda level: (isinstance(level, str), level))
    if rows and not kept and _all_text(rows):
        _warn_of_numbers(rows, least, name)
        return np.empty(0, dtype=str)
    levels = np.empty(len(kept), dtype=object)
    levels[:] = kept
    return levels


def _warn_of_numbers(rows: Mapping[Any, int], least: int, name: str) -> None:
    """Say that numbers are lost that came as text, of which no two rows need have the same."""
    if _as_floats(np.array(list(rows), dtype=object)) is None:
        return
    warnings.warn(
        f"X holds numbers as text in column {name!r}: {len(rows)} categories, none of them of "
        f"{least} rows (min_category_count), so that nothing is learned from it. Turn the column "
        "into numbers: pandas.to_numeric, or polars' cast.",
        UserWarning,
        stacklevel=2,
    )


@contextmanager
def named_if_no_levels(name: str) -> Iterator[None]:
    """Name the column whose values Python cannot look up or sort, such as lists and dicts."""
    try:
        yield
    except TypeError as error:
        raise ValueError(
            f"X must hold numbers, text or categories that can be sorted; column {name!r} does "
            f"not: {error}."
        ) from None


def levels_of(column: Any, name: str, container: str | None, least: int) -> NDArray[Any] | None:
    """Return the levels of one column, None where it holds numbers."""
    if is_numeric(column, name, container):
        return None
    return frequent(counted(column, name, container), least, name)


def is_numeric(column: Any, name: str, container: str | None) -> bool:
    """Tell numbers and booleans from text and categories; refuse dates and the like.

    Objects of which none is there may be either later on: they are categories without a level. An
    array has one type for all of its columns, so that beside a column of names numbers come as
    text: where all of a column reads as numbers it holds numbers. In a frame text is text.
    """
    if container == "pandas":
        return _pandas_numeric(column, name)
    if container == "polars":
        return _polars_numeric(column, name)
    if column.dtype.kind == "O" and all(map(_is_missing, column.tolist())):
        return False
    return _array_numeric(column, name) or _as_floats(column) is not None


def _unfit(name: str, dtype: Any) -> ValueError:
    return ValueError(
        f"X must hold numbers, booleans, text or categories; got column {name!r} of type {dtype}. "
        "Turn dates into numbers first, such as days since a date of your own."
    )


def _pandas_numeric(column: Any, name: str) -> bool:
    import pandas as pd

    dtype = column.dtype
    if isinstance(dtype, pd.CategoricalDtype) or str(dtype).startswith(TEXTS):
        return False
    if _holds_objects(dtype):
        return _holds_numbers(column, name)
    numeric = pd.api.types.is_numeric_dtype(dtype) or pd.api.types.is_bool_dtype(dtype)
    if numeric and not pd.api.types.is_complex_dtype(dtype):
        return True
    raise _unfit(name, dtype)


TEXTS = ("str", "large_string", "dictionary")
"""How the names of pandas' text types begin, and that of Arrow's categories."""


def _holds_objects(dtype: Any) -> bool:
    return isinstance(dtype, np.dtype) and dtype.kind == "O"


def _holds_numbers(column: Any, name: str) -> bool:
    """Tell whether a column of objects holds numbers; refuse dates, beside text too."""
    present = column.dropna()
    if (times := kind_of_times(present)) is not None:
        raise _unfit(name, times)
    return len(present) > 0 and all(issubclass(kind, NUMBERS) for kind in set(map(type, present)))


def _array_numeric(column: NDArray[Any], name: str) -> bool:
    if column.dtype.kind in NO_NUMBERS:
        raise _unfit(name, column.dtype)
    if column.dtype.kind in "iufb":
        return True
    if (times := kind_of_times(column.flat)) is not None:
        raise _unfit(name, times)
    values = column.tolist()
    if any(isinstance(value, str) for value in values):
        return False
    for value in values:
        number = hasattr(value, "__float__") and not isinstance(value, np.ndarray)
        if not number and not _is_missing(value):
            raise _unfit(name, type(value).__name__)
    return True


def _polars_numeric(column: Any, name: str) -> bool:
    import polars as pl

    dtype = column.dtype
    if dtype.is_numeric() or dtype == pl.Boolean:
        return True
    if dtype in (pl.String, pl.Categorical, pl.Enum, pl.Null):
        return False
    raise _unfit(name, dtype)


def counted(column: Any, name: str, container: str | None) -> Mapping[Any, int]:
    """Count the rows of each level of a column, missing ones and levels of no row left out."""
    with named_if_no_levels(name):
        if container == "pandas":
            return _pandas_counted(column)
        if container == "polars":
            return dict(column.drop_nulls().alias("level").value_counts(name="rows").iter_rows())
        return Counter(value for value in column.tolist() if not _is_missing(value))


def _pandas_counted(column: Any) -> dict[Any, int]:
    import pandas as pd

    if isinstance(column.dtype, pd.CategoricalDtype):
        codes = column.array.codes
        counts = np.bincount(codes[codes >= 0], minlength=len(column.dtype.categories)).tolist()
        known = zip(column.dtype.categories.tolist(), counts, strict=True)
        return {level: n_rows for level, n_rows in known if n_rows}
    rows = column.dropna().value_counts(sort=False)
    rows = rows[rows > 0]
    return dict(zip(np.asarray(rows.index, dtype=object).tolist(), rows.tolist(), strict=True))


def _is_missing(value: Any) -> bool:
    try:
        return value is None or bool(value != value)
    except TypeError:
        return True
    except ValueError:  # an array in a cell
        return False


def places(values: Iterable[Any], levels: NDArray[Any]) -> NDArray[np.float32]:
    """Return the code of each value, NaN for one that is missing or was not there at fit."""
    code = {level: i for i, level in enumerate(levels.tolist())}
    return np.array([code.get(value, np.nan) for value in values], dtype=np.float32)


def _refuse_change(name: str, was: str, now: str) -> None:
    raise ValueError(f"X must hold what it held at fit; column {name!r} held {was}, now {now}.")


def _must_be_text(levels: NDArray[Any]) -> bool:
    return levels.dtype.kind == "U" or (len(levels) > 0 and _all_text(levels))


def _all_text(levels: Iterable[Any]) -> bool:
    return all(isinstance(level, str) for level in levels)


# ---------------------------------------------------------------------------------------------
# Coding, by container


def _code_pandas(X: Any, columns: Columns) -> Any:
    if columns.plain and _plain_numbers(X, "pandas"):
        return X
    changed = {}
    for i, (dtype, levels) in enumerate(zip(X.dtypes, columns.levels, strict=True)):
        if levels is None and _is_plain(dtype):
            continue
        coded = _pandas_column(X.iloc[:, i], columns.names[i], levels)
        if coded is not None:
            changed[i] = coded
    if not changed:
        return X
    frame = X.copy(deep=False)
    for i, coded in changed.items():
        frame.isetitem(i, coded)
    return frame


def _pandas_column(column: Any, name: str, levels: NDArray[Any] | None) -> Any:
    """Return a coded column, None where it can stay as it is."""
    import pandas as pd

    dtype = column.dtype
    if levels is None:
        if not _pandas_numeric(column, name):
            if column.notna().any():
                _refuse_change(name, "numbers", f"{dtype}")
            return np.full(len(column), np.nan, dtype=np.float32)
        if isinstance(dtype, pd.SparseDtype):
            return np.asarray(column.sparse.to_dense())
        return _column_floats(column.to_numpy(), name) if _holds_objects(dtype) else None
    if isinstance(dtype, pd.CategoricalDtype):
        codes = places(dtype.categories.tolist(), levels)
        return np.append(codes, np.float32(np.nan))[column.array.codes]
    if _must_be_text(levels) and _pandas_numeric(column, name) and column.notna().any():
        _refuse_change(name, "text", f"{dtype}")
    with named_if_no_levels(name):
        index = pd.Index(levels, dtype=object).get_indexer(np.asarray(column, dtype=object))
    return np.where(index < 0, np.nan, index).astype(np.float32)


def _code_polars(X: Any, columns: Columns) -> Any:
    table = np.empty(X.shape, dtype=np.float32, order="F")
    for i, (column, name, levels) in enumerate(
        zip(X.get_columns(), columns.names, columns.levels, strict=True)
    ):
        table[:, i] = _polars_column(column, name, levels)
    return table


def _polars_column(column: Any, name: str, levels: NDArray[Any] | None) -> NDArray[np.float32]:
    import polars as pl

    if levels is None:
        if not _polars_numeric(column, name):
            if column.null_count() < len(column):
                _refuse_change(name, "numbers", f"{column.dtype}")
            return np.full(len(column), np.nan, dtype=np.float32)
        with np.errstate(over="ignore"):
            return np.asarray(column.cast(pl.Float64).to_numpy(), dtype=np.float32)
    if (
        _must_be_text(levels)
        and _polars_numeric(column, name)
        and column.null_count() < len(column)
    ):
        _refuse_change(name, "text", f"{column.dtype}")
    if not column.dtype.is_numeric():
        column = column.cast(pl.String)
    distinct = column.drop_nulls().unique()
    codes = pl.Series(places(distinct.to_list(), levels))
    if not len(distinct):
        return np.full(len(column), np.nan, dtype=np.float32)
    coded = column.replace_strict(distinct, codes, default=None, return_dtype=pl.Float32)
    return np.asarray(coded.to_numpy())


def _code_array(X: Any, columns: Columns) -> Any:
    if columns.plain:
        if X.dtype.kind not in "iufb":
            return _numbers_in(X, columns)
        return X if X.dtype.isnative else X.astype(X.dtype.newbyteorder("="))
    table = np.empty(X.shape, dtype=np.float32, order="F")
    for i, (name, levels) in enumerate(zip(columns.names, columns.levels, strict=True)):
        table[:, i] = _array_column(X[:, i], name, levels)
    return table


def _numbers_in(X: NDArray[Any], columns: Columns) -> NDArray[np.float64]:
    numbers = _as_floats(X)
    if numbers is not None:
        return numbers
    parts = [_column_floats(part, name) for part, name in zip(X.T, columns.names, strict=True)]
    return np.column_stack(parts)


def _column_floats(column: NDArray[Any], name: str) -> NDArray[np.float64]:
    numbers = _as_floats(column)
    if numbers is not None:
        return numbers
    if not _array_numeric(column, name):
        _refuse_change(name, "numbers", "text")
    known = [np.nan if _is_missing(value) else value for value in column.tolist()]
    try:
        return np.array(known, dtype=np.float64)
    except OverflowError as error:
        raise ValueError(
            f"X must hold finite numbers; column {name!r} does not: {error}."
        ) from None


def _array_column(column: NDArray[Any], name: str, levels: NDArray[Any] | None) -> NDArray[Any]:
    if levels is None:
        with np.errstate(over="ignore"):
            return np.asarray(_column_floats(column, name), dtype=np.float32)
    numeric = _must_be_text(levels) and _array_numeric(column, name)
    if numeric and not all(map(_is_missing, column.tolist())):
        _refuse_change(name, "text", f"{column.dtype}")
    with named_if_no_levels(name):
        return places(column.tolist(), levels)


def opened(table: Any) -> NDArray[np.float32]:
    """Return a coded table as one array, NaN where a sparse matrix stores nothing."""
    if container_of(table) == "pandas":
        return np.asarray(table.to_numpy(np.float32, na_value=np.nan))
    if not sparse.issparse(table):
        with np.errstate(over="ignore"):
            return np.asarray(table, dtype=np.float32)
    table = sparse.csr_matrix(table)
    table.sum_duplicates()
    table = table.tocoo()
    whole = np.full(table.shape, np.nan, dtype=np.float32)
    whole[table.row, table.col] = table.data
    return whole


FEW_CELLS = 1_000_000
"""Cells of a frame that may be copied: 4 MB."""


def packed(table: Any) -> Any:
    """Return a small coded frame as one array.

    XGBoost looks at a frame column by column, and takes longer over each than over its numbers.
    """
    if isinstance(table, np.ndarray) or container_of(table) != "pandas":
        return table
    if table.size > FEW_CELLS:
        return table
    with np.errstate(over="ignore"):
        return table.to_numpy(np.float32, na_value=np.nan)


CODERS = {"pandas": _code_pandas, "polars": _code_polars, None: _code_array}
