# %% [markdown]
# # Unit 4: graphs: links, hubs, communities, synchrony
#
# **Time:** about 90 minutes. **You need:** units 1 to 3.
#
# One by one the swarm's accounts are ordinary. But one operator runs them: with the same work, through the same
# machines, by one clock. Make each thing that two accounts share a *link*, and look at the graph.
#
# After this unit you can
#
# * turn a log into a graph of accounts, and keep hubs from ruining it;
# * find groups in it, and measure how many of them are innocent;
# * tell synchrony from two busy accounts that meet by chance;
# * say what else, besides guilt, makes people look connected.

# %%
import math
import random

import igraph
import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.collections import LineCollection
from scipy import sparse

import course

requests, truth = course.requests("train"), course.labels("train")
held = requests[["account_id", "system_prompt_hash"]].dropna().drop_duplicates()
held.columns = ["account_id", "key"]
served = truth[truth["served"]]  # as in unit 2: these are guilty
guilty, swarm = set(served.index), set(served.index[served["campaign"] == course.SWARM])

# %% [markdown]
# ## 1. Hubs
#
# `held` says which account used which system prompt (`key`). A key that eighty strangers hold, such as the
# default text of a popular framework, links them all and means nothing: a *hub*.
#
# Write `without_hubs(held, most)`: the rows whose key is held by **at least 2 and at most `most`** accounts.

# %% solution="hubs"
def without_hubs(held: pd.DataFrame, most: int) -> pd.DataFrame:
    """Rows whose key links accounts and is no hub."""
    ### BEGIN SOLUTION
    holders = held.groupby("key")["account_id"].transform("nunique")
    return held[(holders >= 2) & (holders <= most)]
    ### END SOLUTION


# %% test="hubs" points=2
_held = pd.DataFrame({"account_id": list("abcabd"), "key": [1, 1, 1, 2, 2, 3]})
assert set(without_hubs(_held, 10)["key"]) == {1, 2}, "key 3 links nobody"
### BEGIN HIDDEN TESTS
assert set(without_hubs(_held, 2)["key"]) == {2}
assert set(without_hubs(_held, 3)["key"]) == {1, 2}
assert len(without_hubs(_held, 3)) == 5
### END HIDDEN TESTS

# %% [markdown]
# ## 2. Edges
#
# Write `edges(held)`: a Series of how many keys two accounts share, indexed by the pair `(first, second)` with
# `first < second`. Pairs that share nothing don't appear. (`held.merge(held, on="key")` is a good beginning.)

# %% solution="edges"
def edges(held: pd.DataFrame) -> pd.Series:
    """Number of shared keys of each pair of accounts."""
    ### BEGIN SOLUTION
    both = held.merge(held, on="key")
    both = both[both["account_id_x"] < both["account_id_y"]]
    return both.groupby(["account_id_x", "account_id_y"]).size()
    ### END SOLUTION


# %% test="edges" points=3
assert edges(_held)[("a", "b")] == 2, "a and b share the keys 1 and 2"
### BEGIN HIDDEN TESTS
assert edges(_held).to_dict() == {("a", "b"): 2, ("a", "c"): 1, ("b", "c"): 1}
assert len(edges(_held[_held["key"] == 3])) == 0
### END HIDDEN TESTS

# %% [markdown]
# Accounts that a chain of edges connects form a *community* (the simplest kind; better ones cut weak bridges).
# What does the bound on hubs do?

# %%
def communities(pairs: pd.Series) -> pd.Series:
    """Number of the connected part that an account is in."""
    first, second = (pairs.index.get_level_values(i) for i in (0, 1))
    names = pd.Index(first.union(second).unique())
    where = (names.get_indexer(first), names.get_indexer(second))
    graph = sparse.coo_array((np.ones(len(pairs)), where), shape=(len(names), len(names)))
    return pd.Series(sparse.csgraph.connected_components(graph, directed=False)[1], index=names)


