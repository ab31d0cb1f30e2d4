"""Submissions: read or refused with all faults at once; never executed, never half-written."""

from __future__ import annotations

import os
import pickle
import zipfile
from pathlib import Path

import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from generator.errors import UserError
from leaderboard.records import card as cards
from leaderboard.records import predictions_file, submission
from leaderboard.records.card import Card
from leaderboard.records.submission import Submission
from leaderboard.records.task_definitions import TASKS

ACCOUNTS = ["a", "b", "c"]
GOOD = pl.DataFrame({"account_id": ["c", "a", "b"], "score": [3.0, 1.0, 2.0]})
NAN, INF = float("nan"), float("inf")


def refused(path: Path) -> str:
    with pytest.raises(UserError) as caught:
        submission.read(path, ACCOUNTS)
    return str(caught.value)


def parquet(path: Path, **columns: pa.Array) -> Path:
    pq.write_table(pa.table(columns), path)
    return path


def test_written_is_read_back(tmp_path: Path) -> None:
    card = Card('a "name" \\ ü', "team", "me@x.org", "https://x.org", "http://y.org", "M+C", True)
    submission.write(tmp_path / "mine", GOOD, card)
    got = submission.read(tmp_path / "mine", ACCOUNTS)
    assert got.card == card
    assert got.predictions.rows() == [("a", 1.0), ("b", 2.0), ("c", 3.0)]
    assert sorted(p.name for p in tmp_path.iterdir()) == ["mine"]


@pytest.mark.parametrize("text", [pa.string(), pa.large_string(), pa.dictionary(pa.int32(), pa.string())])
@pytest.mark.parametrize("number", [pa.float64(), pa.float32(), pa.int64(), pa.int32()])
def test_accepted_types(tmp_path: Path, text: pa.DataType, number: pa.DataType) -> None:
    file = parquet(
        tmp_path / "p.parquet", score=pa.array([1, 2, 3]).cast(number), account_id=pa.array(ACCOUNTS).cast(text)
    )
    assert submission.read(file, ACCOUNTS).predictions["score"].to_list() == [1.0, 2.0, 3.0]


def test_csv_alone_is_named_after_its_file(tmp_path: Path) -> None:
    (tmp_path / "my-net.csv").write_text("score,account_id\n1,a\n2.5,c\n-3e-2,b\n")
    got = submission.read(tmp_path / "my-net.csv", ACCOUNTS)
    assert got.card == Card("my-net")
    assert got.predictions["score"].to_list() == [1.0, -0.03, 2.5]


def test_all_faults_at_once(tmp_path: Path) -> None:
    rows = pl.DataFrame({"account_id": ["a", "a", "x", "y", "c"], "score": [NAN, INF, None, 1.0, 2.0]})
    submission.write(tmp_path / "bad", rows, Card("n", code_url="javascript:alert(1)", field_groups="M+Q"))
    message = refused(tmp_path / "bad")
    assert "6 faults" in message
    for part in (
        "code_url: 'javascript:alert(1)' must start with https:// or http://",
        "field_groups: 'M+Q'",
        "1 accounts missing, e.g. b; give each of the accounts one row",
        "2 accounts unknown, e.g. x;",
        "1 accounts duplicate, e.g. a;",
        "3 accounts without a finite score, e.g. a;",
    ):
        assert part in message


@pytest.mark.parametrize(
    ("toml", "part"),
    [
        ('team = "x"', "name: missing"),
        ("name = 5", "name: 5 must be a str"),
        ('name = "x"\nexternal_data = "no"', "external_data: 'no' must be a bool"),
        ('name = "x"\nshoe = 1', "shoe: no such key"),
        ('name = "%s"' % ("x" * 201), "name: 201 characters, at most 200"),
        ('name = "a\\u202eb"', "control or invisible"),
        ('name = "a\\nb"', "control or invisible"),
        ('name = "x', "can't be read"),
        ("name = " + "[" * 20_000, "can't be read"),
        ("# " + "x" * 70_000, "70,002 bytes are more than 65,536"),
    ],
)
def test_faulty_cards(tmp_path: Path, toml: str, part: str) -> None:
    submission.write(tmp_path / "s", GOOD, Card("x"))
    (tmp_path / "s" / "card.toml").write_text(toml)
    assert part in refused(tmp_path / "s")


def test_a_file_name_is_checked_like_a_card(tmp_path: Path) -> None:
    (tmp_path / "a\nb.csv").write_text("account_id,score\na,1\nb,2\nc,3\n")
    assert "name: holds control or invisible characters" in refused(tmp_path / "a\nb.csv")


class Trap:
    def __reduce__(self) -> tuple[object, tuple[str]]:
        return os.mkdir, ("executed",)


def test_disguised_files_are_not_executed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "pickle.parquet").write_bytes(pickle.dumps(Trap()))
    (tmp_path / "pickle.csv").write_bytes(pickle.dumps(Trap()))
    with zipfile.ZipFile(tmp_path / "zip.parquet", "w") as archive:
        archive.writestr("predictions.csv", "account_id,score\n")
    assert "can't be read as Parquet" in refused(tmp_path / "pickle.parquet")
    assert "can't be read as CSV" in refused(tmp_path / "pickle.csv")
    assert "can't be read as Parquet" in refused(tmp_path / "zip.parquet")
    assert not (tmp_path / "executed").exists()


