"""A tree as text."""

from __future__ import annotations

from typing import Any

from ensembles.trees.binning import Bins
from ensembles.trees.tree import LEAF, Tree

SHOWN = 8
"""Categories that are named before the rest are counted."""


def tree_text(tree: Tree, bins: Bins, names: list[str], classes: Any, decimals: int) -> str:
    """Return one line a branch and one a leaf, each indented below its parent."""
    lines: list[str] = []
    waiting = [(0, 0, "")]
    while waiting:
        node, depth, condition = waiting.pop()
        if condition:
            lines.append("|   " * (depth - 1) + "|--- " + condition)
        right = int(tree.children_right[node])
        if right == LEAF:
            lines.append("|   " * depth + "|--- " + leaf_text(tree, node, classes, decimals))
        else:
            left_text, right_text = condition_texts(tree, bins, names, node, decimals)
            waiting += [(right, depth + 1, right_text), (node + 1, depth + 1, left_text)]
    return "\n".join(lines)


def leaf_text(tree: Tree, node: int, classes: Any, decimals: int) -> str:
    """Say what a leaf predicts and how many samples it saw."""
    value = tree.value[node]
    if classes is not None:
        said = f"class: {classes[int(value[0].argmax())]}"
    else:
        said = "value: [" + ", ".join(f"{mean:.{decimals}f}" for mean in value[:, 0]) + "]"
    return f"{said} ({tree.n_node_samples[node]} samples)"


def condition_texts(
    tree: Tree, bins: Bins, names: list[str], node: int, decimals: int
) -> tuple[str, str]:
    """Say which rows go left and which right."""
    column = int(tree.feature[node])
    name, cuts = names[column], bins.cuts[column]
    left_missing = bool(tree.missing_go_to_left[node])
    if isinstance(cuts, dict):
        left = [str(level) for level, code in cuts.items() if goes_left(tree, node, code)]
        right = [str(level) for level, code in cuts.items() if not goes_left(tree, node, code)]
        texts = [f"{name} in {{{listed(left)}}}", f"{name} in {{{listed(right)}}}"]
    else:
        bound = f"{tree.threshold[node]:.{decimals}f}"
        texts = [f"{name} <= {bound}", f"{name} > {bound}"]
    if bins.missing[column]:
        texts[0 if left_missing else 1] += " or missing"
    return texts[0], texts[1]


def goes_left(tree: Tree, node: int, code: int) -> bool:
    """Tell whether a category's code goes left."""
    return bool(int(tree.category_codes[node, code >> 6]) >> (code & 63) & 1)


def listed(levels: list[str]) -> str:
    """Name a few categories and count the others."""
    more = len(levels) - SHOWN
    return ", ".join(levels[:SHOWN]) + (f" and {more} more" if more > 0 else "")
