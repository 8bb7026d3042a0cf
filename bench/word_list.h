#pragma once

#include <cstdint>
#include <string>

namespace plimsoll::bench {

/// Least size of a vocabulary that has all special tokens, characters and common words.
inline constexpr std::int64_t kSmallestVocabulary = 2048;

/// vocab.txt of `size` tokens for an uncased WordPiece tokenizer: special tokens where BERT has them ([PAD] 0, [UNK] 100,
/// [CLS] 101, [SEP] 102, [MASK] 103), characters from 999 on, common words, continuations, then fillers "w0", "w1", ...
std::string word_list(std::int64_t size);

}  // namespace plimsoll::bench
