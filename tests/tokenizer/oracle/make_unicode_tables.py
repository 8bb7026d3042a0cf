#!/usr/bin/env python3
"""Write src/tokenizer/unicode/unicode_tables.cpp by asking the Python package `tokenizers` about every code point.

    make_unicode_tables.py OUT.cpp

The package mixes Unicode versions (its categories are those of 2016, its lower case is this year's), so the answers are
asked for, not derived from one version's data files. Combining classes come from Python's `unicodedata`, kept where
the package reorders by them.
"""
import sys
import unicodedata
from tokenizers import normalizers as N, pre_tokenizers as P

POINTS = [c for c in range(0x110000) if not 0xD800 <= c < 0xE000]


def ranges(points):
    out = []
    for c in points:
        if out and out[-1][1] == c - 1:
            out[-1][1] = c
        else:
            out.append([c, c])
    return out


def removed(normalizer):
    return ranges(c for c in POINTS if normalizer.normalize_str(chr(c)) == "")


def pieces(pre_tokenizer, count):
    return ranges(c for c in POINTS if len(pre_tokenizer.pre_tokenize_str("a" + chr(c) + "a")) == count)


def lower_ranges():
    out, lower = [], N.Lowercase()
    for c in POINTS:
        x = lower.normalize_str(chr(c))
        if len(x) != 1 or x == chr(c):
            continue
        delta = ord(x) - c
        for stride in (1, 2):
            if out and out[-1][3] == delta and c - out[-1][1] == stride and out[-1][2] in (0, stride):
                out[-1][1], out[-1][2] = c, stride
                break
        else:
            out.append([c, c, 0, delta])
    return [[a, b, s or 1, d] for a, b, s, d in out]


def class_ranges():
    out, nfd = [], N.NFD()
    for c in POINTS:
        k = unicodedata.combining(chr(c))
        if k == 0 or len(nfd.normalize_str(chr(c))) != 1:
            k = 0
        elif k == 1:
            k = 1 if nfd.normalize_str("a\u0301" + chr(c)) != "a\u0301" + chr(c) else 0
        else:
            k = k if nfd.normalize_str("a" + chr(c) + "\u0334") != "a" + chr(c) + "\u0334" else 0
        if k == 0:
            continue
        if out and out[-1][1] == c - 1 and out[-1][2] == k:
            out[-1][1] = c
        else:
            out.append([c, c, k])
    return out


def emit(f, kind, name, rows):
    f.write(f"constexpr {kind} k{name}Data[] = {{\n")
    line = "   "
    for r in rows:
        cell = " {" + ", ".join([hex(r[0]), hex(r[1])] + [str(x) for x in r[2:]]) + "},"
        if len(line) + len(cell) > 138:
            f.write(line + "\n")
            line = "   "
        line += cell
    f.write(line + "\n};\n\n")


def main():
    bert = dict(clean_text=False, handle_chinese_chars=False, strip_accents=False, lowercase=False)
    tables = [
        ("CodeRange", "Other", removed(N.BertNormalizer(**{**bert, "clean_text": True}))),
        ("CodeRange", "NonspacingMark", removed(N.BertNormalizer(**{**bert, "strip_accents": True}))),
        ("CodeRange", "CombiningMark", removed(N.StripAccents())),
        ("CodeRange", "Punctuation", pieces(P.Punctuation(), 3)),
        ("CodeRange", "Word", pieces(P.Whitespace(), 1)),
        ("LowerRange", "Lower", lower_ranges()),
        ("ClassRange", "Class", class_ranges()),
    ]
    with open(sys.argv[1], "w") as f:
        f.write("// Written by tests/tokenizer/oracle/make_unicode_tables.py; do not edit.\n// clang-format off\n")
        f.write('#include "tokenizer/unicode/unicode_tables.h"\n\nnamespace plimsoll::unicode {\n\nnamespace {\n\n')
        for kind, name, rows in tables:
            emit(f, kind, name, rows)
        f.write("}  // namespace\n\n")
        for kind, name, _ in tables:
            f.write(f"const std::span<const {kind}> k{name} = k{name}Data;\n")
        f.write("\n}  // namespace plimsoll::unicode\n")


main()
