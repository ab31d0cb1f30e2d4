# %% [markdown]
# # Unit 7: links and trees together
#
# **Time:** about 75 minutes. **You need:** units 4 and 5.
#
# Unit 4 had links and no learning: it found groups, guilty and innocent ones alike. Unit 5 had learning and no
# links: each account stood alone. Here a forest looks at *groups*: who is linked, and what the linked ones are
# like together.
#
# After this unit you can
#
# * weigh links of several kinds by how rare the thing shared is;
# * describe an account by the group that it is in, and by its own neighbours;
# * measure on campaigns never seen before whether relations add anything, and for whom they are dangerous;
# * put your own detector on the class board.

# %%
import math

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import siphonbench
from baselines.features import account_features, feature_table
from scipy import sparse
from sklearn.ensemble import RandomForestClassifier
from sklearn.metrics import average_precision_score

import course

MOST = 20  # accounts that may hold a key; unit 4 says why there is a bound
LEAST = 0.6  # weight of a link that joins two accounts into a group
SHARED = {
    "requests": ["system_prompt_hash", "tools_hash", "ip_prefix", "tls_fingerprint"],
    "accounts": ["payment_id", "signup_prefix"],
}


def held(split: str) -> pd.DataFrame:
    """Which account holds which key: a prompt, tools, an address prefix, a device or a payment instrument."""
    tables = {"requests": course.requests(split), "accounts": course.accounts(split)}
    parts = []
    for table, columns in SHARED.items():
        for column in columns:
            part = tables[table][["account_id", column]].dropna().drop_duplicates()
            parts.append(part.assign(key=column + " " + part[column].astype(str))[["account_id", "key"]])
    return pd.concat(parts, ignore_index=True)


def features(split: str) -> pd.DataFrame:
    """Unit 5's features, of all accounts that were active."""
    wanted = feature_table.FEATURES + feature_table.TOPIC
    table = account_features.account_features(course.world().splits[split], wanted).to_pandas()
    return table.astype({"account_id": str}).set_index("account_id").sort_index().fillna(-1)


tables = {split: features(split) for split in ("train", "validation")}

# %% [markdown]
# Who counts? As before, benign accounts and those that **served** a campaign; grey ones and sleepers do not.

# %%
truths = {split: course.judged(split) for split in tables}
truths = {split: t[t.index.isin(tables[split].index)] for split, t in truths.items()}
guilty = {split: t["served"].to_numpy() for split, t in truths.items()}

# %% [markdown]
# ## 1. Links with weights
#
# Two accounts that alone share a device are linked more closely than two of the fifteen behind one address.
# Write `strength(held)`: a Series indexed by the pairs `(first, second)` with `first < second`: the sum, over
# all keys that both hold, of $1 / (n - 1)$, where $n$ is the number of accounts that hold the key. Keys held by
# one account, or by more than `MOST`, don't count, and pairs that share nothing don't appear.

# %% solution="strength"
def strength(held: pd.DataFrame) -> pd.Series:
    """Weight of the link between each two accounts."""
    ### BEGIN SOLUTION
    holders = held.groupby("key")["account_id"].transform("nunique")
    rare = held.assign(weight=1 / (holders - 1).clip(lower=1))[holders.between(2, MOST)]
    both = rare.merge(rare[["account_id", "key"]], on="key")
    both = both[both["account_id_x"] < both["account_id_y"]]
    return both.groupby(["account_id_x", "account_id_y"])["weight"].sum()
    ### END SOLUTION


# %% test="strength" points=3
_held = pd.DataFrame({"account_id": list("abcabd"), "key": [1, 1, 1, 2, 2, 3]})
assert strength(_held)[("a", "b")] == 1.5, "a half for key 1, which three hold, and one for key 2"
### BEGIN HIDDEN TESTS
assert strength(_held).to_dict() == {("a", "b"): 1.5, ("a", "c"): 0.5, ("b", "c"): 0.5}
_crowd = pd.DataFrame({"account_id": [f"{i:02}" for i in range(MOST + 1)], "key": 1})
assert len(strength(_crowd)) == 0
assert math.isclose(strength(_crowd[:-1])[("00", "01")], 1 / (MOST - 1))
### END HIDDEN TESTS

# %%
def groups(pairs: pd.Series, least: float) -> pd.Series:
    """Number of the group that each linked account is in: connected by links of at least so much weight."""
    pairs = pairs[pairs >= least]
    first, second = (pairs.index.get_level_values(i) for i in (0, 1))
    names = pd.Index(first.union(second).unique())
    where = (names.get_indexer(first), names.get_indexer(second))
    graph = sparse.coo_array((np.ones(len(pairs)), where), shape=(len(names), len(names)))
    return pd.Series(sparse.csgraph.connected_components(graph, directed=False)[1], index=names)


pairs = {split: strength(held(split)) for split in tables}
linked = {split: groups(weights, LEAST) for split, weights in pairs.items()}
sizes = linked["train"].value_counts()
figure, left = plt.subplots(figsize=(6, 2.4))
left.hist(sizes, np.arange(2, sizes.max() + 2), color="0.6")
left.set(xlabel="accounts in a group", ylabel="groups", yscale="log", title="The groups of one week");

