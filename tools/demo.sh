#!/usr/bin/env bash
# What Plimsoll does, in half a minute, with the model that comes along: demo.sh [PLIMSOLL]
set -euo pipefail
cd "$(dirname "$0")/.." || exit 1
plimsoll=${1:-build/release/plimsoll}
model=models/sentiment
texts=(
  "The crew was kind and the food was excellent."
  "The food was cold and the waiter was rude."
  "The battery lasts all day and it looks great."
  "The screen cracked on the second day."
  "Not bad at all!"
  "The shop opens at nine."
)
# A GPU on which the model has no room: its weights stream through a few slots.
small=(--sim memory=400KiB --device sim:0)
kept=$(mktemp -d)
trap 'rm -rf "$kept"' EXIT

say() {
  printf '\n$ %s' "$plimsoll $1 $model"
  [ $# -eq 1 ] || printf ' %s' "${@:2}"
  printf '\n'
}

# Two plans in columns where the terminal has room for both, else one below the other.
show_plans() {
  local columns half
  columns=$({ stty size </dev/tty | cut -d' ' -f2; } 2>/dev/null || true)
  columns=${COLUMNS:-${columns:-80}}
  [ -t 1 ] || [ -n "${COLUMNS:-}" ] || columns=80
  if [ "$columns" -lt 160 ]; then
    say plan "'...'"
    "$plimsoll" plan "$model" "${texts[@]}"
    say plan "'...'" "${small[@]}"
    "$plimsoll" plan "$model" "${texts[@]}" "${small[@]}"
    return
  fi
  half=$(((columns - 3) / 2))
  # Plain letters: columns of bytes are columns of the screen.
  LC_ALL=C COLUMNS=$half "$plimsoll" plan "$model" "${texts[@]}" | fold -s -w "$half" >"$kept/left"
  LC_ALL=C COLUMNS=$half "$plimsoll" plan "$model" "${texts[@]}" "${small[@]}" | fold -s -w "$half" >"$kept/right"
  printf '\n%-*s | %s\n' "$half" "\$ $plimsoll plan $model '...'" "... ${small[*]}"
  paste -d '\t' "$kept/left" "$kept/right" | awk -F '\t' -v half="$half" '{ printf "%-*s | %s\n", half, $1, $2 }'
}

say run "${texts[@]@Q}"
"$plimsoll" run "$model" "${texts[@]}" | tee "$kept/cpu"

printf '\nThe same on a simulated GPU with a sixth of the memory that the weights take:\n'
say run "'...'" "${small[@]}"
"$plimsoll" run "$model" "${texts[@]}" "${small[@]}" | tee "$kept/small"

if ! cmp -s "$kept/cpu" "$kept/small"; then
  printf '\nThe answers differ. That must not happen: please report it.\n' >&2
  diff "$kept/cpu" "$kept/small" >&2
  exit 1
fi
printf '\nThe labels and their scores are the same. This is where everything lay:\n'
show_plans
