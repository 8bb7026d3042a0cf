#pragma once

#include "device/cpu/simd_inline.h"
#include "device/step.h"

namespace plimsoll::cpu {

/// c[n-1] * x^(n-1) + ... + c[0] by Horner's rule.
template <typename Simd, int N>
[[gnu::always_inline]] inline typename Simd::Vector polynomial(typename Simd::Vector x, const float (&c)[N]) {
  auto sum = Simd::set(c[N - 1]);
#pragma GCC unroll 8
  for (int i = N - 2; i >= 0; --i) sum = Simd::fma(sum, x, Simd::set(c[i]));
  return sum;
}

/// x within [-limit, limit]; a value that is not a number stays one.
template <typename Simd>
[[gnu::always_inline]] inline typename Simd::Vector clamp(typename Simd::Vector x, float limit) {
  return Simd::min(Simd::set(limit), Simd::max(Simd::set(-limit), x));
}

/// e^x within 2 units in the last place for x in [-87.3, 88.3]; clamped outside, so e^-inf is 1.2e-38, not zero.
/// x = n ln 2 + r with |r| <= ln 2 / 2, the Taylor polynomial of e^r, exponent by bits.
template <typename Simd>
[[gnu::always_inline]] inline typename Simd::Vector exponential(typename Simd::Vector x) {
  const auto bounded = Simd::min(Simd::set(88.3F), Simd::max(Simd::set(-87.3F), x));
  const auto n = Simd::round(Simd::mul(bounded, Simd::set(1.44269504F)));
  auto r = Simd::fma(n, Simd::set(-0.693359375F), bounded);
  r = Simd::fma(n, Simd::set(2.12194440e-4F), r);
  constexpr float kTaylor[] = {1.0F, 1.0F, 0.5F, 1.66666667e-1F, 4.16666667e-2F, 8.33333333e-3F, 1.38888889e-3F, 1.98412698e-4F};
  return Simd::scale_by_power(polynomial<Simd>(r, kTaylor), n);
}

/// erf(x) within 4e-7, one exactly beyond |x| = 5: x P(x^2) / Q(x^2) of least relative error on |x| <= 3.84, beyond which
/// float32 cannot tell erf from one and what x exceeds the bound by completes the quotient to one.
template <typename Simd>
[[gnu::always_inline]] inline typename Simd::Vector error_function(typename Simd::Vector x) {
  constexpr float kP[] = {1.1283791065216064F,    0.18756021559238434F,   0.05244460329413414F,
                          0.0036617929581552744F, 0.0002858257503248751F, 2.1167427348700585e-06F};
  constexpr float kQ[] = {
      1.0F, 0.4995537996292114F, 0.11299807578325272F, 0.014760584570467472F, 0.0011433219769969583F, 3.8826630770927295e-05F};
  const auto bounded = clamp<Simd>(x, 3.84F);
  const auto square = Simd::mul(bounded, bounded);
  const auto quotient = Simd::div(Simd::mul(bounded, polynomial<Simd>(square, kP)), polynomial<Simd>(square, kQ));
  return clamp<Simd>(Simd::add(quotient, Simd::sub(x, bounded)), 1.0F);
}

/// tanh(x) within 4e-7 relative, one exactly beyond |x| = 9: a quotient as above on |x| <= 7.91.
template <typename Simd>
[[gnu::always_inline]] inline typename Simd::Vector hyperbolic_tangent(typename Simd::Vector x) {
  constexpr float kP[] = {1.0F, 0.13450013101100922F, 0.0035782582126557827F, 2.201045208494179e-05F, 1.5408225806368137e-08F};
  constexpr float kQ[] = {1.0F, 0.46783339977264404F, 0.02618947997689247F, 0.00034224227420054376F, 8.591169944338617e-07F};
  const auto bounded = clamp<Simd>(x, 7.91F);
  const auto square = Simd::mul(bounded, bounded);
  const auto quotient = Simd::div(Simd::mul(bounded, polynomial<Simd>(square, kP)), polynomial<Simd>(square, kQ));
  return clamp<Simd>(Simd::add(quotient, Simd::sub(x, bounded)), 1.0F);
}

/// One activation of DESIGN's closed set; formulas in step.h.
template <typename Simd, Activation kind>
[[gnu::always_inline]] inline typename Simd::Vector activate(typename Simd::Vector x) {
  if constexpr (kind == Activation::gelu) {
    const auto half = Simd::mul(x, Simd::set(0.5F));
    return Simd::fma(half, error_function<Simd>(Simd::mul(x, Simd::set(0.70710678F))), half);
  } else if constexpr (kind == Activation::gelu_tanh) {
    const auto half = Simd::mul(x, Simd::set(0.5F));
    const auto cube = Simd::mul(Simd::mul(x, x), Simd::mul(x, Simd::set(0.044715F)));
    return Simd::fma(half, hyperbolic_tangent<Simd>(Simd::mul(Simd::add(x, cube), Simd::set(0.79788456F))), half);
  } else if constexpr (kind == Activation::relu) {
    return Simd::max(Simd::zero(), x);
  } else if constexpr (kind == Activation::silu) {
    // Below -100 the result is zero; unbounded, x would outgrow the largest exponential.
    return Simd::div(Simd::max(Simd::set(-100.0F), x), Simd::add(Simd::set(1.0F), exponential<Simd>(Simd::sub(Simd::zero(), x))));
  } else if constexpr (kind == Activation::tanh) {
    return hyperbolic_tangent<Simd>(x);
  } else {
    return x;
  }
}

}  // namespace plimsoll::cpu
