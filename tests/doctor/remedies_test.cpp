// What a person is told: the case that all began with, and what remedies promise.
#include "doctor/support.h"

#include "doctor/known_models.h"

namespace plimsoll::doctor::test {
namespace {

constexpr const char* kFirstCase =
    "Traceback (most recent call last):\n"
    "  File \"classify.py\", line 9, in <module>\n"
    "    model = AutoModelForSequenceClassification.from_pretrained('bert-large-uncased')\n"
    "  File \"/usr/lib/python3/modeling_utils.py\", line 1205, in from_pretrained\n"
    "    state_dict = torch.load(resolved_archive_file, map_location=\"cpu\")\n"
    "  File \"/usr/lib/python3/torch/cuda/__init__.py\", line 170, in _lazy_init\n"
    "    torch._C._cuda_init()\n"
    "RuntimeError: CUDA out of memory. Tried to allocate 2.00 GiB (GPU 0; 11.17 GiB total capacity; 8.00 GiB already allocated; 1.50 GiB "
    "free; 8.50 GiB reserved in total by "
    "PyTorch)\n";

bool says(const Diagnosis& diagnosis, std::string_view text) { return explanation(diagnosis).find(text) != std::string::npos; }

bool offers(const Diagnosis& diagnosis, std::string_view text) {
  return std::any_of(diagnosis.remedies.begin(), diagnosis.remedies.end(), [&](const Remedy& remedy) {
    return remedy.change.find(text) != std::string::npos || remedy.action.find(text) != std::string::npos;
  });
}

TEST(FirstCase, IsExplained) {
  const auto found = diagnose(kFirstCase);
  ASSERT_EQ(found.size(), 1U);
  const Diagnosis& it = found[0];
  EXPECT_EQ(it.cause, Cause::fragmentation);
  EXPECT_EQ(it.confidence, Confidence::low);
  EXPECT_EQ(it.phase, Phase::loading);
  EXPECT_EQ(it.figures.device, "cuda:0");
  for (const char* fact : {"8.00 GiB in tensors", "0.50 GiB", "1.17 GiB", "neither proved nor excluded", "0.12 GiB", "1.25 GiB in float32",
                           "0.62 GiB in float16", "only being initialised", "read to the CPU", "9.67 GiB", "does not cure the request",
                           "returns up to 0.50 GiB"})
    EXPECT_TRUE(says(it, fact)) << fact << "\n" << explanation(it);
  EXPECT_FALSE(it.disagreement.empty());
  EXPECT_NE(it.tell_apart.find("nvidia-smi"), std::string::npos);
  for (const char* remedy :
       {"wait for them", "torch.float16", "device_map=\"auto\"", "\"cpu\"", "bert-base-uncased", "one program at a time",
        "before:", "after:", "plimsoll plan bert-large-uncased --sim memory=11.17GiB,used=9.67GiB", "plimsoll run bert-large-uncased"})
    EXPECT_TRUE(offers(it, remedy)) << remedy;
}

TEST(FirstCase, WithoutItsTracebackNothingDisagrees) {
  const std::string log = kFirstCase;
  const auto found = diagnose(log.substr(log.find("RuntimeError")));
  EXPECT_TRUE(found.at(0).disagreement.empty());
  EXPECT_EQ(found[0].cause, Cause::fragmentation);
  EXPECT_EQ(found[0].confidence, Confidence::low);
}

TEST(KnownModels, AreCountedFromTheirConfigurations) {
  EXPECT_EQ(find_known_model("bert-large-uncased")->parameters, 335'141'888U);
  EXPECT_EQ(find_known_model("google-bert/bert-base-uncased")->parameters, 109'482'240U);
  EXPECT_EQ(find_known_model("distilbert-base-uncased")->parameters, 66'362'880U);
  EXPECT_EQ(find_known_model("roberta-base")->parameters, 124'645'632U);
  EXPECT_EQ(find_known_model("FacebookAI/xlm-roberta-large")->parameters, 559'890'432U);
  EXPECT_FALSE(find_known_model("some/thing"));
}

TEST(Remedies, NameTheProcessThatHoldsIt) {
  const auto found = diagnose(
      "torch.OutOfMemoryError: CUDA out of memory. Tried to allocate 1.95 GiB. GPU 0 has a total capacity of 14.57 GiB of which 1.58 GiB "
      "is free. Process 2493055 has 12.02 GiB "
      "memory in use. Including non-PyTorch memory, this process has 962.00 MiB memory in use. Of the allocated memory 737.28 MiB is "
      "allocated by PyTorch, and 30.72 MiB is reserved "
      "by PyTorch but unallocated.");
  ASSERT_EQ(found.size(), 1U);
  EXPECT_EQ(found[0].cause, Cause::other_process);
  EXPECT_EQ(found[0].confidence, Confidence::high);
  EXPECT_NE(found[0].remedies.at(0).action.find("2493055"), std::string::npos);
  ASSERT_TRUE(found[0].remedies[0].saves);
  EXPECT_EQ(size_text(*found[0].remedies[0].saves), "12.02 GiB");
  EXPECT_TRUE(says(found[0], "0.37 GiB"));
  EXPECT_TRUE(says(found[0], "194.00 MiB"));
}

TEST(Remedies, NameAsManyProcessesAsItTakes) {
  const auto found = diagnose(
      "torch.OutOfMemoryError: CUDA out of memory. Tried to allocate 6.00 GiB. GPU 0 has a total capacity of 10.00 GiB of which 1.00 GiB "
      "is "
      "free. Process 7 has 3.00 GiB memory in use. Process 8 has 3.00 GiB memory in use. Including non-PyTorch memory, this process has "
      "3.00 "
      "GiB memory in use. Of the allocated memory 2.00 GiB is allocated by PyTorch, and 0.10 GiB is reserved by PyTorch but "
      "unallocated.\n");
  ASSERT_EQ(found.size(), 1U);
  EXPECT_TRUE(says(found[0], "processes 7 and 8 hold 6.00 GiB")) << explanation(found[0]);
  EXPECT_TRUE(offers(found[0], "Stop processes 7 and 8, or wait for them"));
  EXPECT_TRUE(offers(found[0], "-p 7,8 "));
}

TEST(Remedies, RaiseALimitAndNeverLowerIt) {
  const auto with_limit = [](const std::string& allowed) {
    return diagnose(
               "torch.cuda.OutOfMemoryError: CUDA out of memory. Tried to allocate 2.00 GiB (GPU 0; 10.00 GiB total capacity; 7.00 GiB "
               "already allocated; 3.00 GiB free; " +
               allowed + " GiB allowed; 8.00 GiB reserved in total by PyTorch)\n")
        .at(0);
  };
  EXPECT_TRUE(offers(with_limit("9.00"), "fraction(0.95)"));
  EXPECT_TRUE(offers(with_limit("9.80"), "fraction(1"));
}

// Of a kill in a group, whose limit the kernel wrote before or did not.
Diagnosis killed_in_group(const std::string& usage) {
  return diagnose(usage +
                  "Memory cgroup out of memory: Killed process 7181 (python3) total-vm:94371840kB, anon-rss:6291456kB, "
                  "file-rss:0kB, shmem-rss:0kB\n")
      .at(0);
}

TEST(Remedies, RaiseTheHostsLimitsAboveWhatIsKnown) {
  EXPECT_TRUE(offers(killed_in_group("memory: usage 8388608kB, limit 8388608kB, failcnt 311\n"), "--memory=16g "));
  EXPECT_TRUE(offers(killed_in_group("memory: usage 67108864kB, limit 67108864kB, failcnt 311\n"), "--memory=128g "));
  EXPECT_TRUE(offers(killed_in_group("memory: usage 716800kB, limit 716800kB, failcnt 311\n"), "--memory=1400m "));
  // It was allowed at least what it held.
  EXPECT_TRUE(offers(killed_in_group(""), "--memory=12g "));
  const auto events = diagnose("max 41\noom 3\noom_kill 2\n");
  EXPECT_TRUE(offers(events.at(0), "--memory=N ...  ->  2 * N"));
  const auto job = diagnose("slurmstepd: error: Job 778812 exceeded memory limit (67500000 > 67108864), being killed\n");
  EXPECT_TRUE(offers(job.at(0), "#SBATCH --mem=64G  ->  #SBATCH --mem=128G"));
  const auto step = diagnose("slurmstepd: error: Detected 1 oom_kill event in StepId=81220.0. Some\n");
  EXPECT_TRUE(offers(step.at(0), "#SBATCH --mem=N  ->  2 * N"));
  const auto java = diagnose(
      "java.lang.OutOfMemoryError: Cannot reserve 4194304 bytes of direct buffer memory (allocated: 8589000000, "
      "limit: 8589934592)\n");
  EXPECT_TRUE(offers(java.at(0), "MaxDirectMemorySize=16g "));
  EXPECT_TRUE(
      offers(diagnose("RuntimeError: unable to write to file </torch_71_3>: No space left on device (28)\n").at(0), "df -h /dev/shm"));
}

TEST(Remedies, MendWhatIsPythonAndIsNotThereYet) {
  const auto called = [](const std::string& call) {
    return diagnose(
               "Traceback (most recent call last):\n  File \"a.py\", line 3, in <module>\n    model = " + call +
               "\n  File \"x.py\", line 1000, in to\n    return self._apply(convert)\ntorch.OutOfMemoryError: CUDA out of memory. Tried to "
               "allocate 2.00 GiB (GPU 0; 11.17 GiB total capacity; 8.00 GiB already allocated; 1.50 GiB free; 8.50 GiB reserved in total "
               "by PyTorch)\n")
        .at(0);
  };
  EXPECT_TRUE(offers(called("transformers.BertModel.from_pretrained(\"bert-large-uncased\").cuda()"), "import BertModel\n"));
  EXPECT_TRUE(offers(called("self.kind.from_pretrained(\"bert-large-uncased\").cuda()"), "import AutoModel\n"));
  EXPECT_TRUE(offers(called("AutoModel.from_pretrained(\"bert-large-uncased\").cuda()"), "Load the weights in float16"));
  EXPECT_FALSE(
      offers(called("AutoModel.from_pretrained(\"bert-large-uncased\", torch_dtype=torch.float16).cuda()"), "Load the weights in"));
}

// However much is printed between, each second line belongs to its first.
TEST(Messages, OfTwoLinesAreOneWheneverTheyComeAgain) {
  const std::string twice =
      "ggml_backend_cuda_buffer_type_alloc_buffer: allocating 5120.00 MiB on device 0: cudaMalloc failed: out of memory\n"
      "llama_model_load: error loading model: unable to allocate CUDA0 buffer\n";
  std::string log = twice;
  for (int i = 0; i < 80; ++i) log += "INFO step " + std::to_string(i) + "\n";
  const auto found = diagnose(log + twice);
  ASSERT_EQ(found.size(), 1U);
  EXPECT_EQ(found[0].times, 2U);
}

TEST(Remedies, KnowTheContainerTrap) {
  const auto found = diagnose(
      "CUDA out of memory. Tried to allocate 4.00 GiB. GPU 0 has a total capacity of 14.75 GiB of which 1.66 GiB is free. Process 31337 "
      "has 13.09 GiB memory in use. Of the allocated "
      "memory 10.09 GiB is allocated by PyTorch, and 1.92 GiB is reserved by PyTorch but unallocated.");
  ASSERT_EQ(found.size(), 1U);
  EXPECT_TRUE(found[0].figures.processes.at(0).self);
  EXPECT_NE(found[0].cause, Cause::other_process);
  EXPECT_TRUE(says(found[0], "this program itself"));
  EXPECT_TRUE(says(found[0], "1.08 GiB"));
  EXPECT_FALSE(offers(found[0], "31337"));
}

TEST(Remedies, ForFragmentationDependOnTheVersion) {
  const std::string after =
      " has a total capacity of 14.76 GiB of which 20.00 MiB is free. Of the allocated memory 8.77 GiB is allocated by PyTorch, and 4.94 "
      "GiB is reserved by PyTorch but unallocated.";
  EXPECT_TRUE(offers(diagnose("CUDA out of memory. Tried to allocate 2.87 GiB. GPU 0" + after)[0],
                     "PYTORCH_CUDA_ALLOC_CONF=expandable_segments:True"));
  EXPECT_TRUE(offers(diagnose("HIP out of memory. Tried to allocate 2.87 GiB. GPU 0" + after)[0],
                     "PYTORCH_HIP_ALLOC_CONF=expandable_segments:True"));
  EXPECT_TRUE(offers(diagnose("CUDA out of memory. Tried to allocate 2.87 GiB (GPU 0; 14.76 GiB total capacity; 8.77 GiB already "
                              "allocated; 19.75 MiB free; 13.71 GiB reserved in "
                              "total by PyTorch)")[0],
                     "max_split_size_mb:128"));
  const auto on =
      diagnose("PYTORCH_CUDA_ALLOC_CONF=expandable_segments:True\nCUDA out of memory. Tried to allocate 2.87 GiB. GPU 0" + after);
  EXPECT_FALSE(offers(on.at(0), "expandable_segments:True"));
  EXPECT_TRUE(offers(on[0], "memory pool"));
}

// Of a traceback through `code`.
Diagnosis failed_in(const std::string& code) {
  return diagnose(
             "Traceback (most recent call last):\n" + code +
             "torch.OutOfMemoryError: CUDA out of memory. Tried to allocate 2.00 GiB. GPU 0 has a total capacity of 10.00 GiB of which "
             "1.00 GiB is free. Including non-PyTorch memory, this process has 9.00 GiB memory in use. Of the allocated memory 8.00 GiB "
             "is allocated by PyTorch, and 100.00 MiB is reserved by PyTorch but unallocated.\n")
      .at(0);
}

// However the hint of a message is wrapped, it is a hint and no setting.
TEST(Remedies, AHintIsNoSetting) {
  const std::string log =
      "torch.OutOfMemoryError: CUDA out of memory. Tried to allocate 512.00 MiB. GPU 0 has a total capacity of 23.69 GiB of which 100.00 "
      "MiB "
      "is free. Including non-PyTorch memory, this process has 23.50 GiB memory in use. Of the allocated memory 18.00 GiB is allocated by "
      "PyTorch, and 5.00 GiB is reserved by PyTorch but unallocated. If reserved but unallocated memory is large try setting "
      "PYTORCH_CUDA_ALLOC_CONF=expandable_segments:True to avoid fragmentation.";
  for (std::size_t width = 60; width <= 140; ++width) {
    std::string broken;
    for (std::size_t at = 0; at < log.size(); at += width) broken += log.substr(at, width) + "\n";
    EXPECT_TRUE(offers(diagnose(broken).at(0), "Turn expandable segments on")) << width;
  }
}

TEST(Remedies, ASettingIsItsWritersOrEverybodys) {
  const auto ranks = [](const std::string& setting) {
    std::string log = setting + "PYTORCH_CUDA_ALLOC_CONF=expandable_segments:True\n";
    for (const char* rank : {"[rank0]: ", "[rank1]: "})
      log += std::string(rank) +
             "CUDA out of memory. Tried to allocate 2.87 GiB. GPU 0 has a total capacity of 14.76 GiB of which 20.00 MiB is free. Of the "
             "allocated memory 8.77 GiB is allocated by PyTorch, and 4.94 GiB is reserved by PyTorch but unallocated.\n" +
             rank + "torch.OutOfMemoryError: CUDA out of memory. Tried to allocate 1.87 GiB. GPU 0 has a total capacity of 14.76 GiB of " +
             "which 20.00 MiB is free. Of the allocated memory 8.70 GiB is allocated by PyTorch, and 4.90 GiB is reserved by PyTorch but " +
             "unallocated.\n";
    std::string on;
    for (const Diagnosis& each : diagnose(log)) on += each.rank + (offers(each, "Turn expandable segments on") ? " off " : " on ");
    return on;
  };
  EXPECT_EQ(ranks("export "), "rank0 on rank0 on ");
  EXPECT_EQ(ranks("[rank7]: "), "rank0 off rank0 off ");
}

TEST(Remedies, ServersFlagsAreForServers) {
  const std::string graphs = "  File \"/usr/lib/python3/site-packages/torch/_inductor/cudagraph_trees.py\", line 384, in run\n    fn(x)\n";
  const Diagnosis program = failed_in("  File \"train.py\", line 5, in <module>\n    y = model(x)\n" + graphs);
  EXPECT_FALSE(offers(program, "--enforce-eager"));
  EXPECT_FALSE(offers(program, "--gpu-memory-utilization"));
  EXPECT_TRUE(offers(program, "Halve the batch"));
  EXPECT_TRUE(offers(program, "without CUDA graphs"));
  const Diagnosis server = failed_in("  File \"/usr/lib/python3/site-packages/vllm/worker.py\", line 5, in f\n    g()\n" + graphs);
  EXPECT_TRUE(offers(server, "--enforce-eager"));
  EXPECT_FALSE(offers(failed_in("  File \"a.py\", line 5, in f\n    torch._C._cuda_init()\n"), "--enforce-eager"));
}

// The one moment in which PyTorch gives nothing back before it gives up.
TEST(Remedies, WhileAGraphIsCapturedNothingIsGivenBack) {
  EXPECT_TRUE(says(failed_in("  File \"a.py\", line 5, in f\n    y = model(x)\n"), "does not cure the request"));
  EXPECT_FALSE(says(failed_in("  File \"a.py\", line 5, in f\n    with torch.cuda.graph(g):\n"), "does not cure the request"));
}

// cudaMallocAsync tells what is allocated, and not what is reserved.
TEST(Remedies, ALimitsExcessIsCountedFromWhatIsHeld) {
  const auto found = diagnose(
      "Allocation on device 0 would exceed allowed memory. (out of memory)\nCurrently allocated     : 9.50 GiB\nRequested               : "
      "2.00 GiB\nDevice limit            : 24.00 GiB\nFree (according to CUDA): 13.00 GiB\nPyTorch limit (set by user-supplied memory "
      "fraction)\n                        : 10.00 GiB\n");
  ASSERT_EQ(found.size(), 1U);
  ASSERT_EQ(found[0].cause, Cause::own_cap);
  EXPECT_EQ(size_text(*found[0].remedies.at(0).saves), "1.50 GiB");
}

// What context and libraries of this process may take is nobody else's.
TEST(Remedies, TheSameMemoryIsNotToldOfTwice) {
  const auto found = diagnose(
      "CUDA out of memory. Tried to allocate 3.00 GiB (GPU 0; 10.00 GiB total capacity; 2.00 GiB already allocated; 512.00 MiB free; 2.50 "
      "GiB reserved in total by PyTorch)\n");
  ASSERT_EQ(found.at(0).cause, Cause::other_process);
  EXPECT_TRUE(says(found[0], "context, libraries and other processes took 7.00 GiB")) << explanation(found[0]);
  EXPECT_TRUE(says(found[0], "6.46 GiB (5.92 to 7.01) are held")) << explanation(found[0]);
  EXPECT_FALSE(says(found[0], "7.00 GiB (6.99 to 7.01) are held")) << explanation(found[0]);
}

TEST(Remedies, AnImpossibleRequestIsFactored) {
  const auto found = diagnose(
      "CUDA out of memory. Tried to allocate 16.00 GiB (GPU 0; 11.93 GiB total capacity; 4.00 GiB already allocated; 7.33 GiB free; 179.00 "
      "KiB cached)");
  EXPECT_EQ(found.at(0).cause, Cause::too_large);
  EXPECT_TRUE(says(found[0], "16 heads of 16384 x 16384 tokens in 4 bytes")) << explanation(found[0]);
}

TEST(Remedies, FollowThePhase) {
  const std::string message =
      "CUDA out of memory. Tried to allocate 1.00 GiB (GPU 0; 8.00 GiB total capacity; 7.00 GiB already allocated; 0 bytes free; 7.10 GiB "
      "reserved in total by PyTorch)\n";
  const auto with = [&](const char* code) {
    return diagnose("Traceback (most recent call last):\n    " + std::string(code) + "\n" + message)[0];
  };
  EXPECT_TRUE(offers(with("loss.backward()"), "gradient_checkpointing_enable"));
  EXPECT_TRUE(offers(with("model.generate(x)"), "max_new_tokens"));
  EXPECT_TRUE(offers(with("x = torch.softmax(y, -1)"), "batch_size"));
  EXPECT_TRUE(offers(with("self.capture_model()"), "--enforce-eager"));
  EXPECT_TRUE(offers(with("m = AutoModel.from_pretrained('a/b')"), "AutoModel.from_pretrained(\"a/b\", torch_dtype=torch.float16)"));
}

TEST(Remedies, VllmIsToldNumbers) {
  EXPECT_TRUE(offers(diagnose("max seq len (32768), (4.00 GiB KV cache is needed, which is larger than the available KV cache memory (2.25 "
                              "GiB). Based on the available memory, the "
                              "estimated maximum model length is 18432.")[0],
                     "--max-model-len 18432"));
  EXPECT_TRUE(offers(
      diagnose("Free memory on device (10.50/44.40 GiB) on startup is less than desired GPU memory utilization (0.9, 39.96 GiB).")[0],
      "--gpu-memory-utilization 0.23"));
  struct Start {
    std::string free, wanted, share;
  };
  for (const Start& start : {Start{"900000/0.01", "0.01", "0.99"}, {"20.00/10.00", "9.00", "0.99"}, {"0.00/44.40", "39.96", "0.01"}})
    EXPECT_TRUE(offers(diagnose("Free memory on device (" + start.free +
                                " GiB) on startup is less than desired GPU memory utilization (0.9, " + start.wanted + " GiB).")
                           .at(0),
                       "--gpu-memory-utilization " + start.share))
        << start.free;
}

struct Saying {
  std::string name;
  std::string log;
  std::vector<std::string> said;
  std::vector<std::string> unsaid;
};

class Sayings : public ::testing::TestWithParam<Saying> {};

// Headline, findings and remedies with what they save, as a person reads them.
TEST_P(Sayings, AreTrueOfTheFigures) {
  const auto found = diagnose(GetParam().log);
  ASSERT_EQ(found.size(), 1U);
  std::string text = found[0].headline + "\n" + explanation(found[0]) + "\n";
  for (const Remedy& remedy : found[0].remedies)
    text += remedy.action + ": " + remedy.why + " [" + (remedy.saves ? size_text(*remedy.saves) : "unknown") + "] " + remedy.change + "\n";
  for (const std::string& part : GetParam().said) EXPECT_NE(text.find(part), std::string::npos) << part << "\n" << text;
  for (const std::string& part : GetParam().unsaid) EXPECT_EQ(text.find(part), std::string::npos) << part << "\n" << text;
}

const std::string kBackward = "Traceback (most recent call last):\n    loss.backward()\n";

const Saying kFigures[] = {
    {"SmallRequestBesideMuchFree",
     "CUDA out of memory. Tried to allocate 20.00 MiB. GPU 0 has a total capacity of 23.69 GiB of which 23.01 GiB is free. Of the "
     "allocated memory 10.00 MiB is allocated by PyTorch, and 10.00 MiB is reserved by PyTorch but unallocated.",
     {"23.01 GiB were free", "any tensor up to 10 MiB."},
     {"simply full"}},
    {"SmallRequestBesideALargeCache",
     "CUDA out of memory. Tried to allocate 20.00 MiB. GPU 0 has a total capacity of 14.74 GiB of which 10.00 MiB is free. Of the "
     "allocated memory 14.10 GiB is allocated by PyTorch, and 510.00 MiB is reserved by PyTorch but unallocated.",
     {"This is fragmentation", "any tensor up to 10 MiB."},
     {"simply full"}},
    {"SmallRequestOfAFullDevice",
     "CUDA out of memory. Tried to allocate 20.00 MiB. GPU 0 has a total capacity of 14.74 GiB of which 6.00 MiB is free. Including "
     "non-PyTorch memory, this process has 14.73 GiB memory in use. Of the allocated memory 14.10 GiB is allocated by PyTorch, and 5.00 "
     "MiB is reserved by PyTorch but unallocated.",
     {"simply full"},
     {}},
    {"HalfOfTheActivationsIsNotHalfOfAll",
     kBackward +
         "CUDA out of memory. Tried to allocate 1.00 GiB (GPU 0; 14.00 GiB total capacity; 12.80 GiB already allocated; 0.20 GiB free; "
         "12.90 GiB reserved in total by PyTorch)",
     {"Train in bfloat16", "[unknown] TrainingArguments(..., bf16=True)"},
     {"6.40 GiB"}},
    {"WhatThisProcessHoldsIsNotOthers",
     "CUDA out of memory. Tried to allocate 3.00 GiB. GPU 0 has a total capacity of 23.69 GiB of which 1.21 GiB is free.",
     {"Close who else holds the device, or wait for them: nothing in your program changes [unknown]"},
     {"22.48 GiB"}},
    {"NorIsItsContext",
     "CUDA out of memory. Tried to allocate 3.00 GiB. GPU 0 has a total capacity of 24.00 GiB of which 1.00 GiB is free. Including "
     "non-PyTorch memory, this process has 5.00 GiB memory in use. Of the allocated memory 4.00 GiB is allocated by PyTorch, and 0.20 GiB "
     "is reserved by PyTorch but unallocated.",
     {"nothing in your program changes [18.00 GiB]"},
     {}},
    {"NothingSaysAttention",
     "Traceback (most recent call last):\n    x = torch.conv2d(x, w)\n"
     "CUDA out of memory. Tried to allocate 3.00 GiB (GPU 0; 8.00 GiB total capacity; 7.00 GiB already allocated; 0.20 GiB free; 7.10 GiB "
     "reserved in total by PyTorch)",
     {"Halve the batch: activations, and this request with them, shrink in proportion [1.50 GiB]"},
     {"[3.00 GiB] from_pretrained", "[2.25 GiB]"}},
    {"AttentionIsTheSquare",
     "Traceback (most recent call last):\n    scores = torch.softmax(scores, -1)\n"
     "CUDA out of memory. Tried to allocate 3.00 GiB (GPU 0; 8.00 GiB total capacity; 7.00 GiB already allocated; 0.20 GiB free; 7.10 GiB "
     "reserved in total by PyTorch)",
     {"[3.00 GiB] from_pretrained", "[2.25 GiB] tokenizer"},
     {}},
    {"CachedMayBeAllThatIsReserved",
     "CUDA out of memory. Tried to allocate 196.00 MiB (GPU 0; 11.17 GiB total capacity; 10.64 GiB already allocated; 120.19 MiB free; "
     "10.64 GiB cached)",
     {"10.64 GiB in tensors and 5.12 MiB (0.00 to 10.24) unused"},
     {"10.64 GiB unused", "10.64 GiB lay unused", "returns up to 10.64 GiB"}},
    {"MoreHeldThanThereIs",
     "CUDA out of memory. Tried to allocate 1.00 GiB (GPU 0; 11.17 GiB total capacity; 8.00 GiB already allocated; 120.19 MiB free; 14.00 "
     "GiB reserved in total by PyTorch)",
     {"contradict each other"},
     {}},
    {"MiBStayMiB",
     "CUDA out of memory. Tried to allocate 244.00 MiB. GPU 0 has a total capacity of 14.74 GiB of which 96.11 MiB is free. Of the "
     "allocated memory 13.00 GiB is allocated by PyTorch, and 96.11 MiB is reserved by PyTorch but unallocated.",
     {"244.00 MiB asked", "96.11 MiB free", "returns up to 96.11 MiB", "[122.00 MiB]"},
     {"0.24 GiB", "0.09 GiB", "0.00 GiB"}},
};

const std::string kPlace =
    " has a total capacity of 15.56 GiB of which 0.10 GiB is free. Of the allocated memory 9.00 GiB is allocated by "
    "PyTorch, and 5.00 GiB is reserved by PyTorch but unallocated.";

const Saying kDevices[] = {
    {"Xpu",
     "XPU out of memory. Tried to allocate 2.00 GiB. GPU 0" + kPlace,
     {"torch.xpu.empty_cache() does not cure", "PYTORCH_ALLOC_CONF=expandable_segments:True"},
     {"torch.cuda", "nvidia"}},
    {"XpuWithoutFigures",
     "XPU out of memory. Tried to allocate 2.00 GiB. GPU 0 has a total capacity of 15.56 GiB.",
     {"xpu-smi ps"},
     {"torch.cuda", "nvidia"}},
    {"Hip", "RuntimeError: HIP error: out of memory", {"rocm-smi"}, {"nvidia"}},
    {"Tpu",
     "RESOURCE_EXHAUSTED: XLA:TPU compile permanent error. Ran out of memory in memory space hbm. Used 19.66G of 15.48G hbm. Exceeded hbm "
     "capacity by 4.18G.",
     {"TPU's memory", "4.18 GiB must be saved", "jax.checkpoint"},
     {"nvidia", "PREALLOCATE", "9.83 GiB"}},
    {"LlamasComputeBuffersAreNoWeights",
     "ggml_backend_cuda_buffer_type_alloc_buffer: allocating 552.50 MiB on device 0: cudaMalloc failed: out of memory\n"
     "llama_init_from_model: failed to allocate compute pp buffers",
     {"[unknown] -ngl", "[unknown] -c", "[unknown] model-Q8_0.gguf"},
     {"276"}},
    {"Ollama",
     "msg=\"offload to cuda\" memory.available=\"[5.6 GiB]\" memory.required.full=\"8.1 GiB\"\n"
     "Error: llama runner process has terminated: cudaMalloc failed: out of memory",
     {"needs 8.10 GiB, and found 5.60 GiB free: 2.50 GiB", "ollama stop", "num_ctx", "num_gpu"},
     {"-ngl", "-c 4096"}},
    {"LlamaOnTheHost",
     "ggml_aligned_malloc: insufficient memory (attempted to allocate 4096.00 MB)",
     {"not the device's memory", "rss", "--no-mmap"},
     {"Who holds the device's", "Keep some layers"}},
};

INSTANTIATE_TEST_SUITE_P(Devices, Sayings, ::testing::ValuesIn(kDevices), [](const auto& each) { return each.param.name; });
INSTANTIATE_TEST_SUITE_P(Figures, Sayings, ::testing::ValuesIn(kFigures), [](const auto& each) { return each.param.name; });

// Every page that a diagnosis names is there.
TEST(Pages, Exist) {
  for (int cause = 0; cause <= static_cast<int>(Cause::unknown); ++cause) {
    const std::string path =
        std::string(PLIMSOLL_SOURCE_DIR) + "/docs/causes/" + std::string(cause_name(static_cast<Cause>(cause))) + ".md";
    std::FILE* file = std::fopen(path.c_str(), "r");
    EXPECT_NE(file, nullptr) << path;
    if (file != nullptr) std::fclose(file);
  }
}

}  // namespace
}  // namespace plimsoll::doctor::test
