# %% [markdown]
# # Unit 2: why a limit on each account fails
#
# **Time:** about 60 minutes. **You need:** unit 1.
#
# What does a provider do first against misuse? It sets a *limit*: so many requests a day for each account. In
# this unit you set that limit yourself, measure what it catches, and then do the operator's sums.
#
# After this unit you can
#
# * compute recall and false-positive rate, and say in one sentence what each means for a person;
# * choose a threshold under a bound on false accusations;
# * show with three lines of arithmetic why splitting the work beats any limit on single accounts;
# * say what such limits are still good for.

# %%
import math

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd

import course

requests, truth = course.requests("train"), course.labels("train")

# %% [markdown]
# ## 1. The busiest day
#
# A limit of 100 a day binds on the day on which an account sends most. Write `peak_day(requests)`: a pandas
# Series, indexed by `account_id`, of the largest number of requests that each account sent on one `day`. Accounts
# without requests don't appear.
#
# **Guess before you run it:** what is the median account's peak?

# %% solution="peak"
def peak_day(requests: pd.DataFrame) -> pd.Series:
    """Largest number of requests on one day, for each account."""
    ### BEGIN SOLUTION
    return requests.groupby(["account_id", "day"]).size().groupby("account_id").max()
    ### END SOLUTION


# %% test="peak" points=2
_log = pd.DataFrame({"account_id": ["a", "a", "a", "b", "a"], "day": [0, 0, 1, 4, 0]})
assert peak_day(_log)["a"] == 3, "a sent three on day 0 and one on day 1"
### BEGIN HIDDEN TESTS
assert {k: float(v) for k, v in peak_day(_log).to_dict().items()} == {"a": 3, "b": 1}
_busy = pd.DataFrame({"account_id": ["c"] * 5, "day": [0, 1, 1, 2, 2]})
assert float(peak_day(_busy)["c"]) == 2
### END HIDDEN TESTS

# %%
peak = peak_day(requests)
kind = np.where(truth.loc[peak.index, "campaign"] == course.SWARM, "swarm", truth.loc[peak.index, "label"])
figure, left = plt.subplots(figsize=(8, 3))
bins = np.logspace(0, math.log10(peak.max()), 40)
for name, colour in (("benign", "0.6"), ("extraction", "C1"), ("swarm", "C3")):
    shown = peak[kind == name]
    each = np.full(len(shown), 1 / len(shown))
    left.hist(shown, bins, weights=each, histtype="step", color=colour, lw=2, label=name)
left.set(xscale="log", xlabel="requests on the busiest day", ylabel="share of the group")
left.set_title("Where would you draw a line?")
left.legend();

# %% [markdown]
# "extraction" are the accounts of twelve other campaigns in this week; the swarm is the one of unit 1. In this
# class world about a tenth of the accounts belong to campaigns. In real life it would be far fewer; unit 5 deals
# with that.
#
# ## 2. Two numbers that belong together
#
# A limit *flags* every account whose peak is **above** it. Two questions follow:
#
# * **recall**: of the campaigns' accounts, which share is flagged?
# * **false-positive rate** (FPR): of the innocent accounts, which share is flagged? Each is somebody's.
#
# Write `rates(flagged, guilty)`. Both arguments are boolean arrays, one entry per account; it returns `(recall,
# fpr)`.

# %% solution="rates"
def rates(flagged: np.ndarray, guilty: np.ndarray) -> tuple[float, float]:
    """Recall, and false-positive rate."""
    ### BEGIN SOLUTION
    flagged, guilty = np.asarray(flagged), np.asarray(guilty)
    return float(flagged[guilty].mean()), float(flagged[~guilty].mean())
    ### END SOLUTION


# %% test="rates" points=2
_guilty = np.array([True, True, True, True, False, False])
assert rates(_guilty, _guilty) == (1, 0), "who flags exactly the guilty is perfect"
### BEGIN HIDDEN TESTS
assert [float(x) for x in rates(np.array([True, False, False, False, True, False]), _guilty)] == [0.25, 0.5]
assert [float(x) for x in rates(~_guilty, _guilty)] == [0, 1]
assert [float(x) for x in rates(np.ones(6, bool), _guilty)] == [1, 1]
### END HIDDEN TESTS

