// A file of --device-map, and the plan that follows it for a small model on two simulated devices.
#include "files.h"
#include "model/tensors.h"
#include "plans.h"
#include "support/paper_machine.h"

namespace plimsoll::fuzz {
namespace {

const Model& small_model() {
  static testing::FakeOs os;
  static Ledger ledger("cpu", mib(32));
  testing::put_fake_model(os);
  static const auto model = Model::open(os, ledger, {"m", "", "", false});
  require(model.ok(), "the model of this fuzzer opens");
  return *model;
}

}  // namespace
}  // namespace plimsoll::fuzz

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace plimsoll;
  testing::FakeOs os;
  os.files["map.json"] = fuzz::text_of(data, size);
  auto map = read_device_map(os, "map.json");
  if (!fuzz::good(map)) return 0;
  Snapshot machine = testing::paper_machine(mib(256));
  machine.accelerators = {testing::paper_accelerator(mib(64), "sim:0"), testing::paper_accelerator(mib(64), "sim:1")};
  Policy policy;
  policy.device_map = std::move(*map);
  const auto plan = make_plan(fuzz::small_model(), machine, {.longest = 8}, policy);
  if (fuzz::good(plan)) fuzz::check(*plan);
  return 0;
}
