"""Who an account is hangs together: place, language and hours; plan, payment, mail, verification and life."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from typing import Any

import numpy as np
import polars as pl
import pytest

from generator.config import archetypes, dataset_config
from generator.config.dataset_config import Config, ExtraCohort
from generator.config.parameters import CHOICES
from generator.dataset import Dataset
from generator.population import accounts, cohorts, locales, population_plan
from generator.population.account_choices import draw_terms, has_instrument
from generator.population.accounts import Accounts
from generator.population.population_plan import PopulationPlan
from generator.rng import streams
from generator.schema import LABELS, LANGUAGES
from generator.traffic import sessions
from generator.workloads import burstiness

N = 40_000


@pytest.fixture(scope="module")
def world() -> tuple[PopulationPlan, Accounts]:
    config = replace(dataset_config.from_preset("small", 11), cohorts=(ExtraCohort("overt", "A1", 300, "overt"),))
    plan = cohorts.build_plan(config, "train")
    return plan, accounts.draw_accounts(plan, np.arange(len(plan.account_key)))


def chosen(people: Accounts, choice: str) -> np.ndarray:
    return np.array(CHOICES[choice])[people.choices[choice]]


def keys(n: int = N) -> np.ndarray:
    return streams.items(np.array([streams.key("people")]), np.arange(n))


# --- place, language, hours


def test_languages_follow_the_country(world: tuple[PopulationPlan, Accounts]) -> None:
    home = locales.homes(keys())
    language = locales.main_languages(home, keys())
    for i, (name, region) in enumerate(locales.REGIONS.items()):
        mix = np.bincount(language[home == i], minlength=len(LANGUAGES)) / (home == i).sum()
        want = [region.languages.get(word, 0) for word in LANGUAGES]
        assert np.allclose(mix, want, atol=0.05), name
        assert sum(want) == pytest.approx(1) == sum(region.offsets.values())
        assert all(-12 <= hours <= 14 for hours in region.offsets)


def test_logged_language_follows_the_shown_country(tiny: Dataset) -> None:
    """Where addresses show the person's country: not at exits of VPNs and data centres."""
    usual = {name: {k for k, v in r.languages.items() if v > 0.01} for name, r in locales.REGIONS.items()}
    fits = []
    for split in tiny.splits.values():
        direct = split.requests.polars().filter(~pl.col("asn_type").cast(pl.String).is_in(["vpn", "hosting"]))
        modes = direct.group_by("account_id").agg(pl.col("country", "language").mode().first().cast(pl.String))
        fits += [row["language"] in usual[row["country"]] for row in modes.collect().iter_rows(named=True)]
    assert len(fits) > 100
    assert np.mean(fits) > 0.85


def test_hours_are_local_ones(world: tuple[PopulationPlan, Accounts]) -> None:
    _, people = world
    local = burstiness.peaks(people.hours, people.utc_offset) + people.utc_offset
    local -= np.floor(local)
    east, west = (np.isin(people.home, [locales.COUNTRIES.index(c) for c in names]) for names in (
        ("region_h", "region_j"), ("region_a", "region_i")))  # fmt: skip
    for side in (east, west):
        assert 0.4 < np.median(local[side]) < 0.75  # the same working day by the local clock
    utc = burstiness.peaks(people.hours, people.utc_offset)
    assert np.median(utc[west]) - np.median(utc[east]) > 0.25  # and another by UTC


def test_weekends_are_local_ones() -> None:
    config = replace(dataset_config.from_preset("nano", 5), days=14)
    plan = cohorts.build_plan(config, "train")
    people = accounts.draw_accounts(plan, np.arange(len(plan.account_key)))
    n = len(people)
    # Habits that work on weekdays alone, in the evening of a clock that is far behind UTC.
    steady = {"weekend": 0.0, "active": 1.0, "spell": 1.0, "cover": 1.0, "day_synchrony": 0.0, "rate": 50.0}
    dials = people.dials | {name: np.full(n, value, np.float32) for name, value in steady.items()}
    hours = people.hours
    for offset, shifts in ((0.0, {0}), (-8 / 24, {-1, 0}), (9 / 24, {0, 1})):
        clock = np.full(n, offset, np.float32)
        ever = replace(people, dials=dials, utc_offset=clock, born=np.zeros(n, np.float32) - 1, gone=clock + 99)
        day = np.arange(config.days)
        sent = sessions.request_counts(plan, ever, day) > 0
        shift = np.floor(burstiness.peaks(hours, clock) + clock).astype(int)
        assert set(np.unique(shift)) == shifts
        for s in shifts:
            weekday = (config.window("train").weekday() + day + s) % 7
            assert not sent[shift == s][:, weekday >= 5].any()
            assert sent[shift == s][:, weekday < 5].mean() > 0.8


