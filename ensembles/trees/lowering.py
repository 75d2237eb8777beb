"""numba's statements become LLVM's, briefly: some quarter of what numba would write for a kernel,
and what LLVM would shorten it to.

numba keeps every number in memory and every array in pieces, and takes it out and apart at each
use. Here a variable that is written once is a value, a part of a value is what it was put together
from, and a cell is read from its place. What is not as simple as in kernels goes numba's way; so
do all reads and writes where bounds are checked.
"""

from __future__ import annotations

from collections import Counter
from typing import Any

from llvmlite.ir import Constant, IRBuilder, Undefined
from llvmlite.ir.instructions import InsertValue
from numba import types
from numba.core import ir
from numba.core.lowering import Lower

from ensembles.trees.emitting import alloca_once_value

OPERATIONS: dict[Any, Any] = {}
"""The signatures of operators that were asked for."""


class Folding(IRBuilder):
    """A writer that does not take apart what it has put together."""

    def extract_value(self, agg: Any, idx: Any, name: str = "") -> Any:
        """Return a part of a value."""
        part = [idx] if isinstance(idx, int) else list(idx)
        while isinstance(agg, InsertValue):
            put = list(agg.indices)
            if put == part:
                return agg.operands[1]
            if put[: len(part)] == part[: len(put)]:
                break
            agg = agg.operands[0]
        return super().extract_value(agg, idx, name)


