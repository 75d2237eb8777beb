"""Distributed: dask collections, trained by ``xgboost.dask`` where they lie.

Levels and classes are gathered first: they are few. Rows are coded, and held out, where they are.
"""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import partial
from types import SimpleNamespace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ensembles.gradient_boosting.boosting import Grown, Job, rounds_again, turns
from ensembles.gradient_boosting.columns import (
    Columns,
    counted,
    frequent,
    is_numeric,
    refuse_infinity,
)
from ensembles.gradient_boosting.labels import class_weights, codes_of, row_weights
from ensembles.gradient_boosting.objectives import (
    Objective,
    check_own_gradient,
    check_range,
)
from ensembles.gradient_boosting.rounds import (
    Watch,
    Yardstick,
    holds_out,
    stops,
    validation_rows,
    yardstick_of,
)
from ensembles.gradient_boosting.scales import Measure, measure_of, together, warn_of_scales
from ensembles.parameters import check_sample_weight
from ensembles.resampling import generator
from ensembles.tables import check_table, container_of
from ensembles.tasks import CLASSIFICATION, check_labels, check_values

__all__ = ["ask", "fit", "is_collection"]

FOR_SPLIT = 4
"""Second word of the addresses that rows of partition k are held out by: (seed, 4, k)."""


def is_collection(X: Any) -> bool:
    """Tell a dask DataFrame or array from a table."""
    return "dask" in sys.modules and hasattr(X, "__dask_graph__")


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


def _parts(collection: Any) -> list[Any]:
    """Return the partitions of a collection, as delayed objects."""
    if hasattr(collection, "partitions") and hasattr(collection, "columns"):
        return list(collection.to_delayed())
    return list(np.ravel(collection.to_delayed()))


def _one_block_wide(X: Any) -> Any:
    """Let every partition of a dask array hold all of its columns."""
    if getattr(X, "ndim", 1) == 2 and hasattr(X, "rechunk"):
        return X.rechunk({1: -1})
    return X


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
    y = _one_column(y)
    parts = _zipped(X, y, sample_weight, "X")
    columns = _settle_columns(estimator, settings, X, client, start)
    classes, counts = _settle_targets(estimator, parts, client, start)
    by_class = class_weights(settings.class_weight, classes, counts)
    objective = estimator._objective_for(settings, y.shape, start)
    yardstick = _yardstick(settings, objective)
    job = estimator._job(settings, objective, columns, device, start)
    code = partial(_coded_part, job=job, by_class=by_class)
    measure = _measured(client, _coded(client, job, parts, code))
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
    _check_schema(estimator, X, reset=False)
    zipped = _zipped(X, _one_column(y), weights, name)
    return _coded(client, job, zipped, partial(code, smooth=False))


def _one_column(y: Any) -> Any:
    """Take the one column that targets may come in."""
    if getattr(y, "ndim", 1) != 2 or y.shape[1] != 1:
        return y
    return y[y.columns[0]] if hasattr(y, "columns") else y[:, 0]


def _zipped(X: Any, y: Any, weights: Any, name: str) -> list[tuple[Any, ...]]:
    """Return (X, y, weights) for each partition."""
    X = _one_block_wide(X)
    given = [X, y] if weights is None else [X, y, weights]
    if not all(is_collection(one) for one in given):
        raise ValueError(
            f"y and sample_weight must be dask collections as {name} is; got "
            f"{', '.join(type(one).__name__ for one in given[1:])}."
        )
    parts = [_parts(one) for one in given]
    if len({len(one) for one in parts}) != 1:
        raise ValueError(
            f"y and sample_weight must have the partitions of {name}; got "
            f"{', '.join(str(len(one)) for one in parts)} partitions."
        )
    return [(*part, None)[:3] for part in zip(*parts, strict=True)]


def _check_schema(estimator: Any, X: Any, *, reset: bool) -> None:
    """Check the columns by a few made-up rows of the same kind."""
    frame = getattr(X, "_meta_nonempty", None)
    if frame is None:
        frame = np.zeros((1, int(X.shape[1])))
    check_table(estimator, frame, reset=reset)


def _settle_columns(
    estimator: Any, settings: SimpleNamespace, X: Any, client: Any, start: Any
) -> Columns:
    """Settle how partitions become numbers, as it was settled where the model goes on."""
    estimator.n_features_in_ = None
    _check_schema(estimator, X, reset=True)
    estimator._check_start_columns(start)
    if start is not None and start.columns is not None:
        return start.columns
    return _columns_of(estimator, X, client, settings.min_category_count)


