"""Hostile files, judged by the process that judges strangers': refused with a sentence, in bounded memory."""

from __future__ import annotations

import gzip
import io
import os
import pickle
import sqlite3
import struct
import tarfile
import unicodedata
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import lb_site
import numpy as np
import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from pyarrow import feather

from generator.errors import UserError
from leaderboard.intake.scorer import Scorer
from leaderboard.tracking.store import Store

LIMIT = 3 << 30  # of address space; what a file may really cost is below
MAY_COST = 150 << 20


class Bench:
    """The scoring process, with its memory watched."""

    def __init__(self, nano: Path, folder: Path) -> None:
        self.ids, self.nano, self.folder = lb_site.accounts(nano), nano, folder
        self._scorer = Scorer(LIMIT)
        assert "entry" in self.judge(lb_site.body(lb_site.predictions(self.ids)), ".csv")
        frame = io.BytesIO()
        lb_site.predictions(self.ids).write_parquet(frame)
        assert "entry" in self.judge(frame.getvalue(), ".parquet")  # every library is loaded now

    def judge(self, content: bytes, suffix: str, seconds: float = 60) -> dict[str, str]:
        file = self.folder / f"file{suffix}"
        file.write_bytes(content)
        store = Store(self.folder / "board")
        order: dict[str, Any] = {"file": str(file), "task": "accounts", "split": "test", "world": str(self.nano)}
        order["card"] = {"name": "x"}
        order["store"] = {"folder": str(store.folder), "tracking": "", "tables": ""}
        return self._scorer.score(order, seconds, lambda text: None)

    def peak(self) -> int:
        """The most memory that the process has held, in bytes."""
        assert self._scorer.alive
        assert self._scorer._process is not None
        status = Path(f"/proc/{self._scorer._process.pid}/status").read_text()
        return int(status.split("VmHWM:")[1].split()[0]) << 10

    def stop(self) -> None:
        self._scorer.kill()


@pytest.fixture(scope="module")
def bench(nano: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bench]:
    made = Bench(nano, tmp_path_factory.mktemp("hostile"))
    yield made
    made.stop()


class Trap:
    """Writes a file when it is unpickled."""

    def __reduce__(self) -> tuple[object, tuple[str, str]]:
        return os.symlink, ("/etc/passwd", "/tmp/siphonbench-was-executed")


def parquet(columns: dict[str, Any] | pa.Table, **options: Any) -> bytes:
    out = io.BytesIO()
    pq.write_table(columns if isinstance(columns, pa.Table) else pa.table(columns), out, **options)
    return out.getvalue()


def scores(ids: list[str]) -> pa.Array:
    return pa.array(np.linspace(0, 1, len(ids)))


def swap(ids: list[str], change: Callable[[str], str]) -> dict[str, Any]:
    return {"account_id": [change(ids[0]), *ids[1:]], "score": scores(ids)}


def value(ids: list[str], odd: float | None) -> dict[str, Any]:
    return {"account_id": ids, "score": pa.array([odd, *scores(ids).to_pylist()[1:]], pa.float64())}


def typed(ids: list[str], kind: pa.DataType, make: Callable[[int], Any]) -> dict[str, Any]:
    return {"account_id": ids, "score": pa.array([make(i) for i in range(len(ids))], kind)}


def rows(ids: list[str], n: int) -> dict[str, Any]:
    return {"account_id": pa.array([ids[0]] * n, pa.string()).dictionary_encode(), "score": pa.array(np.zeros(n))}


def long_name(ids: list[str]) -> dict[str, Any]:
    code = pa.array(np.zeros(len(ids), np.int32))
    return {"account_id": pa.DictionaryArray.from_arrays(code, pa.array(["x" * 50_000_000])), "score": scores(ids)}


def extended(ids: list[str]) -> dict[str, Any]:
    return {"account_id": ids, "score": pa.array([b"0" * 16] * len(ids), pa.uuid())}


def zipped() -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("../../predictions.csv", b"account_id,score\n" + b"0" * 10_000_000)
    return out.getvalue()


def tarred() -> bytes:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as archive:
        archive.addfile(tarfile.TarInfo("../../evil.csv"))
    return out.getvalue()


