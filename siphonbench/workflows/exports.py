"""Datasets in the layouts of other benchmarks, for models that are written for those.

Both hold all three worlds on one line of time. An account is asked about when its window ends, by what happened
until then. What accounts share (prefixes, devices, prompts, payments) is an entity of its own, so that a graph
of tables, or of events, shows the links.

RelBench 3 reads the first layout as it is (`relbench.load_dataset(FOLDER)`); the second one has the columns of TGB
2.0's heterogeneous graphs, whose package knows no data but its own.

Sources: Robinson et al., RelBench (NeurIPS 2024), manifest layout of version 3; Gastinger et al., TGB 2.0 (NeurIPS
2024).
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import polars as pl

from generator import files
from generator.errors import UserError

if TYPE_CHECKING:
    from generator.dataset import Dataset, Split

LINKS = {
    "requests": {"ip_prefix": "prefixes", "tls_fingerprint": "devices", "system_prompt_hash": "prompts"},
    "accounts": {"signup_prefix": "prefixes", "payment_id": "payments"},
}
"""Columns whose values several accounts can share, and the entities that the values name."""
ENTITIES = ("prefixes", "devices", "prompts", "payments")
SPLITS = {"train": "train", "validation": "val", "test": "test"}
"""Our splits, and what both benchmarks call them."""
TASK = "account-extraction"


@dataclass(frozen=True)
class Pooled:
    """All worlds of a dataset on one line of time, with numbers from 0 in place of names.

    Attributes
    ----------
    name : str
        Of the dataset.
    accounts : polars.DataFrame
        `account` (row number), account_id, split and all public columns, by time of sign-up.
    requests : polars.LazyFrame
        `account` and all public columns, by time.
    entities : dict of str to polars.DataFrame
        `number` and `value` of what `LINKS` names.
    ends : dict of str to datetime
        End of each split's window, UTC without a zone.
    labels : dict of str to polars.DataFrame
        Of each split: timestamp, account, extraction (0 or 1) and tier of the accounts that are scored. Where
        labels of test stay masked: timestamp and account of everybody.
    """

    name: str
    accounts: pl.DataFrame
    requests: pl.LazyFrame
    entities: dict[str, pl.DataFrame]
    ends: dict[str, datetime]
    labels: dict[str, pl.DataFrame]


def export(dataset: Dataset, layout: str, out: str | Path, test_labels: bool = False) -> Path:
    """Write a dataset in another benchmark's layout.

    Parameters
    ----------
    dataset : Dataset
        With labels of train and validation.
    layout : str
        Key of `LAYOUTS`.
    out : path
        New folder.
    test_labels : bool
        Whether the labels of test are written as well.

    Raises
    ------
    UserError
        If there is no such layout, the folder exists, or labels are not in the dataset.
    """
    target = Path(out)
    if layout not in LAYOUTS:
        raise UserError(f"no layout {layout!r}: choose {' or '.join(LAYOUTS)}")
    if target.exists():
        raise UserError(f"{target} exists already and is kept: name a new folder")
    pooled = pool(dataset, test_labels)
    with files.atomic_folder(target) as folder:
        LAYOUTS[layout](pooled, folder)
    return target


def pool(dataset: Dataset, test_labels: bool = False) -> Pooled:
    """Put the worlds of a dataset on one line of time.

    Parameters
    ----------
    dataset, test_labels
        As for `export`.

    Raises
    ------
    MaskedLabelsError
        If labels are asked for that the folder does not hold.
    """
    splits = {name: dataset.reveal(name) if test_labels else getattr(dataset, name) for name in SPLITS}
    ends = {name: (s.start + timedelta(days=s.days)).replace(tzinfo=None) for name, s in splits.items()}
    people = [_plain(s.accounts.polars()).with_columns(split=pl.lit(name)) for name, s in splits.items()]
    accounts = pl.concat(people).sort("created", "account_id").with_row_index("account").collect()
    numbers = accounts.select("account_id", pl.col("account").cast(pl.Int64))
    log = pl.concat(_plain(s.requests.polars()) for s in splits.values())
    requests = log.join(numbers.lazy(), on="account_id").drop("account_id").sort("ts", "request_id")
    sources = {"requests": requests, "accounts": accounts.lazy()}
    return Pooled(
        dataset.name,
        accounts.with_columns(pl.col("account").cast(pl.Int64)),
        requests,
        {entity: _values(sources, entity) for entity in ENTITIES},
        ends,
        {name: _labels(split, ends[name], numbers) for name, split in splits.items()},
    )


def _plain(table: pl.LazyFrame) -> pl.LazyFrame:
    """Categories as text, and times without a zone (UTC): what both benchmarks' readers take."""
    zones = pl.selectors.datetime(time_zone="*").dt.replace_time_zone(None)
    return table.with_columns((pl.selectors.categorical() | pl.selectors.enum()).cast(pl.String)).with_columns(
        zones
    )


def _values(sources: dict[str, pl.LazyFrame], entity: str) -> pl.DataFrame:
    columns = [(t, c) for t, named in LINKS.items() for c, e in named.items() if e == entity]
    seen = pl.concat(sources[t].select(pl.col(c).cast(pl.Int64).alias("value")) for t, c in columns)
    numbered = seen.drop_nulls().unique().sort("value").with_row_index("number").collect()
    return numbered.with_columns(pl.col("number").cast(pl.Int64))


