"""Lexicon and grammar: what is wrong with their files is said at once; what the package brings is fit for use."""

from __future__ import annotations

import ast
import re
import shutil
import sqlite3
from collections.abc import Callable
from pathlib import Path

import pytest

from generator.config.parameters import TOPICS
from generator.errors import UserError
from generator.schema import LANGUAGES
from generator.text import segments
from generator.text.grammar import SLOT, read_grammar
from generator.text.latents import CODES, DOMAINS
from generator.text.lexicon import DATA, read_lexicon, read_tasks


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return Path(shutil.copytree(DATA, tmp_path / "data"))


def replace(file: Path, pattern: str, new: str) -> None:
    text, n = re.subn(pattern, new, file.read_text("utf-8"), count=1, flags=re.DOTALL)
    assert n == 1
    file.write_text(text, "utf-8")


def test_the_package_speaks_ten_languages_on_all_topics() -> None:
    lexicon, grammar = segments.check()
    assert len(set(lexicon.topics)) == TOPICS
    assert all(len(lexicon.entities[language]) == TOPICS for language in LANGUAGES)
    table = segments.build(lexicon, grammar)
    assert table.text[0].as_py() == lexicon.entities["en"][0][0]
    assert min(table.words) >= 0
    assert not any(SLOT.search(text) for text in table.text.to_pylist())


# A file, what is replaced in it by what, and what is said of it.
FAULTS = [
    ("lexicon/coding.toml", 'domain = "coding"', 'domain = "cooking"', "'cooking' is not 'coding'"),
    ("lexicon/coding.toml", "domain = ", "colour = 3\ndomain = ", "colour: no such key"),
    ("lexicon/coding.toml", r"\nname = \"[^\n]*\"", '\nname = ""', "name: missing"),
    ("lexicon/coding.toml", r"\nname = \"[^\n]*\"", '\nname = "two cats"\nxx = ["a"]', "xx: unknown language"),
    ("lexicon/coding.toml", r"\nen = \[\"[^\"]*\", ", "\nen = [", "en: 15 phrases, not 16"),
    ("lexicon/coding.toml", r"\nde = \[\"([^\"]*)\", \"[^\"]*\"", r'\nde = ["\1", "\1"', "twice"),
    ("lexicon/coding.toml", r"\nfr = \[\"[^\"]*\"", '\nfr = ["un  deux"', "has a space too many"),
    ("lexicon/coding.toml", r"\nfr = \[\"[^\"]*\"", '\nfr = [""', "is empty"),
    ("lexicon/coding.toml", r"\nfr = \[\"[^\"]*\"", '\nfr = ["{e1}"', "a character that no noun phrase has"),
    ("lexicon/coding.toml", r"\nfr = \[\"[^\"]*\"", f'\nfr = ["{"a" * 61}"', "longer than 60"),
    ("lexicon/coding.toml", r"\nko = [^\n]*", "\nko = 7", "ko: no list of phrases"),
    ("lexicon/coding.toml", r"\[aspects\]", "[aspect]", "aspects: en: no list"),
    ("lexicon/coding.toml", "domain = ", "domain ", "no TOML"),
    ("grammar/en.toml", r"\nrules = \[\n[^\n]*", "\nrules = [", "rules: 23 frames, fewer than 24"),
    ("grammar/en.toml", r"\nrules = \[\n[^\n]*", '\nrules = [\n"",', "renders to nothing"),
    ("grammar/en.toml", r"\nrules = \[\n[^\n]*", '\nrules = [\n"Be {e1}.",', "the slot e1, which does not belong"),
    ("grammar/en.toml", r"\nrules = \[\n[^\n]*", '\nrules = [\n"Be  brief.",', "a space too many"),
    ("grammar/en.toml", r"\nrules = \[\n[^\n]*\n([^\n]*)", r"\nrules = [\n\1\n\1", "twice"),
    (
        "grammar/en.toml",
        r"\nbody = \[\n[^\n]*",
        '\nbody = [\n"Only {e1} stood there.",',
        "has 1 slots, not 2 to 4",
    ),
    ("grammar/en.toml", r"\nbody = \[\n[^\n]*", '\nbody = [\n"{e1} and {e2} met.",', "begins with a slot"),
    (
        "grammar/en.toml",
        r"\nbody = \[\n[^\n]*",
        '\nbody = [\n"The {e1} and {e2 met {a1}.",',
        "a brace that is no slot",
    ),
    ("grammar/en.toml", r"\nattachments = \[\n[^\n]*", '\nattachments = [\n"[more]",', "has 0 slots, not 1 to 1"),
    ("grammar/en.toml", r"\ngreetings = \[", "\nsalutes = [", "salutes: no such section"),
    ("grammar/en.toml", r"\ngreetings = \[", "\nsalutes = [", "greetings: no list of sentences"),
    ("grammar/en.toml", r"\[tasks.plan\]", "[tasks.dream]", "plan.questions: no list"),
    (
        "grammar/code.toml",
        r"\nidentifiers = \[\n[^\n]*",
        "\nidentifiers = [",
        "identifiers: 72 texts, fewer than 80",
    ),
    ("grammar/code.toml", r"\nsql = \[", "\nbasic = [", "blocks.basic: unknown programming language"),
    ("grammar/code.toml", r"\nsql = \[", "\nbasic = [", "blocks.sql: no list of texts"),
    ("grammar/code.toml", r"\nsql = \[\n", '\nsql = [\n" ",\n', "' ' is empty"),
    (
        "grammar/code.toml",
        r"\nsql = \[\n",
        '\nsql = [\n"SELECT {i4}",\n',
        "the slot i4, which does not belong",
    ),
    ("tasks.toml", r"\[coding\]", "[cooking]", "coding: missing"),
    ("tasks.toml", r"\[coding\]", "[cooking]", "cooking: no such domain"),
    ("tasks.toml", "implement = 8", "dream = 8", "coding.dream: no such task"),
    ("tasks.toml", "implement = 8", "implement = -1", "-1 is no weight above 0"),
]