def database(folder: Path) -> bytes:
    connection = sqlite3.connect(folder / "x.db")
    connection.execute("CREATE TABLE predictions (account_id, score)")
    connection.commit()
    connection.close()
    return (folder / "x.db").read_bytes()


def arrow(ids: list[str]) -> bytes:
    out = io.BytesIO()
    feather.write_feather(pa.table({"account_id": ids, "score": scores(ids)}), out)
    return out.getvalue()


def numpy_file() -> bytes:
    out = io.BytesIO()
    np.save(out, np.array([Trap()], dtype=object), allow_pickle=True)
    return out.getvalue()


def harmed(content: bytes, where: int) -> bytes:
    return content[:where] + bytes([content[where] ^ 0xFF]) + content[where + 1 :]


def footer_flipped(content: bytes) -> bytes:
    return harmed(content, len(content) - 8 - struct.unpack("<I", content[-8:-4])[0])


def with_footer(content: bytes, length: int) -> bytes:
    return content[:-8] + struct.pack("<I", length) + b"PAR1"


def good(ids: list[str], **options: Any) -> bytes:
    return parquet({"account_id": ids, "score": scores(ids)}, **options)


Make = Callable[[list[str], Path], bytes]
PARQUET: dict[str, tuple[Make, str]] = {
    "nothing": (lambda ids, f: b"", "can't be read as Parquet"),
    "only its magic": (lambda ids, f: b"PAR1PAR1", "can't be read as Parquet"),
    "cut off": (lambda ids, f: good(ids)[:-20], "can't be read as Parquet"),
    "head cut off": (lambda ids, f: good(ids)[50:], "can't be read as Parquet"),
    "footer said to be huge": (lambda ids, f: with_footer(good(ids), 0x7FFFFFFF), "can't be read as Parquet"),
    "footer said to be empty": (lambda ids, f: with_footer(good(ids), 0), "can't be read as Parquet"),
    "footer flipped": (lambda ids, f: footer_flipped(good(ids)), "can't be read as Parquet"),
    "encrypted magic": (lambda ids, f: good(ids)[:-4] + b"PARE", "can't be read as Parquet"),
    "page flipped": (lambda ids, f: harmed(good(ids), 6), "can't be read as Parquet"),
    "zip": (lambda ids, f: zipped(), "can't be read as Parquet"),
    "tar": (lambda ids, f: tarred(), "can't be read as Parquet"),
    "gzip": (lambda ids, f: gzip.compress(good(ids)), "can't be read as Parquet"),
    "pickle": (lambda ids, f: pickle.dumps(Trap()), "can't be read as Parquet"),
    "pickle between magics": (lambda ids, f: b"PAR1" + pickle.dumps(Trap()) + b"PAR1", "can't be read as Parquet"),
    "numpy pickle": (lambda ids, f: numpy_file(), "can't be read as Parquet"),
    "arrow file": (lambda ids, f: arrow(ids), "can't be read as Parquet"),
    "sqlite": (lambda ids, f: database(f), "can't be read as Parquet"),
    "program": (lambda ids, f: b"\x7fELF" + bytes(5000), "can't be read as Parquet"),
    "page of HTML": (lambda ids, f: b"<script>alert(1)</script>", "can't be read as Parquet"),
    "no rows": (lambda ids, f: parquet(rows(ids, 0)), "600 accounts missing"),
    "too many rows": (lambda ids, f: parquet(rows(ids, 1201)), "1,201 rows for 600 accounts"),
    "bomb of rows": (lambda ids, f: parquet(rows(ids, 10_000_000), compression="zstd"), "rows for 600 accounts"),
    "bomb of one long name": (lambda ids, f: parquet(long_name(ids), compression="zstd"), "rows for 600 accounts"),
    "bomb of long names": (
        lambda ids, f: parquet(
            {"account_id": [f"{i}{'x' * 400_000}" for i in range(600)], "score": scores(ids)},
            compression="zstd",
            use_dictionary=False,
        ),
        "rows for 600 accounts",
    ),
    "names a little too long": (
        lambda ids, f: parquet(swap(ids, lambda i: i + "x" * 2000)),
        "up to 2,020 bytes long; at most 200",
    ),
    "a list for a score": (
        lambda ids, f: parquet(typed(ids, pa.list_(pa.float64()), lambda i: [0.5])),
        "score: list",
    ),
    "lists in lists": (
        lambda ids, f: parquet(typed(ids, pa.list_(pa.list_(pa.list_(pa.int8()))), lambda i: [[[1]]])),
        "score: list",
    ),
    "a struct": (
        lambda ids, f: parquet(typed(ids, pa.struct([("score", pa.float64())]), lambda i: {"score": 1.0})),
        "score: struct",
    ),
    "a map": (
        lambda ids, f: parquet(typed(ids, pa.map_(pa.string(), pa.float64()), lambda i: [("score", 1.0)])),
        "score: map",
    ),
    "text for a score": (lambda ids, f: parquet(typed(ids, pa.string(), lambda i: "0.5")), "score: string"),
    "yes or no": (lambda ids, f: parquet(typed(ids, pa.bool_(), lambda i: True)), "score: bool"),
    "decimals": (lambda ids, f: parquet(typed(ids, pa.decimal128(38, 2), lambda i: i)), "score: decimal128"),
    "halves": (lambda ids, f: parquet(typed(ids, pa.float16(), lambda i: np.float16(0.5))), "score: halffloat"),
    "times": (lambda ids, f: parquet(typed(ids, pa.timestamp("us"), lambda i: i)), "score: timestamp"),
    "nulls only": (lambda ids, f: parquet(typed(ids, pa.null(), lambda i: None)), "score: null"),
    "an extension type": (lambda ids, f: parquet(extended(ids)), "write exactly"),
    "numbers for names": (
        lambda ids, f: parquet({"account_id": list(range(600)), "score": scores(ids)}),
        "account_id: int64",
    ),
    "bytes for names": (
        lambda ids, f: parquet({"account_id": pa.array([i.encode() for i in ids]), "score": scores(ids)}),
        "account_id: binary",
    ),
    "one column more": (
        lambda ids, f: parquet({"account_id": ids, "score": scores(ids), "label": scores(ids)}),
        "label: double",
    ),
    "one column less": (lambda ids, f: parquet({"account_id": ids}), "write exactly"),
    "a column twice": (
        lambda ids, f: parquet(
            pa.table([pa.array(ids), scores(ids), scores(ids)], ["account_id", "score", "score"])
        ),
        "write exactly",
    ),
    "200 columns": (
        lambda ids, f: parquet({f"c{i}": pa.array([1]) for i in range(200)}),
        "write exactly",
    ),
    "capitals in a column": (lambda ids, f: parquet({"Account_ID": ids, "score": scores(ids)}), "write exactly"),
    "a look-alike column": (
        lambda ids, f: parquet({"account_id": ids, "sc\u043ere": scores(ids)}),
        "write exactly",
    ),
    "markup in a column": (
        lambda ids, f: parquet({"account_id": ids, "<script>alert(1)</script>\x1b[2J": scores(ids)}),
        "write exactly",
    ),
    "NaN in one row": (lambda ids, f: parquet(value(ids, float("nan"))), "1 accounts without a finite score"),
    "infinity": (lambda ids, f: parquet(value(ids, float("inf"))), "1 accounts without a finite score"),
    "minus infinity": (lambda ids, f: parquet(value(ids, float("-inf"))), "1 accounts without a finite score"),
    "a null score": (lambda ids, f: parquet(value(ids, None)), "1 accounts without a finite score"),
    "a null name": (
        lambda ids, f: parquet({"account_id": pa.array([None, *ids[1:]], pa.string()), "score": scores(ids)}),
        "1 accounts missing",
    ),
    "a name twice": (lambda ids, f: parquet(swap(ids, lambda i: ids[1])), "1 accounts duplicate"),
    "a space behind a name": (lambda ids, f: parquet(swap(ids, lambda i: i + " ")), "1 accounts unknown"),
    "a name in capitals": (lambda ids, f: parquet(swap(ids, str.upper)), "1 accounts unknown"),
    "a look-alike name": (
        lambda ids, f: parquet(swap(ids, lambda i: i.replace("a", "\u0430", 1))),
        "1 accounts unknown",
    ),
    "a full-width name": (
        lambda ids, f: parquet(
            swap(ids, lambda i: "".join(chr(ord(c) + 0xFEE0) if c.isalnum() else c for c in i))
        ),
        "1 accounts unknown",
    ),
    "an accent joined": (
        lambda ids, f: parquet(swap(ids, lambda i: unicodedata.normalize("NFD", i + "\u00e9"))),
        "1 accounts unknown",
    ),
    "an invisible letter": (lambda ids, f: parquet(swap(ids, lambda i: i + "\u200b")), "1 accounts unknown"),
    "a zero in a name": (lambda ids, f: parquet(swap(ids, lambda i: i + "\0")), "1 accounts unknown"),
    "a path for a name": (lambda ids, f: parquet(swap(ids, lambda i: "../../etc/passwd")), "1 accounts unknown"),
    "a formula for a name": (
        lambda ids, f: parquet(swap(ids, lambda i: "=cmd|'/c calc'!A1")),
        "1 accounts unknown",
    ),
    "text that is none": (
        lambda ids, f: parquet(
            {
                "account_id": pa.array([b"\xff\xfe\xfd", *[i.encode() for i in ids[1:]]]).view(pa.string()),
                "score": scores(ids),
            }
        ),
        "can't be read as Parquet",
    ),
    "pickle in the metadata": (
        lambda ids, f: parquet(
            pa.table({"account_id": pa.array(ids[1:]), "score": scores(ids[1:])}).replace_schema_metadata(
                {b"pandas": pickle.dumps(Trap()), b"PANDAS_ATTRS": pickle.dumps(Trap())}
            )
        ),
        "1 accounts missing",
    ),
}


