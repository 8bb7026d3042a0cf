#!/usr/bin/env bash
# Fuzzes for so many seconds each target, JOBS at a time, from the committed corpus: fuzz/run.sh SECONDS [TARGET...]
# With SEED in the environment the inputs are the same each time, as far as the seconds go.
# What was found lies in build/fuzz/findings, new inputs in build/fuzz/corpus. Ends with "N passed, N failed"; fails with any finding.
set -uo pipefail
cd "$(dirname "$0")/.." || exit 1
export seconds=${1:?usage: fuzz/run.sh SECONDS [TARGET...]}
shift
[ $# -gt 0 ] || set -- $(sed -n 's/^plimsoll_fuzzer(\([a-z0-9_]*\).*/\1/p' fuzz/CMakeLists.txt)
mkdir -p build/fuzz/findings build/fuzz/logs

# No input is longer than 32 KiB, so that a single piece of 16 MiB, or 512 MiB in all, is memory that hostile data sized.
one() {
  local target=$1 program=build/fuzz/fuzz/fuzz_$1 log=build/fuzz/logs/$1.log
  local options=(-max_total_time="$seconds" -max_len=32768 -timeout=10 -rss_limit_mb=512 -malloc_limit_mb=16 -print_final_stats=1 -seed="${SEED:-0}"
                 -artifact_prefix="build/fuzz/findings/$target-")
  [ ! -f "fuzz/dictionaries/$target.dict" ] || options+=(-dict="fuzz/dictionaries/$target.dict")
  mkdir -p "build/fuzz/corpus/$target"
  if ! [ -x "$program" ]; then
    printf '%-16s is not built: tools/build.sh fuzz fuzzers\n' "$target"
    return 1
  fi
  ASAN_OPTIONS=quarantine_size_mb=16:detect_stack_use_after_return=0 UBSAN_OPTIONS=print_stacktrace=1 \
    "$program" "${options[@]}" "build/fuzz/corpus/$target" "fuzz/corpus/$target" </dev/null >"$log" 2>&1
  local status=$? result=ok
  [ "$status" -eq 0 ] || result=FAILED
  local coverage
  coverage=$(grep -o 'cov: [0-9]* ft: [0-9]*' "$log" | tail -1)
  printf '%-16s %-7s %8s runs %7s a second  %s\n' "$target" "$result" "$(sed -n 's/^stat::number_of_executed_units: *//p' "$log")" \
    "$(sed -n 's/^stat::average_exec_per_sec: *//p' "$log")" "$coverage"
  if [ "$status" -ne 0 ]; then grep -E 'fuzz: |ERROR|runtime error|SUMMARY|^    #([0-9]|1[0-9]) |Test unit written' "$log" | head -40; fi
  return "$status"
}
export -f one

results=$(printf '%s\n' "$@" | xargs -P "${JOBS:-$(nproc)}" -I{} bash -c 'if one {}; then echo "passed {}" >&3; else echo "failed {}" >&3; fi' 3>&1 1>&2)
failed=$(grep -c ^failed <<<"$results")
echo "$(grep -c ^passed <<<"$results") passed, $failed failed"
exit "$((failed > 0))"
