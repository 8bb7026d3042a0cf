#!/usr/bin/env python3
"""A model that does not fit, pass by pass: accelerate's disk offload against plimsoll in a control group of 64 MiB.

    compare_offload.py [--server build/release/bench/serve_passes] [--shapes 1x128,8x128] [--limit 64] [--rounds 7] [--cold] MODEL

accelerate is transformers' model with device_map="auto" and --peer-memory MiB for weights, in this process, without any limit on the rest.
plimsoll is a `serve_passes` process in a control group. Neither start nor loading is counted on either side. A round runs both engines
twice, alternating; its ratio is accelerate's time over plimsoll's. Files are in the page cache, read there by this process, or, with
--cold, caches are dropped before every pass (needs root). Exits 77 where no control group can be made.
"""

import argparse
import os
import pathlib
import statistics
import subprocess
import sys
import tempfile

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2] / "tests" / "large"))
from cgroup import memory_group  # noqa: E402
from compare_torch import Plimsoll, Torch, check_agreement, stored_dtype  # noqa: E402


class Offloaded(Torch):
    """What does not fit --peer-memory is read from disk in every pass."""

    def __init__(self, model, dtype, mebibytes, folder):
        import torch
        from transformers import AutoModelForSequenceClassification

        self.torch = torch
        torch.set_num_threads(len(os.sched_getaffinity(0)))
        loaded = AutoModelForSequenceClassification.from_pretrained(
            model, dtype=getattr(torch, dtype), device_map="auto", max_memory={"cpu": f"{mebibytes}MiB"}, offload_folder=folder)
        self.model = loaded.eval()
        self.vocabulary = loaded.config.vocab_size
        homes = list(loaded.hf_device_map.values())
        self.on_disk, self.modules = homes.count("disk"), len(homes)


def anonymous_mebibytes(pid):
    with open(f"/proc/{pid}/status") as status:
        fields = dict(line.split(":", 1) for line in status)
    return int(fields["RssAnon"].split()[0]) / 1024


def prepare(model, folder, cold):
    if cold:
        subprocess.run(["sync"], check=True)
        pathlib.Path("/proc/sys/vm/drop_caches").write_text("3")
        return
    for file in [*pathlib.Path(model).glob("*.safetensors"), *pathlib.Path(folder).glob("*")]:
        subprocess.run(["cat", file], check=True, stdout=subprocess.DEVNULL)


def compare(options, texts, tokens, group, folder):
    dtype = stored_dtype(options.model)
    accelerate = Offloaded(options.model, dtype, options.peer_memory, folder)
    plimsoll = Plimsoll(options.server, options.model, dtype, texts, tokens, len(os.sched_getaffinity(0)), group.enter)
    worst = check_agreement(accelerate, plimsoll, [(texts, tokens)], 2e-3 if dtype == "float32" else 2e-2)
    engines = {"accelerate": accelerate, "plimsoll": plimsoll}
    times = {name: [] for name in engines}
    ratios = []
    for number in range(options.rounds):
        spent = dict.fromkeys(engines, 0.0)
        order = ["accelerate", "plimsoll", "plimsoll", "accelerate"]
        for name in order if number % 2 == 0 else order[::-1]:
            prepare(options.model, folder, options.cold)
            milliseconds, _ = engines[name].run(texts, tokens)
            times[name].append(milliseconds)
            spent[name] += milliseconds
        ratios.append(spent["accelerate"] / spent["plimsoll"])
    held = {"accelerate": anonymous_mebibytes(os.getpid()), "plimsoll": anonymous_mebibytes(plimsoll.process.pid)}
    plimsoll.close()
    print(f"{texts}x{tokens} {dtype} {'cold' if options.cold else 'cached'}: "
          + "  ".join(f"{name} {statistics.median(times[name]):.0f} ms in {held[name]:.0f} MiB" for name in engines)
          + f"  ratio {statistics.median(ratios):.2f} ({min(ratios):.2f} to {max(ratios):.2f}, {len(ratios)} rounds); "
          f"{accelerate.on_disk} of {accelerate.modules} modules on disk, logits agree within {worst:.1e}, {group.kills()} kills", flush=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model", metavar="MODEL")
    parser.add_argument("--server", default="build/release/bench/serve_passes", help="the serve_passes program")
    parser.add_argument("--shapes", default="1x128,8x128", help="TEXTSxTOKENS, comma-separated")
    parser.add_argument("--limit", type=int, default=64, help="MiB of plimsoll's control group")
    parser.add_argument("--peer-memory", type=int, default=100, help="MiB of weights that accelerate may keep")
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--cold", action="store_true")
    options = parser.parse_args()
    for shape in options.shapes.split(","):
        group = memory_group(options.limit << 20)
        if group is None:
            print("skipped: no control group with a memory limit can be made here")
            sys.exit(77)
        with group, tempfile.TemporaryDirectory() as folder:
            compare(options, *map(int, shape.split("x")), group, folder)


if __name__ == "__main__":
    main()
