"""Send rows down a tree together, each in a register of its own."""

from __future__ import annotations

from typing import Any

from llvmlite import ir
from numba import types
from numba.extending import intrinsic

from ensembles.trees.vectors import Generated

LANES = 8
"""Rows that go down together."""
LEVELS = 2
"""Levels that they go down before it is asked whether all have arrived."""
WORD, HALF, BYTE = ir.IntType(64), ir.IntType(32), ir.IntType(8)


class Descent:
    """One level down the tree, for one row, as instructions; see `traversing` for a node's bits."""

    def __init__(self, builder: Any, nodes: Any, asks: Any, sides: Any) -> None:
        self.builder, self.nodes, self.asks, self.sides = builder, nodes, asks, sides

    def bits(self, word: Any, first: int, last: int) -> Any:
        """Return some bits of a word as a number."""
        shifted = self.builder.lshr(word, WORD(first))
        return self.builder.and_(shifted, WORD((1 << (last - first + 1)) - 1))

    def following(self, here: Any, row: Any) -> Any:
        """Return the place of the node after `here`, for the row whose codes begin at `row`."""
        builder = self.builder
        node = builder.load(builder.gep(self.nodes, [here]))
        code = builder.load(builder.gep(row, [self.bits(node, 16, 31)]))
        shifted = builder.sub(code, builder.trunc(self.bits(node, 8, 8), BYTE))
        right = builder.icmp_unsigned(">=", shifted, builder.trunc(node, BYTE))
        if self.asks is not None:
            asked = builder.icmp_unsigned("!=", self.bits(node, 9, 9), WORD(0))
            right = builder.select(asked, self.is_right(here, code), right)
        left = builder.trunc(builder.lshr(node, WORD(32)), HALF)  # a leaf at place 0 has left -1
        return builder.zext(builder.add(left, builder.zext(right, HALF)), WORD)

    def is_right(self, here: Any, code: Any) -> Any:
        """Tell whether a category is not among those that go left at a node; at a node that asks
        for none, anything.
        """
        builder, code = self.builder, self.builder.zext(code, WORD)
        first = builder.zext(builder.load(builder.gep(self.asks, [here])), WORD)
        word = builder.add(builder.mul(first, WORD(4)), builder.lshr(code, WORD(6)))
        side = builder.load(builder.gep(self.sides, [word]))
        shifted = builder.lshr(side, builder.and_(code, WORD(63)))
        return builder.icmp_unsigned("==", builder.and_(shifted, WORD(1)), WORD(0))


def descender(categorical: bool) -> Any:
    """Return what sends eight rows to their leaves, down a tree that asks for categories or not."""

    def go_down(
        typing_context: Any, at: Any, cells: Any, nodes: Any, codes: Any, asks: Any, sides: Any
    ) -> Generated:
        """Go from the nodes at[lane] to the leaves of the rows whose codes begin at
        codes[cells[lane]].
        """

        def generate(context: Any, builder: Any, signature: Any, given: Any) -> Any:
            at, cells, nodes, codes, asks, sides = (
                context.make_array(kind)(context, builder, array).data
                for kind, array in zip(signature.args, given, strict=True)
            )
            level = Descent(builder, nodes, asks if categorical else None, sides)
            lanes = [WORD(lane) for lane in range(LANES)]
            rows = [
                builder.gep(codes, [builder.load(builder.gep(cells, [lane]))]) for lane in lanes
            ]
            roots = [builder.load(builder.gep(at, [lane])) for lane in lanes]
            before = builder.basic_block
            body, end = (builder.append_basic_block(f"down.{name}") for name in ("body", "end"))
            builder.branch(body)
            builder.position_at_end(body)
            places = [builder.phi(WORD) for _ in lanes]
            now = list(places)
            for _ in range(LEVELS):
                last = now
                now = [level.following(*each) for each in zip(now, rows, strict=True)]
            moved = WORD(0)
            for old, new in zip(last, now, strict=True):
                moved = builder.or_(moved, builder.xor(old, new))
            for place, root, new in zip(places, roots, now, strict=True):
                place.add_incoming(root, before)
                place.add_incoming(new, body)
            builder.cbranch(builder.icmp_unsigned("!=", moved, WORD(0)), body, end)
            builder.position_at_end(end)
            for lane, place in zip(lanes, now, strict=True):
                builder.store(place, builder.gep(at, [lane]))
            return context.get_dummy_value()

        return types.none(at, cells, nodes, codes, asks, sides), generate

    return intrinsic(go_down)


go_down, go_down_by_categories = map(descender, (False, True))
