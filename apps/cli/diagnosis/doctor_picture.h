#pragma once

#include <string>
#include <vector>

#include <plimsoll/doctor.h>

#include "terminal/terminal.h"

namespace plimsoll::cli {

/// Diagnoses for people: the first in full, with a bar of who holds the device's memory where the log tells; the others in a line each.
std::string draw_diagnoses(const std::vector<doctor::Diagnosis>& diagnoses, const Terminal& terminal);

/// A part of a device's memory, with its letter in the bar.
struct Holding {
  char letter;
  int colour;
  std::string name;
  doctor::Figure size;
};
/// Who holds the device's memory, what is free last; empty where the log does not tell.
std::vector<Holding> find_holdings(const doctor::Figures& figures);

}  // namespace plimsoll::cli
