#include "tokenizer/parts/decoder.h"
#include "tokenizer/parts/part_list.h"

namespace plimsoll::tokenizer {

namespace {

/// Every decoder that is built here.
constexpr std::array<PartType<Decoder>, 1> kDecoders = {{
    {"WordPiece", read_word_piece_decoder, "cleanup"},
}};

}  // namespace

Result<Decoders> make_decoders(const JsonValue& section) { return read_parts<Decoder>(section, "decoder", "decoders", kDecoders); }

}  // namespace plimsoll::tokenizer
