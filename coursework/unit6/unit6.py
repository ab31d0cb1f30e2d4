# %% [markdown]
# # Unit 6: arms race: be the operator, and see what it costs to evade
#
# **Time:** about 90 minutes. **You need:** units 1 to 5.
#
# So far you were the provider. Now you are the operator: you have a budget, a price list, and the dials of a
# campaign; your neighbour has a detector. A defence that can be evaded is not worthless. It is worth what evading
# it costs. Everything here is invented: accounts, prices, dials and the world they act in.
#
# After this unit you can
#
# * say what a campaign costs, and what it gets for a dollar with and without a detector;
# * play a campaign within allowed dials and a budget against detectors that look at accounts or at groups;
# * draw the frontier between evasion and cost;
# * tell which purchase moves what, and what one duel does not prove.

# %%
import math

import matplotlib.pyplot as plt
import pandas as pd

import course

PRICES = {"accounts": 5.0, "cards": 2.0, "addresses": 1.0, "devices": 0.5}  # USD apiece, assumed
BUDGET = 800  # USD
ALONE, TOGETHER = course.FIGHTERS  # one looks at each account alone, the other at groups
ALONE, TOGETHER

# %% [markdown]
# ## 1. A careless operator
#
# `course.duel(campaign)` makes a new week, puts your campaign into it, and lets both detectors answer day by day.
# They were trained on the class world's first week, and may alert about 1 % of the innocent. From the day after
# an alert the account is closed: `tokens` is what your campaign would have collected in that week, and
# `tokens_obtained` what it got.

# %%
CARELESS = {
    "archetype": "A2",
    "tier": "overt",  # how careful the dials are that you don't set: overt, evasive, adaptive
    "accounts": 60,
    "dials": {
        "rate": 300,  # requests of an account on a day
        "decoy": 0.3,  # chance to fall for a model that nobody should know
        "synchrony": 0.9,  # share of sessions that start when your driver fires
        "leak_payment": 0.8,  # chance that an account pays with a card of others, ...
        "leak_prefix": 0.6,  # ... uses an address of others ...
        "leak_device": 0.6,  # ... or shows a device of others
        "link_pool": 1,  # such cards, addresses and devices that you share
    },
}
careless = course.duel(CARELESS)
careless.T

# %% [markdown]
# ## 2. What it costs
#
# Beside the provider's list price, you pay for accounts and gear. Write `bill(row, list_price)`: dollars for the
# accounts, cards, addresses and devices in `row` (a row of the table, or any dict with these four counts) by
# `PRICES`, and the list price on top.

# %% solution="bill"
def bill(row: pd.Series | dict[str, float], list_price: float) -> float:
    """Dollars that a campaign costs."""
    ### BEGIN SOLUTION
    return float(sum(row[k] * price for k, price in PRICES.items()) + list_price)
    ### END SOLUTION


# %% test="bill" points=2
_row = {"accounts": 10, "cards": 5, "addresses": 20, "devices": 8}
assert bill(_row, 0) == 84
### BEGIN HIDDEN TESTS
assert float(bill(_row, 16)) == 100
assert float(bill({"accounts": 0, "cards": 0, "addresses": 0, "devices": 1}, 0)) == 0.5
assert math.isclose(bill(careless.loc[ALONE], 0), careless.loc[ALONE, ["accounts_usd", "gear_usd"]].sum())
### END HIDDEN TESTS

# %% [markdown]
# Set `free` to the tokens per dollar that the careless campaign gets **without** a detector (`tokens` for
# `planned_usd`, all it had to pay), and `caught` to what it gets against the detector that looks at groups.

# %% solution="perdollar"
### BEGIN SOLUTION
free = careless.loc[TOGETHER, "tokens"] / careless.loc[TOGETHER, "planned_usd"]
caught = careless.loc[TOGETHER, "tokens_per_usd"]
### END SOLUTION

# %% test="perdollar" points=2
assert free > 0
assert caught > 0
### BEGIN HIDDEN TESTS
assert math.isclose(free, careless["tokens"].iloc[0] / careless["planned_usd"].iloc[0])
_told = careless.loc[TOGETHER]
assert math.isclose(caught, _told["tokens_obtained"] / _told[["price_usd", "accounts_usd", "gear_usd"]].sum())
### END HIDDEN TESTS

# %% [markdown]
# ## 3. What you may do
#
# `course.allowed("A2")` says how far this kind of campaign can turn each dial: a grader can't work at 2 requests
# a day, and can't share nothing at all. Write `outside(dials, allowed)`: the sorted names of those dials that are
# unknown, or outside of their (lowest, highest) value. The ends themselves are allowed.

