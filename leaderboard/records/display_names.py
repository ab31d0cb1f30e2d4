"""Names of teams and entries: no invisible characters, and none that only looks like another one."""

from __future__ import annotations

import unicodedata

_LOOK_ALIKE = ("LATIN", "GREEK", "CYRILLIC", "ARMENIAN", "CHEROKEE")


def faults(text: str, longest: int = 200, name: bool = True) -> list[str]:
    """What is wrong with a name, or with another text, which may be empty.

    Parameters
    ----------
    text : str
        As its author wrote it.
    longest : int
        Characters allowed.
    name : bool
        Whether it names somebody or something.

    Returns
    -------
    list of str
        One phrase per fault.
    """
    found = []
    if name and not text.strip():
        found.append("is empty")
    if len(text) > longest:
        found.append(f"{len(text)} characters, at most {longest} are allowed")
    if any(unicodedata.category(c).startswith(("C", "Zl", "Zp")) for c in text):
        found.append("holds control or invisible characters; remove them")
    if name and len(scripts := _scripts(text)) > 1:
        found.append(f"mixes {' and '.join(s.title() for s in scripts)} letters, which look alike; use one script")
    return found


def key(name: str) -> str:
    """What names share that look the same: case, width, spacing and accents composed or not.

    Parameters
    ----------
    name : str
        A name.

    Examples
    --------
    >>> key("Team  Rocket") == key("ＴＥＡＭ rocket")
    True
    """
    return " ".join(unicodedata.normalize("NFKC", name).casefold().split())


def _scripts(name: str) -> list[str]:
    first = {unicodedata.name(c, "").partition(" ")[0] for c in unicodedata.normalize("NFKC", name) if c.isalpha()}
    return [s for s in _LOOK_ALIKE if s in first]
