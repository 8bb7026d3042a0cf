#!/usr/bin/env bash
# What `make bench` runs: speed and memory at the shape of BERT-large with generated weights, then, where a Python with
# torch and transformers is found, pass by pass against torch and against accelerate's disk offload. bench/run.sh [BUILD_FOLDER]
#   PLIMSOLL_BENCH_PYTHON  the Python to compare with (default: python3, if it has torch and transformers)
#   PLIMSOLL_BENCH_ROUNDS  rounds of the comparison (default 7)
set -euo pipefail
cd "$(dirname "$0")/.."
build=${1:-build/release}
data=build/bench
python=${PLIMSOLL_BENCH_PYTHON:-python3}

"$build/bench/make_checkpoint" "$data/bert-large-float32" --shape large
"$build/bench/make_checkpoint" "$data/bert-large-bfloat16" --shape large --dtype bfloat16
models=("$data/bert-large-float32" "$data/bert-large-bfloat16")

for model in "${models[@]}"; do
  echo
  "$build/plimsoll" bench "$model" --shapes 1x128,8x128,1x512 --no-progress
done

# Where control groups can be made (root), the same models where they have no room.
streaming() { python3 bench/streaming.py "$build/plimsoll" "$@" --pairs "${PLIMSOLL_BENCH_ROUNDS:-7}" || [ $? -eq 77 ]; }
echo
streaming "$data/bert-large-float32" --limit 64MiB
streaming "$data/bert-large-bfloat16" --limit 40MiB
streaming "$data/bert-large-float32" --limit 64MiB --shape 1x128
streaming "$data/bert-large-float32" --limit 64MiB --shape 1x128 --cold

echo
if "$python" -c 'import torch, transformers' 2>/dev/null; then
  "$python" bench/peers/compare_torch.py --server "$build/bench/serve_passes" --shapes 1x128,8x128 \
    --rounds "${PLIMSOLL_BENCH_ROUNDS:-7}" --json "$data/torch.json" "${models[@]}"
  for state in "" --cold; do
    "$python" bench/peers/compare_offload.py --server "$build/bench/serve_passes" --rounds "${PLIMSOLL_BENCH_ROUNDS:-7}" \
      ${state:+"$state"} "$data/bert-large-float32" || [ $? -eq 77 ]
  done
else
  echo "not compared with torch: pip install -r bench/peers/requirements.txt in a venv, then" \
    "PLIMSOLL_BENCH_PYTHON=VENV/bin/python make bench"
fi
