"""Minimal cost-complexity pruning (Breiman et al. 1984, chapter 3)."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from heapq import heapify, heappop, heappush

import numpy as np
from numpy.typing import NDArray

from ensembles.trees.tree import LEAF, Tree

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class PruningPath:
    """The values of alpha at which nodes are lost, and the impurity of the leaves from there on."""

    ccp_alphas: Floats
    impurities: Floats

    def __getitem__(self, name: str) -> Floats:
        """Return a field by name, as scikit-learn's Bunch does."""
        return np.asarray(getattr(self, name))


def weakest_links(tree: Tree) -> Iterator[tuple[float, int]]:
    """Yield (alpha, node): the nodes that become leaves as alpha rises, weakest link first, none
    below one yielded.

    The link of a node is weak by what its subtree takes off the risk for each leaf it adds.
    """
    risk = tree.impurity * tree.weighted_n_node_samples / tree.weighted_n_node_samples[0]
    right = tree.children_right
    parent = np.full(tree.node_count, -1)
    inner = np.flatnonzero(right != LEAF)
    parent[inner + 1] = parent[right[inner]] = inner
    leaves, below = np.ones(tree.node_count, int), risk.copy()
    for node in inner[::-1]:
        leaves[node] = leaves[node + 1] + leaves[right[node]]
        below[node] = below[node + 1] + below[right[node]]

    def weakness(node: int) -> float:
        return float((risk[node] - below[node]) / (leaves[node] - 1))

    queue = [(weakness(node), node) for node in inner.tolist()]
    heapify(queue)
    gone = np.zeros(tree.node_count, bool)
    alpha = 0.0
    while queue:
        weak, node = heappop(queue)
        if gone[node] or leaves[node] == 1 or weak != weakness(node):
            continue
        alpha = max(alpha, weak)
        yield alpha, node
        gone[node : subtree_end(tree, node)] = True
        lost, added = leaves[node] - 1, risk[node] - below[node]
        above = node
        while above >= 0:
            leaves[above] -= lost
            below[above] += added
            if above != node and leaves[above] > 1:
                heappush(queue, (weakness(above), int(above)))
            above = int(parent[above])


def subtree_end(tree: Tree, node: int) -> int:
    """Return the first node after a node's subtree."""
    last = node
    while tree.children_right[last] != LEAF:
        last = int(tree.children_right[last])
    return last + 1


def prune(tree: Tree, alpha: float) -> Tree:
    """Return the smallest subtree of least cost: risk plus alpha for each leaf."""
    cut = []
    for weak, node in weakest_links(tree):
        if weak > alpha:
            break
        cut.append(node)
    return without(tree, cut) if cut else tree


def without(tree: Tree, cut: list[int]) -> Tree:
    """Return the tree whose given nodes are leaves."""
    kept = np.ones(tree.node_count, bool)
    for node in cut:
        kept[node + 1 : subtree_end(tree, node)] = False
    new = np.cumsum(kept) - 1
    right = np.where(tree.children_right == LEAF, LEAF, new[tree.children_right]).astype(np.int32)
    feature = tree.feature.copy()
    right[cut], feature[cut] = LEAF, -2
    depth = np.zeros(tree.node_count, int)
    for inner in np.flatnonzero(right != LEAF):
        depth[[inner + 1, tree.children_right[inner]]] = depth[inner] + 1
    sides = (
        tree.category_codes[kept]
        if len(tree.category_codes) == tree.node_count
        else tree.category_codes
    )
    return replace(
        tree,
        children_right=right[kept],
        feature=feature[kept],
        code=tree.code[kept],
        missing_go_to_left=tree.missing_go_to_left[kept],
        category_codes=sides,
        squared_error=None if tree.squared_error is None else tree.squared_error[kept],
        n_node_samples=tree.n_node_samples[kept],
        weighted_n_node_samples=tree.weighted_n_node_samples[kept],
        value=tree.value[kept],
        max_depth=int(depth[kept].max()),
    )


def pruning_path(tree: Tree) -> PruningPath:
    """Return the path of a tree: alphas ascend from 0, several nodes lost at one alpha are one
    step.
    """
    risk = tree.impurity * tree.weighted_n_node_samples / tree.weighted_n_node_samples[0]
    alphas, impurities = [0.0], [float(risk[tree.children_right == LEAF].sum())]
    leaf = tree.children_right == LEAF
    live = leaf.copy()
    for alpha, node in weakest_links(tree):
        end = subtree_end(tree, node)
        live[node:end] = False
        live[node] = True
        total = float(risk[live].sum())
        if alpha > alphas[-1]:
            alphas.append(alpha)
            impurities.append(total)
        else:
            impurities[-1] = total
    return PruningPath(np.array(alphas), np.array(impurities))
