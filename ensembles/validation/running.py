"""Running: all folds of all estimators, side by side, through the cache, to their results."""

from __future__ import annotations

import warnings
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import numpy as np
from sklearn.exceptions import FitFailedWarning

from ensembles import members
from ensembles.resampling import generator
from ensembles.tasks import CLASSIFICATION
from ensembles.validation.answering import method_for
from ensembles.validation.data import (
    Data,
    check_estimator,
    is_pairwise,
    kind_of_labels,
    task_for,
)
from ensembles.validation.evaluating import Candidate, Job, Outcome, Protocol, assessed, evaluate
from ensembles.validation.fitting import Stopping, check_stopping, weights_argument
from ensembles.validation.folds import Fold
from ensembles.validation.judging import check_scorers
from ensembles.validation.result import CrossValidation
from ensembles.validation.storing import Cache

__all__ = ["Run"]


@dataclass
class Run:
    """The data, the folds and the settings of a cross-validation, ready for any estimator."""

    data: Data
    folds: list[Fold]
    seed: int
    protocol: Protocol
    scoring: Any = None
    method: str = "auto"
    early_stopping: str | None = None
    validation_fraction: float = 0.1
    n_jobs: int | None = None
    pre_dispatch: Any = "2 * n_jobs"
    verbose: int = 0
    cache: Cache | None = None
    return_estimator: bool = False
    return_indices: bool = False

    def without_data(self) -> Run:
        """Return the settings alone, as a result that is pickled keeps them."""
        return replace(self, data=Data(None), folds=[], cache=None)

    def candidate(self, name: str, learner: Any) -> Candidate:
        """Check one estimator against the settings, before any work."""
        called = f" ({name!r})" if name else ""
        check_estimator(learner, called)
        if self.early_stopping is not None:
            check_stopping(learner, called)
        if is_pairwise(learner):
            self._check_square()
        task = task_for(learner, self.data.y)
        classes = self.data.classes_for(task)
        scoring = check_scorers(learner, self.scoring, self.protocol.error_score)
        if self.data.sample_weight is not None and weights_argument(learner) is None:
            warnings.warn(
                f"{type(learner).__name__}{called} takes no sample_weight: it is fitted without, "
                "and its scores are weighted.",
                UserWarning,
                stacklevel=4,
            )
        labels = kind_of_labels(task, self.data.y)
        method = self._method(learner, task, classes, several=labels == "several")
        writes = members.may_write(learner)
        multilabel = labels == "multilabel"
        return Candidate(name, learner, task, classes, method, scoring, writes, multilabel)

    def _method(self, learner: Any, task: Any, classes: Any, *, several: bool) -> str | None:
        """What models are asked: nothing where they have several labels, which have no mean."""
        if not several:
            return method_for(self.method, learner, task, classes)
        if self.method != "auto":
            raise ValueError(
                "method must be 'auto', by which models are scored alone, where y holds several "
                f"labels a row other than 0 and 1; got {self.method!r}."
            )
        return None

    def _check_square(self) -> None:
        if not hasattr(self.data.X, "shape"):
            raise ValueError(
                "Precomputed kernels or affinity matrices have to be passed as arrays or sparse "
                "matrices."
            )
        if self.data.X.shape[0] != self.data.X.shape[1]:
            raise ValueError(f"X should be a square kernel matrix; got shape {self.data.X.shape}.")

    def validate(self, learners: dict[str, Any]) -> dict[str, CrossValidation]:
        """Cross-validate several estimators on the same folds."""
        candidates = [self.candidate(name, learner) for name, learner in learners.items()]
        jobs = [Job(one, fold, self._stopping(fold)) for one in candidates for fold in self.folds]
        if self.early_stopping == "pooled":
            jobs = self._pooled(jobs)
        outcomes = self.outcomes(jobs)
        if self.early_stopping == "pooled":
            for job, outcome in zip(jobs, outcomes, strict=True):
                outcome.rounds = job.stopping.rounds
        n_folds = len(self.folds)
        results = {}
        for place, one in enumerate(candidates):
            own = outcomes[place * n_folds : (place + 1) * n_folds]
            self._tell_of_failures(one, own)
            results[one.name] = CrossValidation(self, one, own, self.folds)
        return results

    # -----------------------------------------------------------------------------------------
    # Stopping

    def _stopping(self, fold: Fold) -> Stopping:
        if self.early_stopping in (None, "pooled"):
            return Stopping()
        seed = int(generator(self.seed, fold.repeat, fold.number).integers(2**31))
        return Stopping(
            rows=self.early_stopping,
            fraction=self.validation_fraction,
            latest=self.in_time_order,
            seed=seed,
        )

    @property
    def in_time_order(self) -> bool:
        """Whether every fold is judged on later rows than it learns from, as in a time series."""
        return all(fold.train.max() < fold.test.min() for fold in self.folds)

    def _pooled(self, jobs: Sequence[Job]) -> list[Job]:
        """Find one number of rounds for all folds: the best by their mean held-out loss.

        Every fold is trained until it has stopped by itself, those that stopped early once more for
        as long as the longest, so that the mean is over all folds at every round.
        """
        watched = [replace(job, stopping=Stopping(rows="fold"), only_fit=True) for job in jobs]
        first = self.outcomes(watched, "finding rounds")
        longest = _longest(jobs, first)
        again = [
            place
            for place, (job, outcome) in enumerate(zip(jobs, first, strict=True))
            if outcome.losses is not None and len(outcome.losses) < longest[job.candidate.name]
        ]
        to_the_end = [
            replace(
                watched[place],
                stopping=Stopping(
                    rows="fold", rounds=longest[jobs[place].candidate.name], watched=True
                ),
            )
            for place in again
        ]
        for place, outcome in zip(again, self.outcomes(to_the_end, "finding rounds"), strict=True):
            if outcome.failure is not None:
                raise RuntimeError(f"{jobs[place]} could not be trained further: {outcome.failure}")
            first[place] = outcome
        best = _best_rounds(jobs, first)
        return [
            replace(job, stopping=Stopping(rounds=best.get(job.candidate.name))) for job in jobs
        ]

    # -----------------------------------------------------------------------------------------
    # Working

    def outcomes(self, jobs: Sequence[Job], doing: str = "cross-validation") -> list[Outcome]:
        """Return what comes of the jobs, in their order: from the cache, or by doing them."""
        found: dict[int, Outcome] = {}
        tasks = []
        for place, job in enumerate(jobs):
            stored = None if self.cache is None else self.cache.get(self.data, job, self.protocol)
            if stored is not None and stored.complete:
                found[place] = stored.outcome
            else:
                tasks.append((place, job, None if stored is None else stored.outcome))
        workers = min(members.n_workers(self.n_jobs), max(1, len(tasks)))
        threads = all(members.releases_gil(task[1].candidate.learner) for task in tasks)
        done = members.as_workers_finish(
            partial(_done, self.data, self._shared_among(workers)),
            [job for _, job, _ in tasks],
            [outcome for _, _, outcome in tasks],
            n_jobs=self.n_jobs,
            prefer="threads" if threads else None,
            pre_dispatch=self.pre_dispatch,
            verbose=self.verbose,
            doing=doing,
        )
        for number, outcome in done:
            place, job, _ = tasks[number]
            found[place] = outcome
            if self.cache is not None and outcome.failure is None:
                self.cache.put(self.data, job, self.protocol, outcome)
            if self.verbose > 1:
                print(_said(job, outcome))
        return [found[place] for place in range(len(jobs))]

    def _shared_among(self, workers: int) -> Protocol:
        """The protocol, with every worker's share of threads; one worker has them all."""
        if workers == 1:
            return self.protocol
        blas, openmp = members.n_blas_threads(), members.inner_threads(workers)
        return replace(self.protocol, workers=workers, blas=blas, openmp=openmp)

    def _tell_of_failures(self, candidate: Candidate, outcomes: Sequence[Outcome]) -> None:
        failed = [
            (fold, outcome.failure)
            for fold, outcome in zip(self.folds, outcomes, strict=True)
            if outcome.failure is not None
        ]
        if failed:
            self._tell_of_failed_fits(candidate, failed)
        self._tell_of_failed_scorers(candidate, outcomes)

    def _tell_of_failed_scorers(self, candidate: Candidate, outcomes: Sequence[Outcome]) -> None:
        """Warn once for each scorer, naming the folds."""
        failed: dict[str, dict[str, str]] = {}
        for fold, outcome in zip(self.folds, outcomes, strict=True):
            for verdict in (outcome.test, outcome.train):
                for name, trace in () if verdict is None else verdict.failures.items():
                    failed.setdefault(name, {})[str(fold)] = trace
        for name, traces in failed.items():
            warnings.warn(
                "Scoring failed. The score on this train-test partition for these parameters will "
                f"be set to {self.protocol.error_score}. Details: \n{next(iter(traces.values()))}"
                f"({name} of {candidate}, {', '.join(traces)})",
                UserWarning,
                stacklevel=6,
            )

    def _tell_of_failed_fits(self, candidate: Candidate, failed: list[tuple[Fold, Any]]) -> None:
        counted = Counter(trace for _, trace in failed)
        details = "\n".join(
            f"{'-' * 80}\n{n} fits failed with the following error:\n{trace}"
            for trace, n in counted.items()
        )
        if len(failed) == len(self.folds):
            raise ValueError(
                f"\nAll the {len(failed)} fits failed ({candidate}).\nIt is very likely that your "
                "model is misconfigured.\nYou can try to debug the error by setting "
                f"error_score='raise'.\n\nBelow are more details about the failures:\n{details}"
            )
        named = ", ".join(str(fold) for fold, _ in failed)
        warnings.warn(
            f"\n{len(failed)} fits failed out of a total of {len(self.folds)} ({candidate}: "
            f"{named}).\nThe score on these train-test partitions for these parameters will be set "
            f"to {self.protocol.error_score}.\nIf these failures are not expected, you can try to "
            "debug them by setting error_score='raise'.\n\nBelow are more details about the "
            f"failures:\n{details}",
            FitFailedWarning,
            stacklevel=6,
        )


