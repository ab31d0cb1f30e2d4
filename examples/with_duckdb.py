"""Tokens by kind of workload in SQL, straight from the files, with DuckDB: ... FOLDER."""

import sys

import duckdb

folder = sys.argv[1]
query = """
    select kind, count(*) as requests, avg(input_tokens)::int as input, avg(output_tokens)::int as output,
           sum(is_extraction::int) as extraction
    from read_parquet($requests) join read_parquet($labels) using (request_id) group by kind order by requests
"""
paths = {t: f"{folder}/train/{d}/*/*.parquet" for t, d in (("requests", "requests"), ("labels", "request_labels"))}
print(duckdb.sql(query, params=paths))  # noqa: T201
