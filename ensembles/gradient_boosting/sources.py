"""Sources: data larger than memory, from a Parquet file or an iterable of frames.

Batches are coded as they come and written to a folder of their own; XGBoost reads them from there
as often as it likes. So an iterable is gone through once. The folder is gone when `fit` returns,
however it returns.
"""

from __future__ import annotations

import errno
import gc
import os
import shutil
import tempfile
import traceback
import weakref
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import xgboost
from numpy.typing import NDArray
from scipy import sparse

from ensembles.gradient_boosting.boosting import (
    Grown,
    Job,
    Judged,
    Rows,
    grow_on,
    rounds_again,
    unnamed,
)
from ensembles.gradient_boosting.columns import (
    Columns,
    frequent,
    learn_columns,
    places,
    refuse_infinity,
)
from ensembles.gradient_boosting.labels import class_weights
from ensembles.gradient_boosting.objectives import (
    check_own_gradient,
    check_range,
    objective_of,
)
from ensembles.gradient_boosting.rounds import stops, yardstick_of
from ensembles.gradient_boosting.storing import check_start, renamed
from ensembles.parameters import check_sample_weight
from ensembles.resampling import generator
from ensembles.tables import check_table, is_frame, take
from ensembles.tasks import CLASSIFICATION, check_labels, check_values

__all__ = ["external_matrix_of", "fit", "is_source"]

FOR_SPLIT = 3
"""Second word of the addresses that rows of batch k are held out by: (seed, 3, k)."""

PARQUET_ROWS = 65_536
"""Rows of a Parquet file read at a time."""


def is_source(X: Any) -> bool:
    """Tell a path or an iterable of batches from a table."""
    if isinstance(X, str | os.PathLike):
        return True
    if isinstance(X, list | tuple):
        first = X[0] if len(X) else None
        return is_frame(first) or (isinstance(first, tuple) and bool(first) and _is_table(first[0]))
    table = _is_table(X) or hasattr(X, "__array_interface__") or hasattr(X, "__getitem__")
    return hasattr(X, "__iter__") and not table


def _is_table(X: Any) -> bool:
    if isinstance(X, np.generic):  # it has a shape, and is the first number of a row
        return False
    return hasattr(X, "shape") or hasattr(X, "__array__") or hasattr(X, "__dataframe__")


# ---------------------------------------------------------------------------------------------
# Batches


def _batches(X: Any, y: Any, weight: Any) -> Iterator[tuple[Any, Any, Any]]:
    """Yield (table, targets, weights) for each batch."""
    source = _parquet(Path(X)) if isinstance(X, str | os.PathLike) else iter(X)
    for k, batch in enumerate(_noted(source)):
        if isinstance(batch, tuple):
            if len(batch) not in (2, 3):
                raise ValueError(
                    "X must yield DataFrames, (X, y) or (X, y, sample_weight); batch "
                    f"{k} is a tuple of {len(batch)}."
                )
            yield (_framed(batch[0]), *batch[1:], None)[:3]
        else:
            yield _apart(_framed(batch), y, weight, k)


def _framed(table: Any) -> Any:
    """Turn a Table or a RecordBatch of Arrow, as its reader of Parquet yields, into a frame."""
    arrow = hasattr(table, "to_pandas") and hasattr(table, "schema") and not is_frame(table)
    return table.to_pandas() if arrow else table


def _noted(source: Iterator[Any]) -> Iterator[Any]:
    """Let an error of the user's iterable pass, with a note on where it came from."""
    k = 0
    while True:
        try:
            batch = next(source)
        except StopIteration:
            return
        except Exception as error:
            error.add_note(f"Raised by the iterable given as X, at batch {k}; nothing was kept.")
            raise
        yield batch
        k += 1


