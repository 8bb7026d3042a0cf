// What a model's folder may link to: its own files and, in a Hub cache, the blobs of the same model.
#include "hub/model_file.h"

#include <gtest/gtest.h>

#include <filesystem>

#include "support/temporary_folder.h"

namespace plimsoll {
namespace {

using testing::TemporaryFolder;

class ModelFile : public ::testing::Test {
 protected:
  ModelFile() : os_(make_os(gate_)) {
    tree_.write("hub/models--a--b/blobs/1", "blob");
    tree_.write("hub/models--a--other/blobs/1", "other");
    tree_.write("models--secret", "secret");
    link("../../blobs/1", "hub/models--a--b/snapshots/c/config.json");
    link("../../../models--a--other/blobs/1", "hub/models--a--b/snapshots/c/of_another");
    link(tree_ / "hub/models--a--b/blobs/1", "hub/models--a--b/snapshots/c/absolute");
  }

  void link(const std::string& target, const std::string& name) {
    std::filesystem::create_directories(std::filesystem::path(tree_ / name).parent_path());
    std::filesystem::create_symlink(target, tree_ / name);
  }

  /// Size of the file, or -1.
  std::int64_t size(const std::string& directory, const std::string& name) {
    const auto folder = open_model_folder(*os_, directory);
    return folder.ok() ? size(**folder, name) : -1;
  }
  static std::int64_t size(Folder& folder, const std::string& name) {
    const auto file = folder.open(name);
    return file.ok() ? static_cast<std::int64_t>((*file)->size()) : -1;
  }

