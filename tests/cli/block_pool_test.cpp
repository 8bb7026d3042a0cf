#include "process/block_pool.h"

#include <gtest/gtest.h>

#include <cstring>
#include <map>
#include <new>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace plimsoll::cli {
namespace {

/// A resource that refuses the n-th request, and knows what it has given.
class Refusing final : public std::pmr::memory_resource {
 public:
  explicit Refusing(int nth = 0) : nth_(nth) {}
  int requests() const { return requests_; }
  std::size_t held() const { return given_.size(); }

 private:
  void* do_allocate(std::size_t bytes, std::size_t alignment) override {
    if (++requests_ == nth_) throw std::bad_alloc();
    void* place = std::pmr::new_delete_resource()->allocate(bytes, alignment);
    given_[place] = {bytes, alignment};
    return place;
  }
  void do_deallocate(void* place, std::size_t bytes, std::size_t alignment) override {
    EXPECT_EQ(given_.at(place), std::pair(bytes, alignment));
    given_.erase(place);
    std::pmr::new_delete_resource()->deallocate(place, bytes, alignment);
  }
  bool do_is_equal(const std::pmr::memory_resource& other) const noexcept override { return this == &other; }

  int nth_;
  int requests_ = 0;
  std::map<void*, std::pair<std::size_t, std::size_t>> given_;
};

constexpr std::size_t kSizes[] = {0, 1, 15, 16, 17, 32, 33, 100, 1000, 2049, 4096, 4097, 100'000};

TEST(BlockPool, GivesBlocksThatAreApart) {
  Refusing pages;
  {
    BlockPool pool(pages);
    std::vector<std::pair<char*, std::size_t>> blocks;
    for (int round = 0; round < 100; ++round) {
      for (const std::size_t size : kSizes) {
        auto* place = static_cast<char*>(pool.allocate(size, alignof(std::max_align_t)));
        EXPECT_EQ(reinterpret_cast<std::uintptr_t>(place) % alignof(std::max_align_t), 0U);
        std::memset(place, static_cast<int>(blocks.size() % 251), size);
        blocks.emplace_back(place, size);
      }
    }
    for (std::size_t i = 0; i < blocks.size(); ++i) {
      const auto [place, size] = blocks[i];
      EXPECT_EQ(std::string(place, size), std::string(size, static_cast<char>(i % 251)));
      pool.deallocate(place, size, alignof(std::max_align_t));
    }
    EXPECT_GT(pages.held(), 0U) << "small blocks are kept";
    pool.release();
    EXPECT_EQ(pages.held(), 0U);
    pool.deallocate(pool.allocate(8, 8), 8, 8);
  }
  EXPECT_EQ(pages.held(), 0U);
}

TEST(BlockPool, UsesWhatWasGivenBack) {
  Refusing pages;
  BlockPool pool(pages);
  std::set<void*> places;
  for (int i = 0; i < 10'000; ++i) {
    void* place = pool.allocate(24, 8);
    places.insert(place);
    pool.deallocate(place, 24, 8);
  }
  EXPECT_EQ(places.size(), 1U);
  EXPECT_EQ(pages.requests(), 1);
}

TEST(BlockPool, ARefusalAtAnyMomentIsThrownAndLeavesItUsable) {
  for (int nth = 1; nth < 100; ++nth) {
    Refusing pages(nth);
    int refused = 0;
    {
      BlockPool pool(pages);
      for (int round = 0; round < 3; ++round) {
        try {
          std::pmr::vector<std::pmr::string> strings(&pool);
          for (std::size_t i = 0; i < 3000; ++i) strings.emplace_back(kSizes[i % 10], 'x');
          for (std::size_t i = 0; i < 3000; ++i) ASSERT_EQ(std::string_view(strings[i]), std::string(kSizes[i % 10], 'x'));
        } catch (const std::bad_alloc&) {
          ++refused;
        }
      }
    }
    EXPECT_EQ(pages.held(), 0U);
    EXPECT_EQ(refused, nth <= pages.requests() ? 1 : 0);
    if (refused == 0) return;
  }
  FAIL() << "the sweep never came to its end";
}

}  // namespace
}  // namespace plimsoll::cli
