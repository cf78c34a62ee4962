"""The page of a run on an NVIDIA card, from what was printed there.

    python benches/peers/card_page.py benches/runs/DATE-card-NAME > benches/runs/DATE-card-NAME/README.md

Reads machine.txt, card.txt (criterion's output of benches/card.rs) and torch.txt (benches/peers/torch_card.py), as
benches/card.sh writes them. What is not there is "not run"; the first aim is 1.0 of PyTorch eager with TF32 on both
sides, the second 1.0 of its best (channels_last, bf16, a CUDA graph).
"""

import json
import pathlib
import re
import sys

ARITHMETIC = ["f32", "tf32", "bf16"]
UNITS = {"": 1, "K": 1e3, "M": 1e6}


def rates(text):
    """Photos a second, the middle of criterion's three, by network, arithmetic and batch."""
    found, group = {}, None
    for line in text.splitlines():
        if match := re.match(r"gpu/(\w+)/(\w+)/batch of (\d+)", line):
            group = match[1], match[2], int(match[3])
        if group and (match := re.search(r"thrpt:\s+\[\S+\s+\S+ (\S+)\s+(\w?)elem/s", line)):
            found[group] = float(match[1]) * UNITS[match[2]]
    return found


def cosines(text):
    return re.findall(r"^(\w+) (\w+): cosine with the processor's, lowest ([\d.]+)", text, re.M)


def shown(rate):
    return f"{rate:,.0f}" if rate else "not run"


def ratio(ours, theirs):
    return f"{ours / theirs:.2f}" if ours and theirs else "not run"


def main(folder):
    texts = {name: folder / f"{name}.txt" for name in ["machine", "card", "torch"]}
    texts = {name: file.read_text() if file.exists() else "" for name, file in texts.items()}
    ours = rates(texts["card"])
    lines = [json.loads(line) for line in texts["torch"].splitlines() if line.startswith("{")]
    theirs = {(line["network"], line["batch"]): line for line in lines if "network" in line}
    version = next((line["torch"] for line in lines if "torch" in line), "not run")
    print(f"# Networks on a card: {folder.name}\n")
    print(f"{texts['machine'].strip() or 'Machine not noted'}; PyTorch {version}. Photos a second, batches on the card, embeddings")
    print("fetched: `benches/card.sh`.\n")
    print("| network | batch | f32 | tf32 | bf16 | PyTorch eager, TF32 | PyTorch best | best of f32, tf32 / eager | best / best |")
    print("| --- | --- | --- | --- | --- | --- | --- | --- | --- |")
    for network, batch in sorted({(network, batch) for network, _, batch in ours} | set(theirs)):
        own = [ours.get((network, arithmetic, batch), 0) for arithmetic in ARITHMETIC]
        peer = theirs.get((network, batch), {})
        eager, best = peer.get("eager_tf32", 0), peer.get("best_bf16", 0)
        cells = [network, str(batch), *map(shown, [*own, eager, best])]
        cells += [ratio(max(own[:2]), eager), ratio(max(own), best)]
        print("| " + " | ".join(cells) + " |")
    if found := cosines(texts["card"]):
        print("\nEmbeddings beside the processor's, the lowest cosine:\n")
        print("| network | arithmetic | cosine | wanted |\n| --- | --- | --- | --- |")
        for network, arithmetic, cosine in found:
            wanted = 0.995 if arithmetic == "bf16" else 0.999
            met = "met" if float(cosine) >= wanted else "**missed**"
            print(f"| {network} | {arithmetic} | {cosine} | {wanted}: {met} |")


if __name__ == "__main__":
    main(pathlib.Path(sys.argv[1]))
