"""Rendered prompts: pure in their names, equal where the names are, of the asked length, in every language."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from benchmarks.text_rendering import latents
from generator.arrays import I64, map_arrays
from generator.config.parameters import TOPICS
from generator.schema import KINDS, LANGUAGES
from generator.text import segments
from generator.text.choices import item_choices, template_choices
from generator.text.composition import compose, typed
from generator.text.grammar import ITEM_SLOTS, SLOT, UNCASED
from generator.text.latents import MOST_WORDS, WORDS_PER_TOKEN, PromptLatents
from generator.text.render import render_prompts, render_system_prompts
from generator.text.style import styled

PROSE = ("api", "reasoning", "conversation")


def take(names: PromptLatents, rows: Any) -> PromptLatents:
    taken: PromptLatents = map_arrays(lambda array: array[rows], names)
    return taken


def repeated(names: PromptLatents, n: int, **changes: Any) -> PromptLatents:
    """The first prompt n times, apart from what is changed."""
    return replace(take(names, np.zeros(n, np.int64)), **changes)


def test_a_text_depends_on_its_own_names_only() -> None:
    names = latents(9000)  # more than are rendered at a time
    texts = np.array(render_prompts(names).to_pylist())
    order = np.argsort(names.item)[:4000:7]
    assert render_prompts(take(names, order)).to_pylist() == texts[order].tolist()
    assert render_prompts(take(names, slice(17, 18))).to_pylist() == [texts[17]]
    assert len(render_prompts(take(names, slice(0, 0)))) == 0
    assert len(set(texts)) > 8900  # and nearly every name another


def test_every_topic_in_every_language_in_every_kind() -> None:
    n = TOPICS * len(LANGUAGES) * len(KINDS)
    every = np.arange(n)
    names = replace(
        latents(n),
        topic=every % TOPICS,
        language=(every // TOPICS % len(LANGUAGES)).astype(np.int32),
        kind=(every // TOPICS // len(LANGUAGES)).astype(np.int32),
    )
    texts = render_prompts(names).to_pylist()
    hand = typed(names)
    for text, by_hand, kind in zip(texts, hand, names.kind, strict=True):
        assert text
        assert text == text.strip(" ") or KINDS[kind] == "code"
        assert not SLOT.search(text)
        if not by_hand and KINDS[kind] in PROSE:
            assert "  " not in text


def test_the_same_item_has_the_same_body_under_every_template() -> None:
    names = latents(400, "api")
    n = 200
    names = repeated(
        names,
        n,
        template=names.template[1] + np.arange(n, dtype=np.uint64),
        task=names.task[:n],
        fixed=np.linspace(0.05, 0.8, n, dtype=np.float32),
        turn=np.zeros(n, np.int64),
        language=np.zeros(n, np.int32),
        template_language=np.zeros(n, np.int32),
        tokens=np.full(n, 400),
    )
    table, grammar = segments.segments(), segments.check()[1]
    chosen = item_choices(names.item[:1], names.topic[:1], names.language[:1])[0].tolist()
    fills = {slot: table.text[row].as_py() for slot, row in zip(ITEM_SLOTS, chosen, strict=True)}
    frames = grammar.sections["body", "en"] + grammar.sections["records", "en"]
    sentences = [frame.format(**fills) for frame in frames]
    bodies = [
        [sentence for _, sentence in sorted((text.find(s), s) for s in sentences if s in text)]
        for text in render_prompts(names).to_pylist()
    ]
    longest = max(bodies, key=len)
    assert len(longest) > 6
    assert len({len(body) for body in bodies}) > 5
    assert all(body == longest[: len(body)] for body in bodies)  # where there is less room, it ends earlier
    _, rows = compose(names, table)
    assert set(rows[rows < table.names].tolist()) == set(chosen)


def test_choices_are_different_and_of_the_topic() -> None:
    names = latents(3000)
    table, lexicon = segments.segments(), segments.check()[0]
    chosen = item_choices(names.item, names.topic, names.language)
    assert all(len(set(row)) == 6 for row in chosen.tolist())
    for row, topic, language in zip(chosen[:300].tolist(), names.topic, names.language, strict=False):
        phrases = [table.text[i].as_py() for i in row]
        assert set(phrases[:3]) <= set(lexicon.entities[LANGUAGES[language]][topic])
        assert set(phrases[3:]) <= set(lexicon.aspects[LANGUAGES[language]][topic // 16])


def words(names: PromptLatents) -> I64:
    """Length of each prompt apart from the line on what is attached, in parts of a word."""
    table = segments.segments()
    totals = []
    for text, language in zip(render_prompts(names).to_pylist(), names.language, strict=True):
        own = re.sub(r"\s*\[[^\]]*\d[^\]]*\]$", "", text)
        totals.append(segments.length(own, LANGUAGES[language]))
    assert table.words.dtype == np.int32
    return np.array(totals)


@pytest.mark.parametrize("language", ["en", "zh", "ru"])
def test_a_prompt_has_no_more_words_than_its_tokens_hold(language: str) -> None:
    code = np.full(3000, LANGUAGES.index(language), np.int32)
    names = replace(latents(3000, "conversation"), language=code, template_language=code)
    names = replace(names, tokens=30 + np.arange(3000) % 700)
    parts = words(names)
    room = np.minimum(names.tokens * WORDS_PER_TOKEN, MOST_WORDS) * segments.WORD
    assert np.mean(parts <= room) > 0.98  # an instruction stands even where it is longer
    assert np.all(parts <= room + 25 * segments.WORD)
    assert parts.max() > 0.9 * MOST_WORDS * segments.WORD


def test_what_the_text_does_not_hold_is_said_to_be_attached() -> None:
    n = 300
    names = repeated(latents(n, "api"), n, turn=np.zeros(n, np.int64), language=np.zeros(n, np.int32))
    names = replace(names, tokens=np.full(n, 5_000_000), item=latents(n).item)
    texts = render_prompts(names).to_pylist()
    numbers = [int(re.findall(r"\d+", text.rpartition("[")[2])[0]) for text in texts]
    assert all(4_900_000 <= number <= 5_000_000 for number in numbers)
    short = render_prompts(replace(names, tokens=np.full(n, 60))).to_pylist()
    assert np.mean(["[" in text for text in short]) < 0.1


@pytest.mark.parametrize("language", ["en", "de", "ja"])
def test_templates_fix_the_share_of_words_that_they_are_asked_to(language: str) -> None:
    n = 1500
    code = np.full(n, LANGUAGES.index(language), np.int32)
    names = replace(latents(n, "api"), language=code, template_language=code, turn=np.zeros(n, np.int64))
    names = take(replace(names, tokens=np.full(n, 500)), names.template != 0)
    n = len(names.template)
    for asked in (
        0.09,
        0.13,
        0.26,
        0.45,
        0.63,
    ):  # a Japanese instruction is longer, for the most words that a text has
        asks = replace(names, fixed=np.full(n, asked, np.float32))
        offsets, rows = template_choices(asks.template, asks.task, asks.template_language, asks.fixed)
        table = segments.segments()
        scaffold = np.add.reduceat(table.words[rows], offsets[:-1])
        share = np.median(scaffold / words(asks))
        assert share == pytest.approx(asked, rel=0.25), asked


def test_a_template_wraps_all_its_items_alike() -> None:
    names = latents(600, "api")
    one = replace(names, template=np.full(600, names.template[0] | 1), tokens=np.full(600, 400))
    one = replace(one, turn=one.turn * 0, task=one.task * 0, fixed=one.fixed * 0 + np.float32(0.4))
    one = replace(one, template_language=one.template_language * 0)
    offsets, rows = template_choices(one.template[:1], one.task[:1], one.template_language[:1], one.fixed[:1])
    assert len(rows) == offsets[-1] >= 3
    scaffold = [segments.segments().text[i].as_py() for i in rows.tolist()]
    for text in render_prompts(one).to_pylist():
        assert all(part in text for part in scaffold)


def test_a_style_changes_free_prompts_only_and_lightly() -> None:
    names = replace(latents(4000), language=np.zeros(4000, np.int32))
    other = replace(names, style=names.style[::-1].copy())
    texts, others = (np.array(render_prompts(n).to_pylist()) for n in (names, other))
    by_hand = typed(names)
    assert (texts[~by_hand] == others[~by_hand]).all()
    changed = np.mean(texts[by_hand] != others[by_hand])
    assert 0.4 < changed < 0.98
    plain = [re.sub(r"\W", "", text.lower()) for text in texts[by_hand]]
    again = [re.sub(r"\W", "", text.lower()) for text in others[by_hand]]
    assert np.mean([a[20:60] in b or b[20:60] in a for a, b in zip(plain, again, strict=True)]) > 0.6


def test_one_author_keeps_the_same_habits() -> None:
    n = 300
    names = replace(latents(n, "conversation"), template=np.zeros(n, np.uint64), language=np.zeros(n, np.int32))
    lower = []
    for style in range(1, 60):
        texts = render_prompts(replace(names, style=np.full(n, style, np.uint64))).to_pylist()
        lower.append(np.mean([text == text.lower() for text in texts[:50]]))
    assert set(lower) == {0.0, 1.0}


def test_system_prompts_follow_the_template() -> None:
    every = np.arange(40, dtype=np.uint64)
    language = (every % 10).astype(np.int32)
    texts = render_system_prompts(every, language * 0, language).to_pylist()
    assert texts[0] is None
    assert all(texts[1:])
    assert texts[5] == render_system_prompts(every[5:6], language[:1] * 0, language[5:6]).to_pylist()[0]
    assert len(set(texts)) == 40


def test_sentences_begin_with_capitals() -> None:
    for language, code in zip(LANGUAGES, range(len(LANGUAGES)), strict=True):
        if language in UNCASED:
            continue
        n = 300
        names = latents(n, "api")
        codes = np.full(n, code, np.int32)
        names = replace(names, language=codes, template_language=codes, template=names.template | np.uint64(1))
        names = replace(names, turn=names.turn * 0, tokens=np.full(n, 300))
        for text in render_prompts(names).to_pylist():
            assert text[0] == text[0].upper()


def test_styled_leaves_texts_alone_that_nobody_types() -> None:
    import pyarrow as pa

    text = pa.array(["Because of it. It is so."] * 200)
    style = np.arange(200, dtype=np.uint64)
    assert styled(text, style, np.zeros(200, np.bool_)).equals(text)
    assert len(set(styled(text, style, np.ones(200, np.bool_)).to_pylist())) > 5


def test_an_author_misspells_once_in_a_text_at_most() -> None:
    import pyarrow as pa

    plain = "it is so, and the end of the day, which is the best"
    styles = np.arange(2000, dtype=np.uint64)
    texts = set(styled(pa.array([plain] * 2000), styles, np.ones(2000, np.bool_)).to_pylist())
    once = [("the", "teh"), ("which", "wich"), (", ", " , "), (", ", ",")]
    assert texts == {plain, *(plain.replace(old, new, 1) for old, new in once)}


def test_names_in_a_prompt_are_different() -> None:
    text = "\n".join(render_prompts(latents(5000, "code")).to_pylist())
    signatures = re.findall(r"(?:def|function) (\w+)\((\w+):", text)
    assert len(signatures) > 300
    assert all(name != argument for name, argument in signatures)


def test_templates_ask_of_code_what_one_asks_of_code() -> None:
    names = replace(latents(600, "code"), turn=np.zeros(600, np.int64))
    names = take(names, names.template != 0)
    grammar = segments.check()[1]
    texts = render_prompts(names).to_pylist()
    for text, language in zip(texts, names.template_language, strict=True):
        asked = [
            sentence
            for task in ("explain", "implement", "review", "test")
            for sentence in grammar.sections[f"{task}.instructions", LANGUAGES[language]]
        ]
        assert any(sentence in text for sentence in asked)
        assert re.search(r"^(#|//|--) ", text, re.MULTILINE)  # the code's comment has its own line