def _columns_of(estimator: Any, X: Any, client: Any, least: int) -> Columns:
    """Gather the levels of the columns that do not hold numbers."""
    names = estimator._names()
    if not hasattr(X, "columns"):
        return Columns(names, [None] * len(names))
    meta = X._meta_nonempty
    texts = [
        i
        for i, (column, name) in enumerate(zip(X.columns, names, strict=True))
        if not is_numeric(meta[column], name, container_of(meta)) or meta[column].dtype.kind == "O"
    ]
    levels: list[NDArray[Any] | None] = [None] * len(names)
    if texts:
        found = client.gather(client.compute([_delayed(_texts)(part, texts) for part in _parts(X)]))
        for i, parts in zip(texts, zip(*found, strict=True), strict=True):
            levels[i] = frequent(sum(map(Counter, parts), Counter()), least, names[i])
    return Columns(names, levels)


def _texts(part: Any, columns: list[int]) -> list[Mapping[Any, int]]:
    """Count the rows of each level of some columns of a partition."""
    return [counted(part.iloc[:, i], str(part.columns[i]), "pandas") for i in columns]


def _settle_targets(
    estimator: Any, parts: list[tuple[Any, ...]], client: Any, start: Any
) -> tuple[NDArray[Any] | None, NDArray[np.intp] | None]:
    """Settle the task and the classes, and count them."""
    from dask import delayed

    tallies = client.gather(client.compute([delayed(_tally)(part[1]) for part in parts]))
    distinct = [one for one in tallies if one is not None and len(one[0])]
    tallies = [one for one in tallies if one is None or len(one[0])]
    if not tallies:
        raise ValueError("X must have at least one row; got none.")
    some = (
        np.concatenate([values for values, _ in distinct])
        if len(distinct) == len(tallies)
        else None
    )
    estimator._settle_task(some if some is not None else np.array([0.5]))
    estimator._keep_classes(None)
    if estimator.task_ != CLASSIFICATION:
        return None, None
    if some is None:
        raise ValueError(f"y must hold at most {MOST} classes; got more.")
    if start is not None and start.classes is not None:
        classes = start.classes
        codes = codes_of(some, classes, estimator, "y", start.name)
    else:
        _, classes, codes = check_labels(some, estimator, least=1)
    n_each = np.concatenate([n for _, n in distinct])
    counts = np.bincount(codes, n_each, minlength=len(classes)).astype(np.intp)
    estimator._keep_classes(classes)
    return classes, counts


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


def _coded_part(
    X: Any,
    y: Any,
    weights: Any,
    *,
    job: Job,
    by_class: NDArray[np.float64] | None,
    smooth: bool = True,
) -> tuple[Any, ...]:
    """Code one partition, where it lies: (table, targets, weights)."""
    X = X if container_of(X) else np.asarray(X)
    if not len(X):  # a frame that was filtered keeps its empty partitions
        return np.empty((0, len(job.names)), np.float32), np.empty(0), None
    table = job.columns.coded(X)
    refuse_infinity(table, job.columns.names, job.settings.missing)
    if container_of(table):
        table = table.to_numpy(np.float32, na_value=np.nan)
    values: NDArray[Any]
    if job.classes is None:
        values = check_values(np.asarray(y), None)
        check_range(job.objective, values)
    else:
        place = {label: i for i, label in enumerate(job.classes.tolist())}
        strangers = sorted({one for one in np.asarray(y).tolist() if one not in place}, key=str)
        if strangers:
            raise ValueError(
                f"labels must be classes of y, {job.classes.tolist()}; got {strangers}."
            )
        values = np.array([place[one] for one in np.asarray(y).tolist()], dtype=np.intp)
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
    smoothing = job.settings.label_smoothing
    if smooth and smoothing and job.objective.gradients is None:
        values = values * (1 - smoothing) + smoothing / 2
    return np.asarray(table), values, weighted


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


def _mapped(parts: list[tuple[Any, ...]], code: Callable[..., Any]) -> list[Any]:
    from dask import delayed

    return [delayed(code, nout=3)(*part) for part in parts]


