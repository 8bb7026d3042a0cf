#!/usr/bin/env bash
# Structure, format and clang-tidy. With stage names, only those: tools/lint.sh [structure] [format] [tidy] [aarch64]
# aarch64 needs g++-aarch64-linux-gnu and is not among those that run by themselves.
set -uo pipefail
cd "$(dirname "$0")/.." || exit 1
stages=("$@")
[ ${#stages[@]} -gt 0 ] || stages=(structure format tidy)
failures=0

structure() { python3 tools/lint_structure.py; }

format() { tools/sources.sh | xargs clang-format --dry-run -Werror; }

# clang-tidy sees each file as the release build compiles it. Its checks are those of .clang-tidy, all of them errors.
tidy() {
  if [ ! -f build/release/compile_commands.json ]; then
    cmake --preset release >/dev/null || return 1
  fi
  local log=build/release/tidy.log
  tools/sources.sh src apps | grep '\.cpp$' |
    xargs -P "${JOBS:-$(nproc)}" -n 4 clang-tidy -p build/release --quiet --extra-arg=-Wno-unknown-warning-option >"$log" 2>/dev/null
  local status=$?
  grep -E '(error|warning): ' "$log" | sort -u || tail -n 20 "$log"
  return "$status"
}

# The library compiles for ARM, without the x86 kernels, and its portable ones become NEON. Headers of other libraries are the host's.
aarch64() {
  local folder compiler=(aarch64-linux-gnu-g++ -std=c++20 -ffp-contract=off -Wall -Wextra -Werror -DPLIMSOLL_VERSION='""' -Iinclude -Isrc)
  folder=$(mktemp -d) || return 1
  ln -s /usr/include/{fmt,nlohmann} /usr/include/utf8proc.h "$folder"
  compiler+=(-isystem "$folder")
  tools/sources.sh src | grep '\.cpp$' | grep -Ev 'x86|avx' | xargs -P "${JOBS:-$(nproc)}" -n 1 "${compiler[@]}" -fsyntax-only &&
    "${compiler[@]}" -O3 -ffp-contract=fast -S -o - src/device/cpu/kernels_portable.cpp | grep -cE 'fmla\s+v[0-9]+\.4s' >/dev/null
  local status=$?
  rm -r "$folder"
  return "$status"
}

for stage in "${stages[@]}"; do
  start=$SECONDS
  if "$stage"; then result=ok; else result=FAILED; failures=$((failures + 1)); fi
  printf 'lint %s: %s (%d s)\n' "$stage" "$result" "$((SECONDS - start))"
done
exit "$((failures > 0))"
