"""Distributed: fitting to dask collections, trained by ``xgboost.dask`` where they lie.

Levels and classes are gathered first: they are few. Rows are coded, and held out, where they are.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import partial
from types import SimpleNamespace
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from ensembles.gradient_boosting.boosting import (
    Grown,
    Job,
    Judged,
    metrics_of,
    rounds_again,
    turns,
    watch_of,
)
from ensembles.gradient_boosting.columns import Columns, counted, frequent, is_numeric
from ensembles.gradient_boosting.labels import class_weights, codes_of
from ensembles.gradient_boosting.memory import falling_back
from ensembles.gradient_boosting.objectives import Objective, check_own_gradient
from ensembles.gradient_boosting.partitions import (
    check_schema,
    coded_part,
    coded_parts,
    delayed_to,
    element_of_part,
    marks_of,
    measured,
    n_rows_of,
    of_each,
    one_column,
    parts_of,
    size_of_part,
    split,
    zipped,
)
from ensembles.gradient_boosting.rounds import Watch, Yardstick, holds_out, stops, yardstick_of
from ensembles.gradient_boosting.scales import check_level, warn_of_scales
from ensembles.tables import container_of
from ensembles.tasks import CLASSIFICATION, check_labels

__all__ = ["fit"]


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
    """Fit an estimator to dask collections."""
    client = _client()
    if groups is not None:
        raise ValueError(
            "groups must be None with dask collections, whose rows are held out where they lie; "
            f"got a {type(groups).__name__}. Give X_val and y_val of other groups in their place."
        )
    start = estimator._start(settings, init_model)
    y = one_column(y)
    parts = zipped(X, y, sample_weight, "X")
    columns = _settle_columns(estimator, settings, X, client, start)
    classes, counts = _settle_targets(estimator, parts, client, start)
    by_class = class_weights(settings.class_weight, classes, counts)
    objective = estimator._objective_for(settings, y.shape, start)
    yardstick = _yardstick(settings, objective)
    job = replace(estimator._job(settings, objective, columns, device, start), in_parts=True)
    code = partial(coded_part, job=job, by_class=by_class)
    measure = measured(client, coded_parts(client, job, parts, code))
    check_level(measure, settings, objective.name, start)
    warn_of_scales(measure, settings.min_child_weight, objective.name)
    outside = {
        name: _validation(estimator, client, job, code, name, *one)
        for name, one in validation.items()
    }
    _grow(estimator, client, job, parts, code, measure.n_rows, outside, yardstick, start)
    return estimator


def _yardstick(settings: SimpleNamespace, objective: Objective) -> Yardstick:
    yardstick = yardstick_of(settings.scoring, objective)
    if yardstick.score is not None:
        raise ValueError(
            "scoring must be a metric of XGBoost with dask collections, whose rows are never in "
            f"one place; got {settings.scoring!r}."
        )
    return yardstick


def _validation(
    estimator: Any, client: Any, job: Job, code: Any, name: str, X: Any, y: Any, weights: Any
) -> list[Any]:
    """Code the rows that rounds are judged by, whose labels stay as they are."""
    check_schema(estimator, X, reset=False)
    parts = zipped(X, one_column(y), weights, name)
    return coded_parts(client, job, parts, partial(code, smooth=False))


def _client() -> Any:
    """Return the client there is: a cluster is the user's to start."""
    from distributed import get_client

    try:
        return get_client()
    except ValueError:
        raise ValueError(
            "X is a dask collection, and there must be a dask.distributed.Client to train with; "
            "start one first: Client() does on this machine."
        ) from None


# ---------------------------------------------------------------------------------------------
# What is settled before rows are coded


def _settle_columns(
    estimator: Any, settings: SimpleNamespace, X: Any, client: Any, start: Any
) -> Columns:
    """Settle how partitions become numbers, as it was settled where the model goes on."""
    estimator.n_features_in_ = None
    check_schema(estimator, X, reset=True)
    estimator._check_start_columns(start)
    if start is not None and start.columns is not None:
        return start.columns
    return _columns_of(estimator, X, client, settings.min_category_count)


def _columns_of(estimator: Any, X: Any, client: Any, least: int) -> Columns:
    """Gather the levels of the columns that do not hold numbers."""
    names = estimator._names()
    if not hasattr(X, "columns"):
        return Columns(names, [None] * len(names), sparse.issparse(X._meta))
    meta = X._meta_nonempty
    texts = [
        i
        for i, (column, name) in enumerate(zip(X.columns, names, strict=True))
        if not is_numeric(meta[column], name, container_of(meta)) or meta[column].dtype.kind == "O"
    ]
    levels: list[NDArray[Any] | None] = [None] * len(names)
    if texts:
        found = of_each(client, _texts, parts_of(X), texts)
        for i, parts in zip(texts, zip(*found, strict=True), strict=True):
            levels[i] = _levels(parts, least, names[i])
    return Columns(names, levels)


