#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace plimsoll::doctor {

/// Cuts a stream of bytes into lines of text: colours and other escape sequences (ECMA-48) and control characters are gone, tabulators are
/// blanks, carriage returns end a line like line feeds, and so do backspaces that lead to its beginning; after fewer of them the next text,
/// or tabulator, takes the place of as many characters. Empty lines are left out. NUL is left out too, which makes ASCII of UTF-16.
/// No-break spaces and lines that frame text (U+2500 to U+257F) are blanks, too.
class LineCleaner {
 public:
  /// A longer line comes in pieces.
  static constexpr std::size_t kLongestPiece = 16U << 10U;

  struct Piece {
    std::string_view text;     ///< valid until the next call
    std::uint64_t number = 1;  ///< of the line, by its line feeds
  };

  LineCleaner();

  /// Takes bytes from the front of `bytes` until a piece is complete; false when they are used up before.
  bool next(std::string_view& bytes, Piece& piece);
  /// What is left at the end of the stream; false when nothing is.
  bool last(Piece& piece);

 private:
  enum class Inside : std::uint8_t { text, escape, sequence, string, string_escape };

  static Inside behind_escape(char byte);
  bool go_back();
  bool take(char byte);
  bool take_inside(char byte);
  bool give(Piece& piece);

  std::array<bool, 256> plain_{};
  std::string line_;
  std::uint64_t number_ = 1;
  std::uint64_t feeds_ = 0;  ///< of line feeds that end the line that was given last
  Inside inside_ = Inside::text;
  std::size_t inside_bytes_ = 0;
  std::size_t backspaces_ = 0;  ///< since the last character of `line_`
  bool given_ = false;
};

}  // namespace plimsoll::doctor