# %%
allowed = course.allowed("A2")
pd.DataFrame({d: allowed[d] for d in (*CARELESS["dials"], "camouflage", "pool_share")}, index=["least", "most"]).T


# %% solution="outside"
def outside(dials: dict[str, float], allowed: dict[str, tuple[float, float]]) -> list[str]:
    """Dials that a campaign may not be played with."""
    ### BEGIN SOLUTION
    return sorted(d for d, x in dials.items() if d not in allowed or not allowed[d][0] <= x <= allowed[d][1])
    ### END SOLUTION


# %% test="outside" points=2
_allowed = {"rate": (50, 400), "decoy": (0, 0.3)}
assert outside({"rate": 500, "decoy": 0.1}, _allowed) == ["rate"]
### BEGIN HIDDEN TESTS
assert outside({"rate": 50, "decoy": 0.3}, _allowed) == []
assert outside({"rate": 49, "decoy": -1, "colour": 1}, _allowed) == ["colour", "decoy", "rate"]
### END HIDDEN TESTS

# %% [markdown]
# ## 4. What evasion costs
#
# Two operators, one who shares all gear and one who takes care, each with accounts that work more or less.

# %%
SHARED = CARELESS["dials"] | {"decoy": 0.05}
campaigns = {"careless": CARELESS}
for rate in (60, 240):
    campaigns[f"shares, {rate} a day"] = CARELESS | {"dials": SHARED | {"rate": rate}}
    campaigns[f"careful, {rate} a day"] = CARELESS | {"tier": "evasive", "dials": {"rate": rate}}
campaigns["careful, half the accounts"] = CARELESS | {"tier": "evasive", "accounts": 30, "dials": {"rate": 240}}
duels = pd.concat({name: course.duel(c) for name, c in campaigns.items()}, names=["campaign", "detector"])
cost = 1e6 / duels["tokens_per_usd"]  # USD for a million tokens
duels.assign(cost=cost)[["planned_usd", "tokens", "prevented", "cost"]].round(2)

# %% [markdown]
# An operator wants a *low* cost for a million tokens and a *low* share prevented (a campaign that is noticed is
# burnt, and tells the provider what to look for). A campaign is on the **frontier** if no other is at least as
# good in both and better in one. Write `frontier(cost, prevented)`: for two Series with the same index, a boolean
# Series of who is on it.

# %% solution="frontier"
def frontier(cost: pd.Series, prevented: pd.Series) -> pd.Series:
    """Whether no other campaign is as good in both, and better in one."""
    ### BEGIN SOLUTION
    def beaten(i: object) -> bool:
        as_good = (cost <= cost[i]) & (prevented <= prevented[i])
        return bool((as_good & ((cost < cost[i]) | (prevented < prevented[i]))).any())

    return pd.Series({i: not beaten(i) for i in cost.index})
    ### END SOLUTION


# %% test="frontier" points=3
_cost, _prevented = (pd.Series(x, index=list("abcd")) for x in ([1, 2, 3, 4], [0.9, 0.5, 0.6, 0.1]))
assert frontier(_cost, _prevented).to_dict() == {"a": True, "b": True, "c": False, "d": True}
### BEGIN HIDDEN TESTS
assert frontier(pd.Series([1, 1]), pd.Series([0.5, 0.4])).tolist() == [False, True]
assert frontier(pd.Series([1, 2]), pd.Series([0.5, 0.5])).tolist() == [True, False]
assert frontier(pd.Series([1, 1]), pd.Series([0.5, 0.5])).tolist() == [True, True], "equals don't beat each other"
### END HIDDEN TESTS

# %%
figure, axes = plt.subplots(1, 2, figsize=(9, 4), sharex=True, sharey=True)
for left, detector in zip(axes, course.FIGHTERS, strict=True):
    x, y = cost.xs(detector, level="detector"), duels["prevented"].xs(detector, level="detector")
    best = frontier(x, y)
    left.step(*zip(*sorted(zip(x[best], y[best], strict=True)), strict=True), where="post", color="0.6")
    for name in x.index:
        left.scatter(x[name], y[name], s=70, edgecolor="k" if best[name] else "none", label=name)
    left.set(title=detector, xlabel="USD for a million tokens", ylim=(-0.05, 1))
figure.legend(*axes[0].get_legend_handles_labels(), loc="lower center", ncols=3)
figure.subplots_adjust(bottom=0.3)
axes[0].set_ylabel("share of tokens prevented");

