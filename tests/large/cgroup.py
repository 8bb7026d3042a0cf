"""Control groups of either version, for tests and benchmarks that run programs under a real limit."""
import contextlib
import os
import pathlib
import sys
import time

ROOT = pathlib.Path("/sys/fs/cgroup")


class Group:
    """A fresh control group; removed at the end of a `with` block."""

    def __init__(self, path):
        self.path = path

    def enter(self):
        """For subprocess's preexec_fn: the child and all that it starts are in the group."""
        (self.path / "cgroup.procs").write_text(str(os.getpid()))

    def write(self, name, value):
        (self.path / name).write_text(str(value))

    def read(self, name, default=""):
        try:
            return (self.path / name).read_text()
        except OSError:
            return default

    def kills(self):
        """How many processes of the group the kernel has killed for memory."""
        for name in ("memory.oom_control", "memory.events"):
            for line in self.read(name).splitlines():
                if line.startswith("oom_kill "):
                    return int(line.split()[1])
        return 0

    def __enter__(self):
        return self

    def __exit__(self, *_):
        for _ in range(50):
            with contextlib.suppress(OSError):
                self.path.rmdir()
                return
            time.sleep(0.1)


def skip_without_groups():
    """Ends a test where no memory group can be made: skipped (77), or failed where one should have been possible."""
    controllers = (ROOT / "cgroup.subtree_control").read_text().split() if (ROOT / "cgroup.subtree_control").exists() else []
    if os.access(ROOT / "memory", os.W_OK) or ("memory" in controllers and os.access(ROOT, os.W_OK)):
        print("FAIL  control groups are writable here, but none could be made")
        sys.exit(1)
    print("skipped: no memory control group can be made here")
    sys.exit(77)


def _make(parent, files):
    path = parent / f"plimsoll-{os.getpid()}-{time.monotonic_ns()}"
    try:
        path.mkdir()
    except OSError:
        return None
    try:
        for file, value in files.items():
            (path / file).write_text(value)
        return Group(path)
    except OSError:
        path.rmdir()
        return None


def memory_group(limit):
    """A group whose processes may hold `limit` bytes, without swap where that can be said; nothing where none can be made."""
    group = _make(ROOT / "memory", {"memory.limit_in_bytes": str(limit)}) or _make(ROOT, {"memory.max": str(limit)})
    if group:
        for name, value in (("memory.memsw.limit_in_bytes", str(limit)), ("memory.swap.max", "0")):
            with contextlib.suppress(OSError):
                if (group.path / name).exists():
                    (group.path / name).write_text(value)
    return group


def processor_group(microseconds, period=100000):
    """A group with a CPU quota; nothing where none can be made."""
    quota = {"cpu.cfs_period_us": str(period), "cpu.cfs_quota_us": str(microseconds)}
    return _make(ROOT / "cpu", quota) or _make(ROOT, {"cpu.max": f"{microseconds} {period}"})


def process_group():
    """A group whose number of tasks can be limited (`pids.max`); nothing where none can be made."""
    return _make(ROOT / "pids", {"pids.max": "max"}) or _make(ROOT, {"pids.max": "max"})
