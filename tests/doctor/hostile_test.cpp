// Bytes that nobody meant as a log. The entry point of a fuzzer is `read_bytes` below: any bytes in, no assumption about them.
#include <ctime>
#include <random>

#include "doctor/support.h"

namespace plimsoll::doctor::test {
namespace {

// What is printed has no control characters, and no line ends but in what is to be typed.
void expect_printable(std::string_view text, bool lines) {
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    EXPECT_TRUE((byte >= 0x20 && byte != 0x7F) || (lines && c == '\n')) << static_cast<int>(byte);
  }
  // C1 controls as UTF-8: some terminals obey them.
  for (std::size_t at = 0; at + 1 < text.size(); ++at) {
    if (text[at] == '\xC2') {
      EXPECT_GE(static_cast<unsigned char>(text[at + 1]), 0xA0);
    }
  }
}

void read_bytes(std::string_view bytes) {
  for (const Diagnosis& diagnosis : diagnose(bytes)) {
    for (const std::string* text : {&diagnosis.headline, &diagnosis.disagreement, &diagnosis.tell_apart, &diagnosis.page, &diagnosis.model,
                                    &diagnosis.rank, &diagnosis.figures.device})
      expect_printable(*text, false);
    for (const std::string& finding : diagnosis.findings) expect_printable(finding, false);
    for (const Remedy& remedy : diagnosis.remedies) {
      expect_printable(remedy.action, false);
      expect_printable(remedy.why, false);
      expect_printable(remedy.change, true);
    }
    for (const auto* figure :
         {&diagnosis.figures.requested, &diagnosis.figures.total, &diagnosis.figures.free, &diagnosis.figures.allocated,
          &diagnosis.figures.cached, &diagnosis.figures.reserved, &diagnosis.figures.used, &diagnosis.figures.limit}) {
      if (!*figure) continue;
      EXPECT_LE((*figure)->low, (*figure)->high);
      EXPECT_LT((*figure)->high.count, std::uint64_t{1} << 62U);
    }
  }
}

std::string seeds() {
  return "[rank1]: Traceback (most recent call last):\n[rank1]:   File \"a.py\", line 3, in f\n[rank1]:     m = "
         "BertModel.from_pretrained('bert-large-uncased')\n"
         "[rank1]: torch.OutOfMemoryError: CUDA out of memory. Tried to allocate 1.95 GiB. GPU 0 has a total capacity of 14.57 GiB of "
         "which 1.58 GiB is free. Process 24 has 12.02 GiB "
         "memory in use. Including non-PyTorch memory, this process has 962.00 MiB memory in use. 2.00 GiB allowed; Of the allocated "
         "memory 737.28 MiB is allocated by PyTorch, with 1.00 "
         "MiB allocated in private pools (e.g., CUDA Graphs), and 30.72 MiB is reserved by PyTorch but unallocated.\n"
         "CUDA out of memory. Tried to allocate 2.00 GiB (GPU 0; 11.17 GiB total capacity; 8.00 GiB already allocated; 1.50 GiB free; 8.50 "
         "GiB reserved in total by PyTorch)\n"
         "Allocation on device 0 would exceed allowed memory. (out of memory)\nCurrently allocated     : 4.86 GiB\nRequested               "
         ": 10.12 GiB\nDevice limit            : 24.00 "
         "GiB\nFree (according to CUDA): 0 bytes\nPyTorch limit (set by user-supplied memory fraction)\n                        : "
         "17179869184.00 GiB\n"
         "OOM when allocating tensor with shape[32,1024,64,64] and type float on device:GPU:0 by allocator GPU_0_bfc\n"
         "oom-kill:constraint=CONSTRAINT_MEMCG,nodemask=(null),oom_memcg=/a,task_memcg=/a,task=b,pid=23,uid=0\nMemory cgroup out of "
         "memory: Killed process 23 (b) total-vm:2kB, "
         "anon-rss:5kB, file-rss:1kB, shmem-rss:0kB\n"
         "max seq len (118000), (6.30 GiB KV cache is needed, which is larger than the available KV cache memory (6.11 GiB). Based on the "
         "available memory, the estimated maximum model "
         "length is 114432\nFree memory on device cuda:0 (15.32/22.04 GiB) on startup is less than desired GPU memory utilization (0.88, "
         "19.39 GiB)\n"
         "Device 0 OOM 271 / 257\nOut of memory allocating 1,073 bytes (allocated so far: 5 bytes, limit set to: 9 bytes)\nCUDA OOMs: 58 | "
         "cudaMalloc retries: 66\n"
         "allocating 4096.00 MiB on device 0: cudaMalloc failed: out of memory\nfailed to allocate CUDA0 buffer of size "
         "4294967296\nDetected 1 oom_kill event in StepId=6.7\n"
         "msg=offload memory.available=\"[5.6 GiB 7.4 GiB]\" memory.required.full=\"12.1 GiB\"\nError: llama runner process has "
         "terminated: "
         "cudaMalloc failed: out of memory\nUsed 19.66G of 15.48G hbm. Exceeded hbm capacity by 4.18G.\n"
         "MemoryError: Unable to allocate 74.5 GiB for an array with shape (1, 2) and data type float64\n  what():  std::bad_alloc\n"
         "[Errno 12] Cannot allocate memory\nthe node running low on memory: was running was 59.61GB / 62.00GB (0.96)\n"
         "sending SIGTERM to process 2241 uid 1000 \"python3\": badness 1049, VmRSS 11532 MiB\njava.lang.OutOfMemoryError: Metaspace\n"
         "Not enough memory. Please try to increase --mem-fraction-static.\nunable to open shared memory object </a>: No space left on "
         "device\n"
         "oom 3\noom_kill 2\nit was not\nkilled by the OOM killer\nOOMKilled: 0\nstep 1/9\b\b\b\b\b\b\b\bfailed to allocate buffer for kv "
         "cache\n"
         "ggml_vulkan: Device memory allocation of size 1073741824 failed.\nfailed to allocate buffer, size = 16.00 MiB on device\n0: "
         "error: Insufficient Memory (00000008:kIOGPUCommandBufferCallbackErrorOutOfMemory)\nmemory layout cannot be allocated\n"
         "unable to write to file </torch_1>: No space left on device (28)\nDataLoader worker (pid 4) is killed by signal: Bus error.\n"
         "Root Cause (first observed failure):\n  rank : 1\nexit code 137\nKilled\n";
}

TEST(Hostile, MutatedLogsAreReadOrNotButNeverBreak) {
  std::mt19937_64 random(20261126);
  const std::string base = seeds();
  for (int round = 0; round < 400; ++round) {
    std::string log = base;
    const auto pick = [&](std::size_t below) { return static_cast<std::size_t>(random() % std::max<std::size_t>(1, below)); };
    for (std::size_t change = 0; change < 1 + pick(24); ++change) {
      const std::size_t at = pick(log.size());
      switch (random() % 6) {
        case 0: log[at] = static_cast<char>(random()); break;
        case 1: log.insert(at, 1, static_cast<char>(random())); break;
        case 2: log.erase(at, pick(40)); break;
        case 3: log.insert(at, log.substr(pick(log.size()), pick(200))); break;
        case 4: log.insert(at, std::to_string(random())); break;
        default: log.insert(at, "\n"); break;
      }
    }
    log.resize(round % 3 == 0 ? pick(log.size()) : log.size());
    read_bytes(log);
  }
}

TEST(Hostile, RandomBytes) {
  std::mt19937_64 random(7);
  for (int round = 0; round < 50; ++round) {
    std::string bytes(5000, '\0');
    for (char& c : bytes) c = static_cast<char>(random());
    read_bytes(bytes);
  }
}

TEST(Hostile, EveryStartOfALog) {
  const std::string base = seeds();
  for (std::size_t size = 0; size < base.size(); size += 5) read_bytes(std::string_view(base).substr(0, size));
}

TEST(Hostile, NumbersThatAreNone) {
  for (const char* number : {"1e999", "-5", "99999999999", "17179869184.00", "nan", "inf", "", ".", "1.2.3", "0x10", "18446744073709551615",
                             "999999999999999999999999999999999999999999999"}) {
    const std::string n = number;
    const auto found = diagnose("CUDA out of memory. Tried to allocate " + n + " GiB (GPU 0; " + n + " GiB total capacity; " + n +
                                " GiB already allocated; " + n + " GiB free; " + n + " GiB reserved in total by PyTorch)");
    ASSERT_EQ(found.size(), 1U) << n;
    const Figures& figures = found[0].figures;
    EXPECT_FALSE(figures.requested || figures.total || figures.allocated || figures.reserved) << n;
    EXPECT_EQ(found[0].cause, Cause::unknown) << n;
  }
  read_bytes("OOM when allocating tensor with shape[99999999999,99999999999,99999999999] and type float");
  read_bytes("Free memory on device (0.00/0.00 GiB) on startup is less than desired GPU memory utilization (0, 0.00 GiB)");
  read_bytes("Memory cgroup out of memory: Killed process 99999999999999999999 (x) anon-rss:1kB");
}

TEST(Hostile, NamesCannotInject) {
  const auto found = diagnose(
      "Memory cgroup out of memory: Killed process 7 (\x1b[2J\xC2\x9B$(reboot)) total-vm:1kB, anon-rss:1kB, file-rss:0kB, shmem-rss:0kB\n");
  ASSERT_EQ(found.size(), 1U);
  expect_printable(found[0].headline, false);
  const std::string control = "\xC2\x9B";
  read_bytes("oom-kill:constraint=CONSTRAINT_MEMCG,nodemask=(null),oom_memcg=/a" + control + "2J,task_memcg=/a,task=b" + control +
             ",pid=23,uid=0\n");
  read_bytes("[" + control + "7]: systemd: a" + control +
             ".service: Failed with result 'oom-kill'.\nDetected 1 oom_kill event in StepId=" + control + ".\n");
}

TEST(Hostile, ThousandsOfRanks) {
  std::string log;
  for (int rank = 0; rank < 5000; ++rank)
    log += "[rank" + std::to_string(rank) + "]: CUDA out of memory. Tried to allocate " + std::to_string(rank + 1) +
           ".00 MiB. GPU 0 has a total capacity of 79.25 GiB of which 0 bytes is free. Of the allocated memory 70.00 GiB is allocated by "
           "PyTorch\n";
  const auto found = diagnose(log);
  EXPECT_EQ(found.size(), 16U);
  EXPECT_EQ(found[0].rank, "rank0");
}

// Every line begins a message: the time stays in proportion.
TEST(Hostile, NothingButMessages) {
  std::string log;
  for (int i = 0; i < 20000; ++i) log += "out of memory\nCUDA out of memory. Tried to allocate\nKilled process\noom\n";
  read_bytes(log);
  read_bytes(std::string(300000, 'x') + std::string(100000, '\0') + std::string(100000, '\x1b'));
  std::string line;
  for (int i = 0; i < 20000; ++i) line += "CUDA out of memory. Tried to allocate 1.00 GiB ";
  read_bytes(line);
}

// What looks like the end of a message, again and again, is not searched for its beginning each time.
TEST(Hostile, NothingButEndsOfMessages) {
  for (const std::string end : {"gpu total capacity ", "GPU 0; total capacity ", "GPU 0 has a total capacity of 1 GiB "}) {
    const std::string line = end + end + end + end + "\n";
    std::string log;
    while (log.size() < (1U << 19U)) log += line;
    const std::clock_t before = std::clock();
    read_bytes(log);
    EXPECT_LT(std::clock() - before, CLOCKS_PER_SEC) << end;
  }
}

std::clock_t time_of(const std::string& line) {
  std::string log;
  while (log.size() < (1U << 19U)) log += line + "\n";
  const std::clock_t before = std::clock();
  read_bytes(log);
  return std::clock() - before;
}

// What stands around many phrases of a line is gathered once for all of them.
TEST(Hostile, ManyPhrasesInALineTakeNoLongerThanOne) {
  for (const std::string phrase : {"has a total capacity of ", "memory usage ", "cudaMalloc failed "}) {
    std::string line;
    while (line.size() < 400) line += phrase;
    EXPECT_LT(time_of(line), 4 * time_of(phrase)) << phrase;
  }
}

}  // namespace
}  // namespace plimsoll::doctor::test
