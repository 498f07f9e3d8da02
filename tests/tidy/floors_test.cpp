// The floors of docs/ARCHITECTURE.md: a room includes itself and what is below it, and a
// third-party library has one home.
#include <gtest/gtest.h>

#include <algorithm>
#include <array>

#include "tests/tidy/source_tree.h"

namespace switchyard::tidy {
namespace {

struct Room {
  std::string_view folder;
  int floor;
};

constexpr std::array kRooms{
    Room{"runtime/base", 0},    Room{"kernels", 1},           Room{"comm", 1},
    Room{"runtime/routing", 1}, Room{"runtime/placement", 1}, Room{"runtime/moe", 2},
    Room{"runtime/model", 2},   Room{"runtime/control", 2},   Room{"runtime/engine", 3},
    Room{"runtime/net", 3},     Room{"runtime/config", 4},    Room{"launcher", 5},
};

const Room* room_of(std::string_view path) {
  for (const Room& room : kRooms) {
    if (path.starts_with(room.folder) && path.substr(room.folder.size()).starts_with("/")) {
      return &room;
    }
  }
  return nullptr;
}

TEST(Floors, EverySourceFileIsInARoom) {
  for (const SourceFile& file : source_files()) {
    EXPECT_TRUE(file.in("tests") || room_of(file.path) != nullptr) << file.path;
  }
}

TEST(Floors, RoomsIncludeOnlyWhatIsBelow) {
  for (const SourceFile& file : source_files()) {
    const Room* own = room_of(file.path);
    if (own == nullptr) continue;
    for (const Include& include : includes_of(file)) {
      EXPECT_FALSE(include.name.starts_with("tests/")) << file.path << ":" << include.line;
      const Room* other = room_of(include.name);
      if (other == nullptr || other == own) continue;
      EXPECT_LT(other->floor, own->floor)
          << file.path << ":" << include.line << ": " << own->folder << " (floor " << own->floor
          << ") includes " << include.name << " (floor " << other->floor << ")";
    }
  }
}

// Headers that stand in for a toolkit's are included by the toolkit's names.
bool stands_in(const SourceFile& file) { return file.in("tests/cuda_emulation/include"); }

TEST(Floors, OwnHeadersAreNamedFromTheRoot) {
  for (const SourceFile& file : source_files()) {
    for (const Include& include : includes_of(file)) {
      EXPECT_FALSE(include.name.starts_with(".")) << file.path << ":" << include.line;
      const bool sibling = include.name.find('/') == std::string::npos &&
                           include.name.ends_with(".h") &&
                           std::ranges::any_of(source_files(), [&](const SourceFile& other) {
                             return !stands_in(other) && other.path.ends_with("/" + include.name);
                           });
      EXPECT_FALSE(sibling) << file.path << ":" << include.line << ": " << include.name
                            << " without its folder";
    }
  }
}

struct Home {
  std::string_view header;                // an include that starts with this ...
  std::vector<std::string_view> folders;  // ... is allowed in these folders (and in tests)
};

const std::vector<Home>& homes() {
  static const std::vector<Home> kHomes{
      {"mpi.h", {"comm/mpi"}},
      {"nccl.h", {"comm/nccl"}},
      {"cuda", {"kernels/cuda", "comm/nccl", "runtime/base/cuda"}},
      {"cublas", {"kernels/cuda_cublas"}},
      {"boost/", {"runtime/net"}},
      {"openssl/", {"runtime/net"}},
      {"prometheus/", {"runtime/net"}},
      {"yaml-cpp/", {"runtime/config"}},
      {"CLI/", {"launcher"}},
      {"pcre2.h", {"runtime/model"}},
      {"unicode/", {"runtime/model"}},
      {"xxhash.h", {"runtime"}},
      {"immintrin.h", {"kernels"}},
      {"x86intrin.h", {"kernels"}},
      {"spdlog/", {"runtime/base"}},
      {"gtest/", {}},
      {"gmock/", {}},
      {"rapidcheck", {}},
  };
  return kHomes;
}

TEST(Floors, AThirdPartyLibraryHasOneHome) {
  for (const SourceFile& file : source_files()) {
    if (file.in("tests")) continue;
    for (const Include& include : includes_of(file)) {
      for (const Home& home : homes()) {
        if (!include.name.starts_with(home.header)) continue;
        EXPECT_TRUE(std::ranges::any_of(home.folders, [&](auto folder) { return file.in(folder); }))
            << file.path << ":" << include.line << ": <" << include.name << "> does not live here";
      }
    }
  }
}

}  // namespace
}  // namespace switchyard::tidy