# %% [markdown]
# ## 2. An account, and the group that it is in
#
# Write `joined(table, group)`: the columns of `table` (one row per account), then `members`, the number of
# accounts of `table` in its group (1 for an account without one), then for each column `c` of `table` a column
# `group c`: the mean of `c` over the group's accounts in `table` (an account without a group: its own value).
# Rows stay in their order.

# %% solution="joined"
def joined(table: pd.DataFrame, group: pd.Series) -> pd.DataFrame:
    """Each account's own features beside those of its group."""
    ### BEGIN SOLUTION
    number = group.reindex(table.index)
    number = number.where(number.notna(), -1.0 - np.arange(len(table)))
    means = table.groupby(number).transform("mean").add_prefix("group ")
    members = number.groupby(number).transform("size").rename("members")
    return pd.concat([table, members, means], axis=1)
    ### END SOLUTION


# %% test="joined" points=3
_table = pd.DataFrame({"calls": [1.0, 3.0, 8.0, 5.0]}, index=list("abcd"))
_both = joined(_table, pd.Series({"b": 0, "a": 0, "x": 0}))
assert list(_both.columns) == ["calls", "members", "group calls"]
assert _both.loc["a", "group calls"] == 2, "the mean of a and b"
### BEGIN HIDDEN TESTS
assert _both["members"].tolist() == [2, 2, 1, 1]
assert _both["group calls"].tolist() == [2, 2, 8, 5]
assert _both["calls"].tolist() == [1, 3, 8, 5]
assert list(_both.index) == list("abcd")
### END HIDDEN TESTS

# %% [markdown]
# A group is a blunt description: who hangs on it by one link counts as much as who stands in its middle, and whom
# no link of weight `LEAST` reaches is alone. So look at an account's own neighbours as well. Write `near(table,
# pairs)`, with one row for each row of `table`, in its order:
#
# * `links`: how many neighbours in `table` it has, by a link of any weight, and `closest`: the weight of the
#   strongest of these links (both 0 for an account without any);
# * for each column `c` of `table` a column `near c`: the mean of `c` over these neighbours, each counted with the
#   weight of its link (-1 for an account without any).

# %% solution="near"
def near(table: pd.DataFrame, pairs: pd.Series) -> pd.DataFrame:
    """What the neighbours of each account are like."""
    ### BEGIN SOLUTION
    there = pairs.rename_axis(["account", "other"]).rename("weight").reset_index()
    both = pd.concat([there, there.rename(columns={"account": "other", "other": "account"})])
    both = both[both["account"].isin(table.index) & both["other"].isin(table.index)]
    account, weight = both["account"].to_numpy(), both["weight"].to_numpy()
    of = both.groupby("account")["weight"]
    sums = table.loc[both["other"]].mul(weight, axis=0).groupby(account).sum()
    parts = [of.size().rename("links"), of.max().rename("closest"), sums.div(of.sum(), axis=0).add_prefix("near ")]
    return pd.concat(parts, axis=1).reindex(table.index).fillna({"links": 0, "closest": 0}).fillna(-1)
    ### END SOLUTION


# %% test="near" points=3
_pairs = strength(_held)
assert near(_table, _pairs).columns.tolist() == ["links", "closest", "near calls"]
assert near(_table, _pairs).loc["a", "near calls"] == (1.5 * 3 + 0.5 * 8) / 2
### BEGIN HIDDEN TESTS
assert near(_table, _pairs)["links"].tolist() == [2, 2, 2, 0]
assert near(_table, _pairs)["closest"].tolist() == [1.5, 1.5, 0.5, 0]
assert near(_table, _pairs)["near calls"].tolist() == [4.25, 2.75, 2, -1]
_few = near(_table.iloc[[3, 2, 0]], _pairs)
assert _few["near calls"].tolist() == [-1, 1, 8], "b is not in this table"
### END HIDDEN TESTS

# %%
def view(split: str) -> pd.DataFrame:
    """All that is known of each account: its own features, its group's, its neighbours'."""
    return pd.concat([joined(tables[split], linked[split]), near(tables[split], pairs[split])], axis=1)


# %% [markdown]
# ## 3. The same forest, with and without relations
#
# Train `RandomForestClassifier(100, min_samples_leaf=2, random_state=0)` on the week `train`, once on the
# accounts' own features (`tables`) and once on `view(split)`, and score the week `validation`, whose campaigns are
# all new. Groups and neighbours are described by all their accounts; learn from and score those that count,
# `truths[split].index`, in that order. Set `own` and `scores` to the two arrays of scores, `alone` and `together`
# to their average precision with `guilty["validation"]`.

# %% solution="compare"
### BEGIN SOLUTION
def learnt(shown) -> np.ndarray:
    """Scores of validation by a forest that has learnt from train."""
    seen, new = (shown(split).loc[truths[split].index] for split in ("train", "validation"))
    trees = RandomForestClassifier(100, min_samples_leaf=2, random_state=0).fit(seen, guilty["train"])
    return trees.predict_proba(new)[:, 1]


