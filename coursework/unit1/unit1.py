# %% [markdown]
# # Unit 1: look at the logs, and try to find the swarm by eye
#
# **Time:** about 60 minutes. **You need:** Python, a little pandas.
#
# A company offers a large language model over the internet. Customers open accounts and send *requests* (a prompt
# goes in, an answer comes out); each request leaves one row in a log. Now suppose one operator opens thirty
# accounts and uses them together to collect answers, in order to train a copy of the model: a
# *distillation-extraction campaign*. Each account stays small and polite. Can you see it?
#
# After this unit you can
#
# * say what a row of a usage log holds, and what it does not;
# * describe an ordinary account in numbers and in a picture;
# * tell a real find from luck;
# * say why "it looked suspicious to me" is not a reason to close somebody's account.
#
# Everything here is **synthetic**: no real person's log, no real company, no prompt text. The course is about
# defence. Where you see an account, think of a person all the same: in real life a reviewer decides about one.

# %%
import math

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd

import course

requests, accounts = course.requests("train"), course.accounts("train")
print(f"{len(requests):,} requests by {len(accounts):,} accounts in one week")

# %% [markdown]
# ## 1. What is in a row?
#
# Three requests, a few of the columns. `t` is the time in hours since Monday, 0:00. There is no prompt: only its
# length, and fingerprints such as `system_prompt_hash`, which are equal when the texts are equal.

# %%
shown = ["account_id", "ts", "t", "model", "input_tokens", "output_tokens", "status", "ip_prefix"]
shown += ["system_prompt_hash"]
requests[shown].iloc[[0, 1000, 50_000]].T

# %% [markdown]
# **Before you compute it, guess:** of all registered accounts, how many were active in this week? And how much of
# the traffic comes from the busiest hundredth of the active ones: 1 %, 10 %, more?
#
# Set
# * `active`: the number of accounts that sent at least one request;
# * `top_share`: the share (0 to 1) of all requests that the busiest 1 % of the active accounts sent. Round the
#   number of these accounts up.

# %% solution="sizes"
### BEGIN SOLUTION
sent = requests.groupby("account_id").size().sort_values(ascending=False)
active = len(sent)
top_share = sent.iloc[: math.ceil(active / 100)].sum() / len(requests)
### END SOLUTION

# %% test="sizes" points=2
assert 0 < active <= len(accounts), "active is a number of accounts"
assert 0 < top_share < 1, "top_share is a share, not a per cent"
### BEGIN HIDDEN TESTS
_sent = requests["account_id"].value_counts()
assert float(active) == len(_sent)
assert math.isclose(top_share, _sent.head(math.ceil(len(_sent) / 100)).sum() / len(requests), abs_tol=1e-9)
### END HIDDEN TESTS

# %% [markdown]
# Both surprise many people. Some customers try the service once and leave; a few run whole businesses on it.
# Whoever says "the average account" about such data says little:

# %%
per_account = requests.groupby("account_id").size()
figure, left = plt.subplots(figsize=(7, 3))
left.hist(np.log10(per_account), bins=40, color="0.6")
for name, value, colour in (("median", per_account.median(), "C0"), ("mean", per_account.mean(), "C3")):
    left.axvline(math.log10(value), color=colour, label=f"{name}: {value:.0f}")
left.set(xlabel="requests in the week", ylabel="accounts", title="Most accounts are small, a few are huge")
left.set_xticks(range(4), [f"{10**i:,}" for i in range(4)])
left.legend();

# %% [markdown]
# ## 2. The rhythm of a week
#
# **Guess first:** at which hour of the day (UTC) does the service get most requests, and how deep is the night?
#
# Set `busiest_hour` to the hour of the day, 0 to 23, with most requests over the whole week.

# %% solution="hour"
### BEGIN SOLUTION
by_hour = requests["ts"].dt.hour.value_counts()
busiest_hour = int(by_hour.idxmax())
### END SOLUTION

# %% test="hour" points=1
assert busiest_hour in range(24), "an hour of the day, 0 to 23"
### BEGIN HIDDEN TESTS
_counts = np.bincount(requests["ts"].dt.hour, minlength=24)
assert _counts[busiest_hour] == _counts.max()
### END HIDDEN TESTS

# %%
figure, left = plt.subplots(figsize=(9, 2.5))
left.hist(requests["t"], bins=np.arange(0, 169), color="0.6")
left.set_xticks(range(0, 168, 24), ["Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"], ha="left")
left.set(ylabel="requests per hour", title="One week of the whole service");