def _apart(frame: Any, y: Any, weight: Any, k: int) -> tuple[Any, Any, Any]:
    """Take the target's column out of a frame, and that of the weights."""
    if not isinstance(y, str):
        raise ValueError(
            "y must be the name of the target's column when X is a path or yields frames alone; "
            f"got {y!r}."
        )
    if weight is not None and not isinstance(weight, str):
        raise ValueError(
            f"sample_weight must be the name of a column or None here; got {type(weight).__name__}."
        )
    if not is_frame(frame):
        raise ValueError(f"X must yield DataFrames or tuples; batch {k} is {type(frame).__name__}.")
    for name, column in (("y", y), ("sample_weight", weight)):
        if column is not None and column not in frame.columns:
            raise ValueError(
                f"{name} must name a column of X, {[str(one) for one in frame.columns]}; "
                f"got {column!r}."
            )
    out = [name for name in (y, weight) if name is not None]
    rest = frame.drop(columns=out) if hasattr(frame, "iloc") else frame.drop(out)
    return rest, frame[y], None if weight is None else frame[weight]


def _parquet(path: Path) -> Iterator[Any]:
    """Read a Parquet file, or a folder of them, some rows at a time."""
    try:
        import pyarrow.parquet as parquet
    except ImportError:
        raise ImportError(
            "pyarrow is needed to read a Parquet file: pip install pyarrow pandas."
        ) from None
    files = sorted(path.glob("*.parquet")) if path.is_dir() else [path]
    if not path.exists() or not files:
        raise FileNotFoundError(f"X must be the path of a Parquet file; there is none at {path}.")
    for file in files:
        try:
            with parquet.ParquetFile(file) as opened:
                for batch in opened.iter_batches(PARQUET_ROWS):
                    yield batch.to_pandas()
        except (OSError, ValueError, EOFError) as error:
            raise ValueError(
                f"X must be a whole Parquet file; {file} cannot be read: {error}."
            ) from error


# ---------------------------------------------------------------------------------------------
# The spool: coded batches on disk


