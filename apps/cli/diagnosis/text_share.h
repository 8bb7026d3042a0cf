#pragma once

#include <cstdint>
#include <string_view>

namespace plimsoll::cli {

/// Tells text from programs, archives and weights as bytes come: these are full of control characters that nobody prints. NUL is none of
/// them, for UTF-16 and files with holes have it.
class TextShare {
 public:
  void count(std::string_view bytes);
  /// Of what came so far; an empty input is text.
  bool is_text() const;

 private:
  std::uint64_t bytes_ = 0;  ///< without NUL
  std::uint64_t controls_ = 0;
};

}  // namespace plimsoll::cli
