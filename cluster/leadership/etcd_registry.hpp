#pragma once

#include <boost/json/array.hpp>
#include <boost/json/value.hpp>
#include <chrono>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "cluster/leadership/registry.hpp"

namespace troupe {

/// A registry in etcd, over the JSON form of its v3 API (etcd.io/docs: "gRPC gateway").
///
/// Under `prefix` lie two keys: `term`, which stays and whose revision every claim is compared
/// with, and `leader`, which is bound to a lease and goes with it. A claim is one transaction: of
/// two supervisors that have seen the same, one gets the term.
class etcd_registry final : public leader_registry {
 public:
  struct settings {
    std::vector<std::string> endpoints;  ///< "http://host:port", tried in turn
    std::string prefix = "/troupe";      ///< of this cluster's keys, without a slash at its end
    std::chrono::seconds lifetime{2};    ///< of a claim that is not renewed
  };
  /// POSTs JSON to a path of an endpoint and brings the body of a 200 answer, within a bounded
  /// time; anything else is an error.
  using post = std::function<result<std::string>(const std::string& endpoint, std::string_view path,
                                                 std::string json)>;

  etcd_registry(settings s, post send) : settings_(std::move(s)), send_(std::move(send)) {}

  [[nodiscard]] result<registry_view> look() override;
  [[nodiscard]] result<leadership_claim> claim(const registry_view& seen,
                                               const std::string& name) override;
  [[nodiscard]] result<void> announce(leadership_claim& claim, const std::string& address) override;
  [[nodiscard]] result<void> renew(leadership_claim& claim) override;
  [[nodiscard]] result<void> resign(const leadership_claim& claim) override;

 private:
  [[nodiscard]] result<boost::json::value> call(std::string_view path,
                                                const boost::json::value& body);
  [[nodiscard]] result<std::int64_t> grant();
  void revoke(std::int64_t lease);
  /// Carries `changes` out where the term's key is as it was at `revision`: the revision then.
  /// stale_epoch: it is not.
  [[nodiscard]] result<std::int64_t> commit(std::int64_t revision, boost::json::array changes);
  [[nodiscard]] boost::json::value put_leader(const leader_record& record,
                                              std::int64_t lease) const;
  [[nodiscard]] std::string key(std::string_view name) const;

  settings settings_;
  post send_;
  std::size_t next_ = 0;  ///< the endpoint to try first
};

}  // namespace troupe
