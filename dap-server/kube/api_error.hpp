// What an API server's refusal means for people: its Status object as an Error, and the RBAC rule that a
// request needs. Pure; any thread.
//
// Errors carry an errno, so that callers can tell kinds apart without reading text:
//   400, 422 EINVAL   401 EPERM   403 EACCES   404 ENOENT   409 AlreadyExists EEXIST, else EBUSY   410 ESTALE
//   405, 415, 501 ENOTSUP   429 EAGAIN   other EIO
// Where a request got no answer of the server's, the code is none of 0, EACCES and ENOENT: whoever sees one
// of those may rely on it.
#pragma once

#include <string>

#include "protocol/result.hpp"

namespace inpod::kube {

/// One rule as RBAC sees a request.
/// https://kubernetes.io/docs/reference/access-authn-authz/authorization/#determine-the-request-verb
struct AccessRule {
  std::string verb;        ///< get, list, watch, create, update, patch, delete, deletecollection
  std::string api_group;   ///< empty: the core group
  std::string resource;    ///< "pods", "pods/attach"
  std::string namespace_;  ///< empty: of the whole cluster
  bool operator==(const AccessRule&) const = default;
};

/// method: of HTTP. path: of the URL, with its query. Paths that are no resource ("/version") have an empty
/// resource.
AccessRule rule_of(const std::string& method, const std::string& path);

/// "- {apiGroups: [""], resources: ["pods"], verbs: ["list"]}": a line for a Role's rules.
std::string rule_yaml(const AccessRule& rule);

/// What to ask for, in words and as the line: "ask for this rule in a Role of namespace "shop":\n    - {…}".
std::string rule_remedy(const AccessRule& rule);

/// The error of an answer with this HTTP status. body: a Status object, or anything.
Error api_error(const std::string& method, const std::string& path, long status, const std::string& body);

/// Whether it is a right that the user lacks. Quotas and admission refuse with 403 (EACCES), too, but not in
/// the authorizer's words.
bool lacks_right(const Error& error);

/// One percent-encoded component of a path or query (RFC 3986 unreserved characters stay).
std::string escape(const std::string& text);

}  // namespace inpod::kube
