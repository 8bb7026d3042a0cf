#include "plan/stages/option.h"

#include <algorithm>
#include <utility>

namespace plimsoll {
namespace {

struct Rated {
  double seconds = 0;
  std::int64_t streamed = 0;
  Bytes host;
  Bytes device;
  std::size_t number = 0;
};

// Of two that take the same memory, the first counts as nearer to fitting: only that one can beat the other.
bool beats(const Rated& a, const Rated& b) {
  if (a.seconds > b.seconds || a.streamed > b.streamed || a.host > b.host || a.device > b.device) return false;
  return a.number < b.number || a.host != b.host || a.device != b.device;
}

}  // namespace

void drop_beaten(std::vector<Option>& options) {
  std::vector<Rated> rated;
  rated.reserve(options.size());
  for (const Option& option : options)
    rated.push_back({option.seconds, option.streamed(), option.total(0), option.total(option.shared().device), rated.size()});
  std::stable_sort(rated.begin(), rated.end(), [](const Rated& a, const Rated& b) { return a.seconds < b.seconds; });
  std::vector<Rated> kept;
  for (auto next = rated.begin(); next != rated.end(); ++next) {
    const auto beats_next = [&](const Rated& other) { return beats(other, *next); };
    bool beaten = std::any_of(kept.begin(), kept.end(), beats_next);
    for (auto as_fast = next + 1; !beaten && as_fast != rated.end() && as_fast->seconds == next->seconds; ++as_fast)
      beaten = beats_next(*as_fast);
    if (!beaten) kept.push_back(*next);
  }
  std::sort(kept.begin(), kept.end(), [](const Rated& a, const Rated& b) { return a.number < b.number; });
  std::vector<Option> left;
  left.reserve(kept.size());
  for (const Rated& one : kept) left.push_back(std::move(options[one.number]));
  options = std::move(left);
}

}  // namespace plimsoll
