"""How often the audit fails a clean dataset: datasets of seeds that were not used before, made, audited, deleted.

python -m benchmarks.audit_false_alarms                  # 30 seeds of small; about three minutes of one core each
python -m benchmarks.audit_false_alarms --out nano.jsonl --preset nano

One line of JSON for each seed: which gates failed, and every value. Run again, it goes on with the seeds that are
missing from the file. The last line printed sums up: seeds, false alarms, and a bound of their rate.
"""

from __future__ import annotations

import argparse
import json
import tempfile
import time
from pathlib import Path
from typing import Any

import siphonbench
from generator.audit import run
from generator.audit.audited_dataset import AuditedDataset
from generator.audit.base.verdicts import FAMILY_LEVEL

FIGURES = Path(__file__).parent / "figures/audit_false_alarms.jsonl"


def audited(preset: str, seed: int) -> dict[str, Any]:
    """Make the dataset of a seed, audit it without detectors, and delete it.

    Parameters
    ----------
    preset : str
        Name of a preset.
    seed : int
        Base seed.
    """
    start = time.monotonic()
    with tempfile.TemporaryDirectory() as folder:
        dataset = siphonbench.generate(preset, seed, Path(folder, "data"), workers=1)
        gates = run.measure(AuditedDataset(dataset))
    return {
        "preset": preset,
        "seed": seed,
        "digest": dataset.digest,
        "failed": [gate.name for gate in gates if not gate.passed],
        "values": {gate.name: [gate.value, gate.bound, gate.where] for gate in gates},
        "seconds": round(time.monotonic() - start, 1),
    }


def summary(rows: list[dict[str, Any]]) -> str:
    """Sum up the lines of a file in a sentence.

    Parameters
    ----------
    rows : list of dict
        As `audited` gives them.
    """
    from scipy.stats import beta

    alarms = sum(bool(row["failed"]) for row in rows)
    bound = float(beta.ppf(0.95, alarms + 1, len(rows) - alarms)) if alarms < len(rows) else 1.0
    return (
        f"{alarms} of {len(rows)} clean datasets failed; the rate is below {bound:.1%} with a confidence of 95 % "
        f"(Clopper and Pearson, 1934), and the gates of chance promise {FAMILY_LEVEL:.0%}"
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, default=FIGURES, help="JSON lines; goes on where it ends")
    parser.add_argument("--preset", default="small")
    parser.add_argument("--first", type=int, default=80_009, help="first seed")
    parser.add_argument("--seeds", type=int, default=30)
    args = parser.parse_args()
    lines = args.out.read_text("utf-8").splitlines() if args.out.exists() else []
    rows = [row for row in map(json.loads, lines) if row["preset"] == args.preset]
    known = {row["seed"] for row in rows}
    for seed in range(args.first, args.first + args.seeds):
        if seed in known:
            continue
        rows.append(audited(args.preset, seed))
        with args.out.open("a", encoding="utf-8") as file:
            file.write(json.dumps(rows[-1]) + "\n")
        print(f"seed {seed}: {rows[-1]['seconds']:.0f} s, failed: {rows[-1]['failed'] or 'none'}", flush=True)
    print(summary(rows))


if __name__ == "__main__":
    main()
