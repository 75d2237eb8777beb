"""Storing: every finished fold on disk, found again by what it depends on, trusted only if intact.

A folder holds one file for each finished fold, named by its checksum, and an index with a line for
each: what it is the answer to, its checksum and its size. A fold is first written whole and then
entered, so whenever the process dies the index names nothing that is not there. Files hold pickles,
which can run code: none is opened before its checksum is found to be the one in the index, and
neither is looked at if anybody else can write to it.
"""

from __future__ import annotations

import errno
import hashlib
import json
import os
import pickle
import secrets
import socket
import stat
import threading
import warnings
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

from sklearn import get_config

from ensembles.members import open_to_others
from ensembles.validation.data import Data
from ensembles.validation.evaluating import Job, Outcome, Protocol
from ensembles.validation.fingerprint import fingerprint, versions_of

__all__ = ["Cache", "Stored"]

INDEX = "index.jsonl"
FORMAT = 2
"""Goes up when what is stored changes its form."""

SETTINGS = ("enable_metadata_routing", "transform_output", "sparse_interface", "array_api_dispatch")
"""What scikit-learn may be set to that decides what a pipeline's steps are handed."""

RUN = secrets.token_hex(4)
"""Tells this process from an earlier one of the same number, as first ones in containers are."""


class Stored(NamedTuple):
    """A fold found in the cache, and whether all that is asked of it now was asked then."""

    outcome: Outcome
    complete: bool


class Suspect(Exception):
    """A file that is not what the index says."""


@dataclass(frozen=True)
class Entry:
    """A line of the index: what the file ``sha256`` answers to."""

    key: str
    sha256: str
    size: int

    def line(self) -> bytes:
        """The line, with a checksum of its own; on a line of its own even after a torn one."""
        said = f"{self.key} {self.sha256} {self.size}"
        check = hashlib.sha256(said.encode()).hexdigest()[:16]
        record = {"key": self.key, "sha256": self.sha256, "size": self.size, "check": check}
        return b"\n" + json.dumps(record).encode() + b"\n"

    @classmethod
    def parsed(cls, line: bytes) -> Entry | None:
        """Read a line; None if it is not whole."""
        try:
            record = json.loads(line)
            entry = cls(str(record["key"]), str(record["sha256"]), int(record["size"]))
            whole = json.loads(entry.line())["check"] == record["check"]
        except (ValueError, KeyError, TypeError, OverflowError, RecursionError):
            return None
        return entry if whole and _is_word(entry.sha256) else None


def _is_word(name: str) -> bool:
    return len(name) == 64 and set(name) <= set("0123456789abcdef")


