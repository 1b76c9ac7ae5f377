#include "actors/gateway/multipart.hpp"

#include <doctest/doctest.h>

#include <string>

using namespace troupe;
using namespace troupe::gateway;

namespace {

constexpr const char* kind = "multipart/form-data; boundary=xyz";

std::string part(const std::string& header, const std::string& content) {
  return "--xyz\r\nContent-Disposition: " + header + "\r\n\r\n" + content + "\r\n";
}

bool refused(const std::string& body, const char* type = kind) {
  const auto form = parse_form(type, body);
  return !form && form.error().code == "invalid_form";
}

TEST_CASE("a form's fields and files are read as they are") {
  const std::string binary("a\r\n--xy\0z\r\n", 11);
  const std::string body = part("form-data; name=\"purpose\"", "batch") +
                           "--xyz\r\nContent-Type: text/plain\r\ncontent-disposition: FORM-DATA; "
                           "filename=\"a \\\"b%22.txt\"; name=file\r\n\r\n" +
                           binary + "\r\n" + part("form-data; name=empty", "") + "--xyz--\r\n";
  for (const char* type : {kind, "Multipart/Form-Data;charset=x; Boundary=\"xyz\""}) {
    const auto form = parse_form(type, body);
    REQUIRE(form);
    REQUIRE(form->size() == 3);
    CHECK((*form)[0].name == "purpose");
    CHECK((*form)[0].content == "batch");
    CHECK_FALSE((*form)[0].file_name);
    CHECK((*form)[1].name == "file");
    CHECK((*form)[1].file_name == "a \"b\".txt");
    CHECK((*form)[1].content == binary);
    CHECK((*form)[2].content.empty());
  }
}

TEST_CASE("a form without an end, a name or a boundary is none") {
  const std::string good = part("form-data; name=a", "b");
  CHECK_FALSE(refused(good + "--xyz--"));
  CHECK(refused(good));
  CHECK(refused(good + "--xyz"));
  CHECK(refused("--xyz\r\n\r\n"));
  CHECK(refused("x" + good + "--xyz--"));
  CHECK(refused(part("form-data", "b") + "--xyz--"));
  CHECK(refused(part("attachment; name=a", "b") + "--xyz--"));
  CHECK(refused(part("form-data; name=a; name=b", "b") + "--xyz--"));
  CHECK(refused(part("form-data; name=\"a", "b") + "--xyz--"));
  CHECK(refused(good + good + "--xyz--"));
  CHECK(refused(part("form-data; name=a\r\nContent-Transfer-Encoding: base64", "b") + "--xyz--"));
  CHECK(refused(part("form-data; name=" + std::string(9000, 'a'), "b") + "--xyz--"));
  std::string many;
  for (int i = 0; i < 17; ++i) many += part("form-data; name=a" + std::to_string(i), "b");
  CHECK(refused(many + "--xyz--"));
  for (const char* type :
       {"", "application/json", "multipart/form-data", "multipart/form-data; boundary=",
        "multipart/form-data; boundary=\"a\r\n\"", "multipart/form-data; boundary=x; boundary=xyz"})
    CHECK(refused(good + "--xyz--", type));
}

}  // namespace
