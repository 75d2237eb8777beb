"""What numba does with a kernel, step by step, but for what finds nothing to do in it: a kernel has
no closures, no array expressions, and no objects to release.

numba itself times each step, tells it, looks for errors in it, and asks after it where variables
live. A step is a function of the state of a compilation; see `lean`.
"""

from __future__ import annotations

from typing import Any

from numba import types
from numba.core import ir
from numba.core import typed_passes as typed
from numba.core.analysis import dead_branch_prune
from numba.core.interpreter import Interpreter, peep_hole_delete_with_exit
from numba.core.ir_utils import build_definitions
from numba.core.rewrites.static_getitem import RewriteConstGetitems
from numba.core.ssa import reconstruct_ssa
from numba.core.transforms import canonicalize_cfg

from ensembles.trees.lowering import Lowering


class Reader(Interpreter):
    """numba's reader of Python's code, which has no `with` blocks to look for."""

    def post_process(self, peepholes: Any, func_ir: Any) -> Any:
        """Rewrite what Python says in many words."""
        kept = [each for each in peepholes if each is not peep_hole_delete_with_exit]
        return super().post_process(kept, func_ir)


def read(state: Any) -> None:
    """Read Python's code as statements."""
    state.func_ir = Reader(state.func_id).interpret(state.bc)
    state.nargs = state.func_ir.arg_count


def tidy_loops(state: Any) -> None:
    """Give each loop one way back to where it begins."""
    state.func_ir.blocks = canonicalize_cfg(state.func_ir.blocks)


def know_literals(state: Any) -> None:
    """Where a part is called with a number that is written out, as a mode, write it in the part
    too: branches that it rules out are then not compiled.
    """
    for block in state.func_ir.blocks.values():
        for each in block.find_insts(ir.Assign):
            kind = state.args[each.value.index] if isinstance(each.value, ir.Arg) else None
            if isinstance(kind, types.Literal):
                known = ir.Const(kind.literal_value, each.loc)
                meanings = state.func_ir._definitions[each.target.name]
                meanings[meanings.index(each.value)] = known
                each.value = known


def prune(state: Any) -> None:
    """Leave branches out that are never taken."""
    dead_branch_prune(state.func_ir, state.args)


def know_places(state: Any) -> None:
    """Look for what is read from a place that is written out, as from the shape of an array."""
    blocks, rewrite = state.func_ir.blocks, RewriteConstGetitems(state)
    for label, block in blocks.items():
        if rewrite.match(state.func_ir, block, state.typemap, state.calltypes):
            blocks[label] = rewrite.apply()


def version(state: Any) -> None:
    """Give each write of a variable a name of its own."""
    state.func_ir = reconstruct_ssa(state.func_ir)
    state.func_ir._definitions = build_definitions(state.func_ir.blocks)


def join_versions(state: Any) -> None:
    """Write a variable where several of its versions meet."""
    state.func_ir = typed.PreLowerStripPhis()._strip_phi_nodes(state.func_ir)


class BriefLowering(typed.NativeLowering):
    """Statements become LLVM's code; see `lowering`."""

    @property
    def lowering_class(self) -> Any:
        """What writes it."""
        return Lowering


class Steps:
    """All steps, one after the other."""

    pipeline_name, exec_times = "kernel", None
    steps = (
        read,
        tidy_loops,
        know_literals,
        prune,
        know_places,
        version,
        typed.NopythonTypeInference().run_pass,
        join_versions,
        BriefLowering().run_pass,
        typed.NoPythonBackend().run_pass,
    )

    def run(self, state: Any) -> None:
        """Do all of it."""
        for step in self.steps:
            step(state)
