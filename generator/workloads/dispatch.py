"""The law of each kind of workload: what goes in and out of its requests, and when.

Each law takes the rows of its kind, whole sessions in order. Constants stand in `kinds/*.toml`; habits come from
the account.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np

from generator.arrays import I64, U64, Mask
from generator.schema import KINDS
from generator.workloads.api_services import service
from generator.workloads.batch import Flow, WorkloadBatch
from generator.workloads.chat_and_code import code, conversation
from generator.workloads.coding_agents import agent

if TYPE_CHECKING:
    from generator.population.accounts import Accounts
    from generator.workloads.batch import Sessions

LAWS: dict[str, Callable[[WorkloadBatch], Flow]] = {
    "api": service,
    "reasoning": service,
    "conversation": conversation,
    "code": code,
    "agent": agent,
}


def flows_by_kind(
    accounts: Accounts, found: Sessions, session: I64, key: U64, talk: Mask
) -> list[tuple[I64, Flow]]:
    """(rows, flow) of each kind of workload.

    Parameters
    ----------
    session, key : ndarray
        Session and stream of each request.
    talk : ndarray of bool
        Whether each session is one conversation.
    """
    kind = accounts.choices["kind"][found.account]
    result = []
    for name, law_of in LAWS.items():
        chosen = kind == KINDS.index(name)
        mine = np.flatnonzero(chosen)
        at = np.flatnonzero(chosen[session])
        local = (np.cumsum(chosen) - 1)[session[at]]
        order = at - found.first[session[at]]
        rows = WorkloadBatch(accounts, found, key[at], order, local, mine, found.account[mine], talk[mine])
        result.append((at, law_of(rows)))
    return result
