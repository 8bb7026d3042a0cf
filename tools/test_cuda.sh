#!/usr/bin/env bash
# What `make test-cuda` runs: everything that needs a GPU, on cuda:0. Its absence is a failure. tools/test_cuda.sh [PRESET]
set -uo pipefail
cd "$(dirname "$0")/.." || exit 1
preset=${1:-cuda}
build=build/$preset
export PLIMSOLL_REQUIRE_CUDA=1

# The command's own words say what is missing: the back end, the driver, its version, a device, cuBLASLt.
if ! "$build/plimsoll" run models/sentiment "fine" --device cuda:0 --no-progress; then
  echo "test-cuda: there is no cuda:0 to test on" >&2
  exit 1
fi

failures=0
check() {
  local name=$1
  shift
  if "$@"; then echo "test-cuda: $name: passed"; else echo "test-cuda: $name: FAILED" >&2; failures=$((failures + 1)); fi
}
check conformance "$build/tests/device/test_conformance" --gtest_filter='*/cuda' --gtest_brief=1
check "models: oracle, budgets, plans" "$build/tests/task/test_cuda_models" --gtest_filter='*/cuda' --gtest_brief=1
check "memory, neighbours and random budgets" python3 tests/large/cuda_hardware.py "$build" "${PLIMSOLL_CUDA_ROUNDS:-1000}"
if command -v compute-sanitizer >/dev/null; then
  for tool in memcheck racecheck; do
    check "compute-sanitizer $tool" compute-sanitizer --tool "$tool" --error-exitcode 9 \
      "$build/tests/device/test_conformance" --gtest_filter='ConformanceOps.*/cuda:*ConformanceOps*/cuda' --gtest_brief=1
  done
else
  echo "test-cuda: compute-sanitizer: not found, and so not run"
fi
echo "test-cuda: $failures failed"
exit "$((failures > 0))"
