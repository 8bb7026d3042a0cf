#!/usr/bin/env bash
# Looks for reads of memory that nobody has written, with valgrind: every reader on its fuzz corpus, and the command answering with tiny
# models. The standard library is not built for MemorySanitizer, so this takes its place. Needs build/release; ends with "N passed, N failed":
#   tools/valgrind.sh [NAME...]    names as of fuzz/corpus, `run`, `torch` and `tokenize`; all by default
set -uo pipefail
cd "$(dirname "$0")/.." || exit 1
export PLIMSOLL_ISA=avx2  # valgrind knows no AVX-512
if ! command -v valgrind >/dev/null; then
  echo "valgrind: is not installed: tools/setup.sh --sanitize" >&2
  exit 1
fi

one() {
  local name=$1 log=build/release/valgrind/$1.log command
  local models=tests/fixtures
  case "$name" in
    run) command=(build/release/plimsoll run "$models/models/bert" --threads 2 "a film" "another, longer film") ;;
    torch) command=(build/release/plimsoll run "$models/variants/bin" --threads 2 "a film") ;;
    tokenize) command=(build/release/plimsoll tokenize "$models/models/bert" --json "a film" "naïve façade") ;;
    *) command=(build/release/fuzz/fuzz_"$name" "fuzz/corpus/$name") ;;
  esac
  valgrind --quiet --error-exitcode=99 --track-origins=no --leak-check=full --errors-for-leak-kinds=definite --log-file="$log" "${command[@]}" >"$log.out" 2>&1 </dev/null
  local status=$?
  if [ "$status" -eq 0 ]; then echo "passed $name" >&3; return; fi
  echo "failed $name" >&3
  printf 'valgrind %s: exit %s\n' "$name" "$status"
  head -40 "$log" "$log.out"
}
export -f one

mkdir -p build/release/valgrind
[ $# -gt 0 ] || set -- $(ls fuzz/corpus) run torch tokenize
results=$(printf '%s\n' "$@" | xargs -P "${JOBS:-$(nproc)}" -I{} bash -c 'one {}' 3>&1 1>&2)
failed=$(grep -c ^failed <<<"$results")
echo "$(grep -c ^passed <<<"$results") passed, $failed failed"
exit "$((failed > 0))"