@dataclass
class Spool:
    """Coded batches in a folder, and what has been learned of them so far.

    Codes of categories and classes are given in the order of appearance, and put in their final
    order when the batches are read back.
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
    labels: dict[Any, int] = field(default_factory=dict)
    counts: list[int] = field(default_factory=list)
    total_weight: float = 0.0
    weighted: bool = False
    dense: bool = True

    def take_in(self, X: Any, y: Any, weights: Any) -> None:
        """Code one batch and write it down."""
        first = self.learns and not self.sizes
        table = check_table(self.estimator, X, reset=first)
        if first:
            self.estimator._check_start_columns(self.start)
            self.estimator._settle_task(y)
        table = self._coded(table.toarray() if sparse.issparse(table) else table)
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
                self.total_weight += float(weights.sum())
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
        if is_frame(table):
            table = table.to_numpy(np.float32, na_value=np.nan)
        return np.ascontiguousarray(table, dtype=np.float32)

    def _grown(self, found: Columns, X: Any, names: list[str]) -> Columns:
        """Add the levels of a batch to those of the batches before it."""
        if not self.known:
            self.known, self.numeric = [None] * len(names), [False] * len(names)
        for i, levels in enumerate(found.levels):
            known = self.known[i]
            if levels is None:
                self.numeric[i] |= known is None and _holds_something(take(X, None, np.array([i])))
                continue
            if self.numeric[i] and len(levels):
                raise ValueError(
                    f"X must hold one kind of value in a column; {names[i]!r} held numbers, and "
                    f"holds text or categories in batch {len(self.sizes)}."
                )
            known = self.known[i] = {} if known is None else known
            for level in levels.tolist():
                known.setdefault(level, len(known))
        return Columns(names, [None if known is None else _array(known) for known in self.known])

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
        levels = [
            None if known is None else self._frequent(i, known)
            for i, known in enumerate(self.known)
        ]
        return Columns(self.estimator._names(), levels)

    def _frequent(self, i: int, known: dict[Any, int]) -> NDArray[Any]:
        return frequent(dict(zip(known, self.rows[i].tolist(), strict=True)), self.least)

    def orders(self) -> dict[int, NDArray[np.float32]]:
        """Return, for each column of categories, the final code of each code on disk.

        NaN for a level of too few rows.
        """
        if self.fixed is not None:
            return {}
        return {
            i: places(known, self._frequent(i, known))
            for i, known in enumerate(self.known)
            if known
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
    values = np.asarray(X, dtype=object).ravel()
    return any(value is not None and value == value for value in values)


def _array(known: dict[Any, int]) -> NDArray[Any]:
    array = np.empty(len(known), dtype=object)
    array[:] = list(known)
    return array


class Reader(xgboost.DataIter):
    """Hand the batches of a spool to XGBoost, as often as it asks for them."""

    def __init__(
        self,
        spool: Spool,
        cache: Path,
        job: Job,
        picked: Sequence[NDArray[np.bool_]] | None,
        coder: Callable[..., tuple[Any, Any, Any]],
    ) -> None:
        self.spool, self.job, self.picked, self.coder = spool, job, picked, coder
        dropped = any(np.isnan(codes).any() for codes in spool.orders().values())
        self.folder, self.dense = spool.folder, spool.dense and not dropped
        self.n_rows = sum(spool.sizes if picked is None else map(int, map(np.sum, picked)))
        self.n_batches = len(spool.sizes)
        self.k = 0
        super().__init__(cache_prefix=str(cache))

    def reset(self) -> None:
        """Begin again."""
        self.k = 0

    def next(self, input_data: Callable[..., Any]) -> bool:
        """Hand over the next batch that has rows."""
        while self.k < len(self.spool.sizes):
            k, self.k = self.k, self.k + 1
            rows = None if self.picked is None else self.picked[k]
            if self.spool.sizes[k] == 0 or (rows is not None and not rows.any()):
                continue
            table, values, weights = self.coder(k, rows)
            input_data(
                data=table,
                label=values,
                weight=weights,
                feature_names=self.job.names,
                feature_types=self.job.columns.types,
            )
            return True
        return False


def _matrix(job: Job, reader: Reader | Blocks, reference: Any = None) -> Any:
    _check_space(reader.folder, _cache_bytes(job, reader))
    matrix = xgboost.ExtMemQuantileDMatrix(
        reader,
        missing=job.settings.missing,
        nthread=job.threads,
        max_bin=job.settings.max_bin,
        ref=reference,
        enable_categorical=True,
    )
    return unnamed(matrix)


def _cache_bytes(job: Job, reader: Reader | Blocks) -> int:
    """Bound what XGBoost will write: it keeps the codes twice, by row and by column.

    Codes by row take 4 bytes each where some are missing; each batch carries all of the bins. The
    files of XGBoost 3.2 came to 80 % of this and more, never to all of it, with few missing.
    """
    n_rows, n_columns, max_bin = reader.n_rows, len(job.columns.names), job.settings.max_bin
    width = 1 if max_bin <= 256 else 2 if max_bin <= 65_536 else 4
    by_row = width if reader.dense else 4
    most = max([max_bin, *(len(one) for one in job.columns.levels if one is not None)])
    bins = n_columns * min(most, n_rows)
    cells = n_rows * n_columns
    whole = cells * (by_row + width) + cells // 8 + 8 * n_rows
    return (whole + reader.n_batches * (8 * bins + 4096)) * 21 // 20


def _check_space(folder: Path, needed: int) -> None:
    """Refuse before XGBoost writes its cache: a disk that is full then ends the whole process.

    A trial file shows what the free space alone does not: quotas and limits on the size of a file.
    """
    free = shutil.disk_usage(folder).free
    text = f"cache_dir must have {needed / 2**20:,.1f} MiB free for XGBoost's cache; "
    if needed > free:
        raise OSError(
            errno.ENOSPC, f"{text}{folder.parent} has {free / 2**20:,.1f} MiB, too little"
        )
    trial = folder / "trial"
    try:
        with open(trial, "wb") as file:
            os.posix_fallocate(file.fileno(), 0, needed)
    except AttributeError:  # there is none on macOS and Windows
        return
    except OSError as error:
        if error.errno in (errno.EINVAL, errno.EOPNOTSUPP):
            return
        raise OSError(error.errno, f"{text}{folder.parent}: {error.strerror}") from error
    finally:
        trial.unlink(missing_ok=True)


# ---------------------------------------------------------------------------------------------
# Fitting


@contextmanager
def own_folder(cache_dir: Any) -> Iterator[Path]:
    """Make a folder, and see to it that nothing of it stays."""
    if cache_dir is not None and not Path(cache_dir).is_dir():
        raise ValueError(f"cache_dir must be a folder that is there; got {cache_dir!r}.")
    folder = Path(tempfile.mkdtemp(prefix="gradient-boosting-", dir=cache_dir))
    try:
        yield folder
    except BaseException as error:
        _let_go(error)
        raise
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _let_go(error: BaseException | None) -> None:
    """Free the matrices that an error's frames hold: each removes its own cache files."""
    while error is not None:
        traceback.clear_frames(error.__traceback__)
        error = error.__cause__ or error.__context__
    gc.collect()


