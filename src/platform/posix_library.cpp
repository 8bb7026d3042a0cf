#include "platform/posix_library.h"

#include <dlfcn.h>

#include <string_view>

namespace plimsoll {
namespace {

class PosixLibrary final : public Library {
 public:
  explicit PosixLibrary(void* handle) : handle_(handle) {}
  PosixLibrary(const PosixLibrary&) = delete;
  PosixLibrary& operator=(const PosixLibrary&) = delete;
  ~PosixLibrary() override { ::dlclose(handle_); }
  void* find(const std::string& symbol) const override { return ::dlsym(handle_, symbol.c_str()); }

 private:
  void* handle_;
};

}  // namespace

Result<std::shared_ptr<Library>> posix_load_library(Gate& gate, const std::string& name) {
  if (!gate.admit(Acquisition::open, "Os::load_library")) return Error{ErrorCode::io, "cannot load the library: too many open files", name};
  void* handle = ::dlopen(name.c_str(), RTLD_NOW | RTLD_LOCAL);
  if (handle != nullptr) return std::shared_ptr<Library>(std::make_shared<PosixLibrary>(handle));
  const char* words = ::dlerror();
  const std::string_view why = words == nullptr ? "no reason given" : words;
  const bool absent = why.starts_with(name + ": ") && why.find("No such file") != std::string_view::npos;
  return Error{absent ? ErrorCode::not_found : ErrorCode::unsupported, "cannot load the library: " + printable(why), name};
}

}  // namespace plimsoll
