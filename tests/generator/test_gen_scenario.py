"""Scenarios: what is refused and why, what dials and overlays reach, and what is expected of a plan."""

from __future__ import annotations

import json
import re
import tomllib
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest

from generator.arrays import F32
from generator.audit import conservation
from generator.config import dataset_config, distributions, parameters, scenario_template
from generator.config.campaign_schedule import schedule
from generator.config.dataset_config import Config, ExtraCohort
from generator.dataset import Dataset, Split
from generator.errors import UserError
from generator.pipeline import forecast
from generator.population import accounts, cohorts, population_plan, subscription_plans, work_windows
from generator.population.cohort_names import CohortNames, CohortRun
from generator.schema import SPLITS, TIERS
from generator.traffic import quotas, sessions

A = [f"A{i}" for i in range(1, 9)]


def faults(text: str, tmp_path: Path) -> str:
    file = tmp_path / "mine.toml"
    file.write_text(text)
    with pytest.raises(UserError) as caught:
        dataset_config.from_file(file)
    return str(caught.value)


COHORT = '[[cohorts]]\nname = "x"\narchetype = "A1"\ntier = "overt"\naccounts = 20\n'


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("acounts = 5", "acounts: no such key (did you mean accounts?)"),
        ("days = true", "days: True is no whole number from 1 to 120"),
        ("splits = 'train'", "splits: 'train' is no list of train, validation, test"),
        ("splits = ['trane']", "splits: 'trane' is none of train, validation, test (did you mean train?)"),
        ("extraction_accounts = 700", "extraction_accounts: 700 of 600 leaves none benign"),
        ("campaigns = 30", "campaigns: 30 need 3 accounts each, extraction_accounts is 72: raise it to 90"),
        (
            "campaigns = 8",
            "campaigns: 8 leave 2 in a tier, and fewer than 3 say nothing: raise it to 9 or more, or",
        ),
        ("campaigns = 0", "extraction_accounts: 72 accounts are in no campaign"),
        ("quiet_days = 7", "quiet_days: 7 of 7 days leave none for campaigns: lower it to 6"),
        ("campaign_archetypes = []", "campaign_archetypes: is empty but campaigns is 9"),
        ("campaign_archetypes = ['A1', 'A9']", "campaign_archetypes: A9 is in test_only_archetypes"),
        ("least_campaigns = 2", "campaigns: 9 give train fewer than least_campaigns 2 of A2 1, A3 1, A4 1, A5 1"),
        (COHORT.replace("20", "601"), "cohorts: their 601 accounts are more than the world's 600"),
        (COHORT.replace("A1", "A9"), "cohorts[0].archetype: A9 is in test_only_archetypes"),
        (COHORT.replace("overt", "sly"), "cohorts[0].tier: 'sly': give one of overt, evasive, adaptive"),
        (COHORT.replace('"x"', '"x{}"'), "cohorts[0].name: 'x{}' must be letters"),
        (COHORT + COHORT, "cohorts: the name 'x' stands twice"),
        (COHORT + "first_day = 7", "cohorts[0].first_day: 7 is outside 0 to 6: days count from 0"),
        (COHORT + "first_day = 1\ndays = 7", "cohorts[0].days: 7 days from day 1 on end after the world's 7"),
        (COHORT + "target = 'chess'", "cohorts[0].target: 'chess' is none of coding"),
        (
            COHORT + "days = 2\ndials = {window_days = 3}",
            "cohorts[0].dials.window_days: first_day and days set it",
        ),
        (COHORT + "dials = {ratte = 3}", "cohorts[0].dials.ratte: no such dial (did you mean rate?)"),
        (
            COHORT + "dials = {rate = 0.1}",
            "cohorts[0].dials.rate: 0.1 is outside 0.2 to 1e+06 requests/active day",
        ),
        (COHORT + "dials = {hub = [0.5, 0.2]}", "cohorts[0].dials.hub: 0.5 to 0.2 is written from high to low"),
        (COHORT + "dials = {rate = 'many'}", "cohorts[0].dials.rate: 'many' is no range: write a number"),
        ("[overlay.A11]\nrate = 3", "overlay.A11: 'A11' is none of A1"),
        ("[overlay.B1.overt]\nrate = 3", "overlay.B1.overt: only A archetypes have tiers"),
        ("[overlay.A1.overt]\nrate = {range = [3, 9], law = 'log', sd = 1}", "overlay.A1.overt.rate: {'range'"),
        ("[overlay.A1]\nrate = {times = 0}", "overlay.A1.rate: times 0 is outside"),
        ("[overlay]\nA1 = 3", "overlay: must be tables such as"),
        ("[mix]\nB1 = 'all'", "mix: must give each archetype a share of 0 or more"),
    ],
)
def test_what_cannot_be_built_is_refused_with_field_and_numbers(text: str, said: str, tmp_path: Path) -> None:
    assert said in faults(text, tmp_path)


