#!/usr/bin/env python3
"""Eight processes with a model of BERT-large's shape on one simulated GPU of 2 GiB: shared_device.py PLIMSOLL MAKE_CHECKPOINT FOLDER

One has room there and the others come as near as they can: each gives the same bits as alone or says what is full (exit 6), and nothing
stays behind on the device.
"""
import json
import pathlib
import subprocess
import sys

from command import Checks, make_checkpoint, rows

PROCESSES = 8
TEXT = "the film was good and the plot was thin"
DEVICE = ["--sim", "name=shared-large,memory=2GiB"]


def free_there(plimsoll, model):
    plan = subprocess.run([plimsoll, "plan", model, "--json", *DEVICE, TEXT], capture_output=True, text=True, check=True)
    return json.loads(plan.stdout)["devices"][1]["free"]


def main():
    plimsoll, tool, folder = sys.argv[1], sys.argv[2], pathlib.Path(sys.argv[3])
    checks = Checks()
    model = str(folder / "bert-large-float32")
    make_checkpoint(tool, model, "--shape", "large")
    command = [plimsoll, "run", model, "--json", "--logits"]
    alone = rows(subprocess.run([*command, TEXT], capture_output=True, text=True, check=True).stdout)
    processes = [subprocess.Popen([*command, *DEVICE, TEXT], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
                 for _ in range(PROCESSES)]
    answered = 0
    for process in processes:
        out, err = process.communicate()
        checks.expect(process.returncode in (0, 6), f"exit {process.returncode} {err.strip()[-200:]}")
        if process.returncode != 0:
            continue
        checks.expect(rows(out) == alone, "the same bits as alone")
        answered += 1
    checks.expect(answered > 1, f"{answered} of {PROCESSES} answered")
    left = free_there(plimsoll, model)
    checks.expect(left == 2 << 30, f"{left} bytes are free when all have ended")
    sys.exit(checks.failed > 0)


if __name__ == "__main__":
    main()
