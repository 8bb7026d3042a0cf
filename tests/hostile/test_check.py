#!/usr/bin/env python3
"""The check itself can fail: commands that misbehave, each in one way, and what is found."""
import json
import pathlib
import sys
import tempfile

import check

GOOD = 'echo "plimsoll: error: not valid JSON (model/config.json at byte 3): get it again" >&2; exit 5'
ERROR = json.dumps({"error": {"code": "corrupt_file", "message": "not valid JSON (model/config.json at byte 3)"}})
# Script, whether it speaks JSON, and what must be found in it; nothing where it behaves.
SCRIPTS = (
    (GOOD, False, ""),
    (f"echo '{ERROR}' >&2; exit 5", True, ""),
    ("kill -SEGV $$", False, "SIGSEGV"),
    ("kill -ABRT $$", False, "SIGABRT"),
    ("exit 134", False, "exit code 134"),
    (GOOD.replace("exit 5", "exit 0"), False, "exit code 0"),
    (GOOD.replace("exit 5", "exit 1"), False, "exit code 1"),
    ("exit 5", False, "0 error lines"),
    (GOOD.replace("; exit", "; echo plimsoll: error: again >&2; exit"), False, "2 error lines"),
    (GOOD.replace("; exit", "; echo stray >&2; exit"), False, "stray lines"),
    (GOOD.replace("config.json", "another.json"), False, "config.json is not named"),
    (GOOD.replace("JSON", r"$(printf '\033[31m')"), False, "control characters"),
    (GOOD.replace("JSON", r"$(printf '\342\200\256')"), False, "control characters"),
    (GOOD.replace("JSON", r"$(printf '\377')"), False, "not UTF-8"),
    ("echo 'terminate called after throwing' >&2; " + GOOD, False, "a trace"),
    ("printf '\\033]0;title\\007'; " + GOOD, False, "control characters on stdout"),
    (f"echo '{ERROR}' >&2; echo '{ERROR}' >&2; exit 5", True, "2 error objects"),
    (f"echo '{ERROR.replace('corrupt_file', 'not_found')}' >&2; exit 5", True, "code not_found with exit code 5"),
    ("echo '{\"error\": ' >&2; exit 5", True, "no error object"),
    (f"echo '{{\"score\": NaN}}'; echo '{ERROR}' >&2; exit 5", True, "stdout is no JSON"),
    ("exec python3 -c 'x = bytearray(b\"x\") * (128 << 20)'", False, "MiB of memory"),
    ("while :; do :; done", False, "s of processor time"),
    # Once, as where the machine was busy with something else: what it took then does not count.
    ("[ -e $FOLDER/again ] || { touch $FOLDER/again; exec timeout 0.6 sh -c 'while :; do :; done'; }; " + GOOD, False, ""),
    ("sleep 1000", False, "hung"),
)


def main():
    check.SECONDS, check.HANG, check.MEMORY = 0.2, 1.0, 64 << 20
    check.limit_children(False)
    failed = 0
    with tempfile.TemporaryDirectory() as folder:
        for script, as_json, wanted in SCRIPTS:
            outcome = check.run_fairly(["/bin/sh", "-c", script], {"FOLDER": folder}, None, pathlib.Path(folder))
            faults = check.Check(outcome, (5,), "config.json", as_json).faults
            fine = any(wanted in fault for fault in faults) if wanted else not faults
            failed += not fine
            print(f"{'ok  ' if fine else 'FAIL'}  {script[:60]}: {faults}")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
