#include "arguments/held_at_start.h"

#include <unistd.h>

#include <algorithm>
#include <string_view>

namespace plimsoll::cli {
namespace {

// What every plan has room for: so few bytes change none.
constexpr Bytes kFew = kib(128);
// The system keeps each word of the arguments and the environment with its end and a pointer to it.
constexpr Bytes kBesideWord{1 + sizeof(char*)};
// Flags are read into strings beside that, which the heap does not give back whole.
constexpr Bytes kBesideFlag{96};
// Those that a plan advises have room in it.
constexpr Bytes kSomeFlags = kib(1);

}  // namespace

Bytes held_at_start(const Options& options) {
  Bytes sum = std::max(kSomeFlags, kBesideFlag * options.flag_words + Bytes{2 * options.flag_bytes});
  for (const std::string_view text : options.texts) sum += Bytes{text.size() + sizeof(std::string_view)} + kBesideWord;
  for (char** variable = environ; variable != nullptr && *variable != nullptr; ++variable)
    sum += Bytes{std::string_view(*variable).size()} + kBesideWord;
  return saturating_sub(sum, kFew);
}

}  // namespace plimsoll::cli