# %% [markdown]
# ## 3. Your limit
#
# A limit that stops nobody innocent stops nobody. Your company decides: **at most 1 % of the innocent accounts**
# may be flagged. Set `limit` to the **smallest** whole number that keeps to this.
#
# Not everybody counts, here and on every board. *Grey* accounts are left out, for the truth leaves them open, and
# so are *sleepers*: accounts of a campaign that sent nothing for it in this week. Nobody can find in a log what is
# not in it. A guilty account is one that **served**.
#
# **Guess first** which share of the campaigns' accounts you will catch with it.

# %%
judged = course.judged("train")
measured = peak[peak.index.isin(judged.index)]
guilty = judged.loc[measured.index, "served"].to_numpy()

# %% solution="limit"
### BEGIN SOLUTION
limit = next(n for n in range(1, int(measured.max()) + 1) if rates(measured > n, guilty)[1] <= 0.01)
### END SOLUTION

# %% test="limit" points=2
assert limit == int(limit), "a whole number"
assert rates(measured.to_numpy() > limit, guilty)[1] <= 0.01, "more than 1 % of the innocent accounts are flagged"
### BEGIN HIDDEN TESTS
_fpr = [float((measured.to_numpy() > n)[~guilty].mean()) for n in (float(limit), float(limit) - 1)]
assert _fpr[0] <= 0.01 < _fpr[1]
### END HIDDEN TESTS

# %%
sweep = np.unique(np.logspace(0, math.log10(measured.max()), 80).astype(int))
recall, fpr = np.array([rates(measured.to_numpy() > n, guilty) for n in sweep]).T
figure, (left, right) = plt.subplots(1, 2, figsize=(10, 3.2))
left.plot(sweep, recall, "C1", label="recall")
left.plot(sweep, fpr, "0.5", label="false-positive rate")
left.axvline(limit, color="k", ls=":", label=f"your limit: {limit}")
left.set(xscale="log", xlabel="limit, requests a day", ylabel="share flagged")
left.legend()
right.plot(fpr, recall, "C1")
right.plot([0, 1], [0, 1], "0.7", ls="--", label="coin with any bias")
right.set(xlabel="false-positive rate", ylabel="recall", title="The same, without the limit")
right.legend()
figure.tight_layout()

# %% [markdown]
# Set `caught` to the recall of your limit over **all** guilty accounts, and `swarm_caught` to its recall over
# those of the swarm (both of those in `measured`).

# %% solution="caught"
### BEGIN SOLUTION
caught = rates(measured.to_numpy() > limit, guilty)[0]
swarm = (truth.loc[measured.index, "campaign"] == course.SWARM).to_numpy()
swarm_caught = float((measured.to_numpy() > limit)[swarm].mean())
### END SOLUTION

# %% test="caught" points=2
assert 0 <= caught <= 1
assert 0 <= swarm_caught <= 1
### BEGIN HIDDEN TESTS
_over, _of = measured.to_numpy() > limit, truth.loc[measured.index]
assert math.isclose(caught, _over[_of["served"].to_numpy()].mean())
assert math.isclose(swarm_caught, _over[(_of["campaign"] == course.SWARM).to_numpy()].mean())
### END HIDDEN TESTS

# %%
print(f"limit {limit}: catches {caught:.1%} of all campaigns' accounts, {swarm_caught:.1%} of the swarm's,")
print(f"and {rates(measured.to_numpy() > limit, guilty)[1]:.2%} of the innocent ones")

# %% [markdown]
# The busiest day as a score, of the week that goes with you through the course:

# %%
course.scored("2 the busiest day", peak_day(course.requests("validation")))

# %% [markdown]
# ## 4. The operator's sums
#
# Could a stricter limit do it? Put yourself in the operator's place. You want 1,000,000 answers in 30 days. Every
# account sends exactly up to the limit, every day. Write `accounts_needed(answers, days, limit)`: the smallest
# number of accounts.

