// The pickle of a pytorch_model.bin, in an archive that is made for it with four storages of 64 bytes: no checksum stands in the way.
#include <string>

#include "support/fake_os.h"
#include "target.h"
#include "tensors.h"

namespace plimsoll::fuzz {
namespace {

std::string little(std::uint64_t value, unsigned bytes) {
  std::string text;
  for (unsigned i = 0; i < bytes; ++i, value >>= 8U) text += static_cast<char>(value & 0xFFU);
  return text;
}

std::uint32_t crc32(std::string_view text) {
  std::uint32_t crc = ~std::uint32_t{0};
  for (const char c : text) {
    crc ^= static_cast<unsigned char>(c);
    for (int i = 0; i < 8; ++i) crc = (crc >> 1U) ^ ((crc & 1U) != 0 ? 0xEDB88320U : 0U);
  }
  return ~crc;
}

/// A zip archive of entries that are stored as they are.
class Archive {
 public:
  void add(const std::string& name, std::string_view text) {
    const std::string facts = little(0, 2) + little(0, 4) + little(crc32(text), 4) + little(text.size(), 4) + little(text.size(), 4) +
                              little(name.size(), 2) + little(0, 2);
    directory_ += "PK\1\2" + little(0, 2) + little(0, 2) + little(0, 2) + facts + little(0, 10) + little(local_.size(), 4) + name;
    local_ += "PK\3\4" + little(0, 2) + little(0, 2) + facts + name;
    local_ += text;
    ++entries_;
  }

  std::string bytes() const {
    return local_ + directory_ + "PK\5\6" + little(0, 4) + little(entries_, 2) + little(entries_, 2) + little(directory_.size(), 4) +
           little(local_.size(), 4) + little(0, 2);
  }

 private:
  std::string local_;
  std::string directory_;
  std::uint64_t entries_ = 0;
};

}  // namespace
}  // namespace plimsoll::fuzz

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace plimsoll;
  fuzz::Archive archive;
  archive.add("archive/data.pkl", fuzz::text_of(data, size));
  for (const char* key : {"0", "1", "2", "3"}) archive.add(std::string("archive/data/") + key, std::string(64, '\1'));
  testing::FakeOs os;
  os.files["m/pytorch_model.bin"] = archive.bytes();
  fuzz::SmallLedger ledger;
  const auto checkpoint = Checkpoint::open(os, ledger, "m");
  if (fuzz::good(checkpoint)) fuzz::check_tensors(*checkpoint, false);
  return 0;
}