bounds = [2, 5, 10, 15, 20, 30, 50, 100]
largest = [communities(edges(without_hubs(held, n))).value_counts().max() for n in bounds]
figure, left = plt.subplots(figsize=(6, 2.8))
left.plot(bounds, largest, "o-", color="C0")
left.set(xlabel="most accounts that a key may have", ylabel="accounts in the largest group")
left.set_title("Hubs melt everything into one lump");

# %% [markdown]
# ## 3. Who is in the groups?
#
# Write `purity(group, guilty)`: for each group number of the Series `group` (account to group number) with **five
# accounts or more**, the share of its accounts in the set `guilty`: a Series indexed by group number.

# %% solution="purity"
def purity(group: pd.Series, guilty: set[str]) -> pd.Series:
    """Share of the guilty in each group of five or more."""
    ### BEGIN SOLUTION
    share = pd.Series(group.index.isin(guilty), index=group.index).groupby(group).agg(["mean", "size"])
    return share.loc[share["size"] >= 5, "mean"]
    ### END SOLUTION


# %% test="purity" points=2
_group = pd.Series([0] * 5 + [1] * 4 + [2] * 6, index=list("abcdefghijklmno"))
assert set(purity(_group, {"a"}).index) == {0, 2}, "group 1 has only four accounts"
### BEGIN HIDDEN TESTS
assert purity(_group, {"a", "f"}).to_dict() == {0: 0.2, 2: 0.0}
assert float(purity(_group, set("jkl"))[2]) == 0.5
### END HIDDEN TESTS

# %%
links = edges(without_hubs(held, 20))
group = communities(links[links >= 2])  # one key in common is weak evidence, two are more
pure, kind = purity(group, guilty), truth["archetype"]
pd.DataFrame(
    {
        "accounts": group.value_counts().loc[pure.index],
        "guilty": pure.round(2),
        "swarm": pd.Series(group.index.isin(swarm), index=group.index).groupby(group).sum().loc[pure.index],
        "archetypes": [", ".join(sorted(set(kind[group.index[group == g]]))) for g in pure.index],
    }
).sort_values("accounts", ascending=False).head(12)

# %% [markdown]
# The same groups as a picture. Red are accounts of the swarm, orange those of other campaigns, grey all others.

# %%
pairs = [(a, b) for a, b in links[links >= 2].index if group[a] in pure.index]
graph = igraph.Graph.TupleList(pairs)
random.seed(0)  # the layout's
place, who = np.array(graph.layout("fr").coords), graph.vs["name"]
colours = ["C3" if a in swarm else "C1" if a in guilty else "0.6" for a in who]
figure, left = plt.subplots(figsize=(8, 6))
left.add_collection(LineCollection(place[np.array(graph.get_edgelist())], colors="0.85", lw=0.5, zorder=0))
left.scatter(*place.T, s=14, c=colours)
left.set(title=f"{len(pure)} groups of five or more, {len(who)} accounts")
left.axis("off");

# %% [markdown]
# How much of the swarm is in there, and what became of the rest?

# %%
found = swarm & set(who)
most = pd.concat([links.groupby(level=i).max() for i in (0, 1)]).groupby(level=0).max()
rest = pd.Series({a: most.get(a, 0) for a in swarm - found}, dtype=int)
print(f"{len(found)} of the swarm's {len(swarm)} accounts are in a group of five or more")
rest.value_counts().rename_axis("keys shared with the closest neighbour").rename("accounts").to_frame()

# %% [markdown]
# Many are not in there. Members of an evasive swarm are given few things in common, a handful of accounts at a
# time: one who shares a single key with the others, or only keys that more than twenty hold, is invisible to a
# graph that asks for two rare ones. Ask for one, and they appear, among far more innocent people: try `links >=
# 1`. A better graph does not lower the bar for one kind of link; it adds up weak links of several kinds (unit 7).

# %% [markdown]
# Set `innocent_groups` to the number of groups in `pure` that hold nobody guilty. They are agencies, classes,
# teams: people who share their work because they work together.

# %% solution="innocent"
### BEGIN SOLUTION
innocent_groups = int((pure == 0).sum())
### END SOLUTION

# %% test="innocent" points=1
assert 0 <= innocent_groups <= len(pure)
### BEGIN HIDDEN TESTS
assert float(innocent_groups) == sum(not share for share in pure)
### END HIDDEN TESTS

