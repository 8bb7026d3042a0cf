#!/usr/bin/env python3
"""Runs a command on hostile input of every kind: hostile.py COMMAND FIXTURES [--torture] [--sanitized] [--every N] [--only REGEX] [--list] [--keep]

Each case spoils a copy of a good model (`*_cases.py`), and `run`, `plan` and `tokenize` must each end as Check says: with the documented
exit code, one line that names the place, no control characters, within 5 s and 300 MiB. --torture adds the large cases, --every takes one of N.
"""
import argparse
import concurrent.futures
import os
import pathlib
import re
import shutil
import sys
import tempfile

import bin_cases
import check
import config_cases
import index_cases
import input_cases
import path_cases
import pickle_cases
import safetensors_cases
import tokenizer_cases
import value_cases
from model import Model

READERS = (safetensors_cases, index_cases, config_cases, tokenizer_cases, path_cases, input_cases, bin_cases, pickle_cases, value_cases)


def all_cases():
    return [case for reader in READERS for case in reader.cases()]


def arguments_of(command, case, model):
    """`run` speaks JSON, the others text, so that both are looked at."""
    arguments = [command, model.path, *(["--json", "--threads", "1"] if command == "run" else []), *model.arguments]
    if case.text is None:
        return arguments
    if not callable(case.text):
        return [*arguments, "--", case.text]
    texts = model.folder / "texts.txt"
    texts.write_text(case.text())
    return [*arguments, "--input", str(texts)]


def check_case(case, options):
    """What is wrong, command by command."""
    folder = pathlib.Path(tempfile.mkdtemp(prefix="hostile-"))
    try:
        model = Model(pathlib.Path(options.fixtures, case.good), folder)
        case.build(model)
        faults = []
        for command in case.commands:
            outcome = check.run_fairly([options.command, *arguments_of(command, case, model)], model.environment, model.input, folder)
            affected = command in case.affected
            codes = case.codes if affected else (0,)
            found = check.Check(outcome, codes, case.where if affected else "", command == "run", options.sanitized)
            if options.verbose:
                faults.append((command, f"{outcome.status} {outcome.cpu_seconds:.2f} s {outcome.memory >> 20} MiB {outcome.err.decode(errors='replace')[:400]}"))
            faults += [(command, fault) for fault in found.faults]
        return faults
    finally:
        if options.keep:
            print(f"{case.name}: {folder}")
        else:
            shutil.rmtree(folder, ignore_errors=True)


def parse():
    parser = argparse.ArgumentParser(usage=__doc__)
    parser.add_argument("command")
    parser.add_argument("fixtures")
    parser.add_argument("--only", default="")
    parser.add_argument("--every", type=int, default=1)
    for flag in ("--torture", "--sanitized", "--list", "--keep", "--verbose"):
        parser.add_argument(flag, action="store_true")
    return parser.parse_args()


def main():
    options = parse()
    cases = [case for case in all_cases() if re.search(options.only, case.name) and (options.torture or not case.large)][:: options.every]
    if options.list:
        print("\n".join(case.name for case in cases))
        return 0
    check.limit_children(options.sanitized)
    failed = 0
    # Large ones one by one, since what this process holds counts as the command's.
    for large, workers in ((False, os.cpu_count()), (True, 1)):
        some = [case for case in cases if case.large == large]
        with concurrent.futures.ThreadPoolExecutor(workers) as pool:
            for case, faults in zip(some, pool.map(lambda case: check_case(case, options), some)):
                failed += bool(faults) and not options.verbose
                for command, fault in faults:
                    print(f"{'      ' if options.verbose else 'FAIL  '}{case.name}: {command}: {fault}", flush=True)
    print(f"{len(cases)} cases, {failed} failed")
    return 1 if failed or not cases else 0


if __name__ == "__main__":
    sys.exit(main())
