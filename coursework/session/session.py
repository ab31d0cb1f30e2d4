# %% [markdown]
# # One session: the swarm that no account gives away
#
# **Time:** 75 minutes, with the instructor's slides (`slides.html`). **You need:** nothing but curiosity; the
# code is written, you run it and decide. It is the course of seven units in one sitting: look, count, link,
# learn, and ask whom it hurts. Everything is synthetic: no real person's log.

# %%
import random

import igraph
import matplotlib.pyplot as plt
import numpy as np
from matplotlib.collections import LineCollection

import course

requests, truth = course.requests("train"), course.labels("train")
swarm = set(truth.index[truth["campaign"] == course.SWARM])
print(f"{len(requests):,} requests of {len(truth):,} accounts in one week; {len(swarm)} belong to one operator")

# %% [markdown]
# ## 1. Look (15 minutes)
#
# Forty accounts, one row each, a tick per request. **Twenty belong to the swarm.** Write down the twenty that you
# would close, before you run the next cell.

# %%
suspects = course.lineup()
figure, left = plt.subplots(figsize=(10, 6))
few = requests[requests["account_id"].isin(suspects)]
rows = few["account_id"].map({name: row for row, name in enumerate(suspects)})
left.scatter(few["t"], rows, marker="|", s=30, lw=0.6, c="0.3")
left.set_yticks(range(40), [name[-6:] for name in suspects], fontsize=6)
left.set(xlabel="hours since Monday, 0:00", title="Which twenty belong together?");

# %%
picks = suspects[:20]  # yours, in place of the first twenty
print(f"{len(swarm & set(picks))} of {len(picks)} are of the swarm; a blind pick finds ten, 14 or more once in 78")

# %% [markdown]
# ## 2. Count (10 minutes)
#
# A limit on each account: how many a day? Choose one, and look at whom it stops.

# %%
LIMIT = 100  # yours
peak = requests.groupby(["account_id", "day"]).size().groupby("account_id").max()
label = truth.loc[peak.index, "label"]
over = peak > LIMIT
for name, who in (("innocent accounts", label == "benign"), ("accounts of the swarm", peak.index.isin(swarm))):
    print(f"{over[who].sum()} of {who.sum()} {name} are stopped")

# %% [markdown]
# The operator buys more accounts and goes on; a customer has one. Now another question: what have accounts **in
# common**?
#
# ## 3. Link (20 minutes)
#
# Two accounts are linked if they use two system prompts or more that at most twenty accounts use. Groups of five
# or more are drawn; red is the swarm, orange are other campaigns, grey everybody else.

# %%
held = requests[["account_id", "system_prompt_hash"]].dropna().drop_duplicates()
held = held[held.groupby("system_prompt_hash")["account_id"].transform("size") <= 20]
both = held.merge(held, on="system_prompt_hash").query("account_id_x < account_id_y")
links = both.groupby(["account_id_x", "account_id_y"]).size()
graph = igraph.Graph.TupleList(links[links >= 2].index)
parts = [part for part in graph.connected_components() if len(part) >= 5]
graph = graph.induced_subgraph(sorted(v for part in parts for v in part))
random.seed(0)  # the layout's
place, who = np.array(graph.layout("fr").coords), graph.vs["name"]
guilty = set(truth.index[truth["label"] == "extraction"])
figure, left = plt.subplots(figsize=(9, 6))
left.add_collection(LineCollection(place[np.array(graph.get_edgelist())], colors="0.85", lw=0.5, zorder=0))
left.scatter(*place.T, s=14, c=["C3" if a in swarm else "C1" if a in guilty else "0.6" for a in who])
left.set(title=f"{len(parts)} groups; {len(swarm & set(who))} of the swarm's {len(swarm)} accounts are in one")
left.axis("off");

# %% [markdown]
# **Ask your neighbour:** who are the grey groups? What do they share, and why? (Run the next cell after you have
# guessed.)

# %%
truth.loc[[a for a in who if a not in guilty], "archetype"].value_counts().to_frame()

# %% [markdown]
# B2 to B6 are companies, classes, labs, agencies (`docs/archetypes.md` lists them all): people who
# work together share things. So a group alone is no proof either.
#
# ## 4. How good is it? (15 minutes)
#
# Another week, with new campaigns. A score for every account, judged as the benchmark does it: average precision,
# with an interval, beside what luck gets.

# %%
new = course.requests("validation")
peaks = new.groupby(["account_id", "day"]).size().groupby("account_id").max()
course.scored("a limit: the busiest day", peaks)
shared = new[["account_id", "system_prompt_hash"]].dropna().drop_duplicates()
crowd = shared.groupby("system_prompt_hash")["account_id"].transform("size")
together = shared[crowd.between(2, 20)].groupby("account_id").size()
course.scored("links: prompts shared with a few others", together)

# %% [markdown]
# ## 5. Whom does it hurt? (15 minutes)
#
# Two million accounts, one in a thousand guilty; a detector finds half of the guilty and flags one innocent in a
# hundred.

# %%
innocent, found = 2_000_000 * 0.999 * 0.01, 2_000_000 * 0.001 * 0.5
right = found / (found + innocent)
print(f"{found:,.0f} guilty and {innocent:,.0f} innocent accounts are flagged: {right:.0%} are right")

# %% [markdown]
# **Discuss:** what may happen to a flagged account before a person has looked? Who chooses the threshold, and who
# pays for it? What would clear a whole class that shares a worksheet?
#
# The seven units go on from here: leaks in benchmarks (3), trees and costs (5), the operator's side (6), and
# links and trees together (7).