def varint(value: int, size: int | None = None) -> bytes:
    """A number as Thrift writes it; in more bytes than it needs, if asked."""
    value, out = value << 1, list[int]()
    while value >= 0x80 or len(out) + 1 < (size or 0):
        out.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes([*out, value])


def lying(content: bytes) -> bytes:
    """The same pages behind a footer that promises less than a kilobyte for each number of more than 100 MB."""
    (length,) = struct.unpack("<I", content[-8:-4])
    body, footer = content[: -8 - length], content[-8 - length : -8]
    sizes = {pq.ParquetFile(io.BytesIO(content)).metadata.row_group(0).total_byte_size}
    sizes |= {
        pq.ParquetFile(io.BytesIO(content)).metadata.row_group(0).column(c).total_uncompressed_size for c in (0, 1)
    }
    for size in sizes:
        if size > 100 << 20:
            footer = footer.replace(varint(size), varint(900, len(varint(size))))
    return body + footer + content[-8:]


PARQUET |= {
    "a page behind a lying footer": (
        lambda ids, f: lying(
            parquet(swap(ids, lambda i: "\0" * (400 << 20)), compression="zstd", use_dictionary=False)
        ),
        "its pages decode to more than",
    ),
    "a dictionary behind a lying footer": (
        lambda ids, f: lying(
            parquet(swap(ids, lambda i: "\0" * (400 << 20)), compression="zstd", dictionary_pagesize_limit=1 << 30)
        ),
        "its pages decode to more than",
    ),
    "prefixes of one long name": (
        lambda ids, f: parquet(
            {"account_id": ["x" * 500_000] * len(ids), "score": scores(ids)},
            use_dictionary=False,
            column_encoding={"account_id": "DELTA_BYTE_ARRAY", "score": "PLAIN"},
        ),
        "DELTA_BYTE_ARRAY",
    ),
}
CSV: dict[str, tuple[Make, str]] = {
    "nothing": (lambda ids, f: b"", "its header is ''"),
    "pickle": (lambda ids, f: pickle.dumps(Trap()), "can't be read as CSV"),
    "zip": (lambda ids, f: zipped(), "can't be read as CSV"),
    "UTF-16": (lambda ids, f: "account_id,score\na,1\n".encode("utf-16"), "can't be read as CSV"),
    "zeros": (lambda ids, f: b"account_id,score\n" + bytes(5000), "at most 200"),
    "one endless line": (lambda ids, f: b"account_id,score" + b"x" * 100_000, "can't be read as CSV"),
    "a thousand columns": (lambda ids, f: b"account_id,score" + b",x" * 1000 + b"\n", "can't be read as CSV"),
    "an open quote": (lambda ids, f: b'account_id,score\n"a,1\nb,2\n', ""),
    "too large a number": (lambda ids, f: csv(ids, "1e999"), "1 accounts without a finite score"),
    "NaN": (lambda ids, f: csv(ids, "NaN"), "1 accounts without a finite score"),
    "a formula": (lambda ids, f: csv(ids, "=1+1"), "can't be read as CSV"),
    "code": (lambda ids, f: csv(ids, "__import__('os').system('id')"), "can't be read as CSV"),
    "hexadecimal": (lambda ids, f: csv(ids, "0x1p3"), "can't be read as CSV"),
    "a comma for a point": (lambda ids, f: csv(ids, "0,5"), "can't be read as CSV"),
    "more than fits": (lambda ids, f: csv(ids, "1") + b"#" * 200_000, "bytes, at most"),
    "too many rows": (lambda ids, f: b"account_id,score\n" + b"a,1\n" * 30_000, "duplicate"),
}


