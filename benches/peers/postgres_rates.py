"""Vectors a second into PostgreSQL with pgvector, and queries a second: by Python's client and by ours.

    python benches/peers/postgres_rates.py postgres://lookalike@127.0.0.1/shop [COUNT] [DIM]

Needs psycopg, pgvector and numpy. Both clients load the same clustered vectors by COPY in batches of 1,000, build the same
graph (m 16, ef_construction 100) and ask for 500 others one by one on one connection, with the same settings. They
take turns, three times.
"""

import json
import subprocess
import sys
import time

import numpy as np
import psycopg
from pgvector.psycopg import register_vector

address, count, dim = sys.argv[1], int((sys.argv[2:3] or [10_000])[0]), int((sys.argv[3:4] or [512])[0])
QUERIES = 500
SETTINGS = "SET hnsw.ef_search = 128; SET hnsw.iterative_scan = strict_order; SET hnsw.max_scan_tuples = 100000"


def clustered():
    rng = np.random.default_rng(1)
    centres = rng.normal(size=(500, dim))
    rows = centres[rng.integers(0, 500, count + QUERIES)] + 0.9 * rng.normal(size=(count + QUERIES, dim))
    return (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype("<f4")


def by_psycopg(vectors):
    kept, asked = vectors[:count], vectors[count:]
    with psycopg.connect(address, autocommit=True) as db:
        db.execute("CREATE EXTENSION IF NOT EXISTS vector")
        db.execute("DROP TABLE IF EXISTS peer")
        db.execute(f"CREATE TABLE peer (id bigint PRIMARY KEY, product text NOT NULL, embedding vector({dim}) NOT NULL)")
        register_vector(db)
        rows = [(i, str(i % 54), v) for i, v in enumerate(kept)]
        start = time.perf_counter()
        for first in range(0, count, 1000):
            with db.cursor() as cursor, cursor.copy("COPY peer FROM STDIN (FORMAT BINARY)") as copy:
                copy.set_types(["int8", "text", "vector"])
                for row in rows[first : first + 1000]:
                    copy.write_row(row)
        loaded = time.perf_counter() - start
        start = time.perf_counter()
        db.execute("SET maintenance_work_mem = '1GB'")
        db.execute("CREATE INDEX ON peer USING hnsw (embedding vector_ip_ops) WITH (m = 16, ef_construction = 100)")
        db.execute("CREATE INDEX ON peer (product)")
        db.execute("ANALYZE peer")
        built = time.perf_counter() - start
        db.execute(SETTINGS)
        ask = "SELECT id, -(embedding <#> %b) FROM peer ORDER BY embedding <#> %b LIMIT 10"
        search = lambda vector: db.execute(ask, (vector, vector), prepare=True, binary=True).fetchall()
        for vector in asked[:50]:
            search(vector)
        start = time.perf_counter()
        for vector in asked:
            search(vector)
        searched = time.perf_counter() - start
        db.execute("DROP TABLE peer")
    found = {"load_per_s": round(count / loaded), "build_s": round(built, 1), "queries_per_s": round(QUERIES / searched)}
    return {"client": "psycopg"} | found


if __name__ == "__main__":
    vectors = clustered()
    vectors.tofile("/tmp/rates.f32")
    ours = ["cargo", "run", "--release", "-q", "-p", "lookalike-stores", "--example", "rates", "--"]
    ours += [address + "?index=rates", "/tmp/rates.f32", str(dim)]
    subprocess.run(["cargo", "build", "--release", "-q", "-p", "lookalike-stores", "--example", "rates"], check=True)
    for _ in range(3):
        print(json.dumps(by_psycopg(vectors)), flush=True)
        subprocess.run(ours, check=True)
