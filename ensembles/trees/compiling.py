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
from numba.core.caching import FunctionCache
from numba.core.codegen import JITCodeLibrary
from numba.core.compiler import Compiler

Kernel = Callable[[Callable[..., Any]], Any]

SWITCHES: dict[str, Any] = {
    "nogil": True,
    "error_model": "numpy",
    "no_cfunc_wrapper": True,
    "_nrt": False,
}
"""Kernels hold no lock, divide as the processor does, and neither make nor own arrays."""


class Unassembled(JITCodeLibrary):
    """The code of a part: linked into the kernels that call it, and assembled there.

    numba would assemble every part by itself too, for nobody to run, and would optimise it again
    within each part that calls it: half of what LLVM did for a kernel.
    """

    def _optimize_final_module(self) -> None:
        """Optimise a part that calls no other; what calls others is optimised in the kernel.

        Without its own turn a small loop comes out of the kernel a few percent slower.
        """
        if not any(isinstance(library, Unassembled) for library in self._linking_libraries):
            super()._optimize_final_module()

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


class PartCompiler(Compiler):
    """numba's compiler, up to the point where its parts have become LLVM's intermediate code."""

    def define_pipelines(self) -> Any:
        """Return numba's passes; the code is kept unassembled."""
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

inlined: Kernel = njit(**SWITCHES, no_cpython_wrapper=True, inline="always")
"""A line or two of a kernel: written into its caller, which compiles faster than a function of its
own.
"""


@inlined
def smaller_of(a: Any, b: Any) -> Any:
    """Return min(a, b), which numba would compile as a function of its own for each kind."""
    return a if a < b else b


@inlined
def larger_of(a: Any, b: Any) -> Any:
    """Return max(a, b)."""
    return a if a > b else b


def reads(cell: Any, n_axes: int) -> Any:
    """Return the type of an array that is only read: it may be read-only, as memory shared by
    processes is.
    """
    return types.Array(cell, n_axes, "C", readonly=True)


def kernel_sources() -> list[bytes]:
    """Return the files that kernels are made of: those that import numba."""
    sources = [path.read_bytes() for path in sorted(Path(__file__).parent.glob("*.py"))]
    return [source for source in sources if re.search(rb"^(from|import) numba", source, re.M)]


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
    dispatcher: Any = njit(**SWITCHES)(function)
    if shelf is not None:
        dispatcher._cache = shelf
    for signature in signatures:
        dispatcher.compile(signature)
    dispatcher.disable_compile()
    return dispatcher
