#include <algorithm>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <stdexcept>

#include "scenarios/scenario.h"

namespace plimsoll::testing {
namespace {

template <typename Enum, typename Name>
Enum named(const std::string& text, int count, Name name) {
  for (int i = 0; i < count; ++i) {
    if (name(static_cast<Enum>(i)) == text) return static_cast<Enum>(i);
  }
  throw std::runtime_error("unknown name '" + text + "'");
}

std::vector<std::string> split_list(const std::string& text) {
  std::vector<std::string> parts;
  std::istringstream in(text);
  for (std::string part; std::getline(in, part, ',');) parts.push_back(part);
  return parts;
}

std::vector<Rung> rungs_of(const std::string& text) {
  std::vector<Rung> rungs;
  for (const std::string& name : split_list(text)) rungs.push_back(parse_rung(name).value());
  return rungs;
}

ElementType element_of(const std::string& text) {
  for (const ElementType type : {ElementType::float32, ElementType::bfloat16, ElementType::float16}) {
    if (element_name(type) == text) return type;
  }
  throw std::runtime_error("unknown type '" + text + "'");
}

void read_model(std::istringstream& line, TinyModel& model) {
  const std::map<std::string, std::int64_t*> fields = {
      {"hidden", &model.hidden}, {"layers", &model.layers},       {"heads", &model.heads},  {"intermediate", &model.intermediate},
      {"words", &model.words},   {"positions", &model.positions}, {"labels", &model.labels}};
  for (std::string pair; line >> pair;) {
    const std::size_t equals = pair.find('=');
    const std::string key = pair.substr(0, equals);
    if (key == "dtype") model.dtype = pair.substr(equals + 1);
    else *fields.at(key) = std::stoll(pair.substr(equals + 1));
  }
}

// The memory of a device is an EXPR, of which the specification knows nothing.
Scenario::Sim read_sim(const std::string& text) {
  Scenario::Sim sim;
  for (const std::string& part : split_list(text)) {
    if (part.starts_with("memory=")) sim.memory = part.substr(7);
    else if (part.starts_with("used=")) sim.used = parse_bytes(part.substr(5)).value();
    else sim.spec += "," + part;
  }
  return sim;
}

class Reader {
 public:
  explicit Reader(Scenario& scenario) : scenario_(scenario) {}

  void read(const std::string& text) {
    std::istringstream line(text);
    std::string key;
    if (!(line >> key)) return;
    if (key.starts_with("at=")) {
      scenario_.sims.at(scenario_.sims.size() - 1).script += text + "\n";
      return;
    }
    if (key == "model") return read_model(line, scenario_.model);
    std::string first;
    std::string second;
    line >> first >> second;
    if (!set_up(key, first, second) && !expect(key, first, second)) throw std::runtime_error("unknown key '" + key + "'");
  }

 private:
  bool set_up(const std::string& key, const std::string& first, const std::string& second) {
    Policy& policy = scenario_.policy;
    if (key == "texts") {
      scenario_.texts = std::stoll(first);
      scenario_.words = std::stoll(first.substr(first.find('x') + 1));
    } else if (key == "batch") {
      scenario_.batch = std::stoll(first);
    } else if (key == "device") {
      policy.device = first;
    } else if (key == "dtype") {
      policy.dtype = element_of(first);
    } else if (key == "allow") {
      policy.allow = rungs_of(first);
    } else if (key == "forbid") {
      policy.forbid = rungs_of(first);
    } else if (key == "disk") {
      policy.use_disk = first != "0";
    } else if (key == "prefer") {
      policy.prefer_speed = true;
    } else if (key == "budget") {
      scenario_.budget = first;
    } else if (key == "sim") {
      scenario_.sims.push_back(read_sim(first));
    } else if (key == "shrink") {
      scenario_.shrinks[std::stoi(first)] = second;
    } else if (key == "refuse") {
      std::string kind = first;
      std::ranges::replace(kind, '_', ' ');
      scenario_.refusal = {named<Acquisition>(kind, kAcquisitionKinds, acquisition_name), std::stoull(second)};
    } else {
      return false;
    }
    return true;
  }

  bool expect(const std::string& key, const std::string& first, const std::string& second) {
    if (key == "verdict") {
      scenario_.verdict = named<Verdict>(first, 3, verdict_name);
    } else if (key == "rungs") {
      const auto list = first == "none" ? std::vector<std::string>() : split_list(first);
      scenario_.rungs = std::set<std::string>(list.begin(), list.end());
    } else if (key == "home") {
      scenario_.homes[first] = second;
    } else if (key == "compute") {
      scenario_.computes[first] = second;
    } else if (key == "event") {
      scenario_.events.insert(first);
    } else if (key == "answers") {
      scenario_.answers = first;
    } else if (key == "error") {
      scenario_.error = first;
    } else {
      return false;
    }
    return true;
  }

  Scenario& scenario_;
};

}  // namespace

Scenario read_scenario(const std::string& path) {
  Scenario scenario;
  std::ifstream file(path);
  int number = 0;
  for (std::string line; std::getline(file, line);) {
    ++number;
    try {
      Reader(scenario).read(line.substr(0, line.find('#')));
    } catch (const std::exception& error) {
      throw std::runtime_error(path + " line " + std::to_string(number) + ": " + error.what());
    }
  }
  if (scenario.answers.empty() == scenario.error.empty()) throw std::runtime_error(path + ": needs answers or error");
  return scenario;
}

bool Scenario::is_eventful() const {
  bool scripted = false;
  for (const Sim& sim : sims) scripted = scripted || !sim.script.empty();
  return scripted || !shrinks.empty() || refusal;
}

}  // namespace plimsoll::testing
