"""What: templates, work-list items, SimHash sketches, topic embeddings, languages. No text exists anywhere."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from generator.arrays import I8, I32, I64, U64, Mask
from generator.config.parameters import COHORT_CHOICES
from generator.rng import keyed_streams, opaque_ids, streams
from generator.schema import EMBEDDING_DIMENSIONS

if TYPE_CHECKING:
    from generator.population.accounts import Accounts
    from generator.population.population_plan import PopulationPlan
    from generator.workloads.batch import RequestBatch, Sessions

LANGUAGES = ("en", "zh", "es", "de", "fr", "ja", "pt", "ko", "ru", "other")
_LANGUAGE_WEIGHTS = np.array([0.58, 0.09, 0.07, 0.05, 0.05, 0.05, 0.04, 0.03, 0.02, 0.02])  # (a)
STOP_CATEGORIES = ("capability_extraction", "machine_learning", "cyber", "other")
TOPICS = 192  # equally many for each domain of work
_SENSITIVE_TOPICS = 10  # machine-learning topics, on which the provider's noisy classifier fires more often (a)
# Rates of flags on such topics and on others (a): with more, whoever sends more would be told by having any.
_FLAGGED = np.array([0.015, 0.001], np.float32)
_FITTING_FLAG = np.float32(0.7)  # share of flags on such topics that name one of the first two categories (a)
_FRAMEWORK_TEMPLATES = 40  # templates of public frameworks, the first far more popular than the last (a)
_POPULARITY = 3  # power of a uniform that says how much more (a)
_OWN_ITEMS = 20  # prompts that an account repeats (a)
_CHECK_PROMPTS = 5  # per cohort (a)
_CENTRE_SIGMA = 10  # of a topic's centre in each dimension, in steps of the embedding (a)
_NOISE_SHIFT = 5  # `streams.NORMAL8` is a standard normal times 2^5
# An answer's sketch differs from the usual one by about two of 64 bits: 1/16 times 8/16 of them (a).
_ALTERED = np.uint64(1), np.uint64(8)


@dataclass
class SessionContent:
    """Content of sessions (templates, topics, languages), decided once per session; shape (sessions,).

    Attributes
    ----------
    template : ndarray of uint64
        Key of the system prompt.
    templated : ndarray of bool
        Whether there is one.
    shared : ndarray of bool
        Whether it comes from the cohort's pool.
    topic, language : ndarray of int
        Topic of the session, language of its prompts (an index into `LANGUAGES`).
    """

    template: U64
    templated: Mask
    shared: Mask
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
    """

    key: U64
    check: Mask


def draw_content(plan: PopulationPlan, accounts: Accounts, sessions: Sessions) -> SessionContent:
    """Templates and topics of all sessions.

    How many templates and topics an account uses is its habit; whether they are its own, a framework's or the
    cohort's decides with whom it shares them.

    Parameters
    ----------
    plan : PopulationPlan
        Plan of the world.
    accounts, sessions : Accounts, Sessions
        Accounts and their sessions.
    """
    account, dials = sessions.account, accounts.dials
    cohort = plan.cohort_key[accounts.cohort][account]
    bits, more = streams.child(sessions.key, "template"), streams.child(sessions.key, "topic")
    instructed = np.where(sessions.work, dials["instructed"][account], np.float32(0))
    templated = streams.uniform(bits, 0) < np.maximum(dials["templated"][account], instructed)
    shared = sessions.work & (streams.uniform(bits, 1) < dials["pool_share"][account])
    nth = streams.below(bits, np.floor(dials["templates"]).astype(np.int64)[account])
    own = streams.items(streams.child(accounts.key, "templates")[account], nth)
    framework = streams.uniform(own, 0) < dials["framework"][account]
    popular = (streams.uniform(own, 1) ** _POPULARITY * _FRAMEWORK_TEMPLATES).astype(np.int64)
    template = np.where(framework, streams.items(streams.child(plan.root, "framework templates"), popular), own)
    pooled = streams.below(streams.mix(own), np.floor(dials["pool"]).astype(np.int64)[account])
    template = np.where(shared, streams.items(streams.child(cohort, "template pool"), pooled), template)

    nth = streams.below(more, np.floor(dials["topics"]).astype(np.int64)[account])
    own = streams.items(streams.child(accounts.key, "topics")[account], nth)
    common = sessions.work & (streams.uniform(more, 0) < dials["topic_share"][account])
    pooled = streams.below(streams.mix(own), np.floor(dials["cohort_topics"]).astype(np.int64)[account])
    width = TOPICS // len(COHORT_CHOICES["domain"])
    pooled = streams.below(streams.items(streams.child(cohort, "topics"), pooled), width)
    domain = plan.domain[accounts.cohort][account]
    topic = np.where(common, domain * width + pooled, streams.below(own, TOPICS))
    main = streams.pick(streams.child(accounts.key, "language"), _LANGUAGE_WEIGHTS)[account]
    other = streams.pick(more, _LANGUAGE_WEIGHTS, 1)
    language = np.where(streams.uniform(more, 2) < dials["languages"][account], other, main)
    return SessionContent(template, templated, shared, topic, language)


