#!/usr/bin/env python3
"""Under a quota of one processor, the default number of threads wastes nothing: cpu_quota.py PLIMSOLL MAKE_CHECKPOINT FOLDER

Throughput with a cgroup quota of one processor and default threads, against --threads 1 without a quota, in pairs. Exits 77
(skipped) where no cgroup with a CPU quota can be made.
"""
import json
import os
import pathlib
import statistics
import sys

from command import make_checkpoint, watch

PAIRS = 5
TEXTS = ["the film was good and the plot was thin " * 12] * 24


def make_group():
    """A fresh cgroup limited to one processor, or nothing. Version 1 or 2."""
    name = f"plimsoll-test-{os.getpid()}"
    for parent, files in (("/sys/fs/cgroup/cpu", {"cpu.cfs_period_us": "100000", "cpu.cfs_quota_us": "100000"}), ("/sys/fs/cgroup", {"cpu.max": "100000 100000"})):
        group = pathlib.Path(parent) / name
        try:
            group.mkdir()
        except OSError:
            continue
        try:
            for file, value in files.items():
                (group / file).write_text(value)
            return group
        except OSError:
            group.rmdir()
    return None


def tokens_per_second(arguments, report, preexec=None):
    status, _, err, _, _ = watch([*arguments, "--report", str(report)], preexec)
    if status != 0:
        sys.exit(f"exit {status}: {err}")
    return json.loads(report.read_text())["timing"]["tokens_per_second"]


def main():
    plimsoll, tool, folder = sys.argv[1:4]
    group = make_group()
    if group is None:
        print("skipped: no cgroup with a CPU quota can be made here")
        sys.exit(77)
    model = str(pathlib.Path(folder) / "bert-base")
    report = pathlib.Path(folder) / "quota.json"
    make_checkpoint(tool, model, "--shape", "base")
    run = [plimsoll, "run", model, "--json", *TEXTS]
    try:
        def enter():
            (group / "cgroup.procs").write_text(str(os.getpid()))

        ratios = []
        for _ in range(PAIRS):
            free = tokens_per_second([*run, "--threads", "1"], report)
            ratios.append(tokens_per_second(run, report, enter) / free)
    finally:
        group.rmdir()
    ratio = statistics.median(ratios)
    print(f"throughput under the quota / one thread without: median {ratio:.3f} of {[round(r, 3) for r in ratios]}")
    sys.exit(ratio < 0.9)


if __name__ == "__main__":
    main()
