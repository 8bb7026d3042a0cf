// Matrix products of every form that cuBLASLt is not asked for, and attention.
#include "device/cuda/elements-inl.h"
#include "device/cuda/launch.h"
#include "device/cuda/warp-inl.h"

namespace plimsoll::cuda {
namespace {

constexpr int kSide = 16;  // of the square of threads
constexpr int kEach = kLinearTile / kSide;
constexpr int kPitch = kLinearTile + 4;
constexpr float kNothing = -INFINITY;

/// Rows of a tile, each with its k one after the other; beyond the matrix zeros. `element` reads (row, k).
template <typename Element>
__device__ void fill_tile(float (&tile)[kLinearDepth][kPitch], std::int64_t rows, std::int64_t depth, Element element) {
  for (int i = static_cast<int>(threadIdx.x); i < kLinearTile * kLinearDepth; i += kLinearThreads) {
    const int row = i / kLinearDepth;
    const int k = i % kLinearDepth;
    tile[k][row] = row < rows && k < depth ? element(row, k) : 0.0F;
  }
}

/// Where a block of queries is.
struct QueryBlock {
  std::int64_t text_begin = 0;
  std::int64_t text_end = 0;
  std::int64_t begin = 0;
  std::int64_t end = 0;
};

/// As attention_grid numbers them.
__device__ QueryBlock find_queries(const std::int32_t* starts, std::int64_t texts, std::int64_t block, std::int64_t queries) {
  const auto first_block = [&](std::int64_t text) { return (starts[text] - starts[0]) / queries + text; };
  std::int64_t low = 0;
  for (std::int64_t high = texts; high - low > 1;) {
    const std::int64_t middle = (low + high) / 2;
    if (first_block(middle) <= block) low = middle;
    else high = middle;
  }
  QueryBlock found;
  found.text_begin = starts[low];
  found.text_end = starts[low + 1];
  found.begin = found.text_begin + (block - first_block(low)) * queries;
  found.end = found.begin + queries < found.text_end ? found.begin + queries : found.text_end;
  return found;
}

/// Of queries, keys or values (part 0, 1 or 2) of a head.
__device__ std::int64_t head_column(const AttentionStep& step, int part) { return (part * step.heads + blockIdx.y) * step.head_dim; }

/// Rows [begin, begin + kFloatQueries) of a head, those from `end` on as zeros.
__device__ void load_rows(const AttentionStep& step, int part, std::int64_t begin, std::int64_t end, float* rows) {
  const std::int64_t pitch = float_pitch(step.head_dim);
  const std::int64_t column = head_column(step, part);
  for (std::int64_t i = threadIdx.x; i < kFloatQueries * step.head_dim; i += kAttentionThreads) {
    const std::int64_t row = i / step.head_dim;
    const std::int64_t d = i % step.head_dim;
    rows[row * pitch + d] = begin + row < end ? load(step.qkv, begin + row, column + d) : 0.0F;
  }
}

/// Maximum and sum over the four threads of a query.
__device__ float quad_max(float value) {
  value = fmaxf(value, exchange(value, 1));
  return fmaxf(value, exchange(value, 2));
}
__device__ float quad_sum(float value) {
  value += exchange(value, 1);
  return value + exchange(value, 2);
}

__device__ std::uint32_t pair_of(std::uint16_t low, std::uint16_t high) { return low | static_cast<std::uint32_t>(high) << 16; }

}  // namespace

/// Block (x, y): a tile of kLinearTile rows and outputs. An element's products are summed from the first k to the last by one thread.
extern "C" __global__ void __launch_bounds__(kLinearThreads) plimsoll_linear(LinearStep step) {
  __shared__ float x_tile[kLinearDepth][kPitch];
  __shared__ float weight_tile[kLinearDepth][kPitch];
  const WeightView& weight = step.weight;
  const std::int64_t inputs = weight.inputs;
  const std::int64_t first_row = static_cast<std::int64_t>(blockIdx.x) * kLinearTile;
  const std::int64_t first_output = static_cast<std::int64_t>(blockIdx.y) * kLinearTile;
  const int thread_row = static_cast<int>(threadIdx.x) / kSide;
  const int thread_output = static_cast<int>(threadIdx.x) % kSide;
  float sums[kEach][kEach] = {};
  for (std::int64_t k0 = 0; k0 < inputs; k0 += kLinearDepth) {
    __syncthreads();  // the tiles before have been read
    fill_tile(x_tile, step.x.rows - first_row, inputs - k0, [&](int row, int k) { return load(step.x, first_row + row, k0 + k); });
    fill_tile(weight_tile, weight.outputs - first_output, inputs - k0, [&](int row, int k) {
      return load(weight.form.type, weight.data, place_in(weight.form, inputs, first_output + row, k0 + k));
    });
    __syncthreads();
#pragma unroll
    for (int k = 0; k < kLinearDepth; ++k) {
#pragma unroll
      for (int i = 0; i < kEach; ++i) {
#pragma unroll
        for (int j = 0; j < kEach; ++j)
          sums[i][j] = fmaf(x_tile[k][thread_row + i * kSide], weight_tile[k][thread_output + j * kSide], sums[i][j]);
      }
    }
  }
#pragma unroll
  for (int i = 0; i < kEach; ++i) {
    const std::int64_t row = first_row + thread_row + i * kSide;
#pragma unroll
    for (int j = 0; j < kEach; ++j) {
      const std::int64_t output = first_output + thread_output + j * kSide;
      if (row >= step.out.rows || output >= weight.outputs) continue;
      const float bias = step.bias == nullptr ? 0.0F : step.bias[output];
      store(step.out, row, output, activate(step.activation, sums[i][j] + bias));
    }
  }
}

/// Block (x, y): up to kFloatQueries queries of head y (attention_grid), in float32. Four threads a query. Keys pass by kFloatQueries at a
/// time; sums are scaled anew whenever a larger score comes (Dao et al., arXiv:2205.14135).
extern "C" __global__ void __launch_bounds__(kAttentionThreads) plimsoll_attention_float(AttentionStep step) {
  const std::int64_t texts = static_cast<std::int64_t>(step.text_starts.size()) - 1;
  const QueryBlock block = find_queries(step.text_starts.data(), texts, blockIdx.x, kFloatQueries);
  if (block.begin >= block.end) return;
  const std::int64_t head_dim = step.head_dim;
  const std::int64_t pitch = float_pitch(head_dim);
  float* queries = dynamic_shared();
  float* others = queries + kFloatQueries * pitch;  // keys, then values
  float* sums = others + kFloatQueries * pitch;
  float* scores = sums + kFloatQueries * pitch;
  const std::int64_t query = threadIdx.x / 4;
  const std::int64_t part = threadIdx.x % 4;
  const float* own_query = queries + query * pitch;
  float* own_sums = sums + query * pitch;
  float* own_scores = scores + query * (kFloatQueries + 1);
  load_rows(step, 0, block.begin, block.end, queries);
  for (std::int64_t d = part; d < head_dim; d += 4) own_sums[d] = 0.0F;
  float highest = kNothing;
  float total = 0.0F;
  for (std::int64_t key0 = block.text_begin; key0 < block.text_end; key0 += kFloatQueries) {
    const std::int64_t keys = block.text_end - key0 < kFloatQueries ? block.text_end - key0 : kFloatQueries;
    __syncthreads();  // the values before have been read; the first time, the queries are there
    load_rows(step, 1, key0, block.text_end, others);
    __syncthreads();
    float tile_highest = highest;
    for (std::int64_t key = part; key < keys; key += 4) {
      float score = 0.0F;
      for (std::int64_t d = 0; d < head_dim; ++d) score = fmaf(own_query[d], others[key * pitch + d], score);
      own_scores[key] = score * step.scale;
      tile_highest = fmaxf(tile_highest, own_scores[key]);
    }
    tile_highest = quad_max(tile_highest);
    const float shrink = expf(highest - tile_highest);
    float tile_total = 0.0F;
    for (std::int64_t key = part; key < keys; key += 4) {
      own_scores[key] = expf(own_scores[key] - tile_highest);
      tile_total += own_scores[key];
    }
    total = total * shrink + quad_sum(tile_total);
    highest = tile_highest;
    __syncthreads();  // the keys have been read, the scores are there
    load_rows(step, 2, key0, block.text_end, others);
    __syncthreads();
    for (std::int64_t d = part; d < head_dim; d += 4) {
      float sum = own_sums[d] * shrink;
      for (std::int64_t key = 0; key < keys; ++key) sum = fmaf(own_scores[key], others[key * pitch + d], sum);
      own_sums[d] = sum;
    }
  }
  if (block.begin + query >= block.end) return;
  const std::int64_t column = blockIdx.y * head_dim;
  for (std::int64_t d = part; d < head_dim; d += 4) store(step.out, block.begin + query, column + d, own_sums[d] / total);
}

namespace {

/// Rows [begin, begin + kTensorQueries) of a head in bfloat16; what lies beyond `end` or the head is zero. Eight elements at a time where
/// the addresses allow it.
template <int Width>
__device__ void load_tile(const AttentionStep& step, int part, std::int64_t begin, std::int64_t end, std::uint16_t (*tile)[Width + 8]) {
  constexpr int kRun = 8;
  const auto* qkv = reinterpret_cast<const std::uint16_t*>(step.qkv.data);
  const std::int64_t column = head_column(step, part);
  const bool in_runs =
      step.head_dim % kRun == 0 && step.qkv.stride % kRun == 0 && reinterpret_cast<std::uintptr_t>(step.qkv.data) % sizeof(uint4) == 0;
  for (int i = static_cast<int>(threadIdx.x); i < kTensorQueries * (Width / kRun); i += kAttentionThreads) {
    const int row = i / (Width / kRun);
    const int d = i % (Width / kRun) * kRun;
    const std::uint16_t* from = qkv + (begin + row) * step.qkv.stride + column + d;
    std::uint16_t* to = &tile[row][d];
    if (in_runs && begin + row < end && d < step.head_dim) {
      *reinterpret_cast<uint4*>(to) = *reinterpret_cast<const uint4*>(from);
      continue;
    }
    for (int e = 0; e < kRun; ++e) to[e] = begin + row < end && d + e < step.head_dim ? from[e] : std::uint16_t{0};
  }
}

/// What a warp keeps of its 16 queries: this thread has the rows g and g + 8 of them (warp-inl.h).
template <int Width>
struct WarpState {
  std::uint32_t queries[Width / 16][4];
  float sums[Width / 8][4] = {};
  float highest[2] = {kNothing, kNothing};
  float totals[2] = {};
};

template <int Width>
__device__ void load_queries(WarpState<Width>& state, const std::uint16_t (*tile)[Width + 8]) {
  const int lane = static_cast<int>(threadIdx.x) % 32;
  const int row = static_cast<int>(threadIdx.x) / 32 * 16 + lane / 4;
#pragma unroll
  for (int k = 0; k < Width / 16; ++k) {
    const int d = k * 16 + lane % 4 * 2;
    state.queries[k][0] = pair_of(tile[row][d], tile[row][d + 1]);
    state.queries[k][1] = pair_of(tile[row + 8][d], tile[row + 8][d + 1]);
    state.queries[k][2] = pair_of(tile[row][d + 8], tile[row][d + 9]);
    state.queries[k][3] = pair_of(tile[row + 8][d + 8], tile[row + 8][d + 9]);
  }
}

/// Scores of the warp's queries with all keys of a tile, `keys` of which are there: scaled, -inf for the others.
template <int Width>
__device__ void multiply_keys(const WarpState<Width>& state, const std::uint16_t (*keys)[Width + 8], std::int64_t count, float scale,
                              float (&scores)[kTensorQueries / 8][4]) {
  const int lane = static_cast<int>(threadIdx.x) % 32;
#pragma unroll
  for (int n = 0; n < kTensorQueries / 8; ++n) {
    float sums[4] = {};
#pragma unroll
    for (int k = 0; k < Width / 16; ++k) {
      const std::uint16_t* key = &keys[n * 8 + lane / 4][k * 16 + lane % 4 * 2];
      const std::uint32_t b[2] = {pair_of(key[0], key[1]), pair_of(key[8], key[9])};
      multiply_bfloat16(sums, state.queries[k], b);
    }
#pragma unroll
    for (int e = 0; e < 4; ++e) scores[n][e] = n * 8 + lane % 4 * 2 + e % 2 < count ? sums[e] * scale : kNothing;
  }
}

/// Scores become their exponentials, and what was summed before is scaled to the new maximum.
template <int Width>
__device__ void take_exponentials(WarpState<Width>& state, float (&scores)[kTensorQueries / 8][4]) {
#pragma unroll
  for (int half = 0; half < 2; ++half) {
    float highest = state.highest[half];
#pragma unroll
    for (int n = 0; n < kTensorQueries / 8; ++n) highest = fmaxf(highest, fmaxf(scores[n][2 * half], scores[n][2 * half + 1]));
    highest = quad_max(highest);
    const float shrink = expf(state.highest[half] - highest);
    float total = 0.0F;
#pragma unroll
    for (int n = 0; n < kTensorQueries / 8; ++n) {
#pragma unroll
      for (int e = 2 * half; e < 2 * half + 2; ++e) {
        scores[n][e] = expf(scores[n][e] - highest);
        total += scores[n][e];
      }
    }
    state.totals[half] = state.totals[half] * shrink + quad_sum(total);
    state.highest[half] = highest;
#pragma unroll
    for (int n = 0; n < Width / 8; ++n) {
      state.sums[n][2 * half] *= shrink;
      state.sums[n][2 * half + 1] *= shrink;
    }
  }
}

/// Adds the values of a tile, weighted by the scores.
template <int Width>
__device__ void multiply_values(WarpState<Width>& state, const std::uint16_t (*values)[Width + 8],
                                const float (&scores)[kTensorQueries / 8][4]) {
  const int lane = static_cast<int>(threadIdx.x) % 32;
#pragma unroll
  for (int k = 0; k < kTensorQueries / 16; ++k) {
    // The places of products of 8 keys are those of a factor's halves.
    std::uint32_t a[4];
#pragma unroll
    for (int i = 0; i < 4; ++i) {
      const float* two = &scores[2 * k + i / 2][i % 2 * 2];
      a[i] = pair_of(to_bfloat16(two[0]), to_bfloat16(two[1]));
    }
    const int key = k * 16 + lane % 4 * 2;
#pragma unroll
    for (int n = 0; n < Width / 8; ++n) {
      const int d = n * 8 + lane / 4;
      const std::uint32_t b[2] = {pair_of(values[key][d], values[key + 1][d]), pair_of(values[key + 8][d], values[key + 9][d])};
      multiply_bfloat16(state.sums[n], a, b);
    }
  }
}

template <int Width>
__device__ void store_sums(const AttentionStep& step, const QueryBlock& block, const WarpState<Width>& state) {
  const int lane = static_cast<int>(threadIdx.x) % 32;
  const std::int64_t first = block.begin + threadIdx.x / 32 * 16 + lane / 4;
#pragma unroll
  for (int n = 0; n < Width / 8; ++n) {
#pragma unroll
    for (int e = 0; e < 4; ++e) {
      const std::int64_t row = first + e / 2 * 8;
      const std::int64_t d = n * 8 + lane % 4 * 2 + e % 2;
      if (row < block.end && d < step.head_dim)
        store(step.out, row, blockIdx.y * step.head_dim + d, state.sums[n][e] / state.totals[e / 2]);
    }
  }
}

/// Block (x, y): up to kTensorQueries queries of head y (attention_grid), 16 a warp, in bfloat16 with float32 sums and softmax.
template <int Width>
__device__ void attend(const AttentionStep& step) {
  alignas(16) __shared__ std::uint16_t keys[kTensorQueries][Width + 8];
  alignas(16) __shared__ std::uint16_t values[kTensorQueries][Width + 8];
  const std::int64_t texts = static_cast<std::int64_t>(step.text_starts.size()) - 1;
  const QueryBlock block = find_queries(step.text_starts.data(), texts, blockIdx.x, kTensorQueries);
  if (block.begin >= block.end) return;
  WarpState<Width> state;
  load_tile<Width>(step, 0, block.begin, block.end, keys);
  __syncthreads();
  load_queries<Width>(state, keys);
  for (std::int64_t key0 = block.text_begin; key0 < block.text_end; key0 += kTensorQueries) {
    __syncthreads();  // the tiles before have been read
    load_tile<Width>(step, 1, key0, block.text_end, keys);
    load_tile<Width>(step, 2, key0, block.text_end, values);
    __syncthreads();
    float scores[kTensorQueries / 8][4];
    multiply_keys<Width>(state, keys, block.text_end - key0, step.scale, scores);
    take_exponentials<Width>(state, scores);
    multiply_values<Width>(state, values, scores);
  }
  store_sums<Width>(step, block, state);
}

}  // namespace

extern "C" __global__ void __launch_bounds__(kAttentionThreads) plimsoll_attention_32(AttentionStep step) { attend<32>(step); }
extern "C" __global__ void __launch_bounds__(kAttentionThreads) plimsoll_attention_64(AttentionStep step) { attend<64>(step); }
extern "C" __global__ void __launch_bounds__(kAttentionThreads) plimsoll_attention_128(AttentionStep step) { attend<128>(step); }

}  // namespace plimsoll::cuda
