"""Metadata for hosts of datasets: Hugging Face's card, Kaggle's and Zenodo's files."""

from __future__ import annotations

from typing import Any

from generator import schema
from generator.manifest import TRUTH_FOLDER
from generator.publish import release_info
from generator.publish.release_info import ReleaseInfo

_SIZES = (
    (1e3, "n<1K"),
    (1e4, "1K<n<10K"),
    (1e5, "10K<n<100K"),
    (1e6, "100K<n<1M"),
    (1e7, "1M<n<10M"),
    (1e8, "10M<n<100M"),
    (1e9, "100M<n<1B"),
    (1e10, "1B<n<10B"),
    (1e11, "10B<n<100B"),
    (1e12, "100B<n<1T"),
)
_KAGGLE = {"float": "number", "double": "number", "bool": "boolean", "string": "string"}
_OPEN = (
    "The truth of the test split stands apart, in `test-truth/`: load it to judge, not to learn. "
    "With it here, a score on test proves nothing to others."
)
_SHUT = (
    "The truth of the test split is left out. It is no secret, since the configuration makes everything again: "
    "`siphonbench generate --config config.toml --out again`, then evaluate on that folder."
)


def hugging_face(release: ReleaseInfo) -> str:
    """README.md: YAML that `datasets` reads, one configuration per table, and the text of the card.

    Parameters
    ----------
    release : ReleaseInfo
        What is described.
    """
    return f"---\n{_yaml(release)}---\n{_card(release)}"


def kaggle(release: ReleaseInfo, samples: dict[str, str]) -> dict[str, Any]:
    """Content of dataset-metadata.json; the sample CSV files are described column by column.

    Parameters
    ----------
    release : ReleaseInfo
        What is described.
    samples : dict of str to str
        SHA-256 of the sample files, by path.
    """
    resources = []
    for path in (p for p in samples if p.endswith(".csv")):
        table = path.split("/")[1].removesuffix(".csv")
        fields = [{"name": c.name, "description": c.description, "type": _type(c)} for c in schema.TABLES[table]]
        resources.append({"path": path, "description": f"sample of {table}", "schema": {"fields": fields}})
    return {
        "title": release.title[:50],
        "subtitle": "Synthetic LLM API logs with hidden extraction campaigns",
        "description": f"{release_info.SUMMARY}\n\n{_truth(release)}\n\nSee README.md and data_card.md.",
        "id": f"{release.owner}/{release.name.lower()[:50]}",
        "licenses": [{"name": "CC-BY-4.0"}],
        "keywords": ["classification", "graph", "cyber security", "nlp"],
        "expectedUpdateFrequency": "never",
        "resources": resources,
    }


def zenodo(release: ReleaseInfo) -> dict[str, Any]:
    """Content of .zenodo.json.

    Parameters
    ----------
    release : ReleaseInfo
        What is described.
    """
    return {
        "title": release.title,
        "upload_type": "dataset",
        "description": f"<p>{release_info.SUMMARY}</p><p>Digest {release.manifest['digest']}.</p>",
        "creators": [{"name": release_info.CREATOR}],
        "license": "cc-by-4.0",
        "access_right": "open",
        "publication_date": release.published,
        "version": release.version,
        "language": "eng",
        "keywords": list(release_info.KEYWORDS),
    }


def _type(column: schema.Column) -> str:
    kind = "string" if column.dtype == schema.CATEGORY else str(column.dtype)
    return "datetime" if column.dtype == schema.TIMESTAMP else _KAGGLE.get(kind, "integer")


def _yaml(release: ReleaseInfo) -> str:
    size = next((name for bound, name in _SIZES if release.rows < bound), "n>1T")
    lines = [
        f"pretty_name: {release.title}",
        "license: cc-by-4.0",
        "task_categories:\n- tabular-classification\n- graph-ml",
        "tags:\n" + "\n".join(f"- {word}" for word in release_info.KEYWORDS),
        "annotations_creators:\n- machine-generated",
        "source_datasets:\n- original",
        f"size_categories:\n- {size}",
        "configs:",
    ]
    configs: dict[str, list[tuple[str, str]]] = {}
    for folder, table, paths in release.tables:
        apart = folder == TRUTH_FOLDER
        split, config = ("test", f"test_{table}") if apart else (folder, table)
        configs.setdefault(config, []).append((split, release_info.pattern(folder, table, paths)))
    for config, files in configs.items():
        lines.append(f"- config_name: {config}" + "\n  default: true" * (config == "requests"))
        lines.append("  data_files:")
        lines += [f"  - split: {split}\n    path: {path}" for split, path in files]
    return "\n".join(lines) + "\n"


def _truth(release: ReleaseInfo) -> str:
    return _OPEN if release.manifest["release"]["test_truth"] else _SHUT


def _card(release: ReleaseInfo) -> str:
    rows = "\n".join(
        f"| {name} | {s['start'][:10]} | {s['days']} | {s['counts']['accounts']:,} | {s['counts']['requests']:,} "
        f"| {s['counts']['campaigns']} |"
        for name, s in release.manifest["splits"].items()
    )
    tables = "\n".join(
        f"| `{name}` | {'public' if name in schema.PUBLIC else 'truth'} | {len(columns)} | "
        f"{', '.join(f'`{c.name}`' for c in columns[:5])} ... |"
        for name, columns in schema.TABLES.items()
        if name in {table for _, table, _ in release.tables}
    )
    return f"""# {release.title}

{release_info.SUMMARY}

| split | first day | days | accounts | requests | campaigns |
|---|---|---|---|---|---|
{rows}

The three worlds share no account. {_truth(release)}

## Load it

```python
from datasets import load_dataset

requests = load_dataset("PATH", "requests", split="train")  # a folder, or OWNER/NAME at the Hub
```

```python
import siphonbench

dataset = siphonbench.load("PATH")  # a folder, hf://datasets/OWNER/NAME, s3://BUCKET/NAME ...
labels = dataset.train.labels.pandas()
```

`sample/` holds a few accounts, half of them of one campaign, as Parquet and CSV.

| table | | columns | |
|---|---|---|---|
{tables}

Every column's meaning and unit: `croissant.json`. How it is made, assumptions, limits, misuse: `data_card.md`.

## Check it, make it again

    siphonbench verify PATH
    siphonbench verify PATH --regenerate

`SHA256SUMS` is in the form of `sha256sum -c`. Logical digest of the public tables: `{release.manifest["digest"]}`.

## Licences

Data: CC-BY-4.0 (`LICENSE-DATA`). The generator, siphonbench {release.version}, is under Apache-2.0 (`LICENSE`).
"""
