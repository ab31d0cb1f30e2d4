"""Names of people, entries and teams: no invisible characters but those that scripts and emoji need."""

from __future__ import annotations

import re
import unicodedata

_LOOK_ALIKE = ("LATIN", "GREEK", "CYRILLIC", "ARMENIAN", "CHEROKEE")
_JOINERS = "\u200c\u200d"
"""Zero-width non-joiner and joiner: they spell Persian, Bengali and others, and make one emoji of several."""
_FLAG = re.compile("\U0001f3f4[\U000e0020-\U000e007e]+\U000e007f")
"""A flag of a region, e.g. of Wales, is spelled in tag characters."""
_EMOJI = range(0x1F000, 0x1FB00)
"""Also those that are newer than this Python."""


def faults(text: str, longest: int = 200, name: bool = True, team: bool = False, entry: bool = False) -> list[str]:
    """What is wrong with a text that is shown beside others, one phrase per fault.

    Parameters
    ----------
    text : str
        As a stranger wrote it.
    longest : int
        Characters that it may have.
    name : bool
        Whether it is a name, which must not be empty.
    team : bool
        Whether it must not pass for another one, so that it keeps to one script.
    entry : bool
        Whether it names an entry of a board, each word of which keeps to one script.

    Examples
    --------
    >>> faults("Ζωή Smith"), faults("Ζωή Smith", team=True)
    ([], ['mixes Latin and Greek letters, which look alike; use one script'])
    """
    phrases = []
    bare = _FLAG.sub("", text).translate(dict.fromkeys(map(ord, _JOINERS)))
    if name and not text.strip(_JOINERS + " \t\r\n"):
        phrases.append("is empty")
    if len(text) > longest:
        phrases.append(f"{len(text)} characters, at most {longest} are allowed")
    if any(unicodedata.category(c).startswith(("C", "Zl", "Zp")) and ord(c) not in _EMOJI for c in bare):
        phrases.append("holds control or invisible characters; remove them")
    words = [text] if team else text.split() if entry else []
    for scripts in dict.fromkeys(tuple(_scripts(word)) for word in words):
        if len(scripts) > 1:
            mixed = " and ".join(script.title() for script in scripts)
            phrases.append(f"mixes {mixed} letters, which look alike; use one script")
    return phrases


def key(name: str) -> str:
    """What names share that look the same: case, width, spacing, joiners, and accents composed or not.

    Parameters
    ----------
    name : str
        Of a team.

    Examples
    --------
    >>> key("Team  \uff2fne") == key("team o\u200dne")
    True
    """
    bare = name.translate(dict.fromkeys(map(ord, _JOINERS)))
    return " ".join(unicodedata.normalize("NFKC", bare).casefold().split())


def _scripts(name: str) -> list[str]:
    first = {unicodedata.name(c, "").partition(" ")[0] for c in unicodedata.normalize("NFKC", name) if c.isalpha()}
    return [s for s in _LOOK_ALIKE if s in first]
