"""Boosting: make quantile matrices, let XGBoost add trees, keep the rounds that are worth it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any

import numpy as np
import xgboost
from numpy.typing import NDArray

from ensembles.gradient_boosting.columns import Columns, packed
from ensembles.gradient_boosting.gpu import cupy_named, on_host
from ensembles.gradient_boosting.infinity import name_infinity
from ensembles.gradient_boosting.memory import falling_back
from ensembles.gradient_boosting.objectives import Objective
from ensembles.gradient_boosting.rounds import Watch, Yardstick, judge_of
from ensembles.gradient_boosting.settings import (
    n_threads,
    signs_of,
    training_parameters,
    version_at_hand,
)

__all__ = [
    "Grown",
    "Job",
    "Judged",
    "Rows",
    "grow",
    "matrix_of",
    "metrics_of",
    "rounds_again",
    "turns",
    "unnamed",
    "watch_of",
]


@dataclass(frozen=True)
class Rows:
    """Rows to learn from or to be judged by: a coded table, targets and weights."""

    table: Any
    values: NDArray[Any]
    weights: NDArray[np.float64] | None

    def __len__(self) -> int:
        return len(self.values)


@dataclass(frozen=True)
class Judged:
    """How rounds are judged: the rows by name (the last decides), and when to stop."""

    rows: dict[str, Rows]
    yardstick: Yardstick
    stop: bool


@dataclass(frozen=True)
class Job:
    """What there is to train, apart from the data."""

    settings: SimpleNamespace
    objective: Objective
    columns: Columns
    classes: NDArray[Any] | None
    device: str
    seeds: list[int]
    start: list[Any] = field(default_factory=list)
    level: bool = False
    """Whether boosters of fewer rounds catch up with the one that has the most."""
    in_parts: bool = False
    """Whether the rows come in batches, from external memory already, or lie on many machines."""
    external: bool = False
    """Whether rows that are in memory are handed over in batches all the same."""

    def __post_init__(self) -> None:
        check_categories(self.settings, self.columns)
        check_monotone(self.settings, self.objective, self.columns.names)

    @property
    def names(self) -> list[str]:
        """Names that XGBoost is told: it would refuse some of the user's."""
        return [f"f{i}" for i in range(len(self.columns.names))]

    @property
    def threads(self) -> int:
        """Threads to train with."""
        return n_threads(self.settings.n_jobs, self.settings.n_cells)

    @property
    def smoothing(self) -> float:
        """How far labels of two classes are moved; gradients smooth those of more."""
        return 0.0 if self.objective.gradients is not None else self.settings.label_smoothing

    def parameters(self, seed: int) -> dict[str, Any]:
        """XGBoost's parameters."""
        return training_parameters(
            self.settings, self.objective.said, self.device, seed, self.columns.names
        )


def check_categories(settings: SimpleNamespace, columns: Columns) -> None:
    """Refuse what XGBoost does not do with columns of categories, or does in silence."""
    places = [i for i, kind in enumerate(columns.types or ()) if kind == "c"]
    if not places:
        return
    most = max(len(columns.levels[i]) for i in places)  # type: ignore[arg-type]
    if settings.missing in range(most):
        raise ValueError(
            "missing must be none of the codes of categories, which are 0, 1, 2 and so on, with "
            f"columns of categories or text, such as {columns.names[places[0]]!r}; got "
            f"{settings.missing!r}. Write NaN in its place."
        )
    if settings.multi_strategy == "multi_output_tree":
        raise ValueError(
            "multi_strategy must be 'one_output_per_tree' with columns of categories or text, such "
            f"as {columns.names[places[0]]!r}; got 'multi_output_tree'."
        )
    if settings.monotone_constraints is None:
        return
    signs = signs_of(settings.monotone_constraints, columns.names)
    for i in places:
        if signs[i]:
            raise ValueError(
                "monotone_constraints must be 0 for columns of categories or text, which have no "
                f"order; got {signs[i]!r} for {columns.names[i]!r}."
            )


KEEPS_CONSTRAINTS = (3, 4)
"""The first version of XGBoost that keeps monotonic constraints in every kind of tree."""


