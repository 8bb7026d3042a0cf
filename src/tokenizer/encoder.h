#pragma once

#include <memory_resource>
#include <string_view>

#include <plimsoll/cancel.h>

#include "tokenizer/files/tokenizer_file.h"
#include "tokenizer/token_sink.h"

namespace plimsoll::tokenizer {

/// Sends one text the whole way into `sink`, stopping when it is full: raw added tokens are cut out; what lies between is
/// normalized, normalized added tokens are cut out, the rest is split and tokenized. Scratch comes from `memory`.
/// `text` has less than 2^31 bytes. The sink is stopped once `cancel` (may be null) is set. Throws std::bad_alloc when `memory` does.
void encode_text(const Parts& parts, std::string_view text, TokenSink& sink, std::pmr::memory_resource* memory, const CancelToken* cancel);

}  // namespace plimsoll::tokenizer
