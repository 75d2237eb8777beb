"""Sources: fitting to data larger than memory, from a Parquet file or an iterable of frames.

Batches are coded as they come and written to a folder of their own; XGBoost reads them from there
as often as it likes.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ensembles.gradient_boosting.batches import batches_of, is_source
from ensembles.gradient_boosting.boosting import (
    Grown,
    Job,
    Judged,
    Rows,
    grow_on,
    rounds_again,
)
from ensembles.gradient_boosting.devices import check_batches
from ensembles.gradient_boosting.external import (
    Reader,
    external_matrix,
    named_on_failure,
    own_folder,
)
from ensembles.gradient_boosting.labels import class_weights
from ensembles.gradient_boosting.memory import falling_back
from ensembles.gradient_boosting.objectives import check_own_gradient, check_range
from ensembles.gradient_boosting.rounds import check_unweighted, holds_out, stops, yardstick_of
from ensembles.gradient_boosting.scales import check_level, measure_of, together, warn_of_scales
from ensembles.gradient_boosting.spool import Pages, Spool
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
    device = check_batches(settings.device, device)
    with own_folder(settings.cache_dir) as folder:
        start = estimator._start(settings, init_model)
        spool = _spooled(folder, estimator, settings, start, batches_of(X, y, sample_weight))
        pages = _pages(estimator, settings, spool)
        job = _job(estimator, settings, device, spool, start)
        _check_targets(job, pages)
        parts = [pages.targets(k) for k, size in enumerate(spool.sizes) if size]
        measure = together(measure_of(*part) for part in parts)
        check_level(measure, settings, job.objective.name, start)
        warn_of_scales(measure, settings.min_child_weight, job.objective.name)
        outside = {
            name: replace(pages, spool=_validation_spool(folder / name, estimator, job, *one))
            for name, one in validation.items()
        }
        weighted = [spool.weighted, *(one.spool.weighted for one in outside.values())]
        check_unweighted(settings.scoring, any(weighted))
        _grow(estimator, job, replace(pages, smoothing=job.smoothing), outside, start)
    return estimator


# ---------------------------------------------------------------------------------------------
# To disk


def _spooled(
    folder: Path, estimator: Any, settings: SimpleNamespace, start: Any, batches: Iterable[Any]
) -> Spool:
    fixed = start.columns if start else None
    spool = Spool(folder, estimator, settings.min_category_count, fixed, start=start)
    if start is not None and start.classes is not None:
        spool.labels = _numbered(start.classes)
    _take_all(spool, batches)
    if not sum(spool.sizes):
        raise ValueError("X must yield at least one row of positive weight; got none.")
    return spool


def _validation_spool(
    folder: Path, estimator: Any, job: Job, X: Any, y: Any, weights: Any
) -> Spool:
    folder.mkdir()
    spool = Spool(folder, estimator, fixed=job.columns, learns=False)
    if job.classes is not None:
        spool.labels = _numbered(job.classes)
    _take_all(spool, batches_of(X, y, weights) if is_source(X) else [(X, y, weights)])
    return spool


def _numbered(classes: NDArray[Any]) -> dict[Any, int]:
    return {label: i for i, label in enumerate(classes.tolist())}


def _take_all(spool: Spool, batches: Iterable[Any]) -> None:
    """Take in every batch; an error says in which it was found."""
    for k, batch in enumerate(batches):
        try:
            spool.take_in(*batch)
        except Exception as error:
            error.add_note(f"Found in batch {k} (counted from 0).")
            raise


# ---------------------------------------------------------------------------------------------
# What is settled once every batch has been seen


def _pages(estimator: Any, settings: SimpleNamespace, spool: Spool) -> Pages:
    """Settle the classes and the weights."""
    classes = counts = None
    if estimator.task_ == CLASSIFICATION:
        classes, order = spool.classes()
        counts = np.zeros(len(classes), dtype=np.intp)
        counts[order] = spool.counts
    estimator._keep_classes(classes)
    pages = Pages(spool, class_weights(settings.class_weight, classes, counts))
    return replace(pages, scale=_scale_of(pages)) if settings.normalize_weights else pages


def _scale_of(pages: Pages) -> float:
    """Return what scales the weights to a mean of 1, those of the classes counted in."""
    weights = [pages.targets(k)[1] for k, size in enumerate(pages.spool.sizes) if size]
    total = sum(float(one.sum()) for one in weights if one is not None)
    return sum(pages.spool.sizes) / total if total else 1.0


def _job(estimator: Any, settings: SimpleNamespace, device: str, spool: Spool, start: Any) -> Job:
    """Settle the objective and the columns."""
    shape = np.load(spool.folder / "0.values.npy", mmap_mode="r").shape
    objective = estimator._objective_for(settings, shape, start)
    columns = spool.columns()
    settings.n_cells = sum(spool.sizes) * len(columns.names)
    job = estimator._job(settings, objective, columns, device, start)
    return replace(job, in_parts=True)


def _check_targets(job: Job, pages: Pages) -> None:
    filled = [k for k, size in enumerate(pages.spool.sizes) if size]
    for k in filled:
        check_range(job.objective, pages.targets(k)[0])
    if job.settings.check_gradient:
        values = pages.targets(filled[0])[0]
        check_own_gradient(job.settings.objective, values, job.objective.n_outputs(values.shape))


def _held_out(estimator: Any, settings: SimpleNamespace, spool: Spool) -> list[NDArray[np.bool_]]:
    """Mark the rows of each batch that rounds are judged by."""
    if settings.validation_split == "latest":
        marks = _latest(spool.sizes, settings.validation_fraction)
    else:
        marks = [
            generator(estimator._seed, FOR_SPLIT, k).random(size) < settings.validation_fraction
            for k, size in enumerate(spool.sizes)
        ]
    if not any(mark.any() for mark in marks) or all(mark.all() for mark in marks):
        raise ValueError(
            "validation_fraction must leave rows on both sides; got "
            f"{settings.validation_fraction} with {sum(spool.sizes)} rows."
        )
    return marks


def _latest(sizes: list[int], fraction: float) -> list[NDArray[np.bool_]]:
    total = sum(sizes)
    marks = np.arange(total) >= total - max(1, round(fraction * total))
    return np.split(marks, np.cumsum(sizes)[:-1])


# ---------------------------------------------------------------------------------------------
# Growing


def _grow(estimator: Any, job: Job, pages: Pages, outside: dict[str, Pages], start: Any) -> None:
    settings, n_rows = job.settings, sum(pages.spool.sizes)
    stop = stops(settings, n_rows, bool(outside))
    inside = holds_out(settings, stop, bool(outside))
    held_out = _held_out(estimator, settings, pages.spool) if inside else None
    n_rounds = estimator._n_rounds(settings, start, stop)

    def train(job: Job) -> tuple[list[Grown], Judged | None]:
        with named_on_failure(pages.spool.folder):
            matrix, others = _matrices(job, pages, outside, held_out)
            judged = _judged(job, others, stop)
            return grow_on(job, matrix, others, judged, n_rounds), judged

    job, (grown, judged) = falling_back(job, n_rows, train)
    estimator._forget()
    estimator._keep_scores(grown[0], judged, start)
    if held_out is not None and settings.refit:
        n_learnt = n_rows - sum(int(mark.sum()) for mark in held_out)
        again = rounds_again(grown, n_rows, n_learnt)
        job, grown = falling_back(job, n_rows, lambda job: _again(job, pages, again))
    estimator._keep(job, grown)


def _matrices(
    job: Job,
    pages: Pages,
    outside: dict[str, Pages],
    held_out: list[NDArray[np.bool_]] | None,
) -> tuple[Any, dict[str, Any]]:
    """Bin the rows to learn from, and by name those to judge by, whose labels stay as they are."""
    folder = pages.spool.folder
    learnt = None if held_out is None else [~mark for mark in held_out]
    matrix = external_matrix(job, Reader(job, pages, folder / "training", learnt))
    others = {}
    if held_out is not None:
        reader = Reader(job, replace(pages, smoothing=0.0), folder / "held-out", held_out)
        others["validation"] = external_matrix(job, reader, matrix)
    for name, one in outside.items():
        reader = Reader(job, one, one.spool.folder / "cache")
        others[name] = external_matrix(job, reader, matrix)
    return matrix, others


def _judged(job: Job, others: dict[str, Any], stop: bool) -> Judged | None:
    if not others:
        return None
    rows = {name: Rows(None, other.get_label(), None) for name, other in others.items()}
    return Judged(rows, yardstick_of(job.settings.scoring, job.objective), stop)


def _again(job: Job, pages: Pages, n_rounds: int) -> list[Grown]:
    """Train on all rows."""
    with named_on_failure(pages.spool.folder):
        matrix = external_matrix(job, Reader(job, pages, pages.spool.folder / "everything"))
        return grow_on(job, matrix, {}, None, n_rounds)
