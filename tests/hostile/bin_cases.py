"""pytorch_model.bin: what holds the pickle. Archives and their directories, the older form, and shards. What pickles say: pickle_cases.py."""
import os
import struct
import zlib

import path_cases
from case import ABSENT, CONTROLS, CORRUPT, UNSUPPORTED, WEIGHTS, Case, nested
from torch_file import END64, FILE, LEGACY_MAGIC, LOCAL, Archive, Entry, archive_of, dict_of, integer, legacy_of, list_of, state_dict, text, tuple_of, weights_of, whole, write_index

EITHER = (CORRUPT, UNSUPPORTED)
INDEX = "pytorch_model.bin.index.json"
SHARD = "pytorch_model-00002-of-00002.bin"


def put(model, data, name=FILE):
    model.file("model.safetensors").unlink(missing_ok=True)
    model.write(name, data)


def good_archive(model):
    tensors, storages = weights_of(model)
    return archive_of(whole(state_dict(tensors)), storages)


def archived(change=lambda archive: None, finish=lambda data: data):
    """A good archive, changed before it is written, and its bytes after."""

    def build(model):
        archive = good_archive(model)
        change(archive)
        put(model, finish(archive.written()))

    return build


def old_form(change=lambda legacy: None, finish=lambda data: data):
    def build(model):
        tensors, storages = weights_of(model)
        legacy = legacy_of(whole(state_dict(tensors)), storages)
        change(legacy)
        put(model, finish(legacy.written()))

    return build


def entry(which, **fields):
    def change(archive):
        for field, value in fields.items():
            setattr(archive.entry(which), field, value)

    return archived(change)


def record(which, **fields):
    return archived(lambda archive: getattr(archive, which).update(fields))


def more(*entries):
    return archived(lambda archive: archive.entries.extend(entries))


def without(name):
    return archived(lambda archive: archive.entries.remove(archive.entry(name)))


def renamed(name, new, **fields):
    return entry(name, name=new, **fields)


def contents(name, data, **fields):
    return entry(name, data=data, **fields)


def deflated(name, fill=None):
    """A member that is compressed, or a small one that says it is `fill` bytes of zeros."""

    def change(archive):
        one = archive.entry(name)
        squeezed = zlib.compress(one.data if fill is None else bytes(1 << 20), 9)[2:-4]
        one.size, one.crc = (len(one.data) if fill is None else fill), zlib.crc32(one.data)
        one.data, one.method = squeezed, 8

    return archived(change)


def shared_bytes(archive):
    """Two entries in one place, as the bomb of overlapping files has it."""
    archive.entry("data/1").offset = 0
    archive.entry("data/1").local_name = "archive/data.pkl"


def inside_another(archive):
    """A whole entry, header and all, within the bytes of another."""
    outer, version = archive.entry("data/5"), archive.entry("version")
    inner = Archive([Entry("archive/version", b"3\n")]).written()
    outer.data = inner.ljust(len(outer.data), b"\0")
    version.offset, version.local_signature = archive.written().index(inner[:100]), b"ZZZZ"


def zip64_extra(*numbers, kind=1, length=None):
    data = b"".join(struct.pack("<Q", number % (1 << 64)) for number in numbers)
    return struct.pack("<HH", kind, len(data) if length is None else length) + data


ALL32 = 0xFFFFFFFF


