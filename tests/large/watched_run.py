#!/usr/bin/env python3
"""A model of 1.25 GiB, seen by `top --json --watch 0.2`: watched_run.py PLIMSOLL MAKE_CHECKPOINT FOLDER

While it loads, its run rises to what was planned, to the byte; when it ends, it is gone.
"""
import itertools
import json
import os
import pathlib
import subprocess
import sys
import tempfile
import time

from command import Checks, make_checkpoint

PATIENCE = 120


def looks(top, pid):
    """What each look says of the run: its phase, current and planned bytes; None where it is not listed."""
    for line in top.stdout:
        runs = [run for run in json.loads(line)["runs"] if run["pid"] == pid]
        host = runs[0]["devices"][0] if runs else None
        yield (runs[0]["phase"], host["current"], host["planned"]) if runs else None


def main():
    plimsoll, tool, folder = sys.argv[1], sys.argv[2], pathlib.Path(sys.argv[3])
    model = str(folder / "bert-large-float32")
    make_checkpoint(tool, model, "--shape", "large")
    checks = Checks()
    with tempfile.TemporaryDirectory() as place:
        environment = dict(os.environ, XDG_RUNTIME_DIR=place)
        top = subprocess.Popen([plimsoll, "top", "--json", "--watch", "0.2"], stdout=subprocess.PIPE, text=True, env=environment)
        top.stdout.readline()
        run = subprocess.Popen([plimsoll, "run", model], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=environment)
        seen = []
        deadline = time.monotonic() + PATIENCE
        for look in looks(top, run.pid):
            seen.append(look)
            if time.monotonic() > deadline or (look and look[0] == "waiting"):
                break
        run.stdin.close()
        run.wait()
        gone = any(look is None for look in itertools.islice(looks(top, run.pid), 100))  # the first may be from before it ended
        top.terminate()
        top.wait()
        listed = [look for look in seen if look]
        print(" ".join(f"{phase}:{current / 2**20:.0f}" for phase, current, _ in listed))
        currents = [current for _, current, _ in listed]
        rising = [current for phase, current, planned in listed if phase == "loading" and current < planned]
        checks.expect(currents == sorted(currents), "what it holds only rises")
        checks.expect(len(rising) >= 2, f"seen {len(rising)} times on its way")
        checks.expect(bool(listed) and listed[-1][0] == "waiting" and listed[-1][1] == listed[-1][2], "and comes to its plan, to the byte")
        checks.expect(gone, "gone when it has ended")
        left = [name for name in os.listdir(pathlib.Path(place) / "plimsoll") if name.startswith("run-")]
        checks.expect(not left, f"nothing is left behind: {left}")
    sys.exit(checks.failed > 0)


if __name__ == "__main__":
    main()
