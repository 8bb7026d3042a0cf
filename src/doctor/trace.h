#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include <plimsoll/doctor.h>

#include "doctor/phrases.h"

namespace plimsoll::doctor {

/// A phrase of code in a line.
struct Evidence {
  Sign sign;
  std::size_t end;  ///< behind the phrase, in the line
  std::string_view line;
  std::uint64_t number;  ///< of the line
};

/// What a traceback tells of the program, line by line.
class Trace {
 public:
  /// Behind "Traceback (most recent call last)".
  void begin();
  /// Evidence in a line of this writer. Outside of a traceback only what looks like a line of code counts.
  void note(const Evidence& evidence);
  /// A message was explained with it: further evidence is of another one.
  void use() {
    used_ = true;
    open_ = false;
  }

  bool used() const { return used_; }
  bool empty() const { return !seen_; }
  /// The number of the first line with evidence.
  std::uint64_t line() const { return line_; }
  Phase phase() const;
  bool starts_cuda() const { return starts_cuda_; }    ///< CUDA was only being initialised
  bool loads_to_cpu() const { return loads_to_cpu_; }  ///< weights were read to the host
  bool loads_model() const { return loads_model_; }
  bool trains() const { return trains_; }
  bool attends() const { return attends_; }    ///< the innermost computation was attention
  bool captures() const { return captures_; }  ///< a CUDA graph was captured
  bool serves() const { return serves_; }      ///< vLLM, SGLang
  /// "bert-large-uncased", as from_pretrained was given it, and the class that it was called on. Only characters that names have.
  const std::string& model() const { return model_; }
  const std::string& loader() const { return loader_; }
  /// Whether that call asks for 16 bits already.
  bool loads_half() const { return loads_half_; }

 private:
  void note_model(std::string_view line);

  bool open_ = false;
  bool used_ = false;
  bool seen_ = false;
  bool starts_cuda_ = false;
  bool loads_to_cpu_ = false;
  bool loads_model_ = false;
  bool trains_ = false;
  bool attends_ = false;
  bool captures_ = false;
  bool serves_ = false;
  std::uint64_t line_ = 0;
  Phase innermost_ = Phase::unknown;
  std::string model_;
  std::string loader_;
  bool loads_half_ = false;
};

}  // namespace plimsoll::doctor
