"""Partitions: dask collections, checked, coded, split and asked about where their rows lie."""

from __future__ import annotations

import sys
from collections.abc import Callable
from functools import partial
from types import SimpleNamespace
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from ensembles.gradient_boosting.boosting import Job
from ensembles.gradient_boosting.columns import opened
from ensembles.gradient_boosting.infinity import refuse_infinity
from ensembles.gradient_boosting.labels import codes_of, row_weights, smoothed
from ensembles.gradient_boosting.objectives import check_range
from ensembles.gradient_boosting.rounds import validation_rows
from ensembles.gradient_boosting.scales import Measure, measure_of, together
from ensembles.parameters import check_sample_weight
from ensembles.resampling import generator
from ensembles.tables import check_table, container_of
from ensembles.tasks import check_values

__all__ = [
    "ask",
    "check_schema",
    "coded_part",
    "coded_parts",
    "delayed_to",
    "element_of_part",
    "is_collection",
    "marks_of",
    "measured",
    "n_rows_of",
    "of_each",
    "one_column",
    "parts_of",
    "size_of_part",
    "split",
    "zipped",
]

FOR_SPLIT = 4
"""Second word of the addresses that rows of partition k are held out by: (seed, 4, k)."""


def is_collection(X: Any) -> bool:
    """Tell a dask DataFrame or array from a table."""
    return "dask" in sys.modules and hasattr(X, "__dask_graph__")


def parts_of(collection: Any) -> list[Any]:
    """Return the partitions of a collection, as delayed objects."""
    if hasattr(collection, "partitions") and hasattr(collection, "columns"):
        return list(collection.to_delayed())
    return list(np.ravel(collection.to_delayed()))


def one_block_wide(X: Any) -> Any:
    """Let every partition of a dask array hold all of its columns."""
    if getattr(X, "ndim", 1) == 2 and hasattr(X, "rechunk"):
        return X.rechunk({1: -1})
    return X


def one_column(y: Any) -> Any:
    """Take the one column that targets may come in."""
    if getattr(y, "ndim", 1) != 2 or y.shape[1] != 1:
        return y
    return y[y.columns[0]] if hasattr(y, "columns") else y[:, 0]


def zipped(X: Any, y: Any, weights: Any, name: str) -> list[tuple[Any, ...]]:
    """Return (X, y, weights) for each partition."""
    X = one_block_wide(X)
    given = [X, y] if weights is None else [X, y, weights]
    if not all(is_collection(one) for one in given):
        raise ValueError(
            f"y and sample_weight must be dask collections as {name} is; got "
            f"{', '.join(type(one).__name__ for one in given[1:])}."
        )
    parts = [parts_of(one) for one in given]
    if len({len(one) for one in parts}) != 1:
        raise ValueError(
            f"y and sample_weight must have the partitions of {name}; got "
            f"{', '.join(str(len(one)) for one in parts)} partitions."
        )
    return [(*part, None)[:3] for part in zip(*parts, strict=True)]


def check_schema(estimator: Any, X: Any, *, reset: bool) -> None:
    """Check the columns by a few made-up rows of the same kind."""
    frame = getattr(X, "_meta_nonempty", None)
    if frame is None:
        frame = np.zeros((1, int(X.shape[1])))
    check_table(estimator, frame, reset=reset)


def delayed_to(function: Callable[..., Any]) -> Any:
    """Have a function called where its arguments lie."""
    from dask import delayed

    return delayed(function)


def of_each(client: Any, function: Callable[..., Any], parts: list[Any], *more: Any) -> list[Any]:
    """Call a function with each partition where it lies, and bring its answers here."""
    ask = delayed_to(function)
    return client.gather(client.compute([ask(part, *more) for part in parts]))


# ---------------------------------------------------------------------------------------------
# Coding


def coded_part(
    X: Any,
    y: Any,
    weights: Any,
    *,
    job: Job,
    by_class: NDArray[np.float64] | None,
    smooth: bool = True,
) -> tuple[Any, ...]:
    """Code one partition, where it lies: (table, targets, weights) of rows that weigh."""
    X = X if container_of(X) or sparse.issparse(X) else np.asarray(X)
    if not X.shape[0]:  # a frame that was filtered keeps its empty partitions
        return np.empty((0, len(job.names)), np.float32), np.empty(0), None
    table, values = _coded_table(X, job), _coded_targets(np.asarray(y), job)
    if len(values) != len(table):
        raise ValueError(
            f"y must have as many rows as X in all of its partitions; got {len(values)} for "
            f"{len(table)}."
        )
    weighted = _weights_of(weights, by_class, values)
    if weighted is not None:
        heavy = weighted > 0
        table, values, weighted = table[heavy], values[heavy], weighted[heavy]
    if len(values) and not job.settings.normalize_weights:
        row_weights(weighted, None, values, False)
    return table, smoothed(values, job.smoothing) if smooth else values, weighted


def _coded_table(X: Any, job: Job) -> NDArray[Any]:
    table = job.columns.coded(X)
    refuse_infinity(table, job.columns.names, job.settings.missing)
    return opened(table)


def _coded_targets(y: NDArray[Any], job: Job) -> NDArray[Any]:
    if job.classes is not None:
        return codes_of(y, job.classes, None, "labels")
    values = check_values(y, None)
    check_range(job.objective, values)
    return values


