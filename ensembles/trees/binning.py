"""Turn columns into codes of one byte: 0 is missing, the others are ordered bins or categories."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ensembles.parameters import is_whole
from ensembles.tables import is_frame
from ensembles.trees.tables import (
    NOT_NUMBERS,
    blocks,
    by_blocks,
    column,
    holds_categories,
    is_sparse,
    levels,
    numbers,
    type_of,
)

Codes = NDArray[np.uint8]
Floats = NDArray[np.float64]

PLAIN, MISSING, CATEGORICAL = 0, 1, 2
"""What a column holds: ordered values, ordered values with some missing, categories."""
SAMPLE = 200_000
"""Rows from which the cuts of a longer table are chosen."""


@dataclass(frozen=True)
class Bins:
    """How each column of a table becomes a byte.

    Attributes
    ----------
    cuts
        For an ordered column its cuts, ascending: a value's code is 1 + the number of cuts below
        it. Each lies midway between two neighbouring values seen. For a categorical column the
        codes of its categories.
    missing
        Whether a column had missing values.
    names
        The columns' names, or their numbers.
    """

    cuts: tuple[Floats | dict[Any, int], ...]
    missing: tuple[bool, ...]
    names: tuple[str, ...]

    def __getstate__(self) -> dict[str, Any]:
        return {name: self.__dict__[name] for name in ("cuts", "missing", "names")}

    def of(self, columns: NDArray[np.intp]) -> Bins:
        """Return the bins of some columns, in the order given; no cut is copied."""
        return Bins(
            tuple(self.cuts[j] for j in columns),
            tuple(self.missing[j] for j in columns),
            tuple(self.names[j] for j in columns),
        )

    @cached_property
    def table(self) -> tuple[Floats, NDArray[np.int64]]:
        """The cuts as one array, as they are looked up, and their numbers."""
        return padded(self.cuts)

    @property
    def kinds(self) -> Codes:
        """PLAIN, MISSING or CATEGORICAL for each column."""
        pairs = zip(self.cuts, self.missing, strict=True)
        return np.array(
            [CATEGORICAL if isinstance(c, dict) else MISSING * m for c, m in pairs], np.uint8
        )

    @property
    def sizes(self) -> NDArray[np.int64]:
        """One more than the largest code of each column."""
        return np.array(
            [
                max(c.values(), default=0) + 1 if isinstance(c, dict) else len(c) + 2
                for c in self.cuts
            ],
            np.int64,
        )

    def encode(self, X: Any, columns: Sequence[int] | NDArray[np.intp] | None = None) -> Codes:
        """Return the codes of a table, (n_rows, n_columns), or of the columns asked for.

        Missing values and categories never seen get code 0.
        """
        X = X.tocsc() if is_sparse(X) else X
        wanted = np.arange(len(self.cuts)) if columns is None else np.asarray(columns, np.intp)
        codes = np.empty((X.shape[0], len(wanted)), np.uint8)
        if by_blocks(X):
            self._encode_blocks(X, wanted, codes)
        else:
            for place, j in enumerate(wanted):
                self._encode_column(column(X, j), int(j), codes[:, place : place + 1])
        return codes

    def _encode_blocks(self, X: Any, wanted: NDArray[np.intp], codes: Codes) -> None:
        from ensembles.trees.coding import encode

        part = X if len(wanted) == X.shape[1] else X[:, wanted]
        cuts, n_cuts = (np.ascontiguousarray(part_[wanted]) for part_ in self.table)
        for rows, values, n in blocks(part):
            encode(values, n, cuts, n_cuts, codes[rows])
        for place, j in enumerate(wanted):
            if isinstance(self.cuts[j], dict):
                self._encode_column(X[:, j], int(j), codes[:, place : place + 1])

    def _encode_column(self, series: Any, j: int, codes: Codes) -> None:
        from ensembles.trees.coding import encode

        cuts = self.cuts[j]
        if isinstance(cuts, dict):
            found, places = levels(series)
            known = np.array([cuts.get(level, 0) for level in found] + [0], np.uint8)
            codes[:, 0] = known[places]
        else:
            values = as_numbers(series, self.names[j])
            encode(values[np.newaxis], len(values), *padded([cuts]), codes)


def padded(cuts: Sequence[Floats | dict[Any, int]]) -> tuple[Floats, NDArray[np.int64]]:
    """Return the cuts as one array, (n_columns, 272), filled up to 256 with infinity, then every
    sixteenth of these; and their numbers.
    """
    array = np.full((len(cuts), 272), np.inf)
    for row, c in zip(array, cuts, strict=True):
        if not isinstance(c, dict):
            row[: len(c)] = c
    array[:, 256:] = array[:, 15:256:16]
    return array, np.array([0 if isinstance(c, dict) else len(c) for c in cuts], np.int64)


def as_numbers(series: Any, name: str) -> Floats:
    """Return a column as float64, or say which column cannot be."""
    if isinstance(series, np.ndarray) and series.dtype.kind in "fiub":
        return numbers(series)
    if type_of(series).startswith(NOT_NUMBERS):
        raise ValueError(
            f"column {name} holds {series.dtype}; turn it into real numbers, a date say "
            "into days since the first."
        )
    try:
        return numbers(series)
    except (TypeError, ValueError, OverflowError) as error:
        raise ValueError(
            f"column {name} cannot be read as numbers, and was not told to be categorical: {error}"
        ) from error


def find_bins(
    X: Any, weights: Floats | None, max_bins: int, categorical: Any, names: Sequence[str]
) -> Bins:
    """Choose the bins of every column.

    An ordered column with fewer than `max_bins` distinct values has a bin for each, else bins of
    about equal weight; a categorical one has a code for each category, or, beyond `max_bins - 1`
    of them, for the most frequent, the rest sharing the last code. One code is kept for missing
    values. Tables of more than `SAMPLE` rows are judged by a sample of that size, drawn with
    replacement with a fixed seed.
    """
    sampled, weighing = X, weights
    if X.shape[0] > SAMPLE:
        rows = np.sort(np.random.default_rng(0).integers(X.shape[0], size=SAMPLE))
        sampled = take_rows(X, rows)
        weighing = None if weights is None else weights[rows]
    weighing = None if weighing is None else whole_parts(weighing)
    named = categorical_columns(X, categorical, names)
    whole = (
        [any_missing(X, j, named[j]) for j in range(X.shape[1])] if X.shape[0] > SAMPLE else None
    )
    cuts, missing = [], []
    for j in range(X.shape[1]):
        series = column(sampled, j)
        if named[j]:
            found: Floats | dict[Any, int] = category_codes(column(X, j), weights, max_bins)
            absent = True
        else:
            short = isinstance(series, np.ndarray) and series.dtype == np.float32
            values = series if short else as_numbers(series, names[j])
            found = ordered_cuts(values, weighing, max_bins)
            absent = bool(np.isnan(values).any()) if whole is None else whole[j]
        cuts.append(found)
        missing.append(absent)
    return Bins(tuple(cuts), tuple(missing), tuple(names))


def whole_parts(weights: Floats) -> Floats:
    """Return weights as whole numbers, in a unit of their own: their sums are exact, so that the
    cuts do not depend on the unit in which the weights were given.
    """
    of_largest = int(np.frexp(weights.max())[1])
    shares = np.ldexp(weights, -of_largest)  # of the largest: their sum is finite
    of_sum = int(np.frexp(shares.sum())[1])
    if of_largest + of_sum <= 53 and np.array_equal(weights, np.rint(weights)):
        return weights
    return np.maximum(np.rint(np.ldexp(shares, 52 - of_sum)), weights > 0)


def any_missing(X: Any, j: int, categorical: bool) -> bool:
    """Tell whether an ordered column has a missing value anywhere."""
    series = column(X, j)
    if categorical or (isinstance(series, np.ndarray) and series.dtype.kind in "iub"):
        return False
    return bool(np.isnan(numbers(series)).any())


def take_rows(X: Any, rows: NDArray[np.intp]) -> Any:
    """Return the given rows of any table."""
    if hasattr(X, "iloc"):
        return X.iloc[rows]
    return X.tocsr()[rows].tocsc() if is_sparse(X) else X[rows]


def ordered_cuts(values: NDArray[Any], weights: Floats | None, max_bins: int) -> Floats:
    """Return the cuts of an ordered column: midway between neighbouring values, at most max_bins -
    2 of them.

    Values of 32 bits are sorted as such, in half of the time.
    """
    from ensembles.trees.coding import choose_cuts

    if weights is None:
        values, weights = np.sort(values), np.empty(0)
    else:
        values, weights = values[weights > 0], weights[weights > 0]
        order = np.argsort(values, kind="stable")
        values, weights = values[order], weights[order]
    values = values.astype(np.float64, copy=False)
    n = len(values)
    if n and np.isnan(values[-1]):
        n = int(np.searchsorted(values, np.nan))
    cuts = np.empty(max_bins)
    return cuts[: choose_cuts(values[:n], weights[:n], max_bins - 1, np.empty(n), cuts)].copy()


def category_codes(series: Any, weights: Floats | None, max_bins: int) -> dict[Any, int]:
    """Return a code for each category, from 1; the rarest share the last code where there are too
    many.
    """
    found, places = levels(series)
    seen = places >= 0
    heavy = np.bincount(
        places[seen], None if weights is None else weights[seen], minlength=len(found)
    )
    order = sorted(np.flatnonzero(heavy > 0), key=lambda i: (-heavy[i], str(found[i])))
    return {found[i]: min(rank + 1, max_bins - 1) for rank, i in enumerate(order)}


def categorical_columns(X: Any, categorical: Any, names: Sequence[str]) -> NDArray[np.bool_]:
    """Tell which columns are categorical: by their type, or as `categorical_features` says."""
    n_columns = X.shape[1]
    if isinstance(categorical, str) and categorical == "from_dtype":
        if by_blocks(X) or is_sparse(X):
            return np.zeros(n_columns, bool)
        return np.array([holds_categories(column(X, j), names[j]) for j in range(n_columns)], bool)
    chosen = np.zeros(n_columns, bool)
    if categorical is None:
        return chosen
    listed = np.atleast_1d(np.asarray(categorical))
    if listed.dtype.kind == "b" and listed.shape == (n_columns,):
        return listed.astype(bool)
    for item in listed.ravel().tolist():
        if isinstance(item, str) and is_frame(X) and item in names:
            chosen[list(names).index(item)] = True
        elif is_whole(item) and -n_columns <= item < n_columns:
            chosen[item] = True
        else:
            raise ValueError(
                f"categorical_features must be 'from_dtype', None, a boolean mask of "
                f"{n_columns} columns, or column numbers or names of X; got {item!r}"
                f"{f' in {categorical!r}' if listed.size > 1 else ''}."
            )
    return chosen
