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
    from generator.workloads.batch import Sessions

LANGUAGES = ("en", "zh", "es", "de", "fr", "ja", "pt", "ko", "ru", "other")
_LANGUAGE_WEIGHTS = np.array([0.58, 0.09, 0.07, 0.05, 0.05, 0.05, 0.04, 0.03, 0.02, 0.02])
STOP_CATEGORIES = ("capability_extraction", "machine_learning", "cyber", "other")
TOPICS = 192  # equally many for each domain of work
_SENSITIVE_TOPICS = 10  # machine-learning topics, on which the provider's noisy classifier fires more often (a)
# Rates of flags on such topics and on others (a): with more, whoever sends more would be told by having any.
_FLAGGED = np.array([0.015, 0.001], np.float32)
_FRAMEWORK_TEMPLATES = 40
_CHECK_PROMPTS = 5  # per cohort (a)


@dataclass
class SessionContent:
    """Content of sessions (templates, topics, languages), decided once per session.

    Attributes
    ----------
    template : ndarray of uint64
        Key of the system prompt.
    templated : ndarray of bool
        Whether there is one.
    shared : ndarray of bool
        Whether it comes from the cohort's pool.
    topic, language : ndarray of int
        Topic of the session, language of its prompts.
    """

    template: U64
    templated: Mask
    shared: Mask
    topic: I64
    language: I32


def draw_content(plan: PopulationPlan, accounts: Accounts, found: Sessions) -> SessionContent:
    """Templates and topics of all sessions.

    How many templates and topics an account uses is its habit; whether they are its own, a framework's or the
    cohort's decides with whom it shares them.
    """
    row, d = found.account, accounts.dials
    cohort = plan.cohort_key[accounts.cohort][row]
    bits, more = streams.child(found.key, "template"), streams.child(found.key, "topic")
    instructed = np.where(found.work, d["instructed"][row], np.float32(0))
    templated = streams.uniform(bits, 0) < np.maximum(d["templated"][row], instructed)
    shared = found.work & (streams.uniform(bits, 1) < d["pool_share"][row])
    nth = streams.below(bits, np.floor(d["templates"]).astype(np.int64)[row])
    mine = streams.items(streams.child(accounts.key, "templates")[row], nth)
    framework = streams.uniform(mine, 0) < d["framework"][row]
    popular = (streams.uniform(mine, 1) ** 3 * _FRAMEWORK_TEMPLATES).astype(np.int64)
    template = np.where(framework, streams.items(streams.child(plan.root, "framework templates"), popular), mine)
    pooled = streams.below(streams.mix(mine), np.floor(d["pool"]).astype(np.int64)[row])
    template = np.where(shared, streams.items(streams.child(cohort, "template pool"), pooled), template)

    nth = streams.below(more, np.floor(d["topics"]).astype(np.int64)[row])
    mine = streams.items(streams.child(accounts.key, "topics")[row], nth)
    common = found.work & (streams.uniform(more, 0) < d["topic_share"][row])
    pooled = streams.below(streams.mix(mine), np.floor(d["cohort_topics"]).astype(np.int64)[row])
    width = TOPICS // len(COHORT_CHOICES["domain"])
    pooled = streams.below(streams.items(streams.child(cohort, "topics"), pooled), width)
    domain = plan.domain[accounts.cohort][row]
    topic = np.where(common, domain * width + pooled, streams.below(mine, TOPICS))
    main = streams.pick(streams.child(accounts.key, "language"), _LANGUAGE_WEIGHTS)[row]
    other = streams.pick(more, _LANGUAGE_WEIGHTS, 1)
    language = np.where(streams.uniform(more, 2) < d["languages"][row], other, main)
    return SessionContent(template, templated, shared, topic, language)


