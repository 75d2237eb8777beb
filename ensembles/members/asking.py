"""Ask members: values, votes, labels, probabilities, in the ensemble's own classes."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from functools import partial
from time import perf_counter
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.dummy import DummyClassifier

from ensembles.members.learners import copy_of, may_write, own_dtype
from ensembles.members.recipes import Member
from ensembles.members.running import run
from ensembles.members.threads import n_threads, one_blas_thread
from ensembles.resampling import Draws, Rows
from ensembles.tables import take

WORTH_THREADS = 0.05
"""Seconds of work left below which threads cost more than they save."""


def ask(
    question: Callable[[Member, Any], Any],
    members: Sequence[Member],
    X: Any,
    *,
    n_jobs: int | None = None,
    verbose: int = 0,
) -> Iterator[Any]:
    """Yield every member's answer about ``X``, in the order of the members.

    Members are asked in threads of this process, and only when what is left to do after the first
    of them is worth it: so asking in parallel is never slower than asking one by one.

    Parameters
    ----------
    question : callable
        ``question(member, table)``, one of `probabilities`, `class_votes`, `values`, ...
    """
    kinds = {type(member.estimator): member.estimator for member in members}
    copies = any(map(may_write, kinds.values()))
    yield from _ask(partial(_answer, question, copies), members, X, n_jobs, verbose)


def asker(question: Callable[[Member, Any], Any], learner: Any, X: Any) -> Callable[[Member], Any]:
    """Return what asks one member of a learner after the other about ``X``."""
    table, copies = ready(learner, X), may_write(learner)
    return lambda member: question(member, copy_of(table) if copies else table)


def ask_held_out(
    question: Callable[[Member, Any], Any],
    members: Sequence[Member],
    X: Any,
    draws: Draws,
    *,
    first: int = 0,
    n_jobs: int | None = None,
    verbose: int = 0,
) -> Iterator[tuple[Rows, Any]]:
    """Yield, for every member, the rows held out from it and its answer about them.

    ``members[0]`` learned from draw ``first``. A member from which nothing was held out is not
    asked, and passed over.
    """
    one = partial(_answer_held_out, question, draws, first)
    for rows, answer in _ask(one, members, X, n_jobs, verbose):
        if len(rows):
            yield rows, answer


def _ask(one: Any, members: Sequence[Member], X: Any, n_jobs: int | None, verbose: int) -> Any:
    if not members:
        return
    learner = members[0].estimator
    one = partial(one, members, ready(learner, X))
    start = perf_counter()
    with one_blas_thread(learner):
        answer = one(0)
    left = (perf_counter() - start) * (len(members) - 1)
    yield answer
    yield from run(
        one,
        range(1, len(members)),
        learner=learner,
        n_jobs=n_threads(n_jobs) if left > WORTH_THREADS else 1,
        require="sharedmem",
        verbose=verbose,
        doing=f"asking {type(learner).__name__}",
    )


def _answer(question: Any, copies: bool, members: Sequence[Member], X: Any, i: int) -> Any:
    member = members[i]
    if member.columns is None:
        return question(member, copy_of(X) if copies else X)
    return question(member, take(X, None, member.columns))


def _answer_held_out(
    question: Any, draws: Draws, first: int, members: Sequence[Member], X: Any, i: int
) -> tuple[Rows, Any]:
    rows = draws.test(first + i)
    if len(rows) == 0:
        return rows, None
    return rows, question(members[i], take(X, rows, members[i].columns))


def ready(learner: Any, X: Any) -> Any:
    """Convert once for all members what each would convert for itself."""
    dtype = own_dtype(learner)
    if dtype is None or not isinstance(X, np.ndarray) or X.dtype.kind not in "iufb":
        return X
    with np.errstate(over="ignore"):
        return np.ascontiguousarray(X, dtype=dtype)


def n_asked(X: Any) -> int:
    """Return the number of rows of a table of any kind."""
    return int(X.shape[0]) if hasattr(X, "shape") else len(X)


def values(member: Member, X: Any, **arguments: Any) -> NDArray[np.float64]:
    """Predicted values, shape (n_rows,) or (n_rows, n_outputs)."""
    answer = np.asarray(member.estimator.predict(X, **arguments), dtype=np.float64)
    return answer.ravel() if answer.ndim == 2 and answer.shape[1] == 1 else answer


def class_votes(
    member: Member, X: Any, *, classes: NDArray[Any], **arguments: Any
) -> NDArray[np.float64]:
    """One for the class the member predicts, zero for the others: shape (n_rows, n_classes)."""
    codes = predicted_codes(member, X, classes, arguments)
    votes = np.zeros((len(codes), len(classes)))
    votes[np.arange(len(codes)), codes] = 1.0
    return votes


def labels(member: Member, X: Any, *, classes: NDArray[Any], **arguments: Any) -> NDArray[Any]:
    """Predicted labels, shape (n_rows,)."""
    return np.asarray(classes[predicted_codes(member, X, classes, arguments)])


def predicted_codes(
    member: Member, X: Any, classes: NDArray[Any], arguments: dict[str, Any]
) -> NDArray[np.intp]:
    """Predicted labels as places in ``classes``, shape (n_rows,)."""
    predicted = np.asarray(call(member.estimator, "predict", X, arguments)).ravel()
    if member.coded and member.classes is not None:
        return member.classes[predicted.astype(np.intp)]
    known = classes
    if predicted.dtype.kind in "US" and classes.dtype.kind not in "USOT":
        known = classes.astype(str)  # a learner that answers in text whatever it was told
    place = known.searchsorted(predicted)
    if (known.take(place, mode="clip") == predicted).all():  # as they do where classes are sorted
        return np.asarray(place)
    order = np.argsort(known, kind="stable")
    place = order[np.minimum(np.searchsorted(known, predicted, sorter=order), len(known) - 1)]
    strangers = known[place] != predicted
    if np.any(strangers):
        raise ValueError(
            f"{type(member.estimator).__name__} predicted {predicted[strangers][0]!r}, which is "
            f"not one of the classes {classes.tolist()}."
        )
    return np.asarray(place)


def call(estimator: Any, method: str, X: Any, arguments: dict[str, Any] | None = None) -> Any:
    """Ask an estimator by the name of a method."""
    if isinstance(estimator, DummyClassifier):  # stands in where a draw held one class
        return getattr(estimator, method)(np.zeros((n_asked(X), 1)))
    return getattr(estimator, method)(X, **(arguments or {}))


def probabilities(
    member: Member, X: Any, *, classes: NDArray[Any], **arguments: Any
) -> NDArray[np.float64]:
    """Class probabilities aligned to all classes, shape (n_rows, n_classes).

    A class that the member never saw has probability zero.
    """
    known = np.asarray(call(member.estimator, "predict_proba", X, arguments), dtype=np.float64)
    return _aligned(known, member, len(classes), fill=0.0)


def log_probabilities(
    member: Member, X: Any, *, classes: NDArray[Any], **arguments: Any
) -> NDArray[np.float64]:
    """Logarithms of the class probabilities; minus infinity for a class never seen."""
    with np.errstate(divide="ignore"):
        known = call(member.estimator, "predict_log_proba", X, arguments)
    known = np.asarray(known, dtype=np.float64)
    return _aligned(known, member, len(classes), fill=-np.inf)


def _aligned(
    known: NDArray[np.float64], member: Member, n_classes: int, fill: float
) -> NDArray[np.float64]:
    if member.classes is None or len(member.classes) == n_classes:
        return known
    aligned = np.full((len(known), n_classes), fill)
    aligned[:, member.classes] = known
    return aligned
