"""numba's compiler without what kernels do not need: more than half of its work.

This is built on what numba keeps to itself, so another numba may not have it. Then `compiling`
goes the plain way; so it does where `is_right` finds that a kernel compiled here errs.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from typing import Any

import numba
import numpy as np
from llvmlite import binding
from numba import int64, njit, types, uint64
from numba.core.caching import FunctionCache
from numba.core.codegen import JITCodeLibrary, JITCPUCodegen
from numba.core.compiler import CompilerBase

from ensembles.trees.steps import Steps

SWITCHES: dict[str, Any] = {
    "nogil": True,
    "error_model": "numpy",
    "no_cfunc_wrapper": True,
    "_nrt": False,
}
"""Kernels hold no lock, divide as the processor does, and neither make nor own arrays."""


METHODS = ("_optimize_final_module", "_finalize_final_module", "get_pointer_to_function", "codegen")
if not all(hasattr(JITCodeLibrary, name) for name in METHODS) or not hasattr(
    JITCPUCodegen, "set_env"
):
    # What would not be replaced below would be run on code that is not there: no error, a crash.
    raise ImportError("numba's code libraries are not those that parts of kernels are kept in.")


class Assembled(JITCodeLibrary):
    """The code of a kernel, optimised once, with all of its parts.

    numba would go through all of LLVM's passes twice, and before through each function's, to find
    counted references that it may forget in between: kernels count none. A numba that is built on
    LLVM's older passes does it in its own way.
    """

    def _optimize_functions(self, ll_module: Any) -> None:
        """Make the functions short, which saves time later; the rest is left to the whole."""
        if not NEW_PASSES:
            super()._optimize_functions(ll_module)
            return
        ll_module.data_layout = self._codegen._data_layout
        passes, builder = shortening(self._codegen)
        for function in ll_module.functions:
            if not function.is_declaration:
                passes.run(function, builder)

    def _optimize_final_module(self) -> None:
        """Go through LLVM's passes."""
        if not NEW_PASSES:
            super()._optimize_final_module()
            return
        passes, builder = self._codegen._module_pass_manager()
        passes.run(self._final_module, builder)


NEW_PASSES = hasattr(JITCPUCodegen, "_pass_builder")
"""Whether this numba drives LLVM by its newer passes."""


@lru_cache(maxsize=1)
def shortening(codegen: Any) -> Any:
    """Return the passes that make a function short, and what runs them: numba keeps every number in
    memory and takes arrays apart at each use.
    """
    passes = binding.create_new_function_pass_manager()
    passes.add_sroa_pass()
    passes.add_instruction_combine_pass()
    return passes, codegen._pass_builder()


class Unassembled(Assembled):
    """The code of a part: linked into the kernels that call it, optimised and assembled there.

    numba would do both to every part by itself too, for nobody to run: more than half of what LLVM
    did for a kernel.
    """

    def _optimize_final_module(self) -> None:
        """Leave it to the kernel."""

    def _finalize_final_module(self) -> None:
        self._finalize_dynamic_globals()
        self._finalized = True

    def get_pointer_to_function(self, name: str) -> int:
        """Return the address of what is not there: numba's sign for a function without one."""
        self._ensure_finalized()
        return 0

    @property
    def codegen(self) -> Any:
        """The code generator, which is not told where Python objects of the part are: a part has
        none.
        """
        return Objectless(self._codegen)


class Objectless:
    """A code generator that keeps no Python objects for the code it generates."""

    def __init__(self, codegen: Any) -> None:
        self.codegen = codegen

    def __getattr__(self, name: str) -> Any:
        return getattr(self.codegen, name)

    def set_env(self, name: str, environment: Any) -> None:
        """Keep nothing."""


SIGNATURES: dict[Any, Any] = {}
"""What operators were found to make of types: numba tries one rule after the other, some fifty for
an addition, at every statement anew.
"""


def alike(given: Any) -> Any:
    """Let a whole number that is written out take the kind of the unsigned number beside it, as in
    NumPy 2 (NEP 50): to numba `row + 1` is a signed number, which may count from an array's end.
    """
    if types.uint64 not in given:
        return tuple(given)
    return tuple(
        types.uint64 if isinstance(kind, types.IntegerLiteral) and kind.literal_value >= 0 else kind
        for kind in given
    )


