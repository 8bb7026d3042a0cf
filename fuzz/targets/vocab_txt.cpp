// A vocab.txt (the input before its first mark, see files.h), tokenizer_config.json, text and pair.
#include "files.h"
#include "tokenizer.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace plimsoll;
  testing::FakeOs os;
  for (auto& [path, text] : fuzz::read_files(fuzz::text_of(data, size))) os.files["m/" + (path.empty() ? "vocab.txt" : path)] = text;
  os.files.erase("m/tokenizer.json");
  fuzz::open_and_encode(os);
  return 0;
}
