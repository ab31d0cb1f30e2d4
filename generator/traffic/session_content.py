"""What sessions are about: templates and what they were written for, topics, languages; latent names, no text."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from generator.arrays import F32, I32, I64, U64, Mask
from generator.config.hands import law
from generator.config.parameters import COHORT_CHOICES, TOPICS_PER_DOMAIN
from generator.population import locales
from generator.population.accounts import pool_sizes
from generator.prompts import revisions
from generator.rng import exact_functions, streams
from generator.schema import KINDS, LANGUAGES
from generator.text.tasks import tasks_of

if TYPE_CHECKING:
    from generator.population.accounts import Accounts
    from generator.population.population_plan import PopulationPlan
    from generator.workloads.batch import Sessions

_FRAMEWORK_TEMPLATES = 40  # templates of public frameworks, the first far more popular than the last (a)
_POPULARITY = 3  # power of a uniform that says how much more (a)
# Of the log odds of the share that a template fixes: with the ranges of the dial, prompts of one template differ
# in 19, 26, 30, 33, 37 of 64 bits at 5, 25, 50, 75, 95 %, as real ones do (geometry of public prompt templates).
_FIXED_SIGMA = np.float32(1.6)
# How often accounts choose topics of each domain for themselves (a): what models are good at is what people want.
_OWN_DOMAINS = np.array([0.2, 0.08, 0.08, 0.06, 0.06, 0.2, 0.08, 0.07, 0.05, 0.04, 0.04, 0.04])
# With more, two items of a template would now and then have one sketch; one real template in a hundred has more.
_MOST_FIXED = np.float32(0.6)
_TECHNICAL_DOMAINS = 2  # coding and agentic tool use, the first two
TECHNICAL = np.isin(KINDS, ["code", "agent"])
"""Workloads, by `schema.KINDS`, whose accounts write code."""
_GENERAL = COHORT_CHOICES["domain"].index("document processing")  # what frameworks' templates are worded for (a)
_SUBJECT = np.float32(0.75)  # share of a template's sessions that are about one subject (a)
_ENGLISH = LANGUAGES.index("en")
_LASTING = np.float32(0.4)  # share of an account's topics that outlast a project (a)
_OWN_HABIT = np.float32(0.5)  # share of projects that have a habit of their own of using system prompts (a)


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
        Topic of the session, language of its prompts (an index into `schema.LANGUAGES`).
    domain, task, template_language : ndarray of int
        What the template was written for (an index into the domains), what it asks for (an index of
        `latents.TASKS`) and in which language.
    fixed : ndarray of float32
        Share of a prompt's shingles that the template fixes.
    """

    template: U64
    templated: Mask
    shared: Mask
    tools: U64
    topic: I64
    language: I32
    domain: I64
    task: I32
    template_language: I32
    fixed: F32


@law
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
    project = revisions.projects(accounts.key[account], sessions.start, dials["project"][account])
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
    lineage = streams.items(streams.child(cohort, "template pool"), nth)
    pooled = revisions.of_pools(lineage, place, sessions.start, dials["revision"][account])
    template = np.where(shared, pooled, template)
    tools = streams.child(np.where(templated, template, project), "tools")

    more = streams.child(sessions.key, "topic")
    # Most of what a template is used for is one subject.
    usual = templated & (streams.uniform(more, 3) < _SUBJECT)
    subject = streams.child(np.where(shared, lineage, place), "subject")
    nth = streams.below(np.where(usual, subject, more), np.floor(dials["topics"]).astype(np.int64)[account])
    technical = TECHNICAL[accounts.choices["kind"][account]]
    alone = _own_topics(accounts.key[account], project, nth, technical)
    common = sessions.work & (streams.uniform(more, 0) < dials["topic_share"][account])
    topic = np.where(common, common_topics(plan, accounts, account, np.where(usual, subject, more)), alone)
    main = locales.main_languages(accounts.home, accounts.key)[account]
    other = locales.other_languages(more, 1)
    language = np.where(streams.uniform(more, 2) < dials["languages"][account], other, main)
    # A template was written for its subject, a framework's for anything, a cohort's for what the cohort does.
    nth = streams.below(subject, np.floor(dials["topics"]).astype(np.int64)[account])
    domain = _own_topics(accounts.key[account], project, nth, technical) // TOPICS_PER_DOMAIN
    domain = np.where(framework, _GENERAL, domain)
    domain = np.where(shared, plan.domain[accounts.cohort][account], domain)
    written = np.where(framework, _ENGLISH, main)
    written = np.where(shared, cohort_languages(plan, accounts)[account], written)
    fixed = fixed_shares(dials["fixed"][account], template)
    task = tasks_of(template, domain)
    return SessionContent(template, templated, shared, tools, topic, language, domain, task, written, fixed)


