#include "runtime/storage/postgres.hpp"

#include <libpq-fe.h>
#include <poll.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <utility>
#include <vector>

#include "runtime/base/freed_by.hpp"

namespace troupe::postgres {
namespace {

constexpr const char* connect_seconds = "5";
constexpr std::array<std::string_view, 2> schemes{"postgresql://", "postgres://"};
constexpr std::array<std::string_view, 2> secrets{"password", "sslpassword"};

/// libpq's messages have a line a host, and hints.
std::string one_line(std::string_view text) {
  std::string out;
  for (const char c : text) {
    if (c == '\n') {
      out += "; ";
    } else if (c != '\t' && c != '\r') {
      out += c;
    }
  }
  while (!out.empty() && (out.back() == ' ' || out.back() == ';')) out.pop_back();
  return out;
}

std::string_view or_empty(const char* text) { return text == nullptr ? "" : text; }

/// By SQLSTATE; its first two characters are a class.
errc to_errc(std::string_view state) {
  const std::string_view of = state.substr(0, 2);
  // Connections, transactions rolled back, resources, an operator's doing, the system's errors.
  constexpr std::array<std::string_view, 5> passing{"08", "40", "53", "57", "58"};
  if (std::find(passing.begin(), passing.end(), of) != passing.end()) return errc::unavailable;
  // A lock that is held, and a server that only follows another one.
  if (state == "55P03" || state == "25006") return errc::unavailable;
  if (state == "23505") return errc::already_exists;
  if (of == "22" || of == "23") return errc::invalid_argument;
  if (of == "28" || state == "42501") return errc::io_error;
  if (state == "42P01") return errc::not_found;
  return errc::internal;
}

tl::unexpected<error> failure(const PGresult* of) {
  const std::string_view state = or_empty(PQresultErrorField(of, PG_DIAG_SQLSTATE));
  std::string message = one_line(or_empty(PQresultErrorField(of, PG_DIAG_MESSAGE_PRIMARY)));
  if (message.empty()) message = one_line(PQresultErrorMessage(of));
  // Without a state, it is libpq's own: the connection broke.
  return fail(error(state.empty() ? errc::unavailable : to_errc(state), std::move(message)));
}

}  // namespace

bool is_address(std::string_view text) {
  return std::any_of(schemes.begin(), schemes.end(),
                     [text](std::string_view scheme) { return text.starts_with(scheme); });
}

result<void> check_address(const std::string& address) {
  if (!is_address(address)) return fail(errc::invalid_argument, "not an address of PostgreSQL");
  const std::unique_ptr<PQconninfoOption, freed_by<PQconninfoFree>> options(
      PQconninfoParse(address.c_str(), nullptr));
  if (!options)
    return fail(errc::invalid_argument,
                "not an address that PostgreSQL knows, such as postgresql://troupe@host/base");
  for (const PQconninfoOption* o = options.get(); o->keyword != nullptr; ++o)
    if (o->val != nullptr && std::find(secrets.begin(), secrets.end(), o->keyword) != secrets.end())
      return fail(errc::invalid_argument,
                  "the address holds a password, and addresses are shown; put it into a file "
                  "(passfile=FILE in the address, PGPASSFILE or ~/.pgpass) or into PGPASSWORD");
  return {};
}

void rows::clear::operator()(pg_result* r) const { PQclear(r); }
int rows::count() const { return PQntuples(handle_.get()); }
bool rows::is_null(int row, int column) const {
  return PQgetisnull(handle_.get(), row, column) != 0;
}
std::string_view rows::text(int row, int column) const {
  return {PQgetvalue(handle_.get(), row, column),
          static_cast<std::size_t>(PQgetlength(handle_.get(), row, column))};
}

void connection::finish::operator()(pg_conn* c) const { PQfinish(c); }

result<connection> connection::open(const std::string& address) {
  if (auto good = check_address(address); !good) return fail(std::move(good.error()));
  // What comes later counts: an address cannot ask for a longer wait.
  constexpr std::array<const char*, 4> names{"fallback_application_name", "dbname",
                                             "connect_timeout", nullptr};
  const std::array<const char*, 4> values{"troupe", address.c_str(), connect_seconds, nullptr};
  connection out(PQconnectdbParams(names.data(), values.data(), 1));
  if (!out.handle_) return fail(errc::out_of_memory, "no memory for a connection");
  if (PQstatus(out.handle_.get()) != CONNECTION_OK) return out.lost();
  PQsetNoticeReceiver(
      out.handle_.get(), [](void*, const PGresult*) {}, nullptr);
  if (PQsetnonblocking(out.handle_.get(), 1) != 0) return out.lost();
  return out;
}

tl::unexpected<error> connection::lost() {
  std::string why = one_line(PQerrorMessage(handle_.get()));
  if (why.empty()) why = "the connection is lost";
  handle_.reset();
  return fail(error(errc::unavailable, std::move(why)));
}

result<void> connection::wait(short events, time until) {
  using std::chrono::milliseconds;
  constexpr milliseconds longest{60'000};
  for (;;) {
    const auto left = std::chrono::ceil<milliseconds>(until - std::chrono::steady_clock::now());
    if (left <= milliseconds(0)) {
      handle_.reset();
      return fail(errc::unavailable, "the server has not answered in time");
    }
    pollfd socket{PQsocket(handle_.get()), events, 0};
    const int ready = ::poll(&socket, 1, static_cast<int>(std::min(left, longest).count()));
    if (ready > 0) return {};
    if (ready < 0 && errno != EINTR) return lost();
  }
}

result<void> connection::send(const std::string& sql, std::span<const parameter> values,
                              time until) {
  std::vector<const char*> texts;
  texts.reserve(values.size());
  for (const parameter& v : values) texts.push_back(v ? v->c_str() : nullptr);
  if (PQsendQueryParams(handle_.get(), sql.c_str(), static_cast<int>(texts.size()), nullptr,
                        texts.data(), nullptr, nullptr, 0) == 0)
    return lost();
  for (;;) {
    const int left = PQflush(handle_.get());
    if (left == 0) return {};
    if (left < 0) return lost();
    if (auto ready = wait(POLLIN | POLLOUT, until); !ready) return ready;
    if (PQconsumeInput(handle_.get()) == 0) return lost();
  }
}

result<rows> connection::receive(time until) {
  rows last(nullptr);
  for (;;) {
    while (PQisBusy(handle_.get()) != 0) {
      if (auto ready = wait(POLLIN, until); !ready) return fail(std::move(ready.error()));
      if (PQconsumeInput(handle_.get()) == 0) return lost();
    }
    rows next(PQgetResult(handle_.get()));
    if (!next.handle_) break;
    last = std::move(next);
  }
  if (!last.handle_) return lost();
  const ExecStatusType status = PQresultStatus(last.handle_.get());
  if (status == PGRES_COMMAND_OK || status == PGRES_TUPLES_OK) return last;
  auto why = failure(last.handle_.get());
  if (PQstatus(handle_.get()) != CONNECTION_OK) handle_.reset();
  return why;
}

result<rows> connection::run(const std::string& sql, std::span<const parameter> values,
                             time until) {
  if (!handle_) return fail(errc::unavailable, "the connection is closed");
  if (auto sent = send(sql, values, until); !sent) return fail(std::move(sent.error()));
  return receive(until);
}

}  // namespace troupe::postgres