# %% [markdown]
# ## 5. Your campaign
#
# Set `mine`: a campaign like `CARELESS` (archetype A2; tier, accounts and dials are yours) that
#
# * stays within the allowed dials,
# * costs at most `BUDGET` if nobody stops it (`planned_usd`),
# * and gets at least 1.2 times the tokens per dollar of the careless one against the detector of groups.
#
# A duel takes some seconds, and the same campaign always gets the same result: look for the reason, not for luck.

# %% solution="mine"
### BEGIN SOLUTION
mine = {"archetype": "A2", "tier": "evasive", "accounts": 60, "dials": {"rate": 240}}
### END SOLUTION

# %% test="mine" points=4
assert mine["archetype"] == "A2"
_mine = course.duel(mine).loc[TOGETHER]  # which refuses dials that are not allowed
assert _mine["planned_usd"] <= BUDGET, f"it would cost {_mine['planned_usd']:.0f} USD"
assert _mine["tokens_per_usd"] >= 1.2 * course.duel(CARELESS).loc[TOGETHER, "tokens_per_usd"]

# %% [markdown]
# ## 6. Which purchase moves what?
#
# The same careful campaign three times: all gear shared, as it comes, and as much gear of their own as this kind
# of operator can get.

# %%
OWN = {"leak_payment": 0.3, "leak_prefix": 0.3, "leak_device": 0.26, "link_pool": 3}
gear = {"shared": {k: SHARED[k] for k in OWN}, "as it comes": {}, "own": OWN}
bought = pd.concat(
    {n: course.duel(CARELESS | {"tier": "evasive", "dials": {"rate": 300} | d}) for n, d in gear.items()},
    names=["gear", "detector"],
).xs(TOGETHER, level="detector")
bought[["cards", "addresses", "devices", "gear_usd", "tokens_obtained", "prevented", "tokens_per_usd"]].round(2)

# %% [markdown]
# Set `first_step` and `second_step` to the **tokens obtained more per dollar of gear more**: from "shared" to
# "as it comes", and from there to "own" (columns `tokens_obtained` and `gear_usd`).

# %% solution="steps"
### BEGIN SOLUTION
more = bought[["tokens_obtained", "gear_usd"]].diff().iloc[1:]
first_step, second_step = more["tokens_obtained"] / more["gear_usd"]
### END SOLUTION

# %% test="steps" points=2
assert math.isfinite(first_step)
assert math.isfinite(second_step)
### BEGIN HIDDEN TESTS
_got, _paid = bought["tokens_obtained"], bought["gear_usd"]
assert math.isclose(first_step, (_got.iloc[1] - _got.iloc[0]) / (_paid.iloc[1] - _paid.iloc[0]))
assert math.isclose(second_step, (_got.iloc[2] - _got.iloc[1]) / (_paid.iloc[2] - _paid.iloc[1]), abs_tol=1e-9)
### END HIDDEN TESTS

# %% [markdown]
# **Write (4 points).** Which purchase moved what, and why: cards and proxies of one's own, fewer accounts, less
# work per account? Use your numbers, and say which detector each of them concerns.

# %% [markdown] essay="moves" points=4
# Gear of one's own cuts links, so it can help against the detector of groups alone. In this week sharing gave a
# campaign away only where it worked hard as well: at 300 requests a day with all gear shared a third was
# prevented, with gear as it comes nothing, and of 240 a day nothing with either. So the first step pays, the
# second buys next to nothing, and where nothing is prevented gear is money lost. Less work per account makes each
# token dearer, for the accounts cost the same; fewer accounts cost less and collect less.

# %% [markdown]
# ## 7. Your neighbour's detector
#
# Take the file of a neighbour's detector (`siphonbench new-detector` writes one to start from), put it beside
# this notebook, say as `neighbour.py`, and play `course.duel(mine, "neighbour:Theirs")`. Then let them play
# theirs against yours.
#
# **Write (3 points).** Now you are the provider again. Which dials can an operator not turn without losing
# tokens, and what should a detector therefore look at? And what does one duel, in one week, not prove?

# %% [markdown] essay="defence" points=3
# Cards, addresses and devices are for sale; common work is not: an operator needs the same list asked for, spread
# over accounts, within days. Looking at coverage and common templates makes evasion cost tokens, where looking at
# cards makes it cost dollars. One duel is one campaign in one week: found or not is nearly all or nothing, so
# that another seed may turn it round. A statement needs many weeks with intervals, and also the innocent who pay
# for the threshold.
