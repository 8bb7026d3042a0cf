#!/usr/bin/env bash
# What `make bench-cuda` runs, on cuda:0: BERT-large's shape in half types, at padded shapes and on mixed lengths, and streamed from pinned
# memory; beside torch and accelerate where a Python with them and CUDA is found. No GPU is a failure. bench/cuda.sh [BUILD_FOLDER]
#   PLIMSOLL_BENCH_PYTHON  the Python to compare with (default: python3)
#   PLIMSOLL_BENCH_ROUNDS  rounds of each comparison (default 7)
set -euo pipefail
cd "$(dirname "$0")/.."
build=${1:-build/cuda}
data=build/bench
python=${PLIMSOLL_BENCH_PYTHON:-python3}
rounds=${PLIMSOLL_BENCH_ROUNDS:-7}

if ! "$build/bench/pinned_copies" 0; then
  echo "bench-cuda: there is no cuda:0 to measure" >&2
  exit 1
fi
for dtype in bfloat16 float16; do
  "$build/bench/make_checkpoint" "$data/bert-large-$dtype" --shape large --dtype "$dtype"
  "$python" bench/peers/compare_cuda.py --build "$build" --rounds "$rounds" --json "$data/cuda-$dtype.json" "$data/bert-large-$dtype"
done