def fit(
    estimator: Any,
    settings: SimpleNamespace,
    device: str,
    X: Any,
    y: Any,
    sample_weight: Any,
    validation: dict[str, Any],
    groups: Any,
    init_model: Any,
) -> Any:
    """Fit an estimator to batches."""
    if groups is not None:
        raise ValueError("groups must be None when X is a path or an iterable of batches.")
    with own_folder(settings.cache_dir) as folder:
        start = estimator._start(settings, init_model)
        spool = _spooled(folder, estimator, settings, start, _batches(X, y, sample_weight))
        job, weigh = _job(estimator, settings, device, spool, start)
        outside = {
            name: _validation_spool(folder / name, estimator, job, *one)
            for name, one in validation.items()
        }
        _grow(estimator, job, spool, outside, weigh, start)
    return estimator


def _spooled(
    folder: Path, estimator: Any, settings: SimpleNamespace, start: Any, batches: Iterator[Any]
) -> Spool:
    folder.mkdir(exist_ok=True)
    fixed = start.columns if start else None
    spool = Spool(folder, estimator, settings.min_category_count, fixed, start=start)
    if start is not None and start.classes is not None:
        spool.labels = {label: i for i, label in enumerate(start.classes.tolist())}
    _take_all(spool, batches)
    if not sum(spool.sizes):
        raise ValueError("X must yield at least one row of positive weight; got none.")
    return spool


def _take_all(spool: Spool, batches: Iterable[Any]) -> None:
    """Take in every batch; an error says in which it was found."""
    for k, batch in enumerate(batches):
        try:
            spool.take_in(*batch)
        except Exception as error:
            error.add_note(f"Found in batch {k} (counted from 0).")
            raise


def _validation_spool(
    folder: Path, estimator: Any, job: Job, X: Any, y: Any, weights: Any
) -> Spool:
    folder.mkdir()
    spool = Spool(folder, estimator, fixed=job.columns, learns=False)
    if job.classes is not None:
        spool.labels = {label: i for i, label in enumerate(job.classes.tolist())}
    batches = _batches(X, y, weights) if is_source(X) else [(X, y, weights)]
    _take_all(spool, batches)
    return spool


def _job(
    estimator: Any, settings: SimpleNamespace, device: str, spool: Spool, start: Any
) -> tuple[Job, Callable[..., Any]]:
    """Settle the classes, the columns and the weights, now that every batch has been seen."""
    classes = by_class = order = None
    for stale in ("classes_", "n_classes_"):
        estimator.__dict__.pop(stale, None)
    if estimator.task_ == CLASSIFICATION:
        classes, order = spool.classes()
        estimator.classes_, estimator.n_classes_ = classes, len(classes)
        counts = np.zeros(len(classes), dtype=np.intp)
        counts[order] = spool.counts
    else:
        counts = None
    by_class = class_weights(settings.class_weight, classes, counts)
    objective = objective_of(settings, estimator.task_, 0 if classes is None else len(classes))
    shape = np.load(spool.folder / "0.values.npy", mmap_mode="r").shape
    check_start(start, objective, objective.n_outputs(shape))
    seeds = estimator._seeds(settings, start)
    columns = spool.columns()
    settings.n_cells = sum(spool.sizes) * len(columns.names)
    boosters = renamed(start, columns)
    level = start is not None and start.counted
    job = Job(settings, objective, columns, classes, device, seeds, boosters, level)
    scale = (
        sum(spool.sizes) / spool.total_weight
        if settings.normalize_weights and spool.weighted
        else 1.0
    )

    def weigh(codes: NDArray[Any], weights: Any) -> Any:
        if by_class is None:
            return None if weights is None else weights * scale
        return by_class[codes.astype(np.intp)] * (1.0 if weights is None else weights * scale)

    return job, weigh


