"""Rows that go down together arrive where each arrives alone, one question after the other."""

from dataclasses import dataclass

import numpy as np
import pytest

from ensembles.trees import HistTreeClassifier, in_bag_bits
from ensembles.trees import forest as forests
from ensembles.trees.binning import CATEGORICAL, Bins
from ensembles.trees.forest import LEAVES, MEANS, VOTES, Forest, Packed, no_bits, pack


@dataclass
class Drawn:
    """A tree of questions that nobody grew, listed depth first, left before right."""

    children_right: np.ndarray
    feature: np.ndarray
    code: np.ndarray
    missing_go_to_left: np.ndarray
    category_codes: np.ndarray
    value: np.ndarray
    n_features: int

    @property
    def node_count(self):
        return len(self.feature)

    def leaf_of(self, codes, categorical):
        """Where a row of these codes ends."""
        node = 0
        while self.children_right[node] >= 0:
            column = self.feature[node]
            code = int(codes[column])
            if categorical[column]:
                left = int(self.category_codes[node, code >> 6]) >> (code & 63) & 1
            elif code == 0:
                left = self.missing_go_to_left[node]
            else:
                left = code <= self.code[node]
            node = node + 1 if left else self.children_right[node]
        return node


def drawn_tree(rng, n_leaves, n_columns, n_values, lean=0.5):
    """Draw a tree of so many leaves; of all leaning one side or the other it is a chain."""
    right = []

    def grow(n):
        node = len(right)
        right.append(-1)
        if n > 1:
            on_left = 1 + int(rng.binomial(n - 2, lean))
            grow(on_left)
            right[node] = len(right)
            grow(n - on_left)

    grow(n_leaves)
    n = len(right)
    right = np.array(right, np.int32)
    missing_left = rng.integers(0, 2, n)
    code = rng.integers(0, 256 - missing_left).astype(np.uint8)  # 255: the missing against the rest
    feature = rng.integers(0, n_columns, n).astype(np.int32)
    return Drawn(
        right,
        np.where(right < 0, -2, feature).astype(np.int32),
        code,
        missing_left.astype(np.uint8),
        rng.integers(0, 2**64, (n, 4), dtype=np.uint64),
        rng.integers(0, 4, (n, n_values, 1)).astype(float),
        n_columns,
    )


def bins_of(categorical):
    cuts = tuple({} if words else np.array([0.5]) for words in categorical)
    return Bins(cuts, (True,) * len(cuts), tuple(map(str, range(len(cuts)))))


def asked(packed, how, codes, in_bag=None):
    """What the kernel answers: sums and how many were asked, or leaves."""
    n_rows, n_trees = len(codes), len(packed.roots)
    sums = np.zeros((n_rows, packed.values.shape[1] if how != LEAVES else 0))
    n_asked, leaves = np.zeros(n_rows, np.int64), np.full((n_trees, n_rows), -7, np.int32)
    bits = no_bits(packed) if in_bag is None else in_bag
    mine = np.ascontiguousarray(codes[:, packed.columns])
    packed.ask(how, mine, bits, 0, sums, n_asked, leaves)
    return packed.names[leaves] if how == LEAVES else (sums, n_asked)


SHAPES = {
    "one tree of a leaf": ([1], 0.5),
    "leaves alone": ([1, 1, 1], 0.5),
    "one split": ([2], 0.5),
    "a chain to the left": ([150], 1.0),
    "a chain to the right": ([150], 0.0),
    "of all depths": ([1, 200, 2, 40, 3, 1, 90], 0.5),
    "many": ([70] * 60, 0.5),
}


