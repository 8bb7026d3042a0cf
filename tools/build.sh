#!/usr/bin/env bash
# Configures and builds a preset: tools/build.sh PRESET [TARGET...]
set -euo pipefail
cd "$(dirname "$0")/.." || exit 1
preset=${1:?usage: tools/build.sh PRESET [TARGET...]}
shift

if [ ! -f "build/$preset/build.ninja" ]; then
  launcher=()
  if command -v ccache >/dev/null; then launcher=(-DCMAKE_CXX_COMPILER_LAUNCHER=ccache); fi
  log=$(cmake --preset "$preset" "${launcher[@]}" 2>&1) || { printf '%s\n' "$log" >&2; exit 1; }
fi
targets=()
if [ $# -gt 0 ]; then targets=(--target "$@"); fi
cmake --build --preset "$preset" --parallel "${JOBS:-$(nproc)}" "${targets[@]}"
