"""What teams handed in, in a database of its own beside the labels: nothing of it is published before the end."""

from __future__ import annotations

import sqlalchemy as sa

from generator.errors import UserError
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
    sa.Column("score", sa.Float),  # on the part that gives feedback
    sa.Column("counting", sa.Float),  # on the part that counts; none before the end
    sa.Column("fault", sa.String(200)),
    sa.Column("sequence", sa.Integer, nullable=False, unique=True),  # these three: see `receipts.ChainLink`
    sa.Column("previous", sa.String(64), nullable=False),
    sa.Column("digest", sa.String(64), nullable=False),
    # Two requests at one moment can't both take the last attempt.
    sa.UniqueConstraint("team", "task", "utc_day", "number"),
)
CLOSING = sa.Table(
    "siphonbench_closing",
    _METADATA,
    sa.Column("one", sa.Integer, primary_key=True),  # a season ends once
    sa.Column("commitment", sa.String(64), nullable=False),
    sa.Column("attempts", sa.Integer, nullable=False),
    sa.Column("head", sa.String(64), nullable=False),
    sa.Column("closed", sa.Float, nullable=False),
    sa.Column("beacon", sa.String(200), nullable=False),
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

    Parameters
    ----------
    uri : str
        Address of the database.

    Raises
    ------
    UserError
        If nothing answers at the address, or an older version made its tables.
    """
    opened = database.engine(uri)
    database.retrying(lambda: _METADATA.create_all(opened))
    columns = {column["name"] for column in sa.inspect(opened).get_columns(ATTEMPTS.name)}
    if missing := set(ATTEMPTS.c.keys()) - columns:
        raise UserError(
            f"{uri} was made by an older siphonbench and lacks {', '.join(sorted(missing))}: "
            "finish it with the version that made it"
        )
    return opened