def test_members_in_the_network_are_where_the_cohort_is(world: tuple[PopulationPlan, Accounts]) -> None:
    plan, people = world
    home = locales.homes(plan.cohort_key)
    assert (people.home == home[people.cohort])[people.joined].all()
    # Members that keep the cohort's hours live by its clock, wherever they are: a relay's day in another zone.
    abroad = (people.hours == plan.cohort_key[people.cohort]) & (people.home != home[people.cohort])
    assert abroad.any()
    of_cohort = locales.utc_offsets(home[people.cohort], people.hours)
    assert (people.utc_offset == of_cohort)[abroad].all()


# --- plan, payment, mail, verification


INVARIANTS: dict[str, Callable[[pl.DataFrame], pl.Series]] = {
    "marketplace channel and payment": lambda a: (
        (a["channel"].str.starts_with("marketplace")) == (a["payment_type"] == "marketplace")
    ),
    "payment verifies who has an instrument": lambda a: (a["verification"] != "payment") | a["instrument"],
    "an organisation has corporate mail": lambda a: (
        (a["verification"] != "organisation") | (a["email_type"] == "corporate")
    ),
    "disposable mail is self-serve": lambda a: (
        (a["email_type"] != "disposable") | a["plan"].is_in(["free", "build"])
    ),
    "enterprise has corporate mail": lambda a: (a["plan"] != "enterprise") | (a["email_type"] == "corporate"),
    "enterprise pays invoices": lambda a: (
        (a["plan"] != "enterprise") | a["payment_type"].is_in(["invoice", "marketplace", "card"])
    ),
    "scale and startup are corporate or verified by payment": lambda a: (
        ~a["plan"].is_in(["scale", "startup"])
        | (a["email_type"] == "corporate")
        | (a["verification"] == "payment")
    ),
    "build pays": lambda a: (
        (a["plan"] != "build") | a["payment_type"].is_in(["card", "prepaid", "credits", "marketplace"])
    ),
    "education has education mail and no bill": lambda a: (
        (a["plan"] != "education") | ((a["email_type"] == "education") & ~a["instrument"])
    ),
}


@pytest.mark.parametrize("rule", INVARIANTS)
def test_what_an_account_is_agrees(rule: str, world: tuple[PopulationPlan, Accounts]) -> None:
    _, people = world
    table = {name: chosen(people, name) for name in (*archetypes.TERMS, "plan")}
    frame = pl.DataFrame(table | {"instrument": has_instrument(people.choices["payment_type"])})
    assert INVARIANTS[rule](frame).all()


def test_shares_by_plan(world: tuple[PopulationPlan, Accounts]) -> None:
    _, people = world
    plan, verification = chosen(people, "plan"), chosen(people, "verification")
    instrument = has_instrument(people.choices["payment_type"])
    assert (verification[plan == "enterprise"] == "organisation").mean() > 0.9
    assert np.isin(chosen(people, "payment_type")[plan == "enterprise"], ["invoice", "marketplace"]).mean() > 0.85
    assert instrument[plan == "free"].mean() < 0.25
    assert instrument[plan == "build"].mean() > 0.75


def test_terms_follow_the_archetype_and_the_final_plan() -> None:
    index = {v: i for i, v in enumerate(population_plan.variants())}
    build = np.full(N, CHOICES["plan"].index("build"), np.int32)
    plain, grey = (draw_terms(keys(), np.full(N, index[a, ""], np.int32), build) for a in ("B1", "B11"))
    disposable, prepaid = CHOICES["email_type"].index("disposable"), CHOICES["payment_type"].index("prepaid")
    assert (plain["email_type"] == disposable).mean() == pytest.approx(0.06, abs=0.01)
    assert (grey["email_type"] == disposable).mean() > 0.3
    assert (grey["payment_type"] == prepaid).mean() > 2 * (plain["payment_type"] == prepaid).mean()
    # What an archetype's weights leave nothing of is drawn by the plan's alone.
    education = np.full(N, CHOICES["plan"].index("education"), np.int32)
    firm = draw_terms(keys(), np.full(N, index["B8", ""], np.int32), education)
    assert (firm["email_type"] == CHOICES["email_type"].index("education")).all()


