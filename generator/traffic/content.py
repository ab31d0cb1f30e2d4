"""What prompts are about: templates, work-list items, topics, languages. No text exists anywhere."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from generator.arrays import F32, I32, I64, U64, Mask
from generator.config.parameters import COHORT_CHOICES
from generator.population import locales, parameter_draws
from generator.population.accounts import pool_sizes
from generator.rng import streams
from generator.schema import KINDS
from generator.traffic import revisions
from generator.workloads.batch import rounded_exp
from generator.workloads.token_usage import RecurringPrompts, is_conversation

if TYPE_CHECKING:
    from generator.population.accounts import Accounts
    from generator.population.population_plan import PopulationPlan
    from generator.workloads.batch import RequestBatch, Sessions

TOPICS = 192  # equally many for each domain of work
_FRAMEWORK_TEMPLATES = 40  # templates of public frameworks, the first far more popular than the last (a)
_POPULARITY = 3  # power of a uniform that says how much more (a)
_OWN_ITEMS = 20  # prompts that an account repeats (a)
_RECURRING = np.array([kind not in {"code", "agent"} for kind in KINDS])  # what editors and agents send is new
_CHECK_PROMPTS = 5  # per cohort (a)
_OWN_HABIT = np.float32(0.5)  # share of projects that have a habit of their own of using system prompts (a)
_LISTED_SIGMA = np.float32(0.4)  # of the log length of what a cohort's list holds (a)


@dataclass
class SessionContent:
    """Content of sessions, decided once per session; shape (sessions,).

    Attributes
    ----------
    template : ndarray of uint64
        Key of the system prompt.
    templated : ndarray of bool
        Whether there is one.
    shared : ndarray of bool
        Whether it comes from the cohort's pool.
    tools : ndarray of uint64
        Key of the tools that would be offered.
    topic, language : ndarray of int
        Topic of the session, language of its prompts (an index into `locales.LANGUAGES`).
    """

    template: U64
    templated: Mask
    shared: Mask
    tools: U64
    topic: I64
    language: I32


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


def draw_content(plan: PopulationPlan, accounts: Accounts, sessions: Sessions) -> SessionContent:
    """Templates and topics of all sessions.

    How many templates and topics an account uses is its habit; whether they are its own, a framework's or the
    cohort's decides with whom it shares them. All have a life: accounts turn to other projects, and templates are
    revised, by one law for everybody (see `revisions`).

    Parameters
    ----------
    plan : PopulationPlan
        Plan of the world.
    accounts, sessions : Accounts, Sessions
        Accounts and their sessions.
    """
    account, dials = sessions.account, accounts.dials
    cohort = plan.cohort_key[accounts.cohort][account]
    project = revisions.projects(accounts, sessions)
    bits = streams.child(sessions.key, "template")
    instructed = np.where(sessions.work, dials["instructed"][account], np.float32(0))
    templated = streams.uniform(bits, 0) < np.maximum(_templated(dials["templated"][account], project), instructed)
    shared = sessions.work & (streams.uniform(bits, 1) < dials["pool_share"][account])
    seat = streams.below(bits, np.floor(dials["templates"]).astype(np.int64)[account])
    own = streams.items(streams.child(project, "templates"), seat)
    framework = streams.uniform(own, 0) < dials["framework"][account]
    popular = (streams.uniform(own, 1) ** _POPULARITY * _FRAMEWORK_TEMPLATES).astype(np.int64)
    public = streams.items(streams.child(plan.root, "framework templates"), popular)
    template = np.where(framework, revisions.of_frameworks(public, own, sessions.start), own)
    place = streams.items(streams.child(accounts.key, "templates")[account], seat)
    nth = streams.below(place, pool_sizes(plan, accounts, "pool")[account])
    pooled = streams.items(streams.child(cohort, "template pool"), nth)
    pooled = revisions.of_pools(pooled, place, sessions.start, dials["revision"][account])
    template = np.where(shared, pooled, template)
    tools = streams.child(np.where(templated, template, project), "tools")

    more = streams.child(sessions.key, "topic")
    nth = streams.below(more, np.floor(dials["topics"]).astype(np.int64)[account])
    # Every other topic lasts longer than a project.
    scope = np.where(nth % 2 == 0, accounts.key[account], project)
    alone = streams.below(streams.items(streams.child(scope, "topics"), nth), TOPICS)
    common = sessions.work & (streams.uniform(more, 0) < dials["topic_share"][account])
    topic = np.where(common, _common_topics(plan, accounts, account, more), alone)
    main = locales.main_languages(accounts.home, accounts.key)[account]
    other = locales.other_languages(more, 1)
    language = np.where(streams.uniform(more, 2) < dials["languages"][account], other, main)
    return SessionContent(template, templated, shared, tools, topic, language)


def _templated(habit: F32, project: U64) -> F32:
    """Share of sessions with a system prompt: the account's habit, or that of a project."""
    bits = streams.child(project, "templated")
    return np.where(streams.uniform(bits, 0) < _OWN_HABIT, streams.uniform(bits, 1), habit)


def _common_topics(plan: PopulationPlan, accounts: Accounts, account: I64, bits: U64) -> I64:
    """Topics of the cohort's domain, one of those that it works on; `bits` draws which."""
    cohort = accounts.cohort[account]
    number = streams.below(streams.mix(bits), np.floor(accounts.dials["cohort_topics"]).astype(np.int64)[account])
    width = TOPICS // len(COHORT_CHOICES["domain"])
    topics = streams.items(streams.child(plan.cohort_key[cohort], "topics"), number)
    return np.asarray(plan.domain[cohort] * width + streams.below(topics, width))


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
    bits = batch.stream("item")
    single = ~is_conversation(accounts, sessions)[session] & _RECURRING[accounts.choices["kind"][account]]
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
    topic[rows] = _common_topics(plan, accounts, account[rows], streams.child(item[rows], "topic"))
    language[rows] = locales.main_languages(locales.homes(of_account), of_account)[account[rows]]
    rows = np.flatnonzero(again & ~check)
    topic[rows] = streams.below(streams.child(item[rows], "topic"), TOPICS)
    language[rows] = locales.main_languages(accounts.home, accounts.key)[account[rows]]
    return PromptItems(item, check, common, topic, language)


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
