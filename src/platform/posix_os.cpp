#include <dirent.h>
#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <limits>

#include <plimsoll/os.h>

#include "platform/posix_file.h"
#include "platform/posix_lock.h"

namespace plimsoll {
namespace {

ErrorCode open_error(int code) { return code == EMFILE || code == ENFILE || code == EIO ? ErrorCode::io : ErrorCode::not_found; }

std::string kind_of(mode_t mode) {
  if (S_ISDIR(mode)) return "a directory";
  if (S_ISFIFO(mode)) return "a FIFO";
  if (S_ISSOCK(mode)) return "a socket";
  if (S_ISCHR(mode) || S_ISBLK(mode)) return "a device";
  return "not a regular file";
}

Error cannot_map(Bytes size, int code) {
  return Error{ErrorCode::out_of_memory, "cannot map " + format_bytes(size) + ": " + system_message(code), "cpu",
               "close other programs or lower the limits that `plimsoll devices` names"};
}

constexpr std::size_t kHugePage = std::size_t{2} << 20U;

// At a huge page's edge where one fits; what is mapped around it is given back untouched.
void* map_pages(std::size_t length) {
  const bool fits = length >= kHugePage && length <= std::numeric_limits<std::size_t>::max() - kHugePage;
  const std::size_t more = fits ? kHugePage - kPage.count : 0;
  void* start = ::mmap(nullptr, length + more, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (start == MAP_FAILED || more == 0) return start;
  const std::size_t before = (kHugePage - reinterpret_cast<std::uintptr_t>(start) % kHugePage) % kHugePage;
  auto* first = static_cast<std::byte*>(start) + before;
  if (before > 0) ::munmap(start, before);
  if (more > before) ::munmap(first + length, more - before);
  return first;
}

class PosixMapping final : public Mapping {
 public:
  PosixMapping(void* start, std::size_t size, Gate& gate) : bytes_(static_cast<std::byte*>(start), size), gate_(gate) {}
  PosixMapping(const PosixMapping&) = delete;
  PosixMapping& operator=(const PosixMapping&) = delete;
  ~PosixMapping() override { ::munmap(bytes_.data(), bytes_.size()); }
  std::span<std::byte> bytes() const override { return bytes_; }
  void use_huge_pages() override { ::madvise(bytes_.data(), bytes_.size(), MADV_HUGEPAGE); }

  Status resize(Bytes size) override {
    const Bytes length = std::max(round_to_pages(size), kPage);
    const bool wraps = length < size;
    const bool grows = wraps || length.count > bytes_.size();
    if (wraps || (grows && !gate_.admit(Acquisition::host_memory))) return cannot_map(size, ENOMEM);
    // The system never refuses to shorten a mapping where it lies.
    void* start = ::mremap(bytes_.data(), bytes_.size(), length.count, grows ? MREMAP_MAYMOVE : 0);
    if (start == MAP_FAILED) return cannot_map(size, errno);
    bytes_ = {static_cast<std::byte*>(start), length.count};
    return {};
  }

 private:
  std::span<std::byte> bytes_;
  Gate& gate_;
};

class PosixThread final : public Thread {
 public:
  PosixThread() = default;
  PosixThread(const PosixThread&) = delete;
  PosixThread& operator=(const PosixThread&) = delete;
  ~PosixThread() override {
    if (running_) ::pthread_join(thread_, nullptr);
  }

  void detach() override {
    if (running_) ::pthread_detach(thread_);
    running_ = false;
  }

  int start(std::function<void()> body) {
    pthread_attr_t attributes;
    if (const int code = ::pthread_attr_init(&attributes); code != 0) return code;
    ::pthread_attr_setstacksize(&attributes, kStackBytes);
    auto owned = std::make_unique<Body>(std::move(body));
    const int code = ::pthread_create(&thread_, &attributes, &PosixThread::main, owned.get());
    ::pthread_attr_destroy(&attributes);
    running_ = code == 0;
    if (running_) static_cast<void>(owned.release());
    return code;
  }

 private:
  using Body = std::function<void()>;
  static constexpr std::size_t kStackBytes = 512U << 10U;

  static void* main(void* argument) {
    const std::unique_ptr<Body> body(static_cast<Body*>(argument));
    (*body)();
    return nullptr;
  }

  pthread_t thread_{};
  bool running_ = false;
};

class PosixOs final : public Os {
 public:
  explicit PosixOs(Gate& gate) : gate_(gate) {}

  Gate& gate() override { return gate_; }

  Result<std::unique_ptr<File>> open(const std::string& path) override {
    const int refused = gate_.admit(Acquisition::open) ? 0 : EMFILE;
    Descriptor fd(refused != 0 ? -1 : ::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY));
    if (fd.get() < 0) {
      const int code = refused != 0 ? refused : errno;
      return Error{open_error(code), "cannot open: " + system_message(code), path, "check the path and its permissions"};
    }
    struct stat info {};
    if (::fstat(fd.get(), &info) != 0) return Error{ErrorCode::io, "cannot stat: " + system_message(errno), path};
    if (!S_ISREG(info.st_mode))
      return Error{ErrorCode::not_found, "this is " + kind_of(info.st_mode) + ", not a file", path, "give a regular file"};
    return std::unique_ptr<File>(std::make_unique<PosixFile>(std::move(fd), static_cast<std::uint64_t>(info.st_size), path, gate_));
  }

  Result<std::string> read_text(const std::string& path, std::size_t limit) override {
    if (!gate_.admit(Acquisition::open)) return Error{ErrorCode::io, "cannot open: " + system_message(EMFILE), path};
    const Descriptor fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY));
    if (fd.get() < 0) return Error{open_error(errno), "cannot open: " + system_message(errno), path, "check the path and its permissions"};
    struct stat info {};
    if (::fstat(fd.get(), &info) == 0 && !S_ISREG(info.st_mode)) {
      return Error{ErrorCode::not_found, "this is " + kind_of(info.st_mode) + ", not a file", path, "give a regular file"};
    }
    std::string text;
    for (;;) {
      char block[4096];
      if (!gate_.admit(Acquisition::read)) return Error{ErrorCode::io, "cannot read: " + system_message(EIO), path};
      const ssize_t got = ::read(fd.get(), block, sizeof block);
      if (got < 0 && errno == EINTR) continue;
      if (got < 0) return Error{ErrorCode::io, "cannot read: " + system_message(errno), path};
      if (got == 0) return text;
      if (text.size() + static_cast<std::size_t>(got) > limit) {
        return Error{ErrorCode::corrupt_file, "the file is longer than " + format_bytes(Bytes{limit}), path,
                     "no real file of this kind is so long"};
      }
      text.append(block, static_cast<std::size_t>(got));
    }
  }

