"""Topics as walks of interest: what somebody asks today lies near what he asked yesterday, jumps apart.

Teams walk as well, and who works with one often asks about what it is at. Instructions are passed on: a team
takes them over from its organisation or rewrites them, and people have favourites among theirs.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from generator.arrays import F32, I64, U64, Mask
from generator.config.parameters import TOPICS, TOPICS_PER_DOMAIN
from generator.hands import conduct, organisations
from generator.prompts import revisions
from generator.rng import streams
from generator.traffic.session_content import TECHNICAL

if TYPE_CHECKING:
    from generator.population.accounts import Accounts
    from generator.population.population_plan import PopulationPlan
    from generator.workloads.batch import Sessions

_STEPS = np.array([0.3, 0.4, 0.3])  # one topic back, none, one on (a)
_JUMPS = np.float32(0.07)  # share of days with a jump to any topic (a)
_TECHNICAL_TOPICS = 2 * TOPICS_PER_DOMAIN  # coding and agentic tool use, the first two domains
_LIBRARY = 6  # instructions of an organisation (a)
_REWRITES = np.float32(0.4)  # share of them that a team has rewritten (a)
_JOINT = np.float32(0.6)  # share of joint work with an instruction of the library (a)
_PUBLIC = 60  # instructions that everybody copies from the public (a)


@dataclass
class Interests:
    """What sessions are about by interest; arrays of shape (sessions,).

    Attributes
    ----------
    topic : ndarray of int64
        Their topics.
    template : ndarray of uint64
        Stream of the instruction that each would use.
    origin : ndarray of uint64
        Stream of what it was written for: the same for all of its versions.
    shared, public : ndarray of bool
        Whether it is of the organisation's library, or copied from the public.
    project : ndarray of uint64
        Stream of the account's project.
    """

    topic: I64
    template: U64
    origin: U64
    shared: Mask
    public: Mask
    project: U64


def interests(plan: PopulationPlan, accounts: Accounts, sessions: Sessions) -> Interests:
    """What sessions are about by interest.

    Parameters
    ----------
    plan : PopulationPlan
        Plan of the world.
    accounts, sessions : Accounts, Sessions
        Accounts and their sessions.
    """
    account, dials = sessions.account, accounts.dials
    cohort, index = accounts.cohort[account], accounts.index[account]
    group, bits = plan.cohort_key[cohort], streams.child(sessions.key, "interest")
    organised = conduct.follows(plan, cohort, "organisation") & (plan.sizes[cohort] > 1) & sessions.work
    team = streams.items(streams.child(group, "team"), organisations.teams(plan, index, sessions.start))
    members = np.where(plan.sizes[accounts.cohort] > 1, streams.child(plan.cohort_key[accounts.cohort], "aims"), 0)
    together = organised & (streams.uniform(bits, 0) < conduct.trait(plan, cohort, "interest"))
    own = walks(accounts.key, plan.config.days)[account, sessions.day + 1]
    joint = walks(members, plan.config.days)[account, sessions.day + 1] + streams.below(team, TOPICS_PER_DOMAIN)
    near = streams.below(streams.mix(bits), np.floor(dials["topics"]).astype(np.int64)[account])
    width = np.where(TECHNICAL[accounts.choices["kind"][account]] & ~together, _TECHNICAL_TOPICS, TOPICS)
    topic = (np.where(together, joint, own) + near) % width

    project = revisions.projects(accounts.key[account], sessions.start, dials["project"][account])
    more = streams.child(sessions.key, "instruction")
    seat = _favourite(more, 0, np.floor(dials["templates"]).astype(np.int64)[account])
    mine = streams.items(streams.child(project, "instructions"), seat)
    public = streams.uniform(mine, 0) < dials["framework"][account]
    copied = streams.items(streams.child(plan.root, "public instructions"), _favourite(mine, 1, _PUBLIC))
    own_version = np.where(public, revisions.of_frameworks(copied, mine, sessions.start), mine)
    shared = organised & (streams.uniform(more, 1) < _JOINT)
    nth = _favourite(more, 2, _LIBRARY)
    passed_on = streams.items(streams.child(group, "library"), nth)
    rewritten = streams.items(streams.child(team, "library"), nth)
    origin = np.where(streams.uniform(rewritten) < _REWRITES, rewritten, passed_on)
    version = revisions.of_pools(origin, streams.items(team, nth), sessions.start, dials["revision"][account])
    return Interests(
        topic=topic,
        template=np.where(shared, version, own_version),
        origin=np.where(shared, origin, mine),
        shared=shared,
        public=public & ~shared,
        project=project,
    )


def walks(key: U64, days: int) -> I64:
    """Where each walk is on each day from the one before the window, not yet brought into the range of topics.

    Parameters
    ----------
    key : ndarray of uint64, shape (n,)
        Streams of the walks.
    days : int
        Length of the window.

    Returns
    -------
    ndarray of int64, shape (n, days + 1)
    """
    bits = streams.items(streams.child(key, "walk")[:, None], np.arange(days + 1))
    jumps = streams.uniform(bits, 1) < _JUMPS
    jumps[:, :1] = True  # it begins anywhere
    step = np.where(jumps, streams.below(bits, TOPICS), streams.pick(bits, _STEPS) - 1)
    return np.asarray(np.cumsum(step, axis=1))


def _favourite(bits: U64, part: int, n: I64 | int) -> I64:
    """One of several, the first of them most often."""
    u: F32 = streams.uniform(bits, part)
    return (exact_power(u) * n).astype(np.int64)


def exact_power(u: F32) -> F32:
    """A uniform to the power 2.5, by operations that are the same on every processor.

    Parameters
    ----------
    u : ndarray of float32
        From 0 to 1.

    Examples
    --------
    >>> exact_power(np.array([0.25, 1], np.float32)).tolist()
    [0.03125, 1.0]
    """
    return np.asarray(u * u * np.sqrt(u))
