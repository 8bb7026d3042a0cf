#pragma once

#include <plimsoll/ledger.h>
