// Finding, creating and judging the ConfigMap.
#include "kube/loader.hpp"

#include <openssl/sha.h>

#include <array>

#include "kube/fields.hpp"
#include "kube/manifest.hpp"
#include "protocol/base64.hpp"
#include "protocol/little_endian.hpp"
#include "start/loader/loader_program.hpp"

namespace inpod::kube {
namespace {

using Digest = std::array<std::uint8_t, SHA256_DIGEST_LENGTH>;

Digest digest_of(std::string_view bytes) {
  Digest digest;
  SHA256(reinterpret_cast<const unsigned char*>(bytes.data()), bytes.size(), digest.data());
  return digest;
}

const std::string& encoded_program() {
  static const std::string encoded = encode_base64(agent::loader_program());
  return encoded;
}

}  // namespace

const std::string& loader_name() {
  static const std::string name = [] {
    std::string made = "inpod-loader-";
    const auto digest = digest_of(agent::loader_program());
    for (std::size_t i = 0; i < 8; ++i) {
      made += "0123456789abcdef"[digest[i] >> 4];
      made += "0123456789abcdef"[digest[i] & 15];
    }
    return made;
  }();
  return name;
}

json loader_manifest(const std::string& namespace_) {
  return json{
      {"apiVersion", "v1"},
      {"kind", "ConfigMap"},
      {"metadata",
       {{"name", loader_name()}, {"namespace", namespace_}, {"labels", {{managed_by_label, "inpod"}}}}},
      {"immutable", true},
      {"binaryData", {{loader_file, encoded_program()}}}};
}

Result<std::string> judge_loader(const json& config_map) {
  const auto uid = text(config_map, {"metadata", "uid"});
  const bool same = text(config_map, {"binaryData", loader_file}) == encoded_program();
  if (same && flag(config_map, {"immutable"}) && !uid.empty()) return uid;
  const auto name = loader_name(), space = text(config_map, {"metadata", "namespace"});
  return Failed(Error{
      EEXIST,
      "ConfigMap " + name + " in namespace " + space +
          (same ? " can be changed: inpod's own is immutable"
                : " holds another program than inpod's loader, which would run with the agent's rights"),
      "somebody put it there: `kubectl get configmap " + name + " -n " + space +
          " -o yaml --show-managed-fields` tells who; then `kubectl delete configmap " + name + " -n " +
          space + "`, and inpod makes its own"});
}

Task<Result<std::string>> place_loader(std::shared_ptr<Client> client, std::string namespace_) {
  const auto all = resource_path("v1", namespace_, "configmaps");
  const auto own = resource_path("v1", namespace_, "configmaps", loader_name());
  constexpr int attempts = 3;  // another launch may create it, a clean-up delete it, between two requests
  for (int attempt = 0; attempt < attempts; ++attempt) {
    auto found = co_await client->get(own);
    if (found) co_return judge_loader(*found);
    if (found.error().code != ENOENT)
      co_return Failed(found.error().context("cannot look for the agent's loader"));
    auto made = co_await client->post(all, loader_manifest(namespace_));
    if (made) co_return judge_loader(*made);
    if (made.error().code != EEXIST) {
      auto error = made.error().context("cannot create the ConfigMap of the agent's loader");
      if (error.code == EACCES && error.remedy.empty())
        error.remedy = "let the namespace admit one more ConfigMap (kubectl describe resourcequota -n " +
                       namespace_ + "), or set agent.namespace to another one";
      co_return Failed(std::move(error));
    }
  }
  co_return fail("ConfigMap " + loader_name() + " in namespace " + namespace_ + " is deleted again and again",
                 "is something in the cluster removing it?");
}

Task<Result<void>> check_loader(std::shared_ptr<Client> client, std::string namespace_, std::string uid) {
  const auto path = resource_path("v1", namespace_, "configmaps", loader_name());
  auto now = co_await client->get(path);
  if (!now && now.error().code != ENOENT)
    co_return Failed(now.error().context("cannot look again for the agent's loader"));
  const auto judged = now ? judge_loader(*now) : Result<std::string>(std::string());
  if (judged && *judged == uid) co_return Result<void>();
  co_return Failed(Error{
      ESTALE,
      "ConfigMap " + loader_name() + " in namespace " + namespace_ +
          " was deleted or replaced while the agent started: another program may have run in its place",
      judged ? "launch again, unless you don't know who did it: whoever may write ConfigMaps there could "
               "run programs with the agent's rights (docs/rbac.md)"
             : judged.error().remedy});
}

std::string loader_input(const std::string& executable) {
  std::array<std::uint8_t, 8> length;
  protocol::store_little_endian<std::uint64_t>(length.data(), executable.size());
  const auto digest = digest_of(executable);
  std::string input(length.begin(), length.end());
  input.append(digest.begin(), digest.end());
  return input + executable;
}

}  // namespace inpod::kube
