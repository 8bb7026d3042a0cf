#!/usr/bin/env python3
"""clang-tidy over the sources: tidy.py COMMANDS FOLDER [FILE...]

COMMANDS is the compile_commands.json of a build, FOLDER where the work is kept, FILE a source (by default all below src and apps that COMMANDS
compiles). Files of one folder are read as one, so that the headers that they share are read and searched once; where files that are good
alone do not compile as one (two of them have a name in common), in halves. Precompiled headers are not used.
"""
import collections
import concurrent.futures
import json
import os
import pathlib
import re
import shlex
import subprocess
import sys

TOGETHER = 8
PRECOMPILED = re.compile(r" -Winvalid-pch -include \S*cmake_pch\.hxx")
FAULT = re.compile(r"^.*:\d+:\d+: (?:error|warning): .*$", re.MULTILINE)


def flags_of(entry):
    """What a compile command says besides its source and its output."""
    words = shlex.split(PRECOMPILED.sub("", entry["command"]))[1:]
    return [word for before, word in zip(["", *words], words) if word not in ("-c", "-o", entry["file"]) and before != "-o"]


def groups_of(files, flags):
    """Lists of files of one folder and with the same flags, none longer than TOGETHER, all of a folder about as long."""
    alike = collections.defaultdict(list)
    for file in sorted(files):
        alike[file.parent, *flags[file]].append(file)
    for some in alike.values():
        count = -(-len(some) // TOGETHER)
        yield from (some[first::count] for first in range(count))


def faults_in(source, flags, *options):
    """The faults that clang-tidy finds in a source."""
    command = ["clang-tidy", "--quiet", *options, source, "--", *flags, "-Wno-unknown-warning-option"]
    result = subprocess.run(command, capture_output=True, text=True, check=False)
    faults = set(FAULT.findall(result.stdout))
    if result.returncode and not faults:
        faults.add(f"{source}: clang-tidy ended with {result.returncode}: {result.stderr.strip()[-500:]}")
    return faults


def check(group, flags, folder):
    """The faults in a group of files, read as one, or in halves of it where they do not compile as one."""
    if len(group) == 1:
        return faults_in(group[0], flags)
    source = folder / f"{group[0].parent.name}-{group[0].stem}-{len(group)}.cpp"
    source.write_text("".join(f'#include "{file}"\n' for file in group))
    faults = faults_in(source, flags, "--checks=-bugprone-suspicious-include")
    if not any("clang-diagnostic-error" in fault or "clang-tidy ended" in fault for fault in faults):
        return faults
    half = len(group) // 2
    return check(group[:half], flags, folder) | check(group[half:], flags, folder)


def main():
    commands_file, folder, *chosen = map(pathlib.Path, sys.argv[1:])
    folder.mkdir(parents=True, exist_ok=True)
    flags = {pathlib.Path(entry["file"]): flags_of(entry) for entry in json.loads(commands_file.read_text())}
    root = pathlib.Path(__file__).resolve().parent.parent
    wanted = {file.resolve() for file in chosen} or {file for file in flags if file.is_relative_to(root / "src") or file.is_relative_to(root / "apps")}
    if unknown := wanted - flags.keys():
        sys.exit(f"{commands_file} does not compile {', '.join(map(str, sorted(unknown)))}")
    with concurrent.futures.ThreadPoolExecutor(int(os.environ.get("JOBS", os.cpu_count()))) as pool:
        # The longest first, so that none is left for the end.
        groups = sorted(groups_of(wanted, flags), key=len, reverse=True)
        found = pool.map(lambda group: check(group, flags[group[0]], folder.resolve()), groups)
        faults = sorted(set().union(*found))
    print("".join(fault + "\n" for fault in faults), end="")
    return bool(faults)


if __name__ == "__main__":
    sys.exit(main())
