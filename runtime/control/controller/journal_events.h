// runtime/control/controller/journal_events.h -- the names of the Events that the controller writes
// to its journal for whoever comes after it (journal_record.h says what each is for). Not the
// events that people are told (event_kinds.h). Thread safety: constants.
#pragma once

#include <string_view>

namespace switchyard::control {

// `number`: an epoch that a rank has told of.
constexpr std::string_view kEpochHeardOf = "epoch_heard_of";
// `number`: the targets, of expert ranks in the upper half, of routers below.
constexpr std::string_view kWishGivenUp = "wish_given_up";
constexpr std::string_view kSpawnEvent = "rank_spawn";
constexpr std::string_view kSpawnFailed = "spawn_failed";
// After the Command that it belongs to: the rank is one of those that go.
constexpr std::string_view kDrainChosen = "drain_chosen";
constexpr std::string_view kDrainTakenBack = "drain_taken_back";
// `number`: the request.
constexpr std::string_view kRequestTakenBack = "request_taken_back";
// `number`: the copies that are wanted again.
constexpr std::string_view kReplicasTakenBack = "replicas_taken_back";
constexpr std::string_view kReplicasDone = "replicas_done";
// `number`: the MovesFor and the MoveState, with the texts of a MoveNote.
constexpr std::string_view kMovesBegun = "moves_begun";
constexpr std::string_view kMovesEnded = "moves_ended";

}  // namespace switchyard::control
