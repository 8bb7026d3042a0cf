#!/usr/bin/env python3
"""A model of BERT-large's shape, seen from outside: large_model.py PLIMSOLL MAKE_CHECKPOINT FOLDER

The directory is like the pretrained one: old names, no classifier. Checks that it loads, warns and classifies, and that the
memory of the process stays within the plan's total and above nine tenths of it.
"""
import json
import math
import pathlib
import sys

from command import Checks, bytes_beside_arenas, make_checkpoint, rows, watch


def main():
    plimsoll, tool, folder = sys.argv[1:4]
    model = str(pathlib.Path(folder) / "bert-large-pretrained")
    report_file = pathlib.Path(folder) / "report.json"
    make_checkpoint(tool, model, "--shape", "large", "--old-names")
    checks = Checks()

    run = [plimsoll, "run", model, "--json", "--logits", "--report", str(report_file), "the film was good", "it was bad " * 60]
    status, out, err, peak, _ = watch(run)
    checks.expect(status == 0, f"classifies: exit {status} {err.strip()[-200:]}")
    if status != 0:
        sys.exit(1)
    answers = rows(out)
    checks.expect(len(answers) == 2 and all(len(a["logits"]) == 2 and all(map(math.isfinite, a["logits"])) for a in answers), "two finite logits a text")
    checks.expect("classifier.weight" in err and "classifier.bias" in err, "the warning names the missing tensors")

    report = json.loads(report_file.read_text())
    planned = report["plan"]["devices"][0]["planned"]
    actual = report["actual"]["cpu"]
    total = planned["total"]
    checks.expect(actual["ledger_peak"] == total - planned["runtime"], f"ledger {actual['ledger_peak']} is the plan's {total - planned['runtime']}")
    checks.expect(peak <= total, f"from outside {peak} bytes, within the planned {total}")
    checks.expect(peak >= 0.9 * total, f"and at least nine tenths of it ({peak / total:.3f})")

    again = watch(run, measure=bytes_beside_arenas)
    share = again[3] / planned["runtime"]
    checks.expect(0.5 <= share <= 1, f"beside arenas {again[3] / 2**20:.2f} MiB, {share:.2f} of the allowance")
    checks.expect(rows(again[1]) == answers, "the same answers on every run")
    refused = watch([plimsoll, "run", model, "--require-all-weights", "x"])
    checks.expect(refused[0] == 4, f"--require-all-weights: exit {refused[0]}")
    sys.exit(checks.failed > 0)


if __name__ == "__main__":
    main()
