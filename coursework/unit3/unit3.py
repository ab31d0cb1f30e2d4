# %% [markdown]
# # Unit 3: aggregates, leakage, and how a benchmark can lie
#
# **Time:** about 75 minutes. **You need:** units 1 and 2; a first idea of what a classifier is.
#
# One number per account was not enough. So take many: an *aggregate* sums up all rows of an account in one value.
# Then a colleague sends you a table whose detector is nearly perfect. Somewhere in it the answer is hidden. Find
# it.
#
# After this unit you can
#
# * compute aggregates from a log, and score accounts by them;
# * compare a result with what luck gives;
# * find a column that leaks the label, and measure what it is worth in production;
# * say what has to be checked before anybody believes a benchmark.

# %%
import math

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from sklearn.ensemble import RandomForestClassifier
from sklearn.metrics import average_precision_score, roc_auc_score

import course

requests = course.requests("train")

# %% [markdown]
# ## 1. Aggregates
#
# Write `aggregates(requests)`: one row for each account that sent something, indexed by `account_id`, with the
# columns `requests` (how many), `days` (on how many different `day`s) and `failed` (share of requests whose
# `status` is not 200).

# %% solution="aggregates"
def aggregates(requests: pd.DataFrame) -> pd.DataFrame:
    """Three numbers per account."""
    ### BEGIN SOLUTION
    by = requests.assign(bad=requests["status"] != 200).groupby("account_id")
    return pd.DataFrame({"requests": by.size(), "days": by["day"].nunique(), "failed": by["bad"].mean()})
    ### END SOLUTION


# %% test="aggregates" points=3
_log = pd.DataFrame({"account_id": ["a", "a", "a", "b"], "day": [0, 0, 4, 1], "status": [200, 429, 200, 500]})
assert set(aggregates(_log).columns) == {"requests", "days", "failed"}
assert aggregates(_log).loc["a", "requests"] == 3
### BEGIN HIDDEN TESTS
assert {k: float(v) for k, v in aggregates(_log)["days"].to_dict().items()} == {"a": 2, "b": 1}
assert math.isclose(aggregates(_log).loc["a", "failed"], 1 / 3)
assert float(aggregates(_log).loc["b", "failed"]) == 1
### END HIDDEN TESTS

# %% [markdown]
# ## 2. A ranking
#
# A reviewer has time for $k$ accounts and takes those with the highest score. Write `precision_at(guilty, scores,
# k)`: the share of guilty ones among these $k$. (No two scores are equal.)

# %% solution="precision"
def precision_at(guilty: np.ndarray, scores: np.ndarray, k: int) -> float:
    """Share of the guilty among the k highest scores."""
    ### BEGIN SOLUTION
    return float(np.asarray(guilty)[np.argsort(scores)[::-1][:k]].mean())
    ### END SOLUTION


# %% test="precision" points=2
_guilty, _scores = np.array([True, False, True, False]), np.array([0.9, 0.7, 0.2, 0.1])
assert precision_at(_guilty, _scores, 1) == 1
### BEGIN HIDDEN TESTS
assert float(precision_at(_guilty, _scores, 2)) == 0.5
assert math.isclose(precision_at(_guilty, _scores, 3), 2 / 3)
assert float(precision_at(_guilty, -_scores, 1)) == 0
### END HIDDEN TESTS

# %% [markdown]
# *Average precision* (AP) is the mean of this number over the ranks at which a guilty account stands. Who ranks
# blindly gets about the share of guilty accounts: that is luck, and every result has to be compared with it.
#
# ## 3. A table that is too good
#
# `course.colleague(split)` is your colleague's table. It holds aggregates, and `crm_id`, the number of the
# account in the customer database. `train` and `validation` are two weeks that share no account. As in unit 2,
# `course.judged(split)` says who counts: benign accounts, and the guilty ones, which served a campaign.

# %%
def known(split: str, live: bool = False) -> tuple[pd.DataFrame, np.ndarray]:
    """A colleague's table of the accounts that count, and who is guilty."""
    table, judged = course.colleague(split, live), course.judged(split)
    table = table[table.index.isin(judged.index)]
    return table, judged.loc[table.index, "served"].to_numpy()


def ap(columns: list[str], live: bool = False) -> float:
    """Learn from one week, score another."""
    (seen, guilty), (new, truth_of_new) = known("train"), known("validation", live)
    forest = RandomForestClassifier(200, min_samples_leaf=3, random_state=0).fit(seen[columns], guilty)
    return float(average_precision_score(truth_of_new, forest.predict_proba(new[columns])[:, 1]))