def _coded(client: Any, job: Job, parts: list[tuple[Any, ...]], code: Any) -> list[Any]:
    """Code partitions, their weights scaled to a mean of 1 over all of them if that is asked."""
    coded = _mapped(parts, code)
    if not job.settings.normalize_weights:
        return coded
    found = client.gather(client.compute([_delayed(_sum_of_weights)(part) for part in coded]))
    total, n_rows = np.sum(found, axis=0)
    return [_delayed(_scaled)(part, n_rows / total) for part in coded] if total > 0 else coded


def _sum_of_weights(part: tuple[Any, ...]) -> tuple[float, int]:
    return (0.0, 0) if part[2] is None else (float(np.sum(part[2])), len(part[2]))


def _scaled(part: tuple[Any, ...], by: float) -> tuple[Any, ...]:
    return (*part[:2], None if part[2] is None else part[2] * by)


def _marks(
    client: Any, settings: SimpleNamespace, coded: list[Any], seed: int
) -> list[Callable[[int], NDArray[np.bool_]]]:
    """Return for each partition what marks, of so many rows, those that are held out."""
    fraction = settings.validation_fraction
    if settings.validation_split != "latest":
        return [partial(_drawn, seed=seed, k=k, fraction=fraction) for k in range(len(coded))]
    sizes = client.gather(client.compute([_delayed(_size)(part) for part in coded]))
    ends = np.cumsum([n for n, _ in sizes])
    first = validation_rows(int(ends[-1]), fraction, generator(seed, FOR_SPLIT), latest=True)[0]
    return [
        partial(_from, first=int(first - end + n)) for end, (n, _) in zip(ends, sizes, strict=True)
    ]


def _drawn(n_rows: int, *, seed: int, k: int, fraction: float) -> NDArray[np.bool_]:
    return generator(seed, FOR_SPLIT, k).random(n_rows) < fraction


def _from(n_rows: int, *, first: int) -> NDArray[np.bool_]:
    return np.arange(n_rows) >= first


def _split(
    coded: tuple[Any, ...],
    mark: Callable[[int], NDArray[np.bool_]],
    held_out: bool,
    smoothing: float,
) -> tuple[Any, ...]:
    """Return the rows of a coded partition on one side of the split."""
    table, values, weights = coded
    marks = mark(len(values))
    rows = marks if held_out else ~marks
    values = values[rows]
    if not held_out and smoothing:
        values = values * (1 - smoothing) + smoothing / 2
    return table[rows], values, None if weights is None else weights[rows]


def _matrix(client: Any, job: Job, parts: list[Any], reference: Any = None) -> Any:
    """Bin the coded partitions where they lie."""
    import dask.array as da
    from xgboost import dask as dxgb

    parts = client.persist(parts)
    sizes = client.gather(client.compute([_delayed(_size)(part) for part in parts]))
    parts = [part for part, (n, _) in zip(parts, sizes, strict=True) if n]
    lengths = [n for n, _ in sizes if n]
    if not parts:
        raise ValueError("X must have at least one row of positive weight; got none.")
    weighted = any(has for _, has in sizes)

    def joined(i: int, width: tuple[int, ...], dtype: Any) -> Any:
        blocks = [
            da.from_delayed(_delayed(_element)(part, i), (n, *width), dtype=dtype)
            for part, n in zip(parts, lengths, strict=True)
        ]
        return da.concatenate(blocks, axis=0)

    more = {} if reference is None else {"ref": reference}
    return dxgb.DaskQuantileDMatrix(
        client,
        joined(0, (len(job.names),), np.float32),
        joined(1, (), np.float32),
        weight=joined(2, (), np.float32) if weighted else None,
        missing=job.settings.missing,
        feature_types=job.columns.types,
        max_bin=job.settings.max_bin,
        enable_categorical=True,
        **more,
    )


def _delayed(function: Callable[..., Any]) -> Any:
    from dask import delayed

    return delayed(function)


def _size(part: tuple[Any, ...]) -> tuple[int, bool]:
    return len(part[1]), part[2] is not None


