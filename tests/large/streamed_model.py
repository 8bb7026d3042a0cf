#!/usr/bin/env python3
"""A model of BERT-large's shape where it has no room: streamed_model.py PLIMSOLL MAKE_CHECKPOINT FOLDER

Inside a real control group of 64 MiB (bfloat16: 40 MiB), and on a simulated GPU of 64 MiB: the same bits as with all the memory there
is, within the plan, and nothing is killed. Exits 77 (skipped) where no memory control group can be made.
"""
import json
import pathlib
import subprocess
import sys

from cgroup import memory_group, skip_without_groups
from command import Checks, make_checkpoint

MIB = 2**20
PASS = ["--batch-size", "8", "--max-length", "128", "--forbid", "microbatch"]


def smallest_budget(plimsoll, model):
    plan = subprocess.run([plimsoll, "plan", model, "--json", *PASS], capture_output=True, text=True, check=True, stdin=subprocess.DEVNULL)
    return json.loads(plan.stdout)["smallest_budget"]["cpu"]


class Case:
    def __init__(self, plimsoll, model, folder, checks):
        self.plimsoll, self.model, self.folder, self.checks = plimsoll, model, folder, checks

    def run(self, passes, *flags, group=None):
        """(answers, report) of a run over that many full passes."""
        texts = self.folder / "streamed.txt"
        texts.write_text("".join(f"{n} the film was good and the plot was thin " * 32 + "\n" for n in range(8 * passes)))
        report = self.folder / "streamed.json"
        command = [self.plimsoll, "run", self.model, "--json", "--logits", "--input", texts, "--report", report, *PASS, *flags]
        done = subprocess.run(command, capture_output=True, text=True, preexec_fn=group.enter if group else None)
        self.checks.expect(done.returncode == 0, f"{' '.join(flags)} exit {done.returncode} {done.stderr.strip()[-200:]}")
        return (done.stdout, json.loads(report.read_text())) if done.returncode == 0 else (None, None)

    def in_group(self, limit, most, answers):
        with memory_group(limit) as group:
            limited, report = self.run(2, group=group)
            self.checks.expect(group.kills() == 0, f"no kill in {limit // MIB} MiB")
        self.checks.expect(limited == answers, f"the same bits in {limit // MIB} MiB")
        if report is None:
            return
        actual, planned = report["actual"]["cpu"], report["plan"]["devices"][0]["planned"]
        self.checks.expect(actual["rss_anon_peak"] <= planned["total"], f"process {actual['rss_anon_peak'] / MIB:.1f} of {planned['total'] / MIB:.1f} MiB planned")
        self.checks.expect(actual["ledger_peak"] == planned["total"] - planned["runtime"], "the ledger's peak is the plan's")
        smallest = smallest_budget(self.plimsoll, self.model)
        self.checks.expect(smallest <= most, f"the smallest budget is {smallest / MIB:.1f} MiB, at most {most // MIB}")
        tight, _ = self.run(2, "--max-memory", f"cpu={smallest}")
        self.checks.expect(tight == answers, "and the same bits with it")

    def on_device(self, answers):
        """A second pass whose weights are in the host's memory: its transfers are hidden behind the device's work."""
        seconds = []
        for passes in (1, 2):
            there, report = self.run(passes, "--sim", "memory=64MiB")
            if report is None:
                return
            seconds.append(report["actual"]["sim:0"]["seconds"])
            device = report["plan"]["devices"][1]["planned"]
            self.checks.expect(report["actual"]["sim:0"]["ledger_peak"] == device["total"], "the device's ledger peaks at its plan")
        self.checks.expect(there == answers, "the same bits on a device of 64 MiB")
        layers = [layer for layer in report["plan"]["layers"] if layer["name"].startswith("encoder")]
        transfer = sum(layer["bytes"] for layer in layers) / 12e9
        compute = 2 * 1024 * sum(layer["bytes"] / 4 for layer in layers) / 1e12
        bound = max(transfer, compute)
        self.checks.expect(seconds[1] - seconds[0] <= 1.1 * bound, f"the second pass took {seconds[1] - seconds[0]:.3f} s of {bound:.3f} s at best, by the device's clock")


def main():
    plimsoll, tool, folder = sys.argv[1], sys.argv[2], pathlib.Path(sys.argv[3])
    probe = memory_group(64 * MIB)
    if probe is None:
        skip_without_groups()
    probe.__exit__()
    checks = Checks()
    for dtype, limit, most in (("float32", 64 * MIB, 48 * MIB), ("bfloat16", 40 * MIB, 32 * MIB)):
        model = str(folder / f"bert-large-{dtype}")
        make_checkpoint(tool, model, "--shape", "large", *([] if dtype == "float32" else ["--dtype", dtype]))
        case = Case(plimsoll, model, folder, checks)
        answers, _ = case.run(2)
        case.in_group(limit, most, answers)
        if dtype == "float32":
            case.on_device(answers)
    sys.exit(checks.failed > 0)


if __name__ == "__main__":
    main()
