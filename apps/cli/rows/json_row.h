#pragma once

#include <array>
#include <bitset>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <optional>
#include <string>
#include <string_view>

#include <plimsoll/result.h>

#include "rows/growing_bytes.h"
#include "text/json_string.h"

namespace plimsoll::cli {

/// Bytes that an "id" may have: it is held until its row has been answered.
inline constexpr std::size_t kLongestId = 4096;
/// Objects and arrays that may stand in each other, the row itself among them.
inline constexpr std::size_t kDeepestRow = 256;

/// Reads a row of JSON Lines, {"id"?, "text", "text_pair"?}, as its bytes arrive. Only these three are kept, unescaped, so that a row takes
/// the memory of its texts, however long it is. All else is held to the grammar of RFC 8259 and passed over.
class JsonRow {
 public:
  /// Texts of more bytes, both together, are dropped: see `too_long`.
  void set_longest(std::size_t bytes) { longest_ = bytes; }
  /// Forgets the row.
  void clear();
  /// The next bytes of the row, in pieces of any size.
  void feed(std::string_view piece);
  /// Nothing but white space so far: not a row at all.
  bool blank() const { return expect_ == Expect::row && !fault_; }

  /// The row has ended. Fails with `bad_row`, saying at which byte of the row, from 0, it is no JSON.
  Status finish();
  /// The row is well, but its texts are longer than they may be, and gone.
  bool too_long() const { return too_long_; }

  /// The scalar as JSON; empty when absent, or not reached before a fault.
  std::string_view id() const { return id_whole_ ? std::string_view(id_) : std::string_view(); }
  std::string_view text() const { return text_.view(); }
  /// null counts as absent.
  std::optional<std::string_view> pair() const { return has_pair_ ? std::optional(pair_.view()) : std::nullopt; }

 private:
  /// What may come next.
  enum class Expect : std::uint8_t { row, first_key, key, colon, first_item, value, comma, string, literal, number, nothing };
  enum class Field : std::uint8_t { id, text, pair, other };
  /// Where the grammar of a number is.
  enum class Digits : std::uint8_t { sign, zero, whole, point, fraction, exponent, exponent_sign, exponent_digits };

  void fail(std::string what);
  void refuse(std::string_view what);
  void refuse_type();

  void read_structure(char c);
  void read_string(std::string_view piece, std::size_t& at);
  void read_literal(char c);
  bool read_digit(char c);
  void end_number();

  void begin_value(char c);
  void open(bool object);
  void close(bool object);
  void end_string();
  void end_key();
  void end_value();
  void keep(std::string_view bytes);
  void keep_text(GrowingBytes& place, std::string_view bytes);
  bool is_value_of(Field field) const { return depth_ == 1 && field_ == field; }

  std::size_t longest_ = std::numeric_limits<std::size_t>::max();
  std::string id_;
  bool id_whole_ = false;
  GrowingBytes text_;
  GrowingBytes pair_;
  bool has_pair_ = false;
  bool too_long_ = false;

  std::size_t offset_ = 0;  // of the byte that is looked at
  Expect expect_ = Expect::row;
  std::bitset<kDeepestRow> objects_;  // by depth: an object, not an array
  std::size_t depth_ = 0;
  JsonString string_;
  bool in_key_ = false;
  std::array<char, 16> name_{};  // of the key of the row that is read; longer ones are of no interest
  std::size_t name_size_ = 0;
  Field field_ = Field::other;
  std::bitset<4> seen_;       // fields
  std::string_view literal_;  // what is left of it
  Digits digits_ = Digits::sign;
  std::optional<Error> fault_;
};

}  // namespace plimsoll::cli
