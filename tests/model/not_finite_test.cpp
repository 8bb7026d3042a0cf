#include "model/not_finite.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <cstring>
#include <limits>

#include "checkpoint/checkpoint.h"
#include "tensors.h"

namespace plimsoll {
namespace {

using ::testing::HasSubstr;

class NotFinite : public ::testing::Test {
 protected:
  NotFinite() { testing::put_fake_model(os_); }

  // Puts a value at an element of a tensor in the file.
  void set(const std::string& name, std::size_t element, float value) {
    const Model model = open();
    const TensorInfo& tensor = *model.checkpoint().find(name);
    std::memcpy(os_.files["m/model.safetensors"].data() + tensor.offset + element * sizeof value, &value, sizeof value);
  }
  Model open() { return Model::open(os_, ledger_, {"m", "", "", false}).value(); }
  std::string said(Bytes most = kLookedAt) { return message(not_finite(open(), nullptr, most)); }

  testing::FakeOs os_;
  Ledger ledger_{"cpu", mib(64)};
};

TEST_F(NotFinite, NamesTheFirstValueThatIsNone) {
  set("bert.pooler.dense.weight", 3, std::numeric_limits<float>::infinity());
  EXPECT_THAT(said(), AllOf(HasSubstr("tensor bert.pooler.dense.weight holds infinity"), HasSubstr("m/model.safetensors at byte")));
  set("classifier.bias", 1, std::numeric_limits<float>::quiet_NaN());
  EXPECT_THAT(said(), HasSubstr("tensor classifier.bias holds NaN")) << "it is read quickest";
}

TEST_F(NotFinite, NamesTheLargestWhereAllAreNumbers) {
  set("bert.pooler.dense.weight", 3, -7e30F);
  EXPECT_THAT(said(), HasSubstr("although all weights are; the largest, 7e+30, is in tensor bert.pooler.dense.weight"));
}

TEST_F(NotFinite, LooksSoFarAndSaysSo) {
  set("bert.embeddings.word_embeddings.weight", 12 * 8 - 1, std::numeric_limits<float>::quiet_NaN());
  const Bytes all = open().weight_bytes();
  EXPECT_THAT(said(all), HasSubstr("word_embeddings.weight holds NaN"));
  // The largest tensors are those of the intermediate layer.
  const std::string cut = said(Bytes{1024});
  EXPECT_THAT(cut, HasSubstr("although the first 1.00 KiB of " + format_bytes(all) + " of weights are"));
  EXPECT_THAT(cut, HasSubstr("the tensors that are read quickest first; no more was looked at"));
}

TEST_F(NotFinite, EndsWhenItIsToldTo) {
  CancelToken cancel;
  cancel.cancel();
  EXPECT_EQ(not_finite(open(), &cancel).code, ErrorCode::cancelled);
}

}  // namespace
}  // namespace plimsoll
