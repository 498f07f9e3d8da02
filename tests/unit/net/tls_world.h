// tests/unit/net/tls_world.h -- what tests of TLS have in common: a folder with an authority.
// Thread safety: the test's thread.
#pragma once

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>

#include "runtime/net/client.h"
#include "tests/unit/net/fake_brain.h"
#include "tests/unit/net/test_certificates.h"

namespace switchyard::net {

class TlsWorld : public ::testing::Test {
 protected:
  static constexpr std::chrono::seconds kPatience{10};
  const Secret kSecret{"a secret of this test alone"};

  TlsWorld() : folder_(make_folder()), authority_(folder_, "ca") {}
  ~TlsWorld() override { std::filesystem::remove_all(folder_); }

  [[nodiscard]] static std::shared_ptr<TlsIdentity> open(const TlsFiles& files) {
    auto opened = TlsIdentity::open(files);
    SY_CHECK(opened.has_value(), "{}", opened.error().message);
    return *std::move(opened);
  }
  [[nodiscard]] ServerOptions server_options(const TlsFiles& files) const {
    ServerOptions options;
    options.secret = kSecret;
    options.tls = open(files);
    return options;
  }
  std::string write(const std::string& name, const std::string& text) const {
    const std::string path = folder_ + "/" + name;
    std::ofstream(path) << text;
    return path;
  }

  std::string folder_;
  tests::TestAuthority authority_;

 private:
  static std::string make_folder() {
    std::string name = ::testing::TempDir() + "tls_" +
                       ::testing::UnitTest::GetInstance()->current_test_info()->name();
    std::filesystem::remove_all(name);
    std::filesystem::create_directories(name);
    return name;
  }
};

}  // namespace switchyard::net
