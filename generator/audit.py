"""Release gates: is the world winnable by a shortcut, and is it solvable by relation?

Every gate is measured on all splits of a dataset, truth open, and reported with its bound and remedy.
"""

from __future__ import annotations

import hashlib
import io
from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt
import polars as pl
import pyarrow.parquet as pq

from generator import cohorts, config, schema, tables, world
from generator.dataset import Dataset, Split

F64 = npt.NDArray[np.float64]
_SKIPPED = ("request_id", "account_id", "ts")


@dataclass(frozen=True)
class Gate:
    """One gate: what was measured, against which bound, and what to do when it fails."""

    name: str
    value: float
    bound: str
    passed: bool
    remedy: str


def audit(dataset: Dataset, predictions: Mapping[str, pl.DataFrame] | None = None) -> list[Gate]:
    """Measure the gates that a dataset can answer.

    Parameters
    ----------
    dataset : Dataset
        Any preset; the bounds are meant for small and above.
    predictions : mapping of str to polars.DataFrame, optional
        Scores of baselines on the test split, by name; adds the gates about detectors.

    Returns
    -------
    list of Gate
    """
    splits = [dataset.reveal(name) for name in dataset.splits]
    found = [_hidden(split, aggregates(split)) for split in splits]
    gates = [_shortcut(found), _artefacts(splits), _places(splits), _tree(found)]
    gates += [_company(splits), _no_overlap(splits), _permuted(dataset)]
    return gates + (_detectors(splits[-1], predictions) if predictions else [])


def aggregates(split: Split) -> pl.DataFrame:
    """Every simple aggregate of every column per account, with label and tier.

    Numbers: mean, SD, extremes, quartiles, distinct values, share of the mode and of nulls. Categories: distinct
    values and the share of each.
    """
    kinds = {c.name: c.dtype for c in schema.REQUESTS if c.name not in _SKIPPED}
    exprs = [pl.len().alias("requests"), pl.col("day").n_unique().alias("days")]
    stamp = pl.col("ts").dt.epoch("ms")
    exprs += [stamp.min().alias("ts:first"), stamp.max().alias("ts:last"), (stamp % 1000).mean().alias("ts:ms")]
    exprs += [pl.col("ts").dt.hour().mean().alias("ts:hour"), pl.col("ts").dt.hour().n_unique().alias("ts:hours")]
    for name, dtype in kinds.items():
        column = pl.col(name)
        exprs += [column.n_unique().alias(f"{name}:distinct"), column.is_null().mean().alias(f"{name}:null")]
        exprs.append((column.unique_counts().max() / pl.len()).alias(f"{name}:mode"))
        if dtype == schema.CATEGORY:
            values = tables.POOLS[name]
            exprs += [(column.cast(pl.String) == v).mean().alias(f"{name}={v}") for v in values]
        else:
            number = column.cast(pl.Float64)
            exprs += [number.mean().alias(f"{name}:mean"), number.std().alias(f"{name}:sd")]
            exprs += [number.quantile(q, "linear").alias(f"{name}:q{q}") for q in (0.0, 0.25, 0.75, 1.0)]
    found = pl.concat([part.group_by("account_id").agg(exprs).collect() for part in split.requests.buckets()])
    own = [pl.col("created").dt.epoch("ms").alias("created")]
    for name in ("plan", "verification", "payment_type", "email_type"):
        text = pl.col(name).cast(pl.String)
        own += [(text == v).cast(pl.Float64).alias(f"{name}={v}") for v in tables.POOLS[name]]
    base = split.accounts.polars().select("account_id", *own).collect()
    truth = split.labels.polars().select("account_id", pl.col("label", "tier").cast(pl.String)).collect()
    return (
        base.join(found, on="account_id", how="left")
        .join(truth, on="account_id")
        .with_columns(pl.col("requests").fill_null(0))
    )


def _hidden(split: Split, table: pl.DataFrame) -> tuple[str, list[str], F64, npt.NDArray[np.bool_]]:
    """Names and values of the aggregates of benign, evasive and adaptive accounts, and which are extraction."""
    kept = table.filter((pl.col("label") == "benign") | pl.col("tier").is_in(["evasive", "adaptive"]))
    positive = (kept["label"] == "extraction").to_numpy()
    values = kept.drop("account_id", "label", "tier").cast(pl.Float64)
    return split.name, values.columns, values.fill_null(float("nan")).to_numpy(), positive


