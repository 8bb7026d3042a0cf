#include "tokenizer/token_text.h"

#include <utility>

namespace plimsoll::tokenizer {

Error token_too_long(std::string_view what, std::size_t bytes, std::string where) {
  return {ErrorCode::corrupt_file, std::string(what) + " of " + std::to_string(bytes) + " bytes", std::move(where),
          "at most " + std::to_string(kTokenTextBytes) + " are allowed"};
}

}  // namespace plimsoll::tokenizer