  bool is_directory(const std::string& path) override {
    struct stat info {};
    return ::stat(path.c_str(), &info) == 0 && S_ISDIR(info.st_mode);
  }

  bool is_file(const std::string& path) override {
    struct stat info {};
    return ::stat(path.c_str(), &info) == 0 && !S_ISDIR(info.st_mode);
  }

  std::vector<std::string> list_directory(const std::string& path) override {
    std::vector<std::string> names;
    DIR* directory = gate_.admit(Acquisition::open) ? ::opendir(path.c_str()) : nullptr;
    if (directory == nullptr) return names;
    while (const dirent* entry = ::readdir(directory)) {
      const std::string name = entry->d_name;
      if (name != "." && name != "..") names.push_back(name);
    }
    ::closedir(directory);
    std::sort(names.begin(), names.end());
    return names;
  }

  Status write_text(const std::string& path, std::string_view text) override {
    std::error_code ignored;
    const auto parent = std::filesystem::path(path).parent_path();
    if (!parent.empty()) std::filesystem::create_directories(parent, ignored);
    if (!gate_.admit(Acquisition::open)) return write_error(EMFILE, path);
    std::string temporary;
    Descriptor file(create_beside(parent, temporary));
    if (file.get() < 0) return write_error(errno, path);
    if (const int code = write_all(file.get(), text); code != 0) {
      ::unlink(temporary.c_str());
      return write_error(code, path);
    }
    if (::rename(temporary.c_str(), path.c_str()) != 0) {
      const int code = errno;
      ::unlink(temporary.c_str());
      return write_error(code, path);
    }
    return {};
  }

