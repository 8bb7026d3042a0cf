#include "checkpoint/torch/zip_directory.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "checkpoint/builders.h"
#include "checkpoint/torch/builders.h"

namespace plimsoll::torch {
namespace {

using testing::counting;
using testing::Entries;
using testing::FakeFile;
using testing::FakeOs;
using ::testing::HasSubstr;
using testing::kAmple;
using testing::little;
using testing::zip_file;
using testing::ZipText;

class ZipDirectoryTest : public ::testing::Test {
 protected:
  Result<ZipDirectory> read(const std::string& bytes) {
    file_ = std::make_unique<FakeFile>("a.bin", bytes, os.gate());
    Opening opening;
    return ZipDirectory::read(os, ledger, *file_, opening);
  }

  void expect_error(const std::string& bytes, ErrorCode code, const std::string& text) {
    const auto directory = read(bytes);
    ASSERT_FALSE(directory.ok()) << "wanted: " << text;
    EXPECT_EQ(directory.error().code, code) << message(directory.error());
    EXPECT_THAT(message(directory.error()), HasSubstr(text));
    EXPECT_THAT(directory.error().where, HasSubstr("a.bin"));
    EXPECT_EQ(ledger.current(), Bytes{0});
  }
  void expect_corrupt(const ZipText& broken, const std::string& text) { expect_error(broken.bytes, ErrorCode::corrupt_file, text); }
  void expect_unsupported(const ZipText& other, const std::string& text) { expect_error(other.bytes, ErrorCode::unsupported, text); }