table, guilty = known("train")
columns = list(table.columns)
print(f"all columns: AP {ap(columns):.2f}; luck: {known('validation')[1].mean():.2f}")

# %% [markdown]
# One check finds many leaks: how well does **each column alone** separate the two groups? Set `alone` to a pandas
# Series: for each column of `table` its ROC-AUC (`roc_auc_score(guilty, values)`), or 1 minus it where that is
# larger, for a low value can tell as much as a high one.

# %% solution="alone"
### BEGIN SOLUTION
auc = pd.Series({name: roc_auc_score(guilty, table[name]) for name in columns})
alone = auc.where(auc > 0.5, 1 - auc)
### END SOLUTION

# %% test="alone" points=2
assert set(alone.index) == set(columns)
assert alone.between(0.5, 1).all(), "the better direction is never worse than a coin"
### BEGIN HIDDEN TESTS
for _name in columns:
    _auc = roc_auc_score(guilty, table[_name])
    assert math.isclose(alone[_name], max(_auc, 1 - _auc)), _name
### END HIDDEN TESTS

# %%
figure, (left, right) = plt.subplots(1, 2, figsize=(10, 3), layout="constrained")
alone.sort_values().plot.barh(ax=left, color="0.6")
left.set(xlim=(0.5, 1), xlabel="ROC-AUC of one column alone")
for name, of, colour in (("innocent", ~guilty, "0.6"), ("guilty", guilty, "C3")):
    right.hist(table["crm_id"][of], 20, density=True, histtype="step", label=name, color=colour)
right.set(xlabel="crm_id", title="A number that should mean nothing")
right.legend();

# %% [markdown]
# A strong column is not yet a leak: busy accounts may really be guilty more often. A leak is a column that could
# not have had this value **when the decision was due**, or that has no reason to know. Set `leak` to the name of
# that column.

# %% solution="leak"
### BEGIN SOLUTION
leak = "crm_id"
### END SOLUTION

# %% test="leak" points=2
assert leak in columns
### BEGIN HIDDEN TESTS
assert str(leak) == "crm_id"
### END HIDDEN TESTS

# %% [markdown]
# ## 4. What is it worth?
#
# With `ap(columns, live=True)` the same detector, learnt from the leaking table, meets production: there the
# number is given out before anybody was caught. **Guess first.** Set
#
# * `claimed`: the AP of all columns, as in the colleague's report;
# * `honest`: the AP of all columns but the leak;
# * `in_production`: the AP of all columns with `live=True`.

# %% solution="worth"
### BEGIN SOLUTION
claimed = ap(columns)
honest = ap([name for name in columns if name != leak])
in_production = ap(columns, live=True)
### END SOLUTION

# %% test="worth" points=3
assert claimed > honest, "the leak makes a report look better"
assert 0 < in_production < 1
### BEGIN HIDDEN TESTS
assert math.isclose(claimed, ap(columns), abs_tol=1e-6)
assert math.isclose(honest, ap([c for c in columns if c != "crm_id"]), abs_tol=1e-6)
assert math.isclose(in_production, ap(columns, live=True), abs_tol=1e-6)
### END HIDDEN TESTS

# %%
print(f"claimed {claimed:.2f}, honest {honest:.2f}, in production {in_production:.2f}")

# %%
kept = [name for name in columns if name != leak]
forest = RandomForestClassifier(200, min_samples_leaf=3, random_state=0).fit(table[kept], guilty)
new = known("validation")[0]
course.scored("3 a table without its leak", pd.Series(forest.predict_proba(new[kept])[:, 1], new.index))

# %% [markdown]
# **Write (4 points).** How can such a column come about without any bad intent? Name the moment at which the
# answer slipped in, two checks that would have found it, and whom the mistake would have hurt in production.

# %% [markdown] essay="story" points=4
# The team that closed the accounts entered them in the customer database late, so they got high numbers: the
# answer slipped in when the table was exported after the decision. Each column alone, and a look at when each
# value was written, would have found it. In production new honest customers get high numbers too, and would be
# accused.

# %% [markdown]
# **Write (3 points).** A paper reports an AP of 0.98 on data like these. Which three questions do you ask before
# you believe it?

# %% [markdown] essay="questions" points=3
# Do train and test share accounts, campaigns or time? What does luck, and what does the best single column get?
# Was each value known at the time of the decision, and does the result hold on another week?
