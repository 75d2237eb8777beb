"""Sources: fitting to data larger than memory, from a Parquet file or an iterable of frames.

Batches are coded as they come and written to a folder of their own; XGBoost reads them from there
as often as it likes.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ensembles.gradient_boosting.batches import batches_of, is_source
from ensembles.gradient_boosting.boosting import Grown, Job, Judged, Rows, grow_on, rounds_again
from ensembles.gradient_boosting.external import (
    Reader,
    external_matrix,
    named_on_failure,
    own_folder,
)
from ensembles.gradient_boosting.labels import class_weights
from ensembles.gradient_boosting.objectives import check_own_gradient, check_range, objective_of
from ensembles.gradient_boosting.rounds import stops, yardstick_of
from ensembles.gradient_boosting.spool import Spool
from ensembles.gradient_boosting.storing import check_start, renamed
from ensembles.resampling import generator
from ensembles.tasks import CLASSIFICATION

__all__ = ["fit", "is_source"]

FOR_SPLIT = 3
"""Second word of the addresses that rows of batch k are held out by: (seed, 3, k)."""


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
        spool = _spooled(folder, estimator, settings, start, batches_of(X, y, sample_weight))
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
    batches = batches_of(X, y, weights) if is_source(X) else [(X, y, weights)]
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
    with named_on_failure(folder):
        matrix = external_matrix(job, Reader(spool, folder / "training", job, learnt, read))
        others, values = {}, {}
        if held_out is not None:
            plain: Any = lambda k, rows: read(k, rows, smooth=False)  # noqa: E731
            others["validation"] = external_matrix(
                job, Reader(spool, folder / "held-out", job, held_out, plain), matrix
            )
        for name, one in outside.items():
            coder = _validation_coder(job, one, weigh)
            others[name] = external_matrix(
                job, Reader(one, one.folder / "cache", job, None, coder), matrix
            )
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
    matrix = external_matrix(job, Reader(spool, spool.folder / "everything", job, None, read))
    n_rounds = rounds_again(grown, sum(spool.sizes), n_learnt)
    return grow_on(job, matrix, {}, None, n_rounds)


def _validation_coder(job: Job, spool: Spool, weigh: Callable[..., Any]) -> Callable[..., Any]:
    """Read the batches of validation rows, whose codes are final already."""
    smooth = replace(job, settings=SimpleNamespace(**vars(job.settings) | {"label_smoothing": 0.0}))
    return _coder(smooth, spool, weigh)