def _weights_of(
    weights: Any, by_class: NDArray[np.float64] | None, values: NDArray[Any]
) -> NDArray[np.float64] | None:
    """Return the weight of each row, the user's times that of its class; it may be all zeros."""
    given = None if weights is None else np.asarray(weights, dtype=np.float64)
    if given is not None and given.any():
        given = check_sample_weight(given, len(values))
    if by_class is None:
        return given
    return by_class[values] * (1.0 if given is None else given)


def coded_parts(client: Any, job: Job, parts: list[tuple[Any, ...]], code: Any) -> list[Any]:
    """Code partitions, their weights scaled to a mean of 1 over all of them if that is asked."""
    coded = [delayed_to(code)(*part) for part in parts]
    if not job.settings.normalize_weights:
        return coded
    found = of_each(client, _sum_of_weights, coded)
    total, n_rows = np.sum(found, axis=0)
    return [delayed_to(_scaled)(part, n_rows / total) for part in coded] if total > 0 else coded


def _sum_of_weights(part: tuple[Any, ...]) -> tuple[float, int]:
    return (0.0, 0) if part[2] is None else (float(np.sum(part[2])), len(part[2]))


def _scaled(part: tuple[Any, ...], by: float) -> tuple[Any, ...]:
    return (*part[:2], None if part[2] is None else part[2] * by)


def size_of_part(part: tuple[Any, ...]) -> tuple[int, bool]:
    """Count the rows of a coded partition, and tell whether they have weights."""
    return len(part[1]), part[2] is not None


def element_of_part(part: tuple[Any, ...], i: int) -> Any:
    """Return the table, the targets or the weights of a coded partition, as XGBoost takes them."""
    return np.asarray(part[i], dtype=np.float32)


def measured(client: Any, coded: list[Any]) -> Measure:
    """Measure the rows of all partitions."""
    found = of_each(client, _measure_of_part, coded)
    filled = [one for one in found if one is not None]
    if not filled:
        raise ValueError("X must have at least one row of positive weight; got none.")
    return together(filled)


def _measure_of_part(part: tuple[Any, ...]) -> Measure | None:
    return measure_of(*part[1:]) if len(part[1]) else None


def n_rows_of(client: Any, parts: list[Any]) -> int:
    """Count the rows of coded partitions."""
    return sum(n for n, _ in of_each(client, size_of_part, parts))


# ---------------------------------------------------------------------------------------------
# Holding out


def marks_of(
    client: Any, settings: SimpleNamespace, coded: list[Any], seed: int
) -> list[Callable[[int], NDArray[np.bool_]]]:
    """Return for each partition what marks, of so many rows, those that are held out."""
    fraction = settings.validation_fraction
    if settings.validation_split != "latest":
        return [partial(_drawn, seed=seed, k=k, fraction=fraction) for k in range(len(coded))]
    sizes = of_each(client, size_of_part, coded)
    ends = np.cumsum([n for n, _ in sizes])
    first = validation_rows(int(ends[-1]), fraction, generator(seed, FOR_SPLIT), latest=True)[0]
    return [
        partial(_from, first=int(first - end + n)) for end, (n, _) in zip(ends, sizes, strict=True)
    ]


def _drawn(n_rows: int, *, seed: int, k: int, fraction: float) -> NDArray[np.bool_]:
    return generator(seed, FOR_SPLIT, k).random(n_rows) < fraction


def _from(n_rows: int, *, first: int) -> NDArray[np.bool_]:
    return np.arange(n_rows) >= first


def split(
    coded: tuple[Any, ...],
    mark: Callable[[int], NDArray[np.bool_]],
    held_out: bool,
    smoothing: float,
) -> tuple[Any, ...]:
    """Return the rows of a coded partition on one side of the split."""
    table, values, weights = coded
    marks = mark(len(values))
    rows = marks if held_out else ~marks
    values = values[rows] if held_out else smoothed(values[rows], smoothing)
    return table[rows], values, None if weights is None else weights[rows]


# ---------------------------------------------------------------------------------------------
# Asking


def ask(estimator: Any, method: str, X: Any) -> Any:
    """Ask about a dask collection, partition by partition; the answer is a dask array."""
    import dask.array as da

    check_schema(estimator, X, reset=False)
    question = getattr(estimator, method)
    meta = question(_sample(X))
    X = one_block_wide(X)
    if hasattr(X, "columns"):
        lengths = X.map_partitions(len).compute()
        blocks = [
            da.from_delayed(delayed_to(question)(part), (int(n), *meta.shape[1:]), meta.dtype)
            for part, n in zip(parts_of(X), lengths, strict=True)
            if n
        ]
        return da.concatenate(blocks, axis=0)
    chunks = (X.chunks[0], *((width,) for width in meta.shape[1:]))
    drop = [1] if meta.ndim == 1 else None
    new = list(range(2, meta.ndim)) or None
    return X.map_blocks(question, dtype=meta.dtype, chunks=chunks, drop_axis=drop, new_axis=new)


def _sample(X: Any) -> Any:
    """Return a row or two of the same kind, to see what an answer looks like."""
    frame = getattr(X, "_meta_nonempty", None)
    if frame is None:
        return np.zeros((1, int(X.shape[1])))
    blank = frame.copy()
    for i, dtype in enumerate(frame.dtypes):
        if getattr(dtype, "kind", "O") in "OUS" or str(dtype) in ("category", "str", "string"):
            blank.isetitem(i, np.full(len(frame), None, dtype=object))
    return blank
