#include <gtest/gtest.h>

#include "command.h"
#include "diagnosis/doctor_picture.h"

namespace plimsoll::test {
namespace {

constexpr const char* kLog =
    "Traceback (most recent call last):\n"
    "    model = AutoModelForSequenceClassification.from_pretrained('bert-large-uncased')\n"
    "    state_dict = torch.load(resolved_archive_file, map_location=\"cpu\")\n"
    "    torch._C._cuda_init()\n"
    "RuntimeError: CUDA out of memory. Tried to allocate 2.00 GiB (GPU 0; 11.17 GiB total capacity; 8.00 GiB already allocated; 1.50 GiB "
    "free; 8.50 GiB reserved "
    "in total by PyTorch)\n";

TEST(Doctor, ExplainsWhatIsPipedIn) {
  const Finished result = run(Start{{"doctor"}, kLog, {}, false, {}});
  EXPECT_EQ(result.status, 0) << result.err;
  EXPECT_EQ(result.err, "");
  for (const char* part : {"CUDA out of memory: 2.00 GiB asked of cuda:0", "^ asked: 2.00 GiB", "[TTT", "tensors of this process",
                           "Cause: fragmentation (confidence: low)", "disagrees", "What to do, the cheapest first", "torch.float16",
                           "docs/causes/fragmentation.md"})
    EXPECT_NE(result.out.find(part), std::string::npos) << part << "\n" << result.out;
}

TEST(Doctor, ReadsAFile) {
  const Folder folder;
  folder.write("train.log", std::string("epoch 1\r\n") + kLog);
  const Finished result = run({"doctor", folder / "train.log"});
  EXPECT_EQ(result.status, 0) << result.err;
  EXPECT_EQ(result.out, run(Start{{"doctor", "-"}, std::string("epoch 1\n") + kLog, {}, false, {}}).out);
}

TEST(Doctor, ExplainsALogAlsoBesideAModelThatIsNotThere) {
  const Folder folder;
  const std::string log = folder.write("log", "CUDA out of memory. Tried to allocate 2.00 GiB\n");
  const Finished both = run({"doctor", log, "--model", "/nonexistent/model"});
  EXPECT_EQ(both.status, 3);
  EXPECT_NE(both.out.find("2.00 GiB"), std::string::npos) << both.out;
  EXPECT_NE(both.err.find("/nonexistent/model"), std::string::npos) << both.err;
}

TEST(Doctor, AFileMayHaveAnyName) {
  const Folder folder;
  folder.write("standard input", "CUDA out of memory. Tried to allocate 2.00 GiB\n");
  const Finished read =
      run({"/bin/sh", "-c", "cd \"$1\" && exec \"$0\" doctor 'standard input' < /dev/null", PLIMSOLL_COMMAND, folder.path()});
  EXPECT_EQ(read.status, 0) << read.err;
}

TEST(Doctor, JsonHasEveryFieldOfTheContract) {
  const Finished result = run(Start{{"doctor", "-", "--json"}, kLog, {}, false, {}});
  const auto rows = result.rows();
  ASSERT_EQ(rows.size(), 1U);
  EXPECT_EQ(rows[0].at("schema"), 1);
  const auto& it = rows[0].at("diagnoses").at(0);
  EXPECT_EQ(it.at("source"), "pytorch");
  EXPECT_EQ(it.at("requested_bytes"), std::uint64_t{2} << 30U);
  EXPECT_EQ(it.at("free_bytes"), std::uint64_t{3} << 29U);
  EXPECT_EQ(it.at("allocated_bytes"), std::uint64_t{8} << 30U);
  EXPECT_EQ(it.at("reserved_bytes"), std::uint64_t{17} << 29U);
  EXPECT_NEAR(it.at("total_bytes").get<double>(), 11.17 * (1U << 30U), 1);
  EXPECT_TRUE(it.at("limit_bytes").is_null());
  EXPECT_EQ(it.at("device"), "cuda:0");
  EXPECT_TRUE(it.at("processes").empty());
  EXPECT_EQ(it.at("phase"), "loading");
  EXPECT_EQ(it.at("cause"), "fragmentation");
  EXPECT_EQ(it.at("confidence"), "low");
  EXPECT_EQ(it.at("fatal"), true);
  EXPECT_TRUE(it.at("explanation").is_string());
  for (const auto& remedy : it.at("remedies")) {
    for (const char* key : {"action", "why", "change"}) EXPECT_FALSE(remedy.at(key).get<std::string>().empty()) << key;
    EXPECT_TRUE(remedy.at("saves_bytes").is_null() || remedy.at("saves_bytes").is_number_unsigned());
  }
}

TEST(Doctor, JsonHasNoNameForOtherPrograms) {
  const auto rows = run(Start{{"doctor", "--json"}, "MemoryError\n", {}, false, {}}).rows();
  EXPECT_TRUE(rows.at(0).at("diagnoses").at(0).at("source").is_null());
}

TEST(Doctor, JsonListsTheProcessItself) {
  const Finished result = run(Start{
      {"doctor", "--json"},
      "CUDA out of memory. Tried to allocate 1.95 GiB. GPU 0 has a total capacity of 14.57 GiB of which 1.58 GiB is free. Process 24930 "
      "has 12.02 GiB memory in use. Including non-PyTorch memory, this process has 0.94 GiB memory in use. Of the allocated memory 0.72 "
      "GiB is allocated by PyTorch, and 0.03 GiB is reserved by PyTorch but unallocated.\n",
      {},
      false,
      {}});
  const auto rows = result.rows();
  const auto& processes = rows.at(0).at("diagnoses").at(0).at("processes");
  ASSERT_EQ(processes.size(), 2U);
  EXPECT_EQ(processes[0].at("pid"), 24930);
  EXPECT_EQ(processes[0].at("self"), false);
  EXPECT_TRUE(processes[1].at("pid").is_null());
  EXPECT_EQ(processes[1].at("self"), true);
  EXPECT_NEAR(processes[1].at("bytes").get<double>(), 0.94 * (1U << 30U), 1);
}

TEST(Doctor, SaysWhenNothingIsRecognised) {
  const Finished result = run(Start{{"doctor", "-"}, "all is well\n", {}, false, {}});
  EXPECT_EQ(result.status, 3);
  EXPECT_EQ(result.out, "");
  EXPECT_NE(result.err.find("standard input"), std::string::npos) << result.err;
  const Finished json = run(Start{{"doctor", "--json"}, "all is well\n", {}, false, {}});
  EXPECT_EQ(json.status, 3);
  EXPECT_TRUE(json.rows().at(0).at("diagnoses").empty());
}

// Programs and archives hold the words of any message.
TEST(Doctor, ReadsNoBinaryFiles) {
  const Folder folder;
  std::string packed;
  for (unsigned i = 0; i < 20000; ++i) packed += static_cast<char>(i * 2654435761U >> 24U);
  folder.write("packed", packed + kLog);
  for (const std::string& path : {std::string(PLIMSOLL_COMMAND), folder / "packed"}) {
    const Finished result = run({"doctor", path});
    EXPECT_EQ(result.status, 3) << path;
    EXPECT_EQ(result.out, "");
    EXPECT_NE(result.err.find("this is no text"), std::string::npos) << result.err;
  }
  // A file that lost its beginning, and UTF-16.
  folder.write("hole", std::string(100000, '\0') + kLog);
  EXPECT_EQ(run({"doctor", folder / "hole"}).status, 0);
  std::string wide;
  for (const char* c = kLog; *c != 0; ++c) wide += std::string{*c, '\0'};
  folder.write("wide", wide);
  EXPECT_EQ(run({"doctor", folder / "wide"}).status, 0);
}

TEST(Doctor, PrintsNoControlCharactersOfALog) {
  const Finished result =
      run(Start{{"doctor"},
                "\x1b]0;x\x07Memory cgroup out of memory: Killed process 7 (\x1b[2Jx\xC2\x9By) total-vm:1kB, anon-rss:1kB\n",
                {},
                false,
                {}});
  EXPECT_EQ(result.status, 0);
  for (const char c : result.out) EXPECT_TRUE(c == '\n' || (static_cast<unsigned char>(c) >= 0x20 && c != 0x7F));
}

TEST(Doctor, WithAModelAddsThePlanBesideIt) {
  const std::string model = fixture("models/bert");
  const Finished result = run(Start{{"doctor", "-", "--json", "--model", model}, kLog, {}, false, {}});
  ASSERT_EQ(result.status, 0) << result.err;
  const auto plan = result.rows().at(0).at("plan");
  EXPECT_EQ(plan.at("schema"), 1);
  const Finished text = run(Start{{"doctor", "-", "--model", model}, kLog, {}, false, {}});
  EXPECT_NE(text.out.find("The plan beside what the log shows"), std::string::npos);
  EXPECT_EQ(run(Start{{"doctor", "-", "--model", "/nonexistent/model"}, kLog, {}, false, {}}).status, 3);
}

TEST(Doctor, ChecksThisMachineWithoutALog) {
  const Finished result = run(Start{{"/bin/sh", "-c", "exec \"$0\" doctor < /dev/null", PLIMSOLL_COMMAND}, {}, {}, false, {}});
  EXPECT_EQ(result.status, 0) << result.err;
  for (const char* part : {"driver", "NVML", "memory", "processors", "instructions", "cache folder", "Hub cache", "lock folder"})
    EXPECT_NE(result.out.find(part), std::string::npos) << part << "\n" << result.out;
  const Finished json = run(Start{{"/bin/sh", "-c", "exec \"$0\" doctor --json < /dev/null", PLIMSOLL_COMMAND}, {}, {}, false, {}});
  const auto rows = json.rows();
  for (const auto& check : rows.at(0).at("checks")) {
    EXPECT_TRUE(check.at("ok").is_boolean());
    EXPECT_TRUE(check.at("ok").get<bool>() || check.at("fix").is_string()) << check;
  }
}

// Where `run` looks for models.
TEST(Doctor, ChecksTheHubCacheThatIsUsed) {
  const Folder folder;
  const std::vector<std::pair<std::string, std::string>> places = {{"XDG_CACHE_HOME=" + (folder / "xdg"), folder / "xdg/huggingface/hub"},
                                                                   {"HF_HOME=" + (folder / "home"), folder / "home/hub"},
                                                                   {"HUGGINGFACE_HUB_CACHE=$HF_HOME/old", folder / "home/old"},
                                                                   {"HF_HUB_CACHE=" + (folder / "hub"), folder / "hub"}};
  std::vector<std::string> environment;
  for (const auto& [variable, place] : places) {  // each goes before those above it
    environment.push_back(variable);
    const Finished check = run(Start{{"/bin/sh", "-c", "exec \"$0\" doctor < /dev/null", PLIMSOLL_COMMAND}, {}, environment, false, {}});
    EXPECT_NE(check.out.find(place), std::string::npos) << place << "\n" << check.out;
    const Finished absent = run(Start{{"plan", "nobody/nothing"}, {}, environment, false, {}});
    EXPECT_NE(absent.err.find(place), std::string::npos) << place << "\n" << absent.err;
  }
}

// Where rates are kept: a relative XDG_CACHE_HOME counts for nothing.
TEST(Doctor, ChecksTheCacheFolderThatIsUsed) {
  const Folder folder;
  const std::vector<std::pair<std::string, std::string>> places = {{"XDG_CACHE_HOME=" + (folder / "xdg"), folder / "xdg/plimsoll"},
                                                                   {"XDG_CACHE_HOME=xdg", folder / ".cache/plimsoll"}};
  for (const auto& [variable, place] : places) {
    const Finished check = run(
        Start{{"/bin/sh", "-c", "exec \"$0\" doctor < /dev/null", PLIMSOLL_COMMAND}, {}, {variable, "HOME=" + folder.path()}, false, {}});
    EXPECT_NE(check.out.find("cache folder  " + place), std::string::npos) << place << "\n" << check.out;
  }
}

// Ray tells of the node's memory: no GPU of that size is planned for.
TEST(Doctor, WithAModelPlansInTheHostsMemoryThatALogShows) {
  constexpr const char* kRay =
      "ray.exceptions.OutOfMemoryError: Task was killed due to the node running low on memory.\nMemory on the node (IP: 10.0.0.1) where "
      "the "
      "task (task ID: x) was running was 59.61GB / 59.71GB (0.99), which exceeds the memory usage threshold of 0.95.\n";
  const Finished result = run(Start{{"doctor", "-", "--json", "--model", fixture("models/bert")}, kRay, {}, false, {}});
  ASSERT_EQ(result.status, 0) << result.err;
  const auto devices = result.rows().at(0).at("plan").at("devices");
  ASSERT_EQ(devices.size(), 1U) << devices;
  EXPECT_EQ(devices[0].at("name"), "cpu");
  EXPECT_LT(devices[0].at("budget"), 150 << 20);
}

TEST(Doctor, WithAModelAndNoLogPlansForThisMachine) {
  const std::string model = fixture("models/bert");
  const auto on_terminal = [](const std::string& flags) {
    return run(Start{{"/bin/sh", "-c", "exec \"$0\" doctor " + flags + " < /dev/null", PLIMSOLL_COMMAND}, {}, {}, false, {}});
  };
  const Finished text = on_terminal("--model '" + model + "'");
  EXPECT_EQ(text.status, 0) << text.err;
  EXPECT_NE(text.out.find("The plan on this machine"), std::string::npos) << text.out;
  const auto rows = on_terminal("--json --model '" + model + "'").rows();
  EXPECT_EQ(rows.at(0).at("plan").at("schema"), 1);
  EXPECT_TRUE(rows[0].at("checks").is_array());
  EXPECT_EQ(on_terminal("--model /nonexistent/model").status, 3);
}

// Whoever the memory is drawn for, the parts add up to the device.
TEST(Holdings, AddUpToTheDevice) {
  const auto size = [](std::uint64_t mib_count) { return doctor::Figure{mib(mib_count), mib(mib_count), mib(mib_count)}; };
  doctor::Figures figures;
  EXPECT_TRUE(cli::find_holdings(figures).empty());
  figures.total = size(16000);
  figures.free = size(1000);
  figures.allocated = size(9000);
  figures.cached = size(500);
  figures.used = size(10000);
  figures.processes = {{7, size(3000), false}, {8, size(10000), true}};
  std::uint64_t sum = 0;
  std::string letters;
  for (const cli::Holding& holding : cli::find_holdings(figures)) {
    sum += holding.size.said.count;
    letters += holding.letter;
  }
  EXPECT_EQ(sum, mib(16000).count);
  EXPECT_EQ(letters, "TCLOX.");
  // A driver that spills says more than there is.
  figures.allocated = size(20000);
  sum = 0;
  for (const cli::Holding& holding : cli::find_holdings(figures)) sum += holding.size.said.count;
  EXPECT_EQ(sum, mib(16000).count);
}

}  // namespace
}  // namespace plimsoll::test