class Lowering(Lower):
    """numba's writer of LLVM's code, for kernels."""

    def setup_function(self, fndesc: Any) -> None:
        """Begin a function."""
        super().setup_function(fndesc)
        self.builder = Folding(self.entry_block)
        self.call_helper = self.call_conv.init_call_helper(self.builder)

    def _find_singly_assigned_variable(self) -> None:
        """Find the variables that are values: after numba's pass that gives each write of a
        variable a name of its own, a single write goes before all uses.
        """
        assigned = (each for block in self.blocks.values() for each in block.find_insts(ir.Assign))
        written = Counter(each.target.name for each in assigned)
        self._singly_assigned_vars = {name for name, times in written.items() if times == 1}
        self._blk_local_varmap: dict[str, Any] = {}

    def lower_block(self, block: Any) -> None:
        """Write the statements of a block."""
        for each in block.body:
            self.loc = each.loc
            self.lower_inst(each)

    def lower_inst(self, inst: Any) -> None:
        """Write a statement."""
        if isinstance(inst, ir.Assign):
            name = inst.target.name
            self.storevar(self.lower_assign(self.typeof(name), inst), name)
        elif isinstance(inst, ir.SetItem):
            self.lower_setitem(inst.target, inst.index, inst.value, self.fndesc.calltypes[inst])
        elif isinstance(inst, ir.StaticSetItem):
            self.lower_setitem(inst.target, inst.index_var, inst.value, self.fndesc.calltypes[inst])
        else:
            super().lower_inst(inst)

    def storevar(self, value: Any, name: str, argidx: Any = None) -> None:
        """Keep the value of a variable."""
        if name in self._singly_assigned_vars:
            self._blk_local_varmap[name] = value
        else:
            self.builder.store(value, self.getvar(name))

    def value_as(self, variable: Any, kind: Any) -> Any:
        """Return the value of a variable as one of a kind."""
        given = self.typeof(variable.name)
        return self.context.cast(self.builder, self.loadvar(variable.name), given, kind)

    def parts_of(self, variable: Any, n: int) -> list[Any]:
        """Return the first n parts of the value of a variable."""
        whole = self.loadvar(variable.name)
        return [self.builder.extract_value(whole, i) for i in range(n)]

    def together(self, kind: Any, parts: Any) -> Any:
        """Return the value of a kind that has these parts."""
        whole = Constant(self.context.get_value_type(kind), Undefined)
        for i, part in enumerate(parts):
            whole = self.builder.insert_value(whole, part, i)
        return whole

    def lower_binop(self, resty: Any, expr: Any, op: Any) -> Any:
        """Write an operation on two values."""
        kinds = self.fndesc.calltypes[expr].args
        given = [self.value_as(expr.lhs, kinds[0]), self.value_as(expr.rhs, kinds[1])]
        known = self.context.typing_context.resolve_value_type(op), kinds
        if known not in OPERATIONS:
            OPERATIONS[known] = known[0].get_call_type(self.context.typing_context, kinds, {})
        made = self.context.get_function(known[0], OPERATIONS[known])(self.builder, given)
        return self.context.cast(self.builder, made, OPERATIONS[known].return_type, resty)

    def lower_call(self, resty: Any, expr: Any) -> Any:
        """Write a call."""
        signature, called = self.fndesc.calltypes[expr], self.typeof(expr.func.name)
        given = self.fold_call_args(called, signature, expr.args, expr.vararg, expr.kws)
        if isinstance(signature.return_type, types.RangeType):
            return self.range_of(signature.return_type, given)
        made = self.context.get_function(called, signature)(self.builder, given, self.loc)
        if made is None:
            return self.context.get_dummy_value()
        return self.context.cast(self.builder, made, signature.return_type, resty)

    def lower_expr(self, resty: Any, expr: Any) -> Any:
        """Write an expression."""
        if expr.op in ("pair_first", "pair_second"):
            return self.parts_of(expr.value, 2)[expr.op == "pair_second"]
        if expr.op in ("getiter", "iternext", "static_getitem"):
            kind = self.typeof(expr.value.name)
            if expr.op == "static_getitem" and isinstance(kind, types.Array):
                signature = self.fndesc.calltypes[expr]
                return self.lower_getitem(resty, expr, expr.value, expr.index_var, signature)
            if expr.op == "getiter" and isinstance(kind, types.RangeType):
                start, stop, step = self.parts_of(expr.value, 3)
                if isinstance(step, Constant) and 0 < step.constant < 1 << 63:
                    return self.begun(resty, start, stop, step)
            if expr.op == "iternext" and isinstance(kind, types.RangeIteratorType):
                return self.next_of(resty, *self.parts_of(expr.value, 4))
        return super().lower_expr(resty, expr)

    def range_of(self, kind: Any, given: Any) -> Any:
        """Return a range: its start, its stop, its step."""
        word = self.context.get_value_type(kind.dtype)
        start, stop = given[:2] if len(given) > 1 else (word(0), given[0])
        return self.together(kind, (start, stop, given[2] if len(given) > 2 else word(1)))

    def begun(self, kind: Any, start: Any, stop: Any, step: Any) -> Any:
        """Return what goes through a range of a positive step: where its next number is kept, its
        stop, its step, and where it is kept how many numbers are left.
        """
        builder = self.builder
        gap, nothing = builder.sub(stop, start), start.type(0)
        count = gap
        if step.constant > 1:
            uneven = builder.icmp_signed(">", builder.srem(gap, step), nothing)
            count = builder.add(builder.sdiv(gap, step), builder.zext(uneven, start.type))
        count = builder.select(builder.icmp_signed(">", gap, nothing), count, nothing)
        following, left = alloca_once_value(builder, start), alloca_once_value(builder, count)
        return self.together(kind, (following, stop, step, left))

    def next_of(self, kind: Any, following: Any, stop: Any, step: Any, left: Any) -> Any:
        """Return the next number of a range, and whether there was one."""
        builder = self.builder
        number, count = builder.load(following), builder.load(left)
        there = builder.icmp_signed(">", count, count.type(0))
        builder.store(builder.add(number, step), following)
        builder.store(builder.sub(count, count.type(1), flags=["nsw"]), left)
        return self.together(kind, (number, there))

    def lower_getitem(self, resty: Any, expr: Any, value: Any, index: Any, signature: Any) -> Any:
        """Read from an array."""
        place = self.cell(value, index)
        if place is None:
            return super().lower_getitem(resty, expr, value, index, signature)
        kind = self.typeof(value.name).dtype
        read = self.context.unpack_value(self.builder, kind, place)
        return self.context.cast(self.builder, read, kind, resty)

    def lower_setitem(self, target_var: Any, index_var: Any, value_var: Any, signature: Any) -> Any:
        """Write into an array."""
        place = self.cell(target_var, index_var)
        if place is None:
            return super().lower_setitem(target_var, index_var, value_var, signature)
        kind = self.typeof(target_var.name).dtype
        value = self.value_as(value_var, signature.args[2])
        value = self.context.cast(self.builder, value, signature.args[2], kind)
        return self.context.pack_value(self.builder, kind, value, place)

    def cell(self, array: Any, index: Any) -> Any:
        """Return where a cell is in an array, or None where there is not one whole number for each
        axis: then it is no cell, or none of an array that kernels have.
        """
        kind, given = self.typeof(array.name), types.unliteral(self.typeof(index.name))
        several = isinstance(given, types.BaseTuple)
        kinds = [types.unliteral(each) for each in given] if several else [given]
        if (
            self.context.enable_boundscheck
            or not (isinstance(kind, types.Array) and kind.layout == "C" and kind.aligned)
            or not all(isinstance(each, types.Integer) for each in kinds)
            or len(kinds) != kind.ndim
        ):
            return None
        builder, model = self.builder, self.context.data_model_manager[kind]
        whole = self.loadvar(array.name)
        shape, data = (
            builder.extract_value(whole, model.get_field_position(name))
            for name in ("shape", "data")
        )
        steps = self.parts_of(index, len(kinds)) if several else [self.loadvar(index.name)]
        place = None
        for axis, step in enumerate(steps):
            length = builder.extract_value(shape, axis)
            at = self.from_start(step, kinds[axis], length)
            place = at if place is None else builder.add(builder.mul(place, length), at)
        return builder.gep(data, [place])

    def from_start(self, step: Any, kind: Any, length: Any) -> Any:
        """Return a place on an axis, which counts from the end where it is negative."""
        word = types.intp if kind.signed else types.uintp
        step = self.context.cast(self.builder, step, kind, word)
        if not kind.signed or (isinstance(step, Constant) and step.constant >= 0):
            return step
        negative = self.builder.icmp_signed("<", step, step.type(0))
        return self.builder.select(negative, self.builder.add(length, step), step)
