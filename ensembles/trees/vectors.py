"""Statements about 32 columns at once, as vector instructions that no loop optimiser has to find.

A place in an array is a plain number of cells, whatever the array's shape; nothing checks it.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from llvmlite import ir
from numba import types, uint64
from numba.core.cgutils import get_or_insert_function
from numba.extending import intrinsic

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
