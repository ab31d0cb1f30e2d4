"""Ways to run shards: in this process, a pool of processes, or a Dask cluster. The bytes are the same."""

from __future__ import annotations

import logging
import math
import multiprocessing
import os
import signal
import sys
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from dataclasses import dataclass
from multiprocessing import connection
from typing import Any, Protocol, TypeVar

from generator.errors import UserError

T = TypeVar("T")
J = TypeVar("J")
# Large pages, and freed memory kept: page faults take an eighth of a shard otherwise. Only glibc reads this.
_TUNABLES = "glibc.malloc.hugetlb=1:glibc.malloc.mmap_threshold=33554432:glibc.malloc.trim_threshold=1073741824"
_ACCOUNT_DAYS = 10_000  # that are made in about the time in which a process starts
_UNGUARDED = 79  # exit code of a worker that found itself running its parent's script
_GUARD = (
    "workers import the script that they are started from, and it starts them again: put what it runs under "
    'if __name__ == "__main__": or take workers=1'
)
_DEATHS = "a worker died {}, most often because memory ran out: take fewer workers, then go on with --resume"


class Engine(Protocol):
    """Runs jobs that can be run again: after a failure one may run twice, even at once."""

    def run(self, work: Callable[[J], T], jobs: list[J]) -> Iterator[T]:
        """Results of all jobs, in any order.

        Parameters
        ----------
        work : callable
            Importable function of one picklable job.
        jobs : list
            What to do.

        Raises
        ------
        UserError
            If workers die, or can't be reached.
        """


@dataclass(frozen=True)
class Serial:
    """One job after the other, in this process."""

    def run(self, work: Callable[[J], T], jobs: list[J]) -> Iterator[T]:
        """See `Engine`."""
        yield from map(work, jobs)


@dataclass(frozen=True)
class Processes:
    """A pool of processes on this machine."""

    workers: int

    def run(self, work: Callable[[J], T], jobs: list[J]) -> Iterator[T]:
        """See `Engine`."""
        if not jobs:
            return
        # Spawned, not forked: a parent with threads (Polars, Arrow, a notebook) must not be copied in mid-lock.
        context = multiprocessing.get_context("spawn")
        theirs, ours = context.Pipe(duplex=False)
        pool = ProcessPoolExecutor(
            min(self.workers, len(jobs)),
            mp_context=context,
            initializer=_follow_parent,
            initargs=(theirs,),
        )
        others = set(multiprocessing.active_children())
        processes: list[Any] = []
        broken: BrokenProcessPool | None = None
        try:
            with _tuned():
                futures = [pool.submit(work, job) for job in jobs]  # this starts the processes
            processes = [p for p in multiprocessing.active_children() if p not in others]
            for done in as_completed(futures):
                yield done.result()
        except BrokenProcessPool as error:
            broken = error
        finally:
            # After an error or Ctrl-C nobody waits for shards that are begun: a worker whose pipe closes ends.
            with uninterrupted():
                ours.close()
                pool.shutdown(wait=True, cancel_futures=True)
                theirs.close()
        if broken:  # only now is it known how each worker ended
            unguarded = any(p.exitcode == _UNGUARDED for p in processes)
            raise UserError(_GUARD if unguarded else _DEATHS.format("in the middle of its work")) from broken


@dataclass(frozen=True)
class Dask:
    """A Dask cluster, which runs the jobs of lost workers again on others.

    Attributes
    ----------
    scheduler : str
        Address of a running one, such as tcp://10.0.0.1:8786; "" starts a cluster here, while it is needed.
    workers : int
        Processes of the cluster that is started here.
    """

    scheduler: str = ""
    workers: int = 1

    def run(self, work: Callable[[J], T], jobs: list[J]) -> Iterator[T]:
        """See `Engine`."""
        distributed = _distributed()
        with self._client(distributed) as client:
            futures = client.map(work, jobs, pure=False)
            try:
                with client.as_current():
                    finished = distributed.as_completed(futures)
                for done in finished:
                    yield done.result()
            except distributed.KilledWorker as error:
                raise UserError(_DEATHS.format("three times over the same shard")) from error
            finally:
                client.cancel(futures)

    @contextmanager
    def _client(self, distributed: Any) -> Iterator[Any]:
        if self.scheduler:
            with _reached(distributed, self.scheduler) as client:
                yield client
            return
        # One thread per process: shards hold Python's lock for much of their time.
        quiet = {"dashboard_address": None, "silence_logs": logging.CRITICAL}
        try:
            cluster = distributed.LocalCluster(n_workers=self.workers, threads_per_worker=1, **quiet)
        except RuntimeError as error:
            raise UserError(f"Dask's workers did not start; if this is a script, {_GUARD}") from error
        with cluster, distributed.Client(cluster, set_as_default=False) as client:
            yield client


