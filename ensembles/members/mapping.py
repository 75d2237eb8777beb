"""Write a thing so that whoever reads it maps the tables in it into memory and copies none.

A pickle of protocol 5 leaves out the buffers that arrays and Arrow's columns stand on. They lie in
a file beside it, one after another, and are read where they lie: by several processes at once, in
the same memory. A write into one stays with the process that wrote.
"""

from __future__ import annotations

import mmap
import os
import pickle
import stat
from pathlib import Path
from typing import Any

from ensembles.members.reducing import aware_of_tables

SMALL = 1 << 14
"""Bytes of a buffer that is no smaller than what mapping it would save."""

ALIGNED = 64
"""What addresses of buffers are multiples of, as Arrow asks."""

PICKLE, BUFFERS, SPANS = "pickle", "buffers", "spans"


def write(thing: Any, folder: Path, pickler: type) -> None:
    """Write a thing into an empty folder.

    Parameters
    ----------
    pickler : type
        `pickle.Pickler`, or one that is made of it, which decides what becomes of the user's code.
    """
    spans: list[tuple[int, int]] = []
    with _new(folder / PICKLE) as file, _new(folder / BUFFERS) as buffers:

        def left_in(buffer: pickle.PickleBuffer) -> bool:
            raw = buffer.raw()
            if raw.nbytes < SMALL:
                return True
            buffers.write(bytes(-buffers.tell() % ALIGNED))
            spans.append((buffers.tell(), raw.nbytes))
            buffers.write(raw)
            return False

        aware_of_tables(pickler)(file, protocol=5, buffer_callback=left_in).dump(thing)
    with _new(folder / SPANS) as file:
        pickle.dump(spans, file)


def read(folder: Path) -> Any:
    """Read what `write` wrote, its buffers mapped.

    Raises
    ------
    PermissionError
        Where others could have written to it: a pickle can run code.
    """
    spans = pickle.loads(_mapped(folder / SPANS))
    whole = memoryview(_mapped(folder / BUFFERS)) if spans else memoryview(b"")
    buffers = [whole[start : start + size] for start, size in spans]
    return pickle.loads(_mapped(folder / PICKLE), buffers=buffers)


def n_bytes(folder: Path) -> int:
    """Return how much was written."""
    return sum((folder / name).stat().st_size for name in (PICKLE, BUFFERS))


def open_to_others(found: os.stat_result) -> str | None:
    """Say in what way a file is open to others; None where it is not, or cannot be known."""
    if os.name != "posix":
        return None
    if found.st_uid != os.geteuid():
        return f"belongs to user {found.st_uid}"
    if stat.S_IMODE(found.st_mode) & 0o022:
        return f"can be written to by others (mode {stat.S_IMODE(found.st_mode):o})"
    return None


def _new(path: Path) -> Any:
    """Open a file that was not there, for its owner alone."""
    return open(path, "xb", opener=lambda name, flags: os.open(name, flags, 0o600))


def _mapped(path: Path) -> mmap.mmap:
    with open(path, "rb") as file:
        fault = open_to_others(os.fstat(file.fileno()))
        if fault:
            raise PermissionError(f"{path} is not to be trusted: it {fault}.")
        return mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_COPY)
