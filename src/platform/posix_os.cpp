#include <fcntl.h>
#include <pthread.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/sysinfo.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <limits>

#include <plimsoll/os.h>

#include "platform/huge_page.h"
#include "platform/interruption.h"
#include "platform/posix_affinity.h"
#include "platform/posix_file.h"
#include "platform/posix_folder.h"
#include "platform/posix_library.h"
#include "platform/posix_lock.h"
#include "platform/posix_open.h"

namespace plimsoll {
namespace {

Error cannot_map(Bytes size, int code) {
  return Error{ErrorCode::out_of_memory, "cannot map " + format_bytes(size) + ": " + system_message(code), "cpu",
               "close other programs or lower the limits that `plimsoll devices` names"};
}

void* map_anywhere(std::size_t length) {
  return ::mmap(nullptr, length, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
}

// At a huge page's edge where one fits; what is mapped around it is given back untouched. Just below a limit on addresses there may be room
// for the memory and none for what is around it.
void* map_pages(std::size_t length) {
  constexpr std::size_t kHuge = kHugePage.count;
  const bool fits = length >= kHuge && length <= std::numeric_limits<std::size_t>::max() - kHuge;
  const std::size_t more = fits ? kHuge - kPage.count : 0;
  void* start = map_anywhere(length + more);
  if (more == 0) return start;
  if (start == MAP_FAILED) return map_anywhere(length);
  const std::size_t before = (kHuge - reinterpret_cast<std::uintptr_t>(start) % kHuge) % kHuge;
  auto* first = static_cast<std::byte*>(start) + before;
  if (before > 0) ::munmap(start, before);
  if (more > before) ::munmap(first + length, more - before);
  return first;
}

// Where a process has as many mappings as it may, the system refuses to cut one that it has joined with its neighbours. The pages go back
// all the same; the addresses of an end that was cut off go with the rest.
class PosixMapping final : public Mapping {
 public:
  explicit PosixMapping(Gate& gate) : gate_(gate) {}
  PosixMapping(const PosixMapping&) = delete;
  PosixMapping& operator=(const PosixMapping&) = delete;
  ~PosixMapping() override {
    if (!bytes_.empty() && ::munmap(bytes_.data(), mapped_) != 0) ::madvise(bytes_.data(), mapped_, MADV_DONTNEED);
  }
  void take(void* start, std::size_t size) {
    bytes_ = {static_cast<std::byte*>(start), size};
    mapped_ = size;
  }
  std::span<std::byte> bytes() const override { return bytes_; }
  void use_huge_pages() override { ::madvise(bytes_.data(), bytes_.size(), MADV_HUGEPAGE); }

  Status resize(Bytes size) override {
    const Bytes length = std::max(round_to_pages(size), kPage);
    const bool wraps = length < size;
    const bool grows = wraps || length.count > bytes_.size();
    if (wraps || (grows && !gate_.admit(Acquisition::host_memory, "Mapping::resize"))) return cannot_map(size, ENOMEM);
    if (!grows) {
      shrink(length.count);
      return {};
    }
    void* start = ::mremap(bytes_.data(), mapped_, length.count, MREMAP_MAYMOVE);
    if (start == MAP_FAILED) return cannot_map(size, errno);
    take(start, length.count);
    return {};
  }

 private:
  void shrink(std::size_t length) {
    if (::mremap(bytes_.data(), mapped_, length, 0) != MAP_FAILED) mapped_ = length;
    else ::madvise(bytes_.data() + length, mapped_ - length, MADV_DONTNEED);
    bytes_ = bytes_.first(length);
  }

  std::span<std::byte> bytes_;
  std::size_t mapped_ = 0;  // from where they begin; more than they are where their end could not be unmapped
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
    if (!gate_.admit(Acquisition::open, "Os::open")) return cannot_open(EMFILE, path);
    return regular_file(Descriptor(::open(path.c_str(), kReadFlags)), path, gate_);
  }

  Result<std::unique_ptr<Folder>> open_folder(const std::string& root, const std::string& inside) override {
    return posix_open_folder(gate_, root, inside);
  }

  std::string real_path(const std::string& path) override {
    const std::unique_ptr<char, decltype(&std::free)> real(::realpath(path.c_str(), nullptr), &std::free);
    return real ? real.get() : path;
  }

  Result<std::string> read_text(const std::string& path, std::size_t limit) override {
    std::string text;
    PLIMSOLL_CHECK(read_parts(path, [&](std::string_view part) -> Status {
      if (part.size() > limit - text.size()) {
        return Error{ErrorCode::corrupt_file, "the file is longer than " + format_bytes(Bytes{limit}), path,
                     "no real file of this kind is so long"};
      }
      text += part;
      return {};
    }));
    return text;
  }

  Status read_parts(const std::string& path, const std::function<Status(std::string_view)>& take) override {
    if (!gate_.admit(Acquisition::open, "Os::read_text: open")) return cannot_open(EMFILE, path);
    const Descriptor fd(::open(path.c_str(), kReadFlags));
    PLIMSOLL_CHECK(check_regular(fd, path));
    for (Interruption interruption;;) {
      char block[4096];
      if (!gate_.admit(Acquisition::read, "Os::read_text: read")) return Error{ErrorCode::io, "cannot read: " + system_message(EIO), path};
      const ssize_t got = ::read(fd.get(), block, sizeof block);
      if (interruption.again(got)) continue;
      if (got < 0) return Error{ErrorCode::io, "cannot read: " + system_message(errno), path};
      if (got == 0) return {};
      PLIMSOLL_CHECK(take({block, static_cast<std::size_t>(got)}));
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
    visit_names(gate_, AT_FDCWD, path, [&](std::string_view name) { names.emplace_back(name); });
    std::ranges::sort(names);
    return names;
  }

  Status write_text(const std::string& path, std::string_view text) override {
    std::error_code ignored;
    const auto parent = std::filesystem::path(path).parent_path();
    if (!parent.empty()) std::filesystem::create_directories(parent, ignored);
    if (!gate_.admit(Acquisition::open, "Os::write_text: open")) return write_error(EMFILE, path);
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
    auto mapping = std::make_unique<PosixMapping>(gate_);
    void* start = MAP_FAILED;
    int code = ENOMEM;
    const bool wraps = Bytes{length} < size;
    if (gate_.admit(Acquisition::host_memory, "Os::map_memory") && !wraps) {
      start = map_pages(length);
      code = errno;
    }
    if (start == MAP_FAILED) return cannot_map(size, code);
    ::madvise(start, length, MADV_NOHUGEPAGE);
    mapping->take(start, length);
    return std::unique_ptr<Mapping>(std::move(mapping));
  }

  Result<std::unique_ptr<Thread>> start_thread(std::function<void()> body) override {
    auto thread = std::make_unique<PosixThread>();
    const int code = gate_.admit(Acquisition::thread, "Os::start_thread") ? thread->start(std::move(body)) : EAGAIN;
    if (code != 0)
      return Error{ErrorCode::out_of_memory, "cannot start a thread: " + system_message(code), "cpu",
                   "raise the limit on processes (ulimit -u, pids cgroup) or pass --threads 1"};
    return std::unique_ptr<Thread>(std::move(thread));
  }

  Result<std::string> private_folder() override { return posix_private_folder(environment("XDG_RUNTIME_DIR")); }

  Result<std::unique_ptr<FileLock>> lock_file(const std::string& path, std::chrono::milliseconds patience,
                                              const CancelToken* cancel) override {
    return posix_lock_file(gate_, path, patience, cancel);
  }
  bool is_locked(const std::string& path) override { return posix_is_locked(gate_, path); }
  void remove_file(const std::string& path) override { ::unlink(path.c_str()); }

  Result<std::shared_ptr<Library>> load_library(const std::string& name) override { return posix_load_library(gate_, name); }

  std::optional<std::string> environment(const std::string& name) override {
    const char* value = std::getenv(name.c_str());
    if (value == nullptr) return std::nullopt;
    return std::string(value);
  }

  std::chrono::nanoseconds now() override { return std::chrono::steady_clock::now().time_since_epoch(); }

  std::vector<int> affinity() override { return allowed_cpus(); }

  std::optional<Bytes> memory_rlimit(int resource) override {
    rlimit limit{};
    if (::getrlimit(static_cast<__rlimit_resource>(resource), &limit) != 0 || limit.rlim_cur == RLIM_INFINITY) return std::nullopt;
    return Bytes{limit.rlim_cur};
  }

  std::optional<SystemMemory> system_memory() override {
    struct sysinfo info {};
    if (::sysinfo(&info) != 0) return std::nullopt;
    const auto bytes = [&](unsigned long units) { return Bytes{std::uint64_t{units} * info.mem_unit}; };
    return SystemMemory{bytes(info.totalram), bytes(info.freeram), bytes(info.bufferram)};
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
    Interruption interruption;
    while (!text.empty()) {
      if (!gate_.admit(Acquisition::write, "Os::write_text: write")) return ENOSPC;
      const ssize_t put = ::write(fd, text.data(), text.size());
      if (interruption.again(put)) continue;
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
