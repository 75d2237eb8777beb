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
        double = ir.VectorType(ir.DoubleType(), EIGHT)
        both = builder.or_(total, self.all(self.word, 0x433 << 52))
        return builder.fsub(builder.bitcast(both, double), self.all(double, float(1 << 52)))


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


def eight(kind: Any, value: Any = None) -> Any:
    """Return a vector that holds a number eight times, or zeros."""
    vector = ir.VectorType(kind, EIGHT)
    return ir.Constant(vector, None if value is None else [value] * EIGHT)


def doubles(context: Any, builder: Any, whole: Any) -> Any:
    """Return eight integers of 64 bits as doubles: one instruction on ARM and with AVX-512; other
    x86 processors have none for several at once.
    """
    triple, _, features = context.codegen().magic_tuple()
    if triple.startswith("x86") and "+avx512dq" not in features:
        return doubles_of_halves(builder, whole)
    return builder.sitofp(whole, ir.VectorType(ir.DoubleType(), EIGHT))


def doubles_of_halves(builder: Any, whole: Any) -> Any:
    """Return eight integers of 64 bits as doubles, without an instruction for it.

    The lower half is written into the last bits of 2^52, the upper half, sign and all, into those
    of 2^84, and both numbers are taken off again: only the last addition rounds.
    """
    kind, word = ir.VectorType(ir.DoubleType(), EIGHT), ir.IntType(64)
    low = builder.or_(builder.and_(whole, eight(word, 2**32 - 1)), eight(word, 0x433 << 52))
    high = builder.xor(builder.lshr(whole, eight(word, 32)), eight(word, (0x453 << 52) + 2**31))
    taken_off = eight(ir.DoubleType(), 2.0**84 + 2.0**63 + 2.0**52)
    high = builder.fsub(builder.bitcast(high, kind), taken_off)
    return builder.fadd(high, builder.bitcast(low, kind))


def gains_of(context: Any, builder: Any, sums: Any, given: Any) -> Any:
    """Return the gains of eight splits by the sums of the weights and of the targets on their left;
    `given` are the node's weight, its target and the least weight of a side.
    """
    weights, targets = sums
    total, target, least = (repeated(builder, number, EIGHT) for number in given)
    left = doubles(context, builder, weights)
    right = builder.fsub(total, left)
    slope = builder.fsub(
        builder.fmul(doubles(context, builder, targets), total), builder.fmul(left, target)
    )
    gain = builder.fdiv(builder.fmul(slope, slope), builder.fmul(left, right))
    allowed = builder.and_(
        builder.fcmp_ordered(">=", left, least), builder.fcmp_ordered(">=", right, least)
    )
    return builder.select(allowed, gain, eight(ir.DoubleType(), -1.0))


def keep_gains(context: Any, builder: Any, signature: Any, given: Any, gains: Any) -> None:
    """Write eight gains, and what tells their splits, a row of lanes behind them."""
    for array, numbers in zip((0, 2), gains, strict=True):
        at = given[array + 1]
        to, _ = vector_at(context, builder, signature.args[array], given[array], at, EIGHT)
        builder.store(numbers, to, align=8)


@intrinsic
def best_in_order(
    typing_context: Any,
    tops: Any,
    top: Any,
    splits: Any,
    split: Any,
    sums: Any,
    place: Any,
    n: Any,
    total: Any,
    target: Any,
    least: Any,
) -> Generated:
    """Find the best of n splits of each of eight columns; write its gain to tops[top + lane] and
    its number to splits[split + lane].

    sums[place + 16 i + 2 lane] and the cell behind hold the weight and the target that split i
    moves to the left. Of equal gains the first wins.
    """

    def generate(context: Any, builder: Any, signature: Any, given: Any) -> Any:
        word, pairs = ir.IntType(64), ir.VectorType(ir.IntType(64), 2 * EIGHT)
        running = alloca_once_value(builder, ir.Constant(pairs, None))
        best = alloca_once_value(builder, eight(ir.DoubleType(), -1.0))
        where = alloca_once_value(builder, eight(word))
        # Neighbours of two registers are told apart by one instruction, in this order of lanes.
        order = [0, 4, 1, 5, 2, 6, 3, 7]
        with for_range(builder, given[6]) as loop:
            at = builder.add(given[5], builder.mul(loop.index, ir.Constant(word, 2 * EIGHT)))
            cells, _ = vector_at(context, builder, signature.args[4], given[4], at, 2 * EIGHT)
            moved = builder.add(builder.load(running), builder.load(cells, align=8))
            builder.store(moved, running)
            sides = [
                builder.shuffle_vector(moved, moved, picked([2 * lane + side for lane in order]))
                for side in range(2)
            ]
            gain = gains_of(context, builder, sides, given[7:])
            better = builder.fcmp_ordered(">", gain, builder.load(best))
            builder.store(builder.select(better, gain, builder.load(best)), best)
            number = repeated(builder, loop.index, EIGHT)
            builder.store(builder.select(better, number, builder.load(where)), where)
        back = picked([order.index(lane) for lane in range(EIGHT)])
        found = [builder.load(best), builder.load(where)]
        found = [builder.shuffle_vector(numbers, numbers, back) for numbers in found]
        keep_gains(context, builder, signature, given, found)
        return context.get_dummy_value()

    kinds = (tops, uint64, splits, uint64, sums, uint64, int64, float64, float64, float64)
    return types.none(*kinds), generate