  FakeOs os;
  Ledger ledger{"cpu", kAmple};
  std::unique_ptr<File> file_;
  const Entries entries{{"top/data.pkl", "pickle"}, {"top/data/0", counting(100)}, {"top/version", "3\n"}};
  const ZipText zip = zip_file(entries);
};

TEST_F(ZipDirectoryTest, FindsEntriesWithAndWithoutZip64) {
  for (const bool zip64 : {true, false}) {
    const auto directory = read(zip_file(entries, zip64).bytes);
    ASSERT_TRUE(directory.ok()) << message(directory.error());
    ASSERT_EQ(directory->entries().size(), 3U);
    for (const auto& [name, data] : entries) {
      const ZipEntry* entry = directory->find(name.substr(4));
      ASSERT_NE(entry, nullptr) << name;
      std::string found(entry->size, '\0');
      const auto bytes = std::as_writable_bytes(std::span(found));
      ASSERT_TRUE(file_->read(bytes, entry->offset).ok());
      EXPECT_EQ(found, data);
      EXPECT_TRUE(check_crc(*file_, *entry, bytes).ok());
      found[0] = '!';
      EXPECT_THAT(message(check_crc(*file_, *entry, bytes).error()), HasSubstr("checksum"));
    }
    EXPECT_EQ(directory->find("data"), nullptr);
    EXPECT_EQ(directory->find("top/version"), nullptr);
    EXPECT_EQ(directory->find(""), nullptr);
  }
}

TEST_F(ZipDirectoryTest, AnArchiveMayHoldNothingAndNamesMayHoldSpaces) {
  for (const bool zip64 : {true, false}) {
    const auto directory = read(zip_file({}, zip64).bytes);
    ASSERT_TRUE(directory.ok()) << message(directory.error());
    EXPECT_TRUE(directory->entries().empty());
  }
  EXPECT_TRUE(read(zip_file({{"my model/a b", "x"}}).bytes).ok());
  // An entry of nothing whose local header ends where the directory begins.
  const std::string names = little(3, 2) + little(0, 2);
  const std::string local = "PK\x03\x04" + little(0, 4) + little(0, 2 + 4 + 12) + names + "t/a";
  const std::string central = "PK\x01\x02" + little(0, 4) + little(0, 2 + 2 + 4 + 12) + names + little(0, 2 + 2 + 2 + 4 + 4) + "t/a";
  const auto directory = read(local + central + "PK\x05\x06" + little(0, 4) + little(1, 2) + little(1, 2) + little(central.size(), 4) +
                              little(local.size(), 4) + little(0, 2));
  ASSERT_TRUE(directory.ok()) << message(directory.error());
  EXPECT_EQ(directory->entries()[0].offset, local.size());
}

// The numbers of an entry that stand in its zip64 field: size, stored size, offset.
TEST_F(ZipDirectoryTest, ReadsNumbersOfZip64Fields) {
  const auto rebuilt = [&](const std::string& extra) {
    const ZipText plain = zip_file({{"t/a", "x"}, {"t/b", counting(100)}});
    std::string bytes = plain.bytes;
    const std::size_t at = plain.central[1];
    bytes.insert(at + 46 + 3, extra);
    bytes.replace(at + 30, 2, little(extra.size(), 2));
    for (const std::size_t field : {20U, 24U, 42U}) bytes.replace(at + field, 4, little(0xFFFFFFFF, 4));
    const std::size_t end64 = plain.end64 + extra.size();
    bytes.replace(end64 + 40, 8, little(end64 - plain.central[0], 8));
    bytes.replace(end64 + 56 + 8, 8, little(end64, 8));
    bytes.replace(plain.end + extra.size() + 12, 4, little(end64 - plain.central[0], 4));
    return std::pair(bytes, plain.local[1]);
  };
  const auto field = [&](std::uint64_t local) { return little(100, 8) + little(100, 8) + little(local, 8); };
  const std::uint64_t local = rebuilt("").second;
  const std::string other = "FB" + little(1, 2) + "Z";
  {
    const auto good = read(rebuilt(other + little(1, 2) + little(24, 2) + field(local)).first);
    ASSERT_TRUE(good.ok()) << message(good.error());
    EXPECT_EQ(good->find("b")->size, 100U);
    EXPECT_TRUE(read(rebuilt(little(1, 2) + little(24, 2) + field(local) + "FB" + little(0, 2)).first).ok());  // a field of nothing
  }
  for (const auto& [extra, text] : std::vector<std::pair<std::string, std::string>>{
           {"", "zip64 field is missing"},
           {little(1, 2) + little(16, 2) + field(local).substr(0, 16), "does not have the numbers"},
           {little(1, 2) + little(32, 2) + field(local) + little(0, 8), "does not have the numbers"},
           {little(1, 2) + little(25, 2) + field(local), "ends early"},
           {little(1, 2) + little(24, 2) + field(local) + little(1, 2) + little(24, 2) + field(local), "two zip64 fields"},
           {little(1, 2) + little(24, 2) + little(1ULL << 62U, 8) + field(local).substr(8), "two sizes"},
           {little(1, 2) + little(24, 2) + little(~0ULL, 8) + little(~0ULL, 8) + little(local, 8), "lies outside"},
           {little(1, 2) + little(24, 2) + field(~0ULL), "lies outside"},
           {little(1, 2) + little(24, 2) + field(local) + "FB\x01", "ends early"}}) {
    SCOPED_TRACE(text);
    expect_error(rebuilt(extra).first, ErrorCode::corrupt_file, text);
  }
}

// 16 bytes of a data descriptor are between the last entry and the directory.
TEST_F(ZipDirectoryTest, AnEntryEndsBeforeTheDirectory) {
  const auto with_size = [&](std::uint64_t size) { return zip.with(zip.central[2] + 20, size, 4).with(zip.central[2] + 24, size, 4); };
  EXPECT_TRUE(read(with_size(2 + 16).bytes).ok());
  expect_corrupt(with_size(2 + 16 + 1), "lies outside of the archive's data");
}

TEST_F(ZipDirectoryTest, RefusesEndRecordsThatLie) {
  expect_error("", ErrorCode::corrupt_file, "0 bytes, too few");
  expect_error(zip.bytes + " ", ErrorCode::corrupt_file, "does not end with an archive's end record");
  expect_corrupt(zip.with(zip.end + 20, 1, 2), "does not end with an archive's end record");  // a comment
  expect_corrupt(zip.with(zip.end64, 0, 4), "zip64 end record is not where");
  expect_corrupt(zip.with(zip.end64 + 4, 45, 8), "zip64 end record is not where");
  expect_corrupt(zip.with(zip.end64 + 56 + 8, zip.end64 - 1, 8), "zip64 end record is not where");
  expect_unsupported(zip.with(zip.end64 + 56 + 16, 2, 4), "divided over several disks");
  expect_unsupported(zip.with(zip.end64 + 16, 1, 4).with(zip.end + 4, 1, 2), "divided over several disks");
  expect_unsupported(zip.with(zip.end64 + 24, 2, 8).with(zip.end + 8, 2, 2), "divided over several disks");
  expect_corrupt(zip.with(zip.end64 + 32, 4, 8), "contradict each other");
  expect_corrupt(zip.with(zip.end64 + 40, 4, 8), "contradict each other");
  expect_corrupt(zip.with(zip.end64 + 48, 4, 8), "contradict each other");
  expect_corrupt(zip.with(zip.end + 12, 0xFFFFFFFF, 4).with(zip.end64 + 40, ~0ULL, 8), "does not end where its end record begins");
  expect_corrupt(zip.with(zip.end + 16, 0xFFFFFFFF, 4).with(zip.end64 + 48, ~0ULL, 8), "does not end where its end record begins");
  const ZipText plain = zip_file(entries, false);
  expect_corrupt(plain.with(plain.end + 10, 0xFFFF, 2), "zip64 end record is missing");
  expect_corrupt(plain.with(plain.end + 16, 1, 4), "does not end where its end record begins");
}

// Neither a bomb nor a lie is allocated for: only what the file's own size allows.
TEST_F(ZipDirectoryTest, NothingIsAllocatedForALie) {
  const ZipText many = zip.with(zip.end + 8, 0xFFFF, 2).with(zip.end + 10, 0xFFFF, 2);
  expect_corrupt(many.with(zip.end64 + 24, 1ULL << 40U, 8).with(zip.end64 + 32, 1ULL << 40U, 8), "cannot hold 1099511627776 entries");
  expect_corrupt(many.with(zip.end64 + 24, ~0ULL, 8).with(zip.end64 + 32, ~0ULL, 8), "cannot hold");
  EXPECT_EQ(ledger.peak(), Bytes{0});
}

TEST_F(ZipDirectoryTest, SaysHowEntriesAreCompressed) {
  const auto directory =
      read(zip.with(zip.central[1] + 10, 8, 2).with(zip.local[1] + 8, 8, 2).with(zip.central[1] + 24, 0xFFFFFFF0, 4).bytes);
  ASSERT_TRUE(directory.ok()) << message(directory.error());
  EXPECT_EQ(directory->find("data/0")->method, 8U);
  EXPECT_EQ(directory->find("data/0")->size, 100U);
  EXPECT_EQ(directory->find("data.pkl")->method, 0U);
}

TEST_F(ZipDirectoryTest, RefusesDirectoriesThatLie) {
  expect_corrupt(zip.with(zip.central[1], 0, 4), "directory ends early");
  expect_corrupt(zip.with(zip.central[2] + 28, 0xFFFF, 2), "directory ends early");
  expect_corrupt(zip.with(zip.central[2] + 32, 1, 2), "directory ends early");
  expect_corrupt(zip.with(zip.end64 + 24, 2, 8).with(zip.end64 + 32, 2, 8).with(zip.end + 8, 2, 2).with(zip.end + 10, 2, 2),
                 "more than its entries");
  expect_unsupported(zip.with(zip.central[1] + 8, 0x809, 2), "is encrypted");
  expect_unsupported(zip.with(zip.central[1] + 8, 0x2808, 2), "unknown flags");
  expect_unsupported(zip.with(zip.central[1] + 34, 1, 2), "divided over several disks");
  expect_corrupt(zip.with(zip.central[1] + 20, 99, 4), "two sizes");
  expect_corrupt(zip.with(zip.central[1] + 20, 1000, 4).with(zip.central[1] + 24, 1000, 4), "lies outside");
  expect_corrupt(zip.with(zip.central[1] + 42, 0xFFFFFFF0, 4), "lies outside");
  expect_corrupt(zip.with(zip.central[1] + 42, zip.central[0] - 20, 4), "lies outside");
  expect_corrupt(zip.with(zip.central[1] + 42, zip.local[1] + 1, 4), "local header disagree");
  expect_corrupt(zip.with(zip.local[1], 0, 4), "local header disagree");
  expect_corrupt(zip.with(zip.local[1] + 8, 8, 2), "local header disagree");
  expect_corrupt(zip.with(zip.central[1] + 10, 8, 2), "local header disagree");
  expect_corrupt(zip.with(zip.local[1] + 26, 9, 2), "local header disagree");
  expect_corrupt(zip.with(zip.local[1] + 30, 'T', 1), "local header disagree");
  expect_corrupt(zip.with(zip.local[1] + 28, 0xFFFF, 2), "lies outside");
}

TEST_F(ZipDirectoryTest, RefusesEntriesThatShareBytes) {
  // The second entry's record points at the first one's header under the first one's name: found as the same name; under its own as a
  // disagreement. So a header within another's data: the data of the first holds a whole second archive entry.
  const ZipText inner = zip_file({{"top/b", "stolen"}});
  const std::string planted = inner.bytes.substr(0, inner.central[0]);
  const ZipText outer = zip_file({{"top/a", "x" + planted}, {"top/b", "true"}});
  const std::size_t within = outer.bytes.find(planted);
  const ZipText hostile = outer.with(outer.central[1] + 42, within, 4).with(outer.central[1] + 20, 6, 4).with(outer.central[1] + 24, 6, 4);
  expect_corrupt(hostile, "\"a\" and \"b\" share bytes");
  // One that is longer than the room up to the next.
  const ZipText longer = zip.with(zip.central[0] + 20, 40, 4).with(zip.central[0] + 24, 40, 4);
  expect_corrupt(longer, "share bytes");
}

TEST_F(ZipDirectoryTest, RefusesNamesThatAreNotPlain) {
  for (const std::string name :
       {"../data.pkl", "top/../data.pkl", "top/..", "top/./x", "/top/x", "/etc/passwd", "top\\x/y", "top/a\nb", "top/a\x7f", ""})
    expect_error(zip_file({{name, "x"}}).bytes, ErrorCode::corrupt_file, "no plain name");
  expect_error(zip_file({{std::string("top/a\0b", 7), "x"}}).bytes, ErrorCode::corrupt_file, "\"top/a\\x00b\", which is no plain name");
  expect_error(zip_file({{"data.pkl", "x"}}).bytes, ErrorCode::corrupt_file, "lies in no folder");
  expect_error(zip_file({{"top/a", "x"}, {"tap/b", "y"}}).bytes, ErrorCode::corrupt_file, "not in the folder of the others");
  expect_error(zip_file({{"top/a", "x"}, {"to/b", "y"}}).bytes, ErrorCode::corrupt_file, "not in the folder of the others");
  expect_error(zip_file({{"top/a", "x"}, {"top/b", "y"}, {"top/a", "z"}}).bytes, ErrorCode::corrupt_file, "the entry \"a\" twice");
  EXPECT_TRUE(read(zip_file({{"top/...", "x"}, {"top/", ""}, {"top/..a/b..", "y"}}).bytes).ok());
}

// As PyTorch's reader has it.
TEST_F(ZipDirectoryTest, TheCaseOfNamesSaysNothing) {
  {
    const auto directory = read(zip_file({{"top/Data.PKL", "x"}, {"top/data/b", "y"}, {"top/VERSION", "z"}, {"top/data/A", "w"}}).bytes);
    ASSERT_TRUE(directory.ok()) << message(directory.error());
    for (const char* name : {"data.pkl", "DATA.PKL", "data/a", "data/B", "version"}) EXPECT_NE(directory->find(name), nullptr) << name;
    for (const char* name : {"data", "data.pk", "data/ab", "data\x0epkl"}) EXPECT_EQ(directory->find(name), nullptr) << name;
  }
  expect_error(zip_file({{"top/data.pkl", "x"}, {"top/b", "y"}, {"top/DATA.PKL", "z"}}).bytes, ErrorCode::corrupt_file, "twice");
  EXPECT_TRUE(read(zip_file({{"top/[", "x"}, {"top/{", "y"}}).bytes).ok());
}

/// A file of 5 GiB, all zero but for two pieces.
class SparseFile final : public File {
 public:
  SparseFile(std::uint64_t first, std::string begin, std::string end) : first_(first), begin_(std::move(begin)), end_(std::move(end)) {}
  std::uint64_t size() const override { return first_ + end_.size(); }
  const std::string& path() const override { return path_; }
  Status read(std::span<std::byte> out, std::uint64_t offset) override {
    for (std::size_t i = 0; i < out.size(); ++i) out[i] = static_cast<std::byte>(at(offset + i));
    return {};
  }