def _shortcut(tables: list[tuple[str, list[str], F64, npt.NDArray[np.bool_]]]) -> Gate:
    from sklearn.metrics import average_precision_score

    worst, where = 0.0, ""
    for split, names, values, positive in tables:
        for name, column in zip(names, values.T, strict=True):
            for sign in (1, -1):
                score = np.nan_to_num(sign * column, nan=-1e300, neginf=-1e300, posinf=1e300)
                lift = average_precision_score(positive, score) / positive.mean()
                if lift > worst:
                    worst, where = float(lift), f"{name} in {split}"
    return Gate(
        f"best single aggregate of {len(tables[0][1])} ({where}), evasive and adaptive: AP / prevalence",
        worst,
        "<= 3",
        worst <= 3,
        "draw that habit from the population in generator/archetypes",
    )


def _artefacts(splits: list[Split]) -> Gate:
    """Ids, their order, and sub-second digits, as ROC AUC of the label; the worst distance from one half."""
    worst, allowed, where = 0.0, 0.0, ""
    for split in splits:
        seen = (
            split.requests.polars()
            .group_by("account_id")
            .agg(
                (pl.col("request_id") % 65536).cast(pl.Float64).mean().alias("request id bits"),
                (pl.col("ts").dt.epoch("ms") % 1000).cast(pl.Float64).mean().alias("sub-second digits"),
            )
        )
        truth = split.labels.polars().select("account_id", pl.col("label").cast(pl.String))
        table = truth.join(seen, on="account_id").filter(pl.col("label") != "grey").collect()
        digits = pl.col("account_id").cast(pl.String).str.slice(4, 8).str.to_integer(base=16)
        table = table.with_columns(digits.cast(pl.Float64).alias("account id"))
        table = table.with_columns((pl.col("account id") % 256).alias("account id bits"))
        positive = (table["label"] == "extraction").to_numpy()
        error = 1.96 * np.sqrt((len(positive) + 1) / (12.0 * positive.sum() * (~positive).sum()))
        for name in ("request id bits", "sub-second digits", "account id", "account id bits"):
            off = abs(_auc(positive, table[name].to_numpy()) - 0.5)
            if off > worst:
                worst, where = off, f"{name} in {split.name}"
        # Four looks at three splits: the interval of the worst of twelve.
        allowed = max(allowed, 0.02, 1.5 * error)
    return Gate(
        f"ids, order and digits ({where}): |ROC AUC - 0.5|",
        worst,
        f"<= {allowed:.3f}",
        worst <= allowed,
        "key the column by something that is not the cohort",
    )


def _places(splits: list[Split]) -> Gate:
    from sklearn.metrics import average_precision_score
    from sklearn.model_selection import cross_val_predict
    from sklearn.naive_bayes import CategoricalNB

    worst = 0.0
    for split in splits:
        seen = (
            split.requests.polars()
            .group_by("account_id")
            .agg(
                pl.col("country").cast(pl.String).mode().first().rank("dense").alias("c"),
                pl.col("asn").mode().first(),
            )
        )
        truth = split.labels.polars().select("account_id", pl.col("label").cast(pl.String))
        table = truth.join(seen, on="account_id").filter(pl.col("label") != "grey").collect()
        x = table.select(pl.col("asn").rank("dense")).to_numpy().astype(int)
        y = (table["label"] == "extraction").to_numpy()
        model = CategoricalNB(min_categories=int(x.max()) + 1)
        guess = cross_val_predict(model, x, y, cv=5, method="predict_proba")[:, 1]
        worst = max(worst, float(average_precision_score(y, guess) / y.mean()))
    return Gate(
        "autonomous system only, cross-validated: AP / prevalence",
        worst,
        "<= 2",
        worst <= 2,
        "draw the cohorts' networks from the population",
    )


def _tree(tables: list[tuple[str, list[str], F64, npt.NDArray[np.bool_]]]) -> Gate:
    """Depth-3 tree trained on the first split, recall at FPR 0.1 % on the last."""
    from sklearn.tree import DecisionTreeClassifier

    (_, _, x, y), (_, _, x_test, y_test) = tables[0], tables[-1]
    tree = DecisionTreeClassifier(max_depth=3, random_state=0, class_weight="balanced").fit(_finite(x), y)
    score = tree.predict_proba(_finite(x_test))[:, 1]
    value = _recall(y_test, score, 1e-3)
    return Gate(
        "depth-3 tree on aggregates, evasive and adaptive: recall at FPR 0.1 %",
        value,
        "<= 0.15",
        value <= 0.15,
        "find the split it uses and match that habit",
    )


