"""How the kernels are compiled: once, to disk, and again whenever any of their sources changes."""

from __future__ import annotations

import gc
import hashlib
import os
import re
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import lru_cache
from pathlib import Path
from types import FunctionType
from typing import Any

import numba
from numba import types
from numba.extending import intrinsic

lean: Any = None
GIVEN_UP: list[Exception] = []
"""Why `lean` is not asked in this process."""
try:
    from ensembles.trees import lean
except Exception as error:  # whatever another numba may lack
    GIVEN_UP.append(error)

PARTS: dict[int, tuple[Any, Any]] = {}
"""What pieces of kernels were made from, by their `id`."""


def part(function: Callable[..., Any], **switches: Any) -> Any:
    """Make a piece of a kernel: compiled with the kernel that calls it, never called from
    Python.
    """
    made = lean.part(function, **switches) if lean else function
    PARTS[id(made)] = made, function
    return made


def once(function: Callable[..., Any]) -> Any:
    """Make a piece that is put where it is called, from one place or a few: its arrays need not be
    handed over, and numbers that its caller knows are known in it.
    """
    return part(function, forceinline=True)


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


MADE_OF = re.compile(rb"^(from|import) (numba|llvmlite|ensembles\.trees\.compiling)\b", re.M)


def kernel_sources() -> list[bytes]:
    """Return the files that kernels are made of: those that import numba, LLVM or this room."""
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
            return compiled(function, signatures)

    return compile_


def compiled(function: Any, signatures: Any) -> Any:
    """Return the function compiled; where numba is not what `lean` knows, in numba's own way."""
    if not GIVEN_UP:
        try:
            return lean.compiled(function, signatures)
        except Exception as error:
            GIVEN_UP.append(error)
    tell_slow()
    from ensembles.trees import plain

    return plain.compiled(function, signatures, {key: made for key, (_, made) in PARTS.items()})


@lru_cache(maxsize=1)
def tell_slow() -> None:
    """Warn, once, that kernels are compiled in a way that takes long."""
    warnings.warn(
        f"numba {numba.__version__} is not built as ensembles knows it ({GIVEN_UP[0]!r}): the tree "
        "kernels are right, but compiling them takes some 30 s where it took 5. A newer ensembles, "
        "or numba 0.60 to 0.68, is quick again.",
        RuntimeWarning,
        stacklevel=2,
    )