def _coder(job: Job, spool: Spool, weigh: Callable[..., Any]) -> Callable[..., Any]:
    """Return a function that reads batch k from disk, its codes in their final order."""
    orders = spool.orders()
    order = spool.classes()[1] if spool.labels else None
    smoothing = 0.0 if job.objective.gradients is not None else job.settings.label_smoothing

    def read(k: int, rows: NDArray[np.bool_] | None, *, smooth: bool = True) -> Any:
        keep = slice(None) if rows is None else rows
        table = np.load(spool.folder / f"{k}.table.npy", mmap_mode="r")[keep]
        values = np.load(spool.folder / f"{k}.values.npy")[keep]
        path = spool.folder / f"{k}.weights.npy"
        weights = np.load(path)[keep] if path.exists() else None
        if orders:
            table = np.array(table)
            for i, codes in orders.items():
                there = ~np.isnan(table[:, i])
                table[there, i] = codes[table[there, i].astype(np.intp)]
        if order is not None:
            values = order[values.astype(np.intp)]
        weights = weigh(values, weights)
        if weights is None and spool.weighted:
            weights = np.ones(len(values))
        if smooth and smoothing:
            values = values * (1 - smoothing) + smoothing / 2
        return np.ascontiguousarray(table), values, weights

    return read


def _held_out(estimator: Any, settings: SimpleNamespace, spool: Spool) -> list[NDArray[np.bool_]]:
    """Choose the rows of each batch that rounds are judged by."""
    total = sum(spool.sizes)
    last = total - max(1, round(settings.validation_fraction * total))
    marks, before = [], 0
    for k, size in enumerate(spool.sizes):
        if settings.validation_split == "latest":
            marks.append(np.arange(before, before + size) >= last)
        else:
            rng = generator(estimator._seed, FOR_SPLIT, k)
            marks.append(rng.random(size) < settings.validation_fraction)
        before += size
    if not any(mark.any() for mark in marks) or all(mark.all() for mark in marks):
        raise ValueError(
            "validation_fraction must leave rows on both sides; got "
            f"{settings.validation_fraction} with {total} rows."
        )
    return marks


def _grow(
    estimator: Any,
    job: Job,
    spool: Spool,
    outside: dict[str, Spool],
    weigh: Callable[..., Any],
    start: Any,
) -> None:
    settings, folder = job.settings, spool.folder
    read = _coder(job, spool, weigh)
    for k in range(len(spool.sizes)):
        check_range(job.objective, np.load(folder / f"{k}.values.npy"))
    if settings.check_gradient:
        first = next(k for k, size in enumerate(spool.sizes) if size)
        values = read(first, None, smooth=False)[1]
        check_own_gradient(settings.objective, values, job.objective.n_outputs(values.shape))
    yardstick = yardstick_of(
        settings.scoring, job.objective.metric, job.classes, job.objective.n_quantiles
    )
    stop = stops(settings, sum(spool.sizes), bool(outside))
    inside = not outside and (stop or settings.max_generalization_gap is not None)
    held_out = _held_out(estimator, settings, spool) if inside else None
    learnt = None if held_out is None else [~mark for mark in held_out]
    with _told(folder):
        matrix = _matrix(job, Reader(spool, folder / "training", job, learnt, read))
        others, values = {}, {}
        if held_out is not None:
            plain: Any = lambda k, rows: read(k, rows, smooth=False)  # noqa: E731
            others["validation"] = _matrix(
                job, Reader(spool, folder / "held-out", job, held_out, plain), matrix
            )
        for name, one in outside.items():
            coder = _validation_coder(job, one, weigh)
            others[name] = _matrix(job, Reader(one, one.folder / "cache", job, None, coder), matrix)
        for name, other in others.items():
            values[name] = Rows(None, other.get_label(), None)
        judged = Judged(values, yardstick, stop) if others else None
        n_rounds = estimator._n_rounds(settings, start, stop)
        grown = grow_on(job, matrix, others, judged, n_rounds)
        estimator._forget()
        estimator._keep_scores(grown[0], judged, start)
        if learnt is not None and settings.refit:
            n_learnt = sum(int(mark.sum()) for mark in learnt)
            grown = _again(job, spool, read, grown, n_learnt)
    estimator._keep(job, grown)


