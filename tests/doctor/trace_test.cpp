#include "doctor/trace.h"

#include "doctor/support.h"

namespace plimsoll::doctor::test {
namespace {

constexpr const char* kMessage =
    "RuntimeError: CUDA out of memory. Tried to allocate 1.00 GiB (GPU 0; 8.00 GiB total capacity; 7.00 GiB already allocated; 0 bytes "
    "free; "
    "7.10 GiB reserved in total by PyTorch)\n";

/// A traceback through these lines of code.
std::string traceback(std::initializer_list<const char*> code) {
  std::string text = "Traceback (most recent call last):\n";
  for (const char* line : code)
    text += std::string("  File \"/opt/venv/lib/python3.11/site-packages/x.py\", line 7, in step\n    ") + line + "\n";
  return text + kMessage;
}

struct Case {
  std::string name;
  std::string log;
  Phase phase;
};

class Phases : public ::testing::TestWithParam<Case> {};

TEST_P(Phases, AreReadFromTheTraceback) {
  const auto found = diagnose(GetParam().log);
  ASSERT_EQ(found.size(), 1U);
  EXPECT_EQ(phase_name(found[0].phase), phase_name(GetParam().phase));
}

INSTANTIATE_TEST_SUITE_P(
    All, Phases,
    ::testing::Values(
        Case{"To", traceback({"model.to(device)", "return self._apply(convert)", "return t.to(device, dtype)"}), Phase::loading},
        Case{"LoadState", traceback({"model.load_state_dict(state)"}), Phase::loading},
        Case{"WarmUp", traceback({"AutoModel.from_pretrained(name)", "caching_allocator_warmup(model, expanded)"}), Phase::loading},
        Case{"Pretrained", traceback({"model = AutoModel.from_pretrained('x')"}), Phase::loading},
        Case{"Backward", traceback({"loss.backward()", "torch.autograd.backward(self)", "return F.linear(x, w)"}), Phase::training},
        Case{"Optimizer", traceback({"optimizer.step()", "exp_avg_sq = torch.zeros_like(p)"}), Phase::training},
        Case{"Softmax", traceback({"out = model(x)", "scores = nn.functional.softmax(scores, dim=-1)"}), Phase::activations},
        Case{"Attention", traceback({"attn = scaled_dot_product_attention(q, k, v)"}), Phase::activations},
        Case{"Linear", traceback({"return F.linear(input, self.weight, self.bias)"}), Phase::activations},
        Case{"Generate", traceback({"out = model.generate(**inputs)"}), Phase::kv_cache},
        Case{"Cache", traceback({"model.generate(x)", "x = self.attention(x)", "k = torch.cat([past_key_value[0], k], dim=2)"}),
             Phase::kv_cache},
        Case{"Prefill", traceback({"model.generate(x)", "scores = torch.softmax(scores, -1)"}), Phase::activations},
        Case{"Rotary", traceback({"y = x.forward()", "q, k = self.apply_rotary_pos_emb(q, k)"}), Phase::unknown},
        Case{"RotaryFrame",
             "Traceback (most recent call last):\n  File \"m.py\", line 600, in forward\n    q = f(q)\n  File \"m.py\", line 225, in "
             "apply_rotary_pos_emb\n    q = (q * cos)\n" +
                 std::string(kMessage),
             Phase::activations},
        Case{"ToFrame",
             "Traceback (most recent call last):\n  File \"m.py\", line 600, in forward\n    q = f(q)\n  File \"m.py\", line 225, in "
             "_apply\n    q = fn(q)\n" +
                 std::string(kMessage),
             Phase::loading},
        Case{"ConvertFrame",
             "Traceback (most recent call last):\n  File \"m.py\", line 600, in forward\n    q = f(q)\n  File \"m.py\", line 225, in "
             "convert_tokens\n    q = fn(q)\n" +
                 std::string(kMessage),
             Phase::activations},
        Case{"Graphs", traceback({"self.capture_model()", "with torch.cuda.graph(g):"}), Phase::start_up},
        Case{"Nothing", traceback({"x = f(y)"}), Phase::unknown}, Case{"NoTraceback", kMessage, Phase::unknown},
        Case{"Prose", std::string("the softmax and backward of attention\n") + kMessage, Phase::unknown}),
    [](const auto& each) { return each.param.name; });

TEST(Trace, NamesTheModel) {
  const auto model = [](const char* line) { return diagnose(traceback({line}))[0].model; };
  EXPECT_EQ(model("m = AutoModelForCausalLM.from_pretrained('meta/llama-7b', device_map='auto')"), "meta/llama-7b");
  EXPECT_EQ(model("m = BertModel.from_pretrained(\"bert-large-uncased\")"), "bert-large-uncased");
  EXPECT_EQ(model("m = BertModel.from_pretrained(name)"), "");
  EXPECT_EQ(model("m = BertModel.from_pretrained('x; rm -rf /')"), "");
  EXPECT_EQ(model("m = BertModel.from_pretrained('x\")"), "");
  EXPECT_EQ(model("m = BertModel.from_pretrained('"), "");
}

TEST(Trace, OfOneMessageIsNotTheNext) {
  const auto found = diagnose(traceback({"loss.backward()"}) +
                              "retrying, now without softmax in attention\nCUDA out of memory. Tried to allocate 2.00 GiB (GPU 0; 8.00 GiB "
                              "total capacity; 7.00 GiB already "
                              "allocated; 0 bytes free; 7.10 GiB reserved in total by PyTorch)\n");
  ASSERT_EQ(found.size(), 2U);
  EXPECT_EQ(found[0].phase, Phase::training);
  EXPECT_EQ(found[1].phase, Phase::unknown);
}

TEST(Trace, MayStandBelowItsMessage) {
  const auto found = diagnose(std::string(kMessage) +
                              "\n    state_dict = torch.load(resolved_archive_file, map_location=\"cpu\")\n    torch._C._cuda_init()\n");
  ASSERT_EQ(found.size(), 1U);
  EXPECT_EQ(found[0].phase, Phase::loading);
  EXPECT_FALSE(found[0].disagreement.empty());
}

TEST(Trace, FarBelowIsOfSomethingElse) {
  std::string log = kMessage;
  for (int i = 0; i < 2000; ++i) log += "step " + std::to_string(i) + "\n";
  const auto found = diagnose(log + "    state_dict = torch.load(path, map_location=\"cpu\")\n    torch._C._cuda_init()\n");
  ASSERT_EQ(found.size(), 1U);
  EXPECT_EQ(found[0].phase, Phase::unknown);
  EXPECT_TRUE(found[0].disagreement.empty());
}

}  // namespace
}  // namespace plimsoll::doctor::test
