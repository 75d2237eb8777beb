"""How the kernels are compiled: once, to disk, and again whenever any of their sources changes."""

from __future__ import annotations

import gc
import hashlib
import os
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import lru_cache
from pathlib import Path
from types import FunctionType
from typing import Any

import numba
from numba import njit, types
from numba.core import typed_passes as typed
from numba.core import untyped_passes as untyped
from numba.core.caching import FunctionCache
from numba.core.codegen import JITCodeLibrary
from numba.core.compiler import CompilerBase
from numba.core.compiler_machinery import PassManager
from numba.extending import intrinsic

Kernel = Callable[[Callable[..., Any]], Any]

SWITCHES: dict[str, Any] = {
    "nogil": True,
    "error_model": "numpy",
    "no_cfunc_wrapper": True,
    "_nrt": False,
}
"""Kernels hold no lock, divide as the processor does, and neither make nor own arrays."""


class Unassembled(JITCodeLibrary):
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


PASSES = (
    untyped.TranslateByteCode,
    untyped.FixupArgs,
    untyped.IRProcessing,
    untyped.RewriteSemanticConstants,
    untyped.DeadBranchPrune,
    untyped.GenericRewrites,
    untyped.ReconstructSSA,
    typed.NopythonTypeInference,
    typed.PreLowerStripPhis,
    typed.NativeLowering,
    typed.NoPythonBackend,
)


class KernelCompiler(CompilerBase):
    """numba's compiler without the passes that find nothing to do in a kernel, which has no
    closures, no array expressions, and no objects to release.
    """

    def define_pipelines(self) -> Any:
        """Return the passes."""
        self.state.typingctx = Typing(self.state.typingctx)
        manager = PassManager("kernel")
        for each in PASSES:
            manager.add_pass(each)
        manager.finalize()
        return [manager]


class PartCompiler(KernelCompiler):
    """The same, up to the point where a part has become LLVM's intermediate code."""

    def define_pipelines(self) -> Any:
        """Return the passes; the code is kept unassembled."""
        codegen = self.state.targetctx.codegen()
        self.state["library"] = Unassembled(codegen, self.state.func_id.func_qualname)
        return super().define_pipelines()


part: Kernel = njit(**SWITCHES, no_cpython_wrapper=True, pipeline_class=PartCompiler)
"""A piece of a kernel: compiled with the kernel that calls it, never called from Python."""

once: Kernel = njit(
    **SWITCHES, no_cpython_wrapper=True, forceinline=True, pipeline_class=PartCompiler
)
"""A piece that is put where it is called, from one place or a few: its arrays need not be handed
over, and numbers that its caller knows are known in it.
"""


def comparison(builder: Any, kind: Any) -> Any:
    """Return what compares two numbers of a kind."""
    if kind in types.real_domain:
        return builder.fcmp_ordered
    return builder.icmp_unsigned if kind in types.unsigned_domain else builder.icmp_signed


def chooser(sign: str) -> Any:
    """Return what chooses the first of two numbers where `first sign second`, else the second."""

    def choose(typing_context: Any, a: Any, b: Any) -> Any:
        kind = types.unliteral(b if isinstance(a, types.Literal) else a)

        def generate(context: Any, builder: Any, signature: Any, given: Any) -> Any:
            return builder.select(comparison(builder, kind)(sign, *given), *given)

        return kind(kind, kind), generate

    return intrinsic(choose)


smaller_of, larger_of = chooser("<"), chooser(">")
"""The smaller, the larger of two numbers of a kind: a statement, where numba would compile `min`
and `max` as functions of their own for each kind.
"""


def reads(cell: Any, n_axes: int) -> Any:
    """Return the type of an array that is only read: it may be read-only, as memory shared by
    processes is.
    """
    return types.Array(cell, n_axes, "C", readonly=True)


MADE_OF = re.compile(rb"^(from|import) (numba|ensembles\.trees\.compiling)\b", re.M)


def kernel_sources() -> list[bytes]:
    """Return the files that kernels are made of: those that import numba or this room."""
    sources = [path.read_bytes() for path in sorted(Path(__file__).parent.rglob("*.py"))]
    return [source for source in sources if MADE_OF.search(source)]


@lru_cache(maxsize=1)
def fingerprint() -> str:
    """Name the sources and the switches that decide what the compiled code does.

    numba looks only at the date and size of the file that holds the kernel, so it would serve a
    stale kernel after an edit of another file, or after an upgrade whose archive dates all files
    alike. What no kernel is made of is left out: an edit of it compiles nothing.
    """
    digest = hashlib.blake2b(digest_size=8)
    for source in kernel_sources():
        digest.update(source)
    digest.update(numba.__version__.encode())
    for switch in ("NUMBA_BOUNDSCHECK", "NUMBA_OPT"):
        digest.update(os.environ.get(switch, "").encode())
    return digest.hexdigest()


def bound(function: Callable[..., Any], **names: Any) -> Callable[..., Any]:
    """Return the function with its globals of these names set.

    A kernel that found its parts in a closure would never be found again on disk: numba names it
    by what the closure holds, and no two processes hold the same part.
    """
    return FunctionType(function.__code__, {**function.__globals__, **names}, function.__name__)


@contextmanager
def garbage_left() -> Iterator[None]:
    """Do not look for garbage: of the millions of objects that a compilation makes, nearly all stay
    to its end, and looking through them takes a tenth of its time.
    """
    looked = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if looked:
            gc.enable()


class Shelf(FunctionCache):
    """numba's cache on disk, but for what it does before it looks there.

    It would ready the whole compiler, a third of a second, which only compiling needs: of a later
    process that was most of its first fit.
    """

    def load_overload(self, sig: Any, target_context: Any) -> Any:
        """Return the compiled code if it is there; a damaged file is not, and is written again."""
        try:
            with self._guard_against_spurious_io_errors():
                return self._load_overload(sig, target_context)
        except Exception:
            self.flush()
            return None


def kernel(*signatures: Any, name: str = "") -> Callable[[Callable[..., Any]], Any]:
    """Compile a function for the given signatures, or read it from the disk cache.

    Where the cache can be neither read nor written the kernel is compiled for this process alone.
    """

    def compile_(function: Callable[..., Any]) -> Any:
        if numba.config.DISABLE_JIT:
            raise RuntimeError(
                "NUMBA_DISABLE_JIT must be 0: the kernels of trees are vector instructions, "
                "which Python cannot run; got 1."
            )
        function.__qualname__ = f"{name or function.__qualname__}_{fingerprint()}"
        with garbage_left():
            try:
                return compiled(function, signatures, Shelf(function))
            except (RuntimeError, OSError):
                return compiled(function, signatures)

    return compile_


def compiled(function: Callable[..., Any], signatures: Any, shelf: Any = None) -> Any:
    """Return the function compiled for these signatures, where there is a shelf from that."""
    dispatcher: Any = njit(**SWITCHES, pipeline_class=KernelCompiler)(function)
    if shelf is not None:
        dispatcher._cache = shelf
    for signature in signatures:
        dispatcher.compile(signature)
    dispatcher.disable_compile()
    return dispatcher
