"""All detectors by name: adding one is one file, and one line here. A class is imported when it is asked for."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from importlib.metadata import EntryPoint
from importlib.util import find_spec
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from baselines.base.detector import Detector

GROUP = "siphonbench.detectors"
"""Entry points of this group are detectors too (see `plugins`); the addresses here are written as theirs are."""

_ENTRIES = {
    "random": "baselines.detectors.trivial.chance:Random",
    "constant": "baselines.detectors.trivial.chance:Constant",
    "volume": "baselines.detectors.trivial.volume:Volume",
    "account-age": "baselines.detectors.trivial.account_age:AccountAge",
    "unverified-and-busy": "baselines.detectors.trivial.unverified_and_busy:UnverifiedBusy",
    "rate-limit": "baselines.detectors.rules.rate_limit:RateLimit",
    "advisory-indicators": "baselines.detectors.rules.advisory_indicators:Indicators",
    "provider-rules": "baselines.detectors.rules.provider_rules:ProviderRules",
    "reputation": "baselines.detectors.rules.reputation:Reputation",
    "isolation-forest": "baselines.detectors.accounts.isolation_forest:IsolationForest",
    "ecod": "baselines.detectors.accounts.ecod:Ecod",
    "logistic-regression": "baselines.detectors.accounts.logistic_regression:LogisticRegression",
    "random-forest": "baselines.detectors.accounts.random_forest:RandomForest",
    "xgboost-aggregates": "baselines.detectors.accounts.xgboost_aggregates:XGBoostAggregates",
    "lightgbm-aggregates": "baselines.detectors.accounts.lightgbm_aggregates:LightGBMAggregates [boosting]",
    "catboost-aggregates": "baselines.detectors.accounts.catboost_aggregates:CatBoostAggregates [boosting]",
    "tabm-aggregates": "baselines.detectors.networks.tabm_aggregates:TabMAggregates [tabular]",
    "deep-cluster": "baselines.detectors.networks.deep_cluster:DeepCluster [gnn]",
    "day-sequences": "baselines.detectors.networks.day_sequences:DaySequences [gnn]",
    "xgboost-windows": "baselines.detectors.accounts.xgboost_windows:XGBoostWindows",
    "pu-bagging": "baselines.detectors.accounts.pu_bagging:PUBagging",
    "confident-learning": "baselines.detectors.accounts.confident_learning:ConfidentLearning",
    "mean-discrepancy": "baselines.detectors.coordination.mean_discrepancy:MeanDiscrepancy",
    "change-detection": "baselines.detectors.accounts.change_detection:ChangeDetection",
    "link-communities": "baselines.detectors.coordination.link_communities:LinkCommunities",
    "prompt-clusters": "baselines.detectors.coordination.prompt_clusters:PromptClusters",
    "synchrony": "baselines.detectors.coordination.synchrony:Synchrony",
    "work-coverage": "baselines.detectors.coordination.work_coverage:WorkCoverage",
    "hawkes": "baselines.detectors.coordination.hawkes:Hawkes",
    "echo-graph": "baselines.detectors.coordination.echo_graph:EchoGraph",
    "copycatch": "baselines.detectors.published.copycatch:CopyCatch",
    "synchrotrap": "baselines.detectors.published.synchrotrap:SynchroTrap",
    "catchsync": "baselines.detectors.published.catchsync:CatchSync",
    "fraudar": "baselines.detectors.published.fraudar:Fraudar",
    "evilcohort": "baselines.detectors.published.evilcohort:EvilCohort",
    "prada": "baselines.detectors.queries.prada:Prada",
    "seat": "baselines.detectors.queries.seat:Seat",
    "vardetect": "baselines.detectors.queries.vardetect:VarDetect",
    "honeypot-propagation": "baselines.detectors.rules.honeypot_propagation:HoneypotPropagation",
    "text-duplicates": "baselines.detectors.text.near_duplicates:NearDuplicates",
    "text-style": "baselines.detectors.text.style_links:StyleLinks",
    "text-discrepancy": "baselines.detectors.text.window_discrepancy:WindowDiscrepancy",
    "label-propagation": "baselines.detectors.graphs.label_propagation:LabelPropagation",
    "rf-graph": "baselines.detectors.graphs.rf_graph:RFGraph",
    "xgb-graph": "baselines.detectors.graphs.xgb_graph:XGBGraph",
    "flattened-graph": "baselines.detectors.graphs.flattened_graph:FlattenedGraph",
    "graphsage": "baselines.detectors.graphs.graphsage:GraphSAGE [gnn]",
    "bwgnn": "baselines.detectors.graphs.bwgnn:BWGNN [gnn]",
    "leiden-fusion": "baselines.detectors.relational.leiden_fusion:LeidenFusion",
    "xgboost-relational": "baselines.detectors.relational.xgboost_relational:XGBoostRelational",
    "confident-relational": "baselines.detectors.relational.confident_relational:ConfidentRelational",
    "stacked": "baselines.detectors.relational.stacked:Stacked",
    "message-passing": "baselines.detectors.relational.message_passing:MessagePassing [gnn]",
    "xgboost-requests": "baselines.detectors.relational.xgboost_requests:RequestTrees",
    "xgboost-early": "baselines.detectors.relational.xgboost_early:EarlyTrees",
}
_BY_WEIGHTS = {"tabicl": "baselines.detectors.networks.tabicl_aggregates:TabICLAggregates [foundation]"}
_UPPER_BOUNDS = {
    "cohort-oracle": "baselines.detectors.upper_bounds.cohort_oracle:CohortOracle",
    "all-but-one-oracle": "baselines.detectors.upper_bounds.all_but_one_oracle:AllButOne",
}
_MODULES = {
    "gnn": ("torch",),
    "tabular": ("tabm",),
    "foundation": ("tabicl",),
    "boosting": ("lightgbm", "catboost"),
}
"""Optional extra of this package, and the modules that come with it."""


class Catalogue(Mapping[str, "type[Detector]"]):
    """Detector classes by name, each imported when it is asked for.

    Parameters
    ----------
    addresses : dict of str to str
        Name, and "module:Class" with the optional extras that it cannot do without in brackets.

    Examples
    --------
    >>> Catalogue({"volume": "baselines.detectors.trivial.volume:Volume"})["volume"].__name__
    'Volume'
    """

    def __init__(self, addresses: dict[str, str]) -> None:
        self.addresses = addresses

    def __getitem__(self, name: str) -> type[Detector]:
        kind: type[Detector] = EntryPoint(name, self.addresses[name], GROUP).load()
        return kind

    def __iter__(self) -> Iterator[str]:
        return iter(self.addresses)

    def __len__(self) -> int:
        return len(self.addresses)

    def __contains__(self, name: object) -> bool:
        return name in self.addresses


def _lacking(name: str) -> str:
    """Why a detector cannot be run here; "" if it can."""
    extras = EntryPoint(name, {**_ENTRIES, **_BY_WEIGHTS}[name], GROUP).extras
    missing = {extra: [m for m in _MODULES[extra] if find_spec(m) is None] for extra in extras}
    return "; ".join(f"needs {' and '.join(m)}: pip install siphonbench[{e}]" for e, m in missing.items() if m)


SKIPPED: dict[str, str] = {name: why for name in _ENTRIES if (why := _lacking(name))}
"""Why a detector cannot be run here."""

WITH_WEIGHTS = Catalogue({name: address for name, address in _BY_WEIGHTS.items() if not _lacking(name)})
"""Run by name alone, or by `--weights`: the weights of a pretrained model do not come along."""

SKIPPED |= {
    name: _lacking(name)
    or f"needs weights, which do not come along: siphonbench baselines run {name} --weights PATH"
    for name in _BY_WEIGHTS
}

DETECTORS = Catalogue({name: address for name, address in _ENTRIES.items() if name not in SKIPPED})

WITHOUT_EXTRAS = tuple(name for name, address in _ENTRIES.items() if "[" not in address)
"""Detectors that can be run everywhere."""

UPPER_BOUNDS = Catalogue(_UPPER_BOUNDS)
"""Told more than an entry may know: they say what can be reached, and stand on no board."""

NAMES = frozenset({**_ENTRIES, **_BY_WEIGHTS, **_UPPER_BOUNDS})
"""Taken, also by what cannot be run here."""
