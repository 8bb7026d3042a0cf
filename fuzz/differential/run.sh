#!/usr/bin/env bash
# Compares our readers with those of the PyPI packages safetensors and tokenizers on random hostile input, so many seconds each:
#   fuzz/differential/run.sh SECONDS [SEED [COUNT]]    COUNT cases of SEED at most: the same ones each time
# Needs build/release (or PRESET) with the target serve_readers. Where the packages cannot be had, says so and succeeds.
set -uo pipefail
cd "$(dirname "$0")/../.." || exit 1
seconds=${1:?usage: fuzz/differential/run.sh SECONDS [SEED [COUNT]]}
seed=${2:-$RANDOM}
count=${3:-1000000000}
venv=build/differential/venv
server=build/${PRESET:-release}/fuzz/serve_readers
if [ ! -x "$server" ]; then
  echo "differential: $server is not built: tools/build.sh ${PRESET:-release} serve_readers" >&2
  exit 1
fi

if ! cmp -s fuzz/differential/requirements.txt "$venv/requirements.txt"; then
  mkdir -p build/differential
  if ! { python3 -m venv "$venv" &&
         timeout 60 "$venv/bin/pip" install --quiet --disable-pip-version-check --no-deps --retries 1 -r fuzz/differential/requirements.txt; } >build/differential/pip.log 2>&1; then
    echo "differential: SKIPPED: safetensors and tokenizers cannot be installed: $(tail -1 build/differential/pip.log)"
    exit 0
  fi
  cp fuzz/differential/requirements.txt "$venv"
fi

passed=0 failed=0
for name in safetensors tokenizer; do
  if "$venv/bin/python" "fuzz/differential/compare_$name.py" "$server" --seconds "$seconds" --seed "$seed" --count "$count"; then passed=$((passed + 1)); else failed=$((failed + 1)); fi
done
echo "$passed passed, $failed failed"
exit "$((failed > 0))"
