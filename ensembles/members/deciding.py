"""Decision values of members, aligned to all classes and pairs of classes."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ensembles.members.asking import n_asked
from ensembles.members.recipes import Member


def decisions(
    member: Member, X: Any, *, classes: NDArray[Any], pairwise: bool = False, **arguments: Any
) -> NDArray[np.float64]:
    """Decision values aligned to all classes.

    Shape (n_rows,) for two classes, (n_rows, n_classes) for more, or (n_rows, n_pairs) when the
    learner decides pair by pair (``decision_function_shape="ovo"``). What a member that missed a
    class says of it: no more than of the least likely class it knows; of a pair of which it knows
    one class, +-1 for that class; of a pair of unknown classes, 0. A member that knows one class
    only says +1 for it and -1 for the rest.
    """
    known = member.classes if member.classes is not None else np.arange(len(classes))
    if len(known) == 1:
        return _single_class_decisions(n_asked(X), int(known[0]), len(classes), pairwise)
    answer = np.asarray(member.estimator.decision_function(X, **arguments), dtype=np.float64)
    if len(known) == len(classes):
        return answer
    if answer.ndim == 1:
        answer = np.column_stack([-answer, answer]) if not pairwise else -answer[:, None]
    return (_aligned_pairs if pairwise else _aligned_decisions)(answer, known, len(classes))


def _single_class_decisions(
    n_rows: int, known: int, n_classes: int, pairwise: bool
) -> NDArray[np.float64]:
    if n_classes == 2:
        return np.full(n_rows, 1.0 if known else -1.0)
    if pairwise:
        return _aligned_pairs(np.empty((n_rows, 0)), np.array([known]), n_classes)
    decided = np.full((n_rows, n_classes), -1.0)
    decided[:, known] = 1.0
    return decided


def _aligned_decisions(
    answer: NDArray[np.float64], known: NDArray[np.intp], n_classes: int
) -> NDArray[np.float64]:
    aligned = np.repeat(answer.min(axis=1, keepdims=True), n_classes, axis=1)
    aligned[:, known] = answer
    return aligned


def _aligned_pairs(
    answer: NDArray[np.float64], known: NDArray[np.intp], n_classes: int
) -> NDArray[np.float64]:
    own = {pair: k for k, pair in enumerate(_pairs(known.tolist()))}
    columns = []
    for first, second in _pairs(range(n_classes)):
        if (first, second) in own:
            columns.append(answer[:, own[first, second]])
        else:
            columns.append(np.full(len(answer), float(first in known) - float(second in known)))
    return np.column_stack(columns)


def _pairs(classes: Iterable[int]) -> list[tuple[int, int]]:
    listed = list(classes)
    return [(a, b) for k, a in enumerate(listed) for b in listed[k + 1 :]]
