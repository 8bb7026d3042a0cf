#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>

namespace plimsoll::cli {

/// Reads a JSON string as its bytes arrive: unescapes it, and holds it to RFC 8259 and to well-formed UTF-8 (Unicode 15, table 3-7).
/// Halves of a surrogate pair are refused.
class JsonString {
 public:
  enum class Now : std::uint8_t { open, closed, bad };

  /// Behind the opening quote.
  void start() { *this = {}; }

  /// Takes some bytes of `piece` from `at` < piece.size() on, at most up to the closing quote and with it; `out` is what they stand for,
  /// valid until the next call. Call it until `closed`. With `bad`, `fault` says why, and `at` is where.
  Now read(std::string_view piece, std::size_t& at, std::string_view& out);
  std::string_view fault() const { return fault_; }

 private:
  enum class Step : std::uint8_t { plain, sequence, escape, hex, low_backslash, low_u };

  Now refuse(std::string_view fault);
  Now read_plain(std::string_view piece, std::size_t& at, std::string_view& out);
  Now read_sequence(char byte, std::string_view& out);
  Now read_escape(char byte, std::string_view& out);
  Now read_hex(char byte, std::string_view& out);
  Now end_unit(std::string_view& out);

  Step step_ = Step::plain;
  std::array<char, 4> held_{};  // bytes of a sequence that is cut by the end of a piece; what an escape stands for
  std::size_t held_size_ = 0;
  std::uint32_t unit_ = 0;  // UTF-16, from the hexadecimal digits so far
  int digits_ = 0;
  std::uint32_t high_ = 0;  // the first half of a pair, 0 when none
  std::string_view fault_;
};

}  // namespace plimsoll::cli
