"""Statements about 32 columns at once, as vector instructions that no loop optimiser has to find.

A place in an array is a plain number of cells, whatever the array's shape; nothing checks it.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from llvmlite import ir
from numba import float64, int64, types, uint64
from numba.extending import intrinsic

from ensembles.trees.emitting import alloca_once_value, for_range, get_or_insert_function

Generated = tuple[Any, Callable[..., Any]]

LANES = 32
"""Columns that are looked at together: as many bytes as a wide register holds."""
TWO, FOUR, EIGHT = 2, 4, 8
"""Numbers of eight bytes that are copied, added up, and compared together."""


def vector_at(
    context: Any, builder: Any, kind: Any, array: Any, place: Any, width: int
) -> tuple[Any, Any]:
    """Return a pointer to `width` cells of an array, and the type of a cell."""
    data = context.make_array(kind)(context, builder, array).data
    cell = context.get_data_type(kind.dtype)
    vector = ir.VectorType(cell, width).as_pointer()
    return builder.bitcast(builder.gep(data, [place]), vector), cell


def repeated(builder: Any, value: Any, width: int) -> Any:
    """Return a vector that holds one value `width` times."""
    nothing = ir.Constant(ir.VectorType(value.type, width), ir.Undefined)
    first = builder.insert_element(nothing, value, ir.Constant(ir.IntType(32), 0))
    firsts = ir.Constant(ir.VectorType(ir.IntType(32), width), [0] * width)
    return builder.shuffle_vector(first, nothing, firsts)


def copier(width: int) -> Any:
    """Return what copies so many cells."""

    def copy(typing_context: Any, target: Any, place: Any, source: Any, begin: Any) -> Generated:
        """target[place : place + width] = source[begin : begin + width]."""

        def generate(context: Any, builder: Any, signature: Any, given: Any) -> Any:
            to, _ = vector_at(context, builder, signature.args[0], given[0], given[1], width)
            of, _ = vector_at(context, builder, signature.args[2], given[2], given[3], width)
            builder.store(builder.load(of, align=1), to, align=1)
            return context.get_dummy_value()

        return types.none(target, uint64, source, uint64), generate

    return intrinsic(copy)


copy_two, copy_four, copy_lanes = map(copier, (TWO, FOUR, LANES))


@intrinsic
def rank_cells(
    typing_context: Any, counts: Any, place: Any, sheet: Any, rows: Any, n: Any
) -> Generated:
    """counts[place + lane] = the number of n rows of 32 codes, which begin at sheet[rows], whose
    code of the lane is not above sheet[place + lane].
    """

    def generate(context: Any, builder: Any, signature: Any, given: Any) -> Any:
        word, lanes = ir.IntType(64), ir.VectorType(ir.IntType(8), LANES)
        own, _ = vector_at(context, builder, signature.args[2], given[2], given[1], LANES)
        own = builder.load(own, align=1)
        rank = alloca_once_value(builder, ir.Constant(lanes, None))
        builder.store(ir.Constant(lanes, None), rank)
        with for_range(builder, given[4]) as loop:
            at = builder.add(given[3], builder.mul(loop.index, word(LANES)))
            row, _ = vector_at(context, builder, signature.args[2], given[2], at, LANES)
            goes = builder.icmp_unsigned("<=", builder.load(row, align=1), own)
            builder.store(builder.add(builder.load(rank), builder.zext(goes, lanes)), rank)
        to, _ = vector_at(context, builder, signature.args[0], given[0], given[1], LANES)
        builder.store(builder.load(rank), to, align=1)
        return context.get_dummy_value()

    return types.none(counts, uint64, sheet, uint64, int64), generate


CODES = 256
"""Codes that a column may have."""


@intrinsic
def rank_codes(typing_context: Any, table: Any, place: Any) -> Generated:
    """Add table[place + 32 code + lane] up over the codes before, for 32 lanes."""

    def generate(context: Any, builder: Any, signature: Any, given: Any) -> Any:
        word, lanes = ir.IntType(64), ir.VectorType(ir.IntType(8), LANES)
        running = alloca_once_value(builder, ir.Constant(lanes, None))
        builder.store(ir.Constant(lanes, None), running)
        with for_range(builder, word(CODES)) as loop:
            at = builder.add(given[1], builder.mul(loop.index, word(LANES)))
            cells, _ = vector_at(context, builder, signature.args[0], given[0], at, LANES)
            total = builder.add(builder.load(running), builder.load(cells, align=1))
            builder.store(total, running)
            builder.store(total, cells, align=1)
        return context.get_dummy_value()

    return types.none(table, uint64), generate


@intrinsic
def add_where(
    typing_context: Any, sums: Any, place: Any, sheet: Any, mine: Any, other: Any, amount: Any
) -> Generated:
    """sums[place + lane] += amount where sheet[mine + lane] <= sheet[other + lane]; 32 lanes."""

    def generate(context: Any, builder: Any, signature: Any, given: Any) -> Any:
        to, cell = vector_at(context, builder, signature.args[0], given[0], given[1], LANES)
        low, _ = vector_at(context, builder, signature.args[2], given[2], given[3], LANES)
        high, _ = vector_at(context, builder, signature.args[2], given[2], given[4], LANES)
        goes = builder.icmp_unsigned("<=", builder.load(low, align=1), builder.load(high, align=1))
        nothing = ir.Constant(ir.VectorType(cell, LANES), None)
        added = builder.select(goes, repeated(builder, given[5], LANES), nothing)
        builder.store(builder.add(builder.load(to, align=1), added), to, align=1)
        return context.get_dummy_value()

    return types.none(sums, uint64, sheet, uint64, uint64, sums.dtype), generate


@intrinsic
def move_on(
    typing_context: Any,
    places: Any,
    begin: Any,
    sheet: Any,
    codes: Any,
    n: Any,
    here: Any,
    child: Any,
    less: Any,
    bound: Any,
) -> Generated:
    """For 32 n rows, places[begin + row] = child, or the place behind it where
    sheet[codes + row] - less >= bound, if it was `here`.
    """

    def generate(context: Any, builder: Any, signature: Any, given: Any) -> Any:
        here, child, less, bound = (repeated(builder, byte, LANES) for byte in given[5:])
        with for_range(builder, given[4]) as loop:
            row = builder.mul(loop.index, ir.Constant(ir.IntType(64), LANES))
            to, of = (
                vector_at(context, builder, signature.args[at], given[at], place, LANES)[0]
                for at, place in ((0, builder.add(given[1], row)), (2, builder.add(given[3], row)))
            )
            at, code = builder.load(to, align=1), builder.sub(builder.load(of, align=1), less)
            right = builder.zext(builder.icmp_unsigned(">=", code, bound), code.type)
            mine = builder.icmp_unsigned("==", at, here)
            builder.store(builder.select(mine, builder.add(child, right), at), to, align=1)
        return context.get_dummy_value()

    places_of, bytes_ = (places, uint64, sheet, uint64, int64), [types.uint8] * 4
    return types.none(*places_of, *bytes_), generate


@intrinsic
def add_four(typing_context: Any, sums: Any, place: Any, amounts: Any, begin: Any) -> Generated:
    """sums[place + lane] += amounts[begin + lane], for 4 lanes."""

    def generate(context: Any, builder: Any, signature: Any, given: Any) -> Any:
        to, _ = vector_at(context, builder, signature.args[0], given[0], given[1], FOUR)
        of, _ = vector_at(context, builder, signature.args[2], given[2], given[3], FOUR)
        add = builder.fadd if isinstance(signature.args[0].dtype, types.Float) else builder.add
        builder.store(add(builder.load(to, align=1), builder.load(of, align=1)), to, align=1)
        return context.get_dummy_value()

    return types.none(sums, uint64, amounts, uint64), generate


PLANE_OF_FIELDS = 256 + EIGHT
"""Words from one plane of fields to the next: a wide read may reach over a plane's end."""


