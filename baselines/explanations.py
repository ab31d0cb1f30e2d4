"""What ties an account or a group to others, beside how often benign accounts are tied so: for whoever decides.

Public tables alone say what is so. Labels are read of a world to learn from only, to say what is usual.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field

import numpy as np
import polars as pl
from scipy import sparse

from baselines.base import detector
from baselines.detectors.coordination import echo_graph, prompt_clusters, synchrony
from baselines.detectors.rules import honeypot_propagation
from baselines.features import account_features, feature_table
from baselines.graph import candidate_pairs, links
from generator.arrays import F64, I64
from generator.dataset import Split
from generator.errors import MaskedLabelsError

HABITS = feature_table.named(
    *("requests", "active_days", "age", "quiet_share", "gap_cv", "prompts_distinct", "template_top_share"),
    *("topic_spread", "failed_share", "echo_share", "hosting_share", "vpn_share", "prefixes"),
)
_ORDINARY = 0.05
_TOGETHER = 4.0  # standard deviations beyond chance
_STRONG = ("payment", "domain", "signup", "device", "conversation", "prompt")


@dataclass(frozen=True, slots=True)
class TieKind:
    """One way in which accounts can be tied.

    Attributes
    ----------
    name, words : str
        Name, and a clause that ends before the number of accounts, e.g. "pays with the same instrument as".
    harmless : str
        Why it may be nothing.
    ties : callable
        (public split, ids) -> symmetric accounts x accounts: how strong, 0 for no tie.
    """

    name: str
    words: str
    harmless: str
    ties: Callable[[Split, pl.Series], sparse.csr_array]


@dataclass(frozen=True)
class Finding:
    """What is so about one account, or the members of a group, for one kind of tie.

    Attributes
    ----------
    kind : Kind
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
    """A habit: the account's value (a group's median), and the share of reference accounts that lie below it."""

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
    who : tuple of str
        Accounts looked at: one, or the members of a group.
    reference : str
        Who the usual is taken from, e.g. "540 benign accounts of train".
    findings : tuple of Finding
        Rarest among the reference first; what was not found comes last.
    habits : tuple of Habit
        What is furthest from the middle first.
    """

    accounts: tuple[str, ...]
    reference: str
    findings: tuple[Finding, ...]
    habits: tuple[Habit, ...]

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
    who : sequence of str
        One account, or the members of a group.
    train : Split
        World that says what is usual: among benign accounts, or all if its labels are not there.
    tell : callable
        Told (done, total).
    """
    public, known = split.without_labels(), train.without_labels()
    ids, others = detector.accounts(public), detector.accounts(known)
    usual, reference = _benign(train, others)
    members = np.flatnonzero(ids.is_in(list(accounts)).to_numpy())
    findings = []
    for number, kind in enumerate(TIE_KINDS):
        progress(number, len(TIE_KINDS) + 1)
        base = _count(kind.ties(known, others))[usual]
        findings.append(_finding(kind, kind.ties(public, ids), members, ids, base))
    progress(len(TIE_KINDS), len(TIE_KINDS) + 1)
    habits = _habits(public, known, members, usual)
    findings.sort(key=lambda f: (f.linked == 0, f.usual))
    return Case(tuple(ids.gather(members)), reference, tuple(findings), habits)


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


def _benign(train: Split, ids: pl.Series) -> tuple[I64, str]:
    """Rows of the reference accounts, and who they are."""
    try:
        labels = train.labels.polars().select(pl.col("account_id", "label").cast(pl.String)).collect()
    except MaskedLabelsError:  # a sealed world has none
        return np.arange(len(ids)), f"{len(ids):,} accounts of {train.name}"
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


def _symmetric(n: int, first: I64, second: I64, weight: F64) -> sparse.csr_array:
    both = (np.r_[weight, weight], (np.r_[first, second], np.r_[second, first]))
    graph = sparse.csr_array(both, shape=(n, n))
    graph.eliminate_zeros()
    return graph