def archives():
    yield "good", archived(), (0,)
    yield "good_without_zip64", archived(lambda archive: setattr(archive, "zip64", False)), (0,)
    for at in (0, 3, 4, 30, 100, 0.3, 0.99, -1, -21, -22, -42, -98, -200):
        yield f"truncated_at_{at}", archived(finish=lambda data, a=at: data[: int(len(data) * a) if isinstance(a, float) else a]), (CORRUPT,)
    yield "byte_behind", archived(finish=lambda data: data + b"\0"), (CORRUPT,)
    yield "archive_behind", archived(finish=lambda data: data + data), (CORRUPT,)
    yield "bytes_before", archived(finish=lambda data: LOCAL + bytes(100) + data), (CORRUPT,)
    yield "comment", archived(lambda archive: (archive.end.update(comment=4), setattr(archive, "tail", b"PK\5\6"))), (CORRUPT,)
    for field in ("entries", "here"):
        for name, value in {"0": 0, "one_less": 41, "1": 1, "65534": 65534}.items():
            yield f"end_{field}_{name}", record("end", **{field: value}), EITHER
    for name, value in {"0": 0, "1": 1, "2^31": 1 << 31, "2^32-2": ALL32 - 1}.items():
        yield f"end_size_{name}", record("end", size=value), (CORRUPT,)
        yield f"end_offset_{name}", record("end", offset=value), (CORRUPT,)
    yield "end_disk", record("end", disk=1), EITHER
    for field in ("entries", "size", "offset"):
        for name, value in {"0": 0, "2^32": 1 << 32, "2^63": 1 << 63, "2^64-1": (1 << 64) - 1}.items():
            lie = lambda archive, f=field, v=value: (archive.end.update({f: ALL32 if f != "entries" else 0xFFFF, "here": 0xFFFF}), archive.end64.update({f: v, "here": v}))  # fmt: skip
            yield f"zip64_{field}_{name}", archived(lie), EITHER
    for name, value in {"0": 0, "1": 1, "2^64-1": (1 << 64) - 1, "of_another": 64}.items():
        yield f"zip64_locator_{name}", record("locator", offset=value), EITHER
    yield "zip64_disks", record("locator", disks=2), EITHER
    yield "zip64_two_ends", record("end64", entries=7, here=7), (CORRUPT,)
    yield "zip64_longer", record("end64", bytes=1 << 40), (CORRUPT,)
    yield "zip64_without_end", archived(lambda archive: (setattr(archive, "zip64", False), archive.end.update(offset=ALL32))), (CORRUPT,)
    yield "zip64_end_overwritten", archived(finish=lambda data: data.replace(END64, b"PK\6\5")), (CORRUPT,)


def entries():
    for name, fields in {"size_two": {"size": 4}, "size_2^32-2": {"size": ALL32 - 1, "stored": ALL32 - 1}, "offset_behind": {"offset": 1 << 30}, "offset_2^32-2": {"offset": ALL32 - 1},
                         "offset_inside": {"offset": 7}, "offset_of_directory": {"offset": 375_000}, "crc": {"crc": 1}, "signature": {"signature": b"PK\1\1"}, "local_signature": {"local_signature": b"PK\3\5"},
                         "local_name": {"local_name": "archive/data.pkk"}, "local_name_shorter": {"local_name": "archive/x"}, "extra_cut_off": {"extra": b"\1\0\x10\0"}, "disk": {"disk": 1},
                         "size_zip64_missing": {"size": ALL32, "stored": ALL32}, "size_zip64_2^63": {"size": ALL32, "stored": ALL32, "extra": zip64_extra(1 << 63, 1 << 63)},
                         "size_zip64_2^64-1": {"size": ALL32, "stored": ALL32, "extra": zip64_extra(-1, -1)}, "offset_zip64_2^63": {"offset": ALL32, "extra": zip64_extra(1 << 63)},
                         "offset_zip64_2^64-30": {"offset": ALL32, "extra": zip64_extra(-30)}, "zip64_twice": {"offset": ALL32, "extra": zip64_extra(0) + zip64_extra(0)},
                         "zip64_too_short": {"size": ALL32, "stored": ALL32, "extra": zip64_extra(9)}, "zip64_unneeded": {"extra": zip64_extra(9)}, "zip64_length": {"offset": ALL32, "extra": zip64_extra(0, length=65535)},
                         "encrypted": {"flags": 0x809}, "strongly_encrypted": {"flags": 0x841}, "patch": {"flags": 0x820}, "masked": {"flags": 0x2808}}.items():  # fmt: skip
        yield f"entry_{name}", entry("data.pkl", **fields), EITHER
    yield "entry_comment", entry("data.pkl", comment=CONTROLS.encode()), (0,)
    for name, new in {"up": "archive/../data.pkl", "up_first": "../archive/data.pkl", "absolute": "/archive/data.pkl", "dot": "archive/./data.pkl", "empty": "", "folder": "archive/", "backslash": "archive\\data.pkl",
                      "drive": "C:\\data.pkl", "nul": "archive/data.pkl\0x", "controls": "archive/" + CONTROLS, "other_top": "other/data.pkl", "no_top": "data.pkl", "long": "archive/" + "n" * 60_000,
                      "not_utf8": b"archive/\xff\xfe", "directions": "archive/\u202elkp.atad"}.items():  # fmt: skip
        yield f"entry_name_{name}", renamed("data.pkl", new), (CORRUPT,)
    yield "entry_name_twice", more(Entry("archive/data.pkl", whole(b"}"))), (CORRUPT,)
    yield "entry_name_twice_of_storage", more(Entry("archive/data/0", bytes(8))), (CORRUPT,)
    yield "entry_name_in_other_case", renamed("data.pkl", "archive/DATA.PKL"), (CORRUPT,)
    yield "entry_name_twice_in_other_case", more(Entry("archive/DATA.PKL", whole(b"}"))), (CORRUPT,)
    yield "bytes_shared", archived(shared_bytes), (CORRUPT,)
    yield "bytes_within_others", archived(inside_another), (CORRUPT,)
    yield "entry_hidden", entry("data.pkl", hidden=True), (CORRUPT,)
    yield "no_entries", archived(lambda archive: archive.entries.clear()), (CORRUPT,)
    for name in ("data.pkl", "data/3", "data/40"):
        yield f"deflated_{name.replace('/', '_')}", deflated(name), (UNSUPPORTED,)
        yield f"without_{name.replace('/', '_')}", without(name), (CORRUPT,)
    yield "bomb_pickle", deflated("data.pkl", 90_000_000), (UNSUPPORTED,)
    yield "bomb_storage", deflated("data/0", ALL32 - 1), (UNSUPPORTED,)
    yield "method_99", entry("data/0", method=99), (UNSUPPORTED,)
    for name, data in {"big": b"big", "long": b"little" * 1000, "controls": CONTROLS.encode()[:16], "nul": b"little\0"}.items():
        yield f"byteorder_{name}", contents("byteorder", data), EITHER
    for name, data in {"0": b"0", "99": b"99", "minus": b"-3", "long": b"3" * 17, "controls": b"\x1b[31m"}.items():
        yield f"version_{name}", contents("version", data), EITHER
    yield "script", more(Entry("archive/constants.pkl", whole(b"N"))), (UNSUPPORTED,)
    for name, change in {"less": lambda d: d[:-1], "more": lambda d: d + bytes(4), "none": lambda d: b""}.items():
        yield f"storage_{name}", archived(lambda archive, c=change: setattr(archive.entry("data/5"), "data", c(archive.entry("data/5").data))), (CORRUPT,)
    yield "many_entries", more(*(Entry(f"archive/{i}", b"") for i in range(20_000))), (0,)
    yield "entry_of_nothing", contents("data.pkl", b""), (CORRUPT,)
    yield "pickle_sparse_1TiB", entry("data.pkl", size=ALL32, stored=ALL32, extra=zip64_extra(1 << 40, 1 << 40)), (CORRUPT,)


