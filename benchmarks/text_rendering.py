"""Measure how many prompts are rendered as text in a second of one core.

nice python -m benchmarks.text_rendering            # 100,000 prompts of about 100 words, by kind
nice python -m benchmarks.text_rendering --rows 1e4
"""

from __future__ import annotations

import argparse
import time

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from generator.config.parameters import TOPICS, TOPICS_PER_DOMAIN
from generator.rng import streams
from generator.schema import KINDS, LANGUAGES
from generator.text.latents import DOMAINS, PromptLatents
from generator.text.render import render_prompts
from generator.text.tasks import tasks_of

_TEMPLATES = 1000
_TEMPLATED = 0.6  # share of prompts with a template
_PASSES = 5
_TOKENS = 200  # that leave room for about 100 words


def latents(rows: int, kind: str | None = None) -> PromptLatents:
    """Names of prompts: most of them templates', all domains, languages and, unless one is given, kinds."""
    keys = streams.items(np.full(rows, streams.key("text rendering")), np.arange(rows))
    numbers = streams.below(streams.child(keys, "template"), _TEMPLATES)
    template = streams.items(np.full(1, streams.key("templates")), numbers)
    topic = streams.below(streams.child(keys, "topic"), TOPICS)
    kinds = streams.below(streams.child(keys, "kind"), len(KINDS))
    templated = streams.uniform(streams.child(keys, "templated")) < _TEMPLATED
    return PromptLatents(
        template=np.where(templated, template, np.uint64(0)),
        domain=streams.below(streams.child(template, "domain"), len(DOMAINS)).astype(np.int32),
        task=tasks_of(template, topic // TOPICS_PER_DOMAIN),
        template_language=streams.below(streams.child(template, "language"), len(LANGUAGES)).astype(np.int32),
        fixed=0.05 + 0.6 * streams.uniform(streams.child(template, "fixed")),
        item=keys,
        topic=topic,
        language=streams.below(streams.child(keys, "language"), len(LANGUAGES)).astype(np.int32),
        kind=(kinds if kind is None else np.full(rows, KINDS.index(kind))).astype(np.int32),
        turn=streams.below(streams.child(keys, "turn"), 2),
        style=streams.child(keys, "style"),
        tokens=np.full(rows, _TOKENS) + streams.below(streams.child(keys, "tokens"), _TOKENS),
    )


def main() -> None:
    """Print prompts a core second."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=float, default=1e5)
    rows = int(parser.parse_args().rows)
    pa.set_cpu_count(1)
    render_prompts(latents(100))  # reads the files
    print(f"{'kind':12} {'prompts/core second':>20} {'words':>6} {'characters':>11}")
    for kind in (None, *KINDS):
        names, seconds = latents(rows, kind), []
        for _ in range(_PASSES):  # the quickest counts, as in timeit: what else the machine does only adds
            begin = time.process_time()
            texts = render_prompts(names)
            seconds.append(time.process_time() - begin)
        rate = rows / min(seconds)
        words = pc.mean(pc.add(pc.count_substring_regex(texts, r"\s+"), 1)).as_py()
        print(f"{kind or 'all':12} {rate:20,.0f} {words:6.0f} {pc.mean(pc.utf8_length(texts)).as_py():11.0f}")


if __name__ == "__main__":
    main()
