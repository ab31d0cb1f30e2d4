"""The ways in which accounts can be tied, from public tables to a graph: adding one is adding a row."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

import numpy as np
import polars as pl
from scipy import sparse

from baselines.detectors.coordination import echo_graph, prompt_clusters, synchrony
from baselines.detectors.rules import honeypot_propagation
from baselines.graph import candidate_pairs, links
from generator.arrays import F64, I64
from generator.dataset import Split

_TOGETHER = 4.0  # standard deviations beyond chance (a)
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
    needs : tuple of str
        Fields (table.column) without which nothing can be said; left out, those of the link of this name.
    """

    name: str
    words: str
    harmless: str
    ties: Callable[[Split, pl.Series], sparse.csr_array]
    needs: tuple[str, ...] = ()

    def untold(self, split: Split) -> bool:
        """Whether nobody recorded what such ties are seen by.

        Parameters
        ----------
        split : Split
            World.
        """
        needs = self.needs or next((link.needs for link in links.LINKS if link.name == self.name), ())
        return bool(split.missing & set(needs))


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
    z = synchrony.excess(incidence, first, second, split.days * links.SLOTS_PER_DAY)
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
            ("requests.prompt_simhash",),
        ),
        ("synchrony", "begins sessions, beyond chance, with", "cron jobs at round hours", _synchrony),
        ("echo", "exchanges answers in prompts with", "colleagues who quote or grade answers", _echoes),
        (
            "decoy",
            "called a decoy model, or shares keys with callers:",
            "the curious find it too",
            _decoys,
            ("releases.released",),
        ),
    )
)
