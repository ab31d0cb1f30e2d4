"""Each detector of extraction by one account keeps its paper's promise, and a swarm takes that from it."""

from __future__ import annotations

import numpy as np
import polars as pl
import pytest

from baselines.base import detector
from baselines.contract import toy_dataset
from baselines.detectors.queries import prada, prompt_sequences, seat, vardetect
from generator.arrays import F64, U64


def _natural(rng: np.random.Generator, n: int) -> F64:
    return rng.standard_normal((n, 16))


def _synthetic(rng: np.random.Generator, n: int) -> F64:
    """Jacobian-based augmentation: natural seeds, doubled twice by a fixed step in each coordinate."""
    x = _natural(rng, n // 4)
    for _ in range(2):
        x = np.vstack([x, x + 0.2 * rng.choice([-1.0, 1.0], x.shape)])
    return x


def _statistic(x: F64) -> float:
    return prada.normality(prada.nearest_distances(x))


@pytest.mark.parametrize("seed", range(4))
def test_prada_tells_queries_made_by_steps_from_natural_ones(seed: int) -> None:
    rng = np.random.default_rng(seed)
    assert _statistic(_synthetic(rng, 160)) < 0.9 < 0.96 < _statistic(_natural(rng, 160))


def test_a_swarm_is_below_what_prada_can_test() -> None:
    """The attack of one account, dealt out to thirty: a share looks no worse than a natural one of its size."""
    rng = np.random.default_rng(0)
    attack = _synthetic(rng, 160)
    members = [_statistic(attack[k::30]) for k in range(30)]
    natural = [_statistic(_natural(rng, len(attack[k::30]))) for k in range(30)]
    assert np.quantile(natural, 0.05) < np.mean(members)


def test_prada_scores_accounts_by_their_own_prompts_alone() -> None:
    world = toy_dataset.split("validation", toy_dataset.world(2))
    found = dict(prada.Prada(least=10).score(world).iter_rows())
    ids = detector.accounts(world)
    prompts = prompt_sequences.first_prompts(world, ids, prompt_sequences.EMBEDDING, 200)
    sizes = dict(prompts.group_by("row").len().iter_rows())
    assert all((found[name] > 0) == (sizes.get(row, 0) > 10) for row, name in enumerate(ids))


def _sketches(rng: np.random.Generator, variants: int) -> U64:
    """Forty prompts, each in some variants of at most two bits, one after the other."""
    plain = rng.integers(0, 2**63, 40, dtype=np.uint64)[:, None]
    flips = np.uint64(1) << rng.integers(0, 64, (2, 40, variants), dtype=np.uint64)
    return np.asarray((plain ^ flips[0] ^ flips[1]).ravel(), np.uint64)


def test_seat_counts_variants_of_one_account_and_none_that_a_swarm_deals_out() -> None:
    rng = np.random.default_rng(1)
    attack, natural = _sketches(rng, 10), rng.integers(0, 2**63, 400, dtype=np.uint64)
    account = pl.Series(np.repeat([0, 1], 400))
    similar = seat.similar_before(account, pl.Series(np.r_[attack, natural]), distance=6, window=50)
    assert np.bincount(account.to_numpy()[similar], minlength=2).tolist() == [360, 0]
    member = np.tile(np.arange(10), 40)  # variant k of each prompt is asked by member k
    order = np.argsort(member, kind="stable")
    dealt = seat.similar_before(pl.Series(member[order]), pl.Series(attack[order]), distance=6, window=50)
    assert len(dealt) == 0


def test_seat_looks_back_as_far_as_its_window() -> None:
    sketch = pl.Series([0, 2**40 - 1, 2**50 - 2**20, 0], dtype=pl.UInt64)
    account = pl.Series([0] * 4)
    assert [seat.similar_before(account, sketch, 3, window).tolist() for window in (2, 3, 99)] == [[], [3], [3]]


def test_vardetect_tells_prompts_off_the_benign_surface_and_not_those_on_it() -> None:
    """Benign prompts lie on a curved surface of three dimensions in sixteen; a campaign's may do so as well."""
    rng = np.random.default_rng(2)
    bend, turn = rng.standard_normal((2, 3, 16)) / 4

    def surface(n: int) -> F64:
        z = rng.standard_normal((n, 3))
        return np.asarray(z @ bend + np.sin(2 * z) @ turn + 0.02 * rng.standard_normal((n, 16)), np.float64)

    learnt = vardetect.VarDetect()
    learnt._weights, learnt._offsets = vardetect.autoencoder(surface(4000), code=4, seed=0)
    benign, swarm = learnt._errors(surface(300)).mean(), learnt._errors(surface(300)).mean()
    other = surface(300)[:, rng.permutation(16)]  # just as far from the middle, in another direction
    assert learnt._errors(other).mean() > 3 * benign
    assert swarm < 1.3 * benign


def test_first_prompts_are_in_order_of_time_and_a_repetition_counts_once() -> None:
    tables = toy_dataset.world(1)
    first = tables["requests"].sort("ts").group_by("account_id", maintain_order=True).head(1)
    later = first.select(tables["requests"].columns).with_columns(
        pl.col("ts").dt.offset_by("1ms"), pl.col("request_id") + 10**6
    )
    twice = {**tables, "requests": pl.concat([tables["requests"], later]).sort("ts")}
    before, after = (toy_dataset.split("train", t) for t in (tables, twice))
    ids = detector.accounts(before)
    few = prompt_sequences.first_prompts(before, ids, ["prompt_simhash"], 3)
    assert few.equals(prompt_sequences.first_prompts(after, ids, ["prompt_simhash"], 3))
    name, sketch = (
        tables["requests"].sort("ts").select(pl.col("account_id").cast(pl.String), "prompt_simhash").row(0)
    )
    assert few.filter(row=ids.index_of(name))["prompt_simhash"][0] == sketch
    assert few.group_by("row").len()["len"].max() == 3
