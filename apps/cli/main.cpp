#include "cli.h"

int main(int argc, char** argv) { return plimsoll::cli::run_cli({argv + (argc > 0 ? 1 : 0), argv + argc}); }
