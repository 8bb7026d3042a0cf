#pragma once

#include "context.h"

/// One function a command: gives the exit code, or the error that ends it. What they leave in the output is committed by
/// the caller when the exit code is theirs to give.
namespace plimsoll::cli {

Result<int> run_command(Context& context);
Result<int> plan_command(Context& context);
Result<int> tokenize_command(Context& context);
Result<int> devices_command(Context& context);
Result<int> bench_command(Context& context);
Result<int> completion_command(Context& context);

}  // namespace plimsoll::cli
