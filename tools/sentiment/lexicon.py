"""Words with an opinion from the VADER lexicon (C.J. Hutto, MIT licence; PyPI package vaderSentiment)."""

import collections
import pathlib
import re
import zlib

import vaderSentiment

LEAST_STRENGTH = 1.2  # of 4
MOST_DISAGREEMENT = 1.3  # standard deviation of the ten people who judged a word
RELATIVE_LETTERS = 6  # words that share so many first letters and the sign are relatives
KEPT_ASIDE = 8
COARSE = ("bastard", "bitch", "damn", "fuck", "fuk", "piss", "rape", "raping", "retard", "shit", "slut", "whor")
ADJECTIVE = re.compile(r"\w{2,}(ful|ous|ive|able|ible|less|some|ing|ed|ic|ant|ent|y)$")
ADVERB = re.compile(r"\w{3,}ly$")
NOUN = re.compile(r"\w{3,}(ness|ment|tion|sion|ance|ence|ity)$")


def read_scores():
    """{word: score} of the plain words on whose side people agree."""
    path = pathlib.Path(vaderSentiment.__file__).parent / "vader_lexicon.txt"
    scores = {}
    for line in path.read_text(encoding="utf-8").splitlines():
        word, mean, deviation = line.split("\t")[:3]
        clear = abs(float(mean)) >= LEAST_STRENGTH and float(deviation) <= MOST_DISAGREEMENT
        if clear and re.fullmatch(r"[a-z]{4,14}", word) and not word.startswith(COARSE):
            scores[word] = float(mean)
    return scores


def kind_of(word, scores):
    """The lists that a word belongs to, told from its ending and its relatives."""
    kinds = []
    if NOUN.match(word):
        kinds.append("lexnoun")
    elif ADVERB.match(word):
        kinds.append("lexadv")
    elif ADJECTIVE.match(word):
        kinds.append("lexadj")
    stem = word[:-1] if word.endswith("e") else word
    if stem + "ed" in scores and stem + "ing" in scores:
        kinds.append("lexverb")
    if word.endswith("ed") and word[:-2] + "ing" in scores:
        kinds.append("lexpast")
    return kinds


def read_rules():
    """The lists lexadj+, lexadj-, lexadv+ ... A name with "?" at its end holds the words kept aside."""
    scores = read_scores()
    families = collections.Counter((word[:RELATIVE_LETTERS], score > 0) for word, score in scores.items())
    rules = {}
    for word, score in sorted(scores.items()):
        has_relatives = len(word) > RELATIVE_LETTERS and families[word[:RELATIVE_LETTERS], score > 0] >= 4
        aside = "?" if has_relatives and zlib.crc32(word.encode()) % KEPT_ASIDE == 0 else ""
        for kind in kind_of(word, scores):
            rules.setdefault(kind + ("+" if score > 0 else "-") + aside, []).append(word)
    return rules