@pytest.mark.parametrize("categories", ["none", "some", "all"])
@pytest.mark.parametrize("n_rows", [1, 7, 8, 9, 513])
@pytest.mark.parametrize("shape", SHAPES)
def test_rows_arrive_where_each_arrives_alone(shape, n_rows, categories, monkeypatch):
    """A tenth of the codes are missing; values and votes are those of the leaf."""
    monkeypatch.setattr(forests, "LARGEST", 0)  # else small trees are swept
    sizes, lean = SHAPES[shape]
    rng = np.random.default_rng(n_rows)
    n_values = int(rng.integers(1, 10))
    categorical = {"none": [0] * 5, "some": [0, 1, 0, 0, 1], "all": [1] * 5}[categories]
    trees = [drawn_tree(rng, n, 5, n_values, lean) for n in sizes]
    packed = pack(bins_of(categorical), trees)
    codes = rng.integers(0, 256, (n_rows, 5)).astype(np.uint8)
    codes[rng.random(codes.shape) < 0.1] = 0
    leaves = np.array([[tree.leaf_of(row, categorical) for row in codes] for tree in trees])
    np.testing.assert_array_equal(asked(packed, LEAVES, codes), leaves)
    values = np.array([tree.value[own, :, 0] for tree, own in zip(trees, leaves, strict=True)])
    sums, n_asked = asked(packed, MEANS, codes)
    np.testing.assert_array_equal(sums, values.sum(axis=0))
    np.testing.assert_array_equal(n_asked, len(trees))
    votes, _ = asked(packed, VOTES, codes)
    chosen = values.argmax(axis=2)[..., None] == np.arange(n_values)
    np.testing.assert_array_equal(votes, chosen.sum(axis=0))
    shown = [np.flatnonzero(rng.random(n_rows) < 0.6) for _ in trees]
    held_out, n_asked = asked(packed, MEANS, codes, in_bag_bits(shown, n_rows))
    for row in range(n_rows):
        own = [i for i in range(len(trees)) if row not in shown[i]]
        assert n_asked[row] == len(own)
        assert held_out[row].tolist() == values[own, row].sum(axis=0).tolist()


@pytest.mark.parametrize("categorical", [[False] * 8, [False, True] * 4])
def test_words_of_packed_nodes_say_what_the_tree_says(categorical):
    """The bits that `traversing` tells of, taken apart in Python."""
    rng = np.random.default_rng(0)
    trees = [drawn_tree(rng, n, 8, 2) for n in (40, 1, 7)]
    packed = pack(bins_of(categorical), trees)
    rows = rng.integers(0, 256, (500, 8)) * (rng.random((500, 8)) < 0.9)
    reached = set()
    for tree, root in zip(trees, packed.roots.tolist(), strict=True):
        for row in rows:
            place, last = root, -1
            while place != last:
                word, last = int(packed.nodes[place]), place
                asks = int(row[word >> 16 & 0xFFFF])
                if word >> 9 & 1:
                    sides = packed.sides[packed.asks[place]]
                    right = not int(sides[asks >> 6]) >> (asks & 63) & 1
                else:
                    right = (asks - (word >> 8 & 1)) % 256 >= word & 0xFF
                place = ((word >> 32) + right) % 2**32
            node = tree.leaf_of(row, categorical)
            assert packed.names[place] == node
            assert packed.values[place].tolist() == tree.value[node, :, 0].tolist()
            assert packed.votes[place] == tree.value[node, :, 0].argmax()
            reached.add(place)
    assert len(reached) > 24
    assert sorted(packed.names.tolist()) == sorted(i for t in trees for i in range(t.node_count))


def test_the_last_of_65536_columns_is_asked(monkeypatch):
    """A node has sixteen bits for the number of its column."""
    monkeypatch.setattr(forests, "LARGEST", 0)
    rng, n_columns = np.random.default_rng(1), 1 << 16
    trees = [drawn_tree(rng, 20, n_columns, 1) for _ in range(2)]
    trees.append(drawn_tree(rng, n_columns + 1, n_columns, 1))
    split = trees[-1].children_right >= 0
    trees[-1].feature[split] = np.arange(n_columns)[::-1]
    packed = pack(bins_of([False] * n_columns), trees)
    assert len(packed.columns) == n_columns
    codes = rng.integers(0, 256, (3, n_columns)).astype(np.uint8)
    leaves = [[tree.leaf_of(row, np.zeros(n_columns)) for row in codes] for tree in trees]
    np.testing.assert_array_equal(asked(packed, LEAVES, codes), leaves)


def test_trees_that_no_one_grew_are_asked_as_those_that_were():
    """The forest of fitted trees: numbers, some of them missing, and categories."""
    rng = np.random.default_rng(2)
    X = rng.integers(0, 30, (400, 3)).astype(float)
    X[rng.random(X.shape) < 0.1] = np.nan
    y = rng.integers(0, 12, 400)
    trees = [
        HistTreeClassifier(categorical_features=[1], max_features=2, random_state=i).fit(X, y)
        for i in range(5)
    ]
    forest, bins = Forest(trees), trees[0].bins_
    assert all(isinstance(run, Packed) for run in forest.runs)
    for i, tree in enumerate(trees):
        codes, nodes = bins.encode(X, np.arange(3)), tree.tree_
        leaves = [Drawn.leaf_of(nodes, row, bins.kinds == CATEGORICAL) for row in codes]
        assert forest.leaves(X)[:, i].tolist() == leaves
