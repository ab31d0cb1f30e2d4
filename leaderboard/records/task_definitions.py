"""The four tasks: what a submission holds, which metric decides, and what each metric means."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Metric:
    """What a number means.

    Attributes
    ----------
    title : str
        For a reader.
    chance : str
        What an answer that tells nothing gets; a scorecard has the number.
    ties : str
        What happens to rows with equal values.
    higher_is_better : bool
        Direction.
    """

    title: str
    chance: str
    ties: str
    higher_is_better: bool = True


@dataclass(frozen=True, slots=True)
class BoardColumn:
    """A column of the board: the number's name in `Scorecard.flat`, and what stands above it."""

    number: str
    title: str
    short: str


@dataclass(frozen=True, slots=True)
class Task:
    """A question and how answers are judged.

    Attributes
    ----------
    question : str
        One line.
    keys : dict of str to str
        Columns that name a row of a submission, and their type: "string" or "integer".
    value, kind : str
        The other column, and its type: "number" (finite) or "label" (text, or empty: none).
    rows : str
        What a row is about, in the plural.
    primary : str
        Key of the metric that ranks entries, in `metrics`.
    title, short : str
        Its name on a board.
    metrics : dict of str to Metric
        All metrics.
    columns : tuple of Column
        What a board shows beside the primary metric, where an entry has it.
    replayed : bool
        Whether the evaluator asks a detector day after day, so that no file can be submitted.
    """

    question: str
    keys: dict[str, str]
    value: str
    kind: str
    rows: str
    primary: str
    title: str
    short: str
    metrics: dict[str, Metric]
    columns: tuple[BoardColumn, ...]
    replayed: bool = False


_BLOCK = "rows with equal scores are entered at once; a threshold among them flags each with the same probability"
_AP = Metric("average precision", "share of positives", _BLOCK)
_AUC = Metric("ROC AUC", "0.5", "a tie counts half")


def _recall(title: str, chance: str) -> Metric:
    return Metric(f"recall at FPR {title}", chance, _BLOCK)


_GROUP = "labels have no order, so there are none; a label that one account has alone is no group"
_ONE = "that of one group that holds everybody"
_THRESHOLD = (
    "the threshold stands below a block of equal scores with the probability that meets the budget, else above"
)
_FIRST_DAY = "that of an alert about 0.1 % of all accounts when the first day on which they are known ends"


def _early(title: str, higher_is_better: bool) -> Metric:
    return Metric(title, _FIRST_DAY, _THRESHOLD, higher_is_better)


