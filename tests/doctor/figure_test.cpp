#include "doctor/support.h"

namespace plimsoll::doctor::test {
namespace {

TEST(Figure, KeepsWhatRoundingLeavesOpen) {
  const Figure figure = read_figure("2.00", "gib").value();
  EXPECT_EQ(figure.said.count, std::uint64_t{2} << 30U);
  EXPECT_EQ(figure.high.count - figure.said.count, 5368709U);
  EXPECT_EQ(figure.said.count - figure.low.count, 5368709U);
  const Figure tenth = read_figure("15.4", "gib").value();
  EXPECT_EQ(tenth.high.count - tenth.said.count, 53687091U);
  const Figure exact = read_figure("580911104", "bytes").value();
  EXPECT_EQ(exact.low, exact.high);
  EXPECT_EQ(read_figure("0", "bytes")->high.count, 0U);
  EXPECT_EQ(read_figure("0.00", "gib")->low.count, 0U);
}

TEST(Figure, ReadsEveryUnit) {
  EXPECT_EQ(read_figure("3", "kib")->said.count, 3072U);
  EXPECT_EQ(read_figure("3", "kb")->said.count, 3072U);
  EXPECT_EQ(read_figure("3", "m")->said.count, 3U << 20U);
  EXPECT_EQ(read_figure("1", "tib")->said.count, std::uint64_t{1} << 40U);
  EXPECT_EQ(read_figure("1,073,741,824", "")->said.count, std::uint64_t{1} << 30U);
}

TEST(Figure, RefusesWhatIsNoSize) {
  for (const auto& [number, unit] : std::initializer_list<std::pair<const char*, const char*>>{{"17179869184.00", "gib"},
                                                                                               {"99999999999", "gib"},
                                                                                               {"18446744073709551616", ""},
                                                                                               {"18446744073604695040", "b"},
                                                                                               {"", "gib"},
                                                                                               {".5", "gib"},
                                                                                               {"1e9", "gib"},
                                                                                               {"-5", "gib"},
                                                                                               {"nan", "gib"},
                                                                                               {"1.2.3", "gib"},
                                                                                               {"5", "parsecs"},
                                                                                               {"1125899906842624", ""}})
    EXPECT_FALSE(read_figure(number, unit)) << number << unit;
  EXPECT_TRUE(read_figure("1125899906842623", ""));
  EXPECT_TRUE(read_figure("1.000000000000000000000000000000000", "gib"));
}

TEST(Span, ComparesForSureOrPerhaps) {
  const Span two = span_of(gib(2.0));
  const Span near_two = span_of(gib(2.005));
  EXPECT_TRUE(perhaps_at_least(two, near_two));
  EXPECT_FALSE(surely_at_least(two, near_two));
  EXPECT_TRUE(surely_at_least(span_of(gib(2.02)), two));
  EXPECT_FALSE(perhaps_at_least(span_of(gib(1.9)), two));
}

TEST(SizeText, ReadsAsLogsWriteIt) {
  EXPECT_EQ(size_text(Bytes{0}), "0 bytes");
  EXPECT_EQ(size_text(Bytes{512}), "512 bytes");
  EXPECT_EQ(size_text(Bytes{100 << 10}), "100.00 KiB");
  EXPECT_EQ(size_text(Bytes{20 << 20}), "20.00 MiB");
  EXPECT_EQ(size_text(Bytes{512 << 20}), "512.00 MiB");
  EXPECT_EQ(size_text(read_figure("244.00", "mib").value()), "244.00 MiB");
  // Digits that nobody knows are not shown.
  EXPECT_EQ(size_text(figure_of(span_of(gib(8.5)) - span_of(gib(8.0)))), "0.50 GiB");
  EXPECT_EQ(size_text(figure_of(span_of(gib(8.5)) - span_of(gib(8.5)))), "5.12 MiB");
  EXPECT_EQ(span_text(span_of(gib(8.5)) - span_of(gib(8.0))), "0.49 to 0.51 GiB");
  EXPECT_EQ(span_text(Span{-5, -1}), "0 bytes");
}

}  // namespace
}  // namespace plimsoll::doctor::test