def legacies():
    yield "good", old_form(), (0,)
    for at in (1, 14, 15, 16, 30, 60, 150, 0.001, 0.01, 0.5, 0.999, -1):
        yield f"truncated_at_{at}", old_form(finish=lambda data, a=at: data[: int(len(data) * a) if isinstance(a, float) else a]), (CORRUPT,)
    yield "byte_behind", old_form(finish=lambda data: data + b"\0"), (CORRUPT,)
    yield "magic_only", lambda model: put(model, LEGACY_MAGIC), (CORRUPT,)
    yield "magic_other", old_form(lambda f: setattr(f, "magic", whole(integer(0x1950A86A20F9469CFC6D)))), (CORRUPT,)
    for name, value in {"1000": integer(1000), "text": text("1001"), "2^63": integer(-1 << 63), "none": b"N"}.items():
        yield f"protocol_{name}", old_form(lambda f, v=value: setattr(f, "protocol", whole(v))), EITHER
    for name, value in {"none": b"N", "empty": b"}", "big": dict_of({"little_endian": b"\x89"}), "number": dict_of({"little_endian": integer(1)}),
                        "twice": dict_of([("little_endian", b"\x88"), ("little_endian", b"\x89")])}.items():  # fmt: skip
        yield f"facts_{name}", old_form(lambda f, v=value: setattr(f, "facts", whole(v))), EITHER
    for name, value in {"none": b"N", "empty": b"]", "numbers": list_of(integer(0)), "tuple": tuple_of(text("0")), "unknown": list_of(text(CONTROLS))}.items():
        yield f"keys_{name}", old_form(lambda f, v=value: setattr(f, "keys", whole(v))), (CORRUPT,)
    twice = lambda f: setattr(f, "keys", whole(list_of(*map(text, [*f.storages, "0"]))))  # fmt: skip
    yield "key_twice", old_form(twice), (CORRUPT,)
    yield "keys_reversed", old_form(lambda f: setattr(f, "keys", whole(list_of(*map(text, list(f.storages)[::-1]))))), (CORRUPT,)
    for name, count in {"0": 0, "1": 1, "one_more": 6145, "2^31": 1 << 31, "2^62": 1 << 62, "2^63": 1 << 63, "minus_1": -1}.items():
        yield f"count_{name}", old_form(lambda f, n=count: f.sizes.update({"5": n})), (CORRUPT,)
    yield "storage_less", old_form(lambda f: f.storages.update({"5": f.storages["5"][:-4]})), (CORRUPT,)