class Cache:
    """Finished folds in a folder.

    Parameters
    ----------
    folder : path
        Made, for its owner alone, if it is not there. "~" is the user's home; a relative path stays
        what it is when the run starts, wherever a learner may go.

    Raises
    ------
    ValueError
        When it is no folder, belongs to somebody else, or others can write to it.
    """

    def __init__(self, folder: Any) -> None:
        self.folder = Path(folder).expanduser().absolute()
        self._writable = True
        self._digests: dict[int, tuple[Any, str]] = {}
        self._open_folder()
        with self._locked():
            self._entries = self._read_index()
        self._sweep()

    # -----------------------------------------------------------------------------------------
    # What a fold depends on

    def get(self, data: Data, job: Job, protocol: Protocol) -> Stored | None:
        """Return the outcome of a job if it is there and intact."""
        key = self._key(data, job)
        entry = None if key is None else self._entries.get(key)
        if entry is None:
            return None
        try:
            stored = pickle.loads(self._read(entry))
            if stored["key"] != key:
                raise Suspect(f"{entry.sha256[:12]} is another fold than the index says")
            outcome, asked = stored["outcome"], stored["asked"]
        except FileNotFoundError:
            self._report(f"{entry.sha256[:12]} is gone", job)
            return None
        except Suspect as suspicion:
            self._report(str(suspicion), job)
            return None
        except Exception as error:  # intact, but of classes that are no longer there
            self._report(f"{entry.sha256[:12]} cannot be opened: {error}", job)
            return None
        return Stored(outcome, asked == self._asked(data, job, protocol))

    def put(self, data: Data, job: Job, protocol: Protocol, outcome: Outcome) -> None:
        """Keep the outcome of a job; a disk that is full or a model that cannot be is told of."""
        key = self._key(data, job) if self._writable else None
        if key is None:
            return
        asked = self._asked(data, job, protocol)
        try:
            stored = {"key": key, "outcome": outcome, "asked": asked}
            content = pickle.dumps(stored, protocol=5)
        except Exception as error:
            warnings.warn(
                f"{job} cannot be kept in cache_dir, as its model cannot be pickled: {error}",
                UserWarning,
                stacklevel=5,
            )
            return
        try:
            self._write(Entry(key, hashlib.sha256(content).hexdigest(), len(content)), content)
        except OSError as error:
            self._writable = False
            full = " (the disk is full)" if error.errno in (errno.ENOSPC, errno.EDQUOT) else ""
            warnings.warn(
                f"cache_dir {str(self.folder)!r} cannot be written to{full}: {error}. The run goes "
                "on without keeping its folds.",
                UserWarning,
                stacklevel=5,
            )

    def _key(self, data: Data, job: Job) -> str | None:
        """What the model of a job depends on; None, and a warning, where that cannot be known."""
        learner = job.candidate.learner
        try:
            return fingerprint(
                FORMAT,
                self._digest(data, (data.X, data.y, data.sample_weight, data.fit_arguments)),
                data.groups if job.stopping.rows == "nested" else None,
                self._digest(job.candidate, learner),
                versions_of(learner),
                [get_config().get(name) for name in SETTINGS],
                job.fold.train,
                job.fold.test,
                job.stopping,
                job.only_fit,
            )
        except (TypeError, RecursionError) as error:
            if self._writable:
                self._writable = False
                warnings.warn(
                    f"cache_dir is not used: {error}. What a fold depends on must be known for it "
                    "to be found again.",
                    UserWarning,
                    stacklevel=6,
                )
            return None

    def _asked(self, data: Data, job: Job, protocol: Protocol) -> str:
        """What was asked of the model: other scorers or other rows are asked anew."""
        candidate = job.candidate
        scorers = {name: _described(scorer) for name, scorer in candidate.scoring.scorers.items()}
        error_score = str(protocol.error_score)
        return fingerprint(
            self._digest(data, (data.X_test, data.score_arguments), "asked"),
            candidate.method,
            scorers,
            protocol.train_scores,
            error_score,
        )

    def _digest(self, owner: Any, things: Any, part: str = "") -> str:
        """Fingerprint once what does not change while its owner lives."""
        place = hash((id(owner), part))
        known = self._digests.get(place)
        if known is None or known[0] is not owner:
            known = (owner, fingerprint(things))
            self._digests[place] = known
        return known[1]

    # -----------------------------------------------------------------------------------------
    # Files

    def _open_folder(self) -> None:
        try:
            self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        except (FileExistsError, NotADirectoryError):
            raise ValueError(f"cache_dir must be a folder; got {str(self.folder)!r}.") from None
        except OSError as error:
            raise ValueError(
                f"cache_dir must be a folder that can be made; got {str(self.folder)!r}: {error}."
            ) from None
        fault = open_to_others(os.stat(self.folder))
        if fault:
            raise ValueError(
                f"cache_dir must be a folder to which nobody else can write, because models kept "
                f"there are unpickled; {str(self.folder)!r} {fault}. Try chmod go-w."
            )

    def _read_index(self) -> dict[str, Entry]:
        try:
            content = self._read_file(INDEX)
        except FileNotFoundError:
            return {}
        except Suspect as suspicion:
            self._report(str(suspicion))
            with suppress(OSError):
                os.replace(self.folder / INDEX, self.folder / f"{INDEX}.refused")
            return {}
        lines = [line for line in content.split(b"\n") if line.strip()]
        entries = [Entry.parsed(line) for line in lines]
        torn = sum(entry is None for entry in entries)
        whole = {entry.key: entry for entry in entries if entry is not None}
        if torn:
            self._report(f"{torn} of {len(lines)} lines of its index are torn")
            self._mend_index(whole)
        return whole

    def _mend_index(self, whole: dict[str, Entry]) -> None:
        """Write the index anew without its torn lines; what cannot be mended stays torn."""
        part = self._part()
        with suppress(OSError):
            content = b"".join(entry.line() for entry in whole.values())
            self._write_file(part, content, os.O_CREAT | os.O_TRUNC)
            os.replace(part, self.folder / INDEX)

    def _read(self, entry: Entry) -> bytes:
        """Read a fold's file, which is what the index says or suspect."""
        name = entry.sha256[:12]
        content = self._read_file(entry.sha256)
        if len(content) != entry.size:
            raise Suspect(f"{name} is torn: {len(content)} of {entry.size} bytes")
        if hashlib.sha256(content).hexdigest() != entry.sha256:
            raise Suspect(f"{name} has been changed: its checksum is not that of the index")
        return content

    def _read_file(self, name: str) -> bytes:
        """Read a file that belongs to the user and to which nobody else can write."""
        wary = ("O_NOFOLLOW", "O_NONBLOCK", "O_BINARY")  # a pipe in its place would have us wait
        flags = os.O_RDONLY | sum(getattr(os, flag, 0) for flag in wary)
        try:
            number = os.open(self.folder / name, flags)
        except FileNotFoundError:
            raise
        except OSError as error:
            raise Suspect(f"{name[:12]} cannot be read: {error}") from None
        try:
            found = os.fstat(number)
            if not stat.S_ISREG(found.st_mode):
                raise Suspect(f"{name[:12]} is no plain file")
            fault = open_to_others(found)
            if fault:
                raise Suspect(f"{name[:12]} {fault}")
            with os.fdopen(number, "rb", closefd=False) as file:
                return file.read()
        finally:
            os.close(number)

    def _part(self) -> Path:
        """A name that no other thread, process or machine gives what it has half written."""
        name = f"{socket.gethostname()}.{os.getpid()}.{RUN}.{threading.get_ident()}.part"
        return self.folder / name

    def _write(self, entry: Entry, content: bytes) -> None:
        """Write the file whole, give it its name, and only then enter it in the index."""
        part = self._part()
        try:
            self._write_file(part, content, os.O_CREAT | os.O_TRUNC)
            os.replace(part, self.folder / entry.sha256)
        except BaseException:
            with suppress(OSError):
                part.unlink()
            raise
        _sync_folder(self.folder)
        with self._locked():
            self._append(entry.line())
        self._entries[entry.key] = entry

    def _append(self, line: bytes) -> None:
        """Add a line to the index, or, on a disk that is full, nothing."""
        index = self.folder / INDEX
        size = index.stat().st_size if index.exists() else 0
        try:
            self._write_file(index, line, os.O_CREAT | os.O_APPEND)
        except OSError:
            with suppress(OSError):
                os.truncate(index, size)
            raise

    def _write_file(self, path: Path, content: bytes, how: int) -> None:
        flags = os.O_WRONLY | how | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_BINARY", 0)
        number = os.open(path, flags, 0o600)
        with os.fdopen(number, "wb", buffering=0) as file:
            left = memoryview(content)
            while left:
                left = left[file.write(left) :]
            os.fsync(number)

    @contextmanager
    def _locked(self) -> Iterator[None]:
        """Let one process at a time at the index, where the system has such locks."""
        try:
            import fcntl

            number = os.open(self.folder, os.O_RDONLY)
        except (ImportError, OSError):  # Windows, and folders whose names cannot be read
            yield
            return
        try:
            with suppress(OSError):  # some network file systems have none
                fcntl.flock(number, fcntl.LOCK_EX)
            yield
        finally:
            os.close(number)

    def _sweep(self) -> None:
        """Remove what processes that are gone left half written."""
        host = f"{socket.gethostname()}."
        for part in self.folder.glob("*.part"):
            pid, _, run = part.name.removeprefix(host).partition(".")
            own_machine = part.name.startswith(host) and pid.isdigit()
            if own_machine and not _is_running(int(pid), run.partition(".")[0]):
                with suppress(OSError):
                    part.unlink()

    def _report(self, what: str, job: Job | None = None) -> None:
        done = "what it held is computed again" if job is None else f"{job} is computed again"
        warnings.warn(
            f"cache_dir {str(self.folder)!r} is not to be trusted: {what}; {done}.",
            UserWarning,
            stacklevel=6,
        )


def _described(scorer: Any) -> Any:
    """What a scorer of scikit-learn's computes, which its own attributes hide behind its class."""
    if not hasattr(scorer, "_score_func"):
        return scorer
    return {"": type(scorer), **vars(scorer)}


def _is_running(pid: int, run: str) -> bool:
    if pid == os.getpid():
        return run == RUN
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except OSError:
        return True
    return True


def _sync_folder(folder: Path) -> None:
    """Have the new name on disk as well; systems that cannot are left alone."""
    with suppress(OSError):
        number = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(number)
        finally:
            os.close(number)
