"""What each prompt asks: items of work lists, repeated prompts, check prompts; topics and languages of theirs."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from generator.arrays import I32, I64, U64, Mask
from generator.config.hands import law
from generator.population import locales, parameter_draws
from generator.rng import streams
from generator.schema import KINDS
from generator.traffic import session_content
from generator.workloads.batch import rounded_exp
from generator.workloads.token_usage import RecurringPrompts, is_conversation

if TYPE_CHECKING:
    from generator.population.population_plan import PopulationPlan
    from generator.traffic.session_content import SessionContent
    from generator.workloads.batch import RequestBatch

_OWN_ITEMS = 20  # prompts that an account repeats (a)
_RECURRING = np.array([kind not in {"code", "agent"} for kind in KINDS])  # what editors and agents send is new
_CHECK_PROMPTS = 5  # per cohort (a)
_LISTED_SIGMA = np.float32(0.4)  # of the log length of what a cohort's list holds (a)


@dataclass
class PromptItems:
    """What each prompt is about; shape (requests,).

    Attributes
    ----------
    key : ndarray of uint64
        Key of the item: equal keys are the same prompt again.
    check : ndarray of bool
        Whether it is one of the cohort's check prompts, which have no template.
    common : ndarray of bool
        Whether it comes from a list of the cohort's, whoever asks.
    topic, language : ndarray of int
        What it is about, in which language; as the session's, unless the item recurs: then it has its own.
    """

    key: U64
    check: Mask
    common: Mask
    topic: I64
    language: I32


@law
def draw_items(plan: PopulationPlan, batch: RequestBatch, content: SessionContent) -> PromptItems:
    """What each request is about.

    Single calls recur in four ways: an account has a habit of repeating some prompts; a cohort's work draws from
    a list, as far as it doesn't partition it, whoever asks; it may ask for several answers in a row; and a check
    prompt asks what was asked before, to notice altered answers. Turns of a conversation are new.

    Parameters
    ----------
    plan : PopulationPlan
        Plan of the world.
    batch : RequestBatch
        All requests of whole sessions.
    content : SessionContent
        Content of their sessions.
    """
    accounts, sessions, account, session = batch.accounts, batch.sessions, batch.account, batch.session
    bits, single = batch.stream("item"), single_calls(batch)
    work = single & content.shared[session]
    again = single & (streams.uniform(bits, 0) < batch.dial("repeat"))
    listed = work & ~again & (streams.uniform(bits, 1) >= batch.dial("coverage"))
    probes = accounts.dials["probes"][sessions.account]
    asks = sessions.work & (streams.uniform(streams.child(sessions.key, "probe")) < probes)
    order = np.arange(len(batch)) - sessions.first[session]
    check = single & asks[session] & (order == 0)
    common = check | listed

    samples = np.where(work, np.floor(batch.dial("samples")).astype(np.int64), 1)
    lead = np.arange(len(batch)) - order % samples  # asked for again and again, the first decides
    item = batch.key[lead]
    rows = np.flatnonzero(again)
    chosen = streams.below(bits[rows], _OWN_ITEMS)
    item[rows] = streams.items(streams.child(accounts.key, "own items")[account[rows]], chosen)
    rows = np.flatnonzero(common)
    of_account = plan.cohort_key[accounts.cohort]
    cohort = of_account[account[rows]]
    length = np.where(check[rows], _CHECK_PROMPTS, np.floor(batch.dial("list_items")[rows]).astype(np.int64))
    lists = np.where(check[rows], streams.child(cohort, "check prompts"), streams.child(cohort, "work list"))
    item[rows] = streams.items(lists, streams.below(streams.mix(batch.key[lead[rows]]), length))

    topic, language = content.topic[session], content.language[session]
    topic[rows] = session_content.common_topics(plan, accounts, account[rows], streams.child(item[rows], "topic"))
    language[rows] = session_content.cohort_languages(plan, accounts)[account[rows]]
    rows = np.flatnonzero(again & ~check)
    topic[rows] = session_content.own_topics(
        streams.child(item[rows], "topic"), session_content.TECHNICAL[accounts.choices["kind"][account[rows]]]
    )
    language[rows] = locales.main_languages(accounts.home, accounts.key)[account[rows]]
    return PromptItems(item, check, common, topic, language)


def single_calls(batch: RequestBatch) -> Mask:
    """Which requests may ask what was asked before: no turn of a conversation, nothing that software composes.

    Parameters
    ----------
    batch : RequestBatch
        All requests of whole sessions.
    """
    alone = ~is_conversation(batch.accounts, batch.sessions)[batch.session]
    return np.asarray(alone & _RECURRING[batch.accounts.choices["kind"][batch.account]])


def recurring_prompts(
    plan: PopulationPlan, batch: RequestBatch, content: SessionContent, items: PromptItems
) -> RecurringPrompts:
    """Which prompts come more than once, and how long those are that a cohort's members share.

    Parameters
    ----------
    plan : PopulationPlan
        Plan of the world.
    batch : RequestBatch
        All requests of whole accounts.
    content : SessionContent
        Content of their sessions.
    items : PromptItems
        What each is about.
    """
    # One that was drawn for this request alone, and asked for once, is nobody else's.
    borrowed = items.key != batch.key
    row = np.flatnonzero(borrowed | np.isin(items.key, items.key[borrowed]))
    session, cohort = batch.session[row], batch.accounts.cohort[batch.account[row]]
    alone = items.check[row] | ~content.templated[session]
    template = np.where(alone, np.uint64(0), content.template[session])
    length = np.zeros(len(row), np.int64)
    common = np.flatnonzero(items.common[row])
    usual = parameter_draws.draw_for(
        plan,
        "input",
        cohort[common],
        plan.archetype[cohort[common]],
        np.full(len(common), KINDS.index("api"), np.int32),
        parameter_draws.normal_of(plan.cohort_key[cohort[common]], "input"),
    )
    spread = _LISTED_SIGMA * streams.normal(streams.child(items.key[row[common]], "length"))
    length[common] = np.maximum(rounded_exp(spread, usual), 1)
    return RecurringPrompts(row, streams.mix(items.key[row] ^ template), length)