  Gate gate_;
  std::unique_ptr<Os> os_;
  TemporaryFolder tree_;
};

TEST_F(ModelFile, ASnapshotLinksToTheBlobsOfItsModelOnly) {
  const std::string snapshot = tree_ / "hub/models--a--b/snapshots/c";
  EXPECT_EQ(size(snapshot, "config.json"), 4);
  EXPECT_EQ(size(snapshot + "//", "config.json"), 4);
  EXPECT_EQ(size(snapshot + "/.", "config.json"), 4);
  std::filesystem::create_directory_symlink(tree_ / "other", tree_ / "hub/models--a--b/snapshots/out");
  tree_.write("other/config.json", "away");
  EXPECT_EQ(size(tree_ / "hub/models--a--b/snapshots/out", "config.json"), -1);
  EXPECT_EQ(size(tree_ / "hub/models--a--b/snapshots/out/.", "config.json"), -1);
  EXPECT_EQ(size(snapshot, "of_another"), -1);
  EXPECT_EQ(size(snapshot, "absolute"), -1);
}

TEST_F(ModelFile, WhatIsMissingIsToldApartFromWhatCannotBeHad) {
  tree_.write("m/there", "x");
  link("nowhere", "m/dangling");
  std::filesystem::create_directories(tree_ / "m/folder");
  const auto folder = open_model_folder(*os_, tree_ / "m");
  ASSERT_TRUE(folder.ok());
  const auto why = [&](const std::string& name) {
    const Status status = explain_missing(**folder, name);
    return status.ok() ? std::string() : status.error().what;
  };
  EXPECT_EQ(why("absent"), "");
  EXPECT_EQ(why("there"), "");
  EXPECT_EQ(why("dangling"), "a link to a file that is not there");
  EXPECT_EQ(why("folder"), "this is a directory, not a file");
  const auto none = open_model_folder(*os_, tree_ / "none");
  ASSERT_FALSE(none.ok());
  EXPECT_EQ(none.error().code, ErrorCode::not_found);
  EXPECT_EQ(none.error().what, "there is no such folder");
}

TEST_F(ModelFile, ASnapshotMayBeReachedByAnotherName) {
  link("hub/models--a--b/snapshots/c", "model");
  EXPECT_EQ(size(tree_ / "model", "config.json"), 4);
  EXPECT_EQ(size(tree_ / "model/", "config.json"), 4);
  EXPECT_EQ(size(tree_ / "model/../c", "config.json"), 4);
  EXPECT_EQ(size(tree_ / "model", "of_another"), -1);
}

TEST_F(ModelFile, ACachedModelMayBeKeptElsewhere) {
  tree_.write("disk/moved/blobs/1", "blob");
  link("../../blobs/1", "disk/moved/snapshots/c/config.json");
  link("../disk/moved", "hub/models--a--moved");
  EXPECT_EQ(size(tree_ / "hub/models--a--moved/snapshots/c", "config.json"), 4);
}

TEST_F(ModelFile, AFolderThatIsReachedThroughLinksIsPinned) {
  const std::string snapshot = tree_ / "hub/models--a--b/snapshots/c";
  tree_.write("v1/config.json", "1");
  tree_.write("elsewhere/config.json", "secret");
  link("v1", "latest");
  link("c", "hub/models--a--b/snapshots/newest");
  link(tree_ / "elsewhere", "hub/models--a--b/snapshots/out");
  const auto pinned = [&](const std::string& name) { return pinned_folder(*os_, tree_ / name); };
  EXPECT_EQ(pinned("v1"), tree_ / "v1");
  EXPECT_EQ(pinned("v1//"), tree_ / "v1//") << "no link: as given";
  EXPECT_EQ(pinned("latest"), tree_ / "v1");
  EXPECT_EQ(pinned("latest/"), tree_ / "v1");
  EXPECT_EQ(pinned("hub/models--a--b/snapshots/newest"), snapshot);
  EXPECT_EQ(pinned("hub/models--a--b/snapshots/out"), tree_ / "hub/models--a--b/snapshots/out");
  EXPECT_EQ(size(pinned("hub/models--a--b/snapshots/out"), "config.json"), -1);
  EXPECT_EQ(pinned("none"), tree_ / "none");
}

TEST_F(ModelFile, AFolderThatIsOpenStaysTheOne) {
  tree_.write("v1/config.json", "1");
  tree_.write("v1/only_here", "1");
  tree_.write("v2/config.json", "22");
  tree_.write("hub/models--a--b/blobs/2", "22");
  link("../../blobs/2", "hub/models--a--b/snapshots/d/config.json");
  const auto exchange = [&](const std::string& one, const std::string& two) {
    std::filesystem::rename(tree_ / one, tree_ / "aside");
    std::filesystem::rename(tree_ / two, tree_ / one);
    std::filesystem::rename(tree_ / "aside", tree_ / two);
  };
  const auto plain = open_model_folder(*os_, tree_ / "v1");
  const auto cached = open_model_folder(*os_, tree_ / "hub/models--a--b/snapshots/c");
  ASSERT_TRUE(plain.ok() && cached.ok());
  exchange("v1", "v2");
  exchange("hub/models--a--b/snapshots/c", "hub/models--a--b/snapshots/d");
  EXPECT_EQ(size(**plain, "config.json"), 1);
  EXPECT_TRUE((*plain)->has("only_here"));
  EXPECT_TRUE((*plain)->lists("only_here"));
  EXPECT_EQ((*plain)->first_name("_here"), "only_here");
  EXPECT_EQ(size(**cached, "config.json"), 4) << "a blob of the same model, by way of the folder that was opened";
  EXPECT_EQ(size(**cached, "of_another"), -1);
  exchange("hub/models--a--b", "v1");
  EXPECT_EQ(size(**cached, "config.json"), 4);
  EXPECT_EQ((*cached)->path(), tree_ / "hub/models--a--b/snapshots/c") << "as it was named";
}

TEST_F(ModelFile, AFolderHasWhatIsNoFolder) {
  tree_.write("m/file", "1");
  tree_.write("m/sub/deep", "1");
  link("../models--secret", "m/out");
  link("nowhere", "m/dangling");
  const auto folder = open_model_folder(*os_, tree_ / "m");
  ASSERT_TRUE(folder.ok());
  EXPECT_TRUE((*folder)->has("file"));
  EXPECT_TRUE((*folder)->has("sub/deep"));
  EXPECT_TRUE((*folder)->has("out")) << "opening it says what is wrong with it";
  for (const char* name : {"sub", "dangling", "absent", "/etc/passwd"}) EXPECT_FALSE((*folder)->has(name)) << name;
}

TEST_F(ModelFile, AnyOtherFolderIsItsOwnRoot) {
  tree_.write("m/deep/real.json", "12345");
  link("deep/real.json", "m/config.json");
  link("../models--secret", "m/secret");
  tree_.write("plain/snapshots/c/config.json", "123");
  link("../../blobs/1", "plain/snapshots/c/blob");
  tree_.write("plain/blobs/1", "1");
  EXPECT_EQ(size(tree_ / "m", "config.json"), 5);
  EXPECT_EQ(size(tree_ / "m", "secret"), -1);
  EXPECT_EQ(size(tree_ / "m/deep", "../config.json"), -1);
  EXPECT_EQ(size(tree_ / "plain/snapshots/c", "config.json"), 3);
  EXPECT_EQ(size(tree_ / "plain/snapshots/c", "blob"), -1);
  EXPECT_EQ(size(tree_ / "hub/models--a--b/snapshots/..", "snapshots/c/of_another"), -1);
}

}  // namespace
}  // namespace plimsoll
