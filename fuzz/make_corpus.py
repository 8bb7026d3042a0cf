#!/usr/bin/env python3
"""Writes the seeds of every target into fuzz/corpus/TARGET: small inputs made from tests/fixtures, one for each branch of a reader.

    make_corpus.py

Files that it does not write (found by fuzzing) are left alone. A line "==> PATH" begins a file inside an input (files.h).
"""
import io
import json
import pathlib
import pickle
import sys
import types
import zipfile

HERE = pathlib.Path(__file__).resolve().parent
FIXTURES = HERE.parent / "tests" / "fixtures"


def seed(target, *inputs):
    folder = HERE / "corpus" / target
    folder.mkdir(parents=True, exist_ok=True)
    for i, data in enumerate(inputs):
        data = data.encode("utf-8", "surrogateescape") if isinstance(data, str) else data
        (folder / f"seed-{i:02}").write_bytes(data)


def files(first="", **named):
    """An input of several files; "__" in a keyword stands for "."."""
    return first + "".join(f"\n==> {name}\n{text}" for name, text in {k.replace("__", "."): v for k, v in named.items()}.items())


def bundle(paths):
    return "".join(f"\n==> {name}\n{text}" for name, text in paths.items()).removeprefix("\n")


def compact(value):
    return json.dumps(value, separators=(",", ":"), ensure_ascii=False)


# ---------------------------------------------------------------- checkpoints
CASES = json.loads((FIXTURES / "safetensors" / "cases.json").read_text())
small = [c for c in CASES if len(c["header"]) < 400 and not c["name"].startswith("dtype ")]
whole = [c["length"].to_bytes(8, "little") + c["header"].encode("latin-1") + b"\1" * c["data"] for c in small]
seed("safetensors", *[c["header"].encode("latin-1") for c in small[:40] if c["header"].startswith("{")], *whole[::3], b"version https://git-lfs")


def header(tensors, **metadata):
    end, out = 0, {"__metadata__": metadata} if metadata else {}
    for name, (shape, dtype) in tensors.items():
        size = {"F32": 4, "F16": 2, "BF16": 2, "F64": 8, "I64": 8}[dtype]
        for n in shape:
            size *= n
        out[name] = {"dtype": dtype, "shape": shape, "data_offsets": [end, end + size]}
        end += size
    return compact(out)


one, two = {"a": ([2, 2], "F32"), "b": ([3], "F16")}, {"c": ([1], "F64"), "d": ([0, 4], "I64")}
index = {"metadata": {"total_size": 30}, "weight_map": {"a": "x.safetensors", "b": "x.safetensors", "c": "y.safetensors", "d": "y.safetensors"}}
shards = {"x.safetensors.header": header(one, format="pt"), "y.safetensors.header": header(two)}
seed("shard_index", compact(index) + "\n" + bundle(shards), compact({**index, "weight_map": {**index["weight_map"], "e": "y.safetensors"}}) + "\n" + bundle(shards),
     compact({"weight_map": {"a": "../x.safetensors"}}), compact({"weight_map": {}}), compact({"weight_map": {"a": {"b": []}}}),
     compact(index) + "\n" + bundle({"x.safetensors.header": header(one), "y.safetensors.header": header(one)}))

# ---------------------------------------------------------------- pytorch_model.bin
def stand_in(module, name, **members):
    """Something that pickles as a global of torch, which need not be installed."""
    made = type(name, (), {"__module__": module, **members})
    parent = sys.modules.setdefault(module, types.ModuleType(module))
    setattr(parent, name, made)
    return made


TORCH = {name: stand_in("torch", name) for name in ("FloatStorage", "HalfStorage", "BFloat16Storage", "LongStorage")}
REBUILD = {name: stand_in("torch._utils", name) for name in ("_rebuild_tensor", "_rebuild_tensor_v2", "_rebuild_parameter")}


class Storage:
    def __init__(self, kind, key, elements):
        self.id = ("storage", TORCH[kind], key, "cpu", elements)


class Call:
    """An object that is pickled as a call of `callee`."""

    def __init__(self, callee, *arguments):
        self.call = REBUILD[callee], arguments

    def __reduce__(self):
        return self.call