def _texts(part: Any, columns: list[int]) -> list[Mapping[Any, int] | None]:
    """Count the rows of each level of some columns of a partition, None for numbers."""
    found: list[Mapping[Any, int] | None] = []
    for i in columns:
        column, name = part.iloc[:, i], str(part.columns[i])
        numbers = is_numeric(column, name, "pandas") and column.notna().any()
        found.append(None if numbers else counted(column, name, "pandas"))
    return found


def _levels(
    parts: tuple[Mapping[Any, int] | None, ...], least: int, name: str
) -> NDArray[Any] | None:
    """Put the levels of a column together, None where all partitions hold numbers."""
    counts = [Counter(part) for part in parts if part is not None]
    together = sum(counts, Counter())
    if len(counts) == len(parts):
        return frequent(together, least, name)
    if together:
        raise ValueError(
            f"X must hold one kind of value in a column; {name!r} holds numbers in some partitions "
            "and text or categories in others."
        )
    return None


def _settle_targets(
    estimator: Any, parts: list[tuple[Any, ...]], client: Any, start: Any
) -> tuple[NDArray[Any] | None, NDArray[np.intp] | None]:
    """Settle the task and the classes, and count them."""
    tallies = of_each(client, _tally, [part[1] for part in parts])
    distinct = [one for one in tallies if one is not None and len(one[0])]
    tallies = [one for one in tallies if one is None or len(one[0])]
    if not tallies:
        raise ValueError("X must have at least one row; got none.")
    few = len(distinct) == len(tallies)
    some = np.concatenate([values for values, _ in distinct]) if few else np.array([0.5])
    estimator._settle_task(some)
    estimator._keep_classes(None)
    if estimator.task_ != CLASSIFICATION:
        return None, None
    if not few:
        raise ValueError(f"y must hold at most {MOST} classes; got more.")
    classes, codes = _classes_of(some, estimator, start)
    estimator._keep_classes(classes)
    n_each = np.concatenate([n for _, n in distinct])
    return classes, np.bincount(codes, n_each, minlength=len(classes)).astype(np.intp)


def _classes_of(labels: NDArray[Any], estimator: Any, start: Any) -> tuple[NDArray[Any], ...]:
    """Return the classes and the place of each label, among those of the model that goes on."""
    if start is not None and start.classes is not None:
        return start.classes, codes_of(labels, start.classes, estimator, "y", start.name)
    _, classes, codes = check_labels(labels, estimator, least=1)
    return classes, codes


MOST = 10_000
"""Most distinct targets of a partition that are counted as classes."""


def _tally(y: Any) -> tuple[NDArray[Any], NDArray[np.intp]] | None:
    labels = np.asarray(y)
    if not len(labels):
        return labels, np.empty(0, np.intp)
    if labels.dtype.kind == "O":
        check_labels(labels, None, least=1)
    values, counts = np.unique(labels, return_counts=True)
    return (values, counts) if len(values) <= MOST else None


# ---------------------------------------------------------------------------------------------
# Growing


def _grow(
    estimator: Any,
    client: Any,
    job: Job,
    parts: list[tuple[Any, ...]],
    code: Callable[..., Any],
    n_rows: int,
    outside: dict[str, list[Any]],
    yardstick: Yardstick,
    start: Any,
) -> None:
    settings = job.settings
    learnt = everything = coded_parts(client, job, parts, code)
    if settings.check_gradient and callable(settings.objective):
        values = client.compute(delayed_to(element_of_part)(everything[0], 1)).result()
        check_own_gradient(settings.objective, values, job.objective.n_outputs(values.shape))
    stop = stops(settings, n_rows, bool(outside))
    inside = holds_out(settings, stop, bool(outside))
    if inside:
        plain = coded_parts(client, job, parts, partial(code, smooth=False))
        learnt, held_out = _two_sides(client, job, plain, estimator._seed)
        outside = {"validation": held_out}
    judged = Judged({}, yardstick, stop) if outside else None
    n_rounds = estimator._n_rounds(settings, start, stop)
    train = partial(_train_all, client)
    job, grown = falling_back(
        job, n_rows, lambda job: train(job, learnt, outside, judged, n_rounds)
    )
    estimator._forget()
    estimator._keep_scores(grown[0], judged, start)
    if inside and settings.refit:
        again = rounds_again(grown, n_rows, n_rows_of(client, learnt))
        job, grown = falling_back(job, n_rows, lambda job: train(job, everything, {}, None, again))
    estimator._keep(job, grown)


