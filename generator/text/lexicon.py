"""The lexicon: what topics are told with, in every language; one file a domain below `data/lexicon`."""

from __future__ import annotations

import re
import tomllib
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from generator.config.parameters import TOPICS_PER_DOMAIN
from generator.schema import LANGUAGES
from generator.text.latents import ASPECTS, DOMAINS, ENTITIES, TASKS

DATA = Path(__file__).parent / "data"
_LONGEST = 60  # characters of an entity or aspect: a noun phrase of up to four words
_TASKS_FILE = "tasks.toml"


@dataclass(frozen=True)
class Lexicon:
    """Words of all topics.

    Attributes
    ----------
    topics : tuple of str
        English names of the 192 topics, by their numbers.
    entities : dict of str to tuple of tuple of str
        By language: of each topic its 8 entities.
    aspects : dict of str to tuple of tuple of str
        By language: of each domain its 16 aspects.
    """

    topics: tuple[str, ...]
    entities: dict[str, tuple[tuple[str, ...], ...]]
    aspects: dict[str, tuple[tuple[str, ...], ...]]


def read_toml(file: Path, faults: list[str]) -> dict[str, Any]:
    """Document of a file; of a missing or broken one a fault and nothing.

    Parameters
    ----------
    file : Path
        TOML in UTF-8.
    faults : list of str
        Takes what is wrong with it.
    """
    try:
        return tomllib.loads(file.read_text("utf-8"))
    except FileNotFoundError:
        faults.append(f"{file.parent.name}/{file.name}: missing")
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        faults.append(f"{file.parent.name}/{file.name}: no TOML: {error}")
    return {}


def read_lexicon(folder: Path, faults: list[str]) -> Lexicon:
    """Read the files of all domains.

    Parameters
    ----------
    folder : Path
        Holds `lexicon/<domain>.toml`.
    faults : list of str
        Takes all that is wrong; if there is anything, the lexicon is not fit for use.
    """
    topics: list[str] = []
    entities: dict[str, list[tuple[str, ...]]] = {language: [] for language in LANGUAGES}
    aspects: dict[str, list[tuple[str, ...]]] = {language: [] for language in LANGUAGES}
    files = {f"{domain.replace(' ', '_')}.toml": domain for domain in DOMAINS}
    strays = {f.name for f in (folder / "lexicon").glob("*.toml")} - files.keys()
    faults += [f"lexicon/{name}: no such domain" for name in sorted(strays)]
    for name, domain in files.items():
        document = read_toml(folder / "lexicon" / name, faults)
        found = list(_domain_faults(document, domain)) if document else []
        faults += [f"lexicon/{name}: {fault}" for fault in found]
        if found or not document:
            continue
        topics += [topic["name"] for topic in document["topics"]]
        for language in LANGUAGES:
            entities[language] += [tuple(topic[language]) for topic in document["topics"]]
            aspects[language].append(tuple(document["aspects"][language]))
    faults += [f"lexicon: {n} topics are called {name}" for name, n in Counter(topics).items() if n > 1]
    return Lexicon(
        tuple(topics),
        {language: tuple(rows) for language, rows in entities.items()},
        {language: tuple(rows) for language, rows in aspects.items()},
    )


def _domain_faults(document: dict[str, Any], domain: str) -> Iterator[str]:
    if document.get("domain") != domain:
        yield f"domain: {document.get('domain')!r} is not {domain!r}"
    topics = document.get("topics", [])
    if len(topics) != TOPICS_PER_DOMAIN:
        yield f"topics: {len(topics)}, not {TOPICS_PER_DOMAIN}"
    for number, topic in enumerate(topics):
        name = topic.get("name")
        if not isinstance(name, str) or not name:
            yield f"topics[{number}].name: missing"
        lists = {key: value for key, value in topic.items() if key != "name"}
        yield from (f"topic {name}: {fault}" for fault in _list_faults(lists, ENTITIES))
    yield from (f"aspects: {fault}" for fault in _list_faults(document.get("aspects", {}), ASPECTS))
    unknown = sorted(document.keys() - {"domain", "topics", "aspects"})
    yield from (f"{key}: no such key" for key in unknown)


def _list_faults(lists: dict[str, Any], size: int) -> Iterator[str]:
    """What is wrong with the lists of phrases of all languages."""
    for language in (*LANGUAGES, *sorted(lists.keys() - set(LANGUAGES))):
        phrases = lists.get(language)
        if language not in LANGUAGES:
            yield f"{language}: unknown language"
        elif not isinstance(phrases, list) or not all(isinstance(p, str) for p in phrases):
            yield f"{language}: no list of phrases"
        else:
            if len(phrases) != size:
                yield f"{language}: {len(phrases)} phrases, not {size}"
            yield from (f"{language}: {p!r} twice" for p, n in Counter(phrases).items() if n > 1)
            yield from (f"{language}: {p!r} {fault}" for p in phrases for fault in _phrase_faults(p))


def _phrase_faults(phrase: str) -> Iterator[str]:
    if phrase != " ".join(phrase.split()) or not phrase:
        yield "is empty or has a space too many"
    if re.search(r"[{}\[\]<>|]|[.!?。！？]$", phrase) or not phrase.isprintable():
        yield "holds a character that no noun phrase has"
    if len(phrase) > _LONGEST:
        yield f"is longer than {_LONGEST} characters"


def read_tasks(folder: Path, faults: list[str]) -> dict[str, dict[str, float]]:
    """Weights of the tasks in each domain.

    Parameters
    ----------
    folder : Path
        Holds `tasks.toml`.
    faults : list of str
        Takes all that is wrong.
    """
    document = read_toml(folder / _TASKS_FILE, faults)
    if document:
        faults += [f"{_TASKS_FILE}: {domain}: missing" for domain in DOMAINS if not document.get(domain)]
    for domain, weights in document.items():
        if domain not in DOMAINS:
            faults.append(f"{_TASKS_FILE}: {domain}: no such domain")
        for task, weight in weights.items():
            if task not in TASKS:
                faults.append(f"{_TASKS_FILE}: {domain}.{task}: no such task")
            if not isinstance(weight, int | float) or not weight > 0:
                faults.append(f"{_TASKS_FILE}: {domain}.{task}: {weight!r} is no weight above 0")
    return document
