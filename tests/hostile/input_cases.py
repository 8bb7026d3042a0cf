"""What is given to the command: rows, texts and maps of devices."""
import json
import os

from case import ABSENT, ALL, BAD_ROWS, CONTROLS, CORRUPT, UNSUPPORTED, USAGE, Case, nested, times

ROWS = {"not_json": "{", "null": "null", "number": "1", "list": "[]", "text_missing": "{}", "text_null": '{"text":null}', "text_number": '{"text":1}',
        "pair_number": '{"text":"a","text_pair":1}', "text_twice": '{"text":"a","text":"b"}', "deep": nested('{"text":'), "deep_objects": times('{"a":', 10**6),
        "nan": '{"text":NaN}', "1e999": '{"id":1e999,"text":1}', "control": '{"text":"\x01"}', "trailing": '{"text":"a"}{"text":"b"}', "nul": b'{"text":"a\0b"}',
        "open": '{"text":"a', "key_twice_escaped": '{"text":"a","\\u0074ext":"b"}', "half_escape": '{"text":"\\ud83d', "long_number": times("9", 1 << 20, '{"text":"a","id":', "x}"), "comment": '{"text":"a"}//',
        "16MB_of_spaces": times(" ", 16 << 20), "16MB_of_brackets": times("[", 16 << 20), "id_deep": nested('{"text":"a","id":', "}", 10**5)}  # fmt: skip
GOOD_ROWS = {"surrogate": '{"text":"\\ud800"}', "surrogates_swapped": '{"text":"\\udc00\\ud800"}', "not_utf8": b'{"text":"\xff\xfe"}', "escaped_nul": '{"text":"a\\u0000b"}',
             "id_controls": json.dumps({"id": CONTROLS, "text": CONTROLS}), "unknown_keys": '{"text":"a","more":[[[{"x":1e999}]]]}', "crlf": '{"text":"a"}\r', "bom": b'\xef\xbb\xbf{"text":"a"}',
             "empty_text": '{"text":""}', "key_escaped": '{"\\u0074ext":"a"}', "pair_empty": '{"text":"a","text_pair":""}', "pair_null": '{"text":"a","text_pair":null}', "id_object": '{"id":{"a":[1,{}]},"text":"a"}',
             "id_surrogate": '{"id":"\\ud800","text":"a"}', "id_of_1MB": times("\\u001b", 1 << 17, '{"id":"', '","text":"a"}'), "escapes_3MB": times("\\u0041", 1 << 19, '{"text":"', '"}'), "key_of_1MB": times("k", 1 << 20, '{"', '":1,"text":"a"}'), "huge_id": '{"id":' + "9" * 1000 + ',"text":"a"}'}  # fmt: skip
ONE_CHARACTER = {"letter": "a", "unknown": "\u2603", "cjk": "\u4e00", "space": " ", "mark": "\u0301", "ligature": "\ufdfa", "bracket": "[", "dotted_i": "\u0130", "hangul": "\uac00",
                 "zero_width": "\u200b", "emoji": "\U0001f600", "hash": "#", "special": "[CLS]"}  # fmt: skip


def rows(data):
    def build(model):
        made = data() if callable(data) else data
        made = made if isinstance(made, bytes) else made.encode("utf-8", "surrogatepass")
        (model.folder / "rows.jsonl").write_bytes(b'{"text":"good"}\n' + made + b'\n{"text":"good"}\n')
        model.arguments = ["--input", str(model.folder / "rows.jsonl")]

    return build


def lines(data, name="lines.txt"):
    def build(model):
        (model.folder / name).write_bytes(data() if callable(data) else data)
        model.arguments = ["--input", str(model.folder / name)]

    return build


def special(make):
    def build(model):
        make(model.folder / "rows.jsonl")
        model.arguments = ["--input", str(model.folder / "rows.jsonl")]

    return build


def piped(data):
    def build(model):
        model.input = data
        model.arguments = ["--jsonl"]

    return build


def device_map(data):
    def build(model):
        made = data() if callable(data) else data
        (model.folder / "map.json").write_bytes(made if isinstance(made, bytes) else made.encode())
        model.arguments = ["--device-map", str(model.folder / "map.json")]

    return build


def case(name, build, codes=(BAD_ROWS,), affected=ALL, where="", **more):
    return Case("input/" + name, build, codes, affected, where, text=None, **more)


