#include "diagnosis/text_share.h"

namespace plimsoll::cli {
namespace {

// Compressed bytes have one in ten, programs more, text in any encoding of bytes next to none.
constexpr std::uint64_t kMostControls = 32;

// What moves, rings and colours: bell to carriage return, escape.
constexpr bool is_printed(unsigned char byte) { return byte >= 0x20 || (byte >= 0x07 && byte <= 0x0D) || byte == 0x1B; }

}  // namespace

void TextShare::count(std::string_view bytes) {
  for (const char c : bytes) {
    const auto byte = static_cast<unsigned char>(c);
    bytes_ += byte != 0 ? 1 : 0;
    controls_ += byte != 0 && !is_printed(byte) ? 1 : 0;
  }
}

bool TextShare::is_text() const { return controls_ <= bytes_ / kMostControls; }

}  // namespace plimsoll::cli
