"""Fits the laws of three kinds of workload (generator/kinds/*.toml) to public traces, beside what the tables hold.

python benchmarks/fit_sessions.py FOLDER

FOLDER holds Parquet files made from the public traces, with the columns ts_s, input_tokens, output_tokens (and for
agents session_id, turn, api_s, human_turn, cached_prefix_tokens):

* azure2023_conv*.parquet, azure2023_code*.parquet: Azure LLM inference traces 2023, CC-BY-4.0;
* kvct_agent*.parquet: callanjfox/kv-cache-tester, coding-agent sessions, Apache-2.0.

What is printed is the raw fit. The tables hold it after two corrections: variance that the generator puts between
accounts and between sessions is taken out of the law of one request, and shares follow the published quantiles of
the whole trace where only a part of it is at hand.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from generator.workloads.law_tables import law_table

F64 = npt.NDArray[np.float64]
# Longer prompts of a conversation trace carry a history: they are chats. Shorter ones fall into so many clusters.
HISTORY, CLUSTERS = 1336, 30
# The whole hour, as published, has more prompts below 300 tokens and fewer up to 700 than its first half.
GROUPS, TILT = (300, 700), (1.18, 0.95, 1.0)
CAP = (4055, 4160)


def show(name: str, fitted: Sequence[float] | F64, table: Any = None) -> None:
    """One line: what the trace says, and what the table holds."""
    values = ", ".join(f"{x:.4g}" for x in fitted)
    print(f"{name} = [{values}]" + ("" if table is None else f"  # in the table: {table}"))


def exponential_tail(log: F64) -> tuple[float, float, float]:
    """Location, SD and mean of the exponential part of an exponentially modified normal, by moments."""
    spread = max(float(log.std()), 1e-3)
    skew = float(np.clip(np.mean(((log - log.mean()) / spread) ** 3), 0, 1.8))
    tail = spread * (skew / 2) ** (1 / 3)
    return float(log.mean()) - tail, float(np.sqrt(max(spread**2 - tail**2, 1e-6))), tail


def mixture(log: F64, k: int) -> tuple[F64, F64, F64]:
    """Weights, medians and log SDs of a mixture of k lognormals, by median."""
    from sklearn.mixture import GaussianMixture

    found = GaussianMixture(k, random_state=0, n_init=3).fit(log[:, None])
    order = np.argsort(found.means_[:, 0])
    return found.weights_[order], np.exp(found.means_[order, 0]), np.sqrt(found.covariances_[order, 0, 0])


def clusters(tokens: F64) -> dict[str, F64]:
    """Joint clusters of input and output: a mixture of normals of the logs, by the median input."""
    from sklearn.mixture import GaussianMixture

    rng = np.random.default_rng(0)  # whole numbers are spread evenly, so that no cluster is a single number
    log = np.log(tokens + rng.uniform(-0.5, 0.5, tokens.shape))
    found = GaussianMixture(CLUSTERS, random_state=0, reg_covar=3e-6).fit(log)
    mean, covariance = found.means_, found.covariances_
    weight = found.weights_ * np.array(TILT)[np.digitize(np.exp(mean[:, 0]), GROUPS)]
    sigma = np.sqrt(covariance[:, [0, 1], [0, 1]])
    values = {
        "weight": weight / weight.sum(),
        "median": np.exp(mean[:, 0]),
        "sigma": sigma[:, 0],
        "output_median": np.exp(mean[:, 1]),
        "output_sigma": sigma[:, 1],
        "correlation": covariance[:, 0, 1] / sigma.prod(axis=1),
    }
    order = np.argsort(mean[:, 0])
    return {name: value[order] for name, value in values.items()}


def conversation(trace: pd.DataFrame) -> None:
    """Applications, and the chat whose history fills its window."""
    table = law_table("conversation")
    x, y = trace["input_tokens"].to_numpy(float), trace["output_tokens"].to_numpy(float)
    single = x < HISTORY
    found = clusters(np.c_[x, y][single])
    print("\n[law.applications] of conversation")
    for name, values in found.items():
        show(name, values, table["applications"][name])
    full = (x >= CAP[0]) & (x <= CAP[1])
    chat = ~single & ~full
    print("\n[law.history] of conversation")
    show("share of requests in chats", [float((full | chat).mean())])
    show("full", [float(full.sum() / (full | chat).sum())], table["history"]["full"])
    show("first: median, sigma", [float(np.median(x[chat])), float(np.log(x[chat]).std())])
    show("slack: median, sigma", _lognormal(x[full] - table["history"]["window"]), table["history"]["slack"])
    for name, mine in (("chat", chat), ("full", full)):
        location, sigma, tail = exponential_tail(np.log(y[mine] + 0.5))
        show(f"{name}: median, sigma, tail", [np.exp(location), sigma, tail], table[name])


def code(trace: pd.DataFrame) -> None:
    """Quantiles of tokens, and the gaps of the merged stream against their median."""
    table = law_table("code")
    for name, column in (("input", "input_tokens"), ("output", "output_tokens")):
        values = trace[column].to_numpy(float)
        print(f"\n[law.{name}] of code")
        show("value", np.quantile(values, table[name]["share"]), table[name]["value"])
    cap = trace["input_tokens"].max()
    show("share at the window", [float((trace["input_tokens"] >= cap - 3).mean())])
    gap = np.diff(np.sort(trace["ts_s"].to_numpy(float)))
    log = np.log(gap[gap > 0] / np.median(gap))
    print("\n[law.gaps] of code; a sitting's pauses are shorter than the stream's")
    for name, values in zip(("weight", "median", "sigma"), mixture(log[log < np.log(200)], 3), strict=True):
        show(name, values, table["gaps"][name])


def steps_of(trace: pd.DataFrame) -> pd.DataFrame:
    """Steps after a session's first, with what went before and what they added."""
    session = trace["session_id"]
    same = session.eq(session.shift())
    before = trace.shift().where(same)
    step = trace.assign(
        gap=trace["ts_s"].diff().where(same),
        grown=trace["input_tokens"].diff().where(same),
        said=before["output_tokens"],
        held=before["input_tokens"],
        length=trace.groupby("session_id")["turn"].transform("size"),
    )
    return step[same].reset_index(drop=True)