def test_faults_of_all_parts_are_told_together(tmp_path: Path) -> None:
    said = faults(f"dayz = 3\ncampaigns = 30\nbuckets = 0\n{COHORT}days = 9\n[overlay.A1]\nhubb = 1\n", tmp_path)
    for part in ("5 faults", "dayz:", "campaigns:", "buckets:", "cohorts[0].days:", "overlay.A1.hubb:"):
        assert part in said


def test_every_preset_and_scenario_can_be_built() -> None:
    found = [dataset_config.from_preset(p, 3) for p in dataset_config.PRESETS] + [
        dataset_config.from_file(Path(s)) for s in dataset_config.SCENARIOS
    ]
    assert [c.name for c in found] == ["nano", "small", "medium", "full", "headline"]
    sizes = [(c.accounts, c.extraction_accounts, c.campaigns, c.days) for c in found[:4]]
    assert sizes == [(600, 72, 9, 7), (6000, 720, 36, 14), (60000, 1800, 48, 28), (1000000, 25000, 63, 45)]
    for c in found:
        assert dataset_config.from_dict(json.loads(json.dumps(c.as_dict())), "manifest") == c


@pytest.mark.parametrize("kinds", [1, 2, 3, 5, 6, 8, 9])
@pytest.mark.parametrize("split", SPLITS)
def test_campaigns_take_archetypes_and_tiers_evenly(kinds: int, split: str) -> None:
    names, held = [f"A{i}" for i in range(kinds)], ["A9"]
    every = kinds + (split == "test")
    for n in (1, every, every + 4, 3 * every):
        found = schedule(n, split, names, held)
        for count in (Counter(a for a, _ in found), Counter(t for _, t in found)):
            assert max(count.values()) - min(count.values()) <= 1
    assert len(set(schedule(3 * every, split, names, held))) == 3 * every  # each archetype in each tier
    assert ("A9" in {a for a, _ in schedule(1, split, names, held)}) == (split == "test")


def test_twelve_campaigns_reach_every_archetype_and_held_out_ones_only_in_test() -> None:
    c = dataset_config.from_preset("small", 1)
    for split in SPLITS:
        found = {population_plan.variants()[i][0] for i in cohorts.build_plan(c, split).archetype}
        assert {a for a in found if a.startswith("A")} == {*A, *(["A9"] if split == "test" else [])}


def test_large_presets_give_every_archetype_three_campaigns() -> None:
    for name in ("medium", "full"):
        c = dataset_config.from_preset(name)
        for split in SPLITS:
            count = Counter(
                a for a, _ in schedule(c.campaigns, split, c.campaign_archetypes, c.test_only_archetypes)
            )
            assert min(count.values()) >= 3


def test_names_of_cohorts_by_hand() -> None:
    runs = [
        CohortRun(n, "B1", "", np.zeros(k, np.uint64), np.ones(k, np.int64)) for n, k in (("B1/{}", 3), ("x", 1))
    ]
    names = CohortNames(runs)
    assert (list(names), len(names), names[-1], names[1:3]) == (
        ["B1/0", "B1/1", "B1/2", "x"],
        4,
        "x",
        ["B1/1", "B1/2"],
    )
    with pytest.raises(IndexError):
        names[4]


