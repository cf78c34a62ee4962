#!/usr/bin/env bash
# Benchmarks the networks on an NVIDIA GPU, then PyTorch on the same GPU, and writes a report under benches/runs.
#
#     benches/gpu.sh [BENCH]
#
# BENCH is a bench binary built on another machine (target/release/deps/gpu-*), for a machine without cargo. PYTHON is
# the python3 with torch, torchvision and timm; FILTER is a criterion filter ('gpu/resnet50').
set -euo pipefail
cd "$(dirname "$0")/.."

if ! gpu=$(nvidia-smi --query-gpu=name,driver_version --format=csv,noheader 2>&1 | head -1); then
    echo "SKIPPED: no NVIDIA GPU: ${gpu:-no nvidia-smi}" >&2
    exit 0
fi
name=$(sed 's/,.*//; s/NVIDIA //; s/[^A-Za-z0-9]\+/-/g' <<<"$gpu" | tr '[:upper:]' '[:lower:]')
folder=benches/runs/$(date +%F)-gpu-$name
mkdir -p "$folder"
echo "$gpu, $(nproc) cores" | tee "$folder/machine.txt"

if [[ $# -gt 0 ]]; then bench=("$1" --bench); else bench=(cargo bench --features cuda --bench gpu --); fi
"${bench[@]}" ${FILTER:+"$FILTER"} 2>/dev/null | tee "$folder/gpu.txt"
"${PYTHON:-python3}" benches/peers/torch_gpu.py | tee "$folder/torch.txt"
"${PYTHON:-python3}" benches/peers/gpu_page.py "$folder" >"$folder/README.md"
cat "$folder/README.md"
