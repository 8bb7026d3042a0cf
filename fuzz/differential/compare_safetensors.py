#!/usr/bin/env python3
"""Random .safetensors files, good and hostile: ours and the reference reader take the same, with the same tensors at the same bytes.

Where the reference takes a file and ours does not, it is for one of STRICTER. Ours never takes what the reference refuses.
"""

import safetensors

from server import Comparison

# What ours refuses on purpose, by its message: a file that says something twice or in the wrong place is broken or made to deceive.
STRICTER = {
    "does not begin with {": "white space before the header's JSON, against the format's own text",
    "followed by something other than spaces": "white space other than spaces behind the JSON, likewise",
    "appears twice": "a tensor that is named twice: the reference keeps the last",
    '" twice': "a metadata key or a field that is given twice: the reference keeps the last, or refuses as well",
    "has the unknown field": "a field that no version of the format has",
    "more than 64 dimensions": "no program makes such a tensor",
    "a size of 2^63 or more": "a size that no signed integer holds, beside a zero",
}
BITS = {"BOOL": 8, "F4": 4, "F6_E2M3": 6, "F6_E3M2": 6, "U8": 8, "I8": 8, "F8_E5M2": 8, "F8_E4M3": 8, "F8_E8M0": 8, "F8_E4M3FNUZ": 8,
        "F8_E5M2FNUZ": 8, "I16": 16, "U16": 16, "F16": 16, "BF16": 16, "I32": 32, "U32": 32, "F32": 32, "C64": 64, "F64": 64, "I64": 64,
        "U64": 64}
ODD = ["0", "1", "-0", "-1", "1.0", "1e0", "1e1", "2", "4", "9223372036854775807", "9223372036854775808", "18446744073709551615",
       "18446744073709551616", "1e999", "00", "+1", "null", "true", '"1"', "[]", "{}", "NaN", "0x1", "1E400", "-1e-400"]
NAMES = ["a", "b", "weight", "", "__metadata__", "é", "你", "\\u0000", "\\ud83d\\ude00", "\\u0061", "a.b", "\\/", "dtype", "\\ud800", "\\x", "\x7f", "\t"]


def spaces(rng):
    return rng.choice([""] * 12 + [" ", "\n", "\t", "\r", "  "])


def list_of(rng, items):
    return "[" + ",".join(spaces(rng) + i + spaces(rng) for i in items) + "]"


def tensors(rng):
    """Good entries, one behind the other: [name, dtype, shape, first, last], their fields as text."""
    end, out = 0, []
    for i in range(rng.choice([0, 1, 1, 2, 3, 5])):
        dtype = rng.choice(list(BITS))
        shape = [rng.choice([0, 1, 1, 2, 3, 4, 8]) for _ in range(rng.choice([0, 1, 1, 2, 3]))]
        bits = BITS[dtype]
        for n in shape:
            bits *= n
        size = bits // 8
        out.append([rng.choice(NAMES[:4]) + (str(i) if rng.random() < 0.95 else ""), dtype, [str(n) for n in shape], str(end), str(end + size)])
        end += size
    return out, end


def entry(rng, name, dtype, shape, first, last):
    fields = [f'"dtype":"{dtype}"', '"shape":' + list_of(rng, shape), '"data_offsets":' + list_of(rng, [first, last])]
    if rng.random() < 0.2:
        rng.shuffle(fields)
    return f'"{name}"{spaces(rng)}:' + "{" + ("," + spaces(rng)).join(fields) + "}"


def damage_entry(rng, e):
    kind = rng.randrange(7)
    if kind == 0:
        e[0] = rng.choice(NAMES)
    elif kind == 1:
        e[1] = rng.choice(list(BITS) + ["f32", "F128", "", "INT8"])
    elif kind == 2 and e[2]:
        e[2][rng.randrange(len(e[2]))] = rng.choice(ODD)
    elif kind == 3:
        e[2] = e[2] + [rng.choice(["1", "1", "0", *ODD])] * rng.choice([1, 1, 2, 63, 65])
    elif kind == 4:
        e[rng.choice([3, 4])] = rng.choice(ODD)
    elif kind == 5 and e[3].isdigit() and e[4].isdigit():
        shift = rng.choice([-8, -1, 1, 4])
        e[3], e[4] = str(int(e[3]) + shift), str(int(e[4]) + shift)
    else:
        e[3], e[4] = e[4], e[3]


