#include "hub/hub_cache.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "support/fake_os.h"

namespace plimsoll {
namespace {

using ::testing::HasSubstr;

const std::string kCommit(40, 'a');
const std::string kOther = std::string(39, 'b') + "1";

class HubCacheTest : public ::testing::Test {
 protected:
  HubCacheTest() {
    os.variables["HF_HUB_CACHE"] = "/c";
    os.files["/c/models--org--name/refs/main"] = kCommit;
    os.files["/c/models--org--name/refs/refs/pr/1"] = kOther + "\n";
    os.files["/c/models--org--name/snapshots/" + kCommit + "/config.json"] = "{}";
    os.files["/c/models--org--name/snapshots/" + kOther + "/config.json"] = "{}";
    os.files["/c/models--gpt2/refs/main"] = kCommit;
    os.files["/c/models--gpt2/snapshots/" + kCommit + "/config.json"] = "{}";
  }

  std::string locate(const std::string& model, const std::string& revision = "") {
    const auto folder = locate_model(os, model, revision);
    return folder.ok() ? *folder : std::string(error_code_name(folder.error().code)) + ": " + message(folder.error());
  }

  std::string cache() {
    const auto folder = hub_cache_directory(os);
    return folder.ok() ? *folder : message(folder.error());
  }

  testing::FakeOs os;
};

TEST_F(HubCacheTest, FindsSnapshotsByRefAndByCommit) {
  const std::string folder = "/c/models--org--name/snapshots/";
  EXPECT_EQ(locate("org/name"), folder + kCommit);
  EXPECT_EQ(locate("org/name", "main"), folder + kCommit);
  EXPECT_EQ(locate("org/name", "refs/pr/1"), folder + kOther);
  EXPECT_EQ(locate("org/name", kOther), folder + kOther);
  EXPECT_EQ(locate("gpt2"), "/c/models--gpt2/snapshots/" + kCommit);
}

TEST_F(HubCacheTest, AFolderComesFirst) {
  os.files["org/name/config.json"] = "{}";
  os.files["../elsewhere/config.json"] = "{}";
  EXPECT_EQ(locate("org/name"), "org/name");
  EXPECT_EQ(locate("../elsewhere"), "../elsewhere");
  os.files["a.safetensors"] = "x";
  EXPECT_THAT(locate("a.safetensors"), HasSubstr("not_found: this is a file, not a model (a.safetensors)"));
}

TEST_F(HubCacheTest, ARevisionThatIsNotCachedIsNotFoundEvenWithOneSnapshot) {
  os.files.erase("/c/models--gpt2/refs/main");
  EXPECT_THAT(locate("gpt2"), AllOf(HasSubstr("not_found: the model gpt2 is not in the Hub cache at revision main (/c/models--gpt2)"),
                                    HasSubstr("--revision " + kCommit + " is here"), HasSubstr("`hf download gpt2`")));
  EXPECT_EQ(locate("gpt2", kCommit), "/c/models--gpt2/snapshots/" + kCommit);
  os.files["/c/models--gpt2/snapshots/$(id)/config.json"] = "{}";
  EXPECT_THAT(locate("gpt2"), ::testing::Not(HasSubstr("$(id)"))) << "nothing that a shell would run";
  EXPECT_THAT(locate("gpt2", "v2"), HasSubstr("`hf download gpt2 --revision v2`"));
  EXPECT_THAT(locate("org/absent"), AllOf(HasSubstr("(/c/models--org--absent): get it with `hf download org/absent`"),
                                          HasSubstr("or give the folder of a model")));
}

TEST_F(HubCacheTest, ASnapshotMayHaveAnotherName) {
  os.files["/c/models--gpt2/snapshots/v1.0/config.json"] = "{}";
  EXPECT_EQ(locate("gpt2", "v1.0"), "/c/models--gpt2/snapshots/v1.0");
  os.files["/c/models--gpt2/refs/main"] = "v1.0";
  EXPECT_EQ(locate("gpt2"), "/c/models--gpt2/snapshots/v1.0");
}

TEST_F(HubCacheTest, ABrokenRefIsRefused) {
  for (const std::string& text : {std::string("../../../etc"), std::string("/etc"), std::string(""), std::string("a/b"), std::string(".."),
                                  std::string("a\nb"), std::string("a\0b", 3), std::string("."), std::string(300, 'a')}) {
    SCOPED_TRACE(printable(text));
    os.files["/c/models--gpt2/refs/main"] = text;
    EXPECT_THAT(locate("gpt2"), AllOf(HasSubstr("corrupt_file: a ref holds"), HasSubstr("(/c/models--gpt2/refs/main)")));
  }
  os.files["/c/models--gpt2/refs/main"] = std::string(5000, 'a');
  EXPECT_THAT(locate("gpt2"), HasSubstr("corrupt_file"));
  os.files["/c/models--gpt2/refs/main"] = kOther;
  EXPECT_THAT(locate("gpt2"), HasSubstr("not_found"));
}

TEST_F(HubCacheTest, HostileIdsNeverReachThePath) {
  // What such an id would find if it were let through.
  os.files["/c/models--../refs/main"] = kCommit;
  os.files["/c/models--..--x/refs/main"] = kCommit;
  os.files["/c/models--..--x/snapshots/" + kCommit + "/f"] = "";
  os.files["/c/models--org--name--x/snapshots/" + kCommit + "/f"] = "";
  os.files["/c/models--org--name--x/refs/main"] = kCommit;
  const std::vector<std::string> ids = {"..",
                                        "../x",
                                        "x/..",
                                        "/etc/passwd",
                                        "/x",
                                        "x/",
                                        "a/b/c",
                                        "a//b",
                                        ".x",
                                        "x.",
                                        "-x",
                                        "x-",
                                        "a--b",
                                        "org--name/x",
                                        "x.git",
                                        "a b",
                                        "a\nb",
                                        "a\\b",
                                        "caf\xC3\xA9",
                                        "~/x",
                                        "./gpt2",
                                        "gpt2/.",
                                        "$HOME",
                                        "a%2fb",
                                        "C:\\x",
                                        "org/na..me",
                                        std::string(97, 'a'),
                                        "\xFF",
                                        std::string("gpt2\0", 5)};
  for (const std::string& id : ids) {
    SCOPED_TRACE(printable(id));
    EXPECT_THAT(locate(id), HasSubstr("not_found: there is no such folder, and it is no Hub id"));
  }
  EXPECT_THAT(locate(""), HasSubstr("usage: no model is named"));
}

TEST_F(HubCacheTest, HostileRevisionsAreUsageErrors) {
  for (const std::string& revision :
       {std::string(".."), std::string("../main"), std::string("refs/../main"), std::string("/main"), std::string("main/"),
        std::string("a//b"), std::string("a b"), std::string("a\nb"), std::string("a\0b", 3), std::string(".hidden"),
        std::string("refs/.hidden"), std::string("a\\b"), std::string(300, 'a')}) {
    SCOPED_TRACE(printable(revision));
    EXPECT_THAT(locate("gpt2", revision), HasSubstr("can be no revision (--revision)"));
  }
}

TEST_F(HubCacheTest, TheCacheIsWhereHuggingFaceHubLooks) {
  EXPECT_EQ(cache(), "/c");
  os.variables["HF_HUB_CACHE"] = "";
  os.variables["HUGGINGFACE_HUB_CACHE"] = "/legacy";
  EXPECT_EQ(cache(), "/legacy");
  os.variables = {{"HF_HOME", "/home/hf"}, {"XDG_CACHE_HOME", "/xdg"}, {"HOME", "/root"}};
  EXPECT_EQ(cache(), "/home/hf/hub");
  os.variables = {{"XDG_CACHE_HOME", "/xdg"}, {"HOME", "/root"}};
  EXPECT_EQ(cache(), "/xdg/huggingface/hub");
  os.variables = {{"HOME", "/root"}};
  EXPECT_EQ(cache(), "/root/.cache/huggingface/hub");
  os.variables.clear();
  EXPECT_THAT(cache(), HasSubstr("set HF_HUB_CACHE or HOME"));
  EXPECT_THAT(locate("gpt2"), HasSubstr("not_found"));
}

TEST_F(HubCacheTest, VariablesExpandToNoMoreThanAPath) {
  std::string path;
  for (int i = 0; i < 40'000; ++i) path += "$D";
  os.variables = {{"D", std::string(100'000, 'd')}, {"HF_HOME", path}};
  EXPECT_THAT(cache(), HasSubstr("the Hub cache cannot be found: a path has fewer than 4096 bytes (HF_HOME)"));
}

TEST_F(HubCacheTest, VariablesAndHomeAreExpandedAsPythonDoes) {
  os.variables = {{"HOME", "/root"}, {"D", "disk"}};
  const std::vector<std::pair<std::string, std::string>> cases = {
      {"~/c", "/root/c"},
      {"~", "/root"},
      {"/~/c", "/~/c"},
      {"/$D/c", "/disk/c"},
      {"/${D}/c", "/disk/c"},
      {"/${D}x$D", "/diskxdisk"},
      {"/$NONE/c", "/$NONE/c"},
      {"/${NONE}/c", "/${NONE}/c"},
      {"/$", "/$"},
      {"/${", "/${"},
      {"/${D", "/${D"},
      {"/$/x", "/$/x"},
      {"/$$D", "/$disk"},
  };
  for (const auto& [value, wanted] : cases) {
    os.variables["HF_HUB_CACHE"] = value;
    EXPECT_EQ(cache(), wanted) << value;
  }
}

TEST_F(HubCacheTest, FailedReadsAreTypedErrors) {
  for (std::uint64_t n = 1;; ++n) {
    os.gate().refuse({.ordinal = n});
    const auto folder = locate_model(os, "org/name", "");
    if (os.gate().refused() == 0) break;
    ASSERT_FALSE(folder.ok());
  }
  os.gate().refuse({});
  EXPECT_EQ(locate("org/name"), "/c/models--org--name/snapshots/" + kCommit);
}

}  // namespace
}  // namespace plimsoll