def csv(ids: list[str], odd: str) -> bytes:
    lines = [f"{i},0.5" for i in ids[1:]]
    return "\n".join(["account_id,score", f"{ids[0]},{odd}", *lines, ""]).encode()


CASES = [(".parquet", n, *c) for n, c in PARQUET.items()] + [(".csv", n, *c) for n, c in CSV.items()]


@pytest.mark.slow
@pytest.mark.parametrize(("suffix", "name", "make", "said"), CASES, ids=[f"{s}-{n}" for s, n, *_ in CASES])
def test_refused(suffix: str, name: str, make: Make, said: str, bench: Bench) -> None:
    content = make(bench.ids, bench.folder)
    before = bench.peak()
    told = bench.judge(content, suffix)
    assert set(told) == {"error"}, told
    assert said in told["error"]
    assert told["error"].isprintable()
    assert len(told["error"]) < 2000
    assert str(bench.folder) not in told["error"]  # nobody learns where things are
    assert bench.peak() - before < MAY_COST
    assert not Path("/tmp/siphonbench-was-executed").is_symlink()


def test_there_are_sixty() -> None:
    assert len(CASES) >= 60


@pytest.mark.slow
def test_nan_in_one_row_of_a_million(tmp_path: Path) -> None:
    from leaderboard.records import submission

    ids = [f"acc_{i:07d}" for i in range(1_000_000)]
    values = np.random.default_rng(0).random(1_000_000)
    values[765_432] = np.nan
    pl.DataFrame({"account_id": ids, "score": values}).write_parquet(tmp_path / "p.parquet")
    with pytest.raises(UserError, match=r"1 fault: 1 accounts without a finite score, e\.g\. acc_0765432"):
        submission.read(tmp_path / "p.parquet", ids)


@pytest.mark.slow
def test_what_needs_too_much_memory_or_time_ends_the_scorer_only(nano: Path, tmp_path: Path) -> None:
    scorer = Scorer(400 << 20)  # too little even for the libraries
    order: dict[str, Any] = {
        "file": str(tmp_path / "x.csv"),
        "task": "accounts",
        "split": "test",
        "world": str(nano),
    }
    order |= {"card": {"name": "x"}, "store": {"folder": str(tmp_path / "b"), "tracking": "", "tables": ""}}
    (tmp_path / "x.csv").write_bytes(lb_site.body(lb_site.predictions(lb_site.accounts(nano))))
    told = scorer.score(order, 60, lambda text: None)
    assert set(told) <= {"died", "error", "retry"}
    scorer.kill()
    slow = Scorer(LIMIT)
    told = slow.score(order, 0.01, lambda text: None)
    assert told == {"error": "scoring took more than 0 s and was stopped"}
    assert not slow.alive
