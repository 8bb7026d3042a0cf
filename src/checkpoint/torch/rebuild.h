#pragma once

#include <span>

#include "checkpoint/torch/pickle_values.h"

namespace plimsoll::torch {

/// Whether a dict may have this key: lists and dicts are none.
bool can_be_key(const Value& value);

/// What REDUCE gives for a known global: an OrderedDict (empty, or of a list of pairs as Python 2 writes it), a tensor, a size or a
/// device. Every argument's kind is checked; of a tensor also that offset + strides × (sizes - 1) stays within the storage's view, by
/// checked arithmetic. Fails with `corrupt_file`, its `where` empty.
Result<Value> call_global(PickleValues& values, const Value& callee, const Value& arguments);

/// What NEWOBJ gives: an empty OrderedDict, or the tensor of a Parameter.
Result<Value> make_object(PickleValues& values, const Value& callee, const Value& arguments);

/// What BINPERSID gives for ('storage', class, key, location, elements) or, in legacy files, with a sixth item: None or (key, offset,
/// elements) of a view.
Result<Value> load_persistent(PickleValues& values, const Value& id);

}  // namespace plimsoll::torch
