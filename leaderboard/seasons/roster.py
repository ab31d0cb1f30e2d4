"""Rosters as people export them: a CSV file with id and name, email and nickname where there are any."""

from __future__ import annotations

import csv
import io
import re
import unicodedata
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from generator.errors import UserError, printable
from leaderboard.records import display_names
from leaderboard.records.spreadsheet_text import is_formula
from leaderboard.seasons.rules import NAME

NEEDED, ALLOWED = ("id", "name"), ("id", "name", "email", "nickname")
_BYTES, _ROWS, _LONGEST = 1 << 20, 5000, 200
_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9._@-]{0,80}", re.ASCII)  # nothing that a spreadsheet takes for a formula
_EMAIL = re.compile(r"[^\s@,;<>\"'=+-][^\s@,;<>\"]*@[^\s@,;<>\"]+\.[^\s@,;<>\"]+")
# Words that offend nobody; with a number of two digits they name 36,000 students.
_WORDS = (
    "amber azure bold brave bright brisk calm clever coral crimson fair gentle "
    "hazel ivory jade keen merry olive swift witty"
)
_ANIMALS = (
    "badger beaver bison crane dolphin eagle falcon finch "
    "gecko heron ibex koala lynx marmot otter owl panda robin seal swan"
)


@dataclass(frozen=True)
class Student:
    """One line of a roster.

    Attributes
    ----------
    id, name, email : str
        As the school knows them; email may be "".
    nickname : str
        What others see; "" until one is given.
    """

    id: str
    name: str
    email: str = ""
    nickname: str = ""


def read(path: Path, known: Iterable[Student] = ()) -> list[Student]:
    """Students of a roster that are not in the class yet.

    Parameters
    ----------
    path : Path
        CSV file with a header; separated by commas or semicolons.
    known : iterable of Student
        Those of the class.

    Raises
    ------
    UserError
        With all faults at once, each with its line.
    """
    try:
        if path.stat().st_size > _BYTES:
            raise UserError(f"{path}: {path.stat().st_size:,} bytes are more than the {_BYTES:,} of a roster")
        text = path.read_text("utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise UserError(f"{path} can't be read ({error}): save the roster as CSV, UTF-8") from error
    header = text.split("\n", 1)[0]
    reader = csv.reader(io.StringIO(text), delimiter=";" if ";" in header else ",", strict=True)
    try:
        rows = [(reader.line_num, [cell.strip() for cell in row]) for row in reader if any(map(str.strip, row))]
    except csv.Error as error:
        raise UserError(f"{path}: line {reader.line_num} is no CSV ({error}): save it again") from error
    faults = list(_header(rows[0][1] if rows else []))
    students: list[tuple[int, Student]] = []
    if not faults:
        faults += list(_rows(rows, students))
    old = list(known)
    faults += list(_twice(students, old))
    if faults:
        count = f"{len(faults)} fault{'s' * (len(faults) > 1)}"
        message = f"{path}: {count}: " + "; ".join(faults)
        raise UserError(printable(message))
    mine = {s.id.casefold() for s in old}
    return [s for _, s in students if s.id.casefold() not in mine]


def nicknames(students: list[Student], taken: Iterable[str], pick: Iterator[int]) -> list[Student]:
    """The students, each with a nickname of its own.

    Parameters
    ----------
    students : list of Student
        Some may have one.
    taken : iterable of str
        Nicknames that are in use.
    pick : iterator of int
        Random numbers, so that the order of the roster shows in no nickname.
    """
    used = {t.casefold() for t in taken} | {s.nickname.casefold() for s in students if s.nickname}
    words, animals = _WORDS.split(), _ANIMALS.split()
    named = []
    for student in students:
        name = student.nickname
        while not name:
            at, number = divmod(next(pick), 90)
            other, word = divmod(at, len(words))
            nickname = f"{words[word]}-{animals[other % len(animals)]}-{number + 10}"
            name = "" if nickname in used else nickname
        used.add(name.casefold())
        named.append(replace(student, nickname=name))
    return named


def _header(header: list[str]) -> Iterator[str]:
    columns = [h.casefold() for h in header]
    for name in NEEDED:
        if name not in columns:
            yield f"the header has no column {name}: it must be {', '.join(NEEDED)}, and may have email, nickname"
    for name in dict.fromkeys(columns):
        if name not in ALLOWED:
            yield f"the header has a column {name[:40]!r}: known are {', '.join(ALLOWED)}; remove it"
        elif columns.count(name) > 1:
            yield f"the header has the column {name} twice"


def _rows(rows: list[tuple[int, list[str]]], students: list[tuple[int, Student]]) -> Iterator[str]:
    header = [h.casefold() for h in rows[0][1]]
    if len(rows) == 1:
        yield "it has no students"
    if len(rows) > _ROWS + 1:
        yield f"it has {len(rows) - 1:,} students, at most {_ROWS:,} are allowed"
        return
    for line, row in rows[1:]:
        if len(row) != len(header):
            yield f"line {line}: {len(row)} cells, the header has {len(header)}"
            continue
        student = Student(**dict(zip(header, row, strict=True)))
        students.append((line, student))
        yield from (f"line {line}: {fault}" for fault in _student(student))


def _student(student: Student) -> Iterator[str]:
    if not _ID.fullmatch(student.id):
        yield f"id {student.id[:40]!r} must be letters, digits, dots, dashes, at most 81"
    yield from (f"name {student.name[:40]!r} {fault}" for fault in display_names.faults(student.name, _LONGEST))
    if is_formula(unicodedata.normalize("NFKC", student.name)):
        yield f"name {student.name[:40]!r} begins like a formula of a spreadsheet"
    if student.email and (len(student.email) > _LONGEST or not _EMAIL.fullmatch(student.email)):
        yield f"email {student.email[:40]!r} is no address"
    if student.nickname and not NAME.fullmatch(student.nickname):
        yield f"nickname {student.nickname[:40]!r} must be letters, digits, dots, dashes, at most 61"


def _twice(students: list[tuple[int, Student]], known: list[Student]) -> Iterator[str]:
    """Ids, addresses and nicknames that are given twice, in the roster or with others of the class."""
    for key in ("id", "email", "nickname"):
        first: dict[str, str] = {getattr(s, key).casefold(): "the class" for s in known if key != "id"}
        mine = {s.id.casefold() for s in known}
        for line, student in students:
            value = getattr(student, key).casefold()
            if not value or (key != "id" and student.id.casefold() in mine):
                continue
            if value in first:
                given = getattr(student, key)[:40]
                yield f"line {line}: {key} {given!r} is in {first[value]} already: give each once"
            else:
                first[value] = f"line {line}"
