#!/usr/bin/env bash
# Adds to each committed corpus those of the inputs in build/fuzz/corpus that reach more code, the smallest first and none above 2 KiB:
# fuzz/minimize.sh [TARGET...]
set -euo pipefail
cd "$(dirname "$0")/.."
[ $# -gt 0 ] || set -- $(sed -n 's/^plimsoll_fuzzer(\([a-z0-9_]*\).*/\1/p' fuzz/CMakeLists.txt)
for target in "$@"; do
  found=build/fuzz/corpus/$target kept=build/fuzz/kept/$target small=build/fuzz/small/$target
  [ -d "$found" ] || continue
  rm -rf "$kept" "$small"
  mkdir -p "$kept" "$small"
  find "$found" -type f -size -5 -exec cp -t "$small" {} +
  cp fuzz/corpus/"$target"/* "$kept"
  # Edges of the code, not how often each is taken: few inputs and lasting ones.
  build/fuzz/fuzz/fuzz_"$target" -merge=1 -use_value_profile=0 -use_counters=0 "$kept" "$small" >build/fuzz/logs/merge-"$target".log 2>&1 || true
  for input in "$kept"/*; do
    name=$(basename "$input")
    [ -e "fuzz/corpus/$target/$name" ] || cp "$input" "fuzz/corpus/$target/grown-$(cut -c1-10 <<<"$name")"
  done
  echo "$target: $(find "fuzz/corpus/$target" -type f | wc -l) inputs, $(du -sb "fuzz/corpus/$target" | cut -f1) bytes"
done
