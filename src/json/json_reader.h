#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

#include <plimsoll/os.h>

namespace plimsoll {

/// Receives the events of one JSON text in file order. Every callback may refuse by returning an error, which ends the
/// reading at once. A handler need not say where: `read_json` adds file and byte offset to an error whose `where` is
/// empty. Strings are valid UTF-8, unescaped, and valid only during the call. Handlers must not throw.
class JsonHandler {
 public:
  virtual ~JsonHandler() = default;

  virtual Status on_null() = 0;
  virtual Status on_bool(bool value) = 0;
  /// A number written with a minus sign and neither fraction nor exponent ("-0" gives 0).
  virtual Status on_integer(std::int64_t value) = 0;
  /// A number written without sign, fraction and exponent.
  virtual Status on_unsigned(std::uint64_t value) = 0;
  /// Any other number, also an integer that fits neither of the above. Always finite: "1e999" is an error.
  virtual Status on_number(double value) = 0;
  virtual Status on_string(std::string_view value) = 0;
  /// The name of the member whose value comes next. Repeated names are the handler's to refuse.
  virtual Status on_key(std::string_view name) = 0;
  virtual Status begin_object() = 0;
  virtual Status end_object() = 0;
  virtual Status begin_array() = 0;
  virtual Status end_array() = 0;
};

/// Bounds on what one text may ask of the reader.
struct JsonLimits {
  /// Objects and arrays inside each other.
  std::size_t depth = 64;
  /// Bytes of the longest string or number, and of the longest stretch that holds neither (other than white space).
  std::size_t token = std::size_t{1} << 20U;
  /// Looked at before each block is read: `cancelled` once it is set. May be null.
  const CancelToken* cancel = nullptr;
};

/// Reads the JSON text in bytes [first, first + length) of `file`, which must lie within the file, through a buffer of
/// 64 KiB, calling `handler` for each event. Strict: one value and nothing after it but white space; no comments, no
/// NaN or Infinity, no byte order mark, no NUL, no invalid UTF-8, no lone surrogate escapes. Fails with `corrupt_file`
/// naming file and byte offset, or with the file's or the handler's own error. No recursion: stack use is constant.
/// Heap: the buffer plus, at worst, twelve times the longest token (half of that for the message when it is refused): with
/// the default limits less than 13 MiB, in real files a few KiB.
///
/// Underneath is nlohmann's SAX interface, never its DOM. Its lexer keeps every byte since the last string or number
/// began, without a bound; the iterator it reads from bounds that instead: it drops repeated white space, counts, and
/// ends the input when `limits.token` is passed. So no lexer of our own is needed.
Status read_json(File& file, std::uint64_t first, std::uint64_t length, const JsonLimits& limits, JsonHandler& handler);

/// The same over a text in memory; `name` stands for the file in errors.
Status read_json(std::string_view text, std::string_view name, const JsonLimits& limits, JsonHandler& handler);

}  // namespace plimsoll
