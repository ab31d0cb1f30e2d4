"""Runs shards, in this process or a pool of processes; the bytes are the same."""

from __future__ import annotations

import multiprocessing
import signal
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor, as_completed
from typing import TypeVar

T = TypeVar("T")
J = TypeVar("J")


def run(work: Callable[[J], T], jobs: list[J], workers: int) -> Iterator[T]:
    """Results of all jobs, in any order.

    Parameters
    ----------
    work : callable
        Importable function of one picklable job.
    jobs : list
        What to do.
    workers : int
        Processes; 1 stays in this one.
    """
    workers = min(workers, len(jobs))
    if workers <= 1:
        yield from map(work, jobs)
        return
    # Spawned, not forked: a parent with threads (Polars, Arrow, a notebook) must not be copied in mid-lock.
    pool = ProcessPoolExecutor(
        workers, mp_context=multiprocessing.get_context("spawn"), initializer=_leave_stopping_to_parent
    )
    try:
        for done in as_completed([pool.submit(work, job) for job in jobs]):
            yield done.result()
    except BaseException:
        pool.shutdown(wait=True, cancel_futures=True)
        raise
    pool.shutdown()


def _leave_stopping_to_parent() -> None:
    """Ctrl-C reaches every process of a terminal; only the parent may answer it."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