def cases():
    for name, data in ROWS.items():
        yield case(f"row_{name}", rows(data), (0, BAD_ROWS) if name in ("id_deep", "text_twice", "nul", "16MB_of_spaces") else (BAD_ROWS,), ("run", "tokenize"))
    for name, data in GOOD_ROWS.items():
        yield case(f"row_{name}", rows(data), (0, BAD_ROWS))
    yield case("rows_piped", piped(b'{"text":"a"}\n{"text":\n\n\0\n{"text":"b"}\n'), (BAD_ROWS,), ("run", "tokenize"))
    yield case("rows_of_utf16", lines('{"text":"a"}\n'.encode("utf-16"), "rows.jsonl"), (BAD_ROWS,), ("run", "tokenize"))
    yield case("rows_100k_bad", lines(lambda: b"{}\n" * 100_000, "rows.jsonl"), (BAD_ROWS,), ("run", "tokenize"))
    yield case("rows_of_nul", lines(lambda: bytes(1 << 20), "rows.jsonl"), (BAD_ROWS,), ("run", "tokenize"))
    for name, character in ONE_CHARACTER.items():
        count = (1 << 20) // len(character.encode())
        yield case(f"1MB_of_{name}", lines(lambda c=character, n=count: c.encode() * n), (0, BAD_ROWS))
    for name, data in {"nul": lambda: bytes(1 << 20), "not_utf8": b"\xff\xfe" * 1000, "controls": CONTROLS.encode(), "overlong": b"\xc0\x80\xe0\x80\x80\xf4\x90\x80\x80" * 100,
                       "surrogates": b"\xed\xa0\x80\xed\xb0\x80" * 100, "cut_off": b"a\xe4\xb8", "carriage_returns": b"\r" * 10000, "empty": b"", "new_lines": b"\n" * 10000}.items():  # fmt: skip
        yield case(f"text_{name}", lines(data), (0, BAD_ROWS))
    for name, make in {"fifo": os.mkfifo, "folder": os.mkdir, "device": lambda path: os.symlink("/dev/zero", path), "absent": lambda path: None,
                       "loop": lambda path: os.symlink(path.name, path)}.items():  # fmt: skip
        yield case(f"file_{name}", special(make), (ABSENT,), ALL, "rows.jsonl")
    for name, data in {"empty": "", "list": "[]", "number": "1", "empty_object": "{}", "unknown_module": '{"bert.evil":0,"":"cpu"}', "unknown_device": '{"":"gpu9"}',
                       "device_controls": json.dumps({"": CONTROLS}), "module_controls": json.dumps({CONTROLS: 0, "": "cpu"}), "device_negative": '{"":-1}', "device_2^63": '{"":9223372036854775808}',
                       "device_fraction": '{"":0.5}', "device_list": '{"":[]}', "module_twice": '{"":0,"":1}', "deep": nested('{"a":'), "not_utf8": b'{"\xff":0}', "surrogate": '{"\\ud800":0}',
                       "100k_modules": lambda: json.dumps({f"m{i}": 0 for i in range(100_000)}), "none_for_rest": '{"bert.encoder":"cpu"}', "device_cuda_huge": '{"":"cuda:99999999999999999999"}', "device_spaced": '{"":"cpu "}', "device_upper_case": '{"":"CPU"}', "device_empty": '{"":""}', "device_null": '{"":null}',
                       "device_true": '{"":true}', "device_1e0": '{"":1e0}', "device_1e999": '{"":1e999}', "device_minus_zero": '{"":"-0"}', "device_object": '{"":{"":0}}', "module_dot_behind": '{"bert.encoder.":0,"":"cpu"}',
                       "module_dots": '{"..":0,"":"cpu"}', "module_twice_escaped": '{"a":"cpu","\\u0061":"cpu","":"cpu"}', "module_of_7MB": lambda: '{"' + "m" * (7 << 20) + '":0}', "bom": b'\xef\xbb\xbf{"":"cpu"}', "trailing": '{"":"cpu"}{}', "9MB": lambda: " " * (9 << 20)}.items():  # fmt: skip
        yield Case(f"device_map/{name}", device_map(data), (USAGE, UNSUPPORTED, CORRUPT), ALL, "map.json", commands=("run", "plan"))
