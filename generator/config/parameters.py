"""The dials of an archetype by name: range, unit, and how they are drawn."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

from generator import schema

SHARES = (0.0, 0.05, 0.1, 0.25, 0.5, 0.75, 0.9, 0.95, 1.0)
"""Shares of accounts at which a dial with the law "quantiles" is known; it is linear between them."""


class ParameterRange(NamedTuple):
    """Law of a dial: two numbers, name, for "quantiles" the values at `SHARES`, correlation with its partner."""

    low: float
    high: float
    law: str = "uniform"
    values: tuple[float, ...] = (0.0,) * len(SHARES)
    correlation: float = 0.0


@dataclass(frozen=True, slots=True)
class Dial:
    """One dial: level, unit, value where a file is silent, hard bounds, meaning, and what it correlates with."""

    level: str
    unit: str
    default: float
    low: float
    high: float
    description: str
    partner: str = ""
    correlation: float = 0.0


def _share(level: str, default: float, description: str, partner: str = "", correlation: float = 0.0) -> Dial:
    return Dial(level, "1", default, 0.0, 1.0, description, partner, correlation)


DIALS: dict[str, Dial] = {
    # what a cohort shares
    "size": Dial("cohort", "accounts", 1, 1, 1e6, "accounts per group"),
    "alike": _share("cohort", 0, "correlation of the members' habits"),
    "disguise": _share("cohort", 0, "share of members whose habits come from the benign population"),
    "busy": _share("cohort", 0, "share of members with the busier habits of two that were drawn"),
    "synchrony": _share("cohort", 0, "share of sessions started by the cohort's common driver"),
    "slots": Dial("cohort", "1/day", 24, 1, 1440, "times a day at which the driver fires"),
    "jitter": Dial("cohort", "s", 60, 0, 7200, "delay behind the driver"),
    "regular": _share("cohort", 0, "whether the driver fires at the same times every day (above one half: yes)"),
    "day_synchrony": _share("cohort", 0, "share of members that follow the cohort's active days"),
    "instructed": _share(
        "cohort", 0, "share of working sessions with a system prompt, whatever the member's habit"
    ),
    "pool_share": _share("cohort", 0, "share of templated work whose template is the cohort's"),
    "pool": Dial("cohort", "templates", 4, 1, 1e4, "templates in the cohort's pool"),
    "fixed": Dial("cohort", "1", 0.05, 0.005, 0.95, "share of a prompt's shingles that its template fixes, about"),
    "topic_share": _share("cohort", 0, "share of work on the cohort's topics"),
    "cohort_topics": Dial("cohort", "topics", 4, 1, 200, "topics of the cohort's work"),
    "coverage": _share("cohort", 0, "share of work that partitions one list, so that no item comes twice"),
    "samples": Dial("cohort", "answers", 1, 1, 64, "answers asked for to a prompt of the cohort's work, in a row"),
    "list_items": Dial("cohort", "items", 500, 1, 1e9, "items that the rest of the work is drawn from"),
    "leak_payment": _share("cohort", 0, "chance that a member pays with a shared instrument"),
    "leak_prefix": _share("cohort", 0, "chance that an address of a member lies in a shared prefix"),
    "leak_device": _share("cohort", 0, "chance that a member shows a shared device fingerprint"),
    "leak_domain": _share("cohort", 0, "chance that a member's e-mail is under a shared domain"),
    "link_pool": Dial("cohort", "1", 1, 1, 1e4, "shared instruments, prefixes and devices of each kind"),
    "sharers": Dial(
        "cohort", "accounts", 1e6, 2, 1e6, "members that share one template, instrument, prefix or device, about"
    ),
    "revision": Dial("cohort", "days", 30, 1, 400, "between versions of a template of the cohort's pool"),
    "hub": _share("cohort", 0, "share of its shared prefixes that are public hubs (VPN exits, carrier NAT)"),
    "camouflage": _share("cohort", 0, "share of sessions that are a member's own ordinary traffic"),
    "cover": _share("cohort", 1, "whether members also live outside the work window (above one half: yes)"),
    "window_start": Dial(
        "cohort", "1", 0, -1, 1, "start of the work window, as a share of the open days; below 0: of its length"
    ),
    "window_days": Dial("cohort", "days", 400, 1, 400, "length of the work window"),
    "bulk_created": _share("cohort", 0, "share of members that signed up together"),
    "creation_span": Dial("cohort", "days", 1, 0.01, 120, "over which they signed up"),
    "creation_lead": Dial("cohort", "days", 5, 0, 400, "from the joint sign-up to the first day of work"),
    "lifetime": Dial("cohort", "days", 400, 1, 400, "until a member is banned and a fresh account takes over"),
    "replaced": _share("cohort", 0, "share of accounts that are such replacements"),
    "ban_wave": _share("cohort", 0, "share of bans that fall together"),
    "echo_cross": _share("cohort", 0, "share of quoted answers that another member of the cohort was given"),
    "balance": _share("cohort", 0, "how evenly the cohort's load is spread: 1 gives every member the same quota"),
    "surge": Dial("cohort", "nats", 0, 0, 2, "SD of the cohort's common log volume from day to day"),
    "handover": _share(
        "cohort", 0, "share of rejected (429) requests that the next member of the pod sends again"
    ),
    "hopping": _share("cohort", 0, "share of a conversation's later turns that another member of the pod sends"),
    "sticky": Dial("cohort", "turns", 1, 1, 1000, "turns of a conversation that a relay sends from one account"),
    "probes": _share("cohort", 0, "share of working sessions that begin with one of the cohort's check prompts"),
    "scouts": _share("cohort", 0, "share of members that work before the window begins"),
    "clock": _share("cohort", 0, "share of members that keep the cohort's hours"),
    "quiet": _share("cohort", 0, "whether its work leaves out the world's quiet days (above one half: yes)"),
    "release_pivot": _share("cohort", 0, "share of working sessions that move to a new model"),
    "pivot_lag": Dial("cohort", "days", 0.5, 0, 30, "over which they move, from the release on"),
    "work_prefix": _share("cohort", 0, "share of working sessions that come from the cohort's own network"),
    "focus": _share(
        "cohort", 0, "share of members whose kind of workload is the one the cohort's domain calls for"
    ),
    "decoy": _share("cohort", 0.004, "chance that a member tries the undocumented decoy model"),
    # how one account looks alone
    "rate": Dial("account", "requests/active day", 3, 0.2, 1e6, "requests on a day of activity"),
    "active": _share("account", 0.3, "share of days with activity"),
    # ... correlations of services' habits: ServeGen, Apache-2.0, clients of three language models
    "spell": _share("account", 1, "share of its days into which all of the account's work falls", "active", 0.2),
    "rate_wobble": Dial("account", "nats", 0.7, 0, 3, "SD of a day's log rate around it", "spell", -0.6),
    "weekend": Dial("account", "1", 0.5, 0, 1.5, "activity on Saturday and Sunday against weekdays"),
    "diurnal": _share("account", 0.8, "how human the day is: 0 round the clock, 1 office hours only"),
    "hours": Dial("account", "h", 3, 0.5, 12, "SD of its hours around their middle", "spell", 0.7),
    "burst": _share(
        "account", 0, "how far the work of a day crowds together: 0 not, 1 all at once", "spell", -0.85
    ),
    "session": Dial("account", "requests", 3, 1, 1e4, "requests per session", "burst", 0.5),
    "gap": Dial("account", "s", 60, 0.05, 7200, "median gap inside a session", "burst", -0.8),
    "gap_sigma": Dial("account", "nats", 1.2, 0, 3, "SD of the log gap; of services one over the Weibull shape"),
    "conversation": _share("account", 0.3, "share of sessions that are one growing conversation"),
    "input": Dial("account", "tokens", 460, 5, 150000, "median input of a fresh prompt"),
    "output": Dial("account", "tokens", 60, 1, 30000, "median output", "input", 0.6),
    "input_sigma": Dial("account", "nats", 0.4, 0.001, 2, "SD of log input inside a template"),
    "output_sigma": Dial(
        "account", "nats", 0.6, 0.001, 2, "SD of log output inside a template", "input_sigma", 0.6
    ),
    "input_window": Dial(
        "account", "tokens", 200000, 1000, 200000, "what a service's prompts come near, not past"
    ),
    "output_window": Dial("account", "tokens", 60000, 1000, 60000, "what a service's answers come near, not past"),
    "input_skew": Dial("account", "1", 0, -1, 1, "skew of log input: upper against lower spread"),
    "output_skew": Dial("account", "1", 0, -1, 1, "skew of log output"),
    "input_variety": Dial("account", "nats", 0, 0, 3, "SD of log input between templates", "input_sigma", 0.7),
    "output_variety": Dial("account", "nats", 0, 0, 3, "SD of log output between templates", "output_sigma", 0.7),
    "input_drift": Dial("account", "nats", 0, 0, 3, "SD of the log input of six hours", "input_sigma", 0.3),
    "output_drift": Dial("account", "nats", 0, 0, 3, "SD of the log output of six hours", "input_drift", 0.8),
    "drift_link": Dial("account", "1", 0, -1, 1, "correlation of both drifts"),
    "exact_input": _share("account", 0, "share of prompts of exactly the template's length"),
    "exact_output": _share("account", 0, "share of answers of exactly the template's length", "output", -0.5),
    # ... beside the laws of its kind of workload (kinds/*.toml)
    "prompts": Dial("account", "1", 1, 0.05, 20, "length of prompts against the kind's law"),
    "answers": Dial("account", "1", 1, 0.05, 20, "length of answers against the kind's law"),
    "pace": Dial("account", "1", 1, 0.05, 20, "pauses of tools and user against the kind's law"),
    "growth": Dial("account", "1", 1, 0.05, 20, "what an agent's step reads against the kind's law"),
    "human": _share("account", 0.1, "share of an agent's steps that a person starts"),
    "wide": _share("account", 0.2, "share of an agent's sessions with the long context window"),
    "routine": _share("account", 0.5, "share of sessions on the account's usual application"),
    "reasoning": _share("account", 0.1, "share of requests with thinking"),
    "templated": _share("account", 0.5, "share of sessions that use a system prompt"),
    "project": Dial("account", "days", 14, 0.5, 400, "until an account's templates and topics give way to others"),
    "templates": Dial("account", "templates", 2, 1, 400, "different system prompts"),
    "framework": _share("account", 0.3, "chance that such a prompt is a framework's default"),
    "repeat": _share("account", 0.05, "share of prompts that repeat an earlier item"),
    "topics": Dial("account", "topics", 3, 1, 100, "topics"),
    "addresses": Dial("account", "prefixes", 2, 1, 200, "address prefixes in use"),
    "keys": Dial("account", "keys", 1, 1, 50, "API keys in use at a time"),
    "languages": _share("account", 0.1, "share of prompts outside the main language"),
    "stream": _share("account", 0.5, "share of streamed requests"),
    "batch": _share("account", 0.0, "share of sessions in the batch tier"),
    "tools": Dial("account", "tools", 0, 0, 60, "tools offered"),
    "end_users": Dial("account", "users", 0, 0, 1e6, "end users told to the provider"),
    "pivot": _share("account", 0.15, "share of traffic on a new model from a day after its release"),
    "ramp": Dial("account", "days", 2, 0, 60, "from sign-up until the account works at its full rate"),
    "echo": _share("account", 0.01, "share of prompts that quote an earlier answer"),
    "refusals": _share("account", 0.006, "share of requests that the model refuses"),
    "errors": _share("account", 0.012, "share of requests that are malformed"),
    "age": Dial("account", "days", 150, 0.05, 3000, "since sign-up when the world begins"),
    "fresh": _share("account", 0.15, "chance to have signed up inside the window"),
    "quits": _share("account", 0.1, "chance to stop for good inside the window"),
}


COHORT_CHOICES: dict[str, tuple[str, ...]] = {
    # What a cohort's work is about; of a campaign, the capability it is after: one of the first six.
    "domain": (
        "coding",
        "agentic tool use",
        "long-context reasoning",
        "rubric grading",
        "safety style",
        "domain reasoning",
        "customer support",
        "document processing",
        "translation",
        "marketing copy",
        "teaching",
        "everyday",
    ),
}
TOPICS_PER_DOMAIN = 16
TOPICS = TOPICS_PER_DOMAIN * len(COHORT_CHOICES["domain"])
"""Number of topics; those of a domain follow each other, in the order of `COHORT_CHOICES`."""


CHOICES: dict[str, tuple[str, ...]] = {
    "kind": schema.KINDS,
    "plan": ("free", "build", "scale", "startup", "education", "enterprise"),
    "verification": ("none", "email", "phone", "payment", "organisation"),
    "payment_type": ("none", "card", "prepaid", "invoice", "credits", "marketplace"),
    "email_type": ("free", "corporate", "education", "disposable"),
    "asn_type": ("hosting", "residential", "mobile", "business", "education", "vpn"),
    "channel": ("console", "marketplace_a", "marketplace_b", "aggregator"),
    "sdk": ("python", "typescript", "http", "framework_a", "framework_b", "agent_cli", "go", "java", "gateway"),
}
