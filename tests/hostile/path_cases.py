"""What stands in a file's place: links that leave, folders, FIFOs, sockets, devices, absent files."""
import os
import pathlib
import socket

from case import ABSENT, ALL, CONTROLS, CORRUPT, WEIGHTS, Case

FILES = {"config.json": WEIGHTS, "model.safetensors": WEIGHTS, "tokenizer.json": ALL, "tokenizer_config.json": ALL}
COMMIT = "a" * 40


def link(target):
    """Leads to `target`; "{}" is the good file, kept beside the model's folder."""

    def make(path):
        os.symlink(target.format(path.parent.parent / "kept" / path.name), path)

    return make


def unix_socket(path):
    here = os.open(path.parent, os.O_PATH)
    with socket.socket(socket.AF_UNIX) as made:
        made.bind(f"/proc/self/fd/{here}/{path.name}")  # a path of its own may be too long
    os.close(here)


def hard_link(path):
    os.link(path.parent.parent / "kept" / path.name, path)


KINDS = {"link_out": link("../kept/config.json"), "link_absolute": link("{}"), "link_to_proc": link("/proc/self/environ"),
         "link_to_stdin": link("/proc/self/fd/0"), "link_to_device": link("/dev/zero"), "link_to_terminal": link("/dev/tty"),
         "folder": pathlib.Path.mkdir, "fifo": os.mkfifo, "socket": unix_socket}  # fmt: skip


def instead(name, make):
    def build(model):
        kept = model.folder / "kept"
        kept.mkdir()
        for file in pathlib.Path(model.path).iterdir():
            os.link(file, kept / file.name)
        model.instead(name, make)

    return build


def in_cache(change=lambda cache, snapshot: None, model="org/name"):
    """The good model as the Hub's cache would hold it, then changed."""

    def build(good):
        cache = good.folder / "hub" / "models--org--name"
        snapshot = cache / "snapshots" / COMMIT
        for folder in (snapshot, cache / "blobs", cache / "refs"):
            folder.mkdir(parents=True)
        (cache / "refs" / "main").write_text(COMMIT)
        for number, file in enumerate(sorted(pathlib.Path(good.path).iterdir())):
            file.rename(cache / "blobs" / str(number))
            os.symlink(f"../../blobs/{number}", snapshot / file.name)
        good.environment["HF_HUB_CACHE"] = str(good.folder / "hub")
        good.path = model if "{" not in model else model.format(snapshot)
        change(cache, snapshot)

    return build


def in_ref(data):
    return lambda cache, snapshot: (cache / "refs" / "main").write_bytes(data)


def ref_is(make):
    def change(cache, snapshot):
        (cache / "refs" / "main").unlink()
        make(cache / "refs" / "main")

    return change


def blob_of_another(cache, snapshot):
    other = cache.parent / "models--org--other" / "blobs"
    other.mkdir(parents=True)
    (snapshot / "config.json").resolve().rename(other / "x")
    (snapshot / "config.json").unlink()
    os.symlink("../../../models--org--other/blobs/x", snapshot / "config.json")


def snapshot_elsewhere(cache, snapshot):
    snapshot.rename(cache.parent / "elsewhere")
    os.symlink("../../elsewhere", snapshot)


def snapshot_is_file(cache, snapshot):
    snapshot.rename(cache / "away")
    snapshot.write_text("")


def sparse(path):
    path.touch()
    os.truncate(path, 1 << 40)


def linked_folder(model):
    os.symlink("model", model.folder / "link")
    model.path = str(model.folder / "link")


def link_inside(model):
    model.file("sub").mkdir()
    for name in FILES:
        model.file(name).rename(model.file("sub") / name)
        os.symlink(f"./sub/../sub/{name}", model.file(name))


def linked_snapshot(model):
    in_cache()(model)
    os.symlink(f"hub/models--org--name/snapshots/{COMMIT}", model.folder / "link")
    model.path = str(model.folder / "link")