# %% solution="operator"
def accounts_needed(answers: int, days: int, limit: int) -> int:
    """Smallest number of accounts that get so many answers below a daily limit."""
    ### BEGIN SOLUTION
    return -(-answers // (days * limit))
    ### END SOLUTION


# %% test="operator" points=2
assert accounts_needed(100, 1, 10) == 10
assert isinstance(accounts_needed(100, 1, 10), int), "there are no half accounts"
### BEGIN HIDDEN TESTS
assert float(accounts_needed(101, 1, 10)) == 11
assert float(accounts_needed(1_000_000, 30, 100)) == 334
assert float(accounts_needed(1, 30, 100)) == 1
### END HIDDEN TESTS

# %%
limits = np.array([1000, 500, 200, 100, 50, 20, 10])
needed = [accounts_needed(1_000_000, 30, int(n)) for n in limits]
hit = [rates(measured.to_numpy() > n, guilty)[1] for n in limits]
figure, left = plt.subplots(figsize=(7, 3.2))
left.plot(needed, np.array(hit) * 100, "o-", color="C3")
for n, x, y in zip(limits, needed, hit, strict=True):
    left.annotate(f" {n} a day", (x, y * 100), fontsize=8, va="top")
left.set(xscale="log", xlabel="accounts that the operator needs for 1,000,000 answers in 30 days")
left.set_ylabel("innocent accounts stopped, %")
left.set_title("Every step that costs the operator a few more accounts stops more customers");

# %% [markdown]
# Accounts are cheap; the operator buys more of them and goes on. Three campaigns that a provider reported used
# some 24,000 accounts for more than 16 million exchanges ("Detecting and preventing distillation attacks",
# Anthropic, 23 February 2026): fewer than 700 each. Customers can't do that: they have one account, and it stops
# working. **A limit moves the cost to the innocent.**
#
# Limits are not useless. They keep one runaway program from hurting everybody, and they force the operator to
# *have* many accounts, which then have something in common. That is where units 3 and 4 look.
#
# ## 5. At the size of a real provider
#
# A provider has 2,000,000 innocent active accounts, and your limit flags 1 % of them. A reviewer needs 15 minutes
# for one account and works 1,600 hours a year. Set `accused` to the number of innocent accounts flagged, and
# `reviewers` to the number of people-years that reviewing them takes (rounded up).

# %% solution="scale"
### BEGIN SOLUTION
accused = int(2_000_000 * 0.01)
reviewers = math.ceil(accused * 0.25 / 1600)
### END SOLUTION

# %% test="scale" points=1
assert accused == int(accused)
assert reviewers == int(reviewers)
### BEGIN HIDDEN TESTS
assert float(accused) == 20_000
assert float(reviewers) == 4
### END HIDDEN TESTS

# %% [markdown]
# **Write (4 points).** Your manager says: "Then let us halve the limit, to be on the safe side." Answer in at
# most ten sentences, with your own numbers from this notebook: what it would catch in addition, whom it would
# hit, what the operator would do, and what you propose instead.

# %% [markdown] essay="manager" points=4
# At our limit we flag 1 % of the innocent accounts and catch about as small a share of the campaigns' accounts,
# and nobody of the swarm. At half of it we would flag several times as many innocent accounts (see the left
# figure), and still miss most of the swarm, whose accounts are no busier than many customers. The operator would
# double the number of accounts, at little cost; our busiest honest customers would see errors on their best day.
# I propose to keep a generous limit for safety, to make the limit soft (slow down, then ask), and to spend the
# effort on what accounts share.

# %% [markdown]
# **Write (3 points).** Who are the innocent accounts that your limit flags? Look at the five busiest (their
# `archetype` tells what kind of customer they are: B4 is a hackathon, B5 an evaluation lab, B8 a service with
# many users of its own, B13 a product that took off overnight). Is it fair that these carry the cost? What would
# you owe them?

# %%
over = measured[(measured > limit) & ~guilty]
truth.loc[over.sort_values(ascending=False).index, ["archetype"]].assign(peak=over).head()

# %% [markdown] essay="fair" points=3
# They are large, honest users: hackathon teams in their one busy weekend, services with many users of their own.
# They pay most and did nothing but grow. It isn't fair that they carry the cost of others' misuse; we owe them a
# warning before the limit binds, a quick way to a higher one, and an answer from a person.