# %% [markdown]
# ## 4. Synchrony
#
# Cut the week into slots of ten minutes (1008 of them). Two accounts that begin work in $n_1$ and $n_2$ slots at
# random meet in $e = n_1 n_2 / \text{slots}$ of them on average. Write `excess(common, n1, n2, slots)`: how far
# the slots in common lie above that, $(\text{common} - e) / \sqrt{e + 1}$.

# %% solution="excess"
def excess(common: np.ndarray, n1: np.ndarray, n2: np.ndarray, slots: int) -> np.ndarray:
    """Slots in common beyond chance, in units of about a standard deviation."""
    ### BEGIN SOLUTION
    expected = n1 * n2 / slots
    return (common - expected) / (expected + 1) ** 0.5
    ### END SOLUTION


# %% test="excess" points=2
assert excess(4, 20, 20, 100) == 0, "four in common are just what chance gives"
### BEGIN HIDDEN TESTS
assert math.isclose(excess(10, 30, 10, 100), 3.5)
assert math.isclose(excess(0, 80, 10, 100), -8 / 3)
### END HIDDEN TESTS

# %%
# A session begins where an account was silent for half an hour.
pause = requests.groupby("account_id")["t"].diff().fillna(1e9) > 0.5
starts = requests[pause].assign(slot=lambda r: (r["t"] * 6).astype(int))[["account_id", "slot"]].drop_duplicates()
names, slots = pd.Index(starts["account_id"].unique()), 7 * 24 * 6
begun = sparse.coo_array((np.ones(len(starts)), (names.get_indexer(starts["account_id"]), starts["slot"]))).tocsr()
common, size = (begun @ begun.T).toarray(), np.asarray(begun.sum(axis=1)).ravel()
z = excess(common, size[:, None], size[None, :], slots)
np.fill_diagonal(z, np.nan)
inside, benign = names.isin(list(swarm)), (truth.loc[names, "label"] == "benign").to_numpy()
figure, left = plt.subplots(figsize=(7, 3))
for name, of, colour in (("innocent pairs", benign, "0.6"), ("pairs of the swarm", inside, "C3")):
    values = z[np.ix_(of, of)]
    bins = np.linspace(-3, 8, 50)
    left.hist(values[~np.isnan(values)].clip(-3, 8), bins, density=True, histtype="step", color=colour, label=name)
left.set(xlabel="slots in common beyond chance", yscale="log", ylabel="density")
left.legend();

# %% [markdown]
# How far does the graph alone get? The size of an account's group as its score, in the week that goes with you:

# %%
new_held = course.requests("validation")[["account_id", "system_prompt_hash"]].dropna().drop_duplicates()
new_links = edges(without_hubs(new_held.set_axis(["account_id", "key"], axis=1), 20))
new_group = communities(new_links[new_links >= 2])
course.scored("4 the size of one's group", new_group.map(new_group.value_counts()))

# %% [markdown]
# One pair proves little. An operator's accounts meet with *many* others, and the same ones use the same prompts.
# Evidence of different kinds that agrees is worth more than one kind that is strong.
#
# **Write (4 points).** Take an innocent group out of the table in step 3. What connects these people? Which
# evidence would clear them, which would be dangerously misleading, and what should happen before all of them are
# closed at once?

# %% [markdown] essay="group" points=4
# An agency's accounts share a system prompt, a card and a rhythm. Their customers, topics and hours differ, and
# they have a contract: that would clear them. A shared address or payment is misleading, for offices have it too.
# Before a group is closed a person must look at every member, for one wrong link would accuse forty people at
# once; they get notice first.

# %% [markdown]
# **Write (3 points).** Why can't you just leave all hubs in, or take all of them out? What does an operator do
# who knows your bound?

# %% [markdown] essay="hub" points=3
# Left in, they link strangers, and everything is one lump; with too low a bound the swarm's own templates count
# as hubs and vanish. An operator uses a framework's default prompt, so that the only thing in common is a hub, or
# splits the work over many templates. A weight that falls with the number of holders is better than a hard bound.