def picked(lanes: Any) -> Any:
    """Return the lanes that a shuffle picks."""
    return ir.Constant(ir.VectorType(ir.IntType(32), len(lanes)), lanes)


@intrinsic
def best_of_few(
    typing_context: Any,
    tops: Any,
    top: Any,
    splits: Any,
    split: Any,
    codes: Any,
    place: Any,
    width: Any,
    records: Any,
    begin: Any,
    words: Any,
    n: Any,
    total: Any,
    target: Any,
    least: Any,
) -> Generated:
    """Find the best split of n rows by each of eight columns: write its gain to tops[top + lane],
    and the last code that goes left to splits[split + lane].

    Row i has the codes codes[place + i width + lane], the weight records[begin + i words], and the
    target behind that. Every row is compared with all others, and of equal gains the lowest code
    wins. Rows go in twos; the row behind an odd last one is compared too, but not added up: its
    code, whatever it is, parts the rows no otherwise than a lower code of theirs, or not at all.
    """

    def generate(context: Any, builder: Any, signature: Any, given: Any) -> Any:
        word, flat = ir.IntType(64), eight(ir.IntType(64))
        n, two = given[10], ir.Constant(word, 2)
        best = alloca_once_value(builder, eight(ir.DoubleType(), -1.0))
        where = alloca_once_value(builder, flat)
        sums = [alloca_once_value(builder, flat) for _ in range(4)]

        def codes_of(row: Any) -> Any:
            at = builder.add(given[5], builder.mul(row, given[6]))
            cells, _ = vector_at(context, builder, signature.args[4], given[4], at, EIGHT)
            return builder.load(cells, align=1)

        halves = builder.udiv(builder.add(n, ir.Constant(word, 1)), two)
        with for_range(builder, halves) as half:
            row = builder.mul(half.index, two)
            own = [codes_of(builder.add(row, ir.Constant(word, k))) for k in range(2)]
            for each in sums:
                builder.store(flat, each)
            with for_range(builder, n) as loop:
                others = codes_of(loop.index)
                at = builder.add(given[8], builder.mul(loop.index, given[9]))
                pair, _ = vector_at(context, builder, signature.args[7], given[7], at, 2)
                pair = builder.load(pair, align=8)
                shares = [
                    repeated(builder, builder.extract_element(pair, ir.Constant(word, side)), EIGHT)
                    for side in range(2)
                ]
                for k, each in enumerate(sums):
                    goes = builder.icmp_unsigned("<=", others, own[k // 2])
                    moved = builder.select(goes, shares[k % 2], flat)
                    builder.store(builder.add(builder.load(each), moved), each)
            for k in range(2):
                left = [builder.load(each) for each in sums[2 * k : 2 * k + 2]]
                gain, code = (
                    gains_of(context, builder, left, given[11:]),
                    builder.zext(own[k], flat.type),
                )
                old, before = builder.load(best), builder.load(where)
                better = builder.or_(
                    builder.fcmp_ordered(">", gain, old),
                    builder.and_(
                        builder.fcmp_ordered("==", gain, old),
                        builder.icmp_unsigned("<", code, before),
                    ),
                )
                builder.store(builder.select(better, gain, old), best)
                builder.store(builder.select(better, code, before), where)
        keep_gains(context, builder, signature, given, (builder.load(best), builder.load(where)))
        return context.get_dummy_value()

    plain = (uint64, uint64, int64, float64, float64, float64)
    kinds = (tops, uint64, splits, uint64, codes, uint64, uint64, records, *plain)
    return types.none(*kinds), generate


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
def lowest_bit(typing_context: Any, word: Any) -> Generated:
    """Return the place of the lowest set bit of a 64-bit word that is not zero."""

    def generate(context: Any, builder: Any, signature: Any, given: Any) -> Any:
        return builder.cttz(given[0], ir.Constant(ir.IntType(1), 1))

    return types.uint64(types.uint64), generate
