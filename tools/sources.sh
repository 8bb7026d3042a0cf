#!/usr/bin/env bash
# Lists our C++ files; with arguments, those below the given folders.
set -euo pipefail
cd "$(dirname "$0")/.." || exit 1
folders=("$@")
[ ${#folders[@]} -gt 0 ] || folders=(include src apps tests bench fuzz)
for folder in "${folders[@]}"; do
  [ -d "$folder" ] || continue
  find "$folder" -name fixtures -prune -o -type f \( -name '*.h' -o -name '*.cpp' \) -print
done | sort
