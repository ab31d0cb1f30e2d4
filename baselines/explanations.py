"""What ties an account or a group to others, beside how often benign accounts are tied so: for whoever decides.

Public tables alone say what is so. Labels are read of a world to learn from only, to say what is usual.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import numpy as np
import polars as pl
from scipy import sparse

from baselines.base import detector
from baselines.features import account_features, feature_table
from baselines.tie_kinds import TIE_KINDS, TieKind
from generator.arrays import I64
from generator.dataset import Split
from generator.errors import MaskedLabelsError
from generator.example_prompts import ExamplePrompt, examples

HABITS = feature_table.named(
    *("requests", "active_days", "age", "quiet_share", "gap_cv", "prompts_distinct", "template_top_share"),
    *("topic_spread", "failed_share", "echo_share", "hosting_share", "vpn_share", "prefixes"),
)
_ORDINARY = 0.05  # share of accounts on each side that count as out of the ordinary (a)


@dataclass(frozen=True)
class Finding:
    """What is so about one account, or the members of a group, for one kind of tie.

    Attributes
    ----------
    kind : TieKind
        Which tie.
    linked : int
        Members that are tied to others (0 or 1 for an account; for a group, to other members).
    partners : int
        For an account, how many others it is tied to; for a group, the median over members of other members.
    names : tuple of str
        The strongest ties first.
    usual : float
        Share of the reference accounts that are tied to at least as many others (at least one).
    edges : tuple of (str, str)
        Tied accounts, for a picture.
    """

    kind: TieKind
    linked: int
    partners: int
    names: tuple[str, ...]
    usual: float
    edges: tuple[tuple[str, str], ...] = field(repr=False, default=())


@dataclass(frozen=True)
class Habit:
    """A habit of one account, or of a group.

    Attributes
    ----------
    name, description : str
        As in `feature_table`.
    value : float
        The account's value; a group's median.
    below : float
        Share of the reference accounts that lie below it, half of its equals included.
    """

    name: str
    description: str
    value: float
    below: float

    @property
    def unusual(self) -> bool:
        """Whether it lies outside the middle nine tenths of the reference accounts."""
        return not _ORDINARY <= self.below <= 1 - _ORDINARY


@dataclass(frozen=True)
class Case:
    """Everything about one subject.

    Attributes
    ----------
    accounts : tuple of str
        Accounts looked at: one, or the members of a group.
    reference : str
        Whose values are the usual ones, e.g. "540 benign accounts of train".
    findings : tuple of Finding
        Rarest among the reference first; what is not so comes last.
    habits : tuple of Habit
        What is furthest from the middle first.
    prompts : tuple of ExamplePrompt
        Some prompts of the accounts, where the dataset has text.
    untold : tuple of str
        Names of the kinds of ties that can't be looked for, since nobody recorded what they are seen by.
    """

    accounts: tuple[str, ...]
    reference: str
    findings: tuple[Finding, ...]
    habits: tuple[Habit, ...]
    prompts: tuple[ExamplePrompt, ...] = ()
    untold: tuple[str, ...] = ()

    @property
    def partners(self) -> list[str]:
        """Other accounts by how many kinds of ties, each weighed by how rare it is, join them to the subject."""
        weight: dict[str, float] = {}
        for finding in self.findings:
            for name in finding.names:
                weight[name] = weight.get(name, 0.0) - float(np.log(max(finding.usual, 1e-4)))
        return sorted(weight, key=lambda name: (-weight[name], name))


def case(
    split: Split, accounts: Sequence[str], train: Split, progress: Callable[[int, int], None] = lambda *_: None
) -> Case:
    """Gather the evidence about accounts.

    Parameters
    ----------
    split : Split
        World of the accounts; its labels are not read.
    accounts : sequence of str
        One account, or the members of a group.
    train : Split
        World that says what is usual: among benign accounts, or all others if its labels are not there.
    progress : callable
        Called with (done, total) as the kinds of ties are worked through.

    Returns
    -------
    Case
        Ties and habits.
    """
    public, known = split.without_labels(), train.without_labels()
    ids, others = detector.accounts(public), detector.accounts(known)
    usual, reference = _benign(train, others, accounts)
    told = [kind for kind in TIE_KINDS if not kind.untold(public)]
    members = np.flatnonzero(ids.is_in(list(accounts)).to_numpy())
    findings = []
    for number, kind in enumerate(told):
        progress(number, len(told) + 1)
        base = _count(kind.ties(known, others))[usual]
        findings.append(_finding(kind, kind.ties(public, ids), members, ids, base))
    progress(len(told), len(told) + 1)
    habits = _habits(public, known, members, usual)
    findings.sort(key=lambda f: (f.linked == 0, f.usual))
    prompts = examples(public, accounts)
    untold = tuple(kind.name for kind in TIE_KINDS if kind not in told)
    return Case(tuple(ids.gather(members)), reference, tuple(findings), habits, prompts, untold)


def _finding(kind: TieKind, ties: sparse.csr_array, members: I64, ids: pl.Series, reference: I64) -> Finding:
    own = sparse.csr_array(ties[members])
    if len(members) > 1:
        own = sparse.csr_array(own[:, members])
        names = ids.gather(members)
    else:
        names = ids
    count = _count(own)
    partners = int(count[0]) if len(members) == 1 else int(np.median(count))
    strength = np.asarray(own.sum(axis=0)).ravel()
    strongest = np.lexsort((np.arange(len(strength)), -strength))[: np.count_nonzero(strength)]
    at = own.tocoo()
    edges = {tuple(sorted((ids[int(members[i])], names[int(j)]))) for i, j in zip(at.row, at.col, strict=True)}
    return Finding(
        kind=kind,
        linked=int((count > 0).sum()),
        partners=partners,
        names=tuple(names.gather(strongest)),
        usual=float((reference >= max(1, partners)).mean()) if len(reference) else float("nan"),
        edges=tuple(sorted((a, b) for a, b in edges)),
    )


def _benign(train: Split, ids: pl.Series, accounts: Sequence[str]) -> tuple[I64, str]:
    """Rows of the reference accounts, and who they are."""
    try:
        labels = train.labels.polars().select(pl.col("account_id", "label").cast(pl.String)).collect()
    except MaskedLabelsError:  # a sealed world has none, nor have logs of one's own
        others = np.flatnonzero(~ids.is_in(list(accounts)).to_numpy())
        return others, f"{len(others):,} accounts of {train.name}"
    benign = ids.is_in(labels.filter(pl.col("label") == "benign")["account_id"].implode())
    return np.flatnonzero(benign.to_numpy()), f"{benign.sum():,} benign accounts of {train.name}"


def _habits(public: Split, known: Split, members: I64, usual: I64) -> tuple[Habit, ...]:
    here, there = (account_features.account_features(w, HABITS) for w in (public, known))
    habits = []
    for f in HABITS:
        values = here[f.name].gather(members).drop_nulls()
        reference = there[f.name].gather(usual).drop_nulls().to_numpy()
        if len(values) and len(reference):
            value = float(np.median(values.to_numpy()))
            below = ((reference < value).mean() + (reference <= value).mean()) / 2
            habits.append(Habit(f.name, f.description, value, float(below)))
    return tuple(sorted(habits, key=lambda h: -abs(h.below - 0.5)))


def _count(ties: sparse.csr_array) -> I64:
    return np.diff(ties.indptr).astype(np.int64)