def agent(trace: pd.DataFrame) -> None:
    """Beginnings, answers, growth, compaction, latency and pauses of coding agents."""
    table = law_table("agent")
    trace = trace.sort_values(["session_id", "turn"], kind="stable").reset_index(drop=True)
    step = steps_of(trace)
    _beginnings(trace, table)
    print("\n[law.output] of agent")
    show("value", np.quantile(trace["output_tokens"] + 0.5, table["output"]["share"]), table["output"]["value"])
    print("\n[law.growth] of agent, after short answers and the first five steps")
    late = step[(step["turn"] > 5) & (step["grown"] > 0) & (step["said"] < 400)]
    read = (late["grown"] - late["said"]).clip(lower=1)
    show("value", np.quantile(read, table["growth"]["share"]), table["growth"]["value"])
    edges = [*table["growth"]["from"], 10_000]
    early = [step.loc[step["turn"].between(a, b - 1), "grown"].median() for a, b in pairwise(edges)]
    show("early", np.array(early) / early[-1], table["growth"]["early"])
    show(
        "share of steps that grow, that shrink by 1,000",
        [(step["grown"] > 0).mean(), (step["grown"] < -1000).mean()],
    )
    shrunk = step[step["grown"] < -1000]
    kept = np.log((shrunk["input_tokens"] / shrunk["held"]).to_numpy(float))
    print("\n[law.compaction] of agent")
    show("threshold: median", [float(shrunk.loc[shrunk["held"] > 130_000, "held"].median())])
    for name, values in zip(("weight", "median", "sigma"), mixture(kept, 2), strict=True):
        show(name, values, table["compaction"][name])
    _pauses(trace, step, table)
    _together(step, table)


def _lognormal(values: F64) -> list[float]:
    log = np.log(np.maximum(values, 0.5))
    return [float(np.exp(log.mean())), float(log.std())]


