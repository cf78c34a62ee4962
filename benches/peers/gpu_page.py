"""The report of a run on an NVIDIA GPU, from its output.

    python benches/peers/gpu_page.py benches/runs/DATE-gpu-NAME > benches/runs/DATE-gpu-NAME/README.md

Reads machine.txt, gpu.txt (criterion's output of benches/gpu.rs) and torch.txt (benches/peers/torch_gpu.py), as
benches/gpu.sh writes them. What is missing is "not run". The first target is 1.0 times PyTorch eager with TF32 on both
sides, the second 1.0 times its best (channels_last, bf16, a CUDA graph).
"""

import json
import pathlib
import re
import sys

DTYPES = ["f32", "tf32", "bf16"]
UNITS = {"": 1, "K": 1e3, "M": 1e6}


def rates(text):
    """Photos per second, criterion's estimate, by network, dtype and batch."""
    found, group = {}, None
    for line in text.splitlines():
        if match := re.match(r"gpu/(\w+)/(\w+)/batch of (\d+)", line):
            group = match[1], match[2], int(match[3])
        if group and (match := re.search(r"thrpt:\s+\[\S+\s+\S+ (\S+)\s+(\w?)elem/s", line)):
            found[group] = float(match[1]) * UNITS[match[2]]
    return found


def cosines(text):
    return re.findall(r"^(\w+) (\w+): cosine with the CPU's, lowest ([\d.]+)", text, re.M)


def shown(rate):
    return f"{rate:,.0f}" if rate else "not run"


def ratio(ours, theirs):
    return f"{ours / theirs:.2f}" if ours and theirs else "not run"


def main(folder):
    texts = {name: folder / f"{name}.txt" for name in ["machine", "gpu", "torch"]}
    texts = {name: file.read_text() if file.exists() else "" for name, file in texts.items()}
    ours = rates(texts["gpu"])
    lines = [json.loads(line) for line in texts["torch"].splitlines() if line.startswith("{")]
    theirs = {(line["network"], line["batch"]): line for line in lines if "network" in line}
    version = next((line["torch"] for line in lines if "torch" in line), "not run")
    print(f"# Networks on a GPU: {folder.name}\n")
    print(f"{texts['machine'].strip() or 'Machine not noted'}; PyTorch {version}. Photos per second, batches in GPU memory, embeddings")
    print("copied back: `benches/gpu.sh`.\n")
    print("| network | batch | f32 | tf32 | bf16 | PyTorch eager, TF32 | PyTorch best | best of f32, tf32 / eager | best / best |")
    print("| --- | --- | --- | --- | --- | --- | --- | --- | --- |")
    for network, batch in sorted({(network, batch) for network, _, batch in ours} | set(theirs)):
        own = [ours.get((network, dtype, batch), 0) for dtype in DTYPES]
        peer = theirs.get((network, batch), {})
        eager, best = peer.get("eager_tf32", 0), peer.get("best_bf16", 0)
        cells = [network, str(batch), *map(shown, [*own, eager, best])]
        cells += [ratio(max(own[:2]), eager), ratio(max(own), best)]
        print("| " + " | ".join(cells) + " |")
    if found := cosines(texts["gpu"]):
        print("\nLowest cosine similarity to the CPU's embeddings:\n")
        print("| network | dtype | cosine | required |\n| --- | --- | --- | --- |")
        for network, dtype, cosine in found:
            required = 0.995 if dtype == "bf16" else 0.999
            met = "met" if float(cosine) >= required else "**missed**"
            print(f"| {network} | {dtype} | {cosine} | {required}: {met} |")


if __name__ == "__main__":
    main(pathlib.Path(sys.argv[1]))
