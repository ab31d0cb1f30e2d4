"""The law of each kind of workload: what goes in and out of its requests, and when.

Each law takes the requests of its kind, whole sessions in order. Constants stand in `kinds/*.toml`; habits come
from the account.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from generator.arrays import I64, Mask
from generator.schema import KINDS
from generator.workloads.api_services import service
from generator.workloads.batch import Flow, RequestBatch, WorkloadBatch
from generator.workloads.chat_and_code import code, conversation
from generator.workloads.coding_agents import agent

LAWS: dict[str, Callable[[WorkloadBatch], Flow]] = {
    "api": service,
    "reasoning": service,
    "conversation": conversation,
    "code": code,
    "agent": agent,
}


def flows_by_kind(batch: RequestBatch, conversing: Mask) -> list[tuple[I64, Flow]]:
    """What the law of each kind of workload says about its requests.

    Parameters
    ----------
    batch : RequestBatch
        All requests of whole sessions.
    conversing : ndarray of bool, shape (sessions,)
        Whether each session is one conversation.

    Returns
    -------
    list of (ndarray of int64, Flow)
        Rows of the batch and their flow, for each kind.
    """
    kind = batch.accounts.choices["kind"][batch.sessions.account]
    result = []
    for name, law in LAWS.items():
        chosen = kind == KINDS.index(name)
        rows = np.flatnonzero(chosen[batch.session])
        requests = batch.take(rows)
        session = np.flatnonzero(chosen)
        workload = WorkloadBatch(
            requests=requests,
            order=rows - batch.sessions.first[requests.session],
            local=(np.cumsum(chosen) - 1)[requests.session],
            session=session,
            conversing=conversing[session],
        )
        result.append((rows, law(workload)))
    return result
