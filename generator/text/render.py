"""Latent names to text: the only place where strings are joined."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from generator.arrays import I32, I64, U64, map_arrays
from generator.rng import streams
from generator.text.choices import NONE, shuffled
from generator.text.composition import compose, expand, typed
from generator.text.latents import PromptLatents
from generator.text.segments import LINE, SLOTS, SPACE, Segments, segments
from generator.text.style import styled

_CHUNK = 8192  # prompts whose working arrays stay in the processor's cache
_MOST_CONDUCT = 3  # sentences of a system prompt after the first (a)
_CONDUCT_WEIGHTS = np.array([0.5, 0.3, 0.15, 0.05])  # of none to three of them (a)


def render_prompts(latents: PromptLatents) -> pa.StringArray:
    """Texts of prompts.

    Parameters
    ----------
    latents : PromptLatents
        Of n prompts. A text depends on its own names only, not on the other rows.

    Returns
    -------
    pa.StringArray
        n texts.

    Raises
    ------
    UserError
        What is wrong with the files of lexicon and grammar.
    """
    table, n = segments(), len(latents.template)
    parts = []
    for begin in range(0, n, _CHUNK):
        part = map_arrays(lambda array, begin=begin: array[begin : begin + _CHUNK], latents)
        text = _joined(*compose(part, table), table)
        parts.append(styled(text, part.style, typed(part)))
    return pa.concat_arrays(parts) if parts else pa.array([], pa.string())


def render_system_prompts(template: U64, domain: I32, language: I32) -> pa.StringArray:
    """Texts of system prompts.

    Parameters
    ----------
    template : ndarray of uint64, shape (n,)
        Streams of the templates; 0 has no system prompt.
    domain : ndarray of int32, shape (n,)
        What the template is about, index of `DOMAINS`.
    language : ndarray of int32, shape (n,)
        Index of `LANGUAGES`.

    Returns
    -------
    pa.StringArray
        n texts, null where the template is 0.

    Raises
    ------
    UserError
        What is wrong with the files of lexicon and grammar.
    """
    table, tongue = segments(), language.astype(np.int64)
    stream = streams.items(streams.child(template, "system prompt"), domain)
    role = table.first["roles"][tongue] + streams.below(
        streams.child(stream, "role"), table.sizes["roles"][tongue]
    )
    order = shuffled(streams.child(stream, "conduct"), table.sizes["conduct"][tongue], _MOST_CONDUCT)
    joint = np.where(streams.uniform(streams.child(stream, "layout")) < 0.5, SPACE, LINE)
    conduct = (table.first["conduct"][tongue] + joint * table.plain)[:, None] + order
    # Mostly brief ones: what a request was counted as must have room for its system prompt.
    count = streams.pick(streams.child(stream, "count"), _CONDUCT_WEIGHTS)
    conduct[np.arange(_MOST_CONDUCT) >= count[:, None]] = NONE
    frames = np.column_stack([role, conduct])
    text = _joined(*expand(frames, np.full((len(role), len(SLOTS)), NONE), table), table)
    # No two templates are one text, as no two have one hash.
    marks = [f"[{mark:08x}]" for mark in (streams.child(stream, "mark") >> np.uint64(32)).tolist()]
    return pc.if_else(pa.array(template != 0), pc.binary_join_element_wise(text, pa.array(marks), " "), None)


def _joined(offsets: I64, rows: I64, table: Segments) -> pa.StringArray:
    pieces = table.text.take(pa.array(rows))
    return pc.binary_join(pa.ListArray.from_arrays(pa.array(offsets, pa.int32()), pieces), "")
