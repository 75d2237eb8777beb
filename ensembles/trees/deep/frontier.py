"""The frontier: the nodes that wait to be split."""

from __future__ import annotations

from typing import Any

from ensembles.trees.compiling import once
from ensembles.trees.deep.settings import ENTROPY, TABULAR
from ensembles.trees.deep.totals import decrease_of
from ensembles.trees.nodes import CODE, COLUMN, MISSING_LEFT
from ensembles.trees.table import CATEGORICAL

Array = Any


@once
def note_split(
    mode: Any,
    need: Any,
    node: Any,
    gain: Any,
    enough: Any,
    scale: Any,
    settings: Array,
    kinds: Array,
    units: Array,
    choice: Array,
    best_sides: Array,
    nodes: Array,
    errors: Array,
    totals: Array,
    sides: Array,
) -> Any:
    """Write the split that was found for a node, and tell that it is worth making; where it is not,
    write nothing.
    """
    if gain < 0.0:
        return False
    decrease = decrease_of(mode, gain, totals, node, settings[ENTROPY], units, scale)
    if decrease < enough:
        return False
    errors[node, 1] = decrease
    column = choice[3]
    nodes[node, COLUMN], nodes[node, CODE], nodes[node, MISSING_LEFT] = column, choice[4], choice[5]
    if need == TABULAR and kinds[column] == CATEGORICAL:
        for word in range(4):
            sides[node, word] = best_sides[word]
    return True


@once
def take_best(frontier: Array, last: Any, errors: Array) -> None:
    """Put the node last whose split decreases impurity most; of equals the oldest."""
    chosen = 0
    for i in range(1, last + 1):
        a, b = frontier[i], frontier[chosen]
        if errors[a, 1] > errors[b, 1] or (errors[a, 1] == errors[b, 1] and a < b):
            chosen = i
    frontier[chosen], frontier[last] = frontier[last], frontier[chosen]
