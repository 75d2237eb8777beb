"""Aggregation: what members are asked, and how their answers become one, in and out of bag."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ensembles import combining

__all__ = ["AGGREGATIONS", "Aggregation", "OutOfBag"]


def _as_is(output: Any) -> Any:
    return output


@dataclass(frozen=True)
class Aggregation:
    """A rule for combining: ``after(combine(before(answer) for each member))``.

    ``combine`` takes an array with the members first; None is the mean, which needs no such array.
    """

    hard: bool = False
    before: Callable[[Any], Any] = _as_is
    combine: Callable[[Any], Any] | None = None
    after: Callable[[Any], Any] = _as_is

    @property
    def averages(self) -> bool:
        """Whether the members' answers are averaged as they are."""
        return self.combine is None and self.after is _as_is

    def of(self, answers: Iterator[Any]) -> NDArray[np.float64]:
        """Combine the members' answers."""
        prepared = map(self.before, answers)
        if self.combine is None:
            return np.asarray(self.after(combining.mean(prepared)))
        return np.asarray(self.after(self.combine(np.stack(list(prepared)))))

    def staged(self, answers: Iterator[Any]) -> Iterator[NDArray[np.float64]]:
        """Yield the answer of the first member, of the first two, and so on."""
        prepared = map(self.before, answers)
        if self.combine is None:
            yield from map(self.after, combining.running_mean(prepared))
            return
        so_far: list[Any] = []
        for answer in prepared:
            so_far.append(answer)
            yield np.asarray(self.after(self.combine(np.stack(so_far))))


AGGREGATIONS = {
    "classification": {
        "soft": Aggregation(),
        "hard": Aggregation(hard=True),
        "log": Aggregation(before=combining.floored_log, after=combining.log_pool),
    },
    "regression": {
        "mean": Aggregation(),
        "median": Aggregation(combine=combining.median),
        "trimmed_mean": Aggregation(combine=combining.trimmed_mean),
    },
}


class OutOfBag:
    """What members say of rows held out from them, combined member by member."""

    def __init__(self, aggregation: Aggregation, shape: tuple[int, ...]) -> None:
        self._aggregation = aggregation
        self._shape = shape
        n_rows = shape[0]
        self._mean = combining.HeldOutMean(n_rows)
        self._answers: list[tuple[Any, Any]] = []

    def add(self, rows: Any, answer: Any) -> None:
        """Add what one member says of the rows held out from it."""
        answer = self._aggregation.before(answer)
        self._mean.add(rows, answer)
        if self._aggregation.combine is not None:
            self._answers.append((rows, answer))

    def add_sums(self, sums: NDArray[np.float64], count: NDArray[np.intp]) -> None:
        """Add what several members say together: their sum for each row, and how many they are."""
        self._mean.add_sums(sums[:, 0] if sums.shape[1] == 1 else sums, count)

    @property
    def count(self) -> NDArray[np.intp]:
        """How many members have judged each row."""
        return self._mean.count

    def prediction(self) -> NDArray[np.float64]:
        """Combined answers; NaN for a row that no member judged."""
        if not self.count.any():
            return np.full(self._shape, np.nan)
        combine = self._aggregation.combine
        if combine is None:
            with np.errstate(invalid="ignore"):
                return np.asarray(self._aggregation.after(self._mean.result()))
        rows, answers = zip(*self._answers, strict=True)
        combined = combining.held_out(combine, answers, rows, len(self.count))
        return np.asarray(self._aggregation.after(combined))
