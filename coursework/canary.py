"""Proof that a test cell ran with its asserts: it reports a canary drawn when it is graded, or it gets no points.

nbgrader gives a test cell all its points if no error shows. So a submission that switches asserts off (an AST
transformer, `python -O`, a patched `compile`) or empties the cells that follow had them all. Here every test cell
ends with `PROBE`: it speaks only if a true assert was evaluated and a false one failed. `plant` puts a new token
in each cell before a submission runs, and wrong answers that the test must still catch, whatever was patched;
`silence` marks those that did not report their token as failed.

The tests run in the student's own kernel. Code that rewrites itself while it is graded can learn a token as well:
this stops tricks, not an attacker, who belongs in a sandbox and is found by reading (docs/instructor.md).
"""

from __future__ import annotations

import secrets
from collections.abc import Mapping, Sequence
from typing import Any

MARK = "CANARY"
PROBE = f"""\
### BEGIN HIDDEN TESTS
_canary = []
assert not _canary.append("{MARK}")
try:
    assert not _canary
except AssertionError:
    print(*_canary)
### END HIDDEN TESTS"""
# After a test and before its canary: the same test must fail if the answer is replaced by a wrong one.
CONTROL = """
for _wrong in {wrong!r}:
    _names = dict(globals())
    try:
        exec(_wrong, _names)
        exec({test!r}, _names)
    except Exception:
        continue
    raise AssertionError("this test takes any answer: something that it relies on was changed")
"""


def graded(notebook: Any) -> dict[str, Any]:
    """Test cells of a notebook.

    Parameters
    ----------
    notebook : nbformat.NotebookNode
        With nbgrader's metadata.

    Returns
    -------
    dict of str to nbformat.NotebookNode
        Cell by grade id.
    """
    roles = ((cell.metadata.get("nbgrader", {}), cell) for cell in notebook.cells)
    return {role["grade_id"]: cell for role, cell in roles if role.get("grade") and not role.get("solution")}


def plant(notebook: Any, wrong: Mapping[str, Sequence[str]]) -> dict[str, str]:
    """Give each test cell a token that nobody can know before, and the wrong answers that it has to catch.

    Parameters
    ----------
    notebook : nbformat.NotebookNode
        A submission whose test cells are the instructor's; changed in place.
    wrong : mapping of str to sequence of str
        Code of wrong answers by grade id.

    Returns
    -------
    dict of str to str
        Token by grade id.
    """
    tokens = {name: secrets.token_hex(16) for name in graded(notebook)}
    for name, cell in graded(notebook).items():
        test, probe, rest = cell.source.partition(PROBE)
        control = CONTROL.format(wrong=list(wrong.get(name, ())), test=test)
        cell.source = test + control + (probe + rest).replace(f'"{MARK}"', f'"{tokens[name]}"')
    return tokens


def silence(notebook: Any, tokens: dict[str, str]) -> list[str]:
    """Mark the test cells that did not report their token as failed.

    Parameters
    ----------
    notebook : nbformat.NotebookNode
        The submission after it ran; changed in place.
    tokens : dict of str to str
        As `plant` returned them.

    Returns
    -------
    list of str
        Grade ids of the silent cells.
    """
    silent = []
    for name, cell in graded(notebook).items():
        streams = [out.text for out in cell.outputs if out.output_type == "stream" and out.name == "stdout"]
        if tokens[name] not in "".join(streams).splitlines():
            silent.append(name)
            cell.outputs.append(_failure())
    return silent


def _failure() -> Any:
    from nbformat.v4 import new_output

    reason = "the canary is silent: the asserts of this cell did not run"
    return new_output("error", ename="NoCanary", evalue=reason, traceback=[reason])
