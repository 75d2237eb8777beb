"""Naming: an error about an argument names the class that the user wrote."""

from __future__ import annotations

from functools import update_wrapper
from types import FunctionType
from typing import Any, TypeVar

__all__ = ["named_here"]


Class = TypeVar("Class", bound=type[Any])
"""Whatever is handed in: editors go on knowing what a decorated class can do."""


def named_here(cls: Class) -> Class:
    """Give a class its own copies of the constructor and the `fit` that it inherits.

    Python's error about an unexpected argument names the function as it was first written, which
    may be in a class that no user has heard of. A decorator of public classes.

    Examples
    --------
    >>> class Hidden:
    ...     def __init__(self, size=1):
    ...         self.size = size
    >>> @named_here
    ... class Shown(Hidden):
    ...     pass
    >>> Shown(sise=2)
    Traceback (most recent call last):
    TypeError: Shown.__init__() got an unexpected keyword argument 'sise'...
    """
    for name in ("__init__", "fit"):
        inherited = getattr(cls, name, None)
        if name not in vars(cls) and isinstance(inherited, FunctionType):
            setattr(cls, name, _copy_of(inherited, f"{cls.__qualname__}.{name}"))
    return cls


def _copy_of(function: FunctionType, qualified: str) -> FunctionType:
    copy = FunctionType(
        function.__code__,
        function.__globals__,
        function.__name__,
        function.__defaults__,
        function.__closure__,
    )
    copy.__kwdefaults__ = function.__kwdefaults__
    update_wrapper(copy, function)
    del copy.__dict__["__wrapped__"]
    copy.__qualname__ = qualified
    return copy
