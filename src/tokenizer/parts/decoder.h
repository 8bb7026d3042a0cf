#pragma once

#include <memory>
#include <string>
#include <vector>

#include <plimsoll/result.h>

#include "json/json_document.h"

namespace plimsoll::tokenizer {

/// Turns token strings back into text, each in place; what comes out is joined.
class Decoder {
 public:
  Decoder() = default;
  Decoder(const Decoder&) = delete;
  Decoder& operator=(const Decoder&) = delete;
  virtual ~Decoder() = default;
  virtual void apply(std::vector<std::string>& tokens) const = 0;
};

/// Applied in order; none: tokens are joined by spaces.
using Decoders = std::vector<std::unique_ptr<Decoder>>;

/// The parts of the "decoder" section; a Sequence is flattened. A type that is not built here is `unsupported`.
Result<Decoders> make_decoders(const JsonValue& section);

std::unique_ptr<Decoder> make_word_piece_decoder(std::string prefix, bool cleanup);
Result<std::unique_ptr<Decoder>> read_word_piece_decoder(const JsonValue& part);

}  // namespace plimsoll::tokenizer