TASKS: dict[str, Task] = {
    "accounts": Task(
        question="Which accounts belong to an extraction campaign?",
        keys={"account_id": "string"},
        value="score",
        kind="number",
        rows="accounts",
        primary="ap",
        title="average precision, mean over the evasion tiers",
        short="AP",
        metrics={
            "ap": _AP,
            "recall_fpr_1e-2": _recall("1 %", "0.01"),
            "recall_fpr_1e-3": _recall("0.1 %", "0.001"),
            "recall_fpr_1e-4": _recall("0.01 %", "0.0001"),
            "roc_auc": _AUC,
            "precision_at_k": Metric("precision at k", "share of positives", _BLOCK),
            "ap_rare": Metric(
                "AP at a tenth of the prevalence", "share of positives, negatives ten times", _BLOCK
            ),
        },
        columns=(
            BoardColumn("overt/ap", "AP overt", "overt"),
            BoardColumn("evasive/ap", "AP evasive", "evasive"),
            BoardColumn("adaptive/ap", "AP adaptive", "adaptive"),
            BoardColumn("overall/recall_fpr_1e-2", "Recall at 1 % false positives", "R@1%"),
            BoardColumn("overall/recall_fpr_1e-3", "Recall at 0.1 % false positives", "R@0.1%"),
            BoardColumn("overall/roc_auc", "ROC AUC", "AUC"),
        ),
    ),
    "campaigns": Task(
        question="Which accounts belong to the same extraction campaign?",
        keys={"account_id": "string"},
        value="campaign",
        kind="label",
        rows="accounts",
        primary="bcubed_f1",
        title="B-cubed F1 over extraction accounts",
        short="F1",
        metrics={
            "bcubed_f1": Metric("B-cubed F1", _ONE, _GROUP),
            "bcubed_precision": Metric("B-cubed precision", _ONE, _GROUP),
            "bcubed_recall": Metric("B-cubed recall", _ONE, _GROUP),
            "campaigns_found": Metric("share of campaigns found", _ONE, _GROUP),
            "ami": Metric("adjusted mutual information", "0", _GROUP),
            "benign_grouped": Metric("share of benign accounts in a group", _ONE, _GROUP, higher_is_better=False),
        },
        columns=(
            BoardColumn("overt/bcubed_f1", "F1 overt", "overt"),
            BoardColumn("evasive/bcubed_f1", "F1 evasive", "evasive"),
            BoardColumn("adaptive/bcubed_f1", "F1 adaptive", "adaptive"),
            BoardColumn("overall/campaigns_found", "Campaigns found", "found"),
            BoardColumn("overall/ami", "Adjusted mutual information", "AMI"),
            BoardColumn("overall/benign_grouped", "Benign accounts grouped", "benign"),
        ),
    ),
    "requests": Task(
        question="Which requests serve an extraction campaign?",
        keys={"request_id": "integer"},
        value="score",
        kind="number",
        rows="requests",
        primary="ap",
        title="average precision over requests",
        short="AP",
        metrics={"ap": _AP, "recall_fpr_1e-3": _recall("0.1 %", "0.001"), "roc_auc": _AUC},
        columns=(
            BoardColumn("overt/ap", "AP overt", "overt"),
            BoardColumn("evasive/ap", "AP evasive", "evasive"),
            BoardColumn("adaptive/ap", "AP adaptive", "adaptive"),
            BoardColumn("overall/recall_fpr_1e-3", "Recall at 0.1 % false positives", "R@0.1%"),
            BoardColumn("camouflaged/ap", "AP inside camouflaged accounts", "inside"),
        ),
    ),
    "early": Task(
        question="How soon would it have been noticed?",
        keys={"day": "integer", "account_id": "string"},
        value="score",
        kind="number",
        rows="account days",
        primary="prevented",
        title="share of extraction tokens prevented at a budget of 0.1 % false positives, mean over campaigns",
        short="saved",
        metrics={
            "prevented": _early("share of extraction tokens prevented", higher_is_better=True),
            "student_value_kept": _early("share of the student value kept", higher_is_better=True),
            "detected": _early("share of campaigns noticed", higher_is_better=True),
            "days_to_detection": _early("days to the first alert", higher_is_better=False),
            "exchanges_lost": _early("exchanges lost per campaign", higher_is_better=False),
            "usd_lost": _early("list price lost per campaign, USD", higher_is_better=False),
            "student_value_lost": _early("student value lost per campaign", higher_is_better=False),
            "alerts_per_quiet_week": _early("false alerts per quiet week", higher_is_better=False),
        },
        columns=(
            BoardColumn("overt/prevented", "Prevented overt", "overt"),
            BoardColumn("evasive/prevented", "Prevented evasive", "evasive"),
            BoardColumn("adaptive/prevented", "Prevented adaptive", "adaptive"),
            BoardColumn("overall/days_to_detection", "Days to the first alert", "days"),
            BoardColumn("overall/student_value_kept", "Student value kept", "value"),
            BoardColumn("overall/alerts_per_quiet_week", "False alerts per quiet week", "quiet"),
        ),
        replayed=True,
    ),
}

SUBMITTED = tuple(name for name, task in TASKS.items() if not task.replayed)
"""Tasks that a file can answer; on a sealed season *early* is asked day by day."""
