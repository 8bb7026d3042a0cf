#!/usr/bin/env bash
# Runs the tests of a built preset and ends with a line "N passed, N failed": tools/test.sh PRESET [CTEST-ARGUMENT...]
set -uo pipefail
cd "$(dirname "$0")/.." || exit 1
preset=${1:?usage: tools/test.sh PRESET [CTEST-ARGUMENT...]}
shift

# Tests that take long run only when asked for: -L torture.
filters=(-LE torture)
arguments=()
while [ $# -gt 0 ]; do
  case "$1" in
    -L) filters=(-L "$2"); shift ;;
    -LE) filters=(-LE "$2|torture"); shift ;;
    *) arguments+=("$1") ;;
  esac
  shift
done

# Where the sanitizers of clang find what turns addresses into lines.
PATH=$PATH:/usr/lib/llvm-19/bin

mkdir -p "build/$preset"
log="build/$preset/ctest.log"
ctest --preset "$preset" --parallel "${JOBS:-$(nproc)}" --no-tests=error "${filters[@]}" "${arguments[@]}" </dev/null 2>&1 | tee "$log"
status=${PIPESTATUS[0]}

# ctest's own last word: "98% tests passed, 2 tests failed out of 148".
read -r failed total < <(sed -n 's/^.*tests passed, \([0-9]*\) tests\{0,1\} failed out of \([0-9]*\).*$/\1 \2/p' "$log" | tail -1)
if [ -z "${total:-}" ]; then
  echo "0 passed, 1 failed"
  exit 1
fi
echo "$((total - failed)) passed, $failed failed"
exit "$status"
