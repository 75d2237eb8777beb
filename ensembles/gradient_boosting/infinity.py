"""Infinity: refused by column, found without a copy of the table, wherever it lies."""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import nullcontext
from math import isinf
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from ensembles.gradient_boosting.gpu import is_cudf, lies_on_gpu, on_host
from ensembles.tables import container_of

__all__ = ["name_infinity", "refuse_infinity"]

LARGEST = float(np.finfo(np.float32).max)
BLOCK = 1 << 13
"""Cells looked at in one go: they stay in the cache, and linear algebra starts no threads."""


def refuse_infinity(table: Any, names: list[str], missing: float) -> None:
    """Refuse a coded table with infinity, or a number that is infinite as a 32-bit float."""
    if isinstance(table, np.ndarray):
        found = table.dtype.kind == "f" and _any_infinite(table)
    elif lies_on_gpu(table):
        found = _any_infinite_there(table)
    else:
        found = any(map(_any_infinite, _float_parts(table)))
    if found and not isinf(missing):
        name_infinity(table, names)


def _any_infinite_there(table: Any) -> bool:
    """Look at a table on a GPU with its own library: one answer comes to the host."""
    if is_cudf(table):
        kinds = zip(table.columns, table.dtypes, strict=True)
        floats = ((table[name], _largest_of(dtype)) for name, dtype in kinds if dtype.kind == "f")
        return any(bool((one > most).any() or (one < -most).any()) for one, most in floats)
    dtype = np.dtype(table.__cuda_array_interface__["typestr"])
    if dtype.kind != "f":
        return False
    with getattr(table, "device", nullcontext()):  # of several GPUs cupy works on one at a time
        return bool((abs(table) > _largest_of(dtype)).any())


def _largest_of(dtype: np.dtype[Any]) -> float:
    return min(LARGEST, float(np.finfo(dtype).max))


def _float_parts(table: Any) -> Iterable[NDArray[np.floating[Any]]]:
    """Return the floats of a table, in as few arrays as there are without copying."""
    if sparse.issparse(table):
        return [table.data] if table.data.dtype.kind == "f" else []
    if container_of(table) is None:
        return []
    kinds = set(table.dtypes)
    if len(kinds) == 1 and isinstance(kind := next(iter(kinds)), np.dtype) and kind.kind == "f":
        return [table.to_numpy()]
    return (_floats(table.iloc[:, i]) for i, dtype in enumerate(table.dtypes) if dtype.kind == "f")


def _floats(column: Any) -> NDArray[np.floating[Any]]:
    """Return a column of floats, one that marks missing values by itself too."""
    if isinstance(column.dtype, np.dtype):
        return np.asarray(column.to_numpy())
    return np.asarray(column.to_numpy(np.float64, na_value=np.nan))


@np.errstate(over="ignore")
def _any_infinite(part: NDArray[np.floating[Any]]) -> bool:
    """Look at a block at a time; a table of few cells is one."""
    if part.size <= BLOCK:
        return _block_infinite(part.ravel(order="K"))
    whole = part.flags.c_contiguous or part.flags.f_contiguous
    rows = part.ravel(order="K") if whole else part
    step = max(1, BLOCK * len(rows) // rows.size)
    return any(
        _block_infinite(rows[start : start + step].ravel()) for start in range(0, len(rows), step)
    )


def _block_infinite(block: NDArray[np.floating[Any]]) -> bool:
    """Tell whether a number is infinite as a 32-bit float.

    The sum of the squares clears a block in one pass: it is infinite or NaN if any of them is, and
    only then is the block looked at number by number.
    """
    if np.dot(block, block) < LARGEST:
        return False
    return bool((np.abs(block) > _largest_of(block.dtype)).any())


def _column(table: Any, i: int) -> Any:
    return table.iloc[:, i] if hasattr(table, "iloc") else table[:, i]


@np.errstate(over="ignore")
def name_infinity(table: Any, names: list[str]) -> None:
    """Raise the error that names the first column with infinity in it; return if there is none."""
    for i, name in enumerate(names):
        if sparse.issparse(table):
            column = table[:, [i]].data
        elif container_of(table) is not None:
            column = table.iloc[:, i].to_numpy(np.float64, na_value=np.nan)
        else:
            column = np.asarray(on_host(_column(table, i)), dtype=np.float64)
        if (np.abs(column) > LARGEST).any():
            worst = column[np.abs(column) > LARGEST][0]
            raise ValueError(
                f"X must hold finite numbers (NaN is missing), none of them infinity nor too large "
                f"for a 32-bit float; got {worst!s} in column {name!r}."
            )
