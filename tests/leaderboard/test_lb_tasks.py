"""The tasks campaigns, requests and early on worlds worked by hand, and the laws that hold for each."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import polars as pl
import pytest
from lb_world import ACCOUNTS, DIGEST, LABELS, SLEEPERS, WITH_SLEEPERS

from generator.errors import UserError
from leaderboard.records.scorecard import Scorecard
from leaderboard.records.task_definitions import TASKS
from leaderboard.tasks import scoring
from leaderboard.tasks.ground_truth import GroundTruth

# request, account, serves an extraction, score: e1 is camouflaged
REQUESTS = [
    (1, "e1", True, 0.9),
    (2, "b1", False, 0.8),
    (3, "e1", False, 0.7),
    (4, "e2", True, 0.6),
    (5, "e3", True, 0.5),
    (6, "b2", False, 0.4),
    (7, "g1", False, 1.0),
]
DAYS = 3
COLLECTED = [("e1", 0, 1, 10, 1.0), ("e1", 1, 1, 10, 1.0), ("e2", 2, 1, 10, 1.0), ("e3", 2, 4, 40, 2.0)]


def groups(**names: str) -> pl.DataFrame:
    return pl.DataFrame({"account_id": ACCOUNTS, "campaign": [names.get(a) for a in ACCOUNTS]})


def truth() -> GroundTruth:
    columns = ["account_id", "day", "exchanges", "tokens", "usd"]
    return GroundTruth(
        LABELS,
        DAYS,
        pl.DataFrame([r[:3] for r in REQUESTS], ["request_id", "account_id", "is_extraction"], orient="row"),
        pl.DataFrame({"account_id": ACCOUNTS, "day": 0}),
        pl.DataFrame(COLLECTED, columns, orient="row"),
    )


def scored(task: str, answer: pl.DataFrame, folds: int = 40) -> Scorecard:
    return scoring.score(task, answer, truth(), DIGEST, folds)


def requests(scores: list[float] | None = None) -> pl.DataFrame:
    return pl.DataFrame({"request_id": [r[0] for r in REQUESTS], "score": scores or [r[3] for r in REQUESTS]})


def daily(alerts: dict[str, int], benign: float = 0.5) -> pl.DataFrame:
    """Score 1 from the given day on, `benign` for b1, else 0."""
    rows = [
        (day, a, 1.0 if day >= alerts.get(a, DAYS) else benign if a == "b1" else 0.0)
        for day in range(DAYS)
        for a in ACCOUNTS
    ]
    return pl.DataFrame(rows, ["day", "account_id", "score"], orient="row")


def test_campaigns_by_hand() -> None:
    table = scored("campaigns", groups(e1="x", e2="x", b1="x", e3="alone")).tables["overall"]
    got = {name: v.value for name, v in table.items()}
    precision = recall = 2 / 3  # e1 and e2: two of the group's three; e3 is in no group, as it is alone
    wanted = {
        "bcubed_precision": precision,
        "bcubed_recall": recall,
        "bcubed_f1": 2 * precision * recall / (precision + recall),
        "campaigns_found": 1 / 2,
        "benign_grouped": 1 / 4,
    }
    assert {k: got[k] for k in wanted} == pytest.approx(wanted, abs=1e-12)
    # Chance, all seven in one group: own campaign's share of it, and everybody found.
    assert table["bcubed_precision"].chance == pytest.approx((2 * 2 / 7 + 1 / 7) / 3, abs=1e-12)
    assert table["bcubed_recall"].chance == pytest.approx(1, abs=1e-12)


def test_names_of_groups_mean_nothing() -> None:
    one, other = (scored("campaigns", groups(e1=a, e2=a, b1=b, b2=b)) for a, b in (("x", "y"), ("y", "x")))
    assert one == other
    assert scored("campaigns", groups()).primary.value == 0


def test_a_grey_account_changes_no_group() -> None:
    assert scored("campaigns", groups(e1="x", e2="x", g1="x")) == scored("campaigns", groups(e1="x", e2="x"))


def with_sleepers(task: str, answer: pl.DataFrame, sent: pl.DataFrame | None = None) -> Scorecard:
    names = [row[0] for row in SLEEPERS]
    known = pl.concat([truth().known, pl.DataFrame({"account_id": names, "day": 0}, truth().known.schema)])
    requests = truth().requests if sent is None else pl.concat([truth().requests, sent])
    everything = replace(truth(), labels=WITH_SLEEPERS, known=known, requests=requests)
    return scoring.score(task, answer, everything, DIGEST, 40)


def test_sleepers_change_no_group_and_found_no_campaign() -> None:
    usual = groups(e1="x", e2="x", b1="x", e3="alone")
    cards = []
    for z1, z2 in (("x", "x"), (None, "alone"), ("y", "y")):
        rows = pl.DataFrame({"account_id": ["z1", "z2"], "campaign": [z1, z2]}, usual.schema)
        cards.append(with_sleepers("campaigns", pl.concat([usual, rows])))
    alone = scored("campaigns", usual)
    assert all(card.tables == alone.tables for card in cards)
    assert cards[0].counts == alone.counts | {"sleepers": 2}  # campaign c3, which nobody served, isn't there


def test_requests_of_sleepers_are_not_scored() -> None:
    more = pl.DataFrame([(8, "z1", True), (9, "z2", False)], truth().requests.schema, orient="row")
    answer = pl.concat([requests(), pl.DataFrame({"request_id": [8, 9], "score": [0.95, 0.99]})])
    card = with_sleepers("requests", answer, more)
    assert card.tables == scored("requests", requests()).tables


def test_an_alert_about_a_sleeper_notices_no_campaign() -> None:
    alone = scored("early", daily({"e1": 2}))
    for score in (0.0, 1.0):
        rows = [(day, a, score) for day in range(DAYS) for a, *_ in SLEEPERS]
        answer = pl.concat([daily({"e1": 2}), pl.DataFrame(rows, ["day", "account_id", "score"], orient="row")])
        card = with_sleepers("early", answer)
        assert card.tables == alone.tables
        assert card.sleepers_flagged == pytest.approx(score, abs=1e-12)


def test_requests_by_hand() -> None:
    card = scored("requests", requests())
    # Without the grey account's: P N N P P N
    assert card.primary.value == pytest.approx((1 + 2 / 4 + 3 / 5) / 3, abs=1e-12)
    assert card.primary.chance == pytest.approx(1 / 2, abs=1e-12)
    assert card.tables["overall"]["roc_auc"].value == pytest.approx((3 + 1 + 1) / 9, abs=1e-12)
    assert card.tables["overt"]["ap"].value == pytest.approx((1 + 2 / 4) / 2, abs=1e-12)
    assert card.tables["evasive"]["ap"].value == pytest.approx(1 / 3, abs=1e-12)
    assert card.tables["camouflaged"]["ap"].value == pytest.approx(1, abs=1e-12)  # inside e1
    assert card.counts["requests"] == 6


@pytest.mark.parametrize("task", ["requests", "early"])
def test_a_tier_that_sent_nothing_is_left_out(task: str) -> None:
    known = truth()
    silent = replace(
        known,
        requests=known.requests.filter(pl.col("account_id") != "e3"),
        collected=known.collected.filter(pl.col("account_id") != "e3"),
    )
    answer = ANSWERS[task] if task == "early" else ANSWERS[task].filter(pl.col("request_id") != 5)
    card = scoring.score(task, answer, silent, DIGEST, 40)
    assert "overt" in card.tables
    assert "evasive" not in card.tables
    assert np.isfinite([card.primary.value, card.primary.low, card.primary.high]).all()


def test_early_by_hand() -> None:
    card = scored("early", daily({"e1": 0, "e2": 1, "e3": 2}))
    # Of c1, day 0 is lost (10 of 30): what e1 sends on day 1 and e2 on day 2 comes after their alerts. c2 collects
    # on the last day only, and is noticed when it ends.
    got = {name: v.value for name, v in card.tables["overall"].items()}
    assert card.primary.value == pytest.approx((20 / 30 + 0) / 2, abs=1e-12)
    assert got["detected"] == pytest.approx(1, abs=1e-12)
    assert got["exchanges_lost"] == pytest.approx((1 + 4) / 2, abs=1e-12)
    assert got["usd_lost"] == pytest.approx((1 + 2) / 2, abs=1e-12)
    assert card.tables["overt"]["prevented"].value == pytest.approx(2 / 3, abs=1e-12)


def test_an_alert_on_too_many_is_none() -> None:
    quiet = scored("early", daily({}))
    loud = scored("early", daily(dict.fromkeys(ACCOUNTS, 0)))
    assert quiet.primary.value == pytest.approx(0, abs=1e-12)
    # Everybody alike: the budget is met by 0.1 % of all, on the first day.
    assert loud.primary.value == pytest.approx(loud.primary.chance, abs=1e-12)
    assert loud.primary.chance == pytest.approx(0.001 * (20 / 30 + 1) / 2, abs=1e-12)


def test_what_is_noticed_earlier_is_worth_more() -> None:
    days = [scored("early", daily({"e1": d, "e2": d, "e3": d})).primary.value for d in range(DAYS)]
    assert days == sorted(days, reverse=True)
    assert days[0] > days[1] > days[2] == pytest.approx(0, abs=1e-12)


ANSWERS = {
    "accounts": pl.DataFrame({"account_id": ACCOUNTS, "score": np.arange(8.0)}),
    "observed": pl.DataFrame({"account_id": ACCOUNTS, "score": np.arange(8.0)}),
    "campaigns": groups(e1="x", e2="x", b1="y", b2="y"),
    "requests": requests(),
    "early": daily({"e1": 1}),
}


@pytest.mark.parametrize("task", TASKS)
def test_laws_of_every_task(task: str) -> None:
    answer = ANSWERS[task]
    card = scored(task, answer, 60)
    assert card == scored(task, answer.sample(fraction=1, shuffle=True, seed=3), 60)
    assert Scorecard.from_json(card.to_json()) == card
    assert len(card.replicates) == sum(card.strata)
    assert card.primary.low <= card.primary.high
    titled = {metric for table in card.tables.values() for metric in table}
    assert titled <= set(TASKS[task].metrics)
    # Folds are shared: an entry against itself differs in none of them.
    assert (card.estimate - scored(task, answer, 60).estimate).interval() == (0, 0)


@pytest.mark.parametrize("task", TASKS)
def test_a_row_too_few_is_told(task: str) -> None:
    with pytest.raises(UserError, match=r"1 of 8|1 of 7|places differ"):
        scored(task, ANSWERS[task].head(len(ANSWERS[task]) - 1))
