// Arenas that change their sizes, and a reader that is still at work in one.
#include "runtime/reservation.h"

#include <gtest/gtest.h>

#include "plan/layout/schedule.h"

namespace plimsoll {
namespace {

constexpr Bytes kPass = kib(8);

Plan plan_of(Bytes staging, Bytes weights) {
  Plan plan;
  plan.devices.emplace_back();
  auto& arenas = plan.devices.front().arenas;
  arenas[static_cast<std::size_t>(MemoryTag::weights)] = weights;
  arenas[static_cast<std::size_t>(MemoryTag::staging)] = staging;
  arenas[static_cast<std::size_t>(MemoryTag::activations)] = kPass;
  const auto schedule = std::make_shared<Schedule>();
  schedule->pass_bytes = kPass.count;
  plan.schedule = schedule;
  return plan;
}

class ReservationTest : public ::testing::Test {
 protected:
  Bytes staging() const { return ledger_.current(MemoryTag::staging); }

  Gate gate_;
  std::unique_ptr<Os> os_ = make_os(gate_);
  Ledger ledger_{"cpu", mib(64)};
};

TEST_F(ReservationTest, KeepsAnArenaThatBothPlansHave) {
  Reservation reservation(*os_, ledger_);
  ASSERT_TRUE(reservation.fit(plan_of(mib(1), mib(2))).ok());
  const std::byte* before = reservation.bytes(MemoryTag::staging).data();
  ASSERT_TRUE(reservation.fit(plan_of(mib(1), mib(1))).ok());
  EXPECT_EQ(reservation.bytes(MemoryTag::staging).data(), before);
  EXPECT_EQ(ledger_.current(), mib(2) + kPass);
}

// What it still writes must not land among what the new plan reads.
TEST_F(ReservationTest, AReaderAtWorkKeepsItsMemoryToItself) {
  auto reservation = std::make_unique<Reservation>(*os_, ledger_);
  ASSERT_TRUE(reservation->fit(plan_of(mib(1), mib(2))).ok());
  std::vector<std::shared_ptr<void>> readers;
  std::vector<const std::byte*> places;
  for (std::uint64_t many = 1; many <= 3; ++many) {
    readers.push_back(reservation->staging_owner());
    places.push_back(reservation->bytes(MemoryTag::staging).data());
    ASSERT_TRUE(reservation->fit(plan_of(mib(1), mib(2))).ok());
    EXPECT_EQ(std::ranges::count(places, reservation->bytes(MemoryTag::staging).data()), 0);
    EXPECT_EQ(staging(), mib(1) * (many + 1)) << "all of it counts";
  }
  readers.clear();
  ASSERT_TRUE(reservation->fit(plan_of(mib(2), mib(2))).ok());
  EXPECT_EQ(staging(), mib(2)) << "and nothing does once they are done";
  readers.push_back(reservation->staging_owner());
  reservation.reset();
  EXPECT_EQ(ledger_.current(), Bytes{}) << "the ledger may go before the reader";
}

}  // namespace
}  // namespace plimsoll
