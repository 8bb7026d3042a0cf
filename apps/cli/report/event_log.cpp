#include "report/event_log.h"

#include <utility>

namespace plimsoll::cli {
namespace {

// As many as a reader who comes back would want to read.
constexpr std::size_t kMostNews = 20;
constexpr std::size_t kLongestNote = 1000;

}  // namespace

void EventLog::add(double seconds, const SessionEvent& event) {
  if (entries_.size() < kMostEvents) entries_.push_back({seconds, event});
  if (news_.size() == kMostNews) news_.erase(news_.begin());
  news_.push_back(event.text);
}

void EventLog::tell(Console& console) {
  for (const std::string& text : std::exchange(news_, {})) console.note(printable(text, kLongestNote));
}

void EventLog::tell_at_once(Console& console) {
  while (!news_.empty() && console.is_ready()) {
    const std::string text = std::move(news_.front());
    news_.erase(news_.begin());
    console.note(printable(text, kLongestNote));
  }
}

void EventLog::write(JsonWriter& json) const {
  json.begin_array();
  for (const auto& [seconds, event] : entries_) {
    json.begin_object().key("t").value(seconds).key("kind").value(event_name(event.kind)).key("rung");
    if (event.rungs.empty()) json.null();
    else json.value(rung_name(event.rungs.front()));
    json.key("rungs").begin_array();
    for (const Rung rung : event.rungs) json.value(rung_name(rung));
    json.end_array().key("device").value(event.device).key("requested_bytes").value(event.requested).key("free_bytes").value(event.free);
    json.key("cost_seconds").value(event.cost_seconds).key("message").value(event.text).end_object();
  }
  json.end_array();
}

}  // namespace plimsoll::cli
