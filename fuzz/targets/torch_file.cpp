// A pytorch_model.bin, in any form.
#include "support/fake_os.h"
#include "target.h"
#include "tensors.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace plimsoll;
  testing::FakeOs os;
  os.files["m/pytorch_model.bin"] = fuzz::text_of(data, size);
  fuzz::SmallLedger ledger;
  const auto checkpoint = Checkpoint::open(os, ledger, "m");
  if (fuzz::good(checkpoint)) fuzz::check_tensors(*checkpoint, false);
  return 0;
}
