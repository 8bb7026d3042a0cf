#pragma once

#include <string>
#include <vector>

#include <plimsoll/doctor.h>

#include "doctor/decide.h"
#include "doctor/known_models.h"
#include "doctor/read_message.h"
#include "doctor/trace.h"

namespace plimsoll::doctor {

/// What else a log told, before and behind a message.
struct Context {
  bool device_assert = false;  ///< a kernel ran into an assertion
  bool expandable = false;     ///< expandable segments are on already
  std::optional<Span> growth;  ///< of what the same program had allocated, where it never fell
};

/// A message and all that is known around it.
struct Case {
  Message message;
  Trace trace;
  Context context;
  bool marked_self = false;  ///< by mark_self
};

/// All but rank, line and times. Pure.
Diagnosis explain(Case found);

// The parts of it. Each is a pure function that gives sentences or remedies free of control characters.

/// What failed, in a line.
std::string headline(const Case& found);
/// What the figures prove, for messages that have a device's figures.
std::vector<std::string> device_findings(const Case& found, const Verdict& verdict);
/// What the other kinds of messages mean.
std::vector<std::string> other_findings(const Case& found, const Verdict& verdict);
/// The cheapest first.
std::vector<Remedy> find_remedies(const Case& found, const Diagnosis& diagnosis, const Verdict& verdict);
std::vector<Remedy> device_remedies(const Case& found, const Diagnosis& diagnosis, const Verdict& verdict);

/// Whether the message has the figures that the eight rules need (decide.h).
bool has_device_figures(Kind kind);
/// Text of a log, safe to print.
std::string safe(std::string_view text);
/// "1.17 GiB (1.16 to 1.18)".
std::string about(Span span);

/// What to save beside the deficit, so that the next request has room too.
inline constexpr std::uint64_t kMargin = std::uint64_t{256} << 20U;

}  // namespace plimsoll::doctor
