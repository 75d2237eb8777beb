"""Kernels by what numba promises to keep, and nothing else: right everywhere, and slow to compile.

`compiling` falls back on it where `lean` cannot be had.
"""

from __future__ import annotations

import ast
import inspect
from collections.abc import Callable, Mapping
from textwrap import dedent
from types import FunctionType
from typing import Any

from numba import njit, types
from numba.extending import intrinsic

SWITCHES: dict[str, Any] = {"nogil": True, "error_model": "numpy"}


@intrinsic
def number_beside(typing_context: Any, number: Any, other: Any) -> Any:
    """Return a whole number that is written out as one of the kind of the unsigned number beside
    it; see `lean.alike`.
    """
    kind = types.uint64 if other == types.uint64 else types.unliteral(number)

    def generate(context: Any, builder: Any, signature: Any, given: Any) -> Any:
        return given[0]

    return kind(kind, other), generate


class Numbers(ast.NodeTransformer):
    """Writes `number_beside(1, row)` for 1 in `row + 1`, and so for every number that is known by
    name.
    """

    def __init__(self, known: Mapping[str, Any], local: tuple[str, ...]) -> None:
        self.known, self.local = known, local

    def is_written(self, node: Any) -> bool:
        """Tell whether an expression is a whole number, not negative, known before it is run."""
        if isinstance(node, ast.BinOp):
            return self.is_written(node.left) and self.is_written(node.right)
        name = isinstance(node, ast.Name) and node.id not in self.local
        value = self.known.get(node.id) if name else getattr(node, "value", None)
        return type(value) is int and value >= 0

    def beside(self, node: Any, other: Any) -> Any:
        """Return the expression of a number as it stands beside another expression."""
        if not self.is_written(node) or self.is_written(other):
            return node
        name = ast.Name(number_beside.__name__, ast.Load())
        read = ast.parse(ast.unparse(other), mode="eval").body
        return ast.Call(name, [node, read], [])

    def visit_BinOp(self, node: ast.BinOp) -> Any:
        """A sum, a product, a shift."""
        self.generic_visit(node)
        left, right = node.left, node.right
        return ast.BinOp(self.beside(left, right), node.op, self.beside(right, left))

    def visit_AugAssign(self, node: ast.AugAssign) -> Any:
        """Such a thing in place."""
        self.generic_visit(node)
        return ast.AugAssign(node.target, node.op, self.beside(node.value, node.target))

    def visit_Call(self, node: ast.Call) -> Any:
        """A range, which counts in the kind of its stop."""
        self.generic_visit(node)
        if isinstance(node.func, ast.Name) and node.func.id == "range" and len(node.args) > 1:
            stop = next((each for each in node.args if not self.is_written(each)), node.args[0])
            return ast.Call(node.func, [self.beside(each, stop) for each in node.args], [])
        return node


def bare(function: Callable[..., Any]) -> ast.FunctionDef:
    """Return the statement that defines a function, without decorators and annotations."""
    [tree] = ast.parse(dedent(inspect.getsource(function))).body
    assert isinstance(tree, ast.FunctionDef)
    ast.increment_lineno(tree, function.__code__.co_firstlineno - tree.lineno)
    tree.decorator_list, tree.returns = [], None
    for argument in tree.args.args:
        argument.annotation = None
    return tree


def known_names(function: Callable[..., Any]) -> dict[str, Any]:
    """Return what the names mean in a function that are not its own."""
    free = zip(function.__code__.co_freevars, function.__closure__ or (), strict=True)
    return {**function.__globals__, **{name: cell.cell_contents for name, cell in free}}


def spelt_out(function: Any, parts: Mapping[int, Any]) -> Any:
    """Return a function that says the same to numba itself.

    `parts` holds, by their `id`, the functions that pieces of kernels were made from.
    """
    names = known_names(function)
    tree = Numbers(names, function.__code__.co_varnames).visit(bare(function))
    module = ast.fix_missing_locations(ast.Module([tree], []))
    defined: dict[str, Any] = {}
    exec(compile(module, function.__code__.co_filename, "exec"), defined)
    pieces = {
        name: spelt_part(parts[id(value)], parts)
        for name, value in names.items()
        if id(value) in parts and name in called(function)
    }
    code = defined[tree.name].__code__
    made = FunctionType(code, {**names, **pieces, number_beside.__name__: number_beside})
    made.__qualname__ = function.__qualname__
    return made


def called(function: Callable[..., Any]) -> set[str]:
    """Return the names in a function that are not its own."""
    return {*function.__code__.co_names, *function.__code__.co_freevars}


PIECES: dict[Any, Any] = {}
"""The pieces of kernels that were compiled so far, by what they were made from."""


def spelt_part(function: Any, parts: Mapping[int, Any]) -> Any:
    """Return a piece of a kernel as numba itself compiles it, once."""
    if function not in PIECES:
        PIECES[function] = njit(**SWITCHES)(spelt_out(function, parts))
    return PIECES[function]


def compiled(function: Any, signatures: Any, parts: Mapping[int, Any]) -> Any:
    """Return the function compiled for these signatures, or read from numba's own disk cache."""
    made, kinds = spelt_out(function, parts), list(signatures)
    try:
        return njit(kinds, cache=True, **SWITCHES)(made)
    except (RuntimeError, OSError):
        return njit(kinds, **SWITCHES)(made)