def draw_items(plan: PopulationPlan, batch: RequestBatch, content: SessionContent, opening: Mask) -> PromptItems:
    """What each request is about.

    Work that partitions one list never meets an item twice, on whichever account; other work of a cohort draws
    from a list with repeats; own prompts are new, but for a habit of repeating some. A check prompt asks what was
    asked before, to notice altered answers.

    Parameters
    ----------
    plan : PopulationPlan
        Plan of the world.
    batch : RequestBatch
        The requests.
    content : SessionContent
        Content of their sessions.
    opening : ndarray of bool, shape (requests,)
        Whether the request opens its session.
    """
    accounts, sessions, account = batch.accounts, batch.sessions, batch.account
    bits = batch.stream("item")
    again = streams.uniform(bits, 0) < batch.dial("repeat")
    listed = content.shared[batch.session] & (streams.uniform(bits, 1) >= batch.dial("coverage"))
    cohort = plan.cohort_key[accounts.cohort]
    work_list = streams.child(cohort, "work list")[account]
    list_length = np.floor(accounts.dials["list_items"]).astype(np.int64)[account]
    from_list = streams.items(work_list, streams.below(bits, list_length))
    own = streams.items(streams.child(accounts.key, "own items")[account], streams.below(bits, _OWN_ITEMS))
    item = np.where(again, own, np.where(listed, from_list, batch.key))
    probes = accounts.dials["probes"][sessions.account]
    asks = sessions.work & (streams.uniform(streams.child(sessions.key, "probe")) < probes)
    check = asks[batch.session] & opening
    checks = streams.items(streams.child(cohort, "check prompts")[account], streams.below(bits, _CHECK_PROMPTS))
    return PromptItems(np.where(check, checks, item), check)


def prompt_simhash(batch: RequestBatch, content: SessionContent, items: PromptItems) -> U64:
    """64-bit SimHash of each prompt: its template's, some bits flipped by the item; the item's without one.

    Parameters
    ----------
    batch : RequestBatch
        The requests.
    content : SessionContent
        Content of their sessions.
    items : PromptItems
        What each is about.
    """
    per_account = np.round(batch.accounts.dials["paraphrase"] / 4).astype(np.uint64)
    sixteenths = per_account[batch.sessions.account][batch.session]
    word = streams.child(items.key, "simhash")
    base = streams.child(content.template, "simhash")[batch.session]
    alone = items.check | ~content.templated[batch.session]
    return np.where(alone, streams.mix(word), base ^ _flips(word, sixteenths))


