#!/usr/bin/env python3
"""Homes, temporary folders and system files that are missing, read-only or something else: surroundings.py PLIMSOLL MODEL SOURCES

A missing thing is a smaller machine, not an error: each command works all the same, and answers do not change.
"""
import json
import os
import pathlib
import sys

from driver import CI, Checks, Folder, run, typed
from mounts import mount_empty, mount_processes, own_mounts

TEXTS = ["I loved this film", "not good at all"]


def commands(plimsoll, model):
    return {"run": [plimsoll, "run", model, "--json", *TEXTS], "plan": [plimsoll, "plan", model], "devices": [plimsoll, "devices"],
            "tokenize": [plimsoll, "tokenize", model, *TEXTS],
            "shared device": [plimsoll, "run", model, "--json", "--sim", "name=surroundings,memory=64MiB", "--device", "sim:0", *TEXTS]}


class Surroundings:
    def __init__(self, checks, plimsoll, model):
        self.checks, self.commands = checks, commands(plimsoll, model)
        self.right = run(self.commands["run"]).out
        assert self.right.count(b"\n") == len(TEXTS)

    def all(self, label, preexec=None, environment=(), failing=None):
        """`failing`: commands that cannot work there, each with the exit code that says so."""
        variables = {**os.environ, **dict(environment)}
        variables = {key: value for key, value in variables.items() if value is not None}
        for name, command in self.commands.items():
            ended = run(command, preexec, env=variables)
            if name in (failing or {}):
                self.checks.expect(ended.status == failing[name] and typed(ended, (1, 4)), f"{name}, {label}: {ended}")
                continue
            self.checks.expect(not ended.hung and ended.status == 0, f"{name}, {label}: {ended}")
            if name in ("run", "shared device"):
                self.checks.expect(ended.out == self.right, f"{name}, {label}: other answers")

    def homes(self):
        with Folder() as folder:
            file = folder.path / "file"
            file.write_text("no folder")
            for name, home in (("missing", folder.path / "missing"), ("a file", file), ("not set", None), ("empty", ""), ("relative", "home"),
                               ("a device", "/dev/null"), ("read-only", "/proc")):
                self.all(f"HOME is {name}", environment={"HOME": home and str(home), "XDG_CACHE_HOME": None}.items())
            for variable in ("XDG_CACHE_HOME", "HF_HOME", "TMPDIR", "XDG_RUNTIME_DIR"):
                for value in (folder.path / "missing", file, ""):
                    fails = {"shared device": 1} if variable == "XDG_RUNTIME_DIR" and value else None
                    self.all(f"{variable}={value}", environment={variable: str(value)}.items(), failing=fails)
        self.checks.section("homes")

    def hidden(self, folders, options="", read_only=False, failing=None):
        def hide():
            if not own_mounts() or not all(mount_empty(folder, options, read_only) for folder in folders):
                os._exit(99)
        self.all(f"{' and '.join(folders)} hidden{' read-only' if read_only else ''}", hide, {"XDG_RUNTIME_DIR": None}.items(), failing)

    def processes_alone(self):
        """/proc without meminfo: the machine's memory is known all the same."""
        def hide():
            if not own_mounts() or not mount_processes("subset=pid"):
                os._exit(99)
        ended = run([*self.commands["devices"], "--json"], hide)
        if ended.status == 99:
            print("skipped: /proc cannot be mounted here")
            return
        if self.checks.expect(ended.status == 0, f"devices, /proc with processes alone: {ended}"):
            cpu = json.loads(ended.out.splitlines()[0])
            self.checks.expect(0 < cpu["budget"] <= cpu["total"] < 1 << 50, f"/proc with processes alone: {cpu['budget']} of {cpu['total']}")
        self.all("/proc with processes alone", hide)


def main():
    plimsoll, model, sources = pathlib.Path(sys.argv[1]), sys.argv[2], pathlib.Path(sys.argv[3])
    checks = Checks()
    surroundings = Surroundings(checks, plimsoll, model)
    surroundings.homes()
    if run(["/bin/true"], lambda: None if own_mounts() else os._exit(99)).status != 0:
        print("skipped: nothing can be mounted here")
        checks.expect(not (CI and os.geteuid() == 0), "root should be able to")
        checks.end()
    # Processes that share a simulated device are told apart by /proc, and meet below /tmp.
    without_proc, without_tmp = {"shared device": 4}, {"shared device": 1}
    for folders in (["/proc"], ["/sys"], ["/sys/fs/cgroup"], ["/proc", "/sys"], ["/dev/shm"]):
        surroundings.hidden(folders, failing=without_proc if "/proc" in folders else None)
    if any(str(path.resolve()).startswith("/tmp/") for path in (plimsoll, sources)):
        print("not hidden: /tmp, where this checkout lies")
    else:
        surroundings.hidden(["/tmp"])
        surroundings.hidden(["/tmp"], "mode=755", True, without_tmp)
        surroundings.hidden(["/proc", "/sys", "/tmp", "/dev/shm"], "mode=755", True, without_tmp)
    surroundings.processes_alone()
    checks.section("hidden folders")
    checks.end()


if __name__ == "__main__":
    main()
