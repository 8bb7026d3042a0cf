#!/usr/bin/env bash
# Structure, format, cppcheck and clang-tidy. With stage names, only those: tools/lint.sh [structure] [format] [cppcheck] [tidy] [aarch64]
# aarch64 needs g++-aarch64-linux-gnu and is not among those that run by themselves.
set -uo pipefail
cd "$(dirname "$0")/.." || exit 1
stages=("$@")
[ ${#stages[@]} -gt 0 ] || stages=(structure format cppcheck tidy)
failures=0

structure() { python3 tools/lint_structure.py; }

format() { tools/sources.sh | xargs clang-format --dry-run -Werror; }

# Not taken from it: spans and views are passed by value here, and it takes every comparison of indices for a check of bounds.
cppcheck() {
  tools/sources.sh src apps | grep '\.cpp$' |
    xargs -P "${JOBS:-$(nproc)}" -n 40 "$(type -P cppcheck)" --std=c++20 --language=c++ --enable=warning,performance,portability --quiet -Iinclude -Isrc \
      --error-exitcode=1 --suppress=passedByValue --suppress=arrayIndexThenCheck --template='{file}:{line}: {severity}: {message} [{id}]'
}

# What a build without the CUDA toolkit does not compile.
without_cuda() { grep -v 'src/device/cuda/' || true; tools/sources.sh src/device/cuda | grep -E '/(cuda_figures|no_cuda)\.cpp$'; }

# clang-tidy reads the files as the release build compiles them, without CUDA's where that has none. Its checks are those of .clang-tidy, all
# of them errors.
tidy() {
  local commands=build/release/compile_commands.json
  if [ ! -f "$commands" ]; then
    cmake --preset release >/dev/null || return 1
  fi
  python3 tools/tidy.py "$commands" build/release/tidy
}

# The library compiles for ARM, without the x86 kernels, and its portable ones become NEON. Headers of other libraries are the host's.
aarch64() {
  local folder compiler=(aarch64-linux-gnu-g++ -std=c++20 -ffp-contract=off -Wall -Wextra -Werror -DPLIMSOLL_VERSION='""' -Iinclude -Isrc)
  folder=$(mktemp -d) || return 1
  ln -s /usr/include/{fmt,nlohmann} /usr/include/utf8proc.h "$folder"
  compiler+=(-isystem "$folder")
  tools/sources.sh src | grep '\.cpp$' | grep -Ev 'x86|avx' | without_cuda | xargs -P "${JOBS:-$(nproc)}" -n 1 "${compiler[@]}" -fsyntax-only &&
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
