#!/usr/bin/env python3
"""Ten nearest neighbours: Lookalike's stores beside hnswlib, faiss and usearch, on the same vectors in one run.

    pip install numpy hnswlib faiss-cpu usearch matplotlib
    cargo build --release -p lookalike-vectors --example curve
    python benches/peers/neighbours.py --curve target/release/examples/curve [--vectors FILE.npy] [--out FOLDER]

Without --vectors: 46,976 (or --count) made-up vectors of 512 numbers in 54 noisy clusters, and 2,000 queries from the same
clusters. With it, the rows of a file of numpy's, the last 2,000 (or a tenth, if that is less) of which, after
shuffling, are the queries. Graphs are built on two threads with M = 16 and efConstruction = 200, stored, and opened by
a process of their own, which searches on one thread: memory is what that process grew by on opening. Recall is
of the true ten, by faiss's exact index in f32; queries per second are of the fastest of nine rounds, in three
processes that take turns with the others'.
"""
import argparse
import json
import os
import subprocess
import sys
import tempfile
import time

K, M, EF_CONSTRUCTION, ROUNDS, PASSES = 10, 16, 200, 3, 3
EFS = [10, 16, 24, 32, 48, 64, 96, 128, 192, 256, 384, 512]


def resident_mb():
    with open("/proc/self/status") as status:
        line = next(line for line in status if line.startswith("VmRSS:"))
    return int(line.split()[1]) * 1024 / 1e6


def made_up(count):
    import numpy as np

    random = np.random.default_rng(54)
    centres = random.normal(size=(54, 512)).astype("float32")
    rows = count + 2_000
    return centres[random.integers(0, 54, rows)] + 0.7 * random.standard_normal((rows, 512), "float32")