# %% [markdown]
# Days, nights and a weekend: people. Spikes: programs. Now one account at a time. Write a function
# `timeline(requests, account)` that returns an array of 168 whole numbers: how many requests the account sent in
# each hour of the week. An account that sent nothing has 168 zeros.

# %% solution="timeline"
def timeline(requests: pd.DataFrame, account: str) -> np.ndarray:
    """Requests of one account in each hour of the week."""
    ### BEGIN SOLUTION
    hours = requests.loc[requests["account_id"] == account, "t"].astype(int)
    return np.bincount(hours, minlength=168)
    ### END SOLUTION


# %% test="timeline" points=2
_log = pd.DataFrame({"account_id": ["a", "b", "a", "a"], "t": [0.2, 0.9, 0.99, 167.5]})
assert len(timeline(_log, "a")) == 168
assert timeline(_log, "a")[0] == 2, "two requests before one o'clock"
assert timeline(_log, "a")[167] == 1
### BEGIN HIDDEN TESTS
assert [float(x) for x in timeline(_log, "b")] == [1, *[0] * 167]
assert [float(x) for x in timeline(_log, "nobody")] == [0] * 168
_some = requests["account_id"].iloc[0]
assert float(timeline(requests, _some).sum()) == (requests["account_id"] == _some).sum()
### END HIDDEN TESTS

# %% [markdown]
# ## 3. A line-up
#
# `course.lineup()` gives forty accounts: **twenty of a swarm** that one operator runs, and **twenty innocent
# ones** that sent about as many requests. They stand in the order of their names, which mean nothing. Look at
# them as long as you like.

# %%
suspects = course.lineup()
figure, axes = plt.subplots(20, 2, figsize=(11, 12), sharex=True)
for axis, name in zip(axes.T.ravel(), suspects, strict=True):
    axis.bar(np.arange(168), np.minimum(timeline(requests, name), 20), width=1.0, color="0.3")
    axis.set_ylabel(name[-6:], rotation=0, ha="right", va="center", fontsize=8)
    axis.set(yticks=[], ylim=(0, 20))
for axis in axes[-1]:
    axis.set_xticks(range(0, 168, 24), ["Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"], ha="left")
figure.suptitle("Requests per hour (cut at 20) of forty accounts; which twenty belong together?", y=0.9);

# %%
few = requests[requests["account_id"].isin(suspects)]
few.groupby("account_id").agg(
    requests=("ts", "size"),
    days=("day", "nunique"),
    models=("model", "nunique"),
    input_median=("input_tokens", "median"),
    output_median=("output_tokens", "median"),
    failed=("status", lambda s: (s != 200).mean()),
).round(2)

# %% [markdown]
# Set `picks` to a list of the **twenty** names that you believe are the swarm. You are not graded on finding it:
# only on playing by the rules (twenty different names out of the line-up). Please don't look at the labels yet;
# you would only spoil your own fun.

# %% solution="picks"
### BEGIN SOLUTION
# A guess as good as most: programs work at night, so take those that sleep least.
night = few["ts"].dt.hour.lt(6).groupby(few["account_id"]).mean()
picks = list(night.sort_values(ascending=False).index[:20])
### END SOLUTION

# %% test="picks" points=1
assert len(picks) == 20, f"twenty names, not {len(picks)}"
assert len(set(picks)) == 20, "a name stands twice"
assert set(picks) <= set(suspects), "somebody is not in the line-up"

# %% [markdown]
# ## 4. Were you good, or lucky?
#
# Now open the truth. Somebody who picks twenty of forty blindly finds ten of the swarm on average. So eleven hits
# prove nothing. How many would? With $n=20$ swarm accounts among $40$ and $20$ picks, exactly $k$ hits happen by
# luck with probability
#
# $$P(k) = \binom{20}{k}\binom{20}{20-k} \Big/ \binom{40}{20}.$$
#
# Set `hits` to the number of your picks that are in the swarm (`truth.loc[name, "campaign"] == course.SWARM`),
# and write `luck(hits)`: the probability that a blind picker finds **at least** so many. (`math.comb` is
# $\binom{n}{k}$.)

# %%
truth = course.labels("train")

# %% solution="luck"
### BEGIN SOLUTION
hits = int((truth.loc[picks, "campaign"] == course.SWARM).sum())