def _company(splits: list[Split]) -> Gate:
    ratios = []
    for split in splits:
        labels = split.labels.polars().select(pl.col("label").cast(pl.String), "cohort").collect()
        sizes = labels.group_by("label", "cohort").len()
        grouped = sizes.filter((pl.col("label") == "benign") & (pl.col("len") > 2))["len"].to_numpy().sum()
        ratios.append(float(grouped) / max(1, int((labels["label"] == "extraction").sum())))
    return Gate(
        "benign accounts in groups per extraction account",
        float(min(ratios)),
        ">= 1",
        min(ratios) >= 1,
        "raise the shares of group archetypes in the mix",
    )


def _no_overlap(splits: list[Split]) -> Gate:
    ids = [
        s.accounts.polars().select(pl.col("account_id").cast(pl.String)).collect()["account_id"] for s in splits
    ]
    shared = sum(len(set(a) & set(b)) for i, a in enumerate(ids) for b in ids[i + 1 :])
    return Gate("accounts that occur in two splits", float(shared), "== 0", shared == 0, "key accounts by split")


def _permuted(dataset: Dataset) -> Gate:
    """The first bucket of every world made twice, once with the labels turned round."""
    made = config.from_dict(dataset.manifest["config"], "manifest")
    different = 0
    for split in made.splits:
        plan = cohorts.build(made, split)
        turned = replace(plan, label=plan.label[::-1].copy(), tier=plan.tier[::-1].copy())
        different += _public_digest(plan) != _public_digest(turned)
    return Gate(
        "worlds whose public bytes change when labels are permuted",
        float(different),
        "== 0",
        different == 0,
        "find what reads the label columns of the plan",
    )


def _public_digest(plan: cohorts.Plan) -> str:
    digest = hashlib.sha256()
    shard = world.simulate(plan, 0)
    for table in [
        tables.account_rows(plan, shard.accounts.first(shard.size)),
        *(t for _, t in tables.requests(plan, shard)),
    ]:
        buffer = io.BytesIO()
        pq.write_table(table, buffer, compression="none")
        digest.update(buffer.getbuffer())
    return digest.hexdigest()


def _detectors(test: Split, predictions: Mapping[str, pl.DataFrame]) -> list[Gate]:
    from sklearn.metrics import average_precision_score

    truth = test.labels.polars().select(pl.col("account_id", "label", "tier").cast(pl.String)).collect()
    means, limit = {}, 0.0
    for name, frame in predictions.items():
        scores = frame.select(pl.col("account_id").cast(pl.String), "score")
        table = truth.join(scores, on="account_id", how="inner")
        per_tier = []
        for tier in schema.TIERS:
            part = table.filter((pl.col("label") == "benign") | (pl.col("tier") == tier))
            per_tier.append(average_precision_score(part["label"] == "extraction", part["score"]))
        means[name] = float(np.mean(per_tier))
        if name == "rate-limit":
            part = table.filter((pl.col("label") == "benign") | pl.col("tier").is_in(["evasive", "adaptive"]))
            limit = _recall((part["label"] == "extraction").to_numpy(), part["score"].to_numpy(), 1e-2)
    best = max(means.values())
    chain = [means.get(n, float("nan")) for n in ("rate-limit", "xgboost-aggregates", "xgboost-relational")]
    step = float(np.min(np.diff(chain)))
    return [
        Gate(
            "per-account rate limit, evasive and adaptive: recall at FPR 1 %",
            limit,
            "<= 0.05",
            limit <= 0.05,
            "keep the swarm below the per-account limits",
        ),
        Gate(
            "best baseline: AP, mean over tiers",
            best,
            "0.5 .. 0.9",
            0.5 <= best <= 0.9,
            "weaken or strengthen what cohorts share",
        ),
        Gate(
            "rate limit < account-level trees < relational trees: smallest step of AP",
            step,
            "> 0",
            step > 0,
            "see the scorecards for the intervals",
        ),
    ]


def _finite(values: F64) -> F64:
    return np.clip(np.nan_to_num(values, nan=-1.0, posinf=1e30, neginf=-1e30), -1e30, 1e30)


def _auc(positive: npt.NDArray[np.bool_], score: F64) -> float:
    from sklearn.metrics import roc_auc_score

    return float(roc_auc_score(positive, score))


def _recall(positive: npt.NDArray[np.bool_], score: F64, fpr: float) -> float:
    from sklearn.metrics import roc_curve

    x, y, _ = roc_curve(positive, score)
    return float(np.interp(fpr, x, y))