def _done(data: Data, protocol: Protocol, job: Job, outcome: Outcome | None) -> Outcome:
    """Do one job, or what is left of it to do."""
    if outcome is None:
        return evaluate(data, protocol, job)
    return assessed(data, protocol, job, outcome)


def _said(job: Job, outcome: Outcome) -> str:
    if outcome.failure is not None:
        return f"[{job}] failed: {outcome.failure.strip().splitlines()[-1]}"
    scores = {} if outcome.test is None else outcome.test.scores
    listed = ", ".join(f"{name} {score:.4f}" for name, score in scores.items())
    return f"[{job}] {listed} ({outcome.fit_time:.1f} s)"


def _longest(jobs: Sequence[Job], outcomes: Sequence[Outcome]) -> dict[str, int]:
    """The most rounds that any fold of a candidate was trained for."""
    longest: dict[str, int] = {}
    for job, outcome in zip(jobs, outcomes, strict=True):
        if outcome.losses is not None:
            name = job.candidate.name
            longest[name] = max(longest.get(name, 0), len(outcome.losses))
    return longest


def _best_rounds(jobs: Sequence[Job], outcomes: Sequence[Outcome]) -> dict[str, int]:
    """The number of rounds with the least loss, averaged over a candidate's folds.

    A fold that ended by itself before the others, as AdaBoost does when nothing is missed any more,
    stays what it was.
    """
    curves: dict[str, list[Any]] = {}
    for job, outcome in zip(jobs, outcomes, strict=True):
        if outcome.losses is not None:
            curves.setdefault(job.candidate.name, []).append(outcome.losses)
    best = {}
    for name, losses in curves.items():
        most = max(map(len, losses))
        whole = [np.pad(curve, (0, most - len(curve)), mode="edge") for curve in losses]
        best[name] = int(np.argmin(np.mean(whole, axis=0))) + 1
    return best


def is_classification(learner: Any, y: Any) -> bool:
    """Tell whether folds should be stratified for this learner."""
    return task_for(learner, y) == CLASSIFICATION
