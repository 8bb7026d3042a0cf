#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

#include <plimsoll/ledger.h>
#include <plimsoll/result.h>

/// What libFuzzer calls, and the replaying of a corpus: reads `data` as hostile input. Every program here defines it once.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size);

namespace plimsoll::fuzz {

/// Ends the process, saying `what`, where something that must hold does not: a finding.
void require(bool holds, const char* what);

/// What must hold of every error that input causes: it says something, on one line that may be printed, and is never `internal`.
void check(const Error& error);

/// True for a value; otherwise the error is checked.
template <typename T>
bool good(const Result<T>& result) {
  if (!result.ok()) check(result.error());
  return result.ok();
}

/// A ledger that no reader of an input of a few KiB may fill, and that must be empty again at the end.
class SmallLedger {
 public:
  SmallLedger() : ledger_("cpu", mib(32)) {}
  ~SmallLedger() { require(ledger_.current() == Bytes{0}, "the ledger is empty again"); }
  SmallLedger(const SmallLedger&) = delete;
  SmallLedger& operator=(const SmallLedger&) = delete;
  operator Ledger&() { return ledger_; }  // NOLINT(google-explicit-constructor)
  Ledger* operator->() { return &ledger_; }

 private:
  Ledger ledger_;
};

inline std::string_view text_of(const std::uint8_t* data, std::size_t size) { return {reinterpret_cast<const char*>(data), size}; }

/// Takes the first byte of `input`, 0 where there is none: a choice.
inline unsigned take_choice(std::string_view& input) {
  if (input.empty()) return 0;
  const auto byte = static_cast<unsigned char>(input.front());
  input.remove_prefix(1);
  return byte;
}

}  // namespace plimsoll::fuzz
