"""A swarm in logs that others' programs wrote, looked for by a detector that learnt from a synthetic world alone.

    python -m benchmarks.own_programs FOLDER --lesson siphonbench-data/small

Some five thousand calls of 200 users and a swarm of 30 accounts go through OpenAI's client under OpenTelemetry and
LiteLLM's proxy (`tests/real_programs.py`; uv fetches both into an environment of their own). What each logged is
ingested, a detector is fitted without the columns that it lacks, and groups are ranked; then once more with the
swarm's accounts taken out. Calls that were logged once stay in FOLDER.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import shutil
import subprocess
import sys
from collections.abc import Iterable
from dataclasses import asdict, replace
from pathlib import Path

import polars as pl
from sklearn.metrics import average_precision_score

import siphonbench
from benchmarks import measured, shown
from generator import files
from generator.dataset import Dataset
from siphonbench.ingest import ingestion, pseudonyms
from siphonbench.workflows import triage
from tests import own_logs

LOGS = {"litellm": "litellm.jsonl", "otel": "otel.binpb"}
"""What the programs wrote, by format."""
ALL = 10**6  # groups: more than there are


def logged(calls: Iterable[own_logs.Call], folder: Path) -> Path:
    """Send calls through the programs, unless that was done; returns the folder of their logs."""
    done = folder / "logs"
    if done.exists():
        return done
    partial = folder / "logs.partial"
    shutil.rmtree(partial, ignore_errors=True)
    partial.mkdir(parents=True)
    plan = [asdict(call) | {"key": call.key} for call in calls]
    files.write_text(partial / "calls.json", json.dumps(plan))
    uv = shutil.which("uv", path=str(Path(sys.executable).parent)) or "uv"
    script = measured.ROOT / "tests" / "real_programs.py"
    subprocess.run([uv, "run", "--quiet", "--script", script, partial / "calls.json", partial], check=True)
    return partial.rename(done)


def swarm_of(calls: Iterable[own_logs.Call], form: str, data: Path) -> list[str]:
    """Ids of the swarm's accounts in an ingested dataset; to the proxy an account is its key's SHA-256."""
    key = pseudonyms.read_key(data.with_name(data.name + ".key"), data)
    names = {call.user: hashlib.sha256(call.key.encode()).hexdigest() for call in calls if call.swarm}
    return sorted(key.account(hashed if form == "litellm" else user) for user, hashed in names.items())


def without(data: Dataset, accounts: list[str]) -> Dataset:
    """The dataset as if some accounts had never called."""
    split = data.splits["test"]
    kept = ~pl.col("account_id").cast(pl.String).is_in(accounts)
    tables = {**split.tables, **{name: split.tables[name].where(kept) for name in ("accounts", "requests")}}
    return replace(data, splits={"test": replace(split, tables=tables)})


def study(calls: list[own_logs.Call], form: str, folder: Path, lesson: Dataset, detector: str) -> None:
    """One row: where the swarm stands, who stands above it, and what is raised without it."""
    out = folder / form
    if not out.exists():
        ingestion.ingest(logged(calls, folder) / LOGS[form], form, out)
    data = siphonbench.load(out)
    fitted, seconds, _ = measured.took(lambda: siphonbench.fit(detector, lesson.path, like=data))
    found, more, _ = measured.took(lambda: triage.triage(data, fitted, ALL, lesson))
    swarm, threshold = set(swarm_of(calls, form, out)), found.threshold
    assert threshold is not None
    ranks = [i for i, group in enumerate(found.groups, 1) if swarm & set(group.accounts)]
    first = found.groups[ranks[0] - 1]
    clean = triage.triage(without(data, sorted(swarm)), fitted, ALL)  # the threshold stays: it is the lesson's
    shown.row(
        form,
        data.test.requests.polars().select(pl.len()).collect().item(),
        found.accounts,
        f"{precision(found, swarm):.3f}",
        ranks[0],
        f"{len(swarm & set(first.accounts))} of {len(swarm)}, {len(set(first.accounts) - swarm)} others",
        sum(not swarm & set(group.accounts) for group in found.groups[: ranks[0] - 1]),
        sum(group.score > threshold for group in found.groups if not swarm & set(group.accounts)),
        f"{sum(group.score > threshold for group in clean.groups)} of {len(clean.groups)}",
        f"{seconds:.0f}, {more:.0f}",
    )


def precision(found: triage.Triage, swarm: set[str]) -> float:
    """Average precision of the accounts' scores."""
    scores = {a: s for group in found.groups for a, s in zip(group.accounts, group.scores, strict=True)}
    return float(average_precision_score([a in swarm for a in scores], list(scores.values())))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path, help="where logs and their datasets are kept")
    parser.add_argument("--lesson", type=Path, required=True, help="synthetic dataset to learn from")
    parser.add_argument("--detector", default="xgboost-relational")
    args = parser.parse_args()
    calls, lesson = own_logs.calls(), siphonbench.load(args.lesson)
    shown.head(
        *("log", "calls", "accounts", "AP", "rank of the swarm", "its group", "innocent groups above it"),
        *("innocent groups above the threshold", "without the swarm, above the threshold"),
        "seconds to fit, to triage",
    )
    for form in LOGS:
        study(calls, form, args.folder, lesson, args.detector)


if __name__ == "__main__":
    main()
