"""What teams handed in, in a database of its own beside the labels: nothing of it is published before the end."""

from __future__ import annotations

import sqlalchemy as sa

from leaderboard.tracking import database

_METADATA = sa.MetaData()
ATTEMPTS = sa.Table(
    "siphonbench_attempts",
    _METADATA,
    sa.Column("id", sa.String(32), primary_key=True),
    sa.Column("team", sa.String(200), nullable=False),
    sa.Column("task", sa.String(40), nullable=False),
    sa.Column("utc_day", sa.Integer, nullable=False),
    sa.Column("number", sa.Integer, nullable=False),  # of the team's attempts on this task and day
    sa.Column("made", sa.Float, nullable=False),
    sa.Column("due", sa.Float, nullable=False),
    sa.Column("file", sa.String(64), nullable=False),
    sa.Column("score", sa.Float),
    sa.Column("fault", sa.String(200)),
    # Two requests at one moment can't both take the last attempt.
    sa.UniqueConstraint("team", "task", "utc_day", "number"),
)
DAYS = sa.Table(
    "siphonbench_days",
    _METADATA,
    sa.Column("team", sa.String(200), primary_key=True),
    sa.Column("day", sa.Integer, primary_key=True),  # once only: the past can't be revised
    sa.Column("file", sa.String(64), nullable=False),
    sa.Column("made", sa.Float, nullable=False),
)


def engine(uri: str) -> sa.Engine:
    """Engine of a database whose tables exist.

    Raises
    ------
    UserError
        If nothing answers at the address.
    """
    made = database.engine(uri)
    database.retrying(lambda: _METADATA.create_all(made))
    return made