class Pickler(pickle._Pickler):  # that in Python: it takes classes for functions
    def persistent_id(self, value):
        return value.id if isinstance(value, Storage) else None

    def save_reduce(self, func, args, *rest, obj=None):
        self.save(func)
        self.save(args)
        self.write(pickle.REDUCE)
        if obj is not None:
            self.memoize(obj)


def pickled(value):
    out = io.BytesIO()
    Pickler(out, 2).dump(value)
    return out.getvalue()


def tensor(kind, key, shape, strides, first=0, elements=16):
    return Call("_rebuild_tensor_v2", Storage(kind, key, elements), first, shape, strides, False, {})


SHARED = tensor("FloatStorage", "0", (2, 2), (2, 1))
PICKLES = [pickled(v) for v in (
    {"a": SHARED, "b": SHARED, "c": tensor("HalfStorage", "1", (4,), (1,), 4, 32)}, {"x": tensor("LongStorage", "2", (), (), 1, 8), "n": 7, "s": [1, "t"]},
    {"w": tensor("FloatStorage", "0", (2, 3), (1, 2))}, {"p": Call("_rebuild_parameter", SHARED, True, {})},
    {"v": Call("_rebuild_tensor", Storage("BFloat16Storage", "3", 32), 0, (0, 4), (4, 1))}, {"big": tensor("FloatStorage", "0", (2**40, 2**40), (1, 1))}, [], {})]
seed("torch_pickle", *PICKLES, b"\x80\x02cos\nsystem\nX\x02\0\0\0ls\x85R.", b"\x80\x02}(K\1h\0u.", b"\x80\x02.")


def archive(data, compression=zipfile.ZIP_STORED, top="m/", **more):
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", compression) as z:
        for name, text in {"data.pkl": data, "version": b"3\n", **{f"data/{i}": b"\1" * 64 for i in range(4)}, **more}.items():
            z.writestr(zipfile.ZipInfo(top + name), text, compression)
    return out.getvalue()


LEGACY = [pickled(0x1950a86a20f9469cfc6c), pickled(1001), pickled({"protocol_version": 1001, "little_endian": True, "type_sizes": {"int": 4}})]
legacy = b"".join(LEGACY)
seed("torch_file", archive(PICKLES[0]), archive(PICKLES[1], byteorder=b"little"), archive(PICKLES[0], zipfile.ZIP_DEFLATED), archive(PICKLES[7], top=""),
     archive(PICKLES[7], **{"constants.pkl": b""}), legacy + pickled({}) + pickled([]), legacy + PICKLES[2], b"PK\5\6" + bytes(18), b"\x80\x02.")

# ---------------------------------------------------------------- config.json
CONFIGS = [json.loads(p.read_text()) for p in sorted(FIXTURES.glob("*/*/config.json"))]
unique = list({compact(c): c for c in CONFIGS}.values())
seed("config", *[compact(c) for c in unique[:5]], compact({**CONFIGS[0], "id2label": None, "num_labels": 7, "hidden_act": "swish"}),
     compact({**CONFIGS[0], "problem_type": "multi_label_classification", "layer_norm_eps": 2}), compact({"model_type": "gpt2"}))

# ---------------------------------------------------------------- tokenizers
TOKENIZER = json.loads((FIXTURES / "models" / "bert" / "tokenizer.json").read_text())
WORDS = list(TOKENIZER["model"]["vocab"])
LITTLE = WORDS[:5] + ["a", "b", "##a", "##b", "ab", "hello", "##lo", "é", "e", "你", ".", ",", "x", "##x"]


def tokenizer(words=LITTLE, **sections):
    made = {**TOKENIZER, **sections}
    made["model"] = {**made["model"], "vocab": {w: i for i, w in enumerate(words)}}
    return compact(made)


