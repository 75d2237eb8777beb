"""What a member is, and how it is made of a learner."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from ensembles.resampling import generator

FOR_SEEDS, FOR_COLUMNS, FOR_SHUFFLES = 1, 2, 3
"""Third words of an address: (seed, i) is draw i, (seed, i, FOR_SEEDS) the seeds of member i."""


class Member(NamedTuple):
    """One fitted learner, the columns it looks at and the classes it knows.

    ``columns`` is None for all columns, in their order; ``classes`` are codes of the ensemble's
    classes, in the order of the learner's own output, and None in a regression; ``coded`` tells
    that the learner was given the places of labels in ``classes`` in the place of labels.
    """

    estimator: Any
    columns: NDArray[np.intp] | None
    classes: NDArray[np.intp] | None
    coded: bool = False


@dataclass(frozen=True)
class Recipe:
    """How members are made of one learner.

    Attributes
    ----------
    learner : estimator
        Cloned for every member, never fitted.
    seed : int
        First word of every address.
    sampling : {"index", "weight", "unique"}
        How a draw reaches the learner: see `sampling_for`.
    n_columns, n_drawn_columns : int
        Columns of the table, and how many of them a member is given.
    repeat_columns : bool
        Whether columns are drawn with replacement.
    classes : array of shape (n_classes,) or None
        The ensemble's classes; None in a regression.
    arguments : dict
        Further arguments of ``fit``; those with one value per row are cut like the rows.
    early_stopping : bool
        Whether members stop early on the rows held out from them.
    prepared : object or None
        What all members share, from the learner's own ``prepare``; None where it has none.
    """

    learner: Any
    seed: int
    sampling: str
    n_columns: int
    n_drawn_columns: int
    repeat_columns: bool = False
    classes: NDArray[Any] | None = None
    arguments: dict[str, Any] = field(default_factory=dict)
    early_stopping: bool = False
    prepared: Any = None

    @property
    def all_columns(self) -> bool:
        """Whether every member is given every column, as it stands."""
        return self.n_drawn_columns == self.n_columns and not self.repeat_columns

    def columns(self, i: int) -> NDArray[np.intp] | None:
        """Columns that member ``i`` is given; None for all of them, in their order."""
        if self.all_columns:
            return None
        rng = generator(self.seed, i, FOR_COLUMNS)
        return rng.choice(self.n_columns, self.n_drawn_columns, replace=self.repeat_columns)