def response_simhash(item: U64, model: I32, key: U64) -> U64:
    """64-bit SimHash of each answer: that of the item and the model, with about two bits altered by chance.

    Parameters
    ----------
    item : ndarray of uint64, shape (requests,)
        Key of what each request is about.
    model : ndarray of int32, shape (requests,)
        Index into `provider.MODELS`.
    key : ndarray of uint64, shape (requests,)
        Stream of each request.
    """
    usual = streams.items(streams.child(item, "answer"), model)
    rare, half = _ALTERED
    sketch = usual ^ (_flips(streams.child(key, "answer"), rare) & _flips(streams.mix(key), half))
    return sketch | np.uint64(1)  # 0 stands for null


def _flips(word: U64, sixteenths: U64 | np.uint64) -> U64:
    """Masks of 64 bits, each set with probability sixteenths / 16."""
    mask = np.zeros(len(word), np.uint64)
    for bit in range(4):
        word = streams.mix(word + np.uint64(bit + 1))
        # All ones where the bit is set: then word | mask, else word & mask.
        ones = ((sixteenths >> np.uint64(bit)) & np.uint64(1)) * np.uint64(2**64 - 1)
        mask = (word & (mask | ones)) | (mask & ones)
    return mask


def prompt_embedding(batch: RequestBatch, content: SessionContent, items: PromptItems) -> I8:
    """Prompt embedding: centre of the topic plus the item's own noise.

    Parameters
    ----------
    batch : RequestBatch
        The requests.
    content : SessionContent
        Content of their sessions.
    items : PromptItems
        What each is about.

    Returns
    -------
    ndarray of int8, shape (dimensions, requests)
        From -127 to 127.
    """
    width = batch.accounts.dials["topic_width"].astype(np.int16)[batch.sessions.account][batch.session]
    topic = content.topic[batch.session]
    word = streams.child(items.key, "embedding")
    draws = np.stack([word, streams.mix(word + np.uint64(1))], axis=1).view(np.uint8)
    result = np.empty((EMBEDDING_DIMENSIONS, len(word)), np.int8)
    for i, (centre, draw) in enumerate(zip(_centres(), np.ascontiguousarray(draws.T), strict=True)):
        noise = streams.NORMAL8.take(draw)
        noise *= width
        noise >>= _NOISE_SHIFT
        noise += centre.take(topic)
        result[i] = np.clip(noise, -127, 127, out=noise)
    return result


def system_prompt_hash(content: SessionContent) -> I64:
    """Hash of each session's system prompt.

    Parameters
    ----------
    content : SessionContent
        Content of the sessions.
    """
    return opaque_ids.opaque63(streams.child(content.template, "hash"))


def stop_category(content: SessionContent, session: I64, bits: U64) -> I32:
    """What the provider's noisy classifier says of each prompt. It reads topics, not intentions.

    Parameters
    ----------
    content : SessionContent
        Content of the sessions.
    session : ndarray of int64, shape (requests,)
        Session of each request.
    bits : ndarray of uint64, shape (requests,)
        One draw each.

    Returns
    -------
    ndarray of int32, shape (requests,)
        Index into `STOP_CATEGORIES`; -1: nothing.
    """
    sensitive = (content.topic < _SENSITIVE_TOPICS)[session]
    rate = np.where(sensitive, _FLAGGED[0], _FLAGGED[1])
    coin = streams.halves(bits, 2).astype(np.int32) & 1
    which = np.where(sensitive & (streams.uniform(bits, 1) < _FITTING_FLAG), coin, 2 + coin)
    return np.where(streams.uniform(bits, 0) < rate, which, -1).astype(np.int32)


def _centres() -> npt.NDArray[np.int16]:
    """Centres of the topics, shape (dimensions, topics): the same in every world, as meanings are."""
    with keyed_streams.keyed(""):
        keys = streams.items(
            streams.items(np.full(1, streams.key("topics")), np.arange(TOPICS))[None, :],
            np.arange(EMBEDDING_DIMENSIONS)[:, None],
        )
    return np.round(streams.normal(keys) * _CENTRE_SIGMA).astype(np.int16)