def luck(hits: int) -> float:
    return sum(math.comb(20, k) * math.comb(20, 20 - k) for k in range(hits, 21)) / math.comb(40, 20)


### END SOLUTION

# %% test="luck" points=3
assert 0 <= hits <= 20
assert math.isclose(luck(0), 1), "everybody finds at least none"
assert luck(12) > luck(13), "more hits are less likely to be luck"
### BEGIN HIDDEN TESTS
assert float(hits) == sum(truth.loc[name, "campaign"] == course.SWARM for name in picks)
assert math.isclose(luck(20), 1 / math.comb(40, 20))
assert math.isclose(luck(14), 0.0128224, rel_tol=1e-3)
### END HIDDEN TESTS

# %%
print(f"{hits} of 20; a blind picker does at least as well in {luck(hits):.0%} of all tries")

# %% [markdown]
# Most people do no better than luck. That is no shame: **one by one these accounts are ordinary.** Their habits
# were drawn from the same population as everybody else's. Remember, too, how sure some of the shapes made you
# feel.
#
# ## 5. A different question
#
# Instead of "which account looks odd?" ask "which accounts have something **in common**?" The same forty, one row
# each, one tick per request. A colour means: this request's system prompt (the standing instruction in front of a
# prompt) is one that at least five of the forty use.

# %%
used = few.dropna(subset=["system_prompt_hash"]).groupby("system_prompt_hash")["account_id"].nunique()
common = used[used >= 5].index
colour = {key: f"C{i}" for i, key in enumerate(common)}
figure, left = plt.subplots(figsize=(10, 6))
for row, name in enumerate(suspects):
    own = few[few["account_id"] == name]
    left.scatter(own["t"], [row] * len(own), marker="|", s=30, lw=0.8, c="0.8")
    for key in common:
        same = own[own["system_prompt_hash"] == key]
        left.scatter(same["t"], [row] * len(same), marker="|", s=45, lw=1.2, c=colour[key])
    if truth.loc[name, "campaign"] == course.SWARM:
        left.text(170, row, "swarm", fontsize=7, va="center")
left.set_xticks(range(0, 168, 24), ["Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"], ha="left")
left.set(yticks=[], title=f"{len(common)} system prompts that five or more of the forty share");

# %% [markdown]
# Now it is hard *not* to see. Nothing about any single account changed; the question did. The rest of the course
# is about asking it well: at scale, without being fooled, and without accusing the innocent, who also share
# things (a class shares a worksheet, a company a network).

# %% [markdown]
# ## The number that goes with you
#
# At its end each unit scores **every account of the week `validation`**, whose campaigns are all new, as a board
# would: average precision, mean over the three evasion tiers, with a 95 % interval. Your methods stay in the
# table, from unit to unit, and in unit 7 the best one goes to the class board. Here is the first, to be beaten: a
# blind guess.

# %%
everybody = course.accounts("validation")["account_id"]
course.scored("1 a blind guess", pd.Series(np.random.default_rng(1).random(len(everybody)), everybody))

# %% [markdown]
# **Write (3 points).** Choose two of the forty accounts, one swarm and one not. Describe each in three sentences
# to a colleague who has not seen the data, with numbers. Which of your sentences would still be true of the other
# one?

# %% [markdown] essay="habits" points=3
# A swarm account: 116 requests on five of seven days, half of them between 8 and 18 o'clock, a median of 400
# tokens in and 60 out, two failures. A benign one: 110 requests on four days, mostly by day, a median of 520 in
# and 80 out, no failure. All but the exact numbers would be true of the other: days, hours, lengths and failures
# don't separate them. Only "uses a system prompt that eleven others use" does.

# %% [markdown]
# **Write (4 points).** In step 3 you picked about ten accounts that belong to innocent people. Suppose your picks
# had been closed. Choose one of them: what does its owner lose, what could you have told them as the reason, how
# could they have objected, and what would you change about the procedure before anybody is allowed to act on it?

# %% [markdown] essay="person" points=4
# The owner may run a small shop's support chat on it: customers get no answers, and a paid month is lost. "Your
# pattern looked like a program's" is no reason that they could check or answer. They need a notice before the
# closure, the evidence in words, a person to write to, and a date for the decision. Before anyone acts: measure
# how often the procedure is wrong (as in step 4), ask for a second kind of evidence, begin with something that
# can be undone (a limit, a question), and have a person decide.
