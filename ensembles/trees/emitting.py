"""What vector instructions are written with: a place for a value, a loop, a function of LLVM's."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, NamedTuple

from llvmlite import ir


class Loop(NamedTuple):
    """A loop that is being written."""

    index: Any


def alloca_once_value(builder: Any, value: Any) -> Any:
    """Return a pointer to a place on the stack that holds a value; it is laid where the function
    begins, so that no loop around it lays another.
    """
    with builder.goto_entry_block():
        place = builder.alloca(value.type)
    builder.store(value, place)
    return place


@contextmanager
def for_range(builder: Any, count: Any) -> Iterator[Loop]:
    """Write a loop over 0 .. count, a signed number: what is written inside is its body."""
    before = builder.basic_block
    head, body, end = (
        builder.append_basic_block(f"loop.{name}") for name in ("head", "body", "end")
    )
    builder.branch(head)
    builder.position_at_end(head)
    index = builder.phi(count.type)
    builder.cbranch(builder.icmp_signed("<", index, count), body, end)
    builder.position_at_end(body)
    yield Loop(index)
    index.add_incoming(ir.Constant(count.type, 0), before)
    index.add_incoming(
        builder.add(index, ir.Constant(count.type, 1), flags=["nsw"]), builder.basic_block
    )
    builder.branch(head)
    builder.position_at_end(end)


def get_or_insert_function(module: Any, kind: Any, name: str) -> Any:
    """Return a function of LLVM's, which a module declares once."""
    declared = module.globals.get(name)
    return ir.Function(module, kind, name) if declared is None else declared
