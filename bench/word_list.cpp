#include "word_list.h"

#include <sstream>
#include <string_view>

namespace plimsoll::bench {
namespace {

constexpr int kUnusedBeforeSpecial = 99;
constexpr int kUnused = 994;
constexpr std::string_view kCharacters = "!\"#$%&'()*+,-./0123456789:;<=>?@[\\]^_`abcdefghijklmnopqrstuvwxyz{|}~";

constexpr std::string_view kWords =
    "the of and in to was he is as for on with that it his by at from her she you had an were but be this are not my they one which or "
    "have "
    "him me first all also their has up who out been when after there into new two its would over what so said other no more can about "
    "then "
    "if like some could will only them than do time made most part many where such even very because through years before just between "
    "down "
    "back did while good well way own both any much being since until during against each same long great how work life under world people "
    "here day too film movie story plot acting actor cast scene character director script music show series watch watched watching see "
    "seen "
    "think thought feel felt love loved liked hate hated bad best better worst worse boring dull funny sad happy beautiful wonderful "
    "terrible "
    "awful amazing brilliant excellent perfect poor weak strong slow fast short old young real true never always often again still really "
    "quite "
    "little few man woman child family friend home house city night year week hour end start begin book read write word line page money "
    "price "
    "product quality service recommend enjoy enjoyed waste point problem question answer idea reason thing things nothing something "
    "everything";

constexpr std::string_view kEndings = "s ed ing er est ly ness ment tion able ful less ous ive al ity ize en ish";

void add_unused(std::string& out, int first, int last) {
  for (int i = first; i < last; ++i) out += "[unused" + std::to_string(i) + "]\n";
}

std::int64_t add_words(std::string& out, std::string_view words, std::string_view prefix) {
  std::istringstream in{std::string(words)};
  std::int64_t count = 0;
  for (std::string word; in >> word; ++count) out.append(prefix).append(word).append("\n");
  return count;
}

}  // namespace

std::string word_list(std::int64_t size) {
  std::string out = "[PAD]\n";
  add_unused(out, 0, kUnusedBeforeSpecial);
  out += "[UNK]\n[CLS]\n[SEP]\n[MASK]\n";
  add_unused(out, kUnusedBeforeSpecial, kUnused);
  std::int64_t count = 5 + kUnused;
  for (const char c : kCharacters) out.append(1, c).append("\n");
  count += static_cast<std::int64_t>(kCharacters.size());
  count += add_words(out, kWords, "") + add_words(out, kEndings, "##");
  for (const char c : kCharacters) {
    if ((c < '0' || c > '9') && (c < 'a' || c > 'z')) continue;
    // "##s" is already among the endings.
    if (c == 's') continue;
    out.append("##").append(1, c).append("\n");
    ++count;
  }
  for (std::int64_t i = 0; count < size; ++i, ++count) out += "w" + std::to_string(i) + "\n";
  return out;
}

}  // namespace plimsoll::bench