@pytest.mark.parametrize(
    ("columns", "part"),
    [
        ({"account": pa.array(ACCOUNTS), "score": pa.array([1.0] * 3)}, "account: string"),
        ({"account_id": pa.array([1, 2, 3]), "score": pa.array([1.0] * 3)}, "account_id: int64"),
        ({"account_id": pa.array(ACCOUNTS), "score": pa.array(["1"] * 3)}, "score: string"),
        ({"account_id": pa.array(ACCOUNTS), "score": pa.array([[1.0]] * 3)}, "score: list"),
        ({"account_id": pa.array(ACCOUNTS), "score": pa.array([1.0] * 3), "z": pa.array([0] * 3)}, "z: int64"),
        ({"account_id": pa.array(["a"] * 7), "score": pa.array([1.0] * 7)}, "7 rows for 3 accounts"),
    ],
)
def test_wrong_columns_and_rows(tmp_path: Path, columns: dict[str, pa.Array], part: str) -> None:
    assert part in refused(parquet(tmp_path / "p.parquet", **columns))


def test_one_long_name_repeated_is_refused_before_it_is_decoded(tmp_path: Path) -> None:
    code = pa.array([0] * 3, pa.int32())
    bomb = pa.DictionaryArray.from_arrays(code, pa.array(["x" * 200_000]))
    file = parquet(tmp_path / "p.parquet", account_id=bomb, score=pa.array([1.0] * 3))
    assert file.stat().st_size < 65_536
    assert "up to 200,000 bytes long; at most 200" in refused(file)


def test_size_is_read_before_content(tmp_path: Path) -> None:
    (tmp_path / "p.csv").write_text("account_id,score\n" + "a,1\n" * 20_000)
    assert "p.csv: 80,017 bytes, at most 65,920 fit 3 accounts" in refused(tmp_path / "p.csv")


@pytest.mark.parametrize("text", ["", "id,score\na,1\n", "account_id,score\na,one\n", "account_id,score\na,1,2\n"])
def test_csv_that_is_none(tmp_path: Path, text: str) -> None:
    (tmp_path / "p.csv").write_text(text)
    assert "1 fault: p.csv: can't be read as CSV" in refused(tmp_path / "p.csv")


def test_where_nothing_is(tmp_path: Path) -> None:
    (tmp_path / "p.pkl").write_bytes(b"x")
    assert "holds 0 predictions files" in refused(tmp_path)
    for path in (tmp_path / "p.pkl", tmp_path / "absent.csv"):
        assert "is no submission" in refused(path)


def test_write_replaces_submissions_only(tmp_path: Path) -> None:
    folder = submission.write(tmp_path / "s", GOOD, Card("one"))
    assert submission.read(submission.write(folder, GOOD, Card("two")), ACCOUNTS).card.name == "two"
    (folder / "thesis.tex").write_text("mine")
    with pytest.raises(UserError, match=r"1 other files, e\.g\. thesis\.tex"):
        submission.write(folder, GOOD, Card("three"))
    assert (folder / "thesis.tex").read_text() == "mine"


def test_an_interrupted_write_leaves_no_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def stop(card: Card) -> str:
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(cards, "toml", stop)
        with pytest.raises(KeyboardInterrupt):
            submission.write(tmp_path / "s", GOOD, Card("x"))
    assert not (tmp_path / "s").exists()
    assert submission.write(tmp_path / "s", GOOD, Card("x")).is_dir()  # what was left is no obstacle


def test_digest_is_of_card_and_scores_not_of_the_file(tmp_path: Path) -> None:
    (tmp_path / "x.csv").write_text("account_id,score\na,1\nb,2\nc,3\n")
    submission.write(tmp_path / "x", GOOD, Card("x"))
    digest = submission.read(tmp_path / "x", ACCOUNTS).digest
    assert submission.read(tmp_path / "x.csv", ACCOUNTS).digest == digest
    assert Submission(Card("y"), GOOD.sort("account_id")).digest != digest


@given(st.floats(allow_nan=False, allow_infinity=False), st.floats(allow_nan=False, allow_infinity=False))
def test_unlike_scores_have_unlike_digests(a: float, b: float) -> None:
    one, other = (Submission(Card("x"), pl.DataFrame({"account_id": ["a"], "score": [v]})) for v in (a, b))
    assert (one.digest == other.digest) == (a.hex() == b.hex())


