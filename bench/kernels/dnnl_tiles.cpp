#include "kernels/dnnl_tiles.h"

#include <omp.h>

#include <algorithm>
#include <dnnl.hpp>
#include <unordered_map>

namespace plimsoll::bench {
namespace {

using Tag = dnnl::memory::format_tag;
using Type = dnnl::memory::data_type;

dnnl::matmul::primitive_desc describe(const dnnl::engine& engine, std::int64_t rows, std::int64_t inputs, Type type, bool packed) {
  const dnnl::memory::desc x({rows, inputs}, type, Tag::ab);
  const dnnl::memory::desc weights({inputs, kPanelOutputs}, type, packed ? Tag::any : Tag::ba);
  const dnnl::memory::desc bias({1, kPanelOutputs}, Type::f32, Tag::ab);
  const dnnl::memory::desc out({rows, kPanelOutputs}, type, Tag::ab);
  dnnl::primitive_attr attributes;
  attributes.set_scratchpad_mode(dnnl::scratchpad_mode::user);
  return {dnnl::matmul::desc(x, weights, bias, out), attributes, engine};
}

}  // namespace

struct DnnlTiles::State {
  dnnl::engine engine{dnnl::engine::kind::cpu, 0};
  std::int64_t rows = 0;
  std::int64_t tile = 0;
  std::int64_t inputs = 0;
  Type type;
  dnnl::matmul::primitive_desc description;
  dnnl::matmul product;
  struct Worker {
    dnnl::stream stream;
    dnnl::memory scratch;
    std::unordered_map<int, dnnl::memory> arguments;
  };
  std::vector<Worker> workers;
};

DnnlTiles::DnnlTiles(std::int64_t rows, std::int64_t inputs, ElementType type, bool packed, int threads)
    : state_(std::make_unique<State>()) {
  omp_set_num_threads(1);
  State& s = *state_;
  s.rows = rows;
  s.tile = std::min<std::int64_t>(rows, 128);
  s.inputs = inputs;
  s.type = type == ElementType::bfloat16 ? Type::bf16 : Type::f32;
  s.description = describe(s.engine, s.tile, inputs, s.type, packed);
  s.product = dnnl::matmul(s.description);
  for (int i = 0; i < threads; ++i) {
    State::Worker worker{dnnl::stream(s.engine), dnnl::memory(s.description.scratchpad_desc(), s.engine), {}};
    const auto view = [&](const dnnl::memory::desc& desc) { return dnnl::memory(desc, s.engine, nullptr); };
    worker.arguments = {{DNNL_ARG_SRC, view(s.description.src_desc())},
                        {DNNL_ARG_WEIGHTS, view(s.description.weights_desc())},
                        {DNNL_ARG_BIAS, view(s.description.bias_desc())},
                        {DNNL_ARG_DST, view(s.description.dst_desc())},
                        {DNNL_ARG_SCRATCHPAD, worker.scratch}};
    s.workers.push_back(std::move(worker));
  }
}

DnnlTiles::~DnnlTiles() = default;

std::size_t DnnlTiles::panel_bytes() const { return state_->description.weights_desc().get_size(); }

std::string DnnlTiles::kernel() const { return state_->description.impl_info_str(); }

std::vector<std::byte> DnnlTiles::prepare(const std::byte* rows) const {
  State& s = *state_;
  std::vector<std::byte> panel(panel_bytes());
  dnnl::memory from({{s.inputs, kPanelOutputs}, s.type, Tag::ba}, s.engine, const_cast<std::byte*>(rows));
  dnnl::memory to(s.description.weights_desc(), s.engine, panel.data());
  dnnl::reorder(from, to).execute(s.workers[0].stream, from, to);
  s.workers[0].stream.wait();
  return panel;
}

void DnnlTiles::run(ThreadPool& pool, const std::byte* x, const std::byte* weights, const float* bias, std::int64_t outputs,
                    std::byte* out) {
  State& s = *state_;
  const std::int64_t blocks = s.rows / s.tile;
  const auto size = static_cast<std::int64_t>(dnnl::memory::data_type_size(s.type));
  const auto panel = static_cast<std::int64_t>(panel_bytes());
  pool.run(outputs / kPanelOutputs * blocks, [&](int worker, std::int64_t i) {
    omp_set_num_threads(1);
    State::Worker& w = s.workers[static_cast<std::size_t>(worker)];
    const std::int64_t column = i / blocks;
    const std::int64_t row = i % blocks * s.tile;
    w.arguments[DNNL_ARG_SRC].set_data_handle(const_cast<std::byte*>(x + row * s.inputs * size), w.stream);
    w.arguments[DNNL_ARG_WEIGHTS].set_data_handle(const_cast<std::byte*>(weights + column * panel), w.stream);
    w.arguments[DNNL_ARG_BIAS].set_data_handle(const_cast<float*>(bias + column * kPanelOutputs), w.stream);
    w.arguments[DNNL_ARG_DST].set_data_handle(out + (column * s.rows + row) * kPanelOutputs * size, w.stream);
    s.product.execute(w.stream, w.arguments);
    w.stream.wait();
  });
}

}  // namespace plimsoll::bench
