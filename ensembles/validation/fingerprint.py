"""Fingerprints: what a result depends on, as one hexadecimal word.

Data by its bytes, estimators by their parameters, functions and classes by their code: a cell of a
notebook that was edited must not find the results of what it was before.
"""

from __future__ import annotations

import hashlib
import pickle
import sys
import types
from collections.abc import Callable, Iterator
from dataclasses import fields, is_dataclass
from enum import Enum
from functools import cache, partial
from importlib.metadata import PackageNotFoundError, version
from typing import Any

import numpy as np

from ensembles.tables import container_of
from ensembles.versions import __version__

__all__ = ["fingerprint", "versions_of"]

BLOCK = 1 << 22
"""Rows times columns hashed at a time, so that a strided array is never copied as a whole."""

BUILTIN = (type(None), bool, int, float, complex, str, bytes)


def fingerprint(*things: Any) -> str:
    """Return a word that two calls share if, and only if, they were given the same.

    Raises
    ------
    TypeError
        Of something whose contents cannot be known.

    Examples
    --------
    >>> fingerprint([1, 2.0]) == fingerprint([1, 2.0])
    True
    >>> fingerprint([1, 2.0]) == fingerprint([1, 2])
    False
    """
    digest = hashlib.sha256()
    seen: set[int] = set()
    for thing in things:
        for part in _parts(thing, seen):
            digest.update(len(part).to_bytes(8, "little"))
            digest.update(part)
    return digest.hexdigest()


def _parts(thing: Any, seen: set[int]) -> Iterator[Any]:
    """What there is to hash of something, its kind first."""
    kind = type(thing)
    yield f"{kind.__module__}.{kind.__qualname__}".encode()
    if kind in BUILTIN:
        yield repr(thing).encode("utf-8", "surrogatepass")
        return
    if id(thing) in seen:  # a cycle, or a thing named twice on the way down
        yield b"again"
        return
    seen = seen | {id(thing)}
    for accepts, parts in KINDS:
        if accepts(thing):
            yield from parts(thing, seen)
            return
    yield from _object(thing, seen)


def _sequence(thing: Any, seen: set[int]) -> Iterator[Any]:
    yield str(len(thing)).encode()
    for item in thing:
        yield from _parts(item, seen)


def _set(thing: Any, seen: set[int]) -> Iterator[Any]:
    yield from sorted(_word(item, seen) for item in thing)


def _dict(thing: Any, seen: set[int]) -> Iterator[Any]:
    for key, value in sorted((_word(key, seen), value) for key, value in thing.items()):
        yield key
        yield from _parts(value, seen)


def _word(thing: Any, seen: set[int]) -> bytes:
    digest = hashlib.sha256()
    for part in _parts(thing, seen):
        digest.update(len(part).to_bytes(8, "little"))
        digest.update(part)
    return digest.digest()


