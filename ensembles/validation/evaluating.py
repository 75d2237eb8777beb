"""Evaluating: fit one fold, ask it about the rows held out, score it; the unit of all work here."""

from __future__ import annotations

from dataclasses import dataclass, field
from time import perf_counter
from traceback import format_exc
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ensembles import members
from ensembles.members import Member
from ensembles.tasks import Task
from ensembles.validation.answering import Judged, question_of
from ensembles.validation.data import Data
from ensembles.validation.fitting import Fitted, Stopping, fit_fold, training_rows
from ensembles.validation.folds import Fold
from ensembles.validation.judging import Scoring, Verdict, judge

__all__ = ["Candidate", "Job", "Outcome", "Protocol", "evaluate"]


@dataclass(frozen=True)
class Candidate:
    """One estimator under validation, and what follows from it."""

    name: str
    learner: Any
    task: Task
    classes: NDArray[Any] | None
    method: str | None
    scoring: Scoring
    writes: bool = False
    """Whether the learner may write into a table that it is handed."""
    multilabel: bool = False
    """Whether there are several labels of 0 and 1 for each row."""

    def __str__(self) -> str:
        kind = type(self.learner).__name__
        return f"{self.name} ({kind})" if self.name else kind


@dataclass(frozen=True)
class Job:
    """One fit: which estimator on which fold, and how it stops."""

    candidate: Candidate
    fold: Fold
    stopping: Stopping = field(default_factory=Stopping)
    only_fit: bool = False
    """Whether nothing but the rounds and losses is wanted, not even the model."""

    def __str__(self) -> str:
        return f"{self.fold} of {self.candidate}"


@dataclass(frozen=True)
class Protocol:
    """What is the same for all jobs.

    Attributes
    ----------
    train_scores : bool
        Whether models are also scored on the rows that they learned from.
    error_score : "raise" or number
        What a fold gets that fails.
    blas, openmp : int
        Threads of linear algebra and of OpenMP. The first are those of the caller's process, in
        every worker: sums over other numbers of threads differ in their last bits.
    workers : int
        How many jobs run side by side.
    """

    train_scores: bool = True
    error_score: Any = np.nan
    blas: int = 1
    openmp: int = 1
    workers: int = 1


@dataclass
class Outcome:
    """What came of a job.

    Attributes
    ----------
    answer, test_answer : arrays or None
        What the model says of the rows held out and of ``X_test``.
    failure : str or None
        The traceback, where the fit failed.
    """

    member: Member | None = None
    fit_time: float = 0.0
    rounds: int | None = None
    losses: NDArray[np.float64] | None = None
    score_time: float = 0.0
    test: Verdict | None = None
    train: Verdict | None = None
    answer: Any = None
    test_answer: Any = None
    failure: str | None = None


def evaluate(data: Data, protocol: Protocol, job: Job) -> Outcome:
    """Run one job; a fit that fails is an outcome too, unless errors are to be raised."""
    if protocol.workers == 1:
        return _evaluated(data, protocol, job)
    learner = job.candidate.learner
    with members.holding_threads(learner, blas=protocol.blas, openmp=protocol.openmp):
        return _evaluated(data, protocol, job)


def _evaluated(data: Data, protocol: Protocol, job: Job) -> Outcome:
    start = perf_counter()
    try:
        fitted = _fit(data, protocol, job)
    except Exception as error:
        if protocol.error_score == "raise":
            raise _named(error, job) from error
        return Outcome(fit_time=perf_counter() - start, failure=format_exc())
    outcome = Outcome(
        member=fitted.member,
        fit_time=perf_counter() - start,
        rounds=fitted.rounds,
        losses=fitted.losses,
    )
    if job.only_fit:
        outcome.member = None
        return outcome
    if job.candidate.writes:
        fitted = fitted._replace(table=None)
    return assessed(data, protocol, job, outcome, fitted)