def _labels(split: Split, end: datetime, numbers: pl.DataFrame) -> pl.DataFrame:
    moment = pl.lit(end).dt.cast_time_unit("ms").alias("timestamp")
    if split.masked:
        everybody = split.accounts.polars().select(pl.col("account_id").cast(pl.String)).collect()
        return everybody.join(numbers, on="account_id").select(moment, "account").sort("account")
    truth = _plain(split.labels.polars()).filter(pl.col("served") | (pl.col("label") == "benign")).collect()
    extraction = pl.col("served").cast(pl.Int8).alias("extraction")
    return truth.join(numbers, on="account_id").select(moment, "account", extraction, "tier").sort("account")


def _numbered(table: pl.LazyFrame, links: dict[str, str], entities: dict[str, pl.DataFrame]) -> pl.LazyFrame:
    """A table whose shared values are numbers of entities."""
    for column, entity in links.items():
        names = (
            entities[entity]
            .lazy()
            .select(pl.col("value").alias(column), pl.col("number").alias(f"{column} number"))
        )
        joined = table.with_columns(pl.col(column).cast(pl.Int64)).join(
            names, on=column, how="left", maintain_order="left"
        )
        table = joined.drop(column).rename({f"{column} number": column})
    return table


def _relbench(pooled: Pooled, folder: Path) -> None:
    """Tables with keys, a manifest of how they hang together, and the task's labels."""
    database, task = folder / "db", folder / "tasks" / TASK
    for place in (database, task):
        place.mkdir(parents=True)
    tables = {"accounts": pooled.accounts.lazy().drop("split"), "requests": pooled.requests}
    for name, table in tables.items():
        _numbered(table, LINKS[name], pooled.entities).sink_parquet(database / f"{name}.parquet")
    for entity, values in pooled.entities.items():
        values.write_parquet(database / f"{entity}.parquet")
    for name, labels in pooled.labels.items():
        labels.write_parquet(task / f"{SPLITS[name]}.parquet")
    keys: dict[str, Any] = {
        "accounts": {"pkey": "account", "time_col": "created", "fkeys": LINKS["accounts"]},
        "requests": {"pkey": None, "time_col": "ts", "fkeys": {"account": "accounts"} | LINKS["requests"]},
    }
    keys |= {entity: {"pkey": "number", "time_col": None, "fkeys": {}} for entity in ENTITIES}
    manifest = {
        "name": pooled.name,
        "manifest_version": 1,
        "description": f"{pooled.name} of SiphonBench: an account is asked about when its window ends.",
        # A label stands at the end of its window: what these moments close off is all that may be used.
        "val_timestamp": pooled.ends["validation"].isoformat(),
        "test_timestamp": pooled.ends["test"].isoformat(),
        "tables": keys,
    }
    asked = {
        "name": TASK,
        "kind": "external",
        "task_type": "binary_classification",
        "description": "Did the account serve an extraction campaign in its window? Grey accounts are left out.",
        "entity_table": "accounts",
        "entity_col": "account",
        "target_col": "extraction",
        "time_col": "timestamp",
        "manifest_version": 1,
    }
    for place, content in ((folder, manifest), (task, asked)):
        files.write_text(place / "manifest.yaml", json.dumps(content, indent=1) + "\n")  # JSON is YAML


def _tgb(pooled: Pooled, folder: Path) -> None:
    """A stream of events (account, kind, thing) by time, types of nodes, and labels at the windows' ends."""
    first, offsets = len(pooled.accounts), {}
    for entity, values in pooled.entities.items():
        offsets[entity] = first
        first += len(values)
    tables = {
        "accounts": (pooled.accounts.lazy(), "created"),
        "requests": (pooled.requests, "ts"),
    }
    relations = [(table, column) for table, links in LINKS.items() for column in links]
    events = []
    for number, (name, column) in enumerate(relations):
        table, time = tables[name]
        entity = LINKS[name][column]
        tail = pl.col(column) + offsets[entity]
        numbered = _numbered(table, {column: entity}, pooled.entities).drop_nulls([column, time])
        seconds = pl.col(time).dt.epoch("s").alias("timestamp")
        events.append(numbered.select(seconds, head="account", tail=tail, relation_type=pl.lit(number, pl.Int64)))
    order = ["timestamp", "head", "tail", "relation_type"]
    pl.concat(events).sort(order).sink_csv(folder / "edgelist.csv")
    kinds = [0] * len(pooled.accounts) + [
        k for k, e in enumerate(ENTITIES, 1) for _ in range(len(pooled.entities[e]))
    ]
    pl.DataFrame({"node_id": range(first), "type": kinds}).write_csv(folder / "nodetype.csv")
    labels = pl.concat(
        [t.with_columns(pl.lit(SPLITS[name]).alias("split")) for name, t in pooled.labels.items()], how="diagonal"
    )
    labels.with_columns(pl.col("timestamp").dt.epoch("s")).rename({"account": "node_id"}).write_csv(
        folder / "node_labels.csv"
    )
    about = {
        "name": pooled.name,
        "node_types": ["accounts", *ENTITIES],
        "relation_types": [f"{table}.{column}" for table, column in relations],
        "label_times": {
            SPLITS[name]: int(end.replace(tzinfo=UTC).timestamp()) for name, end in pooled.ends.items()
        },
    }
    files.write_text(folder / "about.json", json.dumps(about, indent=1) + "\n")


LAYOUTS = {"relbench": _relbench, "tgb": _tgb}
"""Another benchmark's name, and what writes a folder as it reads one."""
