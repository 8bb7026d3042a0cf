#pragma once

#include <plimsoll/element_type.h>