@pytest.mark.parametrize(
    ("spec", "numbers"),
    [
        (3, (3, 3, "uniform")),
        ([2, 5], (2, 5, "uniform")),
        ({"range": [2, 5], "law": "log"}, (2, 5, "log")),
        ({"range": [9, 0.5], "law": "lognormal", "unit": "1", "source": "(a)"}, (9, 0.5, "lognormal")),
        ({"range": [1, 2, 3, 4, 5, 6, 7, 8, 9], "law": "quantiles"}, (1, 9, "quantiles")),
        ({"times": 2}, (2, 2, "times")),
    ],
)
def test_forms_of_a_range(spec: Any, numbers: tuple[float, float, str]) -> None:
    found = distributions.parse("rate", spec)
    assert found[:3] == numbers
    assert distributions.parse("rate", json.loads(json.dumps(found))) == found


def test_a_range_multiplied() -> None:
    two = distributions.parse("rate", {"times": 2})
    assert distributions.overlaid(
        two, parameters.ParameterRange(3, 1.5, "lognormal")
    ) == parameters.ParameterRange(6, 1.5, "lognormal")
    assert distributions.overlaid(two, parameters.ParameterRange(3, 4))[:2] == (6, 8)


def _rates(c: Config, name: str) -> np.ndarray[Any, Any]:
    plan = cohorts.build_plan(c, "train")
    which = [i for i, n in enumerate(plan.names) if n == name]
    return accounts.draw_accounts(plan, np.flatnonzero(np.isin(plan.account_cohort, which))).dials["session"]


def test_an_overlay_reaches_its_tier_and_no_other(tiny_config: Config) -> None:
    extra = tuple(ExtraCohort(f"{a}-{t}", a, 6, t, dials={"disguise": 0}) for a in ("A1", "A2") for t in TIERS)
    plain = replace(tiny_config, cohorts=extra)
    laid = replace(plain, overlay={"A1": {"session": distributions.parse("session", 7)}})
    tier = replace(plain, overlay=laid.overlay | {"A1.evasive": {"session": distributions.parse("session", 9)}})
    for e in extra:
        before, after, last = (_rates(c, f"extra/{e.name}") for c in (plain, laid, tier))
        if e.archetype == "A2":
            assert (before == after).all()
            assert (before == last).all()
        else:
            assert set(after.tolist()) == {7}
            assert set(last.tolist()) == {9 if e.tier == "evasive" else 7}


def test_an_overlay_of_customers_reaches_those_that_pose_as_them(tiny_config: Config) -> None:
    posing = ExtraCohort("x", "A8", 9, "adaptive", dials={"disguise": 1})
    every = {a: {"session": distributions.parse("session", 5)} for a in tiny_config.mix}
    assert set(_rates(replace(tiny_config, cohorts=(posing,), overlay=every), "extra/x").tolist()) == {5}


def test_dials_target_and_window_of_a_cohort(tiny_config: Config) -> None:
    dials = {
        "session": 8.0,
        "gap": distributions.parse("gap", [20, 30]),
        "growth": distributions.parse("growth", {"times": 2}),
    }
    bare = ExtraCohort("x", "A4", 30, "evasive")
    own = replace(bare, target="coding", first_day=2, days=1, dials=dials)
    others = ExtraCohort("y", "A4", 30, "evasive")
    plans = [cohorts.build_plan(replace(tiny_config, cohorts=(x, others)), "train") for x in (bare, own)]
    before, after = (
        accounts.draw_accounts(p, np.flatnonzero(p.account_cohort == len(p.sizes) - 2)) for p in plans
    )
    assert set(after.dials["session"].tolist()) == {8}
    assert ((after.dials["gap"] >= 20) & (after.dials["gap"] <= 30)).all()
    assert len(np.unique(after.dials["gap"])) > 10
    assert after.dials["growth"] == pytest.approx(2 * before.dials["growth"])
    first, end = (x[-2] for x in work_windows.work_days(plans[1]))
    assert (first, end) == (2, 3)
    assert parameters.COHORT_CHOICES["domain"][plans[1].domain[-2]] == "coding"
    rest = [accounts.draw_accounts(p, np.flatnonzero(p.account_cohort != len(p.sizes) - 2)) for p in plans]
    assert all((rest[0].dials[d] == rest[1].dials[d]).all() for d in parameters.DIALS)