def sharded(change):
    """variants/sharded-bin, changed."""
    return lambda model: change(model)


def first_shard(name):
    def change(index):
        index["weight_map"][next(iter(index["weight_map"]))] = name

    return lambda model: model.edit(INDEX, change)


def same_shard_often(count):
    """Every shard is one file: links cost nothing, reading does."""

    def build(model):
        tensors, storages = weights_of(model)
        name = next(iter(tensors))
        held = whole(dict_of({"padding" * 1000: b"N" , name: tensors[name].pickled()}))
        put(model, archive_of(held, {tensors[name].key: storages[tensors[name].key]}).written(), "all.bin")
        for i in range(count):
            model.file(f"s{i}.bin").symlink_to("all.bin")
        write_index(model, {f"s{i}.bin": [f"{name}.{i}"] for i in range(count)})

    return build


def unlisted(model):
    model.edit(INDEX, lambda index: index["weight_map"].pop("classifier.bias"))


def shards():
    yield "index_deep", lambda model: model.write(INDEX, nested('{"weight_map":')), (CORRUPT,), INDEX
    yield "index_truncated", lambda model: model.write(INDEX, model.read(INDEX)[:-9]), (CORRUPT,), INDEX
    for name, shard in {"up": "../" + FILE, "absolute": "/etc/x.bin", "empty": "", "other_kind": "model.safetensors", "backslash": "..\\x.bin", "nul": "a\0.bin", "controls": CONTROLS + ".bin"}.items():
        yield f"shard_{name}", first_shard(shard), (CORRUPT,), INDEX
    yield "shard_missing", first_shard("absent.bin"), (ABSENT,), "absent.bin"
    yield "shard_deleted", lambda model: model.file(SHARD).unlink(), (ABSENT,), SHARD
    yield "shard_truncated", lambda model: model.write(SHARD, model.read(SHARD)[:-1]), (CORRUPT,), SHARD
    yield "shard_is_safetensors", lambda model: model.write(SHARD, struct.pack("<Q", 2) + b"{}"), (CORRUPT,), SHARD
    yield "shards_exchanged", first_shard(SHARD), (CORRUPT,), INDEX
    yield "shards_the_same", lambda model: model.write(SHARD, model.read("pytorch_model-00001-of-00002.bin")), (CORRUPT,), ""
    yield "tensor_unlisted", unlisted, (CORRUPT,), "classifier.bias"
    yield "shard_link_out", path_cases.instead(SHARD, path_cases.link("{}")), (ABSENT,), SHARD
    yield "shard_fifo", path_cases.instead(SHARD, os.mkfifo), (ABSENT,), SHARD


def case(name, build, codes=(CORRUPT,), where=FILE, **fields):
    """Each is seen by one command; between them the two forms show both."""
    commands = ("plan",) if name.startswith("legacy/") else ("run",)
    return Case(name, build, codes, WEIGHTS, "" if codes == (0,) else where, commands=commands, **fields)


def cases():
    for prefix, group in {"zip": (archives, entries), "legacy": (legacies,)}.items():
        for made in group:
            for name, build, codes in made():
                yield case(f"{prefix}/{name}", build, codes)
    for name, build, codes, where in shards():
        yield case(f"bin/sharded_{name}", build, codes, where, good="variants/sharded-bin")
    yield case("bin/sharded_same_1000", same_shard_often(1000), (CORRUPT, UNSUPPORTED), "")
    for name, data in {"empty": b"", "nul_bytes": bytes(1000), "lfs_pointer": b"version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 1\n", "gzip": b"\x1f\x8b\x08" + bytes(100), "tar": b"pickle\0" + bytes(505),
                       "protocol_4": b"\x80\x04\x95" + bytes(100), "safetensors": struct.pack("<Q", 2) + b"{}", "two_heads": LOCAL + LEGACY_MAGIC + bytes(100)}.items():  # fmt: skip
        yield case(f"bin/not_one_but_{name}", lambda model, d=data: put(model, d))
    for name, make in path_cases.KINDS.items():
        yield case(f"bin/file_{name}", path_cases.instead(FILE, make), (ABSENT,), "" if name == "folder" else FILE, good="variants/bin")
    yield case("bin/file_hard_link", path_cases.instead(FILE, path_cases.hard_link), (0,), good="variants/bin")
    yield case("bin/file_sparse_1TiB", path_cases.instead(FILE, path_cases.sparse), (CORRUPT,), good="variants/bin")
