// A folder with a model.safetensors.index.json and its shards (files.h).
#include <set>

#include "checkpoint/checkpoint.h"
#include "files.h"
#include "support/fake_os.h"
#include "target.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace plimsoll;
  testing::FakeOs os;
  for (auto& [path, text] : fuzz::read_files(fuzz::text_of(data, size)))
    os.files["m/" + (path.empty() ? "model.safetensors.index.json" : path)] = text;
  fuzz::SmallLedger ledger;
  const auto checkpoint = Checkpoint::open(os, ledger, "m");
  if (!fuzz::good(checkpoint)) return 0;
  std::set<std::string_view> names;
  for (const TensorInfo& tensor : checkpoint->tensors()) {
    fuzz::require(names.insert(tensor.name).second, "names are unique over all shards");
    fuzz::require(checkpoint->find(tensor.name) == &tensor, "a tensor is found by its name");
    fuzz::require(checkpoint->file(tensor.file).path().find("..") == std::string::npos, "no shard lies outside of the folder");
  }
  return 0;
}
