#!/usr/bin/env bash
# What Plimsoll does, in half a minute, with the model that comes along.
set -euo pipefail
cd "$(dirname "$0")/.." || exit 1
plimsoll=build/release/plimsoll
model=models/sentiment

show() {
  printf '\n$ %s' "$plimsoll $1 $model"
  [ $# -eq 1 ] || printf " '%s'" "${@:2}"
  printf '\n'
  "$plimsoll" "$1" "$model" "${@:2}"
}

show run \
  "The crew was kind and the food was excellent." \
  "The food was cold and the waiter was rude." \
  "The battery lasts all day and it looks great." \
  "The screen cracked on the second day." \
  "Not bad at all!" \
  "The shop opens at nine."
show plan