def named_by_controls(model):
    other = model.folder / CONTROLS.replace("/", "")
    os.rename(model.path, other)
    model.path = str(other)


def spoiled_and_named_by_controls(model):
    model.write("config.json", "{")
    model.write("tokenizer.json", "{")
    named_by_controls(model)


def case(name, build, codes=(ABSENT,), affected=ALL, where="", **more):
    return Case("path/" + name, build, codes, affected, where, **more)


def cases():
    for file, affected in FILES.items():
        for name, make in KINDS.items():
            # A folder in the place of a file counts as no file at all, and tokenizer_config.json need not be there.
            optional = file == "tokenizer_config.json" and name == "folder"
            absent = name == "folder"
            yield case(f"{file}_{name}", instead(file, make), (0,) if optional else (ABSENT,), affected, "" if absent else file)
        yield case(f"{file}_hard_link", instead(file, hard_link), (0,))
        yield case(f"{file}_sparse_1TiB", instead(file, sparse), (CORRUPT, 4), affected, file)
        yield case(f"{file}_link_to_itself", instead(file, link(file)), (0,) if file == "tokenizer_config.json" else (ABSENT,), affected)
    yield case("vocab.txt_sparse_1TiB", instead("vocab.txt", sparse), (CORRUPT,), ALL, "vocab.txt", good="variants/vocab-txt")
    yield case("vocab.txt_link_out", instead("vocab.txt", link("../kept/vocab.txt")), (ABSENT,), ALL, "vocab.txt", good="variants/vocab-txt")
    yield case("shard_link_out", instead("model-00004-of-00004.safetensors", link("{}")), (ABSENT,), WEIGHTS, "model-00004", good="variants/sharded")
    yield case("index_link_out", instead("model.safetensors.index.json", link("{}")), (ABSENT,), WEIGHTS, "index.json", good="variants/sharded")
    yield case("link_inside", link_inside, (0,))
    yield case("linked_folder", linked_folder, (0,))
    yield case("name_of_controls", named_by_controls, (0,))
    yield case("name_of_controls_spoiled", spoiled_and_named_by_controls, (CORRUPT,))
    yield case("hub_good", in_cache(), (0,))
    yield case("hub_good_by_path", in_cache(model="{}"), (0,))
    yield case("hub_good_by_link", linked_snapshot, (0,))
    for name, data in {"up": b"../../elsewhere", "absolute": b"/etc", "empty": b"", "nul": b"a\0b", "binary": bytes(range(256)), "long": b"a" * 5000,
                       "controls": b"\x1b[31m\nplimsoll: error: x"}.items():  # fmt: skip
        yield case(f"hub_ref_{name}", in_cache(in_ref(data)), (CORRUPT,), ALL, "refs/main")
    yield case("hub_ref_unknown", in_cache(in_ref(b"b" * 40)), (ABSENT,), ALL, "org/name")
    yield case("hub_ref_fifo", in_cache(ref_is(os.mkfifo)), (ABSENT,), ALL, "refs/main")
    yield case("hub_ref_link_out", in_cache(ref_is(lambda path: os.symlink("/etc/hostname", path))), (ABSENT,), ALL, "refs/main")
    yield case("hub_ref_sparse_1TiB", in_cache(ref_is(sparse)), (CORRUPT,), ALL, "refs/main")
    yield case("hub_blob_of_another_model", in_cache(blob_of_another), (ABSENT,), WEIGHTS, "config.json")
    yield case("hub_snapshot_elsewhere", in_cache(snapshot_elsewhere), (ABSENT,), ALL, COMMIT)
    yield case("hub_snapshot_is_file", in_cache(snapshot_is_file), (ABSENT,), ALL, "org/name")
    for name, model in {"up": "../../etc", "nul_name": "a--b", "controls": "\x1b[31m/x", "long": "n" * 5000}.items():
        yield case(f"hub_id_{name}", in_cache(model=model), (ABSENT,), ALL)
