"""What was measured: metrics, groups, thresholds, and how they are shown."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from generator.fidelity.sampling import SamplingPlan

WITHIN = 2.0  # distances of real logs
# Thresholds (a): share of the peer's skill, share of metrics within, AUC of accounts, rows' AUC beyond the peer's.
OF_PEER, WITHIN_SHARE, ACCOUNTS_AUC, ROWS_AUC_MARGIN = 0.8, 0.9, 0.65, 0.05
CLASSIFIERS = "c2st"


@dataclass(frozen=True)
class FidelityMetric:
    """One distance: medians over the repeats, and what they come to.

    Attributes
    ----------
    synth, floor, floor_p90, naive, drift, peer : float
        From the reference to the synthetic log; between its halves, median and 90th percentile; to the naive log;
        between its eras; to the other real log. None where there is no such thing.
    ratio : float
        synth / floor_p90: up to 1, not to be told from the reference at this sample size.
    ratio_real : float
        synth / the largest of floor_p90, drift and peer: up to 1, no further off than real logs are.
    skill, skill_peer : float or None
        1 real, 0 naive, at least -1; None where the metric can't tell naive from real.
    """

    synth: float
    floor: float
    floor_p90: float
    naive: float
    drift: float | None
    peer: float | None
    ratio: float
    ratio_real: float
    skill: float | None
    skill_peer: float | None


@dataclass(frozen=True)
class Verdict:
    """A threshold.

    Attributes
    ----------
    name : str
        What was measured.
    value : float or None
        The measurement; None: nothing was measured.
    bound : str
        What is allowed.
    holds : bool or None
        Whether it holds; None: can't tell.
    """

    name: str
    value: float | None
    bound: str
    holds: bool | None


@dataclass(frozen=True)
class Report:
    """One synthetic log against one reference.

    Attributes
    ----------
    synth, reference, peer : str
        Names of the logs.
    rows : dict of str to int
        Rows of reference, synth and peer.
    plan : SamplingPlan
        What could be compared, and at which size.
    metrics : dict of str to FidelityMetric
        By group.metric.
    kind, note : str
        Workload kind, and what served as peer.
    """

    synth: str
    reference: str
    peer: str | None
    rows: dict[str, int]
    plan: SamplingPlan
    metrics: dict[str, FidelityMetric]
    kind: str = ""
    note: str = ""

    @property
    def fidelity(self) -> float | None:
        """Mean over groups of the mean skill: 1 real, 0 naive."""
        return _mean(self.groups(peer=False).values())

    @property
    def fidelity_peer(self) -> float | None:
        """The same of the peer."""
        return _mean(self.groups(peer=True).values())

    @property
    def share_as_real(self) -> float | None:
        """Share of metrics that are no further off than real logs are."""
        return _mean(m.ratio_real <= 1 for m in self.metrics.values())

    @property
    def share_within(self) -> float | None:
        """Share of metrics within twice the distance of real logs."""
        return _mean(m.ratio_real <= WITHIN for m in self.metrics.values())

    def groups(self, peer: bool = False) -> dict[str, float]:
        """Mean skill of each group that has any.

        Parameters
        ----------
        peer : bool
            The peer's, not the synthetic log's.
        """
        skills: dict[str, list[float]] = {}
        for name, metric in self.metrics.items():
            skill = metric.skill_peer if peer else metric.skill
            if skill is not None:
                skills.setdefault(name.partition(".")[0], []).append(skill)
        return {group: float(np.mean(values)) for group, values in skills.items()}

    def auc(self, name: str, side: str = "synth") -> float | None:
        """AUC of a classifier.

        Parameters
        ----------
        name : str
            tokens_only, rows or accounts.
        side : str
            Attribute of `FidelityMetric`: the side that it tells from the reference.
        """
        metric = self.metrics.get(f"{CLASSIFIERS}.{name}")
        distance = getattr(metric, side) if metric else None
        return None if distance is None else 0.5 + distance / 2

    def verdicts(self) -> list[Verdict]:
        """The four thresholds. Without a peer, real halves stand in: fidelity 1, AUC of the floor."""
        peer = 1.0 if self.peer is None else self.fidelity_peer
        rows = self.auc("rows", "floor_p90" if self.peer is None else "peer")
        least = None if peer is None else OF_PEER * peer
        most = None if rows is None else rows + ROWS_AUC_MARGIN
        return [
            _verdict("fidelity", self.fidelity, least, at_least=True),
            _verdict("within 2x real", self.share_within, WITHIN_SHARE, at_least=True),
            _verdict("accounts AUC", self.auc("accounts"), ACCOUNTS_AUC, at_least=False),
            _verdict("rows AUC", self.auc("rows"), most, at_least=False),
        ]

    @property
    def passed(self) -> bool:
        """Whether no threshold is missed."""
        return all(v.holds is not False for v in self.verdicts())

    def as_dict(self) -> dict[str, Any]:
        """Everything, as JSON takes it, rounded to five places."""
        own = {name: getattr(self, name) for name in ("kind", "synth", "reference", "peer", "note", "rows")}
        sums = {name: getattr(self, name) for name in ("fidelity", "fidelity_peer", "share_as_real")}
        sums |= {"share_within_2x_real": self.share_within, "passed": self.passed}
        aucs = {
            f"auc_{name}": {side: self.auc(name, side) for side in ("synth", "peer", "floor_p90", "naive")}
            for name in ("tokens_only", "rows", "accounts")
        }
        groups = {"groups": self.groups(), "groups_peer": self.groups(peer=True)}
        details = {"metrics": {name: asdict(m) for name, m in self.metrics.items()}, "plan": asdict(self.plan)}
        verdicts = {"verdicts": [asdict(v) for v in self.verdicts()]}
        rounded: dict[str, Any] = _rounded(own | sums | aucs | verdicts | groups | details)
        return rounded


def _verdict(name: str, value: float | None, bound: float | None, at_least: bool) -> Verdict:
    if bound is None:
        return Verdict(name, value, "-", None)
    sign = ">=" if at_least else "<="
    holds = None if value is None else bool(value >= bound if at_least else value <= bound)
    return Verdict(name, value, f"{sign} {bound:.2f}", holds)


def _mean(values: Iterable[float]) -> float | None:
    listed = list(values)
    return float(np.mean(listed)) if listed else None


def _rounded(x: Any) -> Any:
    if isinstance(x, dict):
        return {key: _rounded(value) for key, value in x.items()}
    if isinstance(x, list):
        return [_rounded(value) for value in x]
    return round(x, 5) if isinstance(x, float) else x
