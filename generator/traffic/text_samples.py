"""Which requests are shown as text, and what their texts are made from."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from generator.arrays import I64, U64, Integers, Mask, map_arrays
from generator.config.parameters import TOPICS_PER_DOMAIN
from generator.rng import group_samples, streams
from generator.text.latents import PromptLatents
from generator.text.tasks import tasks_of

if TYPE_CHECKING:
    from generator.population.accounts import Accounts
    from generator.population.population_plan import PopulationPlan
    from generator.traffic.attempts import Attempts

_INSTRUCTED = 0.6  # share of a templated call's tokens that is not the system prompt (a)
_TURN_TOKENS = 120  # of a later turn of a conversation that are its own, at most (a)


@dataclass
class TextSample:
    """Requests that are shown as text; arrays of shape (sampled requests,).

    Attributes
    ----------
    row : ndarray of int64
        Each one's row in the log.
    rank : ndarray of uint64
        Which of an account's are taken: those where it is smallest.
    system : ndarray of uint64
        Stream of its system prompt; 0: it has none.
    latents : PromptLatents
        What the texts are made from.
    """

    row: I64
    rank: U64
    system: U64
    latents: PromptLatents

    def take(self, at: I64) -> TextSample:
        """Some of them.

        Parameters
        ----------
        at : ndarray of int64
            Which.
        """
        some: TextSample = map_arrays(lambda x: x[at], self)
        return some


def own_tokens(tokens: I64, turn: I64, templated: Mask) -> I64:
    """Tokens of prompts themselves, without system prompts and what was said before.

    Parameters
    ----------
    tokens : ndarray of int64, shape (n,)
        Input tokens of the requests.
    turn : ndarray of int64, shape (n,)
        Turns of their conversations, 0 for openings and single calls.
    templated : ndarray of bool, shape (n,)
        Whether they have a system prompt.
    """
    own = np.where(templated, (tokens * _INSTRUCTED).astype(np.int64), tokens)
    return np.where(turn > 0, np.minimum(tokens, _TURN_TOKENS), own)


def joined(
    samples: list[TextSample], sizes: list[int], order: I64, owner: Integers, per_account: int
) -> TextSample:
    """Samples of parts of a log as one of the whole, in the order of its rows.

    Parameters
    ----------
    samples : list of TextSample
        One for each part.
    sizes : list of int
        Rows of each part.
    order : ndarray of int64, shape (rows,)
        Row of the parts, one after the other, that each row of the whole is.
    owner : ndarray of int, shape (rows,)
        Account of each row of the whole.
    per_account : int
        Texts that are wanted of each account.
    """
    together: TextSample = map_arrays(lambda *x: np.concatenate(x), *samples)
    before = np.cumsum(sizes) - sizes
    place = np.empty(len(order), np.int64)
    place[order] = np.arange(len(order))
    together.row = place[together.row + np.repeat(before, [len(s.row) for s in samples])]
    together = together.take(np.argsort(together.row))
    return together.take(group_samples.smallest(owner[together.row], together.rank, per_account))


def draw_sample(
    plan: PopulationPlan, accounts: Accounts, attempts: Attempts, request_id: I64, per_account: int
) -> TextSample:
    """Sample of some attempts, one row each.

    Parameters
    ----------
    plan : PopulationPlan
        Plan of the world.
    accounts : Accounts
        Authors and senders.
    attempts : Attempts
        As many requests as attempts.
    request_id : ndarray of int64, shape (rows,)
        Id of each row.
    per_account : int
        Texts that are wanted of each sender.
    """
    rank = streams.child(request_id.view(np.uint64) ^ plan.root, "text sample")
    row = group_samples.smallest(attempts.routed.sender, rank, per_account)
    session, items, content = attempts.session[row], attempts.items, attempts.content
    author = attempts.sessions.account[session]
    kind = accounts.choices["kind"][author]
    system = np.where(content.templated[session], content.template[session], np.uint64(0))
    templated = (system > 0) & ~items.check[row]  # check prompts are asked as they are
    item, topic = items.key[row], items.topic[row]
    turn, tokens = attempts.usage.turn[row], attempts.usage.input[row]
    latents = PromptLatents(
        template=np.where(templated, system, np.uint64(0)),
        domain=content.domain[session].astype(np.int32),
        task=np.where(templated, content.task[session], tasks_of(item, topic // TOPICS_PER_DOMAIN)),
        template_language=content.template_language[session],
        fixed=content.fixed[session],
        item=item,
        topic=topic,
        language=items.language[row],
        kind=kind,
        turn=turn,
        style=_styles(plan, accounts, author, content.shared[session]),
        tokens=own_tokens(tokens, turn, templated),
    )
    return TextSample(row, rank[row], system, latents)


def _styles(plan: PopulationPlan, accounts: Accounts, author: I64, shared: Mask) -> U64:
    """Who words the prompt: the account, or in joint work whoever writes the cohort's programs."""
    cohort = plan.cohort_key[accounts.cohort[author]]
    return streams.child(np.where(shared, cohort, accounts.key[author]), "style")
