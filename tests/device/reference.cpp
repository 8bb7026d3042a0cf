#include "device/reference.h"

#include <algorithm>
#include <cmath>

namespace plimsoll::test {
namespace {

std::vector<double> widened(const Matrix& m) {
  std::vector<double> all;
  for (std::int64_t r = 0; r < m.row_count(); ++r) {
    for (std::int64_t c = 0; c < m.cols(); ++c) all.push_back(m.at(r, c));
  }
  return all;
}

/// Softmax of one query's scores.
std::vector<double> attention_weights(const Matrix& qkv, Heads heads, TextRows text, std::int64_t query, std::int64_t head) {
  const auto element = [&](std::int64_t part, std::int64_t row, std::int64_t d) {
    return qkv.at(row, (part * heads.count + head) * heads.dim + d);
  };
  std::vector<double> scores;
  for (std::int64_t key = text.begin; key < text.end; ++key) {
    double score = 0;
    for (std::int64_t d = 0; d < heads.dim; ++d) score += element(0, query, d) * element(1, key, d);
    scores.push_back(score * static_cast<double>(heads.scale()));
  }
  const double highest = *std::ranges::max_element(scores);
  double total = 0;
  for (double& score : scores) total += score = std::exp(score - highest);
  for (double& score : scores) score /= total;
  return scores;
}

}  // namespace

void expect_linear(const Matrix& x, const Matrix& weight, const Matrix& bias, const Matrix& out) {
  const double rounding = 2 * std::sqrt(static_cast<double>(x.cols())) * unit_roundoff(ElementType::float32);
  const std::vector<double> xs = widened(x);
  const std::vector<double> weights = widened(weight);
  for (std::int64_t m = 0; m < x.row_count(); ++m) {
    for (std::int64_t n = 0; n < weight.row_count(); ++n) {
      double sum = bias.at(0, n);
      double magnitude = std::abs(sum);
      for (std::int64_t k = 0; k < x.cols(); ++k) {
        const double product = xs[static_cast<std::size_t>(m * x.cols() + k)] * weights[static_cast<std::size_t>(n * x.cols() + k)];
        sum += product;
        magnitude += std::abs(product);
      }
      ASSERT_NEAR(out.at(m, n), sum, rounding * magnitude + unit_roundoff(out.type()) * std::abs(sum))
          << "row " << m << ", output " << n << ", K " << x.cols();
    }
  }
}

void expect_layer_norm(const Matrix& x, const Matrix* residual, const Matrix& gamma, const Matrix& beta, double epsilon,
                       const Matrix& out) {
  const auto cols = static_cast<double>(x.cols());
  for (std::int64_t r = 0; r < x.row_count(); ++r) {
    std::vector<double> v;
    for (std::int64_t c = 0; c < x.cols(); ++c) v.push_back(x.at(r, c) + (residual != nullptr ? residual->at(r, c) : 0));
    double mean = 0;
    for (const double value : v) mean += value / cols;
    double variance = 0;
    for (const double value : v) variance += (value - mean) * (value - mean) / cols;
    for (std::int64_t c = 0; c < x.cols(); ++c) {
      const double scaled = (v[static_cast<std::size_t>(c)] - mean) / std::sqrt(variance + epsilon) * gamma.at(0, c);
      const double expected = scaled + beta.at(0, c);
      const double tolerance = 4e-6 * (std::abs(scaled) + 1) + unit_roundoff(out.type()) * std::abs(expected);
      ASSERT_NEAR(out.at(r, c), expected, tolerance) << r << ", " << c << " of " << x.cols();
    }
  }
}

float Heads::scale() const { return 1.0F / std::sqrt(static_cast<float>(dim)); }

AttentionStep attention_step(const MatrixView& qkv, std::span<const std::int32_t> starts, Heads heads, const MatrixView& out) {
  return AttentionStep{qkv, starts, heads.count, heads.dim, heads.scale(), out};
}

Matrix random_qkv(Numbers& numbers, std::int64_t tokens, Heads heads, ElementType type) {
  Matrix qkv(tokens, 3 * heads.count * heads.dim, type);
  for (std::int64_t r = 0; r < tokens; ++r) {
    for (std::int64_t c = 0; c < qkv.cols(); ++c) qkv.set(r, c, 3 * numbers.uniform());
  }
  return qkv;
}

void expect_attention(const Matrix& qkv, Heads heads, TextRows text, std::int64_t query, std::int64_t head, const Matrix& out) {
  const std::vector<double> weights = attention_weights(qkv, heads, text, query, head);
  const double spread = 1e-5 + (out.type() == ElementType::bfloat16 ? unit_roundoff(out.type()) : 0);
  for (std::int64_t d = 0; d < heads.dim; ++d) {
    double sum = 0;
    double magnitude = 0;
    for (std::size_t i = 0; i < weights.size(); ++i) {
      const double term = weights[i] * qkv.at(text.begin + static_cast<std::int64_t>(i), (2 * heads.count + head) * heads.dim + d);
      sum += term;
      magnitude += std::abs(term);
    }
    ASSERT_NEAR(out.at(query, head * heads.dim + d), sum, spread * magnitude + unit_roundoff(out.type()) * std::abs(sum))
        << "query " << query << ", head " << head << ", dim " << d << " of " << heads.dim << ", keys " << weights.size();
  }
}

}  // namespace plimsoll::test