own = learnt(lambda split: tables[split])
scores = learnt(view)
alone, together = (average_precision_score(guilty["validation"], found) for found in (own, scores))
### END SOLUTION

# %% test="compare" points=3
assert len(own) == len(scores) == len(truths["validation"])
assert 0 < alone < 1
assert 0 < together < 1
### BEGIN HIDDEN TESTS
_views = (own, alone, lambda s: tables[s]), (scores, together, view)
for _given, _value, _view in _views:
    _seen, _new = (_view(s).loc[truths[s].index] for s in ("train", "validation"))
    _forest = RandomForestClassifier(100, min_samples_leaf=2, random_state=0).fit(_seen, guilty["train"])
    assert np.allclose(_given, _forest.predict_proba(_new)[:, 1])
    assert math.isclose(_value, average_precision_score(guilty["validation"], _given))
### END HIDDEN TESTS

# %%
figure, left = plt.subplots(figsize=(6, 1.8))
views = {"luck": guilty["validation"].mean(), "accounts alone": alone, "with groups and neighbours": together}
left.barh(list(views), list(views.values()), color="0.6")
left.set(xlabel="average precision on new campaigns", title="The same forest, two views");

# %%
truth = truths["validation"]
flagged = truth.index[np.argsort(-np.asarray(scores))[: guilty["validation"].sum()]]  # as many as are guilty
pd.DataFrame(
    {
        "flagged": truth.loc[flagged, "archetype"].value_counts(),
        "of": truth["archetype"].value_counts(),
    }
).dropna().sort_values("flagged", ascending=False)

# %% [markdown]
# Here are all your methods, on the same week, as a board ranks them:

# %%
course.scored("7 a forest with groups and neighbours", pd.Series(scores, truths["validation"].index))

# %% [markdown]
# Links help this forest, or so it seems: with a dozen campaigns the intervals are wide. How much is to be had?
# `xgboost-relational`, which comes with the benchmark, learns from the same week and answers about the
# same accounts:

# %%
best = siphonbench.fit("xgboost-relational", course.world()).apply(course.world(), split="validation").predictions
best = best.to_pandas().astype({"account_id": str}).set_index("account_id")["score"]
course.scored("8 the benchmark's xgboost-relational", best)

# %% [markdown]
# It is this notebook, done with more care: more kinds of links (times, work lists, near-equal prompts),
# communities that weak bridges don't melt together, and trees on pairs, groups and accounts in turn. One week with
# a dozen campaigns hardly tells the two apart, whichever stands first: in the class world of another seed (1) it
# got .35, a forest like yours .15 and accounts alone .14. With more campaigns relations find several times what
# trees on accounts do, and still leave most to be found: the main result of this benchmark.
#
# Try another `MOST` and `LEAST`: when does everything melt into one group, and what does that do to `together`?
#
# ## 4. Onto the class board
#
# The last step: the same method for every account of the week `test`, whose labels nobody shows you. Put the
# folder that your instructor gave you into `HANDOUT`: then the data are those of your own secret world, and the
# file goes to the class board as the README in that folder says. Without one, the class world's week is answered.

# %%
HANDOUT = ""  # such as "../../brave-otter-17"
if HANDOUT:
    course.move_to(HANDOUT)
    tables["train"], truths["train"] = features("train"), course.judged("train")
    truths["train"] = truths["train"][truths["train"].index.isin(tables["train"].index)]
    pairs["train"] = strength(held("train"))
    linked["train"] = groups(pairs["train"], LEAST)
tables["test"], pairs["test"] = features("test"), strength(held("test"))
linked["test"] = groups(pairs["test"], LEAST)
forest = RandomForestClassifier(100, min_samples_leaf=2, random_state=0)
forest.fit(view("train").loc[truths["train"].index], truths["train"]["served"].to_numpy())
course.hand_in(pd.Series(forest.predict_proba(view("test"))[:, 1], tables["test"].index))

# %% [markdown]
# **Write (4 points).** Did relations help here, and how sure can you be with so few campaigns? Say what you
# would repeat before you believed the difference, and name one way in which a link could have leaked the
# answer.

# %% [markdown] essay="sure" points=4
# The difference comes from a dozen campaigns in one week; another seed may turn it around. I would repeat it on
# several seeds, leave out whole campaigns in turn for an interval of the difference, and compare the same
# forests on the same accounts. A leak: if groups were found over both weeks at once, or with labels, the test
# week's campaigns would be known from training; here each week has its own groups and shares no account with
# the other.

# %% [markdown]
# **Write (3 points).** Look at the last table: who is flagged wrongly now that groups count, and what does it
# mean for a member who has done nothing? Compare with the innocent groups of unit 4.

# %% [markdown] essay="whom" points=3
# Benign groups that work alike, such as labs, classes and agencies, rise together: a member is flagged for what
# others do. Alone, the forest accused single people; with groups it accuses teams at once, as in unit 4. So a
# score of a group calls for evidence about each member, and for somebody who can say what the group is.