TEXT = "Hello, a ab [MASK] É你x\u0301.\tab" + "x" * 120
PARTS = json.loads((FIXTURES / "tokenizers" / "parts.json").read_text())["cases"]
SIDES = json.loads((FIXTURES / "tokenizers" / "truncation.json").read_text())
seed("tokenizer_json", *[tokenizer(**c["sections"]) + files(text=c["rows"][0]["text"], pair=c["rows"][1]["text"]) for c in PARTS],
     *[tokenizer(truncation=c["truncation"], padding=c["padding"]) + files(text=TEXT, pair="a b") for c in SIDES[::9]],
     tokenizer() + files(text=TEXT, tokenizer_config__json=compact({"model_max_length": 16, "truncation_side": "left"})),
     tokenizer() + files(text=b"\xff\xe2\x82a".decode("utf-8", "surrogateescape")))
VOCABULARIES = json.loads((FIXTURES / "tokenizers" / "vocab-txt.json").read_text())
seed("vocab_txt", *[c["vocab_txt"] + files(tokenizer_config__json=compact(c["config"]), text=c["rows"][i % 4]["text"])
                    for i, c in enumerate(VOCABULARIES)], "\n".join(LITTLE) + files(text=TEXT, pair=""), "")
seed("utf8", "a é你\U0001F600\u202e\x7f\x1b[0m", b"\xf0\x9f\x98\xed\xa0\x80\xc0\x80\xff\xfe", "e\u0301\u200d👩‍👩‍👧")

# ---------------------------------------------------------------- rows and JSON
seed("json", '{"a":[1,-2,3.5e-3,true,false,null],"b":{"c":"\\u00e9\\ud83d\\ude00\\n"}}', " [ ] ", '"a"', "-0", "1e999", "[" * 70 + "]" * 70,
     '{"a":1,"a":2}', "\ufeff{}", '{"a":18446744073709551615,"b":-9223372036854775808,"c":1e308}', "nul", "[1,]", '"\\ud800"', "\x00")
ROWS = ['{"text":"a"}', '{"id":7,"text":"a\\n\\u00e9","text_pair":"b"}', '{"id":"x\\"y","text":"","text_pair":null,"more":[{"a":[]},1.5e+3,true]}',
        '{"text":"a","text":"b"}', '{"text":1}', '[1]', '{"text":"\\ud83d\\ude00"}', '{"text":"\\ud83d"}', '{"id":[],"text":"a"}', ' ', '{"text":"a"',
        '{"text":"a"} x', '{"id":-0.5e1,"text":"\U0001F600"}', '{"text":"a","x":1e999}']
seed("json_row", *["\0" + r for r in ROWS], *["\x83" + r for r in ROWS[:3]], "\5" + ROWS[2])

# ---------------------------------------------------------------- flags, devices, maps
VALUES = ["11.17GiB", "sim:0=2GiB,cpu=4GiB,disk=0", "8x128,1x512", "-5", "yes", "sim:0", "qa", "int8", "torch.float16", "map.json", "stream,cpu",
          "bfloat16,float16", "cuda:1=5GB"]
seed("values", *[chr(i) + v for i, v in enumerate(VALUES)], "\0" + "9223372036854775807", "\0" + "0.999999999999999999TB", "\x08half", "\x01cpu=1,cpu=2")
seed("sim_spec", "memory=2GiB,used=1GiB,context=450MiB,link=12GB/s,pageable=6GB/s,latency=10us,compute=1TFLOP/s,disk=2GB/s,name=a,script=f",
     "memory=64MiB", "memory=1GiB,used=2GiB", "memory=0", "memory=8EiB,latency=2h", "memory=1,memory=2", "name=../x,memory=1")
seed("sim_script", "at=start others=+500MiB # remark\nat=load:0.5 fail=alloc:7\nat=pass:1,layer:7 lost\nat=layer:3 slow=link:10x hang\n",
     "others=-1GiB fail=copy:3+ fail=launch:2 fail=query:1 fail=pin:9", "at=pass:2\n", "at=pass:0 lost", "slow=disk:0.5x slow=compute:2x")
seed("device_map", '{"":0}', '{"bert.embeddings":0,"bert.encoder":"sim:1","bert.pooler":"cpu","classifier":1}', '{"bert":"disk","classifier":0}',
     '{"bert.embeddings":"cpu","bert.encoder.layer.0":0,"bert.encoder.layer.1":1,"":"sim:0","bert.dropout":0}', '{"":"cuda:0"}', "[]", '{"x":0,"":1}')

