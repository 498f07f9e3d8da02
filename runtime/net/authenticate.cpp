#include "runtime/net/authenticate.h"

#include "runtime/control/codec.h"

namespace switchyard::net {

Task<Result<void>> introduce(std::shared_ptr<DeadlineSocket> socket, const Secret& secret,
                             control::Speaker self, Duration limit) {
  const Hello hello{control::kProtocolVersion, control::kProtocolVersion, self};
  const Greeting mine = make_hello(hello, make_nonce());
  SY_CO_TRY(co_await socket->write(mine, limit));
  Greeting challenge{};
  SY_CO_TRY(co_await socket->read(challenge, limit));
  SY_CO_TRY(read_challenge(challenge, hello));
  const Proof proof = prove(secret, Prover::kCaller, mine, challenge);
  SY_CO_TRY(co_await socket->write(proof, limit));
  Proof answer{};
  const auto answered = co_await socket->read(answer, limit);
  if (!answered && answered.error().code == ErrorCode::kPeer) {
    co_return fail(ErrorCode::kPeer, ErrorScope::kPeer,
                   "the controller refused this peer: the secrets differ");
  }
  SY_CO_TRY(answered);
  if (!same(answer, prove(secret, Prover::kController, mine, challenge))) {
    co_return fail(ErrorCode::kPeer, ErrorScope::kPeer,
                   "the controller does not know the secret; not trusting it");
  }
  co_return Result<void>();
}

Task<Result<control::Speaker>> admit(std::shared_ptr<DeadlineSocket> socket, const Secret& secret,
                                     Duration limit) {
  Greeting hello{};
  SY_CO_TRY(co_await socket->read(hello, limit));
  SY_CO_ASSIGN(const Hello about, read_hello(hello));
  const auto version = common_version(about);
  const Greeting challenge = make_challenge(version.value_or(0), make_nonce());
  SY_CO_TRY(co_await socket->write(challenge, limit));
  if (!version) {
    co_return fail(ErrorCode::kUnsupported, ErrorScope::kPeer,
                   "it speaks protocol versions {} to {}", about.version_min, about.version_max);
  }
  Proof proof{};
  SY_CO_TRY(co_await socket->read(proof, limit));
  if (!same(proof, prove(secret, Prover::kCaller, hello, challenge))) {
    co_return fail(ErrorCode::kPeer, ErrorScope::kPeer, "it does not know the secret");
  }
  const Proof answer = prove(secret, Prover::kController, hello, challenge);
  SY_CO_TRY(co_await socket->write(answer, limit));
  co_return about.speaker;
}

}  // namespace switchyard::net