def check_monotone(settings: SimpleNamespace, objective: Objective, names: list[str]) -> None:
    """Refuse monotonic constraints that the version of XGBoost at hand would break in silence.

    Before 3.4 it puts the quantile of the residuals into a leaf after the tree has been grown, and
    forgets the constraints over it.
    """
    if version_at_hand() >= KEEPS_CONSTRAINTS or settings.monotone_constraints is None:
        return
    if not any(signs_of(settings.monotone_constraints, names)):
        return
    if objective.name in ("reg:absoluteerror", "reg:quantileerror"):
        fault = f"the objective {objective.name}, whose leaves do not keep them"
    elif settings.multi_strategy == "multi_output_tree":
        fault = "multi_strategy='multi_output_tree'"
    else:
        return
    raise ValueError(
        f"monotone_constraints must be None with {fault} in XGBoost {xgboost.__version__}; got "
        f"{settings.monotone_constraints!r}. XGBoost 3.4 and later keep them."
    )


@dataclass
class Grown:
    """A booster, and what was seen while it grew."""

    booster: Any
    n_rounds: int
    watch: Watch
    log: dict[str, dict[str, list[float]]]


# ---------------------------------------------------------------------------------------------
# Matrices


def matrix_of(job: Job, rows: Rows, reference: Any = None) -> Any:
    """Bin rows into a quantile matrix, with the bins of ``reference`` where there is one."""
    table = on_host(rows.table) if job.device == "cpu" else rows.table
    with infinity_named(table, job.columns), cupy_named():
        matrix = xgboost.QuantileDMatrix(
            packed(table),
            label=rows.values,
            weight=rows.weights,
            missing=job.settings.missing,
            feature_names=job.names,
            feature_types=job.columns.types,
            nthread=job.threads,
            max_bin=job.settings.max_bin,
            ref=reference,
            enable_categorical=True,
        )
    return unnamed(matrix)


def unnamed(matrix: Any) -> Any:
    """Take the names of its columns from a matrix: XGBoost compares them all in every round."""
    matrix.feature_names = None
    return matrix


@contextmanager
def infinity_named(table: Any, columns: Columns) -> Iterator[None]:
    """Say which column holds the infinity that XGBoost found: to look for it costs a pass."""
    try:
        yield
    except xgboost.core.XGBoostError as error:
        if "inf" not in str(error):
            raise
        try:
            name_infinity(table, columns.names)
        except ValueError as named:
            raise named from None
        raise


# ---------------------------------------------------------------------------------------------
# Growing


def grow(job: Job, rows: Rows, judged: Judged | None, n_rounds: int) -> tuple[Job, list[Grown]]:
    """Train one booster for every seed, on one shared quantile matrix.

    The job that is returned says what it came to.
    """
    return falling_back(job, len(rows), lambda job: _grow_all(job, rows, judged, n_rounds))


def _grow_all(job: Job, rows: Rows, judged: Judged | None, n_rounds: int) -> list[Grown]:
    make: Callable[..., Any] = matrix_of
    if job.external:
        from ensembles.gradient_boosting.external import external_matrix_of as make
    matrix = make(job, rows)
    others = {name: make(job, one, matrix) for name, one in judged.rows.items()} if judged else {}
    return grow_on(job, matrix, others, judged, n_rounds)


def grow_on(
    job: Job, matrix: Any, others: dict[str, Any], judged: Judged | None, n_rounds: int
) -> list[Grown]:
    """Train one booster for every seed on matrices that are there already.

    A loop and no comprehension, whose closure would keep a matrix alive behind an error.
    """
    grown = []
    for seed, start, n_more in turns(job, n_rounds):
        one = _grow_one(job, matrix, others, judged, n_more, seed, start)
        grown.append(one)
    return grown


def turns(job: Job, n_rounds: int) -> list[tuple[int, Any, int]]:
    """Return the seed of each booster, the model it goes on from, and how many rounds it gets: more
    where it is behind the longest and all shall be level.
    """
    if not job.start:
        return [(seed, None, n_rounds) for seed in job.seeds]
    there = [one.num_boosted_rounds() for one in job.start]
    most = [n_rounds + (max(there) - own if job.level else 0) for own in there]
    return list(zip(job.seeds, job.start, most, strict=True))


