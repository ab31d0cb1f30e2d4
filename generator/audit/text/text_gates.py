"""The verdicts on prompts as text: what words and style, learnt on the first split, find in the others."""

from __future__ import annotations

from collections.abc import Sequence

from generator.arrays import F64, Mask
from generator.audit.base import rank_statistics, verdicts
from generator.audit.base.gate import Gate
from generator.audit.base.labelled_split import LabelledSplit
from generator.audit.text import sampled_prompts, style, words

LIFT = 3.0
"""Average precision over prevalence that text may reach (a)."""
WORDS = "bag of words, evasive and adaptive: AP / prevalence"
STYLE = "style alone, evasive and adaptive: AP / prevalence"
_REMEDIES = {
    WORDS: "draw templates, items and topics of campaigns from the laws of benign cohorts",
    STYLE: "draw the style of campaigns' accounts as that of anybody",
}
_SINGLE, _POOLED = "single prompts", "an account's prompts"
Lifts = dict[str, dict[str, float]]


def gates(splits: Sequence[LabelledSplit]) -> list[Gate]:
    """Judge words and style, each by single prompt and pooled per account.

    Parameters
    ----------
    splits : sequence of LabelledSplit
        Every split of a dataset; models are fitted on the first one.

    Returns
    -------
    list of Gate
        Passed, and named as skipped, where the dataset has no prompts as text.
    """
    if not all(sampled_prompts.has_text(split) for split in splits):
        return [Gate(name, 0.0, "skipped: no prompts as text", True, remedy) for name, remedy in _REMEDIES.items()]
    lifts = measured(splits)
    return [verdicts.tolerance(name, lifts[name], LIFT, remedy) for name, remedy in _REMEDIES.items()]


def measured(splits: Sequence[LabelledSplit]) -> dict[str, Lifts]:
    """Average precision over prevalence of each model on each split but the first.

    Parameters
    ----------
    splits : sequence of LabelledSplit
        With prompts as text.

    Returns
    -------
    dict of str to dict of str to dict of str to float
        By gate, then by what was judged, then by split.
    """
    from threadpoolctl import threadpool_limits

    lifts: dict[str, Lifts] = {name: {_SINGLE: {}, _POOLED: {}} for name in _REMEDIES}
    first, *others = splits
    train = sampled_prompts.sample(first)
    if not train.positive.any() or train.positive.all():
        return lifts
    counts = words.word_counts(train)
    habits = style.numbers(train, counts)
    of_prompt = train.positive[train.row]
    with threadpool_limits(1, "openmp"):  # as in `artifacts`: threads would only wait for each other
        single = words.fit(counts, of_prompt), style.fit(habits, of_prompt)
        whole = (
            words.fit(words.pooled(train, counts), train.positive),
            style.fit(style.pooled(train, habits), train.positive),
        )
        for other in others:
            target = sampled_prompts.sample(other)
            if not target.positive.any():
                continue
            counts = words.word_counts(target)
            habits = style.numbers(target, counts)
            of_prompt = target.positive[target.row]
            lifts[WORDS][_SINGLE][other.name] = _lift(of_prompt, single[0].score(counts))
            lifts[STYLE][_SINGLE][other.name] = _lift(of_prompt, style.score(single[1], habits))
            both = words.pooled(target, counts), style.pooled(target, habits)
            lifts[WORDS][_POOLED][other.name] = _lift(target.positive, whole[0].score(both[0]))
            lifts[STYLE][_POOLED][other.name] = _lift(target.positive, style.score(whole[1], both[1]))
    return lifts


def _lift(positive: Mask, score: F64) -> float:
    return rank_statistics.lifts(*rank_statistics.blocks(positive, score))[0]