def draw_items(
    plan: PopulationPlan,
    accounts: Accounts,
    found: Sessions,
    said: SessionContent,
    session: I64,
    key: U64,
    opening: Mask,
) -> tuple[U64, Mask]:
    """Key of the item that each request is about, and whether it is one of the cohort's check prompts.

    Equal keys are the same prompt again. Work that partitions one list never meets an item twice, on whichever
    account; other work of a cohort draws from a list with repeats; own prompts are new, but for a habit of
    repeating some. A check prompt asks what was asked before, to notice altered answers.
    """
    row, d = found.account[session], accounts.dials
    bits = streams.child(key, "item")
    again = streams.uniform(bits, 0) < d["repeat"][row]
    listed = said.shared[session] & (streams.uniform(bits, 1) >= d["coverage"][row])
    cohort = plan.cohort_key[accounts.cohort]
    work_list = streams.child(cohort, "work list")[row]
    from_list = streams.items(work_list, streams.below(bits, np.floor(d["list_items"]).astype(np.int64)[row]))
    own = streams.items(streams.child(accounts.key, "own items")[row], streams.below(bits, 20))
    item = np.where(again, own, np.where(listed, from_list, key))
    asks = found.work & (streams.uniform(streams.child(found.key, "probe")) < d["probes"][found.account])
    probe = asks[session] & opening
    checks = streams.items(streams.child(cohort, "check prompts")[row], streams.below(bits, _CHECK_PROMPTS))
    return np.where(probe, checks, item), probe


def prompt_simhash(
    accounts: Accounts, found: Sessions, said: SessionContent, session: I64, item: U64, probe: Mask
) -> U64:
    """64-bit SimHash of each prompt: its template's, some bits flipped by the item; the item's without one."""
    sixteenths = np.round(accounts.dials["paraphrase"] / 4).astype(np.uint64)[found.account][session]
    word = streams.child(item, "simhash")
    base = streams.child(said.template, "simhash")[session]
    alone = probe | ~said.templated[session]
    return np.where(alone, streams.mix(word), base ^ _flips(word, sixteenths))


def response_simhash(item: U64, model: I32, key: U64) -> U64:
    """64-bit SimHash of each answer: that of the item and the model, with about two bits altered by chance."""
    usual = streams.items(streams.child(item, "answer"), model)
    sketch = usual ^ (_flips(streams.child(key, "answer"), np.uint64(1)) & _flips(streams.mix(key), np.uint64(8)))
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


def prompt_embedding(accounts: Accounts, found: Sessions, said: SessionContent, session: I64, item: U64) -> I8:
    """Prompt embedding, shape (dimensions, requests): centre of the topic plus the item's own noise."""
    width = accounts.dials["topic_width"].astype(np.int16)[found.account][session]
    topic = said.topic[session]
    word = streams.child(item, "embedding")
    draws = np.stack([word, streams.mix(word + np.uint64(1))], axis=1).view(np.uint8)
    result = np.empty((EMBEDDING_DIMENSIONS, len(item)), np.int8)
    for i, (centre, draw) in enumerate(zip(_centres(), np.ascontiguousarray(draws.T), strict=True)):
        noise = streams.NORMAL8.take(draw)
        noise *= width
        noise >>= 5
        noise += centre.take(topic)
        result[i] = np.clip(noise, -127, 127, out=noise)
    return result


def system_prompt_hash(said: SessionContent) -> I64:
    """Hash of each session's system prompt."""
    return opaque_ids.opaque63(streams.child(said.template, "hash"))


def stop_category(said: SessionContent, session: I64, bits: U64) -> I32:
    """What the provider's noisy classifier says of each prompt; -1: nothing. It reads topics, not intentions."""
    sensitive = (said.topic < _SENSITIVE_TOPICS)[session]
    rate = np.where(sensitive, _FLAGGED[0], _FLAGGED[1])
    coin = streams.halves(bits, 2).astype(np.int32) & 1
    which = np.where(sensitive & (streams.uniform(bits, 1) < np.float32(0.7)), coin, 2 + coin)
    return np.where(streams.uniform(bits, 0) < rate, which, -1).astype(np.int32)


def _centres() -> npt.NDArray[np.int16]:
    """Centres of the topics, shape (dimensions, topics): the same in every world, as meanings are."""
    with keyed_streams.keyed(""):
        keys = streams.items(
            streams.items(np.full(1, streams.key("topics")), np.arange(TOPICS))[None, :],
            np.arange(EMBEDDING_DIMENSIONS)[:, None],
        )
    return np.round(streams.normal(keys) * 10).astype(np.int16)
