#!/usr/bin/env python3
"""A model's file is replaced, truncated or deleted while the command runs: in_use.py COMMAND FIXTURES

Weights stream from the file in every pass here, as they do in the smallest budget. A file that is renamed away, replaced or deleted stays
the one that was opened, so the answers stay the same to the bit; one that is cut short, or whose bytes become others, is an error or other
numbers, but never a signal.
"""
import json
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile

from check import rows_of

TEXT = json.dumps({"text": "the film was good"}).encode() + b"\n"
PATIENCE = 60


def smallest_budget(command, model):
    plan = subprocess.run([command, "plan", model, "--json", "--max-length", "16"], stdout=subprocess.PIPE, check=True)
    return json.loads(plan.stdout)["smallest_budget"]["cpu"]


def renamed(file):
    file.rename(file.with_name("away"))


def deleted(file):
    file.unlink()


def replaced(file):
    other = file.with_name("other")
    other.write_bytes(b"nothing of the kind")
    other.rename(file)


def truncated(file):
    os.truncate(file, 1000)


def emptied(file):
    os.truncate(file, 0)


def grown(file):
    with open(file, "ab") as out:
        out.write(bytes(1 << 20))


def overwritten(file):
    size = file.stat().st_size
    with open(file, "r+b") as out:
        out.write(b"\xff" * size)


MODELS = {"models/bert": "model.safetensors", "variants/bin": "pytorch_model.bin", "variants/bin-strided": "pytorch_model.bin"}
# What may come of the second row: the same answer, a corrupt file, or (with other weights) a finite other answer.
CASES = {renamed: "same", deleted: "same", replaced: "same", grown: "same", truncated: "corrupt", emptied: "corrupt", overwritten: "corrupt"}


def spoil_while_it_runs(command, good, name, change):
    """(first row, further rows, exit status, standard error)"""
    folder = pathlib.Path(tempfile.mkdtemp(prefix="in-use-"))
    try:
        model = folder / "model"
        shutil.copytree(good, model)
        budget = smallest_budget(command, model)
        arguments = [command, "run", model, "--json", "--jsonl", "--max-length", "16", "--max-memory", str(budget)]
        with subprocess.Popen(arguments, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
            process.stdin.write(TEXT)
            process.stdin.flush()
            first = process.stdout.readline().decode()
            change(model / name)
            out, err = process.communicate(TEXT, timeout=PATIENCE)
            return first, out.decode(), process.returncode, err.decode()
    finally:
        shutil.rmtree(folder)


def fault_of(expected, name, first, rest, status, err):
    """What is wrong, or nothing."""
    if not first:
        return f"no first answer: {err}"
    answer, others = rows_of(first)[0], rows_of(rest)
    if expected == "same":
        same = status == 0 and len(others) == 1 and others[0]["scores"] == answer["scores"]
        return "" if same else f"not the same answer, exit code {status}: {rest} {err}"
    if status == 5 and '"corrupt_file"' in err and name in err:
        return ""
    return f"exit code {status}: {rest} {err}"


def main():
    command, fixtures = sys.argv[1], pathlib.Path(sys.argv[2])
    failed = 0
    for model, name in MODELS.items():
        for change, expected in CASES.items():
            fault = fault_of(expected, name, *spoil_while_it_runs(command, fixtures / model, name, change))
            failed += bool(fault)
            print(f"{'FAIL' if fault else 'ok  '}  {model} {change.__name__} {fault}")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
