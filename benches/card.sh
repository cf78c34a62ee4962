#!/usr/bin/env bash
# Times the networks on an NVIDIA card, then PyTorch beside them, and writes a page of it under
# benches/runs: one command, one run, one card.
#
#     benches/card.sh [PROGRAM]
#
# PROGRAM is the bench built elsewhere (target/release/deps/card-*), for a machine without cargo. PYTHON names
# the python3 with torch, torchvision and timm; FILTER, a criterion filter, chooses networks ('gpu/resnet50').
set -euo pipefail
cd "$(dirname "$0")/.."

if ! card=$(nvidia-smi --query-gpu=name,driver_version --format=csv,noheader 2>&1 | head -1); then
    echo "SKIPPED: no NVIDIA card answers here: ${card:-no nvidia-smi}" >&2
    exit 0
fi
name=$(sed 's/,.*//; s/NVIDIA //; s/[^A-Za-z0-9]\+/-/g' <<<"$card" | tr '[:upper:]' '[:lower:]')
folder=benches/runs/$(date +%F)-card-$name
mkdir -p "$folder"
echo "$card, $(nproc) cores" | tee "$folder/machine.txt"

if [[ $# -gt 0 ]]; then bench=("$1" --bench); else bench=(cargo bench --features cuda --bench card --); fi
"${bench[@]}" ${FILTER:+"$FILTER"} 2>/dev/null | tee "$folder/card.txt"
"${PYTHON:-python3}" benches/peers/torch_card.py | tee "$folder/torch.txt"
"${PYTHON:-python3}" benches/peers/card_page.py "$folder" >"$folder/README.md"
cat "$folder/README.md"