def test_a_quota_is_met_by_one_factor(tiny_config: Config) -> None:
    swarm = ExtraCohort("swarm", "A4", 120, "evasive")
    plain, held = (
        quotas.plan_world(replace(tiny_config, rate_cap=1000, cohorts=(replace(swarm, requests=n),)), "train")
        for n in (0, 12_000)
    )
    assert plain.rate_factor[-1] == 1
    members = np.flatnonzero(held.account_cohort == len(held.sizes) - 1)
    sent = [
        sessions.request_counts(plan, accounts.draw_accounts(plan, members), np.arange(4))
        for plan in (plain, held)
    ]
    assert sent[1].sum() == pytest.approx(12_000, rel=0.005) != sent[0].sum()
    assert ((sent[0] == 0) == (sent[1] == 0)).mean() > 0.95  # idle days stay idle
    more = sent[1].sum(axis=1) > sent[0].sum(axis=1)
    assert 0.15 < more.mean() <= 0.25  # and three in four members are as they were


def test_who_carries_a_quota_stays_below_the_limits_of_its_plan(tiny_config: Config) -> None:
    swarm = ExtraCohort("swarm", "A4", 120, "evasive", requests=40_000)
    plan = quotas.plan_world(replace(tiny_config, rate_cap=30_000, cohorts=(swarm,)), "train")
    members = accounts.draw_accounts(plan, np.flatnonzero(plan.account_cohort == len(plan.sizes) - 1))
    loaded = plan.account_member[members.index] % 4 == 0
    most = subscription_plans.REQUESTS_PER_DAY[members.choices["plan"]]
    assert members.dials["rate"][loaded].max() > 300
    assert (4 * members.dials["rate"][loaded] < most[loaded]).all()


def test_no_campaign_works_on_quiet_days() -> None:
    c = dataset_config.from_preset("nano", 5)
    c = replace(c, quiet_days=2, cohorts=(ExtraCohort("set", "A4", 30, "evasive", first_day=0, days=7),))
    for split in SPLITS:
        plan = cohorts.build_plan(c, split)
        people = accounts.draw_accounts(plan, np.flatnonzero(plan.tier[plan.account_cohort] >= 0))
        made = sessions.draw_sessions(plan, people)
        begins, ends = work_windows.quiet_stretch(plan)
        assert ends - begins == c.quiet_days
        quiet, of_set = (
            (made.day >= begins) & (made.day < ends),
            people.cohort[made.account] == len(plan.sizes) - 1,
        )
        assert not made.work[quiet & ~of_set].any()
        assert made.work[quiet & of_set].any(), "days that a config names are days of work"
        assert made.work[made.day < begins].any()
        assert made.work[made.day >= ends].any()


def test_a_short_window_never_falls_into_the_quiet_stretch(tiny_config: Config) -> None:
    for days, quiet in ((12, 4), (5, 4)):
        short = replace(tiny_config, days=days, quiet_days=quiet, campaigns=60, extraction_accounts=240)
        plan = cohorts.build_plan(short, "train")
        plan.dials["window_days"][:] = 2
        first, end = (x[work_windows.rests(plan)] for x in work_windows.work_days(plan))
        begins, ends = work_windows.quiet_stretch(plan)
        assert len(first) == 60
        assert ((np.maximum(first, 0) < begins) | (np.minimum(end, days) > ends)).all()
        assert ((first == ends) | (end == begins)).any()


