"""What: templates, work-list items, SimHash sketches, topic embeddings, languages. No text exists anywhere."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from generator import network, streams
from generator.schema import EMBEDDING_DIMENSIONS

if TYPE_CHECKING:
    from generator.accounts import Accounts
    from generator.arrivals import Sessions
    from generator.cohorts import Plan

I64 = npt.NDArray[np.int64]
LANGUAGES = ("en", "zh", "es", "de", "fr", "ja", "pt", "ko", "ru", "other")
_LANGUAGE_WEIGHTS = np.array([0.58, 0.09, 0.07, 0.05, 0.05, 0.05, 0.04, 0.03, 0.02, 0.02])
STOP_CATEGORIES = ("capability_extraction", "machine_learning", "cyber", "other")
TOPICS = 192
_SENSITIVE_TOPICS = 10  # machine-learning topics, on which the provider's noisy classifier fires more often (a)
_FRAMEWORK_TEMPLATES = 40


@dataclass
class Prompts:
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

    template: streams.U64
    templated: npt.NDArray[np.bool_]
    shared: npt.NDArray[np.bool_]
    topic: I64
    language: npt.NDArray[np.int32]


def prompts(plan: Plan, accounts: Accounts, found: Sessions) -> Prompts:
    """Templates and topics of all sessions.

    How many templates and topics an account uses is its habit; whether they are its own, a framework's or the
    cohort's decides with whom it shares them.
    """
    row, d = found.account, accounts.dials
    cohort = plan.cohort_key[accounts.cohort][row]
    bits, more = streams.child(found.key, "template"), streams.child(found.key, "topic")
    templated = streams.uniform(bits, 0) < d["templated"][row]
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
    mine = np.where(common, streams.items(streams.child(cohort, "topics"), pooled), mine)
    main = streams.pick(streams.child(accounts.key, "language"), _LANGUAGE_WEIGHTS)[row]
    other = streams.pick(more, _LANGUAGE_WEIGHTS, 1)
    language = np.where(streams.uniform(more, 2) < d["languages"][row], other, main)
    return Prompts(template, templated, shared, streams.below(mine, TOPICS), language)


def work_items(
    plan: Plan, accounts: Accounts, found: Sessions, said: Prompts, session: I64, key: streams.U64
) -> streams.U64:
    """Key of the item that each request is about; equal keys are the same prompt again.

    Work that partitions one list never meets an item twice, on whichever account; other work of a cohort draws
    from a list with repeats; own prompts are new, but for a habit of repeating some.
    """
    row, d = found.account[session], accounts.dials
    bits = streams.child(key, "item")
    again = streams.uniform(bits, 0) < d["repeat"][row]
    listed = said.shared[session] & (streams.uniform(bits, 1) >= d["coverage"][row])
    cohort = streams.child(plan.cohort_key[accounts.cohort], "work list")[row]
    from_list = streams.items(cohort, streams.below(bits, np.floor(d["list_items"]).astype(np.int64)[row]))
    own = streams.items(streams.child(accounts.key, "own items")[row], streams.below(bits, 20))
    return np.where(again, own, np.where(listed, from_list, key))


def simhash(
    accounts: Accounts, found: Sessions, said: Prompts, session: I64, item: streams.U64
) -> npt.NDArray[np.uint64]:
    """64-bit SimHash of each prompt: its template's, with some bits flipped by the item; random without one."""
    flips = accounts.dials["paraphrase"] / 4
    sixteenths = (np.round(flips).astype(np.uint64))[found.account][session]
    mask = np.zeros(len(item), np.uint64)
    word = streams.child(item, "simhash")
    for bit in range(4):  # each bit of the mask is set with probability sixteenths / 16
        word = streams.mix(word + np.uint64(bit + 1))
        mask = np.where((sixteenths >> np.uint64(bit)) & np.uint64(1) == 1, word | mask, word & mask)
    base = streams.child(said.template, "simhash")[session]
    return np.where(said.templated[session], base ^ mask, streams.mix(word))


def embedding(
    accounts: Accounts, found: Sessions, said: Prompts, session: I64, item: streams.U64
) -> npt.NDArray[np.int8]:
    """Prompt embedding, shape (dimensions, requests): centre of the topic plus the item's own noise."""
    width = accounts.dials["topic_width"].astype(np.int16)[found.account][session]
    topic = said.topic[session]
    word = streams.child(item, "embedding")
    draws = np.stack([word, streams.mix(word + np.uint64(1))], axis=1).view(np.uint8)
    result = np.empty((EMBEDDING_DIMENSIONS, len(item)), np.int8)
    centres = _centres()
    for i in range(EMBEDDING_DIMENSIONS):
        noise = (streams.NORMAL8[draws[:, i]] * width) >> 5
        result[i] = np.clip(centres[i][topic] + noise, -127, 127)
    return result


def prompt_hash(said: Prompts) -> I64:
    """Hash of each session's system prompt."""
    return network.opaque63(streams.child(said.template, "hash"))


def stop_category(said: Prompts, session: I64, bits: streams.U64) -> npt.NDArray[np.int32]:
    """What the provider's noisy classifier says of each prompt; -1: nothing. It reads topics, not intentions."""
    sensitive = (said.topic < _SENSITIVE_TOPICS)[session]
    rate = np.where(sensitive, np.float32(0.06), np.float32(0.004))
    coin = streams.halves(bits, 2).astype(np.int32) & 1
    which = np.where(sensitive & (streams.uniform(bits, 1) < np.float32(0.7)), coin, 2 + coin)
    return np.where(streams.uniform(bits, 0) < rate, which, -1).astype(np.int32)


def _centres() -> npt.NDArray[np.int16]:
    """Centres of the topics, shape (dimensions, topics): the same in every world, as meanings are."""
    keys = streams.items(
        streams.items(np.full(1, streams.key("topics")), np.arange(TOPICS))[None, :],
        np.arange(EMBEDDING_DIMENSIONS)[:, None],
    )
    return np.round(streams.normal(keys) * 10).astype(np.int16)
