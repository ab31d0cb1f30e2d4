"""What a team gains that learns labels from scores alone: attacks on a season's rules, with the labels in process.

Every attack begins with the scores of an honest detector and hands in changed ones as often as the rules allow.
It sees the rounded scores on the feedback part only, keeps what raises them, and ends with the attempt that stood
best. What counts is measured on the other part.

    python -m benchmarks.score_oracle siphonbench-data/small --detector volume

Source: Blum and Hardt, "The Ladder: a reliable leaderboard for machine learning competitions", ICML 2015 (random
halves; the other two attacks are ours).
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import polars as pl

from baselines.base import evaluation
from baselines.detectors.coordination.link_communities import LinkCommunities
from baselines.graph import communities as graph_communities
from baselines.graph import shared_keys
from baselines.registry import DETECTORS
from generator import dataset
from generator.arrays import F64, I64, Mask
from generator.dataset import Split
from leaderboard.tasks import scoring
from leaderboard.tasks.parts import COUNTING, FEEDBACK, Parts

TASK = "accounts"
DAYS, PER_DAY, TOTAL, DECIMALS = 30, 3, 30, 2  # a month, and the rules that seasons and classes have by default
SHARE_LOOKED_AT = 1 / 4
"""(a) Share of the accounts, the highest by the honest score, in which ranked blocks look for positives."""
HALVES_STEP = 0.1
"""(a) How far a kept random half is raised, in ranks as a share of all accounts."""
LINKS = ("template", "conversation")
"""What joins accounts to communities, without labels."""

Oracle = Callable[[F64], float]


@dataclass(frozen=True)
class Clues:
    """What an attack has beside scores.

    Attributes
    ----------
    groups : ndarray of int, shape (accounts,)
        Public community of each account, found without labels.
    known : ndarray of bool, shape (accounts,)
        Extraction accounts of the feedback part: what perfect reading of scores would end with.
    """

    groups: I64
    known: Mask


Attack = Callable[[F64, Oracle, int, np.random.Generator, Clues], F64]


@dataclass(frozen=True)
class Gain:
    """What an attack reached, in the metric of the task.

    Attributes
    ----------
    attack : str
        Its name.
    honest, feedback, counting : float
        Honest score on the part that counts, and how far the attack rose above the honest scores on each part.
    """

    attack: str
    honest: float
    feedback: float
    counting: float


def random_halves(start: F64, oracle: Oracle, attempts: int, rng: np.random.Generator, clues: Clues) -> F64:
    """Raise a random half of all accounts; keep it if the score rises.

    Parameters
    ----------
    start : ndarray of float, shape (accounts,)
        Honest scores as ranks in [0, 1].
    oracle : callable
        From scores to the rounded score on the feedback part.
    attempts : int
        How often it may be asked.
    rng : numpy.random.Generator
        Of the attack.
    clues : Clues
        Not used here.
    """
    best, level = start, oracle(start)
    for _ in range(attempts - 1):
        trial = best + HALVES_STEP * rng.integers(0, 2, len(best))
        if (score := oracle(trial)) > level:
            best, level = trial, score
    return best


def ranked_blocks(start: F64, oracle: Oracle, attempts: int, rng: np.random.Generator, clues: Clues) -> F64:
    """Raise one block of neighbours by the honest score after the other above all others; keep what helps.

    Parameters
    ----------
    start, oracle, attempts, rng, clues
        See `random_halves`.
    """
    ranked = np.argsort(-start, kind="stable")[: int(len(start) * SHARE_LOOKED_AT)]
    return _raised(start, oracle, np.array_split(ranked, attempts - 1))


def communities(start: F64, oracle: Oracle, attempts: int, rng: np.random.Generator, clues: Clues) -> F64:
    """Raise one public community of accounts after the other above all others, the largest first; keep what helps.

    It begins with the scores of the detector that finds the communities: who has them has those, too.

    Parameters
    ----------
    start, oracle, attempts, rng, clues
        See `random_halves`.
    """
    sizes = np.bincount(clues.groups)
    largest = np.argsort(-sizes, kind="stable")[: attempts - 1]
    return _raised(start, oracle, [np.flatnonzero(clues.groups == group) for group in largest if sizes[group] > 1])


def all_labels(start: F64, oracle: Oracle, attempts: int, rng: np.random.Generator, clues: Clues) -> F64:
    """A limit: all labels of the feedback part are known, and who shares a community with a positive is raised.

    Parameters
    ----------
    start, oracle, attempts, rng, clues
        See `random_halves`; nothing needs to be asked.
    """
    share = np.bincount(clues.groups, clues.known) / np.bincount(clues.groups)
    return start + clues.known + share[clues.groups]


def _raised(start: F64, oracle: Oracle, blocks: list[I64]) -> F64:
    best, level = start, oracle(start)
    for block in blocks:
        trial = best.copy()
        trial[block] += 1.0
        if (score := oracle(trial)) > level:
            best, level = trial, score
    return best


ATTACKS: dict[str, Attack] = {
    "random halves": random_halves,
    "ranked blocks": ranked_blocks,
    "communities": communities,
    "all labels": all_labels,
}
_LINKED = ("communities", "all labels")


class World:
    """A labelled test split with the scores of honest detectors.

    Parameters
    ----------
    folder : Path
        Dataset with open labels.
    detector : str
        Built-in detector whose scores the attacks begin with; those with communities begin with who finds them.
    """

    def __init__(self, folder: Path, detector: str) -> None:
        data = dataset.load(folder)
        train, test = data.reveal("train"), data.reveal("test")
        own, linked = (
            evaluation.run(DETECTORS[name](), train, test).predictions for name in (detector, LinkCommunities.name)
        )
        self.ids = own["account_id"].cast(pl.String)  # both are sorted by it
        starts = dict.fromkeys(ATTACKS, own) | dict.fromkeys(_LINKED, linked)
        self.honest: dict[str, F64] = {k: (v["score"].rank() / len(v)).to_numpy() for k, v in starts.items()}
        self.groups = _communities(test.without_labels())
        self._truth, self._digest = scoring.truth(test, TASK), data.digest

    def clues(self, parts: Parts) -> Clues:
        """What attacks have beside scores.

        Parameters
        ----------
        parts : Parts
            How the accounts are divided.
        """
        labels = parts.truth(self._truth, FEEDBACK).labels
        positive = labels.filter(pl.col("label").cast(pl.String) == "extraction")["account_id"].cast(pl.String)
        return Clues(self.groups, self.ids.is_in(positive.implode()).to_numpy())

    def score(self, parts: Parts, part: str) -> Oracle:
        """From scores of all accounts to the metric on a part.

        Parameters
        ----------
        parts : Parts
            How the accounts are divided.
        part : str
            FEEDBACK or COUNTING.
        """
        truth = parts.truth(self._truth, part)

        def score(values: F64) -> float:
            rows = pl.DataFrame({"account_id": self.ids, "score": values})
            return scoring.score(TASK, rows, truth, self._digest, 2).primary.value

        return score


def _communities(public: Split) -> I64:
    """Community of each account, in the order of the ids, as `LinkCommunities` finds them."""
    detector = LinkCommunities()
    keys = shared_keys.read_keys(public, LINKS)
    graph = shared_keys.weighted(list(keys.incidences.values()), detector.most)
    graph = shared_keys.without_declared(graph, shared_keys.declared_ties(public, keys.ids))
    return graph_communities.communities(graph, detector.resolution)


def attack(name: str, world: World, parts: Parts, attempts: int, decimals: int, seed: int) -> Gain:
    """Run one attack.

    Parameters
    ----------
    name : str
        Key of `ATTACKS`.
    world : World
        What the season is about.
    parts : Parts
        How its accounts are divided; without a key the same accounts give feedback and count.
    attempts, decimals : int
        What the rules allow, and what feedback is rounded to.
    seed : int
        Of the attack.
    """
    feedback, counting = world.score(parts, FEEDBACK), world.score(parts, COUNTING)
    start, rng = world.honest[name], np.random.default_rng(seed)
    final = ATTACKS[name](start, lambda v: round(feedback(v), decimals), attempts, rng, world.clues(parts))
    honest = counting(start)
    return Gain(name, honest, feedback(final) - feedback(start), counting(final) - honest)


def measure(world: World, attempts: int, decimals: int, divisions: int, *, divided: bool = True) -> list[Gain]:
    """All attacks, each under several divisions of the accounts.

    Parameters
    ----------
    world : World
        What the season is about.
    attempts, decimals
        See `attack`.
    divisions : int
        How many keys are tried.
    divided : bool
        Whether other accounts count than those that give feedback.
    """
    keys = [f"division {n}" if divided else "" for n in range(divisions)]
    return [
        attack(name, world, Parts(key), attempts, decimals, seed)
        for name in ATTACKS
        for seed, key in enumerate(keys)
    ]


def table(gains: list[Gain]) -> str:
    """One line per attack: mean and highest gain over the divisions.

    Parameters
    ----------
    gains : list of Gain
        See `measure`.
    """
    lines = ["| attack | honest | feedback | counting, mean | counting, most |", "|---|--:|--:|--:|--:|"]
    for name in ATTACKS:
        own = [g for g in gains if g.attack == name]
        honest, feedback, counting = (
            np.mean([getattr(g, k) for g in own]) for k in ("honest", "feedback", "counting")
        )
        most = max(g.counting for g in own)
        lines.append(f"| {name} | {honest:.3f} | {feedback:+.3f} | {counting:+.3f} | {most:+.3f} |")
    return "\n".join(lines)


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path, help="dataset with open labels")
    parser.add_argument("--detector", default="volume")
    parser.add_argument("--days", type=int, default=DAYS)
    parser.add_argument("--per-day", type=int, default=PER_DAY)
    parser.add_argument("--total", type=int, default=TOTAL)
    parser.add_argument("--decimals", type=int, default=DECIMALS)
    parser.add_argument("--divisions", type=int, default=10)
    parser.add_argument("--undivided", action="store_true", help="the same accounts give feedback and count")
    given = parser.parse_args()
    attempts = min(given.days * given.per_day, given.total)
    world = World(given.folder, given.detector)
    print(table(measure(world, attempts, given.decimals, given.divisions, divided=not given.undivided)))


if __name__ == "__main__":
    main()