def _beginnings(trace: pd.DataFrame, table: dict[str, Any]) -> None:
    first = trace[trace["turn"] == trace.groupby("session_id")["turn"].transform("min")]
    length = trace.groupby("session_id").size().loc[first["session_id"]].to_numpy()
    start = first["input_tokens"].to_numpy(float)
    kind = (start > 30_000).astype(int) + (start > 150_000)
    print("\n[law.begin] and [law.first] of agent")
    bins = np.digitize(length, table["begin"]["from"]) - 1
    for i, name in enumerate(("fresh", "carried")):
        show(name, [float((kind[bins == b] == i).mean()) for b in range(bins.max() + 1)], table["begin"][name])
    fits = [_lognormal(start[kind == k]) for k in range(3)]
    show("median", [m for m, _ in fits], table["first"]["median"])
    show("sigma", [s for _, s in fits], table["first"]["sigma"])
    show("length of sessions: 5, 25, 50, 75, 95 %", np.quantile(length, [0.05, 0.25, 0.5, 0.75, 0.95]).tolist())


def _pauses(trace: pd.DataFrame, step: pd.DataFrame, table: dict[str, Any]) -> None:
    known = trace[trace["api_s"] > 0]
    features = np.c_[np.ones(len(known)), known["input_tokens"] / 1e5, known["output_tokens"] / 100]
    fitted, *_ = np.linalg.lstsq(features, known["api_s"].to_numpy(float), rcond=None)
    print("\n[law.latency] of agent: constant, input, output")
    show("seconds", fitted, table["latency"])
    served = fitted[0] + fitted[1] * step["held"] / 1e5 + fitted[2] * step["said"] / 100
    rng = np.random.default_rng(0)  # the trace holds whole seconds
    waited = (step["gap"] + rng.uniform(-0.5, 0.5, len(step)) - served).clip(lower=0.5).to_numpy(float)
    person = step["human_turn"].to_numpy(bool)
    for name, mine in (("tool", ~person), ("user", person)):
        print(f"\n[law.{name}] of agent")
        show("value", np.quantile(waited[mine], table[name]["share"]), table[name]["value"])
    by_session = step.groupby("session_id")["human_turn"].mean()
    show(
        "share of steps by a person: 25, 50, 75 % of sessions",
        by_session.quantile([0.25, 0.5, 0.75]).tolist(),
    )


def _together(step: pd.DataFrame, table: dict[str, Any]) -> None:
    step = step[(step["grown"] > 0) & (step["length"] >= 10)]
    logs = pd.DataFrame(
        {
            "output": np.log(step["output_tokens"] + 1.0),
            "growth": np.log(step["grown"]),
            "pause": np.log(step["gap"].clip(lower=0.5)),
            "answer before": np.log(step["said"] + 1.0),
        }
    )
    means = logs.groupby(step["session_id"]).mean()
    inside = logs - logs.groupby(step["session_id"]).transform("mean")
    print("\n[law.session] and [law.step] of agent")
    show("SD between sessions: output, growth, pause", means.std().to_numpy(float)[:3], table["session"])
    show("correlation between sessions", means.corr().to_numpy(float)[[0, 0, 1], [1, 2, 2]])
    show(
        "correlation inside: output-growth, output-pause, growth-pause",
        inside.corr().to_numpy(float)[[0, 0, 1], [1, 2, 2]],
    )
    show("answer before with output, growth, pause", inside.corr().to_numpy(float)[3, :3], table["step"])


FITS = {"azure2023_conv": conversation, "azure2023_code": code, "kvct_agent": agent}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    folder = parser.parse_args().folder
    for prefix, fit in FITS.items():
        files = sorted(folder.glob(f"{prefix}*.parquet"))
        if not files:
            print(f"\nno {prefix}*.parquet in {folder}")
            continue
        print(f"\n== {', '.join(f.name for f in files)}")
        fit(pd.concat([pd.read_parquet(f) for f in files], ignore_index=True))


if __name__ == "__main__":
    main()
