#include "tests/property/placement/random_request.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <numbers>

namespace switchyard::placement {
namespace {

double next_normal(Random& random) {  // Box, Muller 1958
  const double u = 1 - random.next_unit();
  return std::sqrt(-2 * std::log(u)) * std::cos(2 * std::numbers::pi * random.next_unit());
}

}  // namespace

PlanRequest random_request(Random& random) {
  PlanRequest request;
  const std::size_t ranks = 1 + random.next_below(9);
  const std::size_t hosts = 1 + random.next_below(4);
  request.layers = 1 + random.next_below(3);
  request.experts = 1 + random.next_below(24);
  for (std::uint32_t r = 0; r < ranks; ++r) {
    request.expert_ranks.emplace_back(3 * r + static_cast<std::uint32_t>(random.next_below(3)));
    RankTraits traits;
    traits.slots = 1 + random.next_below(request.experts);
    traits.speed = 0.5 + 1.5 * random.next_unit();
    const std::size_t host = random.next_below(hosts);
    traits.host = fmt::format("host{}", host);
    traits.zone = fmt::format("zone{}", host / 2);
    traits.region = fmt::format("region{}", host / 3);
    traits.alive = random.next_below(8) != 0;
    request.ranks.push_back(std::move(traits));
  }
  request.ranks[0].alive = true;
  request.replicas = 1 + random.next_below(2);
  request.every_region = random.next_below(3) == 0;
  request.objective = random.next_below(3) == 0 ? Objective::kActivated : Objective::kTokens;
  request.loads = DriftingLoads(request.layers, request.experts, random.next()).window(2000);
  request.tokens = 2000;
  return request;
}

PlanRequest even_request(EvenRanks even, std::size_t layers, std::size_t experts) {
  PlanRequest request;
  for (std::uint32_t r = 0; r < even.ranks; ++r) request.expert_ranks.emplace_back(r);
  request.layers = layers;
  request.experts = experts;
  request.slots = even.slots;
  return request;
}

DriftingLoads::DriftingLoads(std::size_t layers, std::size_t experts, std::uint64_t seed)
    : experts_(experts), random_(seed) {
  for (std::size_t l = 0; l < layers; ++l) {
    const double s = 0.35 + 0.4 * random_.next_unit();
    std::vector<double> layer;
    for (std::size_t i = 0; i < experts; ++i) {
      layer.push_back(std::pow(static_cast<double>(i + 1), -s));
    }
    for (std::size_t i = experts; i > 1; --i) std::swap(layer[i - 1], layer[random_.next_below(i)]);
    shares_.insert(shares_.end(), layer.begin(), layer.end());
  }
  drift(0);
}

std::vector<std::uint64_t> DriftingLoads::window(std::uint64_t pairs) {
  std::vector<std::uint64_t> loads(shares_.size(), 0);
  for (std::size_t first = 0; first < shares_.size(); first += experts_) {
    std::vector<double> upto(experts_);
    double sum = 0;
    for (std::size_t e = 0; e < experts_; ++e) upto[e] = sum += shares_[first + e];
    for (std::uint64_t i = 0; i < pairs; ++i) {
      const auto at = std::ranges::upper_bound(upto, random_.next_unit() * sum) - upto.begin();
      ++loads[first + std::min(static_cast<std::size_t>(at), experts_ - 1)];
    }
  }
  return loads;
}

void DriftingLoads::drift(double sigma) {
  for (std::size_t first = 0; first < shares_.size(); first += experts_) {
    double sum = 0;
    for (std::size_t e = first; e < first + experts_; ++e) {
      sum += shares_[e] *= std::exp(sigma * next_normal(random_));
    }
    for (std::size_t e = first; e < first + experts_; ++e) shares_[e] /= sum;
  }
}

}  // namespace switchyard::placement
