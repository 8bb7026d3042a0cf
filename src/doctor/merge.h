#pragma once

#include "doctor/read_message.h"

namespace plimsoll::doctor {

/// Whether two messages say the same, in the same figures.
bool same_message(const Message& a, const Message& b);

/// Whether both tell how much is allocated of the same memory.
bool same_memory(const Message& a, const Message& b);

/// Whether `later` may be another line of what `first` is the beginning of.
bool is_part(const Message& first, const Message& later);

/// Puts the figures of `later` where `first` has none, and the more exact ones.
void absorb(Message& first, Message later);

}  // namespace plimsoll::doctor
