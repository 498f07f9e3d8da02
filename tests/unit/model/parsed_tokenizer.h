// tests/unit/model/parsed_tokenizer.h -- the tokenizer of a document that is sound; a failure of
// the test and null where it is not. For tests only.
#pragma once

#include <gtest/gtest.h>

#include <memory>
#include <nlohmann/json.hpp>

#include "runtime/model/tokenizer.h"

namespace switchyard::model {

inline std::unique_ptr<Tokenizer> parsed(const nlohmann::json& document) {
  auto tokenizer = Tokenizer::parse(document.dump(), "t.json");
  if (!tokenizer) {
    ADD_FAILURE() << tokenizer.error().message;
    return nullptr;
  }
  return *std::move(tokenizer);
}

}  // namespace switchyard::model
