#!/usr/bin/env python3
"""Weights streamed from disk under a real memory limit, against the same model resident: in pairs, pass by pass.

    streaming.py PLIMSOLL MODEL --limit 64MiB [--shape 8x128] [--cold] [--pairs 7] [--json FILE]

A pair is the time of a pass without a limit and inside a control group of the given size, each from wall(5 passes) - wall(1 pass), so that
starting and loading are not counted. Answers must be the same bits. Without --cold the model's file is in the page cache, read there by
a process outside the group; with it, caches are dropped before every run (needs root)."""
import argparse
import json
import pathlib
import statistics
import subprocess
import sys
import tempfile
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "tests" / "large"))
from cgroup import memory_group  # noqa: E402

UNITS = {"KiB": 1 << 10, "MiB": 1 << 20, "GiB": 1 << 30}
MORE = 4  # passes beyond the first


def size(text):
    return int(text[:-3]) * UNITS[text[-3:]]


class Runs:
    def __init__(self, arguments, folder):
        self.plimsoll, self.model, self.cold = arguments.plimsoll, arguments.model, arguments.cold
        self.texts, self.tokens = map(int, arguments.shape.split("x"))
        self.flags = arguments.flag
        self.folder = folder
        for passes in (1, 1 + MORE):
            rows = [f"{n} the film was good and the plot was thin " * (self.tokens // 4) for n in range(passes * self.texts)]
            (folder / f"{passes}.txt").write_text("\n".join(rows) + "\n")

    def prepare(self):
        if self.cold:
            subprocess.run(["sync"], check=True)
            pathlib.Path("/proc/sys/vm/drop_caches").write_text("3")
        else:
            for file in pathlib.Path(self.model).glob("*.safetensors"):
                subprocess.run(["cat", file], check=True, stdout=subprocess.DEVNULL)

    def seconds(self, passes, group=None):
        """(seconds, answers, report) of a run over that many passes."""
        self.prepare()
        report = self.folder / "report.json"
        command = [self.plimsoll, "run", self.model, "--input", self.folder / f"{passes}.txt", "--batch-size", str(self.texts), "--max-length", str(self.tokens),
                   "--forbid", "microbatch", "--json", "--logits", "-q", "--report", report, *self.flags]
        start = time.monotonic()
        done = subprocess.run(command, capture_output=True, text=True, preexec_fn=group.enter if group else None)
        seconds = time.monotonic() - start
        if done.returncode != 0:
            sys.exit(f"exit {done.returncode}: {done.stderr}")
        return seconds, done.stdout, json.loads(report.read_text())

    def pass_seconds(self, group=None):
        one, _, _ = self.seconds(1, group)
        all_of_them, answers, report = self.seconds(1 + MORE, group)
        return (all_of_them - one) / MORE, answers, report


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("plimsoll")
    parser.add_argument("model")
    parser.add_argument("--limit", type=size, required=True)
    parser.add_argument("--shape", default="8x128")
    parser.add_argument("--cold", action="store_true")
    parser.add_argument("--pairs", type=int, default=7)
    parser.add_argument("--json", type=pathlib.Path)
    parser.add_argument("--flag", action="append", default=[], help="handed to plimsoll run, inside and outside the group")
    arguments = parser.parse_args()
    group = memory_group(arguments.limit)
    if group is None:
        print("skipped: no control group with a memory limit can be made here")
        sys.exit(77)
    pairs = []
    with group, tempfile.TemporaryDirectory() as folder:
        runs = Runs(arguments, pathlib.Path(folder))
        for number in range(arguments.pairs):
            first, second = (None, group) if number % 2 == 0 else (group, None)
            measured = {id(g): runs.pass_seconds(g) for g in (first, second)}
            free, limited = measured[id(None)], measured[id(group)]
            if free[1] != limited[1]:
                sys.exit("the answers differ")
            pairs.append((free[0], limited[0]))
            actual, planned = limited[2]["actual"]["cpu"], limited[2]["plan"]["devices"][0]["planned"]["total"]
            print(f"resident {free[0] * 1e3:7.1f} ms  limited {limited[0] * 1e3:7.1f} ms  ratio {limited[0] / free[0]:.3f}  "
                  f"process {actual['rss_anon_peak'] / (1 << 20):.1f} of {planned / (1 << 20):.1f} MiB planned", flush=True)
        kills = group.kills()
    ratios = [limited / free for free, limited in pairs]
    result = {"model": pathlib.Path(arguments.model).name, "shape": arguments.shape, "limit": arguments.limit, "cold": arguments.cold, "kills": kills,
              "resident_ms": statistics.median(f for f, _ in pairs) * 1e3, "limited_ms": statistics.median(l for _, l in pairs) * 1e3,
              "ratio": statistics.median(ratios), "least": min(ratios), "largest": max(ratios)}
    print(f"{result['model']} {arguments.shape} in {arguments.limit >> 20} MiB, {'cold' if arguments.cold else 'cached'}: ratio {result['ratio']:.3f} "
          f"({result['least']:.3f} to {result['largest']:.3f}, {len(ratios)} pairs), same bits, {kills} kills")
    if arguments.json:
        arguments.json.write_text(json.dumps(result, indent=1))


if __name__ == "__main__":
    main()
