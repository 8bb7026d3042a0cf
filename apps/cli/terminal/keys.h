#pragma once

#include <optional>
#include <string>

namespace plimsoll::cli {

/// Keys that are no character; characters are themselves.
enum Key : int {
  key_up = 1000,
  key_down,
  key_page_up,
  key_page_down,
  key_home,
  key_end,
  key_f1,
  key_f3,
  key_f4,
  key_f6,
  key_f9,
  key_f10,
  key_escape,
  key_other
};

/// Takes the next key from what a terminal has sent. Nothing for the beginning of a sequence whose rest is yet to come, unless `all` says
/// that nothing more will: then an escape is the key.
std::optional<int> take_key(std::string& sent, bool all);

}  // namespace plimsoll::cli
