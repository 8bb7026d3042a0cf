#pragma once

#include "session/context.h"

/// One function a command: gives the exit code, or the error that ends it. The caller commits what they leave in
/// the output, unless they end with an error.
namespace plimsoll::cli {

Result<int> run_command(Context& context);
Result<int> plan_command(Context& context);
Result<int> tokenize_command(Context& context);
Result<int> devices_command(Context& context);
Result<int> bench_command(Context& context);
Result<int> top_command(Context& context);
Result<int> ps_command(Context& context);
Result<int> doctor_command(Context& context);
Result<int> completion_command(Context& context);

}  // namespace plimsoll::cli