 private:
  char at(std::uint64_t i) const { return i >= first_ ? end_[i - first_] : i < begin_.size() ? begin_[i] : '\0'; }

  std::uint64_t first_;
  std::string begin_, end_, path_ = "large";
};

TEST_F(ZipDirectoryTest, ReadsArchivesLargerThan32BitsCount) {
  constexpr std::uint64_t kLarge = 5ULL << 30U;
  const auto local = [](const std::string& name) {
    return "PK\x03\x04" + little(0, 2) + little(0x808, 2) + little(0, 2 + 4 + 12) + little(name.size(), 2) + little(0, 2) + name;
  };
  const auto central = [](const std::string& name, std::uint64_t size32, std::uint64_t local32, const std::string& extra) {
    return "PK\x01\x02" + little(0, 4) + little(0x808, 2) + little(0, 2 + 4 + 4) + little(size32, 4) + little(size32, 4) +
           little(name.size(), 2) + little(extra.size(), 2) + little(0, 2 + 2 + 2 + 4) + little(local32, 4) + name + extra;
  };
  const std::string small = local("t/b") + "data";
  const std::string directory =
      central("t/a", 0xFFFFFFFF, 0, little(1, 2) + little(16, 2) + little(kLarge - 33, 8) + little(kLarge - 33, 8)) +
      central("t/b", 4, 0xFFFFFFFF, little(1, 2) + little(8, 2) + little(kLarge, 8));
  const std::uint64_t first = kLarge + small.size();
  const std::string end64 = "PK\x06\x06" + little(44, 8) + little(0, 4) + little(0, 8) + little(2, 8) + little(2, 8) +
                            little(directory.size(), 8) + little(first, 8) + "PK\x06\x07" + little(0, 4) +
                            little(first + directory.size(), 8) + little(1, 4);
  const std::string end =
      "PK\x05\x06" + little(0, 4) + little(2, 2) + little(2, 2) + little(directory.size(), 4) + little(0xFFFFFFFF, 4) + little(0, 2);
  SparseFile file(kLarge, local("t/a"), small + directory + end64 + end);
  Opening opening;
  const auto archive = ZipDirectory::read(os, ledger, file, opening);
  ASSERT_TRUE(archive.ok()) << message(archive.error());
  EXPECT_EQ(archive->find("a")->size, kLarge - 33);
  EXPECT_EQ(archive->find("b")->offset, kLarge + 33);
}

TEST_F(ZipDirectoryTest, AFileCutAtAnyByteIsATypedError) {
  for (std::size_t length = 0; length < zip.bytes.size(); ++length) {
    const auto directory = read(zip.bytes.substr(0, length));
    ASSERT_FALSE(directory.ok()) << length;
    EXPECT_EQ(directory.error().code, ErrorCode::corrupt_file) << length;
  }
  EXPECT_EQ(ledger.peak(), Bytes{0});
}

}  // namespace
}  // namespace plimsoll::torch
