#include <plimsoll/tokenizer.h>

#include "base/utf8.h"

namespace plimsoll {

bool is_utf8(std::string_view text) {
  for (std::size_t at = 0; at < text.size();) {
    const utf8::Decoded decoded = utf8::decode(text, at);
    if (!decoded.valid) return false;
    at += decoded.size;
  }
  return true;
}

void utf8_replace(std::string_view text, std::pmr::string& out) {
  std::size_t kept = 0;  // bytes before it have been copied
  for (std::size_t at = 0; at < text.size();) {
    const utf8::Decoded decoded = utf8::decode(text, at);
    if (!decoded.valid) {
      out.append(text.substr(kept, at - kept)).append(utf8::kReplacement);
      kept = at + decoded.size;
    }
    at += decoded.size;
  }
  out.append(text.substr(kept));
}

}  // namespace plimsoll