def _own_topics(account: U64, project: U64, nth: I64, technical: Mask) -> I64:
    """Numbered topics of accounts; some of them last longer than a project."""
    lasting = streams.uniform(streams.items(streams.child(account, "lasting topics"), nth)) < _LASTING
    scope = np.where(lasting, account, project)
    return own_topics(streams.items(streams.child(scope, "topics"), nth), technical)


def own_topics(bits: U64, technical: Mask) -> I64:
    """Topics that accounts choose for themselves.

    Parameters
    ----------
    bits : ndarray of uint64, shape (n,)
        One draw each.
    technical : ndarray of bool, shape (n,)
        Whether the account writes code: then they are technical.
    """
    domain = streams.pick(bits, _OWN_DOMAINS).astype(np.int64)
    domain = np.where(technical, streams.halves(bits, 2) % _TECHNICAL_DOMAINS, domain)
    return domain * TOPICS_PER_DOMAIN + streams.halves(bits, 1) % TOPICS_PER_DOMAIN


def cohort_languages(plan: PopulationPlan, accounts: Accounts) -> I32:
    """Language of what the cohort of each account has in common, shape (accounts,).

    Parameters
    ----------
    plan : PopulationPlan
        Plan of the world.
    accounts : Accounts
        Accounts of the world.
    """
    key = plan.cohort_key[accounts.cohort]
    return locales.main_languages(locales.homes(key), key)


def fixed_shares(usual: F32, template: U64) -> F32:
    """Share of a prompt that each template fixes: around the usual one by some log odds.

    Parameters
    ----------
    usual : ndarray of float32, shape (n,)
        The usual share.
    template : ndarray of uint64, shape (n,)
        Streams of the templates.
    """
    normal = streams.normal(streams.child(template, "fixed"))
    odds = usual / (1 - usual) * exact_functions.exp(_FIXED_SIGMA * normal).astype(np.float32)
    return np.minimum(odds / (1 + odds), _MOST_FIXED)


def _templated(habit: F32, project: U64) -> F32:
    """Share of sessions with a system prompt: the account's habit, or that of a project."""
    bits = streams.child(project, "templated")
    return np.where(streams.uniform(bits, 0) < _OWN_HABIT, streams.uniform(bits, 1), habit)


def common_topics(plan: PopulationPlan, accounts: Accounts, account: I64, bits: U64) -> I64:
    """Topics of the cohort's domain, one of those that it works on.

    Parameters
    ----------
    plan : PopulationPlan
        Plan of the world.
    accounts : Accounts
        Accounts of the world.
    account : ndarray of int64, shape (n,)
        Positions in them.
    bits : ndarray of uint64, shape (n,)
        Stream that draws which.
    """
    cohort = accounts.cohort[account]
    number = streams.below(streams.mix(bits), np.floor(accounts.dials["cohort_topics"]).astype(np.int64)[account])
    topics = streams.items(streams.child(plan.cohort_key[cohort], "topics"), number)
    return np.asarray(plan.domain[cohort] * TOPICS_PER_DOMAIN + streams.below(topics, TOPICS_PER_DOMAIN))