def _two_sides(client: Any, job: Job, plain: list[Any], seed: int) -> tuple[list[Any], list[Any]]:
    """Split coded partitions into rows to learn from and rows to judge by, where they lie."""
    marks = marks_of(client, job.settings, plain, seed)
    learnt, held_out = (
        [
            delayed_to(split)(part, mark, held, job.smoothing)
            for part, mark in zip(plain, marks, strict=True)
        ]
        for held in (False, True)
    )
    return learnt, held_out


def _matrix(client: Any, job: Job, parts: list[Any], reference: Any = None) -> Any:
    """Bin the coded partitions where they lie."""
    from xgboost import dask as dxgb

    parts = client.persist(parts)
    sizes = of_each(client, size_of_part, parts)
    filled = [(part, n) for part, (n, _) in zip(parts, sizes, strict=True) if n]
    if not filled:
        raise ValueError("X must have at least one row of positive weight; got none.")
    weighted = any(has for _, has in sizes)
    more = {} if reference is None else {"ref": reference}
    return dxgb.DaskQuantileDMatrix(
        client,
        _joined(filled, 0, (len(job.names),)),
        _joined(filled, 1),
        weight=_joined(filled, 2) if weighted else None,
        missing=job.settings.missing,
        feature_types=job.columns.types,
        max_bin=job.settings.max_bin,
        enable_categorical=True,
        **more,
    )


def _joined(filled: list[tuple[Any, int]], i: int, width: tuple[int, ...] = ()) -> Any:
    """Join element i of all partitions into one dask array."""
    import dask.array as da

    blocks = [
        da.from_delayed(delayed_to(element_of_part)(part, i), (n, *width), dtype=np.float32)
        for part, n in filled
    ]
    return da.concatenate(blocks, axis=0)


def _train_all(
    client: Any,
    job: Job,
    learnt: list[Any],
    outside: dict[str, list[Any]],
    judged: Judged | None,
    n_rounds: int,
) -> list[Grown]:
    """Train one booster for every seed, on one shared matrix of coded partitions."""
    matrix = _matrix(client, job, learnt)
    others = {name: _matrix(client, job, one, matrix) for name, one in outside.items()}
    return [
        _train_one(client, job, matrix, others, judged, n_more, seed, start)
        for seed, start, n_more in turns(job, n_rounds)
    ]


def _train_one(
    client: Any,
    job: Job,
    matrix: Any,
    others: dict[str, Any],
    judged: Judged | None,
    n_rounds: int,
    seed: int,
    start: Any,
) -> Grown:
    parameters = job.parameters(seed)
    parameters.pop("nthread")  # each worker has threads of its own
    plain = partial(_train, client, job, parameters, matrix, start)
    evaluated, watch = None, watch_of(job, others, judged)
    if others:
        evaluated = [(matrix, "training"), *((one, name) for name, one in others.items())]
        parameters = parameters | {"eval_metric": metrics_of(job, judged)}
    done = _train(client, job, parameters, matrix, start, n_rounds, evaluated, watch)
    booster, seen = done["booster"], replay(watch, done["history"])
    before = 0 if start is None else start.num_boosted_rounds()
    reached = booster.num_boosted_rounds() - before
    kept = seen.kept(reached)
    if kept < reached:
        dart = job.settings.booster == "dart"
        booster = plain(kept)["booster"] if dart else booster[: before + kept]
    return Grown(booster, kept, seen, done["history"])


def _train(
    client: Any,
    job: Job,
    parameters: dict[str, Any],
    matrix: Any,
    start: Any,
    n_rounds: int,
    evaluated: Any = None,
    watch: Watch | None = None,
) -> dict[str, Any]:
    from xgboost import dask as dxgb

    return dxgb.train(
        client,
        parameters,
        matrix,
        n_rounds,
        obj=job.objective.gradients,
        evals=evaluated,
        verbose_eval=False,
        xgb_model=start,
        callbacks=[watch] if evaluated else None,
    )


def replay(watch: Watch, history: dict[str, dict[str, list[float]]]) -> Watch:
    """Watch the rounds once more: the watches of the workers stay with them."""
    seen = replace(watch, scores=[], gaps=[], best=-1, last_allowed=None)
    if watch.name is None:
        return seen
    for i in range(len(history[watch.name][watch.loss])):
        so_far = {
            rows: {metric: values[: i + 1] for metric, values in log.items()}
            for rows, log in history.items()
        }
        seen.after_iteration(None, i, so_far)
    return seen
