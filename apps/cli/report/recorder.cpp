#include "report/recorder.h"

#include <algorithm>

#include "text/status_field.h"

namespace plimsoll::cli {
namespace {

// Reading /proc takes some 20 µs: at most this often in passes that are shorter themselves.
constexpr std::chrono::microseconds kLeastPause{500};

}  // namespace

Bytes anonymous_memory(Os& os) {
  const auto status = os.read_text("/proc/self/status", 64U << 10U);
  if (!status.ok()) return Bytes{0};
  return status_field(*status, "RssAnon").value_or(Bytes{});
}

Recorder::Recorder(Os& os) : os_(os), start_(os.now()) { samples_.reserve(kMostSamples); }

double Recorder::seconds() const { return std::chrono::duration<double>(os_.now() - start_).count(); }

void Recorder::thin() {
  for (std::size_t i = 0; 2 * i < samples_.size(); ++i) samples_[i] = samples_[2 * i];
  samples_.resize((samples_.size() + 1) / 2);
  stride_ *= 2;
}

void Recorder::observe(std::string_view phase, Bytes ledger, bool force) {
  const auto now = os_.now();
  if (force || now - last_read_ >= kLeastPause) {
    process_peak_ = std::max(process_peak_, anonymous_memory(os_));
    last_read_ = now;
  }
  if (seen_++ % stride_ != 0) return;
  if (samples_.size() == kMostSamples) thin();
  samples_.push_back({std::chrono::duration<double>(now - start_).count(), phase == "load", ledger});
}

void Recorder::write_samples(JsonWriter& json) const {
  json.begin_array();
  for (const Sample& sample : samples_) {
    json.begin_object().key("t").value(sample.seconds).key("phase").value(sample.loading ? "load" : "pass").key("device").value("cpu");
    json.key("ledger").value(sample.ledger).key("free").value(saturating_sub(budget_, sample.ledger)).end_object();
  }
  json.end_array();
}

}  // namespace plimsoll::cli
