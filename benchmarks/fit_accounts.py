"""Fits habits of services (generator/kinds/api.toml, reasoning.toml) to real clients, beside what the files hold.

python benchmarks/fit_accounts.py FOLDER

FOLDER holds Parquet files made from ServeGen (alibaba/ServeGen, Apache-2.0):

* servegen_windows*.parquet: a row per client and active window of ten minutes (model, client_id, ts_s, rate, pat,
  shape);
* servegen_token_marginals*.parquet: a row per client, field and six hours (model, client_id, field, ts_s, n_est,
  log_mean, log_sd, mode_share and quantiles q0.01 ... q0.99).

What is printed is the raw fit, one value per client, as quantiles over clients. The files hold it after some
corrections: the variance between templates is taken out of that inside one, the share of the commonest length that
chance gives is taken out of the exact lengths, spells are as long as a log of few requests shows them, and days
differ less, so that no account's volume hangs on one of them. The reasoning trace is one day long.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pandas as pd

from generator.config.archetypes import kinds
from generator.config.parameters import SHARES, ParameterRange
from generator.workloads import burstiness

F64 = npt.NDArray[np.float64]
MODELS = {"api": ("m-large", "m-mid", "m-small"), "reasoning": ("deepseek-r1",)}
FIELDS = {"input": "input_tokens", "output": "output_tokens"}
DAYS = {"api": 14, "reasoning": 1}
WINDOWS = 144  # ten minutes, in a day


def show(dial: str, fitted: F64 | pd.Series, kind: str) -> None:
    """One line: quantiles over clients, and what the kind's file says."""
    values = np.asarray(fitted, float)
    values = values[np.isfinite(values)]
    quantiles = ", ".join(f"{x:.3g}" for x in np.quantile(values, SHARES))
    print(f"{dial} = [{quantiles}]  # {len(values)} clients; in the file: {_written(kinds()[kind][dial])}")


def _written(law: ParameterRange) -> str:
    if law.law == "quantiles":
        return "[" + ", ".join(f"{x:.3g}" for x in law[3]) + "]"
    return f"{law.law} {law.low:.3g}, {law.high:.3g}"


def activity(windows: pd.DataFrame, kind: str) -> pd.DataFrame:
    """Per client: share of days with work, halvings at which a day crowds, SD of a day's log volume, mean hour."""
    rows = []
    for _, mine in windows.groupby("client_id"):
        rate = np.zeros(DAYS[kind] * WINDOWS)
        rate[(mine["ts_s"] // 600).astype(int)] = mine["rate"]
        days = rate.reshape(-1, WINDOWS)
        volume = days.sum(axis=1)
        days, volume = days[volume > 0], volume[volume > 0]
        part = days / volume[:, None]
        # Windows that hold the day's work, were it even among them: by how many halvings less than the day.
        even = np.exp(-(part * np.log(part + 1e-12)).sum(axis=1))
        depth = float((np.log2(WINDOWS / even) * volume).sum() / volume.sum())
        hour = np.angle((days.sum(axis=0) * np.exp(2j * np.pi * (np.arange(WINDOWS) + 0.5) / WINDOWS)).sum())
        rows.append(
            {
                "spell": len(days) / DAYS[kind],
                "burst": depth / burstiness.HALVINGS,
                "rate_wobble": np.log(volume).std() if len(volume) > 2 else np.nan,
                "hour": hour / (2 * np.pi) % 1 * 24,
            }
        )
    return pd.DataFrame(rows)


def gaps(windows: pd.DataFrame) -> F64:
    """One over the Weibull shape of each client: its median, with the variance of gamma gaps where those fit."""
    # The log of a gamma variable of shape k varies about as that of a Weibull variable of shape k ** 0.7 does.
    power = np.where(windows["pat"] == "Weibull", -1.0, -0.7)
    sigma = windows["shape"].clip(0.02, 50).to_numpy(float) ** power
    return pd.Series(sigma).groupby(windows["client_id"].to_numpy()).median().to_numpy(float)


def tokens(marginals: pd.DataFrame, kind: str) -> None:
    """Habits of length: medians, spreads, skews, exact lengths and drifts; and how they go together."""
    means: dict[str, pd.Series] = {}
    for side, field in FIELDS.items():
        mine = marginals[(marginals["field"] == field) & (marginals["n_est"] > 20)]
        clients = mine.groupby("client_id")
        log = {q: np.log(mine[q] + 0.5) for q in ("q0.1", "q0.5", "q0.9")}
        upper, lower = log["q0.9"] - log["q0.5"], log["q0.5"] - log["q0.1"]
        skew = ((upper - lower) / (upper + lower).clip(lower=1e-3)).groupby(mine["client_id"]).median()
        show(side, clients["q0.5"].median(), kind)
        show(side + "_sigma", clients["log_sd"].median(), kind)
        show(side + "_skew", skew, kind)
        show(side + "_drift", clients["log_mean"].std()[clients.size() >= 4], kind)
        show("exact_" + side, clients["mode_share"].median(), kind)
        means[side] = mine.set_index(["client_id", "ts_s"])["log_mean"]
        means[side + "_sigma"] = np.log(mine.set_index(["client_id", "ts_s"])["log_sd"] + 0.01)
    table = pd.DataFrame(means).dropna()
    by_client = table.groupby(level=0)
    link = pd.Series([t["input"].corr(t["output"]) for _, t in by_client if len(t) >= 8], dtype=float)
    if len(link):
        show("drift_link", link, kind)
    middle = by_client.median().corr()
    for dial, partner in (("output", "input"), ("output_sigma", "input_sigma")):
        held, found = kinds()[kind][dial].correlation, middle[dial][partner]
        print(f"correlation of {dial} with {partner} = {found:.2f}  # in the file: {held:.2f}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    folder = parser.parse_args().folder
    traces = {}
    for name in ("servegen_windows", "servegen_token_marginals"):
        files = sorted(folder.glob(f"{name}*.parquet"))
        if not files:
            parser.error(f"no {name}*.parquet in {folder}")
        traces[name] = pd.concat([pd.read_parquet(f) for f in files], ignore_index=True)
    print("# at the shares", ", ".join(f"{x:g}" for x in SHARES))
    for kind, models in MODELS.items():
        windows, marginals = (t[t["model"].isin(models)] for t in traces.values())
        print(f"\n== {kind}: {windows['client_id'].nunique()} clients of {', '.join(models)}")
        found = activity(windows, kind)
        for dial in ("spell", "burst", "rate_wobble"):
            if found[dial].notna().any():
                show(dial, found[dial], kind)
        if DAYS[kind] > 1:
            print(f"correlation of burst with spell = {found['burst'].corr(found['spell'], 'spearman'):.2f}")
        hours = np.quantile(found["hour"], burstiness.PEAK_SHARES)
        print(
            "peak hours =", hours.round(1).tolist(), "# in paths:", (burstiness.PEAK_DAYS * 24).round(1).tolist()
        )
        show("gap_sigma", gaps(windows), kind)
        tokens(marginals, kind)


if __name__ == "__main__":
    main()
