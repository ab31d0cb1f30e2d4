"""The law of each kind of workload: what goes in and out of its requests, and when.

Each law takes the rows of its kind, whole sessions in order. Constants stand in `kinds/*.toml`; habits come from
the account.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from generator.rng import streams
from generator.schema import KINDS
from generator.workloads.api_services import service
from generator.workloads.batch import Flow, Rows
from generator.workloads.chat_and_code import code, conversation
from generator.workloads.coding_agents import agent

if TYPE_CHECKING:
    from generator.population.accounts import Accounts
    from generator.traffic.sessions import Sessions

I64 = npt.NDArray[np.int64]
LAWS: dict[str, Callable[[Rows], Flow]] = {
    "api": service,
    "reasoning": service,
    "conversation": conversation,
    "code": code,
    "agent": agent,
}


def flows(
    accounts: Accounts, found: Sessions, session: I64, key: streams.U64, talk: npt.NDArray[np.bool_]
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
        rows = Rows(accounts, found, key[at], order, local, mine, found.account[mine], talk[mine])
        result.append((at, law_of(rows)))
    return result
