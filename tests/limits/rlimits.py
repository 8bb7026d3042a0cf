#!/usr/bin/env python3
"""Every resource limit from nothing to enough: rlimits.py PLIMSOLL MODEL STEPS

At each value either the right answer or a typed error. Values at which the loader itself fails are not ours: each sweep begins with the
least at which `plimsoll version` works. STEPS: how many values of each size limit are tried.
"""
import os
import pathlib
import resource
import sys

from cgroup import process_group
from driver import CI, Checks, Folder, least, limited, run, typed

PAGE = 4096
KIB = 1024
MIB = 1024 * KIB
TEXTS = ["I loved this film", "not good at all"]


class Sweep:
    def __init__(self, checks, plimsoll, model):
        self.checks, self.plimsoll = checks, plimsoll
        self.command = [plimsoll, "run", model, "--json", "--logits", *TEXTS]
        self.right = run(self.command).out
        assert self.right.count(b"\n") == len(TEXTS)

    def starts(self, preexec):
        return run([self.plimsoll, "version"], preexec).status == 0

    def one(self, label, preexec, codes=(1, 6), flags=()):
        """Whether it answered."""
        with Folder() as folder:
            file = folder.path / "out.jsonl"
            ended = run([*self.command, *flags, "--output", file], preexec)
            answered = ended.status == 0
            right = file.read_bytes() == self.right if answered else typed(ended, codes)
            self.checks.expect(not ended.hung and right, f"{label}: {ended}")
            self.checks.expect(answered or b"raise --max-memory" not in ended.err, f"{label} advises to raise what nobody has set: {ended}")
            self.checks.expect(folder.names() == (["out.jsonl"] if answered else []), f"{label} leaves {folder.names()}")
            return answered

    def size_limit(self, name, steps, highest=256 * MIB):
        """From the least that the loader needs, in steps that grow with the limit, to the first values that are enough."""
        low = least(lambda size: self.starts(limited(**{name: size})), PAGE, highest, PAGE)
        enough = least(lambda size: run(self.command, limited(**{name: size})).status == 0, low, highest, PAGE)
        sizes = {low + (enough - low) * step // steps // PAGE * PAGE for step in range(steps + 1)}
        # The edges page by page: where the loader just works, and where the run just does.
        near = max(4, steps // 8)
        sizes |= {low + PAGE * step for step in range(near)} | {enough + PAGE * step for step in range(-near, near)}
        answered = [self.one(f"RLIMIT_{name}={size}", limited(**{name: size})) for size in sorted(size for size in sizes if size >= low)]
        self.checks.expect(answered[-1] and not answered[0], f"RLIMIT_{name}: {low} to {enough} bytes does not go from too little to enough")
        self.checks.section(f"RLIMIT_{name} from {low // KIB} KiB, enough at {enough // KIB} KiB, {len(answered)} values")

    def descriptors(self):
        low = least(lambda count: self.starts(limited(NOFILE=count)), 1, 64, 1)
        self.checks.expect(low <= 5, f"{low} descriptors are needed to start")
        answered = [self.one(f"RLIMIT_NOFILE={count}", limited(NOFILE=count), (1, 3, 6)) for count in range(low, 21)]
        self.checks.expect(answered[-1], "20 descriptors are enough")
        simulated = ["--sim", "memory=400KiB", "--device", "sim:0"]
        for count in range(low, 21):
            self.one(f"RLIMIT_NOFILE={count} with a simulated device", limited(NOFILE=count), (1, 3, 6), simulated)
        self.checks.section(f"RLIMIT_NOFILE from {low}")

    def small_stack(self):
        for size in (128 * KIB, 256 * KIB, 512 * KIB):
            answered = self.one(f"RLIMIT_STACK={size}", limited(STACK=size))
            self.checks.expect(answered, f"a stack of {size} bytes is enough")
        for size in (32 * KIB, 64 * KIB):
            self.checks.expect(not self.one(f"RLIMIT_STACK={size}", limited(STACK=size), (6,)), f"a stack of {size} bytes is too small")
            soft = run(self.command, lambda soft=size: resource.setrlimit(resource.RLIMIT_STACK, (soft, resource.RLIM_INFINITY)))
            self.checks.expect(soft.status == 0, f"a stack of {size} bytes that may be raised is enough: {soft}")
        self.checks.section("RLIMIT_STACK")

    def no_locked_memory(self):
        for flags in ((), ("--sim", "memory=400KiB", "--device", "sim:0")):
            self.checks.expect(self.one("RLIMIT_MEMLOCK=0", limited(MEMLOCK=0), (), flags), f"nothing can be locked {flags}")
        self.checks.section("RLIMIT_MEMLOCK")

    def processes(self):
        """Threads that cannot be made, by a control group of so many tasks."""
        group = process_group()
        if group is None:
            print("skipped: no control group of processes can be made here")
            self.checks.expect(not (CI and os.geteuid() == 0 and os.access("/sys/fs/cgroup/pids", os.W_OK)), "there should be one")
            return
        with group:
            answered = []
            for tasks in range(1, 9):
                group.write("pids.max", tasks)
                answered.append(self.one(f"{tasks} tasks", group.enter, (6,), ["--threads", "4"]))
            self.checks.expect(answered[-1], "eight tasks are enough for four threads")
        self.checks.section("tasks")

    def processes_of_a_user(self):
        """The same by RLIMIT_NPROC, which root is not subject to."""
        if os.geteuid() != 0:
            return

        def apply():
            limited(NPROC=1)()
            os.setgroups([])
            os.setresgid(65534, 65534, 65534)
            os.setresuid(65534, 65534, 65534)
        ended = run(self.command, apply)
        readable = run([self.plimsoll, "version"], apply).status == 0
        self.checks.expect(not readable or ended.out == self.right or typed(ended, (3, 6)), f"RLIMIT_NPROC=1: {ended}")
        self.checks.section("RLIMIT_NPROC")


def main():
    plimsoll, model, steps = pathlib.Path(sys.argv[1]), sys.argv[2], int(sys.argv[3])
    checks = Checks()
    sweep = Sweep(checks, plimsoll, model)
    for name in ("AS", "DATA"):
        sweep.size_limit(name, steps)
    sweep.descriptors()
    sweep.small_stack()
    sweep.no_locked_memory()
    sweep.processes()
    sweep.processes_of_a_user()
    checks.end()


if __name__ == "__main__":
    main()