def test_windows_are_cut_out_of_a_longer_time() -> None:
    config = dataset_config.from_preset("small", 5)
    campaigns: list[F32] = []
    groups: list[F32] = []
    places = set()
    for seed in range(12):
        plan = cohorts.build_plan(replace(config, seed=seed), "train")
        first, end = work_windows.work_days(plan)
        places.add(work_windows.quiet_stretch(plan)[0])
        assert ((end > 0) & (first < config.days)).all()
        for rows, known in ((plan.tier >= 0, campaigns), (plan.tier < 0, groups)):
            known += [first[rows & (plan.dials["window_days"] < 200)]]
    assert len(places) > 3
    for first in (np.concatenate(x) for x in (campaigns, groups)):
        assert 0.2 < (first < 0).mean() < 0.8


def test_expected_is_exact_where_all_are_counted(tiny_config: Config) -> None:
    told: list[tuple[int, int]] = []
    extra = (ExtraCohort("shop", "B8", 8), ExtraCohort("swarm", "A2", 9, "overt"))
    c = replace(tiny_config, cohorts=extra)
    groups = forecast.expected(c, "train", on_group=lambda *t: told.append(t))
    plan = cohorts.build_plan(c, "train")
    counts = sessions.request_counts(
        plan, accounts.draw_accounts(plan, np.arange(len(plan.account_key))), np.arange(c.days)
    )
    assert np.sum([g.per_day for g in groups], axis=0).tolist() == counts.sum(axis=0).tolist()
    assert sum(g.accounts for g in groups) == c.accounts + 17
    assert told[-1] == (len(groups), len(groups))
    by_name = {g.name: g for g in groups}
    assert [by_name[n].accounts for n in ("extra/shop", "extra/swarm")] == [8, 9]
    assert sum(g.tier != "" for g in groups) == c.campaigns + 1


def test_expected_meets_what_is_made(tiny: Dataset, tiny_config: Config) -> None:
    for name in tiny.splits:
        groups = {g.name: g for g in forecast.expected(tiny_config, name)}
        made = tiny.manifest["splits"][name]["counts"]["requests"]
        assert sum(g.requests for g in groups.values()) == pytest.approx(made, rel=0.1)
        lines, _ = conservation.ledger(tiny.reveal(name))
        wanted = sum(groups[line.campaign].output_tokens for line in lines[:-1])
        assert wanted == pytest.approx(lines[-1].output_tokens, rel=0.3)  # as if all were answered


def test_a_sample_stands_for_the_whole(tiny_config: Config) -> None:
    c = replace(tiny_config, accounts=3000, mix={"B14": 1.0})
    few, every = (next(g for g in forecast.expected(c, "train", n) if g.name == "B14") for n in (1000, 5000))
    assert (few.sampled, every.sampled, few.accounts) == (988, 2964, 2964)
    assert few.requests == pytest.approx(every.requests, rel=0.35)


def test_headline_is_the_report_at_its_own_scale() -> None:
    c = dataset_config.from_file(Path("headline"), 4)
    assert (c.splits, c.accounts, c.days, c.quiet_days, c.campaigns) == (("train",), 1_000_000, 45, 0, 0)
    (campaign,) = c.cohorts
    assert campaign.accounts == 25_000
    # Its accounts do not depend on how many others there are.
    groups = forecast.expected(replace(c, accounts=2_000), "train", 25_000)
    (swarm,) = (g for g in groups if g.tier)
    assert swarm.requests == pytest.approx(28.8e6, rel=0.01)  # 25.6 an account and day, in the mean
    assert 1 < swarm.median < 6  # few send most, as elsewhere
    assert (swarm.first_day, swarm.last_day) == (0, 44)


@pytest.mark.slow
def test_large_worlds_have_the_size_that_they_are_said_to_have() -> None:
    wanted = {"medium": 22e6, "full": 350e6}
    for name, requests in wanted.items():
        c = dataset_config.from_preset(name, 6)
        assert sum(g.requests for g in forecast.expected(c, "train")) == pytest.approx(requests, rel=0.15)
    c = dataset_config.from_file(Path("headline"), 6)
    assert sum(g.requests for g in forecast.expected(c, "train")) == pytest.approx(380e6, rel=0.1)


