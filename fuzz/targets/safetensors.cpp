// A .safetensors file: the whole of it, or its header's JSON alone, with a fitting length and data made for it.
#include "files.h"
#include "support/fake_os.h"
#include "target.h"
#include "tensors.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace plimsoll;
  const std::string_view input = fuzz::text_of(data, size);
  testing::FakeOs os;
  os.files["m/model.safetensors"] = input.starts_with('{') ? fuzz::safetensors_file(input) : std::string(input);
  fuzz::SmallLedger ledger;
  const auto checkpoint = Checkpoint::open(os, ledger, "m");
  if (fuzz::good(checkpoint)) fuzz::check_tensors(*checkpoint, true);
  return 0;
}