def damage_text(rng, text):
    at = rng.randrange(len(text) + 1)
    kind = rng.randrange(5)
    if kind == 0:
        return text[:at] + rng.choice(['"', ",", "{", "}", "[", "]", ":", "\\", "\0", " ", "\n", "\ufeff", "x", "/**/", ',"x":1', ',"dtype":"F32"', ',"shape":[1]'] + ODD) + text[at:]
    if kind == 1:
        return text[:at] + text[at + rng.choice([1, 1, 2, 8]):]
    if kind == 2:
        return text[:at] + text[at:].replace("}", rng.choice([',"x":1}', ',"dtype":"I8"}', ",}", "}}"]), 1)
    if kind == 3:
        return text[:at]
    return text[:at] + text[max(0, at - rng.randrange(20)):]


def make(rng):
    entries, size = tensors(rng)
    if rng.random() < 0.4:
        for _ in range(rng.choice([1, 1, 2])):
            if entries:
                damage_entry(rng, rng.choice(entries))
    if rng.random() < 0.15 and entries:
        entries.append(list(rng.choice(entries)))
    parts = [entry(rng, *e) for e in entries]
    if rng.random() < 0.3:
        metadata = ",".join(f'"{rng.choice(NAMES)}":{rng.choice([chr(34) + rng.choice(NAMES) + chr(34)] * 9 + ODD)}' for _ in range(rng.randrange(3)))
        parts.append('"__metadata__":' + rng.choice(["{" + metadata + "}"] * 9 + ODD))
    rng.shuffle(parts)
    text = "{" + spaces(rng) + ("," + spaces(rng)).join(parts) + "}" + rng.choice([""] * 8 + ["    ", "\n", " \t", "x", " {}", "\0"])
    if rng.random() < 0.3:
        text = damage_text(rng, text)
    header = text.encode("utf-8", "surrogatepass")
    if rng.random() < 0.05 and header:
        at = rng.randrange(len(header))
        header = header[:at] + bytes([rng.randrange(256)]) + header[at + 1:]
    size += rng.choice([0] * 12 + [1, -1, 8])
    data = bytes(rng.randrange(256) for _ in range(max(0, min(size, 1 << 16))))
    length = len(header) + rng.choice([0] * 20 + [1, -1, 8, 1 << 40, -len(header)])
    return (length % (1 << 64)).to_bytes(8, "little") + header + data


def reference(file):
    """{name: (dtype, shape, bytes)}, or the refusal as a string."""
    try:
        return {name: (t["dtype"], list(t["shape"]), bytes(t["data"])) for name, t in safetensors.deserialize(file)}
    except BaseException as refusal:  # a panic of Rust is none of Exception's
        if isinstance(refusal, KeyboardInterrupt):
            raise
        return str(refusal)


def main():
    comparison = Comparison("safetensors")
    for seed, rng in comparison.seeds():
        file = make(rng)
        theirs = reference(file)
        ours = comparison.server.ask({"safetensors": file.hex()})
        if "error" in ours:
            if isinstance(theirs, str):
                comparison.outcome("both refuse")
                continue
            reason = next((r for r in STRICTER if r in ours["error"]), None)
            comparison.outcome(f"only ours refuses: {reason}")
            if reason is None:
                comparison.finding(seed, "only ours refuses", ours=ours["error"], file=file)
            continue
        comparison.outcome("both accept")
        if isinstance(theirs, str):
            comparison.finding(seed, "only the reference refuses", theirs=theirs, file=file)
            continue
        found = {name: (t[0], t[1], file[t[2]:t[2] + t[3]]) for name, t in ours["tensors"].items()}
        if found != theirs:
            comparison.finding(seed, "the tensors differ", ours=ours["tensors"], theirs=str(theirs), file=file)
    comparison.end()


main()