READERS: dict[str, Callable[[Path, list[str]], object]] = {
    "lexicon": read_lexicon,
    "grammar": read_grammar,
    "tasks.toml": read_tasks,
}


@pytest.mark.parametrize(("file", "pattern", "new", "said"), FAULTS)
def test_every_fault_is_said(tmp_path: Path, file: str, pattern: str, new: str, said: str) -> None:
    (tmp_path / file).parent.mkdir(exist_ok=True)
    shutil.copy(DATA / file, tmp_path / file)
    read = READERS[file.partition("/")[0]]
    faults: list[str] = []
    read(tmp_path, faults)
    assert not [fault for fault in faults if not fault.endswith(": missing")]  # all other files
    replace(tmp_path / file, pattern, new)
    faults.clear()
    read(tmp_path, faults)
    assert [fault for fault in faults if fault.startswith(file) and said in fault]


def test_all_faults_are_said_at_once(folder: Path) -> None:
    (folder / "grammar" / "de.toml").unlink()
    (folder / "grammar" / "tlh.toml").write_text("")
    (folder / "lexicon" / "cooking.toml").write_text("")
    (folder / "lexicon" / "teaching.toml").write_bytes(b"\xff")
    replace(folder / "lexicon" / "everyday.toml", r"\nname = \"[^\n]*\"", '\nname = "same"')
    replace(folder / "lexicon" / "marketing_copy.toml", r"\nname = \"[^\n]*\"", '\nname = "same"')
    with pytest.raises(UserError) as error:
        segments.check(folder)
    for said in (
        "grammar/de.toml: missing",
        "grammar/tlh.toml: unknown language",
        "lexicon/cooking.toml: no such domain",
        "lexicon/teaching.toml: no TOML",
        "2 topics are called same",
    ):
        assert said in str(error.value)
    assert "\n" not in str(error.value)


def test_a_hundred_faults_are_enough(folder: Path) -> None:
    for code in CODES:
        (folder / "grammar" / f"{code}.toml").write_text("rules = []")
    for domain in DOMAINS:
        (folder / "lexicon" / f"{domain.replace(' ', '_')}.toml").unlink()
    with pytest.raises(UserError, match=r"; and \d+ more$"):
        segments.check(folder)


def test_blocks_of_code_are_whole() -> None:
    blocks = segments.check()[1].blocks
    names = {"i1": "order_lines", "i2": "load_config", "i3": "page_size"}
    for language, texts in blocks.items():
        for text in texts:
            assert 3 <= len(text.splitlines()) <= 7, text
            code = SLOT.sub(lambda slot: names[slot[1]], text)
            assert not re.search(r"\{[a-z]\d\}", code)
            if language == "python":
                ast.parse(code)
            if language == "sql":
                assert sqlite3.complete_statement(code), code
            for opening, closing in ("()", "[]", "{}"):
                assert code.count(opening) == code.count(closing), code
