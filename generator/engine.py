"""Ways to run shards: in this process, a pool of processes, or a Dask cluster. The bytes are the same."""

from __future__ import annotations

import ctypes
import logging
import multiprocessing
import os
import signal
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from multiprocessing import connection
from typing import Any, Protocol, TypeVar

from generator.errors import UserError

T = TypeVar("T")
J = TypeVar("J")
_TRIM_THRESHOLD, _MMAP_THRESHOLD = -1, -3  # of glibc's mallopt
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
        pool = ProcessPoolExecutor(
            min(self.workers, len(jobs)),
            mp_context=multiprocessing.get_context("spawn"),
            initializer=_begin_worker,
        )
        try:
            for done in as_completed([pool.submit(work, job) for job in jobs]):
                yield done.result()
        except BrokenProcessPool as error:
            raise UserError(_DEATHS.format("in the middle of its work")) from error
        finally:
            pool.shutdown(wait=True, cancel_futures=True)


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
        with (
            distributed.LocalCluster(n_workers=self.workers, threads_per_worker=1, **quiet) as cluster,
            distributed.Client(cluster, set_as_default=False) as client,
        ):
            yield client


_ENGINES: dict[str, Callable[[int, str], Engine]] = {
    "serial": lambda workers, scheduler: Serial(),
    "processes": lambda workers, scheduler: Processes(workers),
    "dask": lambda workers, scheduler: Dask(scheduler, workers),
}
NAMES = tuple(_ENGINES)


def choose(name: str = "", workers: int = 1, scheduler: str = "") -> Engine:
    """The engine of a name; left out, processes if there is more than one worker.

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


def _begin_worker() -> None:
    """A worker leaves Ctrl-C to its parent, and ends when that is killed, rather than wait for work forever."""
    _keep_memory()
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches every process of a terminal
    parent = multiprocessing.parent_process()
    if parent:
        threading.Thread(target=_end_after, args=(parent.sentinel,), daemon=True).start()


def _keep_memory() -> None:
    """Freed arrays stay with this process: to give each back and ask for it again takes 5 % of a shard's time."""
    with suppress(OSError, AttributeError, TypeError):  # another C library than glibc, which looks after itself
        libc = ctypes.CDLL(None)
        for option, size in ((_MMAP_THRESHOLD, 2**25), (_TRIM_THRESHOLD, 2**30)):
            libc.mallopt(option, size)


def _end_after(sentinel: int) -> None:
    connection.wait([sentinel])
    os._exit(1)
