"""What is known of a node, whichever way its tree is grown, and its name."""

from __future__ import annotations

from typing import Any

from ensembles.trees.compiling import once

Array = Any

RIGHT, DEPTH, COLUMN, CODE, MISSING_LEFT, SAMPLES, CHILD = range(7)
KEY, NAME = 10, 11
"""The fields of a node; between them stand those of one way of growing. NAME is the node's number
in depth-first order, and RIGHT the name of its right child; CHILD is where its left child stands,
the right one behind it.
"""


@once
def name_nodes(n_nodes: Any, nodes: Array, stack: Array) -> None:
    """Number the nodes depth first, left before right, and call the right children so."""
    stack[0], n_stack, n_named = 0, 1, 0
    while n_stack > 0:
        n_stack -= 1
        node = stack[n_stack]
        nodes[node, NAME] = n_named
        n_named += 1
        if nodes[node, CHILD] >= 0:
            stack[n_stack] = nodes[node, CHILD] + 1
            stack[n_stack + 1] = nodes[node, CHILD]
            n_stack += 2
    for node in range(n_nodes):
        child = nodes[node, CHILD]
        nodes[node, RIGHT] = nodes[child + 1, NAME] if child >= 0 else -1
