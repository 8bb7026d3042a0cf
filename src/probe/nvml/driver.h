#pragma once

#include <atomic>
#include <chrono>
#include <memory>
#include <string>
#include <utility>

#include "platform/deadline_caller.h"
#include "probe/nvml/functions.h"

namespace plimsoll::nvml {

/// True once a call that was late has returned.
using Returned = std::shared_ptr<std::atomic<bool>>;

/// The library with its functions, and every call of them within a deadline. The calls own what they write to, and the library.
class Driver {
 public:
  Driver(Os& os, std::chrono::milliseconds patience) : os_(os), caller_(os), patience_(patience) {}

  Driver(const Driver&) = delete;
  Driver& operator=(const Driver&) = delete;
  /// Ends what was started, unless a call is stuck in it.
  ~Driver();

  /// Loads and starts the library. Gives what kept it from that; `function_not_found` for a library that is another.
  Status start(const std::string& name, std::chrono::milliseconds patience);
  const Functions& functions() const { return functions_; }

  /// `call(out)` fills `out`, which keeps its value where that fails. `exists`: whether the library has the function.
  template <typename T, typename Call>
  Code ask(bool exists, T& out, Call call) {
    if (!exists) return Code::function_not_found;
    struct Box {
      T value;
      int code = 0;
    };
    auto box = std::make_shared<Box>(Box{out});
    auto returned = std::make_shared<std::atomic<bool>>(false);
    const auto outcome = caller_.call(
        [box, returned, call = std::move(call), library = library_] {
          box->code = call(box->value);
          returned->store(true);
        },
        patience_);
    if (outcome == DeadlineCaller::Outcome::late) {
      late_ = std::move(returned);
      return Code::late;
    }
    if (outcome == DeadlineCaller::Outcome::no_memory) return Code::no_memory;
    if (outcome != DeadlineCaller::Outcome::done) return Code::not_made;
    if (box->code == 0) out = std::move(box->value);
    return Code{box->code};
  }

  /// A text of at most `size` bytes.
  template <typename Call>
  Code ask_text(bool exists, std::uint32_t size, std::string& out, Call call) {
    std::string buffer(size, '\0');
    const Code code = ask(exists, buffer, [call = std::move(call), size](std::string& text) { return call(text.data(), size); });
    if (code == Code::success) out = printable(buffer.substr(0, buffer.find('\0')));
    return code;
  }

  /// Of the last call that was late.
  Returned late() const { return late_; }
  std::chrono::milliseconds patience() const { return patience_; }

 private:
  Os& os_;
  DeadlineCaller caller_;
  std::chrono::milliseconds patience_;
  std::shared_ptr<Library> library_;
  Functions functions_;
  bool started_ = false;
  Returned late_;
};

/// What a code means for somebody who reads that a figure is unknown because of it: "not supported by this device".
std::string reason(Code code, std::chrono::milliseconds patience);

}  // namespace plimsoll::nvml
