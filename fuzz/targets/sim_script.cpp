// What happens to a simulated device, and when: the script, walked to its end.
#include "device/sim/sim_script.h"

#include <algorithm>

#include "target.h"

namespace plimsoll::fuzz {
namespace {

std::size_t walk(SimScript& script, const std::optional<Moment>& now) {
  std::size_t actions = 0;
  while (const auto action = script.next(now)) {
    ++actions;
    if (const auto* slow = std::get_if<sim::Slow>(&*action)) require(slow->factor > 0, "time goes on");
    if (const auto* fail = std::get_if<sim::Fail>(&*action)) require(fail->ordinal > 0, "the first is number 1");
  }
  return actions;
}

}  // namespace
}  // namespace plimsoll::fuzz

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace plimsoll;
  const std::string_view text = fuzz::text_of(data, size);
  auto script = SimScript::parse(text, "script");
  if (!fuzz::good(script)) return 0;
  std::size_t actions = fuzz::walk(*script, std::nullopt);
  for (const double loaded : {0.0, 0.5, 1.0}) actions += fuzz::walk(*script, Moment{Phase::load, loaded, 1, -1});
  for (const std::int64_t pass : {1, 2, 1'000'000'000})
    for (const std::int64_t layer : {-1, 0, 7, 1'000'000'000}) actions += fuzz::walk(*script, Moment{Phase::pass, 1, pass, layer});
  fuzz::require(script->done(), "everything happens in the end");
  fuzz::require(actions <= text.size(), "an action is a word");
  return 0;
}
