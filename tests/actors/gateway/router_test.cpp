#include "actors/gateway/router.hpp"

#include <doctest/doctest.h>

#include <string>

#include "actors/gateway/request_id.hpp"

using namespace troupe::gateway;

TEST_CASE("known paths find their route, and a wrong method what is allowed") {
  CHECK(find_route("POST", "/v1/chat/completions").target == route::chat_completions);
  CHECK(find_route("POST", "/v1/completions").method_fits);
  CHECK(find_route("HEAD", "/v1/models").method_fits);
  const routed wrong = find_route("DELETE", "/health");
  CHECK(wrong.target == route::health);
  CHECK_FALSE(wrong.method_fits);
  CHECK(wrong.allow == "GET, HEAD");
  CHECK(find_route("GET", "/v1/completions").allow == "POST");
  CHECK(find_route("GET", "/cluster").target == route::cluster);
  CHECK(find_route("GET", "/cluster").method_fits);
  CHECK(find_route("POST", "/cluster/drain").target == route::cluster_drain);
}

TEST_CASE("a model's name may hold slashes") {
  const routed found = find_route("GET", "/v1/models/Qwen/Qwen3-0.6B");
  CHECK(found.target == route::model);
  CHECK(found.argument == "Qwen/Qwen3-0.6B");
}

TEST_CASE("a response is found below its endpoint") {
  const routed chat = find_route("GET", "/v1/chat/completions/chatcmpl-1");
  CHECK(chat.target == route::resume_chat);
  CHECK(chat.argument == "chatcmpl-1");
  CHECK(chat.method_fits);
  CHECK(find_route("GET", "/v1/completions/cmpl-2").target == route::resume_completion);
  CHECK(find_route("GET", "/api/v1/services/aigc/text-generation/generation/req-3").target ==
        route::resume_dashscope);
  const routed wrong = find_route("POST", "/v1/completions/cmpl-2");
  CHECK_FALSE(wrong.method_fits);
  CHECK(wrong.allow == "GET");
  CHECK(find_route("GET", "/v1/completions/").target == route::unknown);
  CHECK(label(route::resume_chat) == "/v1/chat/completions/{id}");
}

TEST_CASE("a query's parameter is decoded, and may be missing") {
  CHECK(query_parameter("/p?a=1&starting_after=%31%32", "starting_after") == "12");
  CHECK(query_parameter("http://host/p?starting_after=7", "starting_after") == "7");
  CHECK(query_parameter("/p?starting_after", "starting_after") == "");
  CHECK_FALSE(query_parameter("/p?b=1", "starting_after"));
  CHECK_FALSE(query_parameter("*", "starting_after"));
}

TEST_CASE("unknown paths share one label") {
  for (const char* path : {"/", "/v1", "/v1/models/", "/health/", "/../etc/passwd", "other"}) {
    const routed found = find_route("GET", path);
    CHECK(found.target == route::unknown);
    CHECK(found.allow.empty());
  }
  CHECK(label(route::unknown) == "other");
  CHECK(label(route::model) == "/v1/models/{id}");
}

TEST_CASE("request targets give their decoded path") {
  std::string path;
  CHECK(decode_path("/v1/models/a%2Fb?x=1", path));
  CHECK(path == "/v1/models/a/b");
  CHECK(decode_path("http://example.com:80/health", path));
  CHECK(path == "/health");
  for (const char* bad : {"", "*", "health", "/a b", "/%zz", "/%2", "ftp://a/b", "example.com:80"})
    CHECK_FALSE(decode_path(bad, path));
}

TEST_CASE("a request keeps its own id where that is harmless") {
  CHECK(request_name("abc-1.2:3_X") == "abc-1.2:3_X");
  for (const std::string& bad : {std::string(), std::string("a b"), std::string("a\r\nb"),
                                 std::string(129, 'a'), std::string("é")}) {
    const std::string made = request_name(bad);
    CHECK(made.starts_with("req-"));
    CHECK(made.size() == 36);
  }
  CHECK(request_name("") != request_name(""));
}