def _again(job: Job, spool: Spool, read: Any, grown: list[Grown], n_learnt: int) -> list[Grown]:
    matrix = _matrix(job, Reader(spool, spool.folder / "everything", job, None, read))
    n_rounds = rounds_again(grown, sum(spool.sizes), n_learnt)
    return grow_on(job, matrix, {}, None, n_rounds)


def _validation_coder(job: Job, spool: Spool, weigh: Callable[..., Any]) -> Callable[..., Any]:
    """Read the batches of validation rows, whose codes are final already."""
    smooth = replace(job, settings=SimpleNamespace(**vars(job.settings) | {"label_smoothing": 0.0}))
    return _coder(smooth, spool, weigh)


@contextmanager
def _told(folder: Path) -> Iterator[None]:
    """Name the folder when XGBoost fails to write to it or to read from it."""
    try:
        yield
    except xgboost.core.XGBoostError as error:
        text = str(error).lower()
        if any(word in text for word in ("no space", "write", "fo->", "open", "i/o", "cache")):
            raise OSError(
                f"cache_dir must be a folder to write to; in {folder.parent}: {error}"
            ) from error
        raise


# ---------------------------------------------------------------------------------------------
# A table in memory, in external memory: when a GPU is too small for it


BLOCK_ROWS = 262_144


class Blocks(xgboost.DataIter):
    """Hand a table that is in memory to XGBoost in blocks of rows."""

    def __init__(self, job: Job, rows: Rows, cache: Path) -> None:
        self.job, self.rows, self.begin = job, rows, 0
        self.folder, self.dense, self.n_rows = cache.parent, False, len(rows)
        self.n_batches = 1 + len(rows) // BLOCK_ROWS
        super().__init__(cache_prefix=str(cache))

    def reset(self) -> None:
        """Begin again."""
        self.begin = 0

    def next(self, input_data: Callable[..., Any]) -> bool:
        """Hand over the next block."""
        if self.begin >= len(self.rows):
            return False
        block = np.arange(self.begin, min(self.begin + BLOCK_ROWS, len(self.rows)))
        self.begin += BLOCK_ROWS
        weights = self.rows.weights
        input_data(
            data=take(self.rows.table, block),
            label=self.rows.values[block],
            weight=None if weights is None else weights[block],
            feature_names=self.job.names,
            feature_types=self.job.columns.types,
        )
        return True


def external_matrix_of(job: Job, rows: Rows, reference: Any = None) -> Any:
    """Bin rows into a matrix on disk, in a folder that lives as long as the matrix."""
    folder = tempfile.mkdtemp(prefix="gradient-boosting-", dir=job.settings.cache_dir)
    try:
        matrix = _matrix(job, Blocks(job, rows, Path(folder) / "cache"), reference)
    except BaseException:
        shutil.rmtree(folder, ignore_errors=True)
        raise
    weakref.finalize(matrix, shutil.rmtree, folder, ignore_errors=True)
    return matrix