def prepare(folder, vectors):
    import faiss
    import numpy as np

    vectors = vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
    vectors = np.random.default_rng(1).permutation(vectors).astype("float32")
    queries = min(2_000, len(vectors) // 10)
    base, queries = np.ascontiguousarray(vectors[:-queries]), np.ascontiguousarray(vectors[-queries:])
    flat = faiss.IndexFlatIP(base.shape[1])
    flat.add(base)
    truth = flat.search(queries, K)[1].astype("uint32")
    base.tofile(f"{folder}/vectors.f32")
    queries.tofile(f"{folder}/queries.f32")
    truth.tofile(f"{folder}/truth.u32")
    return base.shape


def read(folder, dim):
    import numpy as np

    load = lambda name, kind, width: np.fromfile(f"{folder}/{name}", dtype=kind).reshape(-1, width)
    return load("vectors.f32", "float32", dim), load("queries.f32", "float32", dim), load("truth.u32", "uint32", K)


def peer(engine, step, folder, dim):
    """One engine's build, or its search; prints lines of JSON as the Rust example does."""
    base, queries, truth = read(folder, dim)
    file = f"{folder}/{engine}.index"
    if engine == "hnswlib":
        import hnswlib

        index = hnswlib.Index(space="ip", dim=dim)
        build = lambda: (index.init_index(len(base), M=M, ef_construction=EF_CONSTRUCTION),
                         index.set_num_threads(2), index.add_items(base))
        save, load = lambda: index.save_index(file), lambda: index.load_index(file)
        at = lambda ef: index.set_ef(ef)
        ask = lambda: index.knn_query(queries, k=K, num_threads=1)[0]
    elif engine in ("faiss", "faiss exact"):
        import faiss

        faiss.omp_set_num_threads(2 if step == "build" else 1)
        if engine == "faiss":
            index = faiss.IndexHNSWFlat(dim, M, faiss.METRIC_INNER_PRODUCT)
            index.hnsw.efConstruction = EF_CONSTRUCTION
        else:
            index = faiss.IndexFlatIP(dim)
        build, save = lambda: index.add(base), lambda: faiss.write_index(index, file)

        def load():
            nonlocal index
            index = faiss.read_index(file)

        def at(ef):
            if engine == "faiss":
                index.hnsw.efSearch = ef

        ask = lambda: index.search(queries, K)[1]
    else:
        from usearch.index import Index

        kind = engine.split()[1]
        index = Index(ndim=dim, metric="ip", dtype=kind, connectivity=M, expansion_add=EF_CONSTRUCTION)
        import numpy as np

        build = lambda: index.add(np.arange(len(base)), base, threads=2)
        save, load = lambda: index.save(file), lambda: index.load(file)
        at = lambda ef: setattr(index, "expansion_search", ef)
        ask = lambda: index.search(queries, K, threads=1).keys

    if step == "build":
        started = time.perf_counter()
        build()
        print(json.dumps({"build_s": round(time.perf_counter() - started, 3)}))
        save()
        return
    before, started = resident_mb(), time.perf_counter()
    load()
    opened = (time.perf_counter() - started) * 1e3
    print(json.dumps({"reopen_ms": round(opened, 1), "memory_mb": round(resident_mb() - before, 1)}))
    for ef in EFS if engine != "faiss exact" else [0]:
        at(ef)
        fastest = float("inf")
        for _ in range(ROUNDS):
            started = time.perf_counter()
            found = ask()
            fastest = min(fastest, time.perf_counter() - started)
        right = sum(len(set(a) & set(b)) for a, b in zip(found.tolist(), truth.tolist()))
        print(json.dumps({"name": engine, "ef": ef, "recall": round(right / truth.size, 4),
                          "qps": round(len(queries) / fastest)}))


def lines(command, **environment):
    run = subprocess.run(command, stdout=subprocess.PIPE, check=True, env=os.environ | environment)
    return [json.loads(line) for line in run.stdout.decode().splitlines() if line.startswith("{")]


def at_recall(points, wanted):
    """Queries per second at a recall, by a straight line between the two settings around it."""
    points = sorted((point["recall"], point["qps"]) for point in points)
    above = [point for point in points if point[0] >= wanted]
    if not above:
        return None
    (r1, q1), below = min(above, key=lambda p: (p[0], -p[1])), [p for p in points if p[0] < wanted]
    if not below:
        return q1
    r0, q0 = max(below)
    return q0 + (q1 - q0) * (wanted - r0) / (r1 - r0)


def main():
    arguments = argparse.ArgumentParser()
    arguments.add_argument("--curve", help="the Rust example, built")
    arguments.add_argument("--vectors", help="a file of numpy's")
    arguments.add_argument("--count", type=int, default=46_976, help="so many made-up vectors")
    arguments.add_argument("--only", help="engines, with commas between")
    arguments.add_argument("--graphs", action="store_true", help="without exact search, which takes long among many")
    arguments.add_argument("--passes", type=int, default=PASSES)
    arguments.add_argument("--out", help="folder for curve.svg and results.json")
    arguments.add_argument("--peer", nargs=4, help=argparse.SUPPRESS)
    asked = arguments.parse_args()
    if asked.peer:
        engine, step, folder, dim = asked.peer
        return peer(engine, step, folder, int(dim))
    import numpy as np

    results = {}
    with tempfile.TemporaryDirectory() as folder:
        vectors = np.load(asked.vectors).astype("float32") if asked.vectors else made_up(asked.count)
        count, dim = prepare(folder, vectors)
        del vectors
        print(f"{count:,} vectors of {dim}", flush=True)
        engines = ["lookalike", "lookalike by hnsw_rs", "hnswlib", "faiss", "usearch f32", "usearch i8", "faiss exact"]
        engines = asked.only.split(",") if asked.only else engines

        def command(engine, step):
            own = engine.startswith("lookalike")
            script = [asked.curve] if own else [sys.executable, __file__, "--peer", engine]
            graphs = ["graphs"] if own and step == "search" and asked.graphs else []
            return [*script, step, folder, str(dim), *(engine.split()[2:] if own else []), *graphs]

        opened = {}
        for engine in engines:
            opened[engine] = lines(command(engine, "build"))[0]
            print(f"{engine}: built in {opened[engine]['build_s']} s", flush=True)
        # They take turns, so that whatever else the machine does falls on all of them; the fastest counts.
        for _ in range(asked.passes):
            for engine in engines:
                first, *points = lines(command(engine, "search"), RAYON_NUM_THREADS="1", OMP_NUM_THREADS="1")
                opened[engine] |= {what: min(number, opened[engine].get(what, number)) for what, number in first.items()}
                for point in points:
                    name = engine if point["name"] in ("graph", engine) else f"{engine} {point['name']}"
                    result = results.setdefault(name, opened[engine] | {"points": {}})
                    known = result["points"].setdefault(point["ef"], point)
                    known["qps"] = max(known["qps"], point["qps"])
        for name, result in results.items():
            result |= opened.get(name, {})
            result["points"] = list(result["points"].values())
            costs = (f"build {result['build_s']:6.2f} s  reopen {result['reopen_ms']:5.1f} ms  memory {result['memory_mb']:6.1f} MB"
                     if name in opened else "")
            rates = "  ".join(f"{at_recall(result['points'], wanted) or 0:6.0f}" for wanted in (0.95, 0.99, 0.999))
            print(f"{name:34} {costs:50} queries/s at recall 0.95, 0.99, 0.999: {rates}")
        ours, theirs = results.get("lookalike"), results.get("hnswlib")
        if ours and theirs:
            rates = at_recall(ours["points"], 0.99), at_recall(theirs["points"], 0.99)
            rate = rates[0] / rates[1] if all(rates) else float("nan")
            ratio = lambda what: ours[what] / theirs[what]
            print(f"lookalike of hnswlib: queries/s at recall 0.99 {rate:.2f}, build {ratio('build_s'):.2f}, "
                  f"memory {ratio('memory_mb'):.2f}, reopen {ratio('reopen_ms'):.2f}")
    if asked.out:
        os.makedirs(asked.out, exist_ok=True)
        with open(f"{asked.out}/results.json", "w") as file:
            json.dump(results, file, indent=1)
        draw(results, f"{count:,} vectors of {dim}", f"{asked.out}/curve.svg")


def draw(results, title, path):
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    figure, axes = plt.subplots(figsize=(8, 5))
    for name, result in results.items():
        points = sorted((point["recall"], point["qps"]) for point in result["points"])
        axes.plot(*zip(*points), marker="o", markersize=3, label=name, linewidth=2 if name == "lookalike" else 1)
    axes.set(xlabel="recall@10", ylabel="queries per second, one thread", yscale="log", xlim=(0.85, 1.002), title=title)
    axes.grid(alpha=0.3, which="both")
    axes.legend(fontsize=8)
    figure.tight_layout()
    figure.savefig(path)


if __name__ == "__main__":
    main()
