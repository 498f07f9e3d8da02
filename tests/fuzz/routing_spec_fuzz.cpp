// Fuzzes what users write: routing specs and calibration files. Input: a spec, then optionally a
// zero byte and a calibration file. Whatever it is, the answer is a router or an error; a router's
// canonical spec reads back as itself and routes.
#include <cstdint>
#include <cstdlib>
#include <string_view>
#include <vector>

#include "runtime/routing/router.h"

namespace {

namespace routing = switchyard::routing;

void require(bool condition) {
  if (!condition) std::abort();
}

void check_router(const routing::Router& router, const routing::RouterConvention& convention,
                  std::string_view calibration) {
  const auto again = routing::make_router(router.spec(), convention, calibration);
  require(again.has_value() && (*again)->spec() == router.spec());
  require(router.k_max() >= 1 && router.k_max() <= convention.experts);
  const std::vector<float> logits = {2, -1, 0.5F, 1.5F, -0.5F, 0, 1, -2};
  const std::vector<std::uint32_t> zero = {0};
  const std::vector<std::uint64_t> seed = {1};
  const std::vector<float> variance = {1};
  routing::Selections out;
  router.route(0, switchyard::MatrixView<const float>(logits.data(), 1, 8),
               {zero, zero, seed, variance}, out);
  require(out.token_count() == 1 && out.slot_count() >= 1 && out.slot_count() <= router.k_max());
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view input(reinterpret_cast<const char*>(data), size);
  const std::size_t zero = input.find('\0');
  const std::string_view spec = input.substr(0, zero);
  // file= and bias= would open whatever path the fuzzer thinks of.
  if (spec.find("file=") != spec.npos || spec.find("bias=") != spec.npos) return 0;
  const std::string_view calibration =
      zero == input.npos ? std::string_view() : input.substr(zero + 1);
  routing::RouterConvention convention;
  convention.layers = 2;
  convention.experts = 8;
  convention.k_static = 4;
  const auto router = routing::make_router(spec, convention, calibration);
  if (router) check_router(**router, convention, calibration);
  return 0;
}
