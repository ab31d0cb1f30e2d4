"""The grammar: sentences with slots, in every language; one file a language below `data/grammar`."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from generator.schema import LANGUAGES
from generator.text.latents import CODES, INSTRUCTIONS, QUESTIONS, TASKS
from generator.text.lexicon import read_toml

ITEM_SLOTS = ("e1", "e2", "e3", "a1", "a2", "a3")
NAME_SLOTS = ("i1", "i2", "i3")
SLOT = re.compile(r"\{([a-z]\d?)\}")
UNCASED = ("zh", "ja", "ko")  # scripts in which a sentence may begin with a slot: they have no capitals


@dataclass(frozen=True)
class Section:
    """What a list of frames must be like.

    Attributes
    ----------
    frames : int
        How many there are at least, in every language.
    slots : tuple of str
        Slots that may stand in them.
    least, most : int
        How many different slots each has.
    """

    frames: int
    slots: tuple[str, ...] = ()
    least: int = 0
    most: int = 0


SECTIONS = {
    "rules": Section(24),
    "formats": Section(12),
    "fields": Section(12, ITEM_SLOTS, 1, 1),
    "lead_ins": Section(10),
    "body": Section(30, ITEM_SLOTS, 2, 4),
    "records": Section(30, ITEM_SLOTS, 2, 6),
    "follow_ups": Section(16, ITEM_SLOTS, 1, 2),
    "greetings": Section(8),
    "closings": Section(8),
    "roles": Section(12),
    "conduct": Section(24),
    "attachments": Section(6, ("n",), 1, 1),
}
"""Lists of frames of a language, apart from those of each task."""
TASK_SECTIONS = {"instructions": Section(INSTRUCTIONS), "questions": Section(QUESTIONS, ITEM_SLOTS, 1, 6)}
IDENTIFIERS, TOOL_RESULTS, BLOCKS = 80, 20, 24  # BLOCKS: the least of each programming language
PROGRAMMING = {"python": "#", "typescript": "//", "sql": "--"}
"""Programming languages, and how a comment begins in each."""


@dataclass(frozen=True)
class Grammar:
    """Frames of all languages.

    Attributes
    ----------
    sections : dict of (str, str) to tuple of str
        By section and language; tasks' sections are called "<task>.instructions" and "<task>.questions".
    identifiers, tool_results : tuple of str
        Names in code; what tools return.
    blocks : dict of str to tuple of str
        Snippets of code, by `PROGRAMMING` language.
    """

    sections: dict[tuple[str, str], tuple[str, ...]]
    identifiers: tuple[str, ...]
    tool_results: tuple[str, ...]
    blocks: dict[str, tuple[str, ...]]


def all_sections() -> dict[str, Section]:
    """Every section of a language by its full name, in the order of the segments."""
    of_tasks = {f"{task}.{name}": section for task in TASKS for name, section in TASK_SECTIONS.items()}
    return {**SECTIONS, **of_tasks}


def read_grammar(folder: Path, faults: list[str]) -> Grammar:
    """Read the files of all languages and of code.

    Parameters
    ----------
    folder : Path
        Holds `grammar/<language>.toml` and `grammar/code.toml`.
    faults : list of str
        Takes all that is wrong; if there is anything, the grammar is not fit for use.
    """
    known = {f"{code}.toml" for code in CODES} | {"code.toml"}
    strays = {f.name for f in (folder / "grammar").glob("*.toml")} - known
    faults += [f"grammar/{name}: unknown language" for name in sorted(strays)]
    sections = {}
    for language, code in zip(LANGUAGES, CODES, strict=True):
        document = read_toml(folder / "grammar" / f"{code}.toml", faults)
        lists = _by_full_name(document)
        if document:
            faults += [f"grammar/{code}.toml: {fault}" for fault in _language_faults(lists, code)]
        sections.update({(name, language): _texts(lists.get(name)) for name in all_sections()})
    document = read_toml(folder / "grammar" / "code.toml", faults)
    if document:
        faults += [f"grammar/code.toml: {fault}" for fault in _code_faults(document)]
    blocks = {name: _texts(document.get("blocks", {}).get(name)) for name in PROGRAMMING}
    return Grammar(sections, _texts(document.get("identifiers")), _texts(document.get("tool_results")), blocks)


def _texts(frames: Any) -> tuple[str, ...]:
    return tuple(str(frame) for frame in frames) if isinstance(frames, list) else ()


def _by_full_name(document: dict[str, Any]) -> dict[str, Any]:
    """All lists of a language; a task's as "<task>.<section>"."""
    lists = {name: value for name, value in document.items() if name != "tasks"}
    for task, of_task in document.get("tasks", {}).items():
        lists.update({f"{task}.{name}": value for name, value in of_task.items()})
    return lists


def _language_faults(lists: dict[str, Any], code: str) -> Iterator[str]:
    wanted = all_sections()
    yield from (f"{name}: no such section" for name in sorted(lists.keys() - wanted.keys()))
    for name, section in wanted.items():
        frames = lists.get(name)
        if not isinstance(frames, list) or not all(isinstance(frame, str) for frame in frames):
            yield f"{name}: no list of sentences"
            continue
        if len(frames) < section.frames:
            yield f"{name}: {len(frames)} frames, fewer than {section.frames}"
        yield from (f"{name}: {fault}" for fault in _twice(frames))
        for frame in frames:
            yield from (f"{name}: {frame!r} {fault}" for fault in _frame_faults(frame, section))
            if code not in UNCASED and frame.startswith("{"):
                yield f"{name}: {frame!r} begins with a slot, which has no capital"


def _twice(frames: list[str]) -> Iterator[str]:
    yield from (f"{frame!r} twice" for frame, n in Counter(frames).items() if n > 1)


def _frame_faults(frame: str, section: Section) -> Iterator[str]:
    slots = set(SLOT.findall(frame))
    plain = SLOT.sub("", frame)
    if not plain.strip():
        yield "renders to nothing of its own"
    if re.search(r"[{}]", plain):
        yield "has a brace that is no slot"
    if frame != " ".join(frame.split()):
        yield "has a space too many"
    yield from (f"has the slot {name}, which does not belong there" for name in sorted(slots - set(section.slots)))
    if not section.least <= len(slots) <= section.most:
        yield f"has {len(slots)} slots, not {section.least} to {section.most}"


def _code_faults(document: dict[str, Any]) -> Iterator[str]:
    blocks = document.get("blocks", {})
    lists = {"identifiers": document.get("identifiers"), "tool_results": document.get("tool_results")}
    lists.update({f"blocks.{name}": blocks.get(name) for name in {**PROGRAMMING, **blocks}})
    least = {"identifiers": IDENTIFIERS, "tool_results": TOOL_RESULTS}
    for name, frames in lists.items():
        if name.startswith("blocks.") and name.removeprefix("blocks.") not in PROGRAMMING:
            yield f"{name}: unknown programming language"
        elif not isinstance(frames, list) or not all(isinstance(frame, str) for frame in frames):
            yield f"{name}: no list of texts"
        else:
            if len(frames) < least.get(name, BLOCKS):
                yield f"{name}: {len(frames)} texts, fewer than {least.get(name, BLOCKS)}"
            yield from (f"{name}: {fault}" for fault in _twice(frames))
            yield from (f"{name}: {frame!r} is empty" for frame in frames if not frame.strip())
            allowed = () if name == "identifiers" else NAME_SLOTS
            yield from (
                f"{name}: {frame!r} has the slot {slot}, which does not belong there"
                for frame in frames
                for slot in sorted(set(SLOT.findall(frame)) - set(allowed))
            )