def _shared(name: str) -> Callable[[Split, pl.Series], sparse.csr_array]:
    """Ties by a link's keys, hubs left out: how many keys two accounts share."""
    (link,) = (row for row in links.LINKS if row.name == name)

    def ties(split: Split, ids: pl.Series) -> sparse.csr_array:
        incidence = links.incidence(link, split, ids)
        few = sparse.csr_array(incidence[:, incidence.sum(axis=0) <= candidate_pairs.MOST_HOLDERS[name]])
        ties = sparse.csr_array(few @ few.T)
        ties.setdiag(0)
        ties.eliminate_zeros()
        return ties

    return ties


def _near_duplicates(split: Split, ids: pl.Series) -> sparse.csr_array:
    defaults = prompt_clusters.PromptClusters()
    prompts = prompt_clusters.commonest_prompts(split, ids)
    pairs = prompt_clusters.near_duplicates(prompts, defaults.distance, defaults.most)
    first, second = (pairs[c].to_numpy().astype(np.int64) for c in ("row", "row_right"))
    return _symmetric(len(ids), first, second, np.ones(len(first)))


def _synchrony(split: Split, ids: pl.Series) -> sparse.csr_array:
    defaults = synchrony.Synchrony()
    (link,) = (row for row in links.LINKS if row.name == "start")
    incidence = links.incidence(link, split, ids)
    first, second = synchrony.candidates(incidence, defaults.bands, defaults.rows, defaults.most, defaults.seed)
    z = synchrony.excess(incidence, first, second, split.days * 144)
    return _symmetric(len(ids), first, second, np.where(z > _TOGETHER, z, 0.0))


def _echoes(split: Split, ids: pl.Series) -> sparse.csr_array:
    edges = echo_graph.quotation_edges(split, echo_graph.EchoGraph().most)
    rows = pl.DataFrame({"account_id": ids, "row": np.arange(len(ids))})
    both = edges.join(rows, on="account_id").join(rows, left_on="partner", right_on="account_id")
    at = (both["row"].to_numpy(), both["row_right"].to_numpy())
    return sparse.csr_array((both["weight"].to_numpy(), at), shape=(len(ids), len(ids)))


def _decoys(split: Split, ids: pl.Series) -> sparse.csr_array:
    """Ties to accounts that called a decoy, over keys that strangers seldom share; a caller is tied to itself."""
    called = honeypot_propagation.decoy_contacts(split, ids)
    over: Iterable[sparse.csr_array] = (_shared(name)(split, ids).sign() for name in _STRONG)
    near = sum(over, start=sparse.csr_array((len(ids), len(ids)))).sign()
    ties = sparse.csr_array(near @ sparse.diags_array(called)) + sparse.diags_array(called).tocsr()
    ties = sparse.csr_array(ties)
    ties.eliminate_zeros()
    return ties


TIE_KINDS = tuple(
    TieKind(*row)
    for row in (
        ("payment", "pays with the same instrument as", "one company pays for many", _shared("payment")),
        ("domain", "has the e-mail domain (no free one) of", "colleagues, or a class", _shared("domain")),
        ("signup", "signed up from the address prefix of", "one office or campus", _shared("signup")),
        ("prefix", "sent from an address prefix of", "one office, campus, VPN or cloud", _shared("prefix")),
        ("device", "has a TLS fingerprint of", "the same program in one version", _shared("device")),
        ("conversation", "goes on with conversations of", "a team's assistant", _shared("conversation")),
        ("template", "uses a system prompt of", "the same product or tutorial", _shared("template")),
        ("tools", "uses a set of tools of", "the same framework", _shared("tools")),
        ("prompt", "sent the very prompts of", "a public benchmark, or homework", _shared("prompt")),
        (
            "near-duplicate",
            "sent near-duplicates of prompts of",
            "a form, or a public benchmark",
            _near_duplicates,
        ),
        ("synchrony", "begins sessions, beyond chance, with", "cron jobs at round hours", _synchrony),
        ("echo", "exchanges answers in prompts with", "colleagues who quote or grade answers", _echoes),
        ("decoy", "called a decoy model, or shares keys with callers:", "the curious find it too", _decoys),
    )
)
