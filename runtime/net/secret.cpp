#include "runtime/net/secret.h"

#include <fcntl.h>
#include <openssl/crypto.h>
#include <openssl/rand.h>
#include <openssl/sha.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>

#include "runtime/base/check.h"

namespace switchyard::net {
namespace {

constexpr std::size_t kSecretBytesMin = 16;
constexpr std::size_t kSecretBytesMax = 4096;
constexpr std::size_t kFreshBytes = 32;

class File {
 public:
  explicit File(int descriptor) : descriptor_(descriptor) {}
  File(const File&) = delete;
  File& operator=(const File&) = delete;
  ~File() {
    if (descriptor_ >= 0) ::close(descriptor_);
  }
  [[nodiscard]] int get() const noexcept { return descriptor_; }

 private:
  int descriptor_;
};

std::array<unsigned char, SHA256_DIGEST_LENGTH> digest(std::string_view text) {
  std::array<unsigned char, SHA256_DIGEST_LENGTH> out{};
  SHA256(reinterpret_cast<const unsigned char*>(text.data()), text.size(), out.data());
  return out;
}

}  // namespace

bool Secret::matches(std::string_view text) const {
  const auto mine = digest(text_);
  const auto theirs = digest(text);
  return CRYPTO_memcmp(mine.data(), theirs.data(), mine.size()) == 0 && !text_.empty();
}

Result<Secret> read_secret_file(const std::string& path) {
  const File file(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW));
  if (file.get() < 0) {
    const int reason = errno;
    return fail(reason == ENOENT ? ErrorCode::kNotFound : ErrorCode::kIo, "secret file {}: {}",
                path, std::strerror(reason));
  }
  struct stat about {};
  if (::fstat(file.get(), &about) != 0 || !S_ISREG(about.st_mode)) {
    return fail(ErrorCode::kIo, "secret file {}: not a regular file", path);
  }
  if ((about.st_mode & (S_IRWXG | S_IRWXO)) != 0) {
    return fail(ErrorCode::kConfig, "secret file {}: others may read or write it; chmod 600 {}",
                path, path);
  }
  std::string text(kSecretBytesMax + 1, '\0');
  const auto got = ::read(file.get(), text.data(), text.size());
  if (got < 0) return fail(ErrorCode::kIo, "secret file {}: {}", path, std::strerror(errno));
  text.resize(static_cast<std::size_t>(got));
  text.erase(text.find_last_not_of(" \t\r\n") + 1);
  if (text.size() < kSecretBytesMin || text.size() > kSecretBytesMax) {
    return fail(ErrorCode::kConfig, "secret file {}: {} bytes; a secret has {} to {}", path,
                text.size(), kSecretBytesMin, kSecretBytesMax);
  }
  return Secret(std::move(text));
}

Result<Secret> make_secret_file(const std::string& path) {
  std::array<unsigned char, kFreshBytes> fresh{};
  SY_CHECK(RAND_bytes(fresh.data(), static_cast<int>(fresh.size())) == 1, "no randomness");
  std::string text;
  for (const unsigned char byte : fresh) text += fmt::format("{:02x}", byte);
  const File file(::open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW,
                         S_IRUSR | S_IWUSR));
  if (file.get() < 0 ||
      ::write(file.get(), text.data(), text.size()) != static_cast<ssize_t>(text.size())) {
    return fail(ErrorCode::kIo, "secret file {}: {}", path, std::strerror(errno));
  }
  return Secret(std::move(text));
}

Result<Secret> read_or_make_secret_file(const std::string& path) {
  auto secret = read_secret_file(path);
  if (secret || secret.error().code != ErrorCode::kNotFound) return secret;
  return make_secret_file(path);
}

}  // namespace switchyard::net