class Fields:
    """What is done to eight words at once whose fields, so many bits each, are numbers."""

    def __init__(self, builder: Any, bits: int) -> None:
        self.builder, self.bits = builder, bits
        self.word = ir.VectorType(ir.IntType(64), EIGHT)
        self.pair = ir.VectorType(ir.IntType(2 * bits), 32 // bits * EIGHT)

    def all(self, kind: Any, value: Any) -> Any:
        """Return a vector that holds one number over and over."""
        return ir.Constant(kind, [value] * kind.count)

    def halves(self, words: Any) -> tuple[Any, Any]:
        """Return every second field, and those between, each in the room of two."""
        pairs = self.builder.bitcast(words, self.pair)
        low = self.builder.and_(pairs, self.all(self.pair, (1 << self.bits) - 1))
        return low, self.builder.lshr(pairs, self.all(self.pair, self.bits))

    def sums(self, words: Any) -> Any:
        """Return the sums of two fields each."""
        return self.builder.add(*self.halves(words))

    def squares(self, words: Any) -> Any:
        """Return the sums of two fields' squares each."""
        low, high = self.halves(words)
        return self.builder.add(self.builder.mul(low, low), self.builder.mul(high, high))

    def number(self, pairs: Any) -> Any:
        """Return the sum of each word's pairs, which fits in a pair, as a double.

        A number below 2^52 behind the bits of 2^52 is the double of both: no processor lacks that
        conversion.
        """
        builder, reach = self.builder, 32
        total = builder.bitcast(pairs, self.word)
        while reach >= 2 * self.bits:
            total = builder.add(total, builder.lshr(total, self.all(self.word, reach)))
            reach //= 2
        total = builder.and_(total, self.all(self.word, (1 << 2 * self.bits) - 1))
        return short_doubles(builder, total)


def field_gains(bits: int) -> Any:
    """Return what finds gains from words of class weights, so many bits each."""

    def gains(
        typing_context: Any,
        work: Any,
        lefts: Any,
        gains: Any,
        words: Any,
        begin: Any,
        last: Any,
        n_planes: Any,
        total: Any,
        least: Any,
    ) -> Generated:
        """For 8 splits, work[lefts + lane] = the weight on the left, work[gains + lane] = the gain,
        -1 where a side is lighter than `least`.

        words[begin + lane] lie on the left of a split, words[last] in the node.
        """

        def generate(context: Any, builder: Any, signature: Any, given: Any) -> Any:
            lefts, gains, _, begin, last, n_planes, total, least = given[1:]
            data = context.make_array(signature.args[3])(context, builder, given[3]).data
            fields = Fields(builder, bits)
            nothing = ir.Constant(fields.pair, None)
            sums = [alloca_once_value(builder, nothing) for _ in range(3)]
            with for_range(builder, n_planes) as plane:
                skipped = builder.mul(plane.index, ir.Constant(begin.type, PLANE_OF_FIELDS))
                place = builder.gep(data, [builder.add(begin, skipped)])
                inside = builder.load(builder.bitcast(place, fields.word.as_pointer()), align=1)
                whole = builder.load(builder.gep(data, [builder.add(last, skipped)]))
                beside = builder.sub(repeated(builder, whole, EIGHT), inside)
                found = fields.sums(inside), fields.squares(inside), fields.squares(beside)
                for kept, amount in zip(sums, found, strict=True):
                    builder.store(builder.add(builder.load(kept), amount), kept)
            left, squares, others = (fields.number(builder.load(kept)) for kept in sums)
            right = builder.fsub(repeated(builder, total, EIGHT), left)
            gain = builder.fadd(builder.fdiv(squares, left), builder.fdiv(others, right))
            heavy = [
                builder.fcmp_ordered(">=", side, repeated(builder, least, EIGHT))
                for side in (left, right)
            ]
            gain = builder.select(builder.and_(*heavy), gain, fields.all(gain.type, -1.0))
            for place, number in ((lefts, left), (gains, gain)):
                to, _ = vector_at(context, builder, signature.args[0], given[0], place, EIGHT)
                builder.store(number, to, align=1)
            return context.get_dummy_value()

        places, weights = [uint64] * 3, [types.float64] * 2
        return types.none(work, uint64, uint64, words, *places, *weights), generate

    return intrinsic(gains)


gains_of_eights, gains_of_fours = map(field_gains, (8, 16))


@intrinsic
def keep_highest(typing_context: Any, tops: Any, place: Any, numbers: Any, begin: Any) -> Generated:
    """tops[place + lane] = max(tops[place + lane], numbers[begin + lane]), for 8 lanes."""

    def generate(context: Any, builder: Any, signature: Any, given: Any) -> Any:
        to, _ = vector_at(context, builder, signature.args[0], given[0], given[1], EIGHT)
        of, _ = vector_at(context, builder, signature.args[2], given[2], given[3], EIGHT)
        old, new = builder.load(to, align=1), builder.load(of, align=1)
        # A comparison and a choice would become a masked store, which is slow on some processors.
        kind = ir.FunctionType(old.type, [old.type, old.type])
        maximum = get_or_insert_function(builder.module, kind, f"llvm.maxnum.v{EIGHT}f64")
        builder.store(builder.call(maximum, [old, new], fastmath=("nnan",)), to, align=1)
        return context.get_dummy_value()

    return types.none(tops, uint64, numbers, uint64), generate


@intrinsic
def add_pair(typing_context: Any, sums: Any, place: Any, weight: Any, target: Any) -> Generated:
    """sums[place] += weight; sums[place + 1] += target: two additions for the price of one."""

    def generate(context: Any, builder: Any, signature: Any, given: Any) -> Any:
        to, cell = vector_at(context, builder, signature.args[0], given[0], given[1], TWO)
        pair = ir.Constant(ir.VectorType(cell, TWO), ir.Undefined)
        for side in range(2):
            pair = builder.insert_element(pair, given[2 + side], ir.Constant(ir.IntType(32), side))
        builder.store(builder.add(builder.load(to, align=8), pair), to, align=8)
        return context.get_dummy_value()

    return types.none(sums, uint64, int64, int64), generate


def filled(kind: Any, width: int, value: Any = None) -> Any:
    """Return a vector that holds a number over and over, or zeros."""
    return ir.Constant(ir.VectorType(kind, width), None if value is None else [value] * width)


def has_wide_registers(context: Any) -> bool:
    """Tell whether the processor has the instructions of AVX-512."""
    triple, _, features = context.codegen().magic_tuple()
    return bool(triple.startswith("x86") and "+avx512dq" in features)


def doubles(context: Any, builder: Any, whole: Any) -> Any:
    """Return integers of 64 bits as doubles: one instruction on ARM and with AVX-512; other x86
    processors have none for several at once.
    """
    triple, _, _ = context.codegen().magic_tuple()
    if triple.startswith("x86") and not has_wide_registers(context):
        return doubles_of_halves(builder, whole)
    return builder.sitofp(whole, ir.VectorType(ir.DoubleType(), whole.type.count))


def doubles_of_halves(builder: Any, whole: Any) -> Any:
    """Return integers of 64 bits as doubles, without an instruction for it.

    The lower half is written into the last bits of 2^52, the upper half, sign and all, into those
    of 2^84, and both numbers are taken off again: only the last addition rounds.
    """
    word, width = ir.IntType(64), whole.type.count
    kind = ir.VectorType(ir.DoubleType(), width)
    halves = ir.VectorType(ir.IntType(32), 2 * width)
    low = builder.shuffle_vector(
        builder.bitcast(whole, halves),
        ir.Constant(halves, [0, 0x433 << 20] * width),
        picked([half + half % 2 * 2 * width for half in range(2 * width)]),
    )
    high = builder.xor(
        builder.lshr(whole, filled(word, width, 32)),
        filled(word, width, (0x453 << 52) + 2**31),
    )
    taken_off = filled(ir.DoubleType(), width, 2.0**84 + 2.0**63 + 2.0**52)
    high = builder.fsub(builder.bitcast(high, kind), taken_off)
    return builder.fadd(high, builder.bitcast(low, kind))


def gains_of(builder: Any, left: Any, sums: Any, given: Any) -> tuple[Any, Any]:
    """Return the gains of splits by the weights and the targets on their left, and which are
    allowed; `given` are the node's weight, its target and the least weight of a side.
    """
    total, target, least = given
    right = builder.fsub(total, left)
    slope = builder.fsub(builder.fmul(sums, total), builder.fmul(left, target))
    gain = builder.fdiv(builder.fmul(slope, slope), builder.fmul(left, right))
    lighter = builder.select(builder.fcmp_ordered("<", left, right), left, right)
    return gain, builder.fcmp_ordered(">=", lighter, least)


def picked(lanes: Any) -> Any:
    """Return the lanes that a shuffle picks."""
    return ir.Constant(ir.VectorType(ir.IntType(32), len(lanes)), list(lanes))


NODE = (uint64, uint64, int64, float64, float64, float64)
"""The kinds of what is told of splits in their order: where they are, of how many columns, how
many, and the node's weight, its target and the least weight of a side.
"""


def order_finder(empties: bool, ahead: bool = False) -> Any:
    """Return what finds the best of splits in their order, and empties the cells it read if so.

    Where `ahead`, the cells sums[before + 2 lane] and those behind go left with each of them; that
    they go alone is no split.
    """

    def generate(context: Any, builder: Any, signature: Any, given: Any) -> Any:
        word, double = ir.IntType(64), ir.DoubleType()
        width = EIGHT if has_wide_registers(context) else FOUR
        pairs = ir.VectorType(word, 2 * width)
        nothing = ir.Constant(pairs, [0x433 << 52, 0] * width)
        node = [repeated(builder, number, width) for number in given[8:11]]
        # Neighbours of two registers are told apart by one instruction, in this order of lanes.
        order = [lane // 2 + width // 2 * (lane % 2) for lane in range(width)]
        back = picked([order.index(lane) for lane in range(width)])
        ends = [ir.Constant(word, number) for number in (width - 1, width, 2 * width)]
        groups = builder.udiv(builder.add(given[6], ends[0]), ends[1])

        def cells_at(place: Any) -> Any:
            cells, _ = vector_at(context, builder, signature.args[4], given[4], place, 2 * width)
            return cells

        def side_of(moved: Any, side: int) -> Any:
            return builder.shuffle_vector(moved, moved, picked([2 * at + side for at in order]))

        def weights_of(moved: Any) -> Any:
            weights = builder.bitcast(side_of(moved, 0), ir.VectorType(double, width))
            return builder.fsub(weights, filled(double, width, 2.0**52))

        with for_range(builder, groups) as group:
            lanes = builder.mul(group.index, ends[2])
            first, start = builder.add(given[5], lanes), nothing
            if ahead:
                start = builder.add(
                    start, builder.load(cells_at(builder.add(given[11], lanes)), align=8)
                )
                alone = weights_of(start)
            running = alloca_once_value(builder, start)
            best = alloca_once_value(builder, filled(double, width, -1.0))
            where, number = (alloca_once_value(builder, filled(word, width)) for _ in range(2))
            builder.store(start, running)
            builder.store(filled(double, width, -1.0), best)
            builder.store(filled(word, width), where)
            builder.store(filled(word, width), number)
            with for_range(builder, given[7]) as loop:
                row = builder.mul(loop.index, ir.Constant(word, 2 * EIGHT))
                cells = cells_at(builder.add(first, row))
                moved = builder.add(builder.load(running), builder.load(cells, align=8))
                if empties:
                    builder.store(ir.Constant(pairs, None), cells, align=8)
                builder.store(moved, running)
                left = weights_of(moved)
                gain, allowed = gains_of(
                    builder, left, doubles(context, builder, side_of(moved, 1)), node
                )
                if ahead:
                    allowed = builder.and_(allowed, builder.fcmp_ordered("!=", left, alone))
                old = builder.load(best)
                better = builder.and_(allowed, builder.fcmp_ordered(">", gain, old))
                builder.store(builder.select(better, gain, old), best)
                here = builder.load(number)
                builder.store(builder.select(better, here, builder.load(where)), where)
                builder.store(builder.add(here, filled(word, width, 1)), number)
            lane = builder.mul(group.index, ends[1])
            for array, numbers in ((0, best), (2, where)):
                behind = builder.add(given[array + 1], lane)
                to, _ = vector_at(
                    context, builder, signature.args[array], given[array], behind, width
                )
                found = builder.load(numbers)
                builder.store(builder.shuffle_vector(found, found, back), to, align=8)
        return context.get_dummy_value()

    def best_in_order(
        typing_context: Any,
        tops: Any,
        top: Any,
        splits: Any,
        split: Any,
        sums: Any,
        place: Any,
        n_lanes: Any,
        n: Any,
        total: Any,
        target: Any,
        least: Any,
    ) -> Generated:
        """Find the best of n splits of each of up to eight columns; write its gain to
        tops[top + lane] and its number to splits[split + lane].

        sums[place + 16 i + 2 lane] and the cell behind hold the weight and the target that split i
        moves to the left. Of equal gains the first wins. As many columns go together as a register
        holds; weights are added up in the last bits of 2^52, which makes doubles of them.
        """
        return types.none(tops, uint64, splits, uint64, sums, *NODE), generate

    def best_with(
        typing_context: Any,
        tops: Any,
        top: Any,
        splits: Any,
        split: Any,
        sums: Any,
        place: Any,
        n_lanes: Any,
        n: Any,
        total: Any,
        target: Any,
        least: Any,
        before: Any,
    ) -> Generated:
        """Do so with more on the left of every split."""
        return types.none(tops, uint64, splits, uint64, sums, *NODE, uint64), generate

    return intrinsic(best_with if ahead else best_in_order)


best_in_order, best_and_empty = map(order_finder, (False, True))
best_with, best_with_and_empty = (order_finder(empties, ahead=True) for empties in (False, True))


class Best:
    """Gains of groups of splits that are written one after the other, and the best of them."""

    def __init__(self, builder: Any, width: int) -> None:
        self.builder, self.none = builder, filled(ir.DoubleType(), width, -1.0)
        self.kept = alloca_once_value(builder, self.none)
        builder.store(self.none, self.kept)

    def of(self, gain: Any, allowed: Any) -> Any:
        """Return the gains, -1 where they are not allowed."""
        gain, old = self.builder.select(allowed, gain, self.none), self.builder.load(self.kept)
        better = self.builder.fcmp_ordered(">", gain, old)
        self.builder.store(self.builder.select(better, gain, old), self.kept)
        return gain

    def top(self) -> Any:
        """Return the highest of all."""
        return highest_of(self.builder, self.builder.load(self.kept))


def highest_of(builder: Any, lanes: Any) -> Any:
    """Return the highest of 2^n numbers."""
    half = lanes.type.count // 2
    while half > 0:
        sides = [
            builder.shuffle_vector(lanes, lanes, picked(range(begin, begin + half)))
            for begin in (0, half)
        ]
        lanes = builder.select(builder.fcmp_ordered(">", *sides), *sides)
        half //= 2
    return builder.extract_element(lanes, ir.Constant(ir.IntType(32), 0))


def short_doubles(builder: Any, whole: Any) -> Any:
    """Return integers below 2^52 as doubles: written into the last bits of 2^52."""
    double, width = ir.DoubleType(), whole.type.count
    both = builder.or_(whole, filled(ir.IntType(64), width, 0x433 << 52))
    both = builder.bitcast(both, ir.VectorType(double, width))
    return builder.fsub(both, filled(double, width, 2.0**52))


@intrinsic
def gains_of_words(
    typing_context: Any,
    work: Any,
    lefts: Any,
    gains: Any,
    words: Any,
    begin: Any,
    n: Any,
    shift: Any,
    total: Any,
    target: Any,
    least: Any,
) -> Generated:
    """Return the best gain of n splits; work[lefts + i] = the weight on the left of a split,
    work[gains + i] = its gain, -1 where a side is lighter than `least`.

    words[begin + i] is the weight on the left in its lower `shift` bits, with the target above. So
    many splits are looked at that they fill registers: up to the next multiple of eight.
    """

    def generate(context: Any, builder: Any, signature: Any, given: Any) -> Any:
        word = ir.IntType(64)
        width = EIGHT if has_wide_registers(context) else FOUR
        lefts, gains, _, begin, n, shift, *node = given[1:]
        one = ir.Constant(word, 1)
        mask = repeated(builder, builder.sub(builder.shl(one, shift), one), width)
        shift, node = repeated(builder, shift, width), [repeated(builder, x, width) for x in node]
        best = Best(builder, width)
        n = builder.udiv(builder.add(n, word(width - 1)), word(width))
        with for_range(builder, n) as group:
            i = builder.mul(group.index, word(width))
            of, _ = vector_at(
                context, builder, signature.args[3], given[3], builder.add(begin, i), width
            )
            both = builder.load(of, align=8)
            left = short_doubles(builder, builder.and_(both, mask))
            sums = doubles(context, builder, builder.ashr(both, shift))
            gain = best.of(*gains_of(builder, left, sums, node))
            for place, numbers in ((lefts, left), (gains, gain)):
                to, _ = vector_at(
                    context, builder, signature.args[0], given[0], builder.add(place, i), width
                )
                builder.store(numbers, to, align=8)
        return best.top()

    arrays = (work, uint64, uint64, words, uint64)
    return float64(*arrays, int64, int64, float64, float64, float64), generate


@intrinsic
def gains_of_squares(
    typing_context: Any,
    work: Any,
    lefts: Any,
    gains: Any,
    sums: Any,
    inside: Any,
    beside: Any,
    n: Any,
    total: Any,
    least: Any,
) -> Generated:
    """Return the best gain of n splits, and write the gains and the weights on the left as
    `gains_of_words` does.

    sums[lefts + i] is the weight on the left, which is overwritten where `work` is the same memory,
    sums[inside + i] and sums[beside + i] are the sums of squares on either side.
    """

    def generate(context: Any, builder: Any, signature: Any, given: Any) -> Any:
        word = ir.IntType(64)
        width = EIGHT if has_wide_registers(context) else FOUR
        lefts, gains, _, inside, beside, n = given[1:7]
        total, least = (repeated(builder, number, width) for number in given[7:])
        best = Best(builder, width)
        n = builder.udiv(builder.add(n, word(width - 1)), word(width))
        with for_range(builder, n) as group:
            i = builder.mul(group.index, word(width))
            left, *squares = (
                doubles(context, builder, builder.load(of, align=8))
                for of, _ in (
                    vector_at(
                        context, builder, signature.args[3], given[3], builder.add(at, i), width
                    )
                    for at in (lefts, inside, beside)
                )
            )
            right = builder.fsub(total, left)
            gain = builder.fadd(*map(builder.fdiv, squares, (left, right)))
            lighter = builder.select(builder.fcmp_ordered("<", left, right), left, right)
            gain = best.of(gain, builder.fcmp_ordered(">=", lighter, least))
            for place, numbers in ((lefts, left), (gains, gain)):
                to, _ = vector_at(
                    context, builder, signature.args[0], given[0], builder.add(place, i), width
                )
                builder.store(numbers, to, align=8)
        return best.top()

    arrays = (work, uint64, uint64, sums, uint64, uint64)
    return float64(*arrays, int64, float64, float64), generate


@intrinsic
def highest_lanes(typing_context: Any, tops: Any, place: Any, n_lanes: Any) -> Generated:
    """Return which of tops[place : place + n_lanes] are the highest, as bits; none where all are
    negative.
    """

    def generate(context: Any, builder: Any, signature: Any, given: Any) -> Any:
        word, double = ir.IntType(64), ir.DoubleType()
        best = Best(builder, EIGHT)
        found = alloca_once_value(builder, ir.Constant(word, 0))
        builder.store(ir.Constant(word, 0), found)
        numbers = ir.Constant(ir.VectorType(word, EIGHT), list(range(EIGHT)))
        eights = builder.udiv(builder.add(given[2], ir.Constant(word, EIGHT - 1)), word(EIGHT))

        def lanes_of(group: Any) -> tuple[Any, Any, Any]:
            begin = builder.mul(group.index, word(EIGHT))
            at = builder.add(given[1], begin)
            tops, _ = vector_at(context, builder, signature.args[0], given[0], at, EIGHT)
            lanes = builder.add(numbers, repeated(builder, begin, EIGHT))
            there = builder.icmp_unsigned("<", lanes, repeated(builder, given[2], EIGHT))
            return builder.load(tops, align=8), there, begin

        with for_range(builder, eights) as group:
            gains, there, _ = lanes_of(group)
            best.of(gains, there)
        highest = best.top()
        with for_range(builder, eights) as group:
            gains, there, begin = lanes_of(group)
            equal = builder.fcmp_ordered("==", gains, repeated(builder, highest, EIGHT))
            bits = builder.bitcast(builder.and_(equal, there), ir.IntType(EIGHT))
            bits = builder.shl(builder.zext(bits, word), begin)
            builder.store(builder.or_(builder.load(found), bits), found)
        any_gain = builder.fcmp_ordered(">=", highest, ir.Constant(double, 0.0))
        return builder.select(any_gain, builder.load(found), ir.Constant(word, 0))

    return uint64(tops, uint64, uint64), generate


@intrinsic
def lanes_below(typing_context: Any, codes: Any, own: Any, other: Any) -> Generated:
    """Return, as bits, where codes[own + lane] < codes[other + lane], for 32 lanes."""

    def generate(context: Any, builder: Any, signature: Any, given: Any) -> Any:
        sides = [
            builder.load(
                vector_at(context, builder, signature.args[0], given[0], at, LANES)[0], align=1
            )
            for at in given[1:]
        ]
        below = builder.bitcast(builder.icmp_unsigned("<", *sides), ir.IntType(LANES))
        return builder.zext(below, ir.IntType(64))

    return uint64(codes, uint64, uint64), generate


def repeater(width: int) -> Any:
    """Return what repeats so many bytes until they are 32."""

    def repeat(typing_context: Any, sheet: Any, place: Any, begin: Any) -> Generated:
        """sheet[place : place + 32] = sheet[begin : begin + width], over and over."""

        def generate(context: Any, builder: Any, signature: Any, given: Any) -> Any:
            to, _ = vector_at(context, builder, signature.args[0], given[0], given[1], LANES)
            data = context.make_array(signature.args[0])(context, builder, given[0]).data
            word = ir.IntType(8 * width)
            of = builder.bitcast(builder.gep(data, [given[2]]), word.as_pointer())
            row = repeated(builder, builder.load(of, align=1), LANES // width)
            builder.store(builder.bitcast(row, to.type.pointee), to, align=1)
            return context.get_dummy_value()

        return types.none(sheet, uint64, uint64), generate

    return intrinsic(repeat)


repeat_four, repeat_eight, repeat_sixteen = map(repeater, (4, 8, 16))


@intrinsic
def mark_codes(typing_context: Any, cells: Any, last: Any) -> Generated:
    """cells[code] = 1 where code <= last, else 0, for all 256 codes."""

    def generate(context: Any, builder: Any, signature: Any, given: Any) -> Any:
        byte = ir.IntType(8)
        lanes = ir.VectorType(byte, LANES)
        last = repeated(builder, builder.trunc(given[1], byte), LANES)
        for begin in range(0, CODES, LANES):
            at = ir.Constant(ir.IntType(64), begin)
            to, _ = vector_at(context, builder, signature.args[0], given[0], at, LANES)
            codes = ir.Constant(lanes, list(range(begin, begin + LANES)))
            marked = builder.zext(builder.icmp_unsigned("<=", codes, last), lanes)
            builder.store(marked, to, align=1)
        return context.get_dummy_value()

    return types.none(cells, int64), generate


@intrinsic
def lowest_bit(typing_context: Any, word: Any) -> Generated:
    """Return the place of the lowest set bit of a 64-bit word that is not zero."""

    def generate(context: Any, builder: Any, signature: Any, given: Any) -> Any:
        return builder.cttz(given[0], ir.Constant(ir.IntType(1), 1))

    return types.uint64(types.uint64), generate


SIXTEEN = 16
"""Cuts that a value is compared with at once."""


@intrinsic
def n_below(typing_context: Any, cuts: Any, place: Any, value: Any) -> Generated:
    """Return how many of cuts[place : place + 16] are below a value."""

    def generate(context: Any, builder: Any, signature: Any, given: Any) -> Any:
        of, _ = vector_at(context, builder, signature.args[0], given[0], given[1], SIXTEEN)
        values = repeated(builder, given[2], SIXTEEN)
        below = builder.fcmp_ordered("<", builder.load(of, align=8), values)
        bits = builder.bitcast(below, ir.IntType(SIXTEEN))
        return builder.zext(builder.ctpop(bits), ir.IntType(64))

    return uint64(cuts, uint64, float64), generate