def _element(part: tuple[Any, ...], i: int) -> Any:
    return np.asarray(part[i], dtype=np.float32)


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
    everything = _coded(client, job, parts, code)
    if settings.check_gradient and callable(settings.objective):
        values = client.compute(_delayed(_element)(everything[0], 1)).result()
        check_own_gradient(settings.objective, values, job.objective.n_outputs(values.shape))
    stop = stops(settings, n_rows, bool(outside))
    inside = holds_out(settings, stop, bool(outside))
    learnt = everything
    if inside:
        plain = _coded(client, job, parts, partial(code, smooth=False))
        smoothing = 0.0 if job.objective.gradients else settings.label_smoothing
        marks = _marks(client, settings, plain, estimator._seed)
        learnt, held_out = (
            [
                _delayed(_split)(part, mark, held, smoothing)
                for part, mark in zip(plain, marks, strict=True)
            ]
            for held in (False, True)
        )
        outside = {"validation": held_out}
    matrix = _matrix(client, job, learnt)
    others = {name: _matrix(client, job, one, matrix) for name, one in outside.items()}
    n_rounds = estimator._n_rounds(settings, start, stop)
    grown = _train_all(client, job, matrix, others, n_rounds, yardstick, stop)
    estimator._forget()
    if others:
        estimator._keep_scores(grown[0], True, start)
    if inside and settings.refit:
        again = rounds_again(grown, n_rows, _n_rows(client, learnt))
        matrix = _matrix(client, job, everything)
        grown = _train_all(client, job, matrix, {}, again, yardstick, False)
    estimator._keep(job, grown)


def _measured(client: Any, coded: list[Any]) -> Measure:
    """Measure the rows of all partitions."""
    found = client.gather(client.compute([_delayed(_measure_of_part)(part) for part in coded]))
    filled = [one for one in found if one is not None]
    if not filled:
        raise ValueError("X must have at least one row of positive weight; got none.")
    return together(filled)


def _measure_of_part(part: tuple[Any, ...]) -> Measure | None:
    return measure_of(*part[1:]) if len(part[1]) else None


def _n_rows(client: Any, parts: list[Any]) -> int:
    sizes = client.gather(client.compute([_delayed(_size)(part) for part in parts]))
    return sum(n for n, _ in sizes)


def _train_all(
    client: Any,
    job: Job,
    matrix: Any,
    others: dict[str, Any],
    n_rounds: int,
    yardstick: Yardstick,
    stop: bool,
) -> list[Grown]:
    """Train one booster for every seed, on one shared matrix."""
    return [
        _train(client, job, matrix, others, n_more, yardstick, stop, seed, start)
        for seed, start, n_more in turns(job, n_rounds)
    ]


def _train(
    client: Any,
    job: Job,
    matrix: Any,
    others: dict[str, Any],
    n_rounds: int,
    yardstick: Yardstick,
    stop: bool,
    seed: int,
    start: Any,
) -> Grown:
    from xgboost import dask as dxgb

    settings, loss = job.settings, job.objective.metric
    name = list(others)[-1] if others else None
    parameters = job.parameters(seed)
    parameters.pop("nthread")  # each worker has threads of its own
    if others:
        parameters["eval_metric"] = [loss] if yardstick.name == loss else [loss, yardstick.name]
    patience = settings.n_iter_no_change if stop else None
    gap = settings.max_generalization_gap
    watch = Watch(yardstick, loss, name, patience, settings.tol, gap)
    evaluated = [(matrix, "training"), *((one, key) for key, one in others.items())]

    def train(rounds: int, evals: Any, callbacks: Any) -> dict[str, Any]:
        return dxgb.train(
            client,
            parameters,
            matrix,
            rounds,
            obj=job.objective.gradients,
            evals=evals,
            verbose_eval=False,
            xgb_model=start,
            callbacks=callbacks,
        )

    done = train(n_rounds, evaluated, [watch]) if others else train(n_rounds, None, None)
    seen = replay(watch, done["history"])
    before = 0 if start is None else start.num_boosted_rounds()
    reached = done["booster"].num_boosted_rounds() - before
    kept = seen.kept(reached)
    if kept < reached and settings.booster == "dart":
        parameters.pop("eval_metric")
        done["booster"] = train(kept, None, None)["booster"]
    elif kept < reached:
        done["booster"] = done["booster"][: before + kept]
    return Grown(done["booster"], kept, seen, done["history"])


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


# ---------------------------------------------------------------------------------------------
# Asking


def ask(estimator: Any, method: str, X: Any) -> Any:
    """Ask about a dask collection, partition by partition; the answer is a dask array."""
    import dask.array as da

    _check_schema(estimator, X, reset=False)
    question = getattr(estimator, method)
    meta = question(_sample(X))
    X = _one_block_wide(X)
    if hasattr(X, "columns"):
        lengths = X.map_partitions(len).compute()
        blocks = [
            da.from_delayed(_delayed(question)(part), (int(n), *meta.shape[1:]), meta.dtype)
            for part, n in zip(_parts(X), lengths, strict=True)
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
