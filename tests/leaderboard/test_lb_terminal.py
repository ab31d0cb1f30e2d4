"""Text of a stranger's submission never commands the terminal that shows its faults."""

from __future__ import annotations

from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from generator.errors import UserError
from leaderboard.records import submission

CLEAR = "\x1b[2J"  # clears the screen
GOOD = pa.table({"account_id": ["a", "b"], "score": [1.0, 2.0]})


@pytest.mark.parametrize(
    ("table", "card", "told"),
    [
        (pa.table({"account_id": ["a", "b", CLEAR], "score": [1.0, 2.0, 3.0]}), "", "unknown, e.g. '\\x1b[2J';"),
        (GOOD.rename_columns(["account_id", CLEAR]), "", "?[2J: double;"),
        (GOOD, '"\\u001b[2J" = 1', "card.toml: ?[2J: no such key"),
        (GOOD, 'team = "\\u001b[2J"', "team: holds control or invisible characters"),
    ],
)
def test_faults_hold_no_control_characters(tmp_path: Path, table: pa.Table, card: str, told: str) -> None:
    pq.write_table(table, tmp_path / "predictions.parquet")
    (tmp_path / "card.toml").write_text(f'name = "x"\n{card}', "utf-8")
    with pytest.raises(UserError) as caught:
        submission.read(tmp_path, ["a", "b"])
    assert told in str(caught.value)
    assert str(caught.value).isprintable()