def test_ledger_adds_up_and_counts(tiny: Dataset) -> None:
    for name in tiny.splits:
        split = tiny.reveal(name)
        lines, faults = conservation.ledger(split)
        assert faults == []
        *each, total = lines
        assert total.accounts == sum(line.accounts for line in each) == 36
        assert (
            total.planned == total.logged == total.answered + total.rejected == sum(line.logged for line in each)
        )
        members = split.labels.polars().filter(pl.col("campaign").is_not_null()).cast(pl.String).collect()
        rows = split.requests.polars().select(pl.col("account_id").cast(pl.String)).collect()
        sent = members.select("account_id").join(rows.group_by("account_id").len(), on="account_id", how="left")
        assert total.median == sent["len"].fill_null(0).median() / split.days  # type: ignore[operator]


@pytest.fixture
def changed(tiny: Dataset) -> Callable[[str, Any], Split]:
    """The training split with one table put through a function."""

    def made(table: str, change: Any) -> Split:
        split = tiny.reveal("train")
        old = split.tables[table]
        parts = [change(p.collect()).lazy() for p in old.buckets()]
        return replace(split, tables={**split.tables, table: type(old)(table, parts, old.columns)})

    return made


@pytest.mark.parametrize(
    ("table", "change", "said"),
    [
        ("requests", lambda f: f.with_columns(status=pl.lit(200)), "requests_rejected is"),
        ("requests", lambda f: f.with_columns(output_tokens=pl.col("output_tokens") + 5000), "list_price_usd is"),
        ("request_labels", lambda f: f.with_columns(is_extraction=pl.lit(value=False)), "extraction_requests is"),
        ("request_labels", lambda f: f.reverse(), "requests are not beside their own label"),
        ("campaigns", lambda f: f.with_columns(accounts=pl.col("accounts") + 1), "accounts is"),
        ("campaigns", lambda f: f.with_columns(accounts_served=pl.lit(0)), "accounts_served is 0"),
        ("campaigns", lambda f: f.head(8), "1 campaigns of the labels are not in the campaigns table"),
    ],
)
def test_what_does_not_add_up_is_said(
    changed: Callable[[str, Any], Split], table: str, change: Any, said: str
) -> None:
    _, faults = conservation.ledger(changed(table, change))
    assert any(said in fault for fault in faults)
    assert all(fault.startswith("train: ") for fault in faults)


@pytest.mark.parametrize("preset", dataset_config.PRESETS)
def test_a_written_scenario_is_its_preset_and_so_are_its_comments(preset: str) -> None:
    written = scenario_template.text(preset, preset)
    wanted = dataset_config.from_preset(preset)
    assert dataset_config.from_dict(dataset_config.over_preset(tomllib.loads(written), "x"), "x") == wanted
    shown = re.sub(r"(?m)^# (?=\[|\w+ = )", "", written)
    document = tomllib.loads(shown)
    (graders,) = document.pop("cohorts")
    assert graders["name"] == "graders"
    del document["overlay"]["A2.evasive"]
    assert dataset_config.from_dict(dataset_config.over_preset(document, "x"), "x") == wanted


def test_a_written_scenario_holds_the_campaigns_asked_for(tmp_path: Path) -> None:
    file = tmp_path / "my study!.toml"
    scenario_template.write(file, "small", ("A2:evasive:40", "A6:overt:300"))
    c = dataset_config.from_file(file)
    assert c.name == "my-study"
    assert [(x.archetype, x.tier, x.accounts) for x in c.cohorts] == [("A2", "evasive", 40), ("A6", "overt", 300)]
    assert (c.campaigns, c.extraction_accounts) == (0, 0)
    with pytest.raises(UserError, match="exists already and is kept"):
        scenario_template.write(file)
