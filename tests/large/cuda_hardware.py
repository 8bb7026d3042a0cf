#!/usr/bin/env python3
"""On a GPU: BERT-large where it has little room, a neighbour that leaves little, and random budgets: cuda_hardware.py BUILD ROUNDS

Every answer must be that of the processor. The neighbour is build/tests/device/cuda_ballast, which holds what it is told to. Exits 1 with a
line for each failure.
"""
import json
import pathlib
import random
import subprocess
import sys

TOLERANCE = 2e-4
HALF_TOLERANCE = 5e-2
SHORT_TEXTS = ["the mark shows how deep", "she may be loaded", "a line on the hull of a ship " * 8]


class Checks:
    def __init__(self, build):
        self.build = pathlib.Path(build)
        self.failures = 0

    def fail(self, what):
        print(f"FAILED: {what}", file=sys.stderr)
        self.failures += 1

    def run(self, model, *flags):
        command = [self.build / "plimsoll", "run", model, *SHORT_TEXTS, "--json", "--logits", "--no-progress", *flags]
        return subprocess.run([str(word) for word in command], capture_output=True, text=True, timeout=600)

    def logits(self, finished):
        return [json.loads(line)["logits"] for line in finished.stdout.splitlines()]

    def same(self, name, expected, finished, tolerance):
        """True where the answers are the expected ones."""
        if finished.returncode != 0:
            self.fail(f"{name}: exit {finished.returncode}: {finished.stderr.strip()}")
            return False
        got = self.logits(finished)
        worst = max(abs(a - b) / (1 + abs(b)) for row, want in zip(got, expected) for a, b in zip(row, want))
        if len(got) != len(expected) or not worst <= tolerance:
            self.fail(f"{name}: off by {worst}")
            return False
        print(f"passed: {name} (within {worst:.1e})")
        return True

    def ballast(self, leave):
        """A process that holds all of cuda:0's memory but `leave`."""
        process = subprocess.Popen([self.build / "tests/device/cuda_ballast", str(leave)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        print(f"ballast: {process.stdout.readline().strip()}")
        return process

    def small_budget(self, folder):
        model = folder / "bert-large-float32"
        expected = self.logits(self.run(model, "--device", "cpu"))
        for dtype, tolerance in (("float16", HALF_TOLERANCE), ("bfloat16", 4 * HALF_TOLERANCE)):
            finished = self.run(model, "--device", "cuda:0", "--dtype", dtype, "--max-memory", "cuda:0=64MiB")
            self.same(f"BERT-large, {dtype}, 64 MiB of cuda:0", expected, finished, tolerance)
        for leave in (1536, 512):
            neighbour = self.ballast(f"{leave}MiB")
            try:
                self.same(f"BERT-large, float32, a neighbour leaves {leave} MiB", expected, self.run(model, "--device", "cuda:0"), TOLERANCE)
            finally:
                neighbour.communicate("")

    def random_budgets(self, rounds):
        model = "models/sentiment"
        expected = self.logits(self.run(model, "--device", "cpu"))
        least = 0
        plan = subprocess.run([self.build / "plimsoll", "plan", model, *SHORT_TEXTS, "--json", "--device", "cuda:0"], capture_output=True, text=True)
        if plan.returncode != 0:
            self.fail(f"plan: {plan.stderr.strip()}")
            return
        least = json.loads(plan.stdout)["smallest_budget"].get("cuda:0", 0)
        numbers = random.Random(1)
        refused = 0
        for _ in range(rounds):
            budget = int(least * numbers.uniform(0.5, 3))
            finished = self.run(model, "--device", "cuda:0", "--max-memory", f"cuda:0={budget}")
            if budget < least:
                refused += 1
                if finished.returncode != 6:
                    self.fail(f"{budget} of {least} bytes: exit {finished.returncode}: {finished.stderr.strip()}")
            elif not self.same(f"{budget} bytes", expected, finished, TOLERANCE):
                break
        print(f"random budgets: {rounds}, {refused} of them refused with 6")


def main():
    build, rounds = sys.argv[1], int(sys.argv[2])
    checks = Checks(build)
    checks.random_budgets(rounds)
    folder = pathlib.Path("build/bench")
    made = subprocess.run([f"{build}/bench/make_checkpoint", folder / "bert-large-float32", "--shape", "large"])
    if made.returncode != 0:
        checks.fail("make_checkpoint")
    else:
        checks.small_budget(folder)
    return 1 if checks.failures else 0


if __name__ == "__main__":
    sys.exit(main())