def _grow_one(
    job: Job,
    matrix: Any,
    others: dict[str, Any],
    judged: Judged | None,
    n_rounds: int,
    seed: int,
    start: Any,
) -> Grown:
    watch = watch_of(job, others, judged)
    parameters = job.parameters(seed)
    if job.objective.intercept is not None:
        parameters.setdefault("base_score", job.objective.intercept(matrix))
    log: dict[str, dict[str, list[float]]] = {}
    evaluated = [(matrix, "training")] if others or job.settings.verbose else []
    evaluated += [(one, name) for name, one in others.items()]
    if evaluated:
        parameters["eval_metric"] = metrics_of(job, judged)
    with _bar(job, n_rounds) as watch.bar:
        booster = _train(job, parameters, matrix, n_rounds, start, evaluated, log, [watch])
    before = 0 if start is None else start.num_boosted_rounds()
    done = booster.num_boosted_rounds() - before if others else n_rounds
    kept = watch.kept(done)
    if kept < done:
        booster = _only(job, booster, before + kept, parameters, matrix, kept, start)
    _add_scores(watch, log)
    return Grown(booster, kept, watch, log)


def rounds_again(grown: list[Grown], n_rows: int, n_learnt: int) -> int:
    """Return the rounds to train on all rows with: those found, scaled up as the rows are.

    Of several seeds it is the mean of what they found.
    """
    return max(1, round(float(np.mean([one.n_rounds for one in grown])) * n_rows / n_learnt))


def _train(
    job: Job,
    parameters: dict[str, Any],
    matrix: Any,
    n_rounds: int,
    start: Any = None,
    evaluated: Any = (),
    log: Any = None,
    callbacks: Any = None,
) -> Any:
    return xgboost.train(
        parameters,
        matrix,
        n_rounds,
        obj=job.objective.gradients,
        evals=list(evaluated),
        evals_result=log,
        verbose_eval=False,
        xgb_model=start,
        callbacks=callbacks if evaluated else None,
    )


def _only(
    job: Job,
    booster: Any,
    n_rounds: int,
    parameters: dict[str, Any],
    matrix: Any,
    kept: int,
    start: Any,
) -> Any:
    """Keep the first rounds alone.

    DART scales the trees of earlier rounds again and again, so that the model as it was then must
    be trained once more.
    """
    if job.settings.booster != "dart":
        return booster[:n_rounds]
    parameters = {name: value for name, value in parameters.items() if name != "eval_metric"}
    return _train(job, parameters, matrix, kept, start)


def watch_of(job: Job, others: dict[str, Any], judged: Judged | None) -> Watch:
    """Return what follows the rounds and knows the best of them."""
    settings, loss = job.settings, job.objective.metric
    if judged is None:
        return Watch(Yardstick(loss, -1), loss, None, None, 0.0, None)
    name = list(others)[-1]
    judge = None
    if judged.yardstick.score is not None:
        labels = judged.rows[name].values
        labels = labels if job.classes is None else job.classes[labels.astype(np.intp)]
        judge = judge_of(judged.yardstick, others[name], labels, job.classes)
    patience = settings.n_iter_no_change if judged.stop else None
    return Watch(
        judged.yardstick, loss, name, patience, settings.tol, settings.max_generalization_gap, judge
    )


def metrics_of(job: Job, judged: Judged | None) -> list[str]:
    """Return the metrics that XGBoost is to tell after every round, the loss first."""
    loss = job.objective.metric
    if judged is None or judged.yardstick.score is not None or judged.yardstick.name == loss:
        return [loss]
    return [loss, judged.yardstick.name]


def _add_scores(watch: Watch, log: dict[str, dict[str, list[float]]]) -> None:
    if watch.judge is not None and watch.name is not None:
        log[watch.name][watch.yardstick.name] = list(watch.scores)


@contextmanager
def _bar(job: Job, n_rounds: int) -> Iterator[Any]:
    if not job.settings.verbose:
        yield None
        return
    from tqdm.auto import tqdm

    with tqdm(total=n_rounds, desc="boosting") as bar:
        yield bar