  Result<std::unique_ptr<Mapping>> map_memory(Bytes size) override {
    const std::size_t length = std::max(round_to_pages(size), kPage).count;
    void* start = MAP_FAILED;
    int code = ENOMEM;
    const bool wraps = Bytes{length} < size;
    if (gate_.admit(Acquisition::host_memory) && !wraps) {
      start = map_pages(length);
      code = errno;
    }
    if (start == MAP_FAILED) return cannot_map(size, code);
    ::madvise(start, length, MADV_NOHUGEPAGE);
    return std::unique_ptr<Mapping>(std::make_unique<PosixMapping>(start, length, gate_));
  }

  Result<std::unique_ptr<Thread>> start_thread(std::function<void()> body) override {
    auto thread = std::make_unique<PosixThread>();
    const int code = gate_.admit(Acquisition::thread) ? thread->start(std::move(body)) : EAGAIN;
    if (code != 0)
      return Error{ErrorCode::out_of_memory, "cannot start a thread: " + system_message(code), "cpu",
                   "raise the limit on processes (ulimit -u, pids cgroup) or pass --threads 1"};
    return std::unique_ptr<Thread>(std::move(thread));
  }

  Result<std::string> private_folder() override { return posix_private_folder(environment("XDG_RUNTIME_DIR")); }

  Result<std::unique_ptr<FileLock>> lock_file(const std::string& path, std::chrono::milliseconds patience) override {
    return posix_lock_file(gate_, path, patience);
  }

  std::optional<std::string> environment(const std::string& name) override {
    const char* value = std::getenv(name.c_str());
    if (value == nullptr) return std::nullopt;
    return std::string(value);
  }

  std::chrono::nanoseconds now() override { return std::chrono::steady_clock::now().time_since_epoch(); }

  std::vector<int> affinity() override {
    std::vector<int> cpus;
    cpu_set_t set;
    CPU_ZERO(&set);
    if (::sched_getaffinity(0, sizeof set, &set) != 0) return {0};
    for (int cpu = 0; cpu < CPU_SETSIZE; ++cpu) {
      if (CPU_ISSET(cpu, &set)) cpus.push_back(cpu);
    }
    return cpus;
  }

  std::optional<Bytes> memory_rlimit(int resource) override {
    rlimit limit{};
    if (::getrlimit(static_cast<__rlimit_resource>(resource), &limit) != 0 || limit.rlim_cur == RLIM_INFINITY) return std::nullopt;
    return Bytes{limit.rlim_cur};
  }

 private:
  static Error write_error(int code, const std::string& path) {
    return Error{ErrorCode::io, "cannot write: " + system_message(code), path, "check permissions and free space"};
  }

  /// A new file in `parent`, under a short name of its own; never one that is there already, nor through a link. -1 with errno.
  int create_beside(const std::filesystem::path& parent, std::string& name) {
    static constexpr int kAttempts = 64;
    const auto moment = now().count();
    int fd = -1;
    for (int attempt = 0; attempt < kAttempts && fd < 0; ++attempt) {
      name = (parent / (".plimsoll-" + std::to_string(::getpid()) + "-" + std::to_string(moment + attempt) + ".tmp")).string();
      fd = ::open(name.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0666);
      if (fd < 0 && errno != EEXIST) break;
    }
    return fd;
  }

  int write_all(int fd, std::string_view text) {
    while (!text.empty()) {
      if (!gate_.admit(Acquisition::write)) return ENOSPC;
      const ssize_t put = ::write(fd, text.data(), text.size());
      if (put < 0 && errno == EINTR) continue;
      if (put < 0) return errno;
      text.remove_prefix(static_cast<std::size_t>(put));
    }
    return 0;
  }

  Gate& gate_;
};

}  // namespace

std::unique_ptr<Os> make_os(Gate& gate) { return std::make_unique<PosixOs>(gate); }

}  // namespace plimsoll