# ---------------------------------------------------------------- the Hub's cache, the machine
COMMIT = "0123456789abcdef0123456789abcdef01234567"
MODEL = "/cache/models--google-bert--bert-base"
seed("hub", "google-bert/bert-base" + "\n" + bundle({f"{MODEL}/refs/main": COMMIT + "\n", f"{MODEL}/snapshots/{COMMIT}/config.json": "{}"}),
     "google-bert/bert-base" + "\n" + bundle({"revision": "refs/pr/1", f"{MODEL}/refs/refs/pr/1": "v1", f"{MODEL}/snapshots/v1/config.json": "{}"}),
     "google-bert/bert-base" + "\n" + bundle({"revision": COMMIT, f"{MODEL}/snapshots/{COMMIT}/x": ""}), "../x", "a--b", "a/b/c",
     "m\n" + bundle({"$HF_HUB_CACHE": "", "$HF_HOME": "~/${XDG}/$A", "$HOME": "/home/a", "$XDG": "x", "/home/a/x/$A/hub/models--m/snapshots/main/c": ""}),
     "m\n" + bundle({"revision": "../../x"}), "m\n" + bundle({"/cache/models--m/refs/main": "../../..", "/cache/models--m/snapshots/x/c": ""}))
VERSION = (HERE.parent / "VERSION").read_text().strip()
RATES = {"schema": 1, "version": VERSION,
         "compute": {"cpu / avx2 / 2 threads": {"float32_flops": 2e11, "bfloat16_flops": 0, "int8_flops": 3e11, "memory_read": 2e10}},
         "disk": {"/ /dev/sda": 2.5e9, "/x y": 1}}
seed("rates_cache", compact(RATES), compact({**RATES, "version": "0"}), compact({**RATES, "compute": [], "disk": {"a": "b"}}), "{", "")
seed("fields", "MemTotal\nMemFree: 5 kB\nMemTotal:   16777216 kB\n", "0-3,8\n", "model\nmodel name\t: x\nmodel\t: 85\n", "a\na 18446744073709551615 kB",
     "7-3,", "0-70000", ",,")
MEMORY = {"/proc/meminfo": "MemTotal: 16777216 kB\nMemFree: 1048576 kB\nMemAvailable: 10485760 kB\nCommitLimit: 8388608 kB\nCommitted_AS: 2097152 kB\n",
          "/proc/self/status": "Name:\tplimsoll\nPid:\t77\nUid:\t0\t0\nVmSize:\t512000 kB\nRssAnon:\t81920 kB\nRssShmem:\t20480 kB\nVmData:\t204800 kB\n"}
CPU = {"/proc/cpuinfo": "cpu family\t: 6\nmodel\t\t: 85\nmodel name\t: Xeon\nstepping\t: 7\n",
       "/sys/devices/system/cpu/cpu0/topology/thread_siblings_list": "0-1\n", "/sys/devices/system/cpu/cpu1/topology/core_id": "0\n"}
GROUP = "/sys/fs/cgroup/a/b"
V2 = {"/proc/self/mountinfo": "35 31 0:32 / /sys/fs/cgroup rw,relatime shared:9 - cgroup2 cgroup2 rw,nsdelegate\n21 1 8:1 / /home rw - ext4 /dev/sda rw\n",
      "/proc/self/cgroup": "0::/a/b\n", GROUP + "/memory.max": "1073741824\n", "/sys/fs/cgroup/a/memory.high": "max\n", GROUP + "/cgroup.events": "populated 1\n",
      GROUP + "/memory.stat": "anon 104857600\nfile 0\nkernel 8388608\nslab_reclaimable 4096\nsock 1\nshmem 0\nunevictable 0\n",
      GROUP + "/memory.pressure": "some avg10=1.25 avg60=0.00 avg300=0.00 total=5\n", GROUP + "/cpu.max": "150000 100000\n"}
