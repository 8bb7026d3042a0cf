#!/usr/bin/env python3
"""Under a quota of one processor, the default number of threads wastes nothing: cpu_quota.py PLIMSOLL MAKE_CHECKPOINT FOLDER

Throughput with a cgroup quota of one processor and default threads, against --threads 1 without a quota, in pairs. Exits 77
(skipped) where no cgroup with a CPU quota can be made.
"""
import json
import pathlib
import statistics
import sys

from cgroup import processor_group
from command import make_checkpoint, watch

PAIRS = 5
TEXTS = ["the film was good and the plot was thin " * 12] * 24


def tokens_per_second(arguments, report, preexec=None):
    status, _, err, _, _ = watch([*arguments, "--report", str(report)], preexec)
    if status != 0:
        sys.exit(f"exit {status}: {err}")
    return json.loads(report.read_text())["timing"]["tokens_per_second"]


def main():
    plimsoll, tool, folder = sys.argv[1:4]
    group = processor_group(100000)
    if group is None:
        print("skipped: no cgroup with a CPU quota can be made here")
        sys.exit(77)
    model = str(pathlib.Path(folder) / "bert-base")
    report = pathlib.Path(folder) / "quota.json"
    make_checkpoint(tool, model, "--shape", "base")
    run = [plimsoll, "run", model, "--json", *TEXTS]
    with group:
        ratios = []
        for _ in range(PAIRS):
            free = tokens_per_second([*run, "--threads", "1"], report)
            ratios.append(tokens_per_second(run, report, group.enter) / free)
    ratio = statistics.median(ratios)
    print(f"throughput under the quota / one thread without: median {ratio:.3f} of {[round(r, 3) for r in ratios]}")
    sys.exit(ratio < 0.9)


if __name__ == "__main__":
    main()