def test_a_trial_farm_signs_up_together_and_collects_nothing(tiny_config: Config) -> None:
    farm = ExtraCohort("farm", "B15", 200, dials={"bulk_created": 1, "creation_span": 0.1, "window_start": 0.5})
    plan = cohorts.build_plan(replace(tiny_config, cohorts=(farm,)), "train")
    people = accounts.draw_accounts(plan, np.flatnonzero(plan.account_cohort == len(plan.sizes) - 1))
    assert np.ptp(people.created) <= 0.1
    assert (chosen(people, "email_type") == "disposable").mean() > 0.4
    assert LABELS[plan.label[-1]] == "grey"
    assert {plan.dials[name][-1] for name in ("pool_share", "topic_share", "coverage", "probes")} == {0}


def test_nobody_poses_as_a_grey_customer() -> None:
    mix = {"B1": 0.5, "B11": 0.2, "B15": 0.3}
    assert population_plan.customers(mix) == {"B1": 0.5}
    assert population_plan.customers({"B15": 1.0}) == {"B15": 1.0}


def test_disguised_accounts_draw_as_benign_ones_do(tiny_config: Config) -> None:
    """Shares of every pair (plan, option) are those of the benign population."""
    config = replace(
        tiny_config,
        accounts=12_000,
        extraction_accounts=0,
        campaigns=0,
        least_campaigns=0,
        cohorts=tuple(ExtraCohort(f"hidden {i}", "A4", 1000, "evasive", dials={"busy": 0}) for i in range(4)),
    )
    plan = cohorts.build_plan(config, "train")
    people = accounts.draw_accounts(plan, np.arange(len(plan.account_key)))
    label = plan.label[people.cohort]
    ours, others = label == LABELS.index("extraction"), label != LABELS.index("extraction")
    for name in (*archetypes.TERMS, "plan"):
        cell = people.choices["plan"] * 10 + people.choices[name]
        a, b = (np.bincount(cell[side], minlength=60) / side.sum() for side in (ours, others))
        assert np.abs(a - b).max() < 0.05, name


# --- life


def test_nobody_sends_before_he_has_signed_up(tiny: Dataset) -> None:
    for split in tiny.splits.values():
        first = split.requests.polars().group_by("account_id").agg(pl.col("ts").min())
        both = first.join(split.accounts.polars(), on="account_id").collect()
        assert (both["ts"] > both["created"]).all()
        contract = both.filter(pl.col("plan") == "enterprise")
        least: Any = (contract["ts"] - contract["created"]).min()
        assert least >= timedelta(days=1)


def test_a_replacement_signs_up_after_the_ban(world: tuple[PopulationPlan, Accounts]) -> None:
    plan, people = world
    member, size = plan.account_member, plan.sizes[plan.account_cohort]
    replaced = np.floor(people.dials["replaced"] * size).astype(np.int64)
    second = np.flatnonzero(member >= size - replaced)
    assert len(second) > 20
    before = second - (size - replaced)[second]
    assert (plan.account_cohort[before] == plan.account_cohort[second]).all()
    sign_up = 600 / 86_400  # the logged moment is up to ten minutes earlier
    assert (people.created[second] - sign_up > people.gone[before]).all()


def test_organisations_are_named_by_corporate_mail(tiny: Dataset) -> None:
    for split in tiny.splits.values():
        table = split.accounts.polars().collect()
        assert (table["organization"].is_not_null() == (table["email_type"] == "corporate")).all()
        assert table.filter(pl.col("verification") == "organisation")["organization"].is_not_null().all()
        paid = table["payment_type"].is_in(["card", "prepaid", "invoice", "marketplace"])
        assert (table["payment_id"].is_not_null() == paid).all()


def test_the_sign_up_address_is_one_of_the_account(tiny: Dataset) -> None:
    """Of accounts with one address the log shows the same."""
    seen = tiny.train.requests.polars().group_by("account_id").agg(pl.col("ip_prefix").unique())
    both = seen.join(tiny.train.accounts.polars(), on="account_id").collect()
    inside = [row["signup_prefix"] in row["ip_prefix"] for row in both.iter_rows(named=True)]
    assert np.mean(inside) > 0.6
