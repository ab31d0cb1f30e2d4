"""Names of teams and entries: no invisible characters, and none that only looks like another one."""

from __future__ import annotations

import unicodedata

_LOOK_ALIKE = ("LATIN", "GREEK", "CYRILLIC", "ARMENIAN", "CHEROKEE")


def faults(name: str, longest: int = 200) -> list[str]:
    """What is wrong with a name, one phrase per fault."""
    found = []
    if not name.strip():
        found.append("is empty")
    if len(name) > longest:
        found.append(f"has {len(name)} characters, at most {longest} are allowed")
    if any(unicodedata.category(c).startswith(("C", "Zl", "Zp")) for c in name):
        found.append("holds control or invisible characters; remove them")
    if len(scripts := _scripts(name)) > 1:
        found.append(f"mixes {' and '.join(s.title() for s in scripts)} letters, which look alike; use one script")
    return found


def key(name: str) -> str:
    """What names share that look the same: case, width, spacing and accents composed or not."""
    return " ".join(unicodedata.normalize("NFKC", name).casefold().split())


def _scripts(name: str) -> list[str]:
    first = {unicodedata.name(c, "").partition(" ")[0] for c in unicodedata.normalize("NFKC", name) if c.isalpha()}
    return [s for s in _LOOK_ALIKE if s in first]