def worker_memory(engine: Engine, jobs: int) -> float:
    """Bytes that each worker may take of this machine's memory; infinite where that is not known.

    Parameters
    ----------
    engine : Engine
        What runs the shards.
    jobs : int
        How many shards there are.
    """
    here = isinstance(engine, Serial | Processes) or (isinstance(engine, Dask) and not engine.scheduler)
    if not here or not hasattr(os, "sysconf"):
        return math.inf
    return os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") / min(getattr(engine, "workers", 1), jobs)


_ENGINES: dict[str, Callable[[int, str], Engine]] = {
    "serial": lambda workers, scheduler: Serial(),
    "processes": lambda workers, scheduler: Processes(workers),
    "dask": lambda workers, scheduler: Dask(scheduler, workers),
}
NAMES = tuple(_ENGINES)


def worth_starting(account_days: int) -> int:
    """Processes on this machine that save more time than they take to start; at least one.

    Parameters
    ----------
    account_days : int
        Days of all accounts of all worlds.

    Examples
    --------
    >>> worth_starting(3 * 600 * 7)  # nano
    1
    """
    return max(1, min(os.cpu_count() or 1, account_days // _ACCOUNT_DAYS))


def choose(name: str = "", workers: int = 1, scheduler: str = "") -> Engine:
    """The engine of a name; left out, processes if there is more than one worker.

    Parameters
    ----------
    name : str
        One of `NAMES`.
    workers : int
        Processes.
    scheduler : str
        Address of a Dask scheduler.

    Raises
    ------
    UserError
        If there is none of that name, or it has no use for a scheduler.
    """
    name = name or ("dask" if scheduler else "processes" if workers > 1 else "serial")
    if name not in _ENGINES:
        raise UserError(f"--engine {name!r} is none of {', '.join(NAMES)}")
    if scheduler and name != "dask":
        raise UserError(
            f"--engine {name} has no scheduler: leave out --scheduler {scheduler}, or say --engine dask"
        )
    if name != "serial" and getattr(multiprocessing.current_process(), "_inheriting", False):
        sys.exit(_UNGUARDED)  # a worker that is still importing its parent's script; the parent says it
    return _ENGINES[name](workers, scheduler)


def _distributed() -> Any:
    try:
        import distributed
    except ImportError as error:
        raise UserError("--engine dask needs one more package: pip install 'siphonbench[dist]'") from error
    return distributed


def _reached(distributed: Any, scheduler: str) -> Any:
    try:
        return distributed.Client(scheduler, timeout=10, set_as_default=False)
    except (OSError, ValueError, TypeError) as error:  # a timeout is an OSError
        raise UserError(
            f"--scheduler {scheduler} can't be reached: {str(error).splitlines()[0]}; start one with: "
            "dask scheduler, and give the address that it shows, such as tcp://127.0.0.1:8786"
        ) from error


@contextmanager
def _tuned() -> Iterator[None]:
    """Processes that are started inside see the tunables, beside those that are set already."""
    given = os.environ.get("GLIBC_TUNABLES")
    os.environ["GLIBC_TUNABLES"] = ":".join(filter(None, (_TUNABLES, given)))
    try:
        yield
    finally:
        if given is None:
            del os.environ["GLIBC_TUNABLES"]
        else:
            os.environ["GLIBC_TUNABLES"] = given


@contextmanager
def uninterrupted() -> Iterator[None]:
    """Leave Ctrl-C aside while something short is tidied up; it would come again to an impatient user's."""
    if threading.current_thread() is not threading.main_thread():  # signals are the main thread's
        yield
        return
    handler = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, handler)


def _follow_parent(pipe: connection.Connection) -> None:
    """A worker leaves Ctrl-C to its parent, and ends, in mid-work too, when that dies or closes the pipe."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches every process of a terminal
    parent = multiprocessing.parent_process()
    if parent:
        threading.Thread(target=_end_after, args=([parent.sentinel, pipe],), daemon=True).start()


def _end_after(sentinels: list[Any]) -> None:
    connection.wait(sentinels)
    os._exit(1)
