// runtime/net/secret.h -- the shared secret of a cluster, as a file that only its owner may read.
// Not the proof of knowing it (handshake.h). It is never printed and never in an argument list.
// Thread safety: distinct objects: safe; shared const objects: safe.
#pragma once

#include <string>

#include "runtime/base/error.h"
#include "runtime/base/view.h"

namespace switchyard::net {

class Secret {
 public:
  // No secret: only for controllers that listen on loopback.
  Secret() = default;
  explicit Secret(std::string text) : text_(std::move(text)) {}

  [[nodiscard]] bool empty() const noexcept { return text_.empty(); }
  [[nodiscard]] Bytes bytes() const noexcept {
    return {reinterpret_cast<const std::byte*>(text_.data()), text_.size()};
  }
  // Whether `text` is the secret; takes the same time wherever they differ.
  [[nodiscard]] bool matches(std::string_view text) const;

 private:
  std::string text_;
};

// The content of the file without spaces at its end: 16 bytes to 4 KiB.
// Errors: kNotFound, kIo; kConfig where group or others have any right to it or the size is wrong.
[[nodiscard]] Result<Secret> read_secret_file(const std::string& path);

// Writes a fresh random secret of 256 bits to a new file with mode 0600. Errors: kIo, also where
// the file is there already.
[[nodiscard]] Result<Secret> make_secret_file(const std::string& path);

// The secret of the file; a fresh one where the file is not there yet. Errors: as of the two.
[[nodiscard]] Result<Secret> read_or_make_secret_file(const std::string& path);

}  // namespace switchyard::net