@pytest.mark.parametrize(
    "content",
    [
        b"\xef\xbb\xbfaccount_id,score\na,1\nb,2\nc,3\n",  # Excel's "CSV UTF-8"
        b'"account_id","score"\n"a",1\n"b",2\n"c",3\n',  # R's write.csv
        b'\xef\xbb\xbf"score","account_id"\r\n1,"a"\r\n2,"b"\r\n3,"c"\r\n',
        b"account_id, score\na, 1\nb, 2\nc, 3\n",
        b"score, account_id\n1, a\n2, b\n3, c\n",
        b"account_id,score\na,1\nb,2\nc,3\n\n\n",
        b"account_id,score\r\na,1 \r\nb,2\t\r\nc,3\r\n  \r\n\r\n",
    ],
)
def test_csv_as_people_write_it(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "p.csv").write_bytes(content)
    got = submission.read(tmp_path / "p.csv", ACCOUNTS)
    assert got.predictions.rows() == [("a", 1.0), ("b", 2.0), ("c", 3.0)]


def test_the_case_of_a_suffix_is_no_fault(tmp_path: Path) -> None:
    (tmp_path / "Predictions.CSV").write_text("account_id,score\na,1\nb,2\nc,3\n")
    for path in (tmp_path / "Predictions.CSV", tmp_path):
        assert len(submission.read(path, ACCOUNTS).predictions) == 3


@pytest.mark.parametrize("number", [pa.uint8(), pa.uint16(), pa.uint32(), pa.uint64(), pa.int8(), pa.int16()])
def test_scores_of_any_whole_type(tmp_path: Path, number: pa.DataType) -> None:
    ids = pa.array(ACCOUNTS).cast(pa.string_view())
    file = parquet(tmp_path / "p.parquet", account_id=ids, score=pa.array([1, 2, 3]).cast(number))
    assert submission.read(file, ACCOUNTS).predictions["score"].to_list() == [1.0, 2.0, 3.0]


@pytest.mark.parametrize(
    "labels", [pa.array([7, 7, None]), pa.array([7, 7, None], pa.uint8()), pa.array([7.0, 7.0, float("nan")])]
)
def test_communities_may_be_numbers(tmp_path: Path, labels: pa.Array) -> None:
    file = parquet(tmp_path / "p.parquet", account_id=pa.array(ACCOUNTS), campaign=labels)
    got = submission.read(file, ACCOUNTS, "campaigns")
    assert got.predictions["campaign"].to_list() == ["7", "7", None]


def test_fractions_name_no_group(tmp_path: Path) -> None:
    file = parquet(tmp_path / "p.parquet", account_id=pa.array(ACCOUNTS), campaign=pa.array([1.5, 1.0, 2.0]))
    with pytest.raises(UserError, match="campaign holds fractions"):
        submission.read(file, ACCOUNTS, "campaigns")


@pytest.mark.parametrize(
    ("odd", "shown"), [("a ", "'a '"), ("a\u200b", "'a\\u200b'"), ("a\xa0", "'a\\xa0'"), ("x", "x")]
)
def test_a_difference_that_is_not_seen_is_shown(tmp_path: Path, odd: str, shown: str) -> None:
    (tmp_path / "p.csv").write_text(f"account_id,score\n{odd},1\nb,2\nc,3\n", "utf-8")
    assert f"1 accounts unknown, e.g. {shown};" in refused(tmp_path / "p.csv")


@pytest.mark.parametrize(
    ("card", "said"),
    [
        (
            "",
            "labels: 'truth' is no answer to observed, which may learn from observed labels alone: train on them",
        ),
        ('labels = "truth"', "labels: 'truth' is no answer to observed"),
        ('labels = "hearsay"', "labels: 'hearsay' must be one of truth, observed, none"),
        ('labels = "observed"', ""),
        ('labels = "none"', ""),
    ],
)
def test_the_observed_track_takes_no_card_that_says_truth(card: str, said: str, tmp_path: Path) -> None:
    GOOD.write_parquet(tmp_path / "predictions.parquet")
    (tmp_path / "card.toml").write_text(f'name = "mine"\n{card}\n')
    if said:
        with pytest.raises(UserError, match=said):
            submission.read(tmp_path, ACCOUNTS, "observed")
    else:
        card_read = submission.read(tmp_path, ACCOUNTS, "observed").card
        assert card_read.labels in card
    with pytest.raises(UserError, match="labels: 'truth' is no answer to observed"):
        submission.read(tmp_path / "predictions.parquet", ACCOUNTS, "observed")


@pytest.mark.parametrize("task", TASKS)
def test_the_example_of_a_task_is_an_answer_and_its_note_stands_beside_faults(task: str, tmp_path: Path) -> None:
    asked = TASKS[task]
    kinds = predictions_file.columns(asked)
    schema = {name: predictions_file.POLARS[kind] for name, kind in kinds.items()}
    rows = pl.DataFrame(asked.example, schema, orient="row")
    submission.write(tmp_path / "mine", rows, Card("mine", labels=asked.labels), task)
    keys = rows.select(list(asked.keys))
    assert submission.read(tmp_path / "mine", keys, task).predictions.equals(rows.sort(keys.columns))
    with pytest.raises(UserError, match="1 fault: ") as caught:
        submission.read(tmp_path / "mine", keys.head(1), task)
    assert str(caught.value).endswith(asked.note)
    assert bool(asked.note) == (task in ("campaigns", "early"))