V1 = {"/proc/self/mountinfo": "36 31 0:33 / /sys/fs/cgroup/memory rw shared:9 - cgroup cgroup rw,memory\n37 31 0:34 / /sys/fs/cgroup/cpu\\040x rw - cgroup cgroup rw,cpu,cpuacct\n",
      "/proc/self/cgroup": "5:memory:/j\n6:cpu,cpuacct:/j\n", "/sys/fs/cgroup/memory/j/memory.limit_in_bytes": "536870912\n",
      "/sys/fs/cgroup/memory/j/memory.stat": "total_rss 1048576\ntotal_shmem 0\nhierarchical_memory_limit 268435456\n",
      "/sys/fs/cgroup/memory/memory.use_hierarchy": "1\n", "/sys/fs/cgroup/cpu x/j/cpu.cfs_quota_us": "-1\n", "/sys/fs/cgroup/cpu x/j/cpu.cfs_period_us": "100000\n"}
OTHERS = {"/proc/5/status": "Name:\tother\nUid:\t7\t7\nRssAnon:\t5 kB\n", "/proc/5/cmdline": "/bin/python\0x/train.py\0", "/etc/passwd": "root:x:0:0\nann:x:7:7\n",
          "/proc/sys/vm/overcommit_memory": "2\n", "/proc/pressure/memory": "some avg10=99.00 total=1\n"}
seed("machine", bundle({**MEMORY, **CPU, **V2}), bundle({**MEMORY, **V1}), bundle({**MEMORY, **OTHERS}), bundle({**CPU, **OTHERS}), bundle({**V2, **V1}), "")

# ---------------------------------------------------------------- a model
SPEC = {"model_type": "bert", "hidden_size": 4, "num_hidden_layers": 1, "num_attention_heads": 2, "intermediate_size": 6, "vocab_size": 12,
        "max_position_embeddings": 8, "num_labels": 2}
LINES = "[PAD]\n[UNK]\n[CLS]\n[SEP]\n[MASK]\na\nb\nc\nd\ne\nf\ng\n"


def bert(dtype="F32", hidden=4, inner=6, head=True):
    tensors = {"bert.embeddings.word_embeddings.weight": [12, hidden], "bert.embeddings.position_embeddings.weight": [8, hidden],
               "bert.embeddings.token_type_embeddings.weight": [2, hidden]}

    def layer(name, outputs, inputs):
        tensors[name + ".weight"], tensors[name + ".bias"] = [outputs, inputs], [outputs]

    def norm(name):
        tensors[name + ".weight"] = tensors[name + ".bias"] = [hidden]
    norm("bert.embeddings.LayerNorm")
    block = "bert.encoder.layer.0."
    for part in ("attention.self.query", "attention.self.key", "attention.self.value", "attention.output.dense"):
        layer(block + part, hidden, hidden)
    norm(block + "attention.output.LayerNorm")
    layer(block + "intermediate.dense", inner, hidden)
    layer(block + "output.dense", hidden, inner)
    norm(block + "output.LayerNorm")
    if head:
        layer("bert.pooler.dense", hidden, hidden)
        layer("classifier", 2, hidden)
    return header({n: (s, dtype) for n, s in tensors.items()})


def model(config=SPEC, weights=None, **more):
    return bundle({"config.json": compact(config), "model.safetensors.header": weights or bert(), "vocab.txt": LINES,
                   **{k.replace("__", "."): v for k, v in {"text": "a b c", **more}.items()}})


seed("model", model(), model(pair="d e f g", data="\x3e\x80\x3f"), model(weights=bert("BF16"), data="\x80\x3f"), model(weights=bert("F16", head=False)),
     model({**SPEC, "problem_type": "regression", "hidden_act": "relu"}, data="\xff\xff\xff\x7f"), model(weights=bert("F64")), model(text=""),
     model(text="a b c d e f g a b c", tokenizer_config__json=compact({"model_max_length": 4, "do_lower_case": False})),
     bundle({"config.json": compact({**SPEC, "vocab_size": 19}), "model.safetensors.header": bert(), "tokenizer.json": tokenizer(), "text": TEXT}))
total = sum(p.stat().st_size for p in HERE.glob("corpus/*/*"))
print(f"{sum(1 for _ in HERE.glob('corpus/*/*'))} inputs, {total >> 10} KiB")
