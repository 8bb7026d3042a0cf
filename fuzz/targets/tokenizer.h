#pragma once

#include <string_view>

#include <plimsoll/tokenizer.h>

#include "support/fake_os.h"
#include "target.h"

namespace plimsoll::fuzz {

/// Opens the tokenizer of the folder "m" and encodes the files "m/text" and, where there is one, "m/pair" with it, in several ways that
/// must agree.
void open_and_encode(testing::FakeOs& os);

}  // namespace plimsoll::fuzz