def _fit(data: Data, protocol: Protocol, job: Job) -> Fitted:
    """Fit within the worker's share of threads, and give the model back the user's numbers."""
    candidate = job.candidate
    learner = candidate.learner
    if protocol.workers > 1:
        learner = members.within_budget(learner, protocol.openmp)
    fitted = fit_fold(learner, data, job.fold, candidate.classes, job.stopping)
    if learner is not candidate.learner:
        _restore_threads(fitted.member.estimator, candidate.learner)
    return fitted


def _restore_threads(model: Any, learner: Any) -> None:
    """Set the counts of threads back, which CatBoost alone refuses to have changed."""
    given = learner.get_params()
    counts = {name: given[name] for name in given if name.rpartition("__")[2] in members.THREADS}
    try:
        model.set_params(**counts)
    except Exception:
        return


def _named(error: Exception, job: Job) -> Exception:
    """The same error, saying where it happened."""
    said = " ".join([str(error), *getattr(error, "__notes__", [])])
    message = f"{job} ({len(job.fold.train)} rows) could not be fitted or scored: {said}"
    named = members.explained(error, message)
    if named is None:
        error.add_note(message)
        return error
    return named


def assessed(
    data: Data, protocol: Protocol, job: Job, outcome: Outcome, fitted: Fitted | None = None
) -> Outcome:
    """Ask the model of an outcome about the rows held out and score it.

    Parameters
    ----------
    fitted : Fitted, optional
        Where the model has just been fitted, for the table that it learned from, if that still is
        what it was.
    """
    if outcome.member is None or job.only_fit or len(job.fold.test) == 0:
        return outcome
    try:
        return _assessed(data, protocol, job, outcome, fitted)
    except Exception as error:
        if protocol.error_score == "raise":
            raise _named(error, job) from error
        return Outcome(fit_time=outcome.fit_time, failure=format_exc())


def _assessed(
    data: Data, protocol: Protocol, job: Job, outcome: Outcome, fitted: Fitted | None
) -> Outcome:
    candidate, fold = job.candidate, job.fold
    member: Any = outcome.member
    start = perf_counter()
    judged = Judged(member, candidate.classes, writes=candidate.writes)
    X_held_out = data.table(candidate.learner, fold.test, fold.train)
    answer, test_answer = None, None
    if candidate.method is not None:
        ask = question_of(candidate.method, candidate.learner, candidate.classes)
        answer = judged.answer(candidate.method, X_held_out, ask)
    test = _verdict(data, protocol, job, judged, X_held_out, fold.test)
    del X_held_out
    score_time = perf_counter() - start
    train = None
    if protocol.train_scores:
        rows, table = _learned_from(data, job, fitted)
        judged.several = len(candidate.scoring.scorers) > 1
        train = _verdict(data, protocol, job, judged, table, rows)
    judged.forget()
    if candidate.method is not None and data.X_test is not None:
        test_answer = ask(member, judged.table(data.X_test))
    outcome.score_time, outcome.test, outcome.train = score_time, test, train
    outcome.answer, outcome.test_answer = answer, test_answer
    return outcome


def _learned_from(data: Data, job: Job, fitted: Fitted | None) -> tuple[NDArray[np.intp], Any]:
    """The rows that a model learned from, and their table."""
    if fitted is not None and fitted.table is not None:
        return fitted.rows, fitted.table
    rows = training_rows(data, job.fold, job.stopping, job.candidate.classes)
    return rows, data.table(job.candidate.learner, rows, rows)


def _verdict(
    data: Data, protocol: Protocol, job: Job, judged: Judged, X: Any, rows: NDArray[np.intp]
) -> Verdict:
    arguments = {
        name: data.cut(given, rows)
        for name, given in data.score_arguments.items()
        if name in job.candidate.scoring.scorers
    }
    return judge(
        job.candidate.scoring,
        judged,
        X,
        data.targets(rows),
        weights=data.weights(rows),
        arguments=arguments,
        error_score=protocol.error_score,
    )
