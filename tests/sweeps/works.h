#pragma once

#include <string>
#include <vector>

#include "sweeps/sweep_fixture.h"

namespace plimsoll::testing {

/// All that sessions go through, on one place.
class WorksFixture : public SweepFixture {
 protected:
  std::vector<Work> works() {
    std::vector<Work> list = {
        {"open the model", [] { return Status(); }, [this] { return open_model(); }},
        {"load", [] { return Status(); }, [this] { return load(); }},
        {"first pass", [this] { return open(); }, [this] { return pass(); }},
        {"later pass", [this] { return open_and(enough()); }, [this] { return pass(); }},
        {"shrink", [this] { return open(); }, [this] { return pass_within(tight()); }},
        {"grow", [this] { return open_and(tight()); }, [this] { return pass_within(enough()); }},
        {"cancel", [this] { return open_cancelling(); }, [this] { return pass(); }, {ErrorCode::cancelled}},
        {"unload", [this] { return open_and(enough()); }, [this] { return unload(); }},
    };
    if (place_.simulated) {
      list.push_back(recovery("recover from a lost device", "at=pass:1,layer:1 lost\n"));
      list.push_back(recovery("recover from a failed copy", "at=pass:1 fail=copy:1+\n"));
    }
    return list;
  }

 private:
  static Work::Answer nothing(const Status& status) { return status.ok() ? Work::Answer(std::vector<float>()) : status.error(); }

  Work::Answer open_model() {
    PLIMSOLL_TRY(const Model model, Model::open(*os_, ledger_, {folder_.path(), "", "", false}));
    EXPECT_EQ(model.parameters(), model_->parameters());
    PLIMSOLL_CHECK(describe_machine(*os_, threads_));
    return nothing({});
  }

  Work::Answer load() { return nothing(open()); }

  Status open_and(Bytes budget) {
    PLIMSOLL_CHECK(open());
    PLIMSOLL_CHECK(pass_within(budget));
    return {};
  }

  Work::Answer pass_within(Bytes budget) {
    session_->set_budget(device(), budget);
    return pass();
  }

  Status open_cancelling() {
    layers_ = 0;
    return open(
        [this](const Progress& progress) {
          if (progress.phase == "pass" && ++layers_ == 2) cancel_->cancel();
        },
        cancel_.get());
  }

  Work::Answer unload() {
    session_.reset();
    return nothing({});
  }

  Work recovery(const char* name, const std::string& script) {
    const auto before = [this, script]() -> Status {
      bring_device(script);
      open_devices();
      return open();
    };
    return {name, before, [this] { return pass(); }, {ErrorCode::device_lost}};
  }

  int layers_ = 0;
};

}  // namespace plimsoll::testing
