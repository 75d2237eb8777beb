"""Ask members that answer together, as one forest."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import partial
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ensembles.members.learners import shares_preparation
from ensembles.members.recipes import Member
from ensembles.members.running import run
from ensembles.members.threads import n_threads
from ensembles.resampling import Draws, Rows

WORTH_BLOCKS = 1_000_000
"""Rows times members of a forest below which threads cost more than they save."""


def pack(members: Sequence[Member]) -> Any:
    """Make one forest of members that can answer together; None where they cannot."""
    kinds = {type(member.estimator) for member in members}
    if len(kinds) != 1 or not shares_preparation(members[0].estimator):
        return None
    return kinds.pop().pack(
        [member.estimator for member in members], [member.columns for member in members]
    )


def ask_forest(
    forest: Any, X: Any, *, hard: bool = False, n_jobs: int | None = None, learner: Any
) -> NDArray[np.float64]:
    """Return the mean answer of a forest, or its shares of the vote, block of rows by block."""
    ask_rows = forest.votes if hard else forest.mean
    answers = _by_blocks(partial(_of_block, ask_rows, X), X.shape[0], forest, n_jobs, learner)
    answer = np.concatenate(answers)
    return answer / forest.n_members if hard else answer


def sums_of_forest(
    forest: Any, X: Any, *, n_jobs: int | None = None, learner: Any
) -> NDArray[np.float64]:
    """Return the sum of a forest's answers, block of rows by block."""
    one = partial(_of_block, forest.sums, X)
    return np.concatenate(_by_blocks(one, X.shape[0], forest, n_jobs, learner))


def medians_of_forest(
    forest: Any,
    weights: NDArray[np.float64],
    X: Any,
    *,
    n_jobs: int | None = None,
    learner: Any,
) -> NDArray[np.float64]:
    """Return the weighted median of a forest's answers, block of rows by block."""
    one = partial(_of_block, partial(forest.weighted_median, weights=weights), X)
    return np.concatenate(_by_blocks(one, X.shape[0], forest, n_jobs, learner))


def ask_forest_held_out(
    forest: Any, prepared: Any, draws: Draws, *, hard: bool, n_jobs: int | None, learner: Any
) -> tuple[NDArray[np.float64], NDArray[np.intp]]:
    """Return, for each row, the sum of the answers of members not shown it, and their number."""
    shown = np.stack([_marks(draws, i) for i in range(forest.n_members)])
    ask_rows = partial(forest.held_out, in_bag=shown, hard=hard)
    held_out = _by_blocks(
        partial(_of_block, ask_rows, prepared), draws.n_rows, forest, n_jobs, learner
    )
    sums = np.concatenate([block.sums for block in held_out])
    return sums, np.concatenate([block.n_members for block in held_out]).astype(np.intp)


def answers_of_forest(forest: Any, X: Any, *, hard: bool = False) -> Iterator[NDArray[np.float64]]:
    """Yield every member's answer, or its vote, in the order of the members."""
    for answer in forest.members(X):
        if hard:
            yield np.eye(answer.shape[1])[np.argmax(answer, axis=1)]
        else:
            yield answer[:, 0] if answer.shape[1] == 1 else answer


def forest_answers_held_out(
    members: Sequence[Member], prepared: Any, draws: Draws, first: int, *, hard: bool
) -> Iterator[tuple[Rows, NDArray[np.float64]]]:
    """Yield the rows held out from each member of a forest, and what it says of them."""
    for i, member in enumerate(members, start=first):
        rows = draws.test(i)
        if len(rows):
            yield rows, next(answers_of_forest(pack([member]), prepared, hard=hard))[rows]


def _marks(draws: Draws, i: int) -> NDArray[np.uint8]:
    """One bit for each row: set unless draw ``i`` holds it out."""
    shown = np.ones(draws.n_rows, dtype=bool)
    shown[draws.test(i)] = False
    return np.packbits(shown, bitorder="little")


def _by_blocks(one: Any, n_rows: int, forest: Any, n_jobs: int | None, learner: Any) -> list[Any]:
    worth = n_rows * forest.n_members > WORTH_BLOCKS
    workers = n_threads(n_jobs) if worth else 1
    ends = np.linspace(0, n_rows, workers + 1).astype(int).tolist()
    return list(run(one, pairwise(ends), learner=learner, n_jobs=workers, require="sharedmem"))


def _of_block(ask_rows: Any, X: Any, block: tuple[int, int]) -> Any:
    return ask_rows(X, start=block[0], stop=block[1])
