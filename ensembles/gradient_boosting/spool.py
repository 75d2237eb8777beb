"""The spool: coded batches in a folder, so that an iterable is gone through once."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from ensembles.gradient_boosting.columns import (
    Columns,
    frequent,
    learn_columns,
    opened,
    places,
)
from ensembles.gradient_boosting.infinity import refuse_infinity
from ensembles.gradient_boosting.labels import smoothed
from ensembles.parameters import check_sample_weight
from ensembles.tables import check_table, take
from ensembles.tasks import CLASSIFICATION, check_labels, check_values

__all__ = ["Pages", "Spool"]


@dataclass
class Spool:
    """Coded batches in a folder, and what has been learned of them so far.

    Codes of categories and classes are given in the order of appearance, and put in their final
    order when the batches are read back. What a sparse matrix does not store is missing where the
    first batch is one, as at `fit`; later batches are taken as tables to be asked about are.
    """

    folder: Path
    estimator: Any
    least: int = 1
    fixed: Columns | None = None
    learns: bool = True
    start: Any = None
    sizes: list[int] = field(default_factory=list)
    known: list[dict[Any, int] | None] = field(default_factory=list)
    rows: dict[int, NDArray[np.intp]] = field(default_factory=dict)
    numeric: list[bool] = field(default_factory=list)
    blank: set[int] = field(default_factory=set)
    labels: dict[Any, int] = field(default_factory=dict)
    counts: list[int] = field(default_factory=list)
    weighted: bool = False
    dense: bool = True
    sparse: bool = False

    def take_in(self, X: Any, y: Any, weights: Any) -> None:
        """Code one batch and write it down."""
        first = self.learns and not self.sizes
        table = check_table(self.estimator, X, reset=first)
        if first:
            self.estimator._check_start_columns(self.start)
            self.estimator._settle_task(y)
        table = self._coded(table)
        values = self._targets(y)
        if len(values) != len(table):
            raise ValueError(
                f"X and y must have as many rows; batch {len(self.sizes)} has {len(table)} and "
                f"{len(values)}."
            )
        row_weights = _checked_weights(weights, len(values))
        if row_weights is not None:
            self.weighted = True
            heavy = row_weights > 0
            table, values, row_weights = table[heavy], values[heavy], row_weights[heavy]
        self._count(values)
        self._count_levels(table)
        self._write(table, values, row_weights)

    def _count(self, values: NDArray[Any]) -> None:
        if self.estimator.task_ == CLASSIFICATION:
            found = np.bincount(values.astype(np.intp), minlength=len(self.labels))
            found[: len(self.counts)] += np.array(self.counts, dtype=found.dtype)
            self.counts = found.tolist()

    def _count_levels(self, table: NDArray[np.float32]) -> None:
        """Count the rows of each level; rows of weight zero are no rows."""
        for i, known in enumerate(self.known):
            if known is not None:
                codes = table[~np.isnan(table[:, i]), i].astype(np.intp)
                found = np.bincount(codes, minlength=len(known))
                before = self.rows.get(i, found[:0])
                found[: len(before)] += before
                self.rows[i] = found

    def _write(self, table: NDArray[Any], values: NDArray[Any], weights: Any) -> None:
        k = len(self.sizes)
        missing = self.estimator.missing
        self.dense &= not (np.isnan(table).any() or (table == missing).any())
        try:
            np.save(self.folder / f"{k}.table.npy", table)
            np.save(self.folder / f"{k}.values.npy", values)
            if weights is not None:
                np.save(self.folder / f"{k}.weights.npy", weights)
        except OSError as error:
            error.add_note(f"While batch {k} was written to {self.folder.parent} (cache_dir).")
            raise
        self.sizes.append(len(values))

    def _coded(self, X: Any) -> NDArray[np.float32]:
        """Code one batch as 32-bit floats."""
        names = self.estimator._names()
        if self.fixed is not None:
            columns = self.fixed
        else:
            columns = self._grown(learn_columns(X, names), X, names)
        table = columns.coded(X)
        refuse_infinity(table, names, self.estimator.missing)
        return np.ascontiguousarray(opened(table))

    def _grown(self, found: Columns, X: Any, names: list[str]) -> Columns:
        """Add the levels of a batch to those of the batches before it."""
        if not self.known:
            self.known, self.numeric = [None] * len(names), [False] * len(names)
            self.sparse = found.sparse
        for i, levels in enumerate(found.levels):
            known = self.known[i]
            if levels is None:
                self.numeric[i] |= known is None and _holds_something(take(X, None, np.array([i])))
                continue
            if known is None and not len(levels):
                self.blank.add(i)  # of a kind that later batches tell
                continue
            if self.numeric[i]:
                raise ValueError(
                    f"X must hold one kind of value in a column; {names[i]!r} held numbers, and "
                    f"holds text or categories in batch {len(self.sizes)}."
                )
            known = self.known[i] = {} if known is None else known
            for level in levels.tolist():
                known.setdefault(level, len(known))
        so_far = [None if known is None else _array(known) for known in self.known]
        return Columns(names, so_far, self.sparse)

    def _targets(self, y: Any) -> NDArray[Any]:
        if self.estimator.task_ != CLASSIFICATION:
            return check_values(y, self.estimator)
        _, found, codes = check_labels(y, self.estimator, least=1)
        if self.fixed is None or not self.labels:
            for label in found.tolist():
                self.labels.setdefault(label, len(self.labels))
        strangers = [label for label in found.tolist() if label not in self.labels]
        if strangers:
            name = "labels of validation rows" if self.start is None else "y"
            whose = "y" if self.start is None else self.start.name
            raise ValueError(
                f"{name} must hold classes that {whose} holds, {list(self.labels)}; "
                f"got {strangers}."
            )
        return np.array([self.labels[label] for label in found.tolist()])[codes]

    def columns(self) -> Columns:
        """Return the columns, with their levels in the final order."""
        if self.fixed is not None:
            return self.fixed
        return Columns(self.estimator._names(), self._levels, self.sparse)

    @cached_property
    def _levels(self) -> list[NDArray[Any] | None]:
        """The levels of each column in the final order, once every batch is in."""
        names = self.estimator._names()
        return [self._levels_of(i, name) for i, name in enumerate(names)]

    def _levels_of(self, i: int, name: str) -> NDArray[Any] | None:
        known = self.known[i]
        if known is not None:
            rows = dict(zip(known, self.rows[i].tolist(), strict=True))
            return frequent(rows, self.least, name)
        return _array({}) if i in self.blank and not self.numeric[i] else None

    def orders(self) -> dict[int, NDArray[np.float32]]:
        """Return, for each column of categories, the final code of each code on disk.

        NaN for a level of too few rows.
        """
        if self.fixed is not None:
            return {}
        return {
            i: places(known, levels)
            for i, (known, levels) in enumerate(zip(self.known, self._levels, strict=True))
            if known and levels is not None
        }

    def classes(self) -> tuple[NDArray[Any], NDArray[np.intp]]:
        """Return the classes in their order, and the final code of each code on disk."""
        classes, codes = np.unique(np.array(list(self.labels)), return_inverse=True)
        return classes, codes


def _checked_weights(weights: Any, n_rows: int) -> NDArray[np.float64] | None:
    """Check the weights of one batch, which may all be zero where those of others are not."""
    zeros = np.zeros(n_rows)
    if weights is not None and np.array_equal(np.asarray(weights), zeros):
        return zeros
    return check_sample_weight(weights, n_rows)


def _holds_something(X: Any) -> bool:
    if sparse.issparse(X):
        return bool(X.nnz)
    values = np.asarray(X, dtype=object).ravel()
    return any(value is not None and value == value for value in values)


def _array(known: dict[Any, int]) -> NDArray[Any]:
    array = np.empty(len(known), dtype=object)
    array[:] = list(known)
    return array


@dataclass
class Pages:
    """The batches of a spool, read back from disk with their codes in the final order.

    Parameters
    ----------
    by_class : array of shape (n_classes,) or None
        What the rows of each class weigh more.
    scale : float
        What all weights are multiplied by.
    smoothing : float
        How far labels of two classes are moved towards one half.
    """

    spool: Spool
    by_class: NDArray[np.float64] | None = None
    scale: float = 1.0
    smoothing: float = 0.0

    def __post_init__(self) -> None:
        self.levels = self.spool.orders()
        self.order = self.spool.classes()[1] if self.spool.labels else None

    @property
    def dense(self) -> bool:
        """Whether no number is missing, neither as it came nor for a level of too few rows."""
        return self.spool.dense and not any(np.isnan(codes).any() for codes in self.levels.values())

    def read(self, k: int, rows: NDArray[np.bool_] | None = None) -> tuple[Any, Any, Any]:
        """Read the table, the targets and the weights of a batch, or of some of its rows."""
        values, weights = self.targets(k, rows)
        return self._table(k, _kept(rows)), smoothed(values, self.smoothing), weights

    def targets(self, k: int, rows: NDArray[np.bool_] | None = None) -> tuple[Any, Any]:
        """Read the targets and the weights of a batch, the labels not smoothed."""
        keep = _kept(rows)
        values = np.load(self.spool.folder / f"{k}.values.npy")[keep]
        if self.order is not None:
            values = self.order[values.astype(np.intp)]
        return values, self._weights(k, keep, values)

    def _weights(self, k: int, keep: Any, values: NDArray[Any]) -> NDArray[np.float64] | None:
        path = self.spool.folder / f"{k}.weights.npy"
        weights = np.load(path)[keep] if path.exists() else None
        if self.by_class is not None:
            weights = self.by_class[values] * (1.0 if weights is None else weights)
        elif weights is None and self.spool.weighted:
            weights = np.ones(len(values))
        return None if weights is None else weights * self.scale

    def _table(self, k: int, keep: Any) -> NDArray[np.float32]:
        table = np.load(self.spool.folder / f"{k}.table.npy", mmap_mode="r")[keep]
        if self.levels:
            table = np.array(table)
            for i, codes in self.levels.items():
                there = ~np.isnan(table[:, i])
                table[there, i] = codes[table[there, i].astype(np.intp)]
        return np.ascontiguousarray(table)


def _kept(rows: NDArray[np.bool_] | None) -> Any:
    return slice(None) if rows is None else rows