class Typing:
    """numba's typing context, with a memory, and with `alike`."""

    def __init__(self, context: Any) -> None:
        self.context = context

    def __getattr__(self, name: str) -> Any:
        return getattr(self.context, name)

    def resolve_function_type(self, function: Any, given: Any, named: Any) -> Any:
        """Return the signature of a call."""
        if not isinstance(function, types.Function | types.NumberClass) or named:
            return self.context.resolve_function_type(function, given, named)
        given = alike(given)
        if (function, given) not in SIGNATURES:
            found = self.context.resolve_function_type(function, given, named)
            SIGNATURES[function, given] = found
        return SIGNATURES[function, given]

    def resolve_setitem(self, *given: Any) -> Any:
        """Return the signature of a write into an array."""
        if given not in SIGNATURES:
            SIGNATURES[given] = self.context.resolve_setitem(*given)
        return SIGNATURES[given]


class KernelCompiler(CompilerBase):
    """numba's compiler with these steps."""

    keeps: type[JITCodeLibrary] = Assembled

    def define_pipelines(self) -> Any:
        """Return the steps."""
        codegen = self.state.targetctx.codegen()
        library = self.keeps(codegen, self.state.func_id.func_qualname)
        library.enable_object_caching()  # a kernel goes to the disk as machine code
        self.state["library"] = library
        self.state.typingctx = Typing(self.state.typingctx)
        return [Steps()]


class PartCompiler(KernelCompiler):
    """The same, up to the point where a part has become LLVM's intermediate code."""

    keeps = Unassembled


def part(function: Callable[..., Any], **switches: Any) -> Any:
    """Return a piece of a kernel, which is compiled with the kernel that calls it."""
    return njit(**SWITCHES, **switches, no_cpython_wrapper=True, pipeline_class=PartCompiler)(
        function
    )


class Shelf(FunctionCache):
    """numba's cache on disk, but for what it does before it looks there.

    It would ready the whole compiler, a third of a second, which only compiling needs: of a later
    process that was most of its first fit.
    """

    def load_overload(self, sig: Any, target_context: Any) -> Any:
        """Return the compiled code if it is there; a damaged file is not, and is written again."""
        found = None
        try:
            with self._guard_against_spurious_io_errors():
                found = self._load_overload(sig, target_context)
        except Exception:
            self.flush()
        if found is None:
            check_right()
        return found


def compiled(function: Callable[..., Any], signatures: Any) -> Any:
    """Return the function compiled for these signatures, or read from the disk cache.

    Where the cache can be neither read nor written it is compiled for this process alone.
    """
    try:
        return compiled_on(Shelf(function), function, signatures)
    except (RuntimeError, OSError):
        check_right()
        return compiled_on(None, function, signatures)


def compiled_on(shelf: Any, function: Callable[..., Any], signatures: Any) -> Any:
    """Return the function compiled, where there is a shelf from that."""
    dispatcher: Any = njit(**SWITCHES, pipeline_class=KernelCompiler)(function)
    if shelf is not None:
        dispatcher._cache = shelf
    for signature in signatures:
        dispatcher.compile(signature)
    dispatcher.disable_compile()
    return dispatcher


def check_right() -> None:
    """Raise where what is compiled here is not what was written."""
    if not is_right():
        raise RuntimeError(f"numba {numba.__version__} compiles kernels wrongly without its passes")


STEP, COLUMN = 2, 1
shifted = part(lambda by, word: word >> by)


def trial(cells: Any, n: Any) -> None:
    """Halve every other cell of a column, large ones after adding 1, into the column beside it,
    counted from the end.
    """
    for row in range(0, n, STEP):
        cell = cells[row, 0]
        cell = shifted(1, cell + 1) if cell > 4 else shifted(1, cell)
        cells[int64(row) - int64(n), COLUMN] = cell


@lru_cache(maxsize=1)
def is_right() -> bool:
    """Tell whether a kernel of a few lines, with a part, a branch, a loop, and numbers at the end
    of their range, does what was written; asked once, before the first kernel that is not on disk.
    """
    given = [5, 9, 2**63, 9, 3, 9, 2**64 - 1]
    room = np.zeros((2 * len(given), 2), np.uint64)
    cells = room[len(given) :]  # what errs may write before them
    cells[:, 0] = given
    compiled_on(None, trial, [types.void(uint64[:, ::1], uint64)])(cells, len(given))
    return bool(np.array_equal(cells.T, np.array([given, [3, 0, 2**62, 0, 1, 0, 0]], np.uint64)))