def _array(thing: Any, seen: set[int]) -> Iterator[Any]:
    yield f"{thing.dtype.str} {thing.shape}".encode()
    if thing.dtype.hasobject:
        for item in thing.ravel().tolist():
            yield from _parts(item, seen)
        return
    if thing.ndim == 0 or thing.size == 0:
        yield thing.tobytes()
        return
    step = max(1, BLOCK // max(1, thing.size // len(thing)))
    for start in range(0, len(thing), step):
        yield np.ascontiguousarray(thing[start : start + step]).view(np.uint8).data


def _sparse(thing: Any, seen: set[int]) -> Iterator[Any]:
    table = thing.tocsr()
    for part in (np.asarray(table.shape), table.data, table.indices, table.indptr):
        yield from _array(part, seen)


def _pandas(thing: Any, seen: set[int]) -> Iterator[Any]:
    from pandas.util import hash_pandas_object

    columns = [thing[name] for name in thing] if thing.ndim == 2 else [thing]
    if thing.ndim == 2 and not thing.columns.is_unique:
        columns = [thing.iloc[:, place] for place in range(thing.shape[1])]
    yield from _array(hash_pandas_object(thing.index).to_numpy(), seen)
    for column in columns:
        yield f"{column.name!r} {column.dtype!r}".encode()
        yield from _array(hash_pandas_object(column, index=False).to_numpy(), seen)


def _polars(thing: Any, seen: set[int]) -> Iterator[Any]:
    columns = thing.get_columns() if hasattr(thing, "get_columns") else [thing]
    for column in columns:
        yield f"{column.name!r} {column.dtype!r}".encode()
        text = str(column.dtype).startswith(("Categorical", "Enum"))
        hashed = (column.cast(str) if text else column).hash(seed=0)
        yield from _array(hashed.to_numpy(), seen)


def _generator(thing: Any, seen: set[int]) -> Iterator[Any]:
    state = thing.get_state() if hasattr(thing, "get_state") else thing.bit_generator.state
    yield from _parts(state, seen)


def _estimator(thing: Any, seen: set[int]) -> Iterator[Any]:
    """What a clone has: its class, its parameters, and what was asked of it by ``set_output``,
    ``set_fit_request`` and their like.
    """
    yield from _class(type(thing), seen)
    if type(thing).__name__ == "FrozenEstimator":  # it is cloned with all that it has learned
        yield pickle.dumps(thing.estimator)
    yield from _dict(thing.get_params(deep=False), seen)
    yield repr(getattr(thing, "_metadata_request", None)).encode()
    yield repr(getattr(thing, "_sklearn_output_config", None)).encode()


def _partial(thing: Any, seen: set[int]) -> Iterator[Any]:
    yield from _sequence((thing.func, thing.args, thing.keywords), seen)


def _enum(thing: Any, seen: set[int]) -> Iterator[Any]:
    yield thing.name.encode()


def _record(thing: Any, seen: set[int]) -> Iterator[Any]:
    yield from _class(type(thing), seen)
    for one in fields(thing):
        yield one.name.encode()
        yield from _parts(getattr(thing, one.name), seen)


def _object(thing: Any, seen: set[int]) -> Iterator[Any]:
    """Anything else: what it is made of, or, where that is hidden, what it pickles to."""
    yield from _class(type(thing), seen)
    for kind in (int, float, complex, str, bytes):
        if isinstance(thing, kind):  # whatever a subclass says it looks like
            yield kind.__repr__(thing).encode("utf-8", "surrogatepass")
    if _is_plain(thing):
        yield from _dict(vars(thing), seen)
        return
    try:
        yield pickle.dumps(thing)
    except Exception as error:
        raise TypeError(
            f"the contents of {type(thing).__name__} cannot be known: {error}"
        ) from None


def _is_plain(thing: Any) -> bool:
    """Tell whether an object is its attributes: nothing of its own is said of how to pickle it."""
    own = {name for kind in type(thing).__mro__[:-1] for name in vars(kind)}
    hidden = {"__reduce__", "__reduce_ex__", "__getstate__", "__slots__"}
    return hasattr(thing, "__dict__") and not own & hidden


# ---------------------------------------------------------------------------------------------
# Code


def _is_versioned(thing: Any) -> bool:
    """Tell whether the version of an installed package vouches for the code of a function."""
    named = "__name__" if isinstance(thing, types.ModuleType) else "__module__"
    package = (getattr(thing, named, None) or "").partition(".")[0]
    if package in ("ensembles", "builtins") or package in sys.stdlib_module_names:
        return package != "__main__"
    file = getattr(sys.modules.get(package), "__file__", None) or ""
    installed = "site-packages" in file or "dist-packages" in file
    return installed and _version(package) is not None


_VERSIONS: dict[str, str | None] = {"ensembles": __version__, "": None, "__main__": None}


def _version(package: str) -> str | None:
    if package not in _VERSIONS:
        found = getattr(sys.modules.get(package), "__version__", None)
        _VERSIONS[package] = found if isinstance(found, str) else _installed(package)
    return _VERSIONS[package]


@cache
def _installed(package: str) -> str | None:
    """The version of a package, imported or not."""
    try:
        return version(package)
    except PackageNotFoundError:
        return None


def _function(thing: Any, seen: set[int]) -> Iterator[Any]:
    yield f"{thing.__module__}.{thing.__qualname__}".encode()
    if isinstance(thing, types.MethodType):
        yield from _parts(thing.__self__, seen)
        thing = thing.__func__
    if _is_versioned(thing) or not hasattr(thing, "__code__"):
        return
    yield from _code(thing.__code__, seen)
    cells = thing.__closure__ or ()
    inside = [cell.cell_contents for cell in cells if _is_filled(cell)]
    yield from _sequence([thing.__defaults__, thing.__kwdefaults__, inside], seen)
    yield from _found(thing.__globals__, _globals_of(thing.__code__), seen)


def _is_filled(cell: Any) -> bool:
    try:
        cell.cell_contents  # noqa: B018
    except ValueError:
        return False
    return True


def _globals_of(code: Any) -> list[str]:
    names = set(code.co_names)
    for constant in code.co_consts:
        if isinstance(constant, types.CodeType):
            names |= set(_globals_of(constant))
    return sorted(names)


def _found(space: dict[str, Any], names: list[str], seen: set[int]) -> Iterator[Any]:
    """What code finds by its names: constants, tables and code, in the user's modules too."""
    for name in names:
        thing = space.get(name)
        if isinstance(thing, types.ModuleType):
            yield f"{name} {thing.__name__}".encode()
            if id(thing) not in seen and not _is_versioned(thing):
                yield from _found(vars(thing), names, seen | {id(thing)})
        elif name in space and _is_known(thing):
            yield name.encode()
            yield from _parts(thing, seen)


def _is_known(thing: Any) -> bool:
    """Tell constants, tables and code, whose contents can be known, from anything else."""
    if isinstance(thing, (*BUILTIN, list, tuple, dict, set, frozenset)):
        return len(repr(thing)) < 100_000
    code = isinstance(thing, types.FunctionType | type)
    table = isinstance(thing, np.ndarray | np.generic) or hasattr(thing, "tocsr")
    return code or table or _is_pandas(thing) or _is_polars(thing)


def _code(code: Any, seen: set[int]) -> Iterator[Any]:
    yield code.co_code
    yield repr(code.co_names).encode()
    for constant in code.co_consts:
        if isinstance(constant, types.CodeType):
            yield from _code(constant, seen)
        else:
            yield from _parts(constant, seen)


def _class(thing: Any, seen: set[int]) -> Iterator[Any]:
    """The name of a class and, unless a version vouches for them, its methods and attributes."""
    for kind in thing.__mro__:
        yield f"{kind.__module__}.{kind.__qualname__}".encode()
        if _is_versioned(kind):
            continue
        for name, value in sorted(vars(kind).items()):
            inner = getattr(value, "__func__", getattr(value, "fget", value))
            own = isinstance(inner, types.FunctionType) or not name.startswith("__")
            if own and _is_known(inner):  # Python keeps notes of its own under such names
                yield name.encode()
                yield from _parts(inner, seen)


def _is_pandas(thing: Any) -> bool:
    pandas: Any = sys.modules.get("pandas")
    return pandas is not None and isinstance(thing, (pandas.DataFrame, pandas.Series))


def _is_polars(thing: Any) -> bool:
    polars: Any = sys.modules.get("polars")
    return container_of(thing) == "polars" or (
        polars is not None and isinstance(thing, polars.Series)
    )


def _is_instance(*kinds: Any) -> Callable[[Any], bool]:
    return lambda thing: isinstance(thing, kinds)


KINDS: list[tuple[Callable[[Any], bool], Callable[[Any, set[int]], Iterator[Any]]]] = [
    (_is_instance(types.FunctionType, types.MethodType, types.BuiltinFunctionType), _function),
    (lambda thing: isinstance(thing, type), _class),
    (_is_instance(np.ndarray, np.generic), lambda thing, seen: _array(np.asarray(thing), seen)),
    (lambda thing: hasattr(thing, "tocsr"), _sparse),
    (_is_pandas, _pandas),
    (_is_polars, _polars),
    (_is_instance(dict), _dict),
    (_is_instance(list, tuple), _sequence),
    (_is_instance(set, frozenset), _set),
    (_is_instance(np.random.RandomState, np.random.Generator), _generator),
    (_is_instance(partial), _partial),
    (_is_instance(Enum), _enum),
    (lambda thing: hasattr(thing, "get_params"), _estimator),
    (is_dataclass, _record),
]


def versions_of(*things: Any) -> dict[str, str]:
    """Return the versions of Python, of what this library stands on, and of the things' packages.

    Pipelines and other estimators made of estimators are looked into. Of the libraries of frames
    it is the version that is installed, for a model may be the first to import one.
    """
    packages = {"numpy", "sklearn", "scipy", "joblib", "ensembles"}
    for thing in things:
        packages |= {_package(part) for part in _inside(thing)}
    known = {package: _version(package) for package in sorted(packages) if package in sys.modules}
    known |= {package: _installed(package) for package in ("pandas", "polars")}
    python = ".".join(map(str, sys.version_info[:3]))
    return {"python": python, **{name: str(number) for name, number in known.items()}}


def _package(thing: Any) -> str:
    return type(thing).__module__.partition(".")[0]


def _inside(thing: Any) -> Iterator[Any]:
    yield thing
    if hasattr(thing, "get_params") and not isinstance(thing, type):
        yield from thing.get_params(deep=True).values()
