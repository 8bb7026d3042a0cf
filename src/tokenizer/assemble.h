#pragma once

#include <plimsoll/tokenizer.h>

#include "tokenizer/files/tokenizer_file.h"
#include "tokenizer/token_sink.h"

namespace plimsoll::tokenizer {

/// A text's tokens and which of the kept ones are used: [begin, begin + size).
struct TokenRange {
  const TokenSink* sink = nullptr;
  std::size_t begin = 0;
  std::size_t size = 0;
};

/// Puts texts and special tokens together by the template, then pads if `padding` is given.
void assemble(const PostTemplate& post, bool is_pair, const TokenRange& first, const TokenRange& second, bool add_special,
              const Padding* padding, bool keep_tokens, Encoding& out);

}  // namespace plimsoll::tokenizer
